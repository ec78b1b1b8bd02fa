package resource_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/internal/observer"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/where"
)

// evaluation is what the observer of a URL is told.
type evaluation struct {
	status int
	body   string
	mark   *mark.Mark
	own    *readset.Set // what was read beside the rows
}

func evaluate(h http.Handler, target string) evaluation {
	e := evaluation{mark: &mark.Mark{Evaluating: true}, own: &readset.Set{}}
	w := httptest.NewRecorder()
	ctx := mark.NewContext(readset.NewContext(context.Background(), e.own), e.mark)
	h.ServeHTTP(w, httptest.NewRequest("GET", target, nil).WithContext(ctx))
	e.status, e.body = w.Code, w.Body.String()
	return e
}

// TestPlansSayTheSame compares the list that a plan gives with the answer.
func TestPlansSayTheSame(t *testing.T) {
	db, source := database(t)
	posts := whole(db, source, "posts")
	posts.Filters["author__name"] = resource.Every
	posts.Nested = []resource.Nested{
		{Name: "author", Via: "author_id", Columns: []string{"name"}},
		{Name: "comments", Table: "comments", By: "post_id"},
	}
	typed := resource.Config[post]{DB: db, Catalog: source, Table: "posts", Allow: permit.Public, Filters: resource.Filters{"author_id": resource.Every},
		Order:  resource.Order{Default: []string{"-score"}},
		Render: func(p post) any { return map[string]any{"id": p.ID, "t": p.Title} }}
	mux := http.NewServeMux()
	make1(t, posts).Mount(mux, "/posts")
	make1(t, typed).Mount(mux, "/typed")
	make1(t, whole(db, source, "seats")).Mount(mux, "/seats")
	for _, target := range []string{
		"/posts", "/posts?limit=2", "/posts?limit=2&offset=3", "/posts?offset=9", "/posts?page=2&page_size=2", "/posts?cursor=&limit=2",
		"/posts?score__gt=0&ordering=-score,title", "/posts?search=red", "/posts?author__name=bob", "/posts?id__in=1,2,3&done=true",
		"/posts/3", "/posts/77", "/typed", "/typed?author=1", "/typed/2", "/seats", "/seats?taken=0", "/seats/a%252Cb,1",
		"/posts?title=none",
	} {
		t.Run(target, func(t *testing.T) {
			e := evaluate(mux, target)
			kept := e.mark.Kept()
			if kept == nil {
				t.Fatal("no plan: ", e.body)
			}
			if !e.own.Empty() {
				t.Errorf("read beside the rows: %v", e.own.Tables())
			}
			if len(kept.Reads.Tables()) == 0 {
				t.Error("nothing was noted of what was read")
			}
			compare(t, e, kept.Plan, kept.Rows)
			again, err := kept.Plan.Reader.Read(context.Background(), []*ivm.Plan{kept.Plan})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, e, kept.Plan, again[0])
			three, err := kept.Plan.Reader.Read(context.Background(), []*ivm.Plan{kept.Plan, kept.Plan, kept.Plan})
			if err != nil {
				t.Fatal(err)
			}
			for _, rows := range three {
				compare(t, e, kept.Plan, rows)
			}
		})
	}
}

// compare holds what a plan makes of rows against the body of an evaluation.
func compare(t *testing.T, e evaluation, plan *ivm.Plan, rows *ivm.Rows) {
	t.Helper()
	result, err := ivm.New(plan, rows)
	if err != nil {
		t.Fatal(err)
	}
	if e.status == http.StatusNotFound {
		equal(t, "items", result.Items().Len(), 0)
		return
	}
	want, err := observer.ParseList([]byte(e.body), e.mark.View().Key, nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "meta", string(result.Meta()), string(want.Meta))
	equal(t, "items", fmt.Sprintf("%q", result.Items().Slice()), fmt.Sprintf("%q", want.Items.Slice()))
}

// TestShapes: what differs in arguments only is read together, and each gets
// its own.
func TestShapes(t *testing.T) {
	db, source := database(t)
	h := mounted(t, whole(db, source, "posts"), "/posts")
	targets := []string{"/posts?author_id=1&limit=1", "/posts?author_id=2&limit=2", "/posts?author_id=3&limit=2&offset=1", "/posts?author_id=9&offset=4"}
	var plans []*ivm.Plan
	var evaluations []evaluation
	for _, target := range targets {
		e := evaluate(h, target)
		plan := e.mark.Kept().Plan
		plans, evaluations = append(plans, plan), append(evaluations, e)
		if plan.Shape != plans[0].Shape || plan.Reader != plans[0].Reader {
			t.Fatalf("%s has another shape", target)
		}
	}
	rows, err := plans[0].Reader.Read(context.Background(), plans)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		compare(t, evaluations[i], plans[i], rows[i])
	}
	for _, target := range []string{"/posts?author_id__gt=1", "/posts?author_id=1&ordering=-id", "/posts?cursor=&author_id=1"} {
		if plan := evaluate(h, target).mark.Kept().Plan; plan.Shape == plans[0].Shape {
			t.Errorf("%s has the same shape", target)
		}
	}
}

