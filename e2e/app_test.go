// Package e2e proves the whole: a real application over a real database, real
// sockets, and the checker as the judge. Nothing here knows how Wakeful works.
package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/internal/checker"
	"github.com/wakeful-dev/wakeful/internal/planted"
)

// schema is the application's: a small forum.
const schema = `
CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT NOT NULL, team INTEGER NOT NULL);
CREATE TABLE post (
	id INTEGER PRIMARY KEY,
	author INTEGER NOT NULL REFERENCES author ON DELETE CASCADE,
	title TEXT NOT NULL, score INTEGER NOT NULL, state TEXT NOT NULL, note TEXT);
CREATE INDEX post_author ON post (author);
CREATE TABLE tag (
	post INTEGER NOT NULL REFERENCES post ON DELETE CASCADE ON UPDATE CASCADE,
	name TEXT NOT NULL, weight DOUBLE PRECISION NOT NULL, PRIMARY KEY (post, name)) WITHOUT ROWID;
CREATE TABLE label (name TEXT PRIMARY KEY, uses INTEGER NOT NULL);
CREATE TABLE noise (id INTEGER PRIMARY KEY, n INTEGER NOT NULL);
CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
INSERT INTO author VALUES (1, 'Ada', 1), (2, 'Bob', 1), (3, 'Cyd', 2), (4, 'Dan', 2);
INSERT INTO account VALUES (1, 100), (2, 100), (3, 100);
`

// route is one view of the application: how its URL becomes SQL, and its rows
// an answer.
type route struct {
	pattern string
	key     []string
	tables  []string
	items   func(*http.Request) checker.Query
	meta    func(*http.Request) checker.Query // of a page
	object  bool                              // one row is the answer; none is 404
	private bool                              // depends on who asks

	// The handler asks first, and then one of the others, in place of items.
	first, even, odd checker.Query
}

// mode is a number that changes now and then.
const mode = "SELECT coalesce(max(uses), 0) FROM label WHERE name < '<b'"

func args(text string, names ...string) func(*http.Request) checker.Query {
	return func(r *http.Request) checker.Query {
		q := checker.Query{Text: text}
		for _, name := range names {
			value := r.URL.Query().Get(name)
			if n, err := strconv.Atoi(value); err == nil {
				q.Args = append(q.Args, n)
			} else {
				q.Args = append(q.Args, value)
			}
		}
		return q
	}
}

var routes = []route{
	{pattern: "GET /posts", key: []string{"id"}, tables: []string{"post"},
		items: args("SELECT id, title, score, state, note FROM post WHERE author = ? ORDER BY id", "author")},
	{pattern: "GET /state", key: []string{"id"}, tables: []string{"post"},
		items: args("SELECT id, score, title FROM post WHERE state = ? ORDER BY score, id", "is")},
	{pattern: "GET /top", key: []string{"id"}, tables: []string{"post"},
		items: top},
	{pattern: "GET /tags", key: []string{"post", "name"}, tables: []string{"post", "tag"},
		items: args("SELECT t.post, t.name, t.weight, p.title FROM tag t JOIN post p ON p.id = t.post WHERE p.state = ? ORDER BY t.weight DESC, t.post, t.name", "state")},
	{pattern: "GET /tagged", key: []string{"id"}, tables: []string{"post", "tag"},
		items: args("SELECT id, title FROM post p WHERE EXISTS (SELECT 1 FROM tag WHERE post = p.id AND name = ?) ORDER BY title, id", "name")},
	{pattern: "GET /authors", key: []string{"id"}, tables: []string{"author", "post"},
		items: args("SELECT a.id, a.name, count(p.id) AS posts, max(p.score) AS best FROM author a LEFT JOIN post p ON p.author = a.id GROUP BY a.id ORDER BY posts DESC, a.id")},
	{pattern: "GET /count", key: []string{"id"}, tables: []string{"post"}, object: true,
		items: args("SELECT count(*) AS posts, coalesce(sum(score), 0) AS score FROM post WHERE state = ?", "state")},
	{pattern: "GET /page", key: []string{"id"}, tables: []string{"post", "author"},
		items: args("SELECT p.id, p.title, a.name AS author FROM post p JOIN author a ON a.id = p.author ORDER BY a.name, p.id LIMIT ? OFFSET ?", "limit", "offset"),
		meta:  args("SELECT count(*) AS count, NULL AS next, NULL AS previous FROM post")},
	{pattern: "GET /labels", key: []string{"name"}, tables: []string{"label"},
		items: args("SELECT name, uses FROM label ORDER BY uses DESC, name")},
	{pattern: "GET /post/{id}", key: []string{"id"}, tables: []string{"post"}, object: true,
		items: func(r *http.Request) checker.Query {
			id, _ := strconv.Atoi(path.Base(r.URL.Path)) // 0 is nobody's
			return checker.SQL("SELECT id, title, score, state, author FROM post WHERE id = ?", id)
		}},
	// The sum of all balances never changes: two statements that see two states
	// of the database show it.
	{pattern: "GET /bank", key: []string{"id"}, tables: []string{"account"},
		items: args("SELECT id, balance FROM account ORDER BY id"),
		meta:  args("SELECT sum(balance) AS count FROM account")},
	// What it reads depends on what it has read.
	{pattern: "GET /either", key: []string{"id"}, tables: []string{"label", "post", "author"}, first: checker.SQL(mode),
		items: args("SELECT id, title FROM post WHERE state = 'open' AND (" + mode + ") % 2 = 0 UNION ALL SELECT id, name FROM author WHERE (" + mode + ") % 2 = 1 ORDER BY id"),
		even:  checker.SQL("SELECT id, title FROM post WHERE state = 'open' ORDER BY id"),
		odd:   checker.SQL("SELECT id, name AS title FROM author ORDER BY id")},
	{pattern: "GET /mine", key: []string{"id"}, tables: []string{"post", "author"}, private: true,
		items: func(r *http.Request) checker.Query {
			return checker.SQL("SELECT p.id, p.title FROM post p JOIN author a ON a.id = p.author WHERE a.name = ? ORDER BY p.title DESC, p.id", user(r))
		}},
}

