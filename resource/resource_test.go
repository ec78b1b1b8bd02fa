package resource_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/sqlite"
)

// tables are what the tests serve.
const tables = `
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, secret TEXT, boss_id INTEGER REFERENCES users);
CREATE TABLE posts (id INTEGER PRIMARY KEY, author_id INTEGER NOT NULL REFERENCES users(id), title TEXT NOT NULL,
	score REAL, done BOOLEAN NOT NULL DEFAULT 0, created TIMESTAMP, tags JSON, raw BLOB, big INTEGER);
CREATE INDEX posts_by_score ON posts (author_id, score DESC, id);
CREATE TABLE comments (id INTEGER PRIMARY KEY, post_id INTEGER NOT NULL REFERENCES posts(id), body TEXT NOT NULL);
CREATE TABLE seats (hall TEXT, seat INTEGER, taken INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (hall, seat)) WITHOUT ROWID;
CREATE TABLE notes (body TEXT);
CREATE VIEW best AS SELECT id, title FROM posts WHERE score > 5;
INSERT INTO users VALUES (1, 'ann', 's1', NULL), (2, 'bob', 's2', 1), (3, 'Cyd', 's3', 2);
INSERT INTO posts (id, author_id, title, score, done, created, tags, raw, big) VALUES
	(1, 1, 'One red fox', 1.5, 0, '2026-01-01 10:00:00', '["a"]', x'00ff', 9223372036854775807),
	(2, 1, 'Two foxes', 9, 1, '2026-01-02 10:00:00.5', NULL, NULL, -5),
	(3, 2, 'three Red hens', 9, 0, NULL, '{"k": 1}', NULL, NULL),
	(4, 2, 'f_ur%', NULL, 1, '2026-01-04T10:00:00Z', NULL, NULL, 0),
	(5, 3, 'five', -3, 0, NULL, NULL, NULL, 7);
INSERT INTO comments VALUES (1, 1, 'first'), (2, 1, 'second'), (3, 3, 'hm');
INSERT INTO seats VALUES ('a,b', 1, 0), ('a/b', 2, 1), ('é', 3, 0);
INSERT INTO notes VALUES ('x'), ('y');
`

// database opens a new one with the tables in it.
func database(t testing.TB) (*sql.DB, *sqlite.Source) {
	t.Helper()
	db, source, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.Exec(tables); err != nil {
		t.Fatal(err)
	}
	return db, source
}

// whole is a config that serves all of a table to everybody.
func whole(db *sql.DB, source schema.Catalog, table string) resource.Config[resource.Record] {
	return resource.Config[resource.Record]{
		DB: db, Catalog: source, Table: table, Allow: permit.Public,
		Filters: resource.Filters{resource.AllColumns: resource.Every},
		Search:  []string{resource.AllColumns},
		Order:   resource.Order{Allow: []string{resource.AllColumns}},
	}
}

func make1[Row any](t testing.TB, cfg resource.Config[Row]) *resource.Resource[Row] {
	t.Helper()
	res, err := resource.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// mounted serves one resource.
func mounted[Row any](t testing.TB, cfg resource.Config[Row], prefix string) http.Handler {
	t.Helper()
	mux := http.NewServeMux()
	make1(t, cfg).Mount(mux, prefix)
	return mux
}

// get sends a GET and returns the status and the body.
func get(t testing.TB, h http.Handler, target string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w.Code, w.Body.String()
}

// page is the answer of a list.
type page struct {
	Count          *int
	Next, Previous *string
	Results        []map[string]any
}

func getPage(t testing.TB, h http.Handler, target string) page {
	t.Helper()
	status, body := get(t, h, target)
	var p page
	if err := json.Unmarshal([]byte(body), &p); err != nil || status != http.StatusOK {
		t.Fatalf("GET %s: %d %s (%v)", target, status, body, err)
	}
	return p
}

// ids are the values of id in a page.
func (p page) ids() []int {
	list := []int{}
	for _, row := range p.Results {
		list = append(list, int(row["id"].(float64)))
	}
	return list
}

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got\n%v, want\n%v", what, got, want)
	}
}

