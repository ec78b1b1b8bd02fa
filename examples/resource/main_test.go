package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/wakefultest"
)

// TestDraftsAndPosts: an author sees a draft at once, everybody else when it
// is published.
func TestDraftsAndPosts(t *testing.T) {
	app, live, err := open(filepath.Join(t.TempDir(), "blog.db"))
	if err != nil {
		t.Fatal(err)
	}
	server := wakefultest.Start(t, live, app)
	everybody := server.Observe("/posts?ordering=title")
	ann := server.Observe("/posts?ordering=title", http.Header{"X-User": {"1"}})
	titles := func(want ...string) func([]wakefultest.Item) bool {
		return func(items []wakefultest.Item) bool {
			if len(items) != len(want) {
				return false
			}
			for i, item := range items {
				if item["title"] != want[i] {
					return false
				}
			}
			return true
		}
	}
	everybody.Wait(t, titles())
	send := func(status int, user, path, body string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if user != "" {
			r.Header.Set("X-User", user)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != status {
			t.Fatalf("POST %s: %s", path, answer.Status)
		}
	}
	send(201, "1", "/posts", `{"title": "Tea"}`)
	ann.Wait(t, titles("Tea"))
	send(201, "2", "/posts", `{"title": "Coffee"}`)
	send(404, "2", "/posts/1/publish", "")
	send(401, "", "/posts", `{"title": "Nobody's"}`)
	send(204, "1", "/posts/1/publish", "")
	everybody.Wait(t, titles("Tea"))
	send(204, "2", "/posts/2/publish", "")
	everybody.Wait(t, titles("Coffee", "Tea"))
	ann.Wait(t, titles("Coffee", "Tea"))
}
