package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestServeRefuses lists what cannot be meant, and what is said of it.
func TestServeRefuses(t *testing.T) {
	file, _ := board(t)
	dir := t.TempDir()
	text := put(t, filepath.Join(dir, "text.txt"), "this is no database at all")
	config := 0
	yaml := func(text string) string {
		config++
		return put(t, filepath.Join(dir, fmt.Sprintf("%d.yaml", config)), text)
	}
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{nil, 1, "which database?"},
		{[]string{"--db", filepath.Join(dir, "none.db")}, 1, "there is no file"},
		{[]string{"--db", dir}, 1, "is a folder"},
		{[]string{"--db", text}, 1, "sqlite"},
		{[]string{"--db", "postgres:app"}, 1, "postgres://user@host/name"},
		{[]string{"--db", "mysql://localhost/app"}, 1, "mysql is not supported yet"},
		{[]string{"--db", "mongodb://localhost/app"}, 1, "SQLite"},
		{[]string{"--db", file, "--name", "x"}, 1, "--name is for PostgreSQL"},
		{[]string{"--db", file, "--listen", ":0"}, 1, "--insecure"},
		{[]string{"--db", file, "--listen", "0.0.0.0:0"}, 1, "nobody has to sign in"},
		{[]string{"--db", file, "--listen", "8080"}, 1, "an address with a port"},
		{[]string{"--db", file, "--listen", "127.0.0.1:http"}, 1, "no port"},
		{[]string{"--db", file, "--operator", ":0"}, 1, "WAKEFUL_OPERATOR_TOKEN"},
		{[]string{"--db", file, "--origin", "app.example.org"}, 1, "https://app.example.org"},
		{[]string{"--db", file, "--origin", "https://app.example.org/path"}, 1, "--origin"},
		{[]string{"--db", file, "--base-path", "/a//b"}, 1, "--base-path"},
		{[]string{"--db", file, "--trusted-proxy", "proxy.local"}, 2, "an address or a network"},
		{[]string{"--db", file, "--tls-cert", "cert.pem"}, 1, "belong together"},
		{[]string{"--db", file, "--tls-cert", text, "--tls-key", text}, 1, "TLS"},
		{[]string{"--db", file, "--auth-header", "X-User"}, 1, "--trusted-proxy"},
		{[]string{"--db", file, "--jwt-secret-file", text}, 1, "32"},
		{[]string{"--db", file, "--jwks", "http://keys.example/"}, 1, "https"},
		{[]string{"--db", file, "--jwt-issuer", "x"}, 1, "no key"},
		{append([]string{"--db", file}, secured(t, "db: x")...), 1, "no rule says what they may do"},
		{[]string{"--db", file, "--jwks", ""}, 1, "jwks is empty (--jwks)"},
		{[]string{"--db", file, "--jwt-audience", ""}, 1, "jwt_audience is empty"},
		{[]string{"--db", file, "--config", yaml("jwt_secret: ''")}, 1, "jwt_secret is empty"},
		{[]string{"--db", file, "--recheck", "soon"}, 2, "30s"},
		{[]string{"--db", file, "--recheck", "-1s"}, 1, "above 0"},
		{[]string{"--db", file, "--memory", "much"}, 2, "512MiB"},
		{[]string{"--db", file, "--log-level", "loud"}, 2, "debug, info"},
		{[]string{"--db", file, "--colour"}, 2, "-colour"},
		{[]string{"--db", file, "more"}, 2, `unexpected "more"`},
		{[]string{"--db", file, "--config", filepath.Join(dir, "none.yaml")}, 1, "--config"},
		{[]string{"--config", yaml("db: [a, b]")}, 1, "line 1: db: want one value"},
		{[]string{"--config", yaml("dbb: x")}, 1, `line 1: unknown key "dbb"; there are auth_claim`},
		{[]string{"--db", file, "--config", yaml("recheck: soon")}, 1, "line 1: recheck"},
		{[]string{"--db", file, "--config", yaml("tables:\n  postz: {read: public}")}, 1, "line 2: tables.postz: there is no table"},
		{[]string{"--db", file, "--config", yaml("tables:\n  posts:\n    hidden: [secrets]")}, 1, `line 3: tables.posts.hidden: posts has no column "secrets"`},
		{[]string{"--db", file, "--config", yaml("tables:\n  posts:\n    read: owner = claims.sub")}, 1, "line 3: tables.posts.read"},
		{[]string{"--db", file, "--config", yaml("a: [b\nc: d")}, 1, "line 1"},
		{[]string{"--db", file, "--config", yaml("\x00\x01")}, 1, "yaml"},
	} {
		var out, log bytes.Buffer
		status := run(t.Context(), append([]string{"serve"}, tt.args...), &out, &log)
		if status != tt.status || !strings.Contains(log.String(), tt.want) {
			t.Errorf("serve %q: %d, want %d\n%s\nwant %s", tt.args, status, tt.status, log.String(), tt.want)
		}
	}
}