// TestWhatTheGatewayLearns goes through the ways in which a request is asked
// what it would observe.
func TestWhatTheGatewayLearns(t *testing.T) {
	db, source := database(t)
	scoped := func(owner int) http.Handler {
		cfg := whole(db, source, "posts")
		cfg.Scope = func(*http.Request, permit.Action) (where.Expr, error) {
			return where.And(where.Eq("author_id", owner), where.NotNull("title")), nil
		}
		return mounted(t, cfg, "/posts")
	}
	ask := func(h http.Handler, target string, m *mark.Mark) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", target, nil).WithContext(mark.NewContext(context.Background(), m)))
		return w
	}
	scope := func(h http.Handler, target string) string {
		m := &mark.Mark{}
		w := ask(h, target, m)
		if m.View() == nil || w.Body.Len() > 0 || m.View().Scope == "" || m.View().Headers == nil {
			t.Fatalf("%s: %+v, answered %s", target, m.View(), w.Body)
		}
		return m.View().Scope
	}
	one := scope(scoped(1), "/posts")
	equal(t, "the scope again", scope(scoped(1), "/posts/2"), one)
	for what, other := range map[string]string{
		"another owner": scope(scoped(2), "/posts"), "another scheme": scope(scoped(1), "https://example.com/posts"),
		"everybody": scope(mounted(t, whole(db, source, "posts"), "/posts"), "/posts"),
	} {
		if other == one {
			t.Errorf("%s has the same scope", what)
		}
	}
	trial := &mark.Mark{Evaluating: true, Trial: true}
	w := ask(scoped(1), "/posts", trial)
	equal(t, "status of a trial", w.Code, 200)
	equal(t, "answer of a trial", w.Body.String(), "")
	equal(t, "scope of a trial", trial.View().Scope, one)
	for _, target := range []string{"/posts?colour=red", "/posts?limit=x"} {
		m := &mark.Mark{}
		w := ask(scoped(1), target, m)
		if w.Code != http.StatusBadRequest || m.View() != nil {
			t.Errorf("%s: %d, marked %v", target, w.Code, m.View())
		}
	}
	m := &mark.Mark{}
	w = ask(mounted(t, whole(db, source, "notes"), "/notes"), "/notes", m)
	if w.Code != http.StatusUnprocessableEntity || m.View() != nil || !strings.Contains(w.Body.String(), "not_observable") {
		t.Errorf("a table without a key: %d %s", w.Code, w.Body)
	}
	if _, err := db.Exec(`CREATE TABLE pairs (a INTEGER, b INTEGER, _key TEXT, PRIMARY KEY (a, b))`); err != nil {
		t.Fatal(err)
	}
	w = ask(mounted(t, whole(db, source, "pairs"), "/pairs"), "/pairs", &mark.Mark{})
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "_key") {
		t.Errorf("a column that is called as keys are: %d %s", w.Code, w.Body)
	}
}

// TestScope: what is not in it does not exist.
func TestScope(t *testing.T) {
	db, source := database(t)
	cfg := whole(db, source, "posts")
	cfg.Filters["author__secret"] = resource.Every
	cfg.Scope = func(_ *http.Request, a permit.Action) (where.Expr, error) { return where.Eq("author_id", 1), nil }
	cfg.Reach = func(_ *http.Request, table string) (where.Expr, error) {
		equal(t, "reached", table, "users")
		return where.Eq("id", 2), nil
	}
	h := mounted(t, cfg, "/posts")
	equal(t, "list", getPage(t, h, "/posts").ids(), []int{1, 2})
	equal(t, "filtered", getPage(t, h, "/posts?author_id=2").ids(), []int{})
	equal(t, "not reached", getPage(t, h, "/posts?author__secret=s1").ids(), []int{})
	if status, _ := get(t, h, "/posts/3"); status != http.StatusNotFound {
		t.Error(status)
	}
}

