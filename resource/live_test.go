package resource_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/sqlite"
	"github.com/wakeful-dev/wakeful/wakefultest"
	"github.com/wakeful-dev/wakeful/where"
	"github.com/wakeful-dev/wakeful/wire"
)

// liveApp serves posts, seats and users by teams, behind a server.
func liveApp(t *testing.T) (*sql.DB, http.Handler, *wakeful.Server) {
	db, source := database(t)
	if _, err := db.Exec(`CREATE TABLE members (user TEXT PRIMARY KEY, author INTEGER NOT NULL) WITHOUT ROWID;
		INSERT INTO members VALUES ('u1', 1), ('u2', 2)`); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	posts := whole(db, source, "posts")
	posts.Filters["author__name"] = resource.Every
	make1(t, posts).Mount(mux, "/posts")
	posts.Nested = []resource.Nested{
		{Name: "writer", Via: "author_id", Columns: []string{"name"}},
		{Name: "comments", Table: "comments", By: "post_id", Order: []string{"-body"}},
	}
	make1(t, posts).Mount(mux, "/nested")
	posts.Nested, posts.Scope = nil, func(r *http.Request, _ permit.Action) (where.Expr, error) {
		var author int64
		err := db.QueryRowContext(r.Context(), `SELECT author FROM members WHERE user = ?`, r.Header.Get("X-User")).Scan(&author)
		if err == sql.ErrNoRows {
			return nil, permit.Deny("you are nobody's member")
		}
		return where.Eq("author_id", author), err
	}
	make1(t, posts).Mount(mux, "/own")
	make1(t, whole(db, source, "seats")).Mount(mux, "/seats")
	best := whole(db, source, "best")
	best.Key = []string{"id"}
	make1(t, best).Mount(mux, "/best")
	return db, mux, liveServer(t, source)
}

func liveServer(t *testing.T, source *sqlite.Source) *wakeful.Server {
	live, err := wakeful.New(wakeful.Config{Source: source, Strict: true, Heartbeat: 2 * time.Second,
		Identity: func(r *http.Request) (string, error) { return r.Header.Get("X-User"), nil }})
	if err != nil {
		t.Fatal(err)
	}
	return live
}