func TestListAndDetail(t *testing.T) {
	db, source := database(t)
	h := mounted(t, whole(db, source, "posts"), "/posts")
	status, body := get(t, h, "/posts?limit=2")
	equal(t, "status", status, 200)
	equal(t, "body", body, `{"count":5,"next":"http://example.com/posts?limit=2&offset=2","previous":null,"results":[`+
		`{"id":1,"author_id":1,"title":"One red fox","score":1.5,"done":false,"created":"2026-01-01T10:00:00.000000Z","tags":["a"],"raw":"AP8=","big":9223372036854775807},`+
		`{"id":2,"author_id":1,"title":"Two foxes","score":9.0,"done":true,"created":"2026-01-02T10:00:00.500000Z","tags":null,"raw":null,"big":-5}]}`)
	for _, target := range []string{"/posts/2", "/posts/2/"} {
		status, body = get(t, h, target)
		equal(t, "status", status, 200)
		equal(t, "body", body, `{"id":2,"author_id":1,"title":"Two foxes","score":9.0,"done":true,"created":"2026-01-02T10:00:00.500000Z","tags":null,"raw":null,"big":-5}`)
	}
	for _, target := range []string{"/posts/99", "/posts/x", "/posts/2/3", "/posts/2/3/", "/posts/2/2", "/posts/%zz"} {
		if strings.Contains(target, "%zz") {
			continue // no request can be made of it
		}
		if status, body := get(t, h, target); status != http.StatusNotFound {
			t.Errorf("GET %s: %d %s", target, status, body)
		}
	}
}

type post struct {
	ID      int64           `json:"id"`
	Title   string          `json:"title"`
	Author  int64           `json:"author" db:"author_id"`
	Created *time.Time      `json:"created"`
	Done    bool            `json:"done"`
	Tags    json.RawMessage `json:"tags,omitempty"`
	Big     int64           `json:"big,string"`
	Note    string          `json:"-"`
}

func TestGoType(t *testing.T) {
	db, source := database(t)
	cfg := resource.Config[post]{DB: db, Catalog: source, Table: "posts", Allow: permit.Public,
		Filters: resource.Filters{"author_id": resource.Equality, "done": {resource.Exact}}}
	h := mounted(t, cfg, "/posts")
	_, body := get(t, h, "/posts?author=1&done=true")
	equal(t, "body", body, `{"count":1,"next":null,"previous":null,"results":[`+
		`{"id":2,"title":"Two foxes","author":1,"created":"2026-01-02T10:00:00.500000Z","done":true,"big":"-5"}]}`)
	cfg.Render = func(p post) any {
		return map[string]any{"id": p.ID, "title": "<" + p.Title + ">", "at": p.Created, "big": p.Big}
	}
	h = mounted(t, cfg, "/posts")
	_, body = get(t, h, "/posts/2")
	equal(t, "body", body, `{"at":"2026-01-02T10:00:00.5Z","big":-5,"id":2,"title":"<Two foxes>"}`)
}

func TestCompositeKeys(t *testing.T) {
	db, source := database(t)
	h := mounted(t, whole(db, source, "seats"), "/seats")
	for _, target := range []string{"/seats/a%2Cb,1", "/seats/a%252Cb%2C1", "/seats/a%2Fb,2", "/seats/%C3%A9,3"} {
		if status, body := get(t, h, target); status != http.StatusOK {
			t.Errorf("GET %s: %d %s", target, status, body)
		}
	}
	for _, target := range []string{"/seats/a", "/seats/a,b,1", "/seats/a%2Fb,3"} {
		if status, body := get(t, h, target); status != http.StatusNotFound {
			t.Errorf("GET %s: %d %s", target, status, body)
		}
	}
}

func TestWithoutKey(t *testing.T) {
	db, source := database(t)
	h := mounted(t, whole(db, source, "notes"), "/notes")
	equal(t, "rows", len(getPage(t, h, "/notes").Results), 2)
	if status, body := get(t, h, "/notes/1"); status != http.StatusNotFound || !strings.Contains(body, "primary key") {
		t.Errorf("%d %s", status, body)
	}
	h = mounted(t, whole(db, source, "best"), "/best")
	equal(t, "ids", getPage(t, h, "/best").ids(), []int{2, 3})
	cfg := whole(db, source, "best")
	cfg.Key = []string{"id"}
	h = mounted(t, cfg, "/best")
	if status, body := get(t, h, "/best/2"); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}

