package serve

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// TestBrowsable: browsers are shown pages, of the index too, that find their
// files and sockets under the base path; nobody else's answers change.
func TestBrowsable(t *testing.T) {
	s := open(t, world, "--base-path", "/shop")
	off := open(t, world, "--base-path", "/shop", "--browsable=false")
	for _, target := range []string{"/shop/api/", "/shop/api", "/shop/api/posts", "/shop/api/posts/1", "/shop/api/posts/"} {
		w := get(s, "GET", target, "Accept", browser)
		body := w.Body.String()
		if w.Code != 200 || !strings.HasPrefix(body, "<!doctype html>") || w.Header().Get("Vary") != "Accept" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s of a browser: %d %v %.60s", target, w.Code, w.Header(), body)
		}
		if !strings.Contains(body, `data-socket="/shop/ws/"`) || !strings.Contains(body, `data-home="/shop/api/"`) || !strings.Contains(body, `data-prefix="/shop/api/queryobserver"`) {
			t.Errorf("%s does not say where sockets are: %s", target, body)
		}
		if w := get(off, "GET", target, "Accept", browser); !strings.HasPrefix(w.Body.String(), "{") || w.Header().Get("Vary") != "" {
			t.Errorf("%s where pages are off: %d %.60s", target, w.Code, w.Body)
		}
		for _, header := range [][]string{nil, {"Accept", "application/json"}} {
			if got, want := get(s, "GET", target, header...), get(off, "GET", target, header...); got.Body.String() != want.Body.String() {
				t.Errorf("%s with %v: %s, want %s", target, header, got.Body, want.Body)
			}
		}
	}
	if w := get(s, "GET", "/shop/api/?format=json", "Accept", browser); !strings.HasPrefix(w.Body.String(), `{"openapi"`) {
		t.Errorf("the index as JSON: %.60s", w.Body)
	}
	for _, target := range []string{"/shop/api/queryobserver/page.js?browse", "/shop/api/posts/page.js?browse"} {
		if w := get(s, "GET", target); w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") {
			t.Errorf("%s: %d %v", target, w.Code, w.Header())
		}
		if w := get(off, "GET", target); w.Code < 400 {
			t.Errorf("%s where pages are off: %d", target, w.Code)
		}
	}
	for _, target := range []string{"/shop/api/queryobserver/page.js", "/shop/api/queryobserver/x?browse", "/shop/api/nothing", "/"} {
		if w := get(s, "GET", target, "Accept", browser); w.Code != 404 || !strings.Contains(w.Body.String(), `"code"`) {
			t.Errorf("%s: %d %.80s", target, w.Code, w.Body)
		}
	}
}

// TestPagesRevealNothing: the page of who may see nothing is the page of who
// may see everything, and says no more than that there is a table of this name.
func TestPagesRevealNothing(t *testing.T) {
	dir := t.TempDir()
	config, secret := filepath.Join(dir, "wakeful.yaml"), filepath.Join(dir, "secret")
	if err := os.WriteFile(config, []byte("browsable: true\ntables: {posts: {read: signed_in}, diary: {read: nobody}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(secret, []byte(strings.Repeat("s", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, world+"; CREATE TABLE diary (id INTEGER PRIMARY KEY)", "--config", config, "--jwt-secret-file", secret)
	page := get(s, "GET", "/api/posts/1", "Accept", browser)
	if page.Code != 200 || strings.Contains(page.Body.String(), "title\":") {
		t.Errorf("the page of a stranger: %d %s", page.Code, page.Body)
	}
	if other := get(s, "GET", "/api/posts/999", "Accept", browser); other.Body.String() != page.Body.String() {
		t.Errorf("the page tells rows apart: %s", other.Body)
	}
	if w := get(s, "OPTIONS", "/api/posts", "Accept", "application/json"); w.Code != 401 || strings.Contains(w.Body.String(), "title\":{") {
		t.Errorf("OPTIONS of a stranger: %d %s", w.Code, w.Body)
	}
	if w := get(s, "GET", "/api/diary", "Accept", browser); w.Code != 404 || strings.HasPrefix(w.Body.String(), "<!doctype") {
		t.Errorf("a table that is not there: %d %.60s", w.Code, w.Body)
	}
}