// TestListsFollow: after many writes each list, and what its page has beside
// it, is that of a GET.
func TestListsFollow(t *testing.T) {
	db, app, live := liveApp(t)
	server := wakefultest.Start(t, live, app)
	targets := []string{
		"/posts", "/posts?limit=3", "/posts?limit=2&offset=2", "/posts?ordering=-score&limit=2&offset=1", "/posts?page=2&page_size=2",
		"/posts?cursor=&limit=2&ordering=title", "/posts?score__gt=2&done=false", "/posts?search=red&ordering=-created",
		"/posts?author__name=bob", "/posts?tags__isnull=true&ordering=big,-title&limit=4", "/posts/3", "/posts/9",
		"/nested?limit=3", "/nested/2", "/seats?ordering=-taken", "/seats/a%252Cb,1", "/best?ordering=title",
	}
	after := getPage(t, app, "/posts?cursor=&limit=2&ordering=title").Next
	before := getPage(t, app, *after).Previous
	targets = append(targets, (*after)[len("http://example.com"):], (*before)[len("http://example.com"):])
	var lists []*wakefultest.List
	for _, target := range targets {
		lists = append(lists, server.Observe(target))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 12 {
		for range 4 {
			write(t, db, random)
		}
		for i, target := range targets {
			results, meta := results(t, app, target)
			lists[i].WaitEqual(t, withKeys(t, results, target))
			waitMeta(t, lists[i], strings.ReplaceAll(meta, "http://example.com", server.URL))
		}
	}
	counts := live.Counts()
	if counts["plan dropped"] > 0 || counts["read failed"] > 0 || counts["audit differed"] > 0 || counts["stepped"] == 0 {
		t.Errorf("not kept as it should be: %v", counts)
	}
}

// waitMeta returns when a list has what is to be beside it. It looks at what
// has arrived, and then at each heartbeat.
func waitMeta(t *testing.T, list *wakefultest.List, want string) {
	t.Helper()
	for looks := 0; want != "" && canonical(t, list.Meta()) != canonical(t, want); looks++ {
		if looks == 200 {
			t.Fatalf("beside the list is %s, want %s", list.Meta(), want)
		}
		seen := false
		list.Wait(t, func([]wakefultest.Item) bool {
			again := seen
			seen = true
			return again
		})
	}
}

// write runs a transaction that alters a few rows.
func write(t *testing.T, db *sql.DB, random *rand.Rand) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 1 + random.IntN(3) {
		id, other := 1+random.IntN(10), 1+random.IntN(3)
		for _, statement := range []string{[]string{
			`INSERT OR IGNORE INTO posts (id, author_id, title, score, created) VALUES (?1, ?2, 'new red ' || ?2, ?2 * 1.5, '2026-02-01 00:00:00')`,
			`UPDATE posts SET score = ?2 * 2 + 0.25, done = NOT done WHERE id = ?1`,
			`UPDATE posts SET title = 'red ' || title, tags = CASE WHEN tags IS NULL THEN '[1]' END WHERE id = ?1 AND ?2`,
			`DELETE FROM posts WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM comments WHERE post_id = posts.id) AND ?2`,
			`UPDATE posts SET id = id + 5 WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM posts AS p WHERE p.id = posts.id + 5)
				AND NOT EXISTS (SELECT 1 FROM comments WHERE post_id = posts.id) AND ?2 = 2`,
			`UPDATE posts SET author_id = ?2, big = ?2 WHERE id = ?1`,
			`UPDATE users SET name = CASE name WHEN 'bob' THEN 'rob' ELSE 'bob' END WHERE id = ?2 AND ?1`,
			`INSERT INTO comments (post_id, body) SELECT id, 'c' || ?2 FROM posts WHERE id = ?1`,
			`DELETE FROM comments WHERE post_id = ?1 AND ?2`,
			`UPDATE seats SET taken = ?1 WHERE seat = ?2`,
			`INSERT OR REPLACE INTO seats VALUES ('h' || ?1, ?2, 1)`,
		}[random.IntN(11)]} {
			if _, err := tx.Exec(statement, id, other); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// results is what a GET answers, as a list, and what is beside it.
func results(t *testing.T, app http.Handler, target string) (list []map[string]json.RawMessage, meta string) {
	t.Helper()
	status, body := get(t, app, target)
	if status == http.StatusNotFound {
		return []map[string]json.RawMessage{}, ""
	}
	var page map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &page); err != nil || status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", target, status, body)
	}
	if page["results"] == nil {
		return []map[string]json.RawMessage{page}, ""
	}
	if err := json.Unmarshal(page["results"], &list); err != nil {
		t.Fatal(err)
	}
	delete(page, "results")
	rest, err := json.Marshal(page)
	if err != nil {
		t.Fatal(err)
	}
	return list, string(rest)
}

// withKeys adds the composite keys that clients of observed lists see.
func withKeys(t *testing.T, list []map[string]json.RawMessage, target string) string {
	t.Helper()
	if len(target) >= 6 && target[:6] == "/seats" {
		for _, item := range list {
			var hall string
			if err := json.Unmarshal(item["hall"], &hall); err != nil {
				t.Fatal(err)
			}
			item["_key"] = json.RawMessage(fmt.Sprintf("%q", wire.Key(hall, string(item["seat"]))))
		}
	}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func canonical(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	again, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(again)
}

// TestRightsThatChange: a scope that reads the database is a right that lives.
func TestRightsThatChange(t *testing.T) {
	db, app, live := liveApp(t)
	server := wakefultest.Start(t, live, app)
	ids := func(want ...float64) func([]wakefultest.Item) bool {
		return func(items []wakefultest.Item) bool {
			return slices.EqualFunc(items, want, func(item wakefultest.Item, id float64) bool { return item["id"] == id })
		}
	}
	first := server.Observe("/own", http.Header{"X-User": {"u1"}})
	second := server.Observe("/own", http.Header{"X-User": {"u2"}})
	first.Wait(t, ids(1, 2))
	second.Wait(t, ids(3, 4))
	if _, err := db.Exec(`UPDATE members SET author = 2 WHERE user = 'u1'`); err != nil {
		t.Fatal(err)
	}
	// It is told that it may see other rows, and observes again.
	first = server.Observe("/own", http.Header{"X-User": {"u1"}})
	first.Wait(t, ids(3, 4))
	if _, err := db.Exec(`UPDATE posts SET author_id = 2 WHERE id = 5`); err != nil {
		t.Fatal(err)
	}
	first.Wait(t, ids(3, 4, 5))
	second.Wait(t, ids(3, 4, 5))
	if status, _ := get(t, app, "/own"); status != http.StatusForbidden {
		t.Errorf("a stranger gets %d", status)
	}
}
