package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/wire"
)

// TestWatch: a pipe gets the list, and then each change.
func TestWatch(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	d := startDemo(t)
	defer d.stop(t)
	for _, asJSON := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		out, in := io.Pipe()
		var stderr bytes.Buffer
		ended := make(chan int, 1)
		args := []string{"watch", d.url + "/api/tickets?project=1&status=todo"}
		if asJSON {
			args = append(args, "--json")
		}
		go func() {
			ended <- run(ctx, args, in, &stderr)
			in.Close()
		}()
		title := fmt.Sprintf("written while watched %t", asJSON)
		lines := bufio.NewScanner(out)
		if !lines.Scan() {
			t.Fatalf("it says nothing: %s", stderr.String())
		}
		if first := lines.Text(); asJSON && !strings.HasPrefix(first, `{"type":"snapshot"`) || !asJSON && !strings.HasPrefix(first, "+ ") {
			t.Errorf("first: %s", first)
		}
		wrote := make(chan struct{})
		go func() {
			defer close(wrote)
			d.post(t, "/api/tickets", url.Values{"title": {title}})
		}()
		found := false
		for !found && lines.Scan() {
			found = strings.Contains(lines.Text(), title)
			if asJSON && !json.Valid(lines.Bytes()) {
				t.Errorf("no JSON: %s", lines.Text())
			}
		}
		<-wrote
		cancel()
		go io.Copy(io.Discard, out)
		if code := <-ended; code != 0 || !found || stderr.Len() > 0 {
			t.Errorf("status %d, found %t, %s", code, found, stderr.String())
		}
	}
}

// TestWatchRefuses: what cannot be watched says so, and what to do.
func TestWatchRefuses(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	d := startDemo(t)
	defer d.stop(t)
	answers := func(status int, kind, body string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	problem := string(wire.AppendProblem(nil, wire.NewProblem(403, wire.CodeForbidden, "not you")))
	for _, tt := range []struct {
		name, args string
		status     int
		says       string
	}{
		{"nothing", "watch", 2, "the address of a list is missing"},
		{"two", "watch a b", 2, `unexpected "b"`},
		{"no address", "watch http://", 4, "is no address of a list"},
		{"another scheme", "watch ftp://x/y", 4, "is no address of a list"},
		{"a bad header", "watch x --header nonsense", 2, "want Name: value"},
		{"HTML", "watch " + answers(200, "text/html", "<h1>"), 4, "no server of Wakeful"},
		{"404", "watch " + answers(404, "text/plain", ""), 4, "no server of Wakeful"},
		{"401", "watch " + answers(401, "text/plain", ""), 3, "--token-file"},
		{"403", "watch " + answers(403, "application/problem+json", problem), 3, "not you"},
		{"a page that is no list", "watch " + d.url + "/", 4, "cannot be watched"},
		{"a list that is not there", "watch " + d.url + "/api/nothing --json", 4, "cannot be watched"},
		{"no such file", "watch x --token-file /nowhere/at/all", 1, "--token-file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), strings.Fields(tt.args), &stdout, &stderr); code != tt.status || !strings.Contains(stderr.String(), tt.says) {
				t.Errorf("status %d, want %d: %s", code, tt.status, stderr.String())
			}
		})
	}
}