func TestNested(t *testing.T) {
	db, source := database(t)
	cfg := resource.Config[post]{DB: db, Catalog: source, Table: "posts", Allow: permit.Public, Nested: []resource.Nested{
		{Name: "writer", Via: "author_id", Columns: []string{"name"}},
		{Name: "comments", Table: "comments", By: "post_id", Columns: []string{"body"}, Order: []string{"-id"}},
	}, Render: func(p post) any { return map[string]any{"id": p.ID} }}
	h := mounted(t, cfg, "/posts")
	_, body := get(t, h, "/posts?limit=3")
	equal(t, "body", body, `{"count":5,"next":"http://example.com/posts?limit=3&offset=3","previous":null,"results":[`+
		`{"id":1,"writer":{"name":"ann"},"comments":[{"body":"second"},{"body":"first"}]},`+
		`{"id":2,"writer":{"name":"ann"},"comments":[]},`+
		`{"id":3,"writer":{"name":"bob"},"comments":[{"body":"hm"}]}]}`)
	users := whole(db, source, "users")
	users.Nested = []resource.Nested{{Name: "boss", Via: "boss_id", Columns: []string{"name"}}}
	_, body = get(t, mounted(t, users, "/users"), "/users/1")
	if !strings.HasSuffix(body, `,"boss":null}`) {
		t.Error(body)
	}
}

func TestFilters(t *testing.T) {
	db, source := database(t)
	cfg := whole(db, source, "posts")
	cfg.Filters["author__name"] = resource.Every
	cfg.Filters["author__boss__name"] = []resource.Lookup{resource.Exact}
	h := mounted(t, cfg, "/posts")
	for _, c := range []struct {
		query string
		want  []int
	}{
		{"author_id=1", []int{1, 2}},
		{"author_id__exact=1", []int{1, 2}},
		{"author_id__ne=1", []int{3, 4, 5}},
		{"score__gt=1.5", []int{2, 3}},
		{"score__gte=1.5", []int{1, 2, 3}},
		{"score__lt=9&score__gt=-4", []int{1, 5}},
		{"score__lte=9", []int{1, 2, 3, 5}},
		{"id__in=5,1,77", []int{1, 5}},
		{"id__range=2,4", []int{2, 3, 4}},
		{"score__isnull=true", []int{4}},
		{"score__isnull=0&done=1", []int{2}},
		{"done=false", []int{1, 3, 5}},
		{"title__contains=red", []int{1}},
		{"title__icontains=RED", []int{1, 3}},
		{"title__startswith=One", []int{1}},
		{"title__istartswith=one", []int{1}},
		{"title__endswith=foxes", []int{2}},
		{"title__iendswith=HENS", []int{3}},
		{"title__iexact=FIVE", []int{5}},
		{"title__contains=%25", []int{4}},
		{"title__contains=_", []int{4}},
		{"author__name=bob", []int{3, 4}},
		{"author__name__icontains=c", []int{5}},
		{"author_id__name__icontains=c", []int{5}},
		{"author_id__boss_id__name=ann", []int{3, 4}},
		{"author__boss__name=ann", []int{3, 4}},
		{"search=red", []int{1, 3}},
		{"search=red+FOX", []int{1}},
		{"search=+", []int{1, 2, 3, 4, 5}},
		{"big=9223372036854775807", []int{1}},
		{"created__gt=2026-01-02T10:00:00Z&created__lt=2026-01-03", []int{2}},
		{"ordering=-score", []int{2, 3, 1, 5, 4}},
		{"ordering=score,-id", []int{4, 5, 1, 3, 2}},
		{"ordering=-id", []int{5, 4, 3, 2, 1}},
		{"observe=me&limit=1", []int{1}},
		{"limit=2&offset=3", []int{4, 5}},
		{"page=2&page_size=2", []int{3, 4}},
		{"page=9", []int{}},
	} {
		t.Run(c.query, func(t *testing.T) {
			equal(t, "ids", getPage(t, h, "/posts?"+c.query).ids(), c.want)
		})
	}
}