func top(r *http.Request) checker.Query {
	return args("SELECT id, title, score FROM post ORDER BY score DESC, id DESC LIMIT ? OFFSET ?", "limit", "offset")(r)
}

// user is who asks: the application believes the header.
func user(r *http.Request) string { return r.Header.Get("Authorization") }

// urls are what clients may ask for.
var urls = []string{
	"/posts?author=1", "/posts?author=2", "/posts?author=3", "/posts?author=4",
	"/state?is=open", "/state?is=done", "/state?is=it's%20late",
	"/top?limit=5&offset=0", "/top?limit=5&offset=5", "/top?limit=3&offset=2", "/top?limit=100&offset=0",
	"/tags?state=open", "/tags?state=done", "/tagged?name=a/b", "/tagged?name=red",
	"/authors", "/count?state=open", "/count?state=done",
	"/page?limit=5&offset=0", "/page?limit=5&offset=5", "/labels", "/bank",
	"/either", "/post/1", "/post/2", "/post/3", "/post/4", "/post/5",
	"/mine",
}

// users are who clients may be.
var users = []string{"Ada", "Bob"}

// views are what the checker holds the clients' lists against.
func views() (list []*checker.View) {
	for _, address := range urls {
		r := routeOf(address)
		for _, as := range users {
			if !r.private {
				as = ""
			}
			u, err := url.Parse(address)
			if err != nil {
				panic(err)
			}
			request := &http.Request{URL: u, Header: http.Header{"Authorization": {as}}}
			view := &checker.View{URL: address, As: as, Tables: r.tables, Key: r.key, Items: r.items(request)}
			if r.meta != nil {
				view.Meta = r.meta(request)
			}
			list = append(list, view)
			if !r.private {
				break
			}
		}
	}
	return list
}

func routeOf(address string) *route {
	at, _, _ := strings.Cut(address, "?")
	for i := range routes {
		pattern := strings.TrimPrefix(routes[i].pattern, "GET ")
		if pattern == at || strings.HasSuffix(pattern, "{id}") && path.Dir(pattern) == path.Dir(at) {
			return &routes[i]
		}
	}
	panic("no route for " + address)
}

// app is the application: handlers as anybody would write them.
func app(db *sql.DB) *http.ServeMux {
	mux := http.NewServeMux()
	for i := range routes {
		r := &routes[i]
		view := wakeful.View{Key: r.key}
		mux.Handle(r.pattern, view.Observable(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			r.serve(w, req, db)
		})))
	}
	return mux
}

func (r *route) serve(w http.ResponseWriter, req *http.Request, db *sql.DB) {
	items := r.items(req)
	if planted.Is(planted.TieBreakMissing) {
		items.Text = strings.Replace(items.Text, "score DESC, id DESC", "score DESC", 1)
	}
	if r.first.Text != "" {
		rows, err := query(req.Context(), db, r.first)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		items = r.even
		for _, n := range rows[0] {
			if n.(int64)%2 == 1 {
				items = r.odd
			}
		}
	}
	rows, err := query(req.Context(), db, items)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	var answer any = rows
	switch {
	case r.object && len(rows) == 0:
		http.NotFound(w, req)
		return
	case r.object:
		answer = rows[0]
	case r.meta != nil:
		meta, err := query(req.Context(), db, r.meta(req))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		meta[0]["results"] = rows
		answer = meta[0]
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the client is gone
}

// query returns each row as column → value.
func query(ctx context.Context, db *sql.DB, q checker.Query) (list []map[string]any, err error) {
	rows, err := db.QueryContext(ctx, spell(db, q.Text), q.Args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	list = []map[string]any{}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := map[string]any{}
		for i, name := range columns {
			row[name] = values[i]
		}
		list = append(list, row)
	}
	return list, rows.Err()
}
