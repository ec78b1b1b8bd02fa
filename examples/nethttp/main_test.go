package main

import (
	"net/http"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/wakeful-dev/wakeful/wakefultest"
)

func TestPostAppears(t *testing.T) {
	app, live, err := open(filepath.Join(t.TempDir(), "posts.db"))
	if err != nil {
		t.Fatal(err)
	}
	server := wakefultest.Start(t, live, app)
	posts := server.Observe("/posts")
	posts.WaitEqual(t, `[]`)
	for _, body := range []string{"Hello", "again"} {
		answer, err := http.PostForm(server.URL+"/posts", url.Values{"body": {body}})
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusCreated {
			t.Fatalf("POST /posts: %s", answer.Status)
		}
	}
	posts.WaitEqual(t, `[{"id": 2, "body": "again"}, {"id": 1, "body": "Hello"}]`)
}