// TestPages walks through all pages by their links, there and back.
func TestPages(t *testing.T) {
	db, source := database(t)
	h := mounted(t, whole(db, source, "posts"), "/posts")
	for _, begin := range []string{
		"limit=2", "page_size=2", "cursor=&limit=2", "cursor=&limit=2&ordering=-score", "cursor=&limit=2&ordering=score",
		"cursor=&limit=1&ordering=created,-title", "cursor=&limit=2&ordering=-tags", "cursor=&limit=3&ordering=raw",
		"limit=2&ordering=-title&author_id__gt=0",
	} {
		t.Run(begin, func(t *testing.T) {
			all := getPage(t, h, "/posts?"+without(begin, "limit", "page_size", "cursor")).ids()
			equal(t, "rows", len(all), 5)
			var seen []int
			var pages [][]int
			p := getPage(t, h, "/posts?"+begin)
			for steps := 0; ; steps++ {
				seen = append(seen, p.ids()...)
				pages = append(pages, p.ids())
				if p.Next == nil || steps > 9 {
					break
				}
				p = getPage(t, h, *p.Next)
			}
			equal(t, "forward", seen, all)
			for i := len(pages) - 2; i >= 0; i-- {
				if p.Previous == nil {
					t.Fatalf("no way back from %v", pages[i+1])
				}
				p = getPage(t, h, *p.Previous)
				if strings.Contains(begin, "cursor") {
					continue // its pages may be cut elsewhere
				}
				equal(t, "back", p.ids(), pages[i])
			}
			equal(t, "the first page again", p.ids()[0], all[0])
		})
	}
}

func without(query string, names ...string) string {
	values, _ := url.ParseQuery(query)
	for _, name := range names {
		values.Del(name)
	}
	return values.Encode()
}

func TestWhoMayCall(t *testing.T) {
	db, source := database(t)
	cfg := whole(db, source, "posts")
	cfg.Allow = permit.SignedIn
	h := mounted(t, cfg, "/posts")
	if status, body := get(t, h, "/posts"); status != http.StatusUnauthorized || !strings.Contains(body, `"unauthenticated"`) {
		t.Errorf("%d %s", status, body)
	}
	r := httptest.NewRequest("GET", "/posts", nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(permit.NewContext(context.Background(), permit.Identity{Subject: "ann"})))
	equal(t, "status", w.Code, 200)
	cfg.Allow = func(*http.Request, permit.Action) error { return permit.Deny("not on Mondays") }
	if status, body := get(t, mounted(t, cfg, "/posts"), "/posts/1"); status != http.StatusForbidden || !strings.Contains(body, "not on Mondays") {
		t.Errorf("%d %s", status, body)
	}
}

// TestNestedRowsAreOfOneState: between the statements of a GET others commit.
func TestNestedRowsAreOfOneState(t *testing.T) {
	db, source := database(t)
	cfg := whole(db, source, "posts")
	cfg.Nested = []resource.Nested{{Name: "comments", Table: "comments", By: "post_id"}}
	h := mounted(t, cfg, "/posts")
	set := func(n int) error {
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		_, first := tx.Exec(`UPDATE posts SET title = ? WHERE id = 1`, n)
		_, second := tx.Exec(`UPDATE comments SET body = ? WHERE post_id = 1`, n)
		return errors.Join(first, second, tx.Commit())
	}
	if err := set(0); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for n := 1; ; n++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if err := set(n); err != nil {
				stopped <- err
				return
			}
		}
	}()
	for range 200 {
		_, body := get(t, h, "/posts/1")
		var row struct {
			Title    string
			Comments []struct{ Body string }
		}
		if err := json.Unmarshal([]byte(body), &row); err != nil || len(row.Comments) != 2 {
			t.Fatal(body)
		}
		for _, comment := range row.Comments {
			equal(t, "the comment beside the title", comment.Body, row.Title)
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
}
