package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTypesOfAServer: a server's own document gives its tables as types, and a
// file that is the same already is left alone.
func TestTypesOfAServer(t *testing.T) {
	file, other := board(t)
	execute(t, other, `CREATE TABLE "odd table's ""x""" (id INTEGER PRIMARY KEY, "class" TEXT, "two words" TEXT)`)
	s := startServe(t, "--db", file)
	out := filepath.Join(t.TempDir(), "api.ts")
	var stderr bytes.Buffer
	for range 2 {
		if code := run(t.Context(), []string{"types", "--url", s.url, "-o", out}, &stderr, &stderr); code != 0 {
			t.Fatalf("status %d: %s", code, stderr.String())
		}
		if err := os.Chmod(out, 0o400); err != nil { // the second time it is not written
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"export interface Posts {\n\tid: number;\n\ttitle: string;\n\towner_id: string;\n\tsecret: string | null;\n\tteam_id: number | null;\n\tscore: number;\n}",
		"\t'/api/posts': {\n\t\trow: Posts;\n", "team_id__name__startswith?: string | undefined;", "title__icontains?: string | undefined;",
		"export interface PostsNew {\n\ttitle: string;\n", "export interface PostsUpdate {\n", "\t'/api/odd%20table%27s%20%22x%22': {\n", "\t'two words': string | null;\n",
		"[path: `/api/posts/${string}`]: {\n\t\trow: Posts;\n",
	} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the types lack %q", part)
		}
	}
	if t.Failed() {
		t.Logf("%s", text)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(out), ".*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestTypesRefuses(t *testing.T) {
	answers := func(status int, body string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body)) // a client that is gone fails below
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	for _, tt := range []struct {
		name, args string
		status     int
		says       string
	}{
		{"nothing", "types", 2, "of which API?"},
		{"both", "types --url x --openapi y", 2, "of which API?"},
		{"no address", "types --url ftp://x", 1, "want an address"},
		{"nobody there", "types --url http://127.0.0.1:1", 1, "no server answers"},
		{"no such file", "types --openapi /nowhere/at/all", 1, "/nowhere/at/all"},
		{"HTML", "types --url " + answers(200, "<h1>"), 1, "HTML"},
		{"refused", "types --url " + answers(403, ""), 3, "--token-file"},
		{"not there", "types --url " + answers(404, ""), 1, "where is the OpenAPI document?"},
		{"another document", "types --url " + answers(200, `{"swagger":"2.0"}`), 1, "no OpenAPI 3 document"},
		{"nowhere to write", "types --openapi ../../internal/typescript/testdata/board.json -o /nowhere/at/all.ts", 1, "/nowhere/at"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), strings.Fields(tt.args), &stdout, &stderr); code != tt.status || !strings.Contains(stderr.String(), tt.says) || stdout.Len() > 0 {
				t.Errorf("status %d, want %d: %s", code, tt.status, stderr.String())
			}
		})
	}
}