// TestStatementsAreUnderstood: of each list it is known which rows can matter.
func TestStatementsAreUnderstood(t *testing.T) {
	db, source := database(t)
	understood(t, db, source, map[string]string{
		"/posts": "", "/posts?author_id=2": "author_id = 2", "/posts?id__in=1,3": "id IN (1, 3)", "/posts/3": "id = 3",
		"/posts?score__gt=2&ordering=-score,title&limit=2": "score > 2", "/posts?search=red": "", "/posts?author__name=bob": "",
		"/posts?cursor=&limit=1": "", "/posts?created__range=2026-01-01,2026-01-02": "created", "/seats/a,1": `seat = 1`,
	})
}

// TestStatementsAreUnderstoodPostgres: of PostgreSQL's too.
func TestStatementsAreUnderstoodPostgres(t *testing.T) {
	db, source := postgresDatabase(t, `
CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE TABLE posts (id int PRIMARY KEY, author_id bigint REFERENCES users, title text, flat varchar(20) COLLATE "C", score float8, price numeric(10,2), done boolean,
	created timestamptz, uid uuid, tags text[]);
CREATE TABLE comments (id int PRIMARY KEY, post_id int REFERENCES posts, body text);
CREATE TABLE seats (hall text, seat int, PRIMARY KEY (hall, seat));
INSERT INTO users VALUES (1, 'ann');
INSERT INTO posts VALUES (1, 1), (2, 1), (3, 1);
INSERT INTO seats VALUES ('a', 1);
`)
	understood(t, db, source, map[string]string{
		"/posts": "", "/posts?author_id=2": "author_id = 2", "/posts?id__in=1,3": "id IN (1, 3)", "/posts/3": "id = 3",
		"/posts?score__gt=2&ordering=-score,title&limit=2": "score > 2", "/posts?search=red": "", "/posts?author__name=bob": "",
		"/posts?cursor=&limit=1": "", "/posts?created__range=2026-01-01,2026-01-02": "created", "/seats/a,1": `seat = 1`,
		"/posts?title=x": "title = 'x'", "/posts?price__lt=1.5": "price < '1.5'", "/posts?done=true": "done = true", "/posts?uid=123e4567-e89b-12d3-a456-426614174000": "uid = '123e",
		"/posts?flat__startswith=ab": "flat >= 'ab'", "/posts?title__icontains=ab": "title", "/posts?title__startswith=ab": "title", "/posts?flat__gt=x": "flat > 'x'",
	})
}

func understood(t *testing.T, db *sql.DB, source schema.Catalog, targets map[string]string) {
	cfg := whole(db, source, "posts")
	cfg.Filters["author__name"] = resource.Every
	cfg.Nested = []resource.Nested{
		{Name: "author", Via: "author_id", Columns: []string{"name"}},
		{Name: "comments", Table: "comments", By: "post_id"},
	}
	mux := http.NewServeMux()
	make1(t, cfg).Mount(mux, "/posts")
	make1(t, whole(db, source, "seats")).Mount(mux, "/seats")
	for target, narrow := range targets {
		t.Run(target, func(t *testing.T) {
			e := evaluate(mux, target)
			uses := e.mark.Kept().Reads.Uses()
			for _, use := range uses {
				q := query.Read(use.Statement)
				if q.Opaque != "" {
					t.Errorf("%s: %s", use.Statement.Text, q.Opaque)
				}
				if q.Ties != "" {
					t.Errorf("%s: ties: %s", use.Statement.Text, q.Ties)
				}
			}
			q := query.Read(uses[0].Statement)
			needs, _ := q.Bind(uses[0].Statement, uses[0].Args, func(int, any) string { return "" })
			var all []string
			for _, need := range needs {
				all = append(all, need.Where.Text(true))
			}
			if !strings.Contains(strings.Join(all, "; "), narrow) {
				t.Errorf("%s\nnarrows to %q, which has no %q", uses[0].Statement.Text, all, narrow)
			}
		})
	}
}

// TestPersonal: requests of equal scope share a list, unless lists are personal.
func TestPersonal(t *testing.T) {
	db, source := database(t)
	cfg := whole(db, source, "posts")
	for personal, shares := range map[bool]bool{false: true, true: false} {
		cfg.Personal = personal
		m := &mark.Mark{}
		r := httptest.NewRequest(http.MethodGet, "/posts", nil)
		mounted(t, cfg, "/posts").ServeHTTP(httptest.NewRecorder(), r.WithContext(mark.NewContext(r.Context(), m)))
		if v := m.View(); v == nil || (v.Scope != "") != shares {
			t.Errorf("personal %t: %+v", personal, v)
		}
	}
}
