package serve

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func settingsOf(t *testing.T, args ...string) (*Settings, error) {
	t.Helper()
	set := flag.NewFlagSet("serve", flag.ContinueOnError)
	s := NewSettings(set)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	return s, s.Load(func(string) (string, bool) { return "", false })
}

// TestDatabaseIsNamed: what names no database is refused with what does, and no
// password is in what is said.
func TestDatabaseIsNamed(t *testing.T) {
	for db, want := range map[string]string{
		"app.db": "", "/var/lib/app.db": "", "./odd:name.db": "", "folder/a:b": "", `C:\app.db`: "", "a.b:c": "",
		"postgres://localhost/app": "", "postgresql://app@db.example:6000/app?sslmode=require": "", "postgres:///app?host=/run/postgresql": "",
		"postgres://a,b/app":                        "",
		"postgres:app":                              "has no // behind it",
		"postgresql:/app":                           "has no // behind it",
		"postgres://app:hunter2%@localhost/app":     "not well formed",
		"postgres://app:hunter2 x@local host:a/app": "not well formed",
		"mysql://root:hunter2@localhost/app":        "mysql is not supported yet",
		"mariadb://localhost/app":                   "mariadb is not supported yet",
		"mongodb://root:hunter2@localhost/app":      `kind "mongodb" is not known`,
		"sqlite:///var/lib/app.db":                  "--db var/lib/app.db",
		"file:app.db":                               "--db app.db",
	} {
		_, err := settingsOf(t, "--db", db)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", db, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v; want %s", db, err, want)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("the password is in %v", err)
		}
	}
}

// TestOfOneKindOnly: what is said of PostgreSQL is not silently nothing to SQLite.
func TestOfOneKindOnly(t *testing.T) {
	config := filepath.Join(t.TempDir(), "wakeful.yaml")
	if err := os.WriteFile(config, []byte("db: app.db\nrole: {anonymous: web}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--db", "app.db", "--name", "x"}, "--name is for PostgreSQL"},
		{[]string{"--db", "app.db", "--db-password-file", "x"}, "--db-password-file is for PostgreSQL"},
		{[]string{"--config", config}, "line 2: role: SQLite has no roles"},
		{[]string{"--db", "postgres://a:b@c/d", "--db-password-file", "x"}, "give one"},
	} {
		if _, err := settingsOf(t, tt.args...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v; want %s", tt.args, err, tt.want)
		}
	}
}

// TestSecretsAreShownToNobody: neither in a name nor in an error.
func TestSecretsAreShownToNobody(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("p@ss w/rd\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args            []string
		url, shown, err string // err: what a driver may say
	}{
		{[]string{"--db", "postgres://app@db/x"}, "postgres://app@db/x", "postgres://app@db/x", "cannot connect to app@db"},
		{[]string{"--db", "postgres://app@db/x", "--db-password-file", file}, "postgres://app:p%40ss%20w%2Frd@db/x", "postgres://app@db/x", "postgres://app:p%40ss%20w%2Frd@db/x or app:p@ss w/rd@db"},
		{
			[]string{"--db", "postgres://app:hush@db:1/x?sslmode=require&password=h%2Bsh&sslpassword=hush"},
			"postgres://app:hush@db:1/x?sslmode=require&password=h%2Bsh&sslpassword=hush", "postgres://app@db:1/x?sslmode=require",
			"app:hush@db password=h+sh password=h%2Bsh sslpassword=hush",
		},
		{[]string{"--db", "postgres:///x?host=/run/pg"}, "postgres:///x?host=/run/pg", "postgres:///x?host=%2Frun%2Fpg", ""},
	} {
		s, err := settingsOf(t, tt.args...)
		if err != nil {
			t.Fatal(err)
		}
		address, secrets, err := s.databaseURL()
		if err != nil || address != tt.url || s.Database() != tt.shown {
			t.Errorf("%q: %q, shown as %q, %v; want %q, %q", tt.args, address, s.Database(), err, tt.url, tt.shown)
		}
		cause := errors.New(tt.err)
		told := tell(cause, secrets)
		for _, secret := range []string{"hush", "h+sh", "h%2Bsh", "p@ss", "p%40ss"} {
			if strings.Contains(told.Error(), secret) {
				t.Errorf("%q: %s is in %q", tt.args, secret, told)
			}
		}
		if !errors.Is(told, cause) {
			t.Errorf("%v is lost", cause)
		}
	}
	var printed strings.Builder
	s, err := settingsOf(t, "--db", "postgres://app:hush@db/x?password=hush")
	if err != nil {
		t.Fatal(err)
	}
	s.Print(&printed)
	if !strings.Contains(printed.String(), `db: "postgres://app@db/x" # --db, without its password`) || strings.Contains(printed.String(), "hush") {
		t.Errorf("printed: %s", printed.String())
	}
}

// TestPasswordFile: what is no password is said.
func TestPasswordFile(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ db, file, want string }{
		{"postgres://app@db/x", filepath.Join(t.TempDir(), "none"), "--db-password-file"},
		{"postgres://app@db/x", empty, "is empty"},
		{"postgres://db/x", os.DevNull, "is empty"},
	} {
		s, err := settingsOf(t, "--db", tt.db, "--db-password-file", tt.file)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.databaseURL(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}
