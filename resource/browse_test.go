package resource_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/where"
)

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// ask sends a request with headers.
func ask(t testing.TB, h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestBrowsersAreShownAPage: who prefers HTML gets it, everybody else what he
// always got, byte for byte.
func TestBrowsersAreShownAPage(t *testing.T) {
	db, source := database(t)
	h := mounted(t, whole(db, source, "posts"), "/posts")
	off := whole(db, source, "posts")
	off.Browse.Off = true
	plain := mounted(t, off, "/posts")

	for _, target := range []string{"/posts", "/posts/", "/posts?limit=2&done=true", "/posts/1", "/posts/1/", "/posts/999", "/posts?nonsense=1", "/posts?limit=0"} {
		w := ask(t, h, "GET", target, "Accept", browser)
		if w.Code != 200 || !strings.HasPrefix(w.Body.String(), "<!doctype html>") || w.Header().Get("Vary") != "Accept" {
			t.Errorf("%s of a browser: %d %v %.80s", target, w.Code, w.Header(), w.Body)
		}
		if head := ask(t, h, "HEAD", target, "Accept", browser); head.Body.Len() > 0 || head.Header().Get("Content-Length") != w.Header().Get("Content-Length") {
			t.Errorf("HEAD %s: %v, %d bytes", target, head.Header(), head.Body.Len())
		}
		for _, accept := range []string{"", "*/*", "application/json", "application/json, text/html", "text/html;q=0.5, */*", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"} {
			var header []string
			if accept != "" {
				header = []string{"Accept", accept}
			}
			got, want := ask(t, h, "GET", target, header...), ask(t, plain, "GET", target, header...)
			equal(t, target+" with "+accept, got.Body.String(), want.Body.String())
			equal(t, target+" with "+accept, got.Code, want.Code)
			vary := got.Header()
			if vary.Get("Vary") != "Accept" {
				t.Errorf("%s with %q: a cache may give the page for it: %v", target, accept, vary)
			}
			vary.Del("Vary")
			equal(t, "headers of "+target+" with "+accept, vary, want.Header())
		}
		if w := ask(t, plain, "GET", target, "Accept", browser); strings.Contains(w.Body.String(), "<!doctype") || w.Header().Get("Vary") != "" {
			t.Errorf("%s where pages are off: %v %.80s", target, w.Header(), w.Body)
		}
	}
	if w := ask(t, h, "POST", "/posts", "Accept", browser); w.Code != 415 {
		t.Errorf("a POST of a browser: %d", w.Code)
	}
}

func TestFormatJSON(t *testing.T) {
	db, source := database(t)
	h := mounted(t, whole(db, source, "posts"), "/posts")
	for target, same := range map[string]string{"/posts?format=json&done=true": "/posts?done=true", "/posts/1?format=json": "/posts/1", "/posts?format=json": "/posts"} {
		_, want := get(t, h, same)
		for _, accept := range []string{browser, "*/*"} {
			w := ask(t, h, "GET", target, "Accept", accept)
			equal(t, target, w.Body.String(), want)
			equal(t, target, w.Header().Get("Content-Type"), "application/json")
		}
	}
	next := getPage(t, h, "/posts?format=json&limit=2").Next
	if next == nil || !strings.Contains(*next, "format=json") {
		t.Errorf("the next page is another format: %v", next)
	}
	for _, target := range []string{"/posts?format=xml", "/posts?format=json&format=json", "/posts/1?format="} {
		if status, body := get(t, h, target); status != 400 || !strings.Contains(body, "want json") {
			t.Errorf("%s: %d %s", target, status, body)
		}
	}
	off := whole(db, source, "posts")
	off.Browse.Off = true
	if status, _ := get(t, mounted(t, off, "/posts"), "/posts?format=json"); status != 400 {
		t.Errorf("format where pages are off: %d", status)
	}

	if _, err := db.Exec(`CREATE TABLE films (id INTEGER PRIMARY KEY, format TEXT); INSERT INTO films VALUES (1, 'vhs'), (2, 'json')`); err != nil {
		t.Fatal(err)
	}
	films := mounted(t, whole(db, source, "films"), "/films")
	equal(t, "films on VHS", getPage(t, films, "/films?format=vhs").ids(), []int{1})
	if w := ask(t, films, "GET", "/films?format=vhs", "Accept", browser); !strings.HasPrefix(w.Body.String(), "<!doctype") {
		t.Errorf("films of a browser: %.80s", w.Body)
	}
}

// TestFilesOfThePage: the page finds its files wherever the resource lies, and
// no row is hidden by one.
func TestFilesOfThePage(t *testing.T) {
	db, source := database(t)
	if _, err := db.Exec(`CREATE TABLE files (name TEXT PRIMARY KEY NOT NULL); INSERT INTO files VALUES ('page.js')`); err != nil {
		t.Fatal(err)
	}
	res := make1(t, whole(db, source, "files"))
	std, other := http.NewServeMux(), chi.NewRouter()
	res.Mount(std, "/files")
	std.HandleFunc("POST /files/{key}/{action}", func(http.ResponseWriter, *http.Request) {}) // as apps have them
	res.Mount(other, "/files")
	for name, h := range map[string]http.Handler{"net/http": std, "chi": other} {
		script := ask(t, h, "GET", "/files/page.js?browse")
		if script.Code != 200 || !strings.HasPrefix(script.Header().Get("Content-Type"), "text/javascript") {
			t.Errorf("%s: the script: %d %v", name, script.Code, script.Header())
		}
		if w := ask(t, h, "GET", "/files/page.js"); w.Body.String() != `{"name":"page.js"}` {
			t.Errorf("%s: the row: %d %s", name, w.Code, w.Body)
		}
		if w := ask(t, h, "GET", "/files/none.js?browse"); w.Code != 400 {
			t.Errorf("%s: no such file: %d", name, w.Code)
		}
	}
}

// TestObservedIsNoPage: who follows a list is answered in JSON, whatever his
// browser would like.
func TestObservedIsNoPage(t *testing.T) {
	db, source := database(t)
	live, err := wakeful.New(wakeful.Config{Source: source})
	if err != nil {
		t.Fatal(err)
	}
	h := live.Wrap(mounted(t, whole(db, source, "posts"), "/posts"))
	if w := ask(t, h, "GET", "/posts", "Accept", browser); !strings.HasPrefix(w.Body.String(), "<!doctype") {
		t.Errorf("through the server: %d %.80s", w.Code, w.Body)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- live.Run(ctx) }()
	for _, header := range [][]string{{"Accept", browser}, {"Accept", "text/html"}} {
		w := ask(t, h, "GET", "/posts?limit=1&observe=me", header...)
		if w.Code != 200 || !strings.HasPrefix(w.Body.String(), `{"observer":`) {
			t.Errorf("observed with %v: %d %.80s", header, w.Code, w.Body)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// told is what OPTIONS answers.
type told struct {
	Actions []string
	Why     string
	Fields  []struct {
		Name, Create, Update, To string
	}
	Filters []struct {
		Name    string
		Lookups []struct{ Lookup, Parameter string }
	}
	Ordering, Order, Key []string
}

func tell(t testing.TB, h http.Handler, target string, header ...string) (int, told) {
	t.Helper()
	w := ask(t, h, "OPTIONS", target, append(header, "Accept", "application/json")...)
	var of told
	if err := json.Unmarshal(w.Body.Bytes(), &of); err != nil {
		t.Fatalf("OPTIONS %s: %d %s", target, w.Code, w.Body)
	}
	return w.Code, of
}

// TestTold: OPTIONS says what may be asked and written, and stays what it was
// for who does not ask for JSON.
func TestTold(t *testing.T) {
	db, source := database(t)
	cfg := whole(db, source, "posts")
	cfg.Hidden, cfg.ReadOnly = []string{"raw"}, []string{"score"}
	cfg.Order.Default = []string{"-raw", "title"}
	cfg.Page.Styles = []resource.Style{resource.ByOffset}
	h := mounted(t, cfg, "/posts")
	if w := ask(t, h, "OPTIONS", "/posts", "Accept", "*/*"); w.Code != 204 || w.Body.Len() > 0 || w.Header().Get("Allow") == "" {
		t.Errorf("OPTIONS: %d %v %s", w.Code, w.Header(), w.Body)
	}
	status, of := tell(t, h, "/posts")
	equal(t, "status", status, 200)
	equal(t, "actions", of.Actions, []string{"read", "create", "update", "delete"})
	equal(t, "key", of.Key, []string{"id"})
	equal(t, "the order names no hidden column", of.Order, []string{})
	wants := map[string][3]string{"id": {"may", "no", ""}, "author_id": {"must", "may", "users"}, "title": {"must", "may", ""}, "score": {"no", "no", ""}, "done": {"may", "may", ""}}
	for _, f := range of.Fields {
		if f.Name == "raw" {
			t.Error("a hidden column is told of")
		}
		if want, ok := wants[f.Name]; ok {
			equal(t, f.Name, [3]string{f.Create, f.Update, f.To}, want)
		}
	}
	for _, f := range of.Filters {
		for _, k := range f.Lookups {
			if status, body := get(t, h, "/posts?"+k.Parameter+"=zzz"); status == 400 && strings.Contains(body, "no such") {
				t.Errorf("%s is told of, but: %s", k.Parameter, body)
			}
		}
	}
	for _, name := range of.Ordering {
		if status, body := get(t, h, "/posts?ordering=-"+name); status != 200 {
			t.Errorf("ordering by %s: %s", name, body)
		}
	}
}

// TestToldOfRights: who may not write is told so, of the list and of each row;
// who may do nothing is told nothing.
func TestToldOfRights(t *testing.T) {
	db, source := database(t)
	cfg := whole(db, source, "posts")
	cfg.Allow = func(r *http.Request, a permit.Action) error {
		switch r.Header.Get("Who") {
		case "":
			return permit.SignIn
		case "reader":
			return permit.ReadOnly(r, a)
		case "writer":
			return permit.Only(permit.Create)(r, a)
		}
		return nil
	}
	cfg.Scope = func(r *http.Request, a permit.Action) (where.Expr, error) {
		if a == permit.Update || a == permit.Delete {
			return where.Eq("author_id", int64(1)), nil
		}
		return where.Ne("id", int64(5)), nil
	}
	cfg.AllowRow = func(_ *http.Request, a permit.Action, row resource.Record) error {
		if a == permit.Delete && row.Get("id") == int64(2) {
			return permit.Deny("kept for ever")
		}
		return nil
	}
	h := mounted(t, cfg, "/posts")
	for _, tt := range []struct {
		who, target string
		status      int
		want        []string
	}{
		{"", "/posts", 401, nil},
		{"", "/posts/1", 401, nil},
		{"reader", "/posts", 200, []string{"read"}},
		{"writer", "/posts", 200, []string{"create"}},
		{"owner", "/posts", 200, []string{"read", "create", "update", "delete"}},
		{"reader", "/posts/1", 200, []string{"read"}},
		{"writer", "/posts/1", 403, nil},
		{"owner", "/posts/1", 200, []string{"read", "update", "delete"}},
		{"owner", "/posts/2", 200, []string{"read", "update"}},
		{"owner", "/posts/3", 200, []string{"read"}},
		{"owner", "/posts/5", 404, nil},
		{"owner", "/posts/999", 404, nil},
		{"owner", "/posts/x", 404, nil},
	} {
		w := ask(t, h, "OPTIONS", tt.target, "Accept", "application/json", "Who", tt.who)
		var of told
		err := json.Unmarshal(w.Body.Bytes(), &of)
		if err != nil || w.Code != tt.status || !slices.Equal(of.Actions, tt.want) {
			t.Errorf("%q, %s: %d %s", tt.who, tt.target, w.Code, w.Body)
		}
		if tt.status != 200 && strings.Contains(w.Body.String(), "author_id") {
			t.Errorf("%q, %s is told: %s", tt.who, tt.target, w.Body)
		}
	}
	bare := resource.Config[resource.Record]{DB: db, Catalog: source, Table: "notes", Allow: permit.Public}
	if w := ask(t, mounted(t, bare, "/notes"), "OPTIONS", "/notes", "Accept", "application/json"); w.Code != 200 || strings.Contains(w.Body.String(), "null,") {
		t.Errorf("what a resource has none of is no list: %s", w.Body)
	}
	_, of := tell(t, mounted(t, whole(db, source, "best"), "/best"), "/best")
	equal(t, "actions of a view", of.Actions, []string{"read"})
	if of.Why == "" {
		t.Error("it is not said why a view without a key is not followed")
	}
}
