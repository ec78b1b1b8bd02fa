package resource_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/wire"
)

// TestNewSaysWhatIsWrong: each error names the field, and what would be right.
func TestNewSaysWhatIsWrong(t *testing.T) {
	db, source := database(t)
	type config = resource.Config[resource.Record]
	for _, c := range []struct {
		name   string
		change func(*config)
		want   []string
	}{
		{"nothing", func(c *config) { *c = config{} }, []string{"Config.DB", "Config.Catalog", "Config.Table", "Config.Allow"}},
		{"no Allow", func(c *config) { c.Allow = nil }, []string{"Config.Allow", "permit.SignedIn"}},
		{"table", func(c *config) { c.Table = "post" }, []string{`"post"`, "comments, notes, posts"}},
		{"hidden", func(c *config) { c.Hidden = []string{"secret"} }, []string{"Config.Hidden", `"secret"`, "id, author_id, title"}},
		{"hidden key", func(c *config) { c.Hidden = []string{"id"} }, []string{"Config.Hidden", `"id"`, "key"}},
		{"read-only", func(c *config) { c.ReadOnly = []string{"x"} }, []string{"Config.ReadOnly", `"x"`}},
		{"key", func(c *config) { c.Key = []string{"x"} }, []string{"Config.Key", `"x"`}},
		{"key of equals", func(c *config) { c.Key = []string{"title"} }, []string{"Config.Key", "title", "UNIQUE"}},
		{"filter", func(c *config) { c.Filters = resource.Filters{"x": resource.Every} }, []string{"Config.Filters", `"x"`, "author_id"}},
		{"filter across", func(c *config) { c.Filters = resource.Filters{"author__x": resource.Every} }, []string{`"author__x"`, "users", "boss_id"}},
		{"no such key", func(c *config) { c.Filters = resource.Filters{"title__x": resource.Every} }, []string{`"title"`, "author_id"}},
		{"too far", func(c *config) {
			c.Filters = resource.Filters{"author__boss__boss__boss__boss__name": resource.Every}
		}, []string{"more than 4 foreign keys"}},
		{"lookup", func(c *config) { c.Filters = resource.Filters{"title": {"like"}} }, []string{`"like"`, "icontains"}},
		{"lookup of another type", func(c *config) { c.Filters = resource.Filters{"done": {resource.Gt}} }, []string{`"done"`, "boolean", "gt"}},
		{"hidden filter", func(c *config) {
			c.Hidden = []string{"raw"}
			c.Filters = resource.Filters{"raw": resource.Every}
		}, []string{`"raw"`, "hidden"}},
		{"search", func(c *config) { c.Search = []string{"x"} }, []string{"Config.Search", `"x"`}},
		{"search in numbers", func(c *config) { c.Search = []string{"big"} }, []string{"Config.Search", `"big"`, "integer"}},
		{"order", func(c *config) { c.Order.Allow = []string{"x"} }, []string{"Config.Order.Allow", `"x"`}},
		{"default order", func(c *config) { c.Order.Default = []string{"-x"} }, []string{"Config.Order.Default", `"x"`}},
		{"page", func(c *config) { c.Page = resource.Page{Size: 10, Max: 5} }, []string{"Config.Page", "10", "5"}},
		{"nested", func(c *config) { c.Nested = []resource.Nested{{Name: "x"}} }, []string{"Config.Nested[0]", "Via", "By"}},
		{"nested key", func(c *config) { c.Nested = []resource.Nested{{Name: "x", Via: "title"}} }, []string{`"title"`, "author_id"}},
		{"nested table", func(c *config) { c.Nested = []resource.Nested{{Name: "x", Table: "y", By: "z"}} }, []string{`"y"`, "comments"}},
		{"nested elsewhere", func(c *config) { c.Nested = []resource.Nested{{Name: "x", Table: "users", By: "boss_id"}} }, []string{`"boss_id"`, "posts"}},
		{"nested name", func(c *config) { c.Nested = []resource.Nested{{Name: "title", Via: "author_id"}} }, []string{`"title"`}},
		{"two at once", func(c *config) {
			c.Order.Default, c.Search = []string{"x"}, []string{"y"}
		}, []string{`"x"`, `"y"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := whole(db, source, "posts")
			c.change(&cfg)
			_, err := resource.New(cfg)
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %s", err, part)
				}
			}
		})
	}
}

func TestRowTypes(t *testing.T) {
	db, source := database(t)
	refuse := func(err error, want ...string) {
		t.Helper()
		if err == nil {
			t.Error("no error")
			return
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not say %s", err, part)
			}
		}
	}
	type wrong struct {
		ID   int64
		Name string `json:"nom"`
	}
	_, err := resource.New(resource.Config[wrong]{DB: db, Catalog: source, Table: "posts", Allow: permit.Public})
	refuse(err, "wrong.Name", `"nom"`, "author_id")
	type keyless struct{ Title string }
	_, err = resource.New(resource.Config[keyless]{DB: db, Catalog: source, Table: "posts", Allow: permit.Public})
	refuse(err, "keyless", `"id"`, "key")
	_, err = resource.New(resource.Config[int]{DB: db, Catalog: source, Table: "posts", Allow: permit.Public})
	refuse(err, "int", "struct")
	type twice struct {
		ID    int64 `json:"id"`
		Other int64 `json:"other" db:"id"`
	}
	_, err = resource.New(resource.Config[twice]{DB: db, Catalog: source, Table: "posts", Allow: permit.Public})
	refuse(err, "twice.Other", `"id"`)
}

// TestBadRequests: each answer says what is wrong with which parameter, and
// what is allowed.
func TestBadRequests(t *testing.T) {
	db, source := database(t)
	cfg := whole(db, source, "posts")
	cfg.Page = resource.Page{Size: 10, Max: 20}
	cfg.Hidden = []string{"raw"}
	cfg.Filters = resource.Filters{resource.AllColumns: resource.Every, "title": {resource.Exact, resource.In}}
	h := mounted(t, cfg, "/posts")
	good := getPage(t, h, "/posts?cursor=&limit=2&ordering=title")
	for _, c := range []struct {
		query, parameter string
		code             wire.Code
		says             []string
	}{
		{"colour=red", "colour", wire.CodeUnknownParameter, []string{"no such parameter"}},
		{"raw=AA", "raw", wire.CodeUnknownParameter, []string{"no such parameter"}},
		{"title__like=x", "title__like", wire.CodeUnknownParameter, []string{"exact, in"}},
		{"title__contains=x", "title__contains", wire.CodeUnknownParameter, []string{"exact, in"}},
		{"score__gt=high", "score__gt", wire.CodeBadParameter, []string{"number"}},
		{"id=1.5", "id", wire.CodeBadParameter, []string{"integer"}},
		{"id__in=1,x", "id__in", wire.CodeBadParameter, []string{"value 2", "integer"}},
		{"id__range=1", "id__range", wire.CodeBadParameter, []string{"two values"}},
		{"done=maybe", "done", wire.CodeBadParameter, []string{"true", "false"}},
		{"score__isnull=perhaps", "score__isnull", wire.CodeBadParameter, []string{"true or false"}},
		{"created__lt=yesterday", "created__lt", wire.CodeBadParameter, []string{"2026"}},
		{"id__in=" + strings.Repeat("1,", 1000) + "1", "id__in", wire.CodeBadParameter, []string{"1000"}},
		{"limit=21", "limit", wire.CodeBadParameter, []string{"20"}},
		{"limit=0", "limit", wire.CodeBadParameter, []string{"1 to 20"}},
		{"limit=many", "limit", wire.CodeBadParameter, []string{"1 to 20"}},
		{"offset=-1", "offset", wire.CodeBadParameter, []string{"from 0"}},
		{"page=0", "page", wire.CodeBadParameter, []string{"from 1"}},
		{"page_size=21", "page_size", wire.CodeBadParameter, []string{"20"}},
		{"page=1&offset=2", "page", wire.CodeBadParameter, []string{"offset"}},
		{"page=1&limit=2", "limit", wire.CodeBadParameter, []string{"page_size"}},
		{"limit=2&limit=3", "limit", wire.CodeBadParameter, []string{"once"}},
		{"ordering=raw", "ordering", wire.CodeBadParameter, []string{"raw", "title", "score"}},
		{"ordering=--title", "ordering", wire.CodeBadParameter, []string{"title"}},
		{"search=" + strings.Repeat("a+", 17), "search", wire.CodeBadParameter, []string{"16"}},
		{"cursor=x", "cursor", wire.CodeBadCursor, []string{"next"}},
		{"ordering=score&" + cursorOf(*good.Next), "cursor", wire.CodeBadCursor, []string{"order"}},
		{"a=%zz", "query", wire.CodeBadParameter, []string{"percent"}},
		{"a;b=1", "query", wire.CodeBadParameter, []string{"well formed"}},
	} {
		t.Run(c.query[:min(len(c.query), 30)], func(t *testing.T) {
			status, body := get(t, h, "/posts?"+c.query)
			var p wire.Problem
			if err := json.Unmarshal([]byte(body), &p); err != nil || status != http.StatusBadRequest {
				t.Fatalf("%d %s", status, body)
			}
			equal(t, "code", p.Code, c.code)
			said := strings.Join(p.Errors[c.parameter], " ")
			for _, part := range c.says {
				if !strings.Contains(said, part) {
					t.Errorf("%s does not say %q of %s", body, part, c.parameter)
				}
			}
			if c.code == wire.CodeUnknownParameter && (!slices.Contains(p.Known, "score") || !slices.Contains(p.Known, "limit") || slices.Contains(p.Known, "raw")) {
				t.Errorf("known are %v", p.Known)
			}
		})
	}
	status, body := get(t, h, "/posts?colour=red&limit=x&score=y")
	for _, name := range []string{"colour", "score", "limit"} {
		if name != "limit" && !strings.Contains(body, `"`+name+`":[`) {
			t.Errorf("%d %s does not say what is wrong with %s", status, body, name)
		}
	}
	if status, body := get(t, h, "/posts/1?x=1"); status != http.StatusBadRequest || !strings.Contains(body, "no parameters") {
		t.Errorf("%d %s", status, body)
	}
}

func cursorOf(link string) string {
	_, query, _ := strings.Cut(link, "?")
	for part := range strings.SplitSeq(query, "&") {
		if strings.HasPrefix(part, "cursor=") {
			return part
		}
	}
	return ""
}

// TestMount: on both routers, nested and behind prefixes, beside handlers of
// one's own.
func TestMount(t *testing.T) {
	db, source := database(t)
	posts := make1(t, whole(db, source, "posts"))
	own := func(w http.ResponseWriter, r *http.Request) {
		row, err := posts.Load(r, permit.Update)
		if err != nil {
			resource.Fail(w, err)
			return
		}
		_, _ = w.Write([]byte(row.Get("title").(string)))
	}
	mux := http.NewServeMux()
	posts.Mount(mux, "/api/posts/")
	mux.HandleFunc("POST /api/posts/{key}/publish", own)
	stripped := http.NewServeMux()
	stripped.Handle("/v1/", http.StripPrefix("/v1", mux))
	router := chi.NewRouter()
	router.Route("/api", func(r chi.Router) {
		posts.Mount(r, "/posts")
		r.Post("/posts/{key}/publish", own)
	})
	root := chi.NewRouter()
	root.Route("/api/posts", func(r chi.Router) {
		posts.Mount(r, "/")
		r.Post("/{key}/publish", own)
	})
	tenants := http.NewServeMux()
	posts.Mount(tenants, "/{tenant}/posts")
	for name, c := range map[string]struct {
		handler http.Handler
		prefix  string
		own     bool
	}{
		"net/http": {mux, "/api/posts", true}, "stripped": {stripped, "/v1/api/posts", true}, "chi": {router, "/api/posts", true},
		"chi at its root": {root, "/api/posts", true}, "with a wildcard": {tenants, "/acme/posts", false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, slash := range []string{"", "/"} {
				p := getPage(t, c.handler, c.prefix+slash+"?limit=2")
				equal(t, "next", *p.Next, "http://example.com"+c.prefix+slash+"?limit=2&offset=2")
				if status, body := get(t, c.handler, c.prefix+"/2"+slash); status != 200 || !strings.HasPrefix(body, `{"id":2,`) {
					t.Errorf("%d %s", status, body)
				}
			}
			for _, rest := range []string{"/2/3", "/2/x/", "/x/y/z"} {
				if status, body := get(t, c.handler, c.prefix+rest); status != http.StatusNotFound {
					t.Errorf("%s: %d %s", rest, status, body)
				}
			}
			if !c.own {
				return
			}
			w := httptest.NewRecorder()
			c.handler.ServeHTTP(w, httptest.NewRequest("POST", c.prefix+"/2/publish", nil))
			equal(t, "own handler", w.Body.String(), "Two foxes")
			w = httptest.NewRecorder()
			c.handler.ServeHTTP(w, httptest.NewRequest("POST", c.prefix+"/77/publish", nil))
			equal(t, "own handler, no row", w.Code, http.StatusNotFound)
		})
	}
}

// TestMountEscaped: a prefix may be escaped, and clients may escape it in
// another way.
func TestMountEscaped(t *testing.T) {
	db, source := database(t)
	mux := http.NewServeMux()
	make1(t, whole(db, source, "posts")).Mount(mux, "/api/%C3%9Cn%2Fi%2C%20x")
	for _, prefix := range []string{"/api/%C3%9Cn%2Fi%2C%20x", "/api/%c3%9cn%2fi,%20x"} {
		if status, body := get(t, mux, prefix+"/2"); status != 200 || !strings.HasPrefix(body, `{"id":2,`) {
			t.Errorf("%s: %d %s", prefix, status, body)
		}
	}
	if status, body := get(t, mux, "/api/%C3%9Cn/i,%20x/2"); status != 404 {
		t.Errorf("two segments for one: %d %s", status, body)
	}
}

// TestHiddenOrder: a cursor has in it what its list is ordered by.
func TestHiddenOrder(t *testing.T) {
	db, source := database(t)
	cfg := whole(db, source, "posts")
	cfg.Hidden, cfg.Filters = []string{"score"}, nil
	cfg.Order = resource.Order{Default: []string{"-score"}}
	if _, err := resource.New(cfg); err == nil || !strings.Contains(err.Error(), `Config.Order.Default: "score" is hidden`) {
		t.Errorf("with cursors: %v", err)
	}
	cfg.Page.Styles = []resource.Style{resource.ByNumber}
	make1(t, cfg)
}

func TestMethods(t *testing.T) {
	db, source := database(t)
	h := mounted(t, whole(db, source, "best"), "/best")
	for _, c := range []struct {
		method, target string
		status         int
	}{
		{"POST", "/best", 405}, {"DELETE", "/best/1", 405}, {"BREW", "/best", 405}, {"OPTIONS", "/best", 204}, {"HEAD", "/best", 200},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.target, nil))
		equal(t, c.method, w.Code, c.status)
		if allow := w.Header().Get("Allow"); c.status != 200 && allow != "OPTIONS, GET, HEAD" {
			t.Errorf("%s: Allow is %q", c.method, allow)
		}
	}
}

// TestTheTableChanges while it is served.
func TestTheTableChanges(t *testing.T) {
	db, source := database(t)
	mux := http.NewServeMux()
	make1(t, whole(db, source, "users")).Mount(mux, "/records")
	type user struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	}
	make1(t, resource.Config[user]{DB: db, Catalog: source, Table: "users", Allow: permit.Public}).Mount(mux, "/typed")
	before := evaluate(mux, "/records/1")
	if _, err := db.Exec("ALTER TABLE users ADD COLUMN age INTEGER DEFAULT 7"); err != nil {
		t.Fatal(err)
	}
	if _, body := get(t, mux, "/records/1?"); !strings.Contains(body, `"age":7`) {
		t.Error(body)
	}
	if plan := before.mark.Kept().Plan; plan.Reader == evaluate(mux, "/records/1").mark.Kept().Plan.Reader {
		t.Error("the plans of both versions have one reader")
	}
	if _, body := get(t, mux, "/records?age=7"); !strings.Contains(body, `"count":3`) {
		t.Error(body)
	}
	if _, err := db.Exec("ALTER TABLE users RENAME COLUMN name TO called"); err != nil {
		t.Fatal(err)
	}
	if _, body := get(t, mux, "/records/1"); !strings.Contains(body, `"called":"ann"`) {
		t.Error(body)
	}
	if status, body := get(t, mux, "/typed/1"); status != http.StatusServiceUnavailable || !strings.Contains(body, "schema_changed") {
		t.Errorf("%d %s", status, body)
	}
	if _, err := db.Exec("ALTER TABLE users RENAME COLUMN called TO name"); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, mux, "/typed/1"); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}