// TestServeSettings: a flag counts before the environment, that before the file.
func TestServeSettings(t *testing.T) {
	file := put(t, filepath.Join(t.TempDir(), "wakeful.yaml"), `
db: of-file.db
listen: 127.0.0.1:1111
origin: [https://a.example, https://b.example]
recheck: 5s
memory: 64MiB
auth_claim: [role=X-Role]
jwt_secret: of the file, and thirty-two bytes long
jwks: https://me:thirty-two@keys.example/
`)
	t.Setenv("WAKEFUL_CONFIG", file)
	t.Setenv("WAKEFUL_LISTEN", "127.0.0.1:2222")
	t.Setenv("WAKEFUL_ORIGIN", "https://c.example, https://d.example")
	t.Setenv("WAKEFUL_RECHECK", "6s")
	var out, log bytes.Buffer
	if status := run(t.Context(), []string{"serve", "--print-config", "--recheck", "7s"}, &out, &log); status != 0 {
		t.Fatalf("%d: %s", status, log.String())
	}
	for _, line := range []string{
		`db: "of-file.db" # ` + file + ", line 2\n",
		`listen: "127.0.0.1:2222" # WAKEFUL_LISTEN` + "\n",
		`origin: ["https://c.example", "https://d.example"] # WAKEFUL_ORIGIN` + "\n",
		`recheck: "7s" # --recheck` + "\n",
		`memory: "64MiB" # `,
		`auth_claim: ["role=X-Role"]`,
		`drain: "3s" # default` + "\n",
		"# jwt_secret: is set, by " + file,
		"# jwks: is set, by " + file,
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("settings lack %q:\n%s", line, out.String())
		}
	}
	if strings.Contains(out.String(), "thirty-two") {
		t.Errorf("a secret is shown: %s", out.String())
	}
	// What is printed can be read again.
	again := put(t, filepath.Join(t.TempDir(), "again.yaml"), out.String())
	for _, name := range []string{"WAKEFUL_LISTEN", "WAKEFUL_ORIGIN", "WAKEFUL_RECHECK"} {
		os.Unsetenv(name)
	}
	var second bytes.Buffer
	if status := run(t.Context(), []string{"serve", "--print-config", "--config", again}, &second, &log); status != 0 {
		t.Fatalf("%d: %s", status, log.String())
	}
	if !strings.Contains(second.String(), `listen: "127.0.0.1:2222"`) || !strings.Contains(second.String(), `recheck: "7s"`) {
		t.Errorf("read again: %s", second.String())
	}
}

// TestCheck: what is missing is listed with what is to be done, and nothing is
// altered.
func TestCheck(t *testing.T) {
	file, db := board(t)
	check := func(want int, args ...string) string {
		t.Helper()
		var out, log bytes.Buffer
		if status := run(t.Context(), append([]string{"check", "--db", file}, args...), &out, &log); status != want {
			t.Errorf("check %v: %d, want %d\n%s%s", args, status, want, out.String(), log.String())
		}
		return out.String() + log.String()
	}
	said := check(1)
	for _, part := range []string{"MISSING  notes cannot be followed", "PRIMARY KEY", "MISSING  best cannot be followed", "key: [...]", "there are no rules", "2 missing"} {
		if !strings.Contains(said, part) {
			t.Errorf("check lacks %q:\n%s", part, said)
		}
	}
	rules := put(t, filepath.Join(t.TempDir(), "wakeful.yaml"), "default: {read: public}\ntables: {best: {key: [id]}, notes: {read: nobody}}")
	if said := check(0, "--config", rules); !strings.Contains(said, "nothing is missing") || !strings.Contains(said, "best is served and can be followed") {
		t.Errorf("with rules: %s", said)
	}
	bad := put(t, filepath.Join(t.TempDir(), "bad.yaml"), "tables:\n  postz: {read: public}\n  posts: {read: public, hidden: [x]}")
	for _, part := range []string{"rules name nothing: line 2", "posts is not served: line 3"} {
		if said := check(1, "--config", bad); !strings.Contains(said, part) {
			t.Errorf("check of bad rules lacks %q:\n%s", part, said)
		}
	}
	// A file that is not in WAL mode stays as it is.
	if _, err := db.ExecContext(t.Context(), "VACUUM INTO ?", file+".copy"); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(file + ".copy")
	if err != nil {
		t.Fatal(err)
	}
	file += ".copy"
	if said := check(1); !strings.Contains(said, "not WAL") || !strings.Contains(said, "posts is served") {
		t.Errorf("without WAL: %s", said)
	}
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
		t.Errorf("check has altered the file: %v", err)
	}
	file = put(t, filepath.Join(t.TempDir(), "text"), "no database")
	if said := check(1); !strings.Contains(said, "no SQLite database") {
		t.Errorf("no database: %s", said)
	}
}
