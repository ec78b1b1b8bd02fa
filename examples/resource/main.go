// Resource is an app of two declared resources: authors, and posts of which
// everybody sees the published ones and each author the own drafts too. Lists
// are live, and kept from the rows that change.
//
//	go run ./examples/resource
//	curl -H 'X-User: 1' --json '{"title": "Tea"}' localhost:8083/posts
//	curl 'localhost:8083/posts?search=tea&ordering=-created'
//	curl -H 'X-User: 1' -X POST localhost:8083/posts/1/publish
//	curl 'localhost:8083/posts?author__name=Ann&observe=me'
//	curl -N -H 'Accept: text/event-stream' 'localhost:8083/posts?limit=10'
package main

import (
	"context"
	"database/sql"
	"log"
	"net/http"
	"strconv"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/sqlite"
	"github.com/wakeful-dev/wakeful/where"
)

const tables = `
CREATE TABLE IF NOT EXISTS authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, email TEXT);
CREATE TABLE IF NOT EXISTS posts (
	id INTEGER PRIMARY KEY,
	author_id INTEGER NOT NULL REFERENCES authors(id),
	title TEXT NOT NULL,
	body TEXT NOT NULL DEFAULT '',
	published BOOLEAN NOT NULL DEFAULT FALSE,
	created TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS posts_by_created ON posts (created, id);
INSERT OR IGNORE INTO authors (id, name, email) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL);`

// author has no email: answers show what the struct has, and nothing else.
type author struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

type post struct {
	ID        int64     `json:"id"`
	AuthorID  int64     `json:"author_id"`
	Title     string    `json:"title"`
	Body      string    `json:"body"`
	Published bool      `json:"published"`
	Created   time.Time `json:"created"`
}

func routes(db *sql.DB, source *sqlite.Source) (http.Handler, error) {
	authors, err := resource.New(resource.Config[author]{
		DB: db, Catalog: source, Table: "authors",
		Filters: resource.Filters{"name": resource.Texts},
		Order:   resource.Order{Default: []string{"name"}, Allow: []string{"name"}},
		Allow:   permit.ReadOnly,
	})
	if err != nil {
		return nil, err
	}
	posts, err := resource.New(resource.Config[post]{
		DB: db, Catalog: source, Table: "posts",
		Filters: resource.Filters{
			"author_id":    resource.Equality,
			"author__name": {resource.Exact, resource.IStartsWith},
			"created":      resource.Comparison,
		},
		Search:   []string{"title", "body"},
		Order:    resource.Order{Default: []string{"-created"}, Allow: []string{"created", "title"}},
		Page:     resource.Page{Size: 20, Max: 100},
		ReadOnly: []string{"author_id", "published", "created"},
		Allow:    permit.Any(permit.ReadOnly, permit.SignedIn),
		Scope:    seen,
		Validate: func(ctx context.Context, p *post) error {
			if p.ID == 0 {
				p.AuthorID = user(ctx)
			}
			return nil
		},
		Nested: []resource.Nested{{Name: "author", Via: "author_id", Columns: []string{"id", "name"}}},
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	authors.Mount(mux, "/authors")
	posts.Mount(mux, "/posts")
	mux.HandleFunc("POST /posts/{key}/publish", func(w http.ResponseWriter, r *http.Request) {
		post, err := posts.Load(r, permit.Update)
		if err == nil {
			_, err = db.ExecContext(r.Context(), `UPDATE posts SET published = TRUE WHERE id = ?`, post.ID)
		}
		if err != nil {
			resource.Fail(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return signedIn(mux), nil
}

// seen is which posts a request reads, and which it may alter.
func seen(r *http.Request, a permit.Action) (where.Expr, error) {
	own := where.Eq("author_id", user(r.Context()))
	if a == permit.Read {
		return where.Or(where.Eq("published", true), own), nil
	}
	return own, nil
}

// signedIn stands for an authentication: it believes the header X-User.
func signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if who := r.Header.Get("X-User"); who != "" {
			r = r.WithContext(permit.NewContext(r.Context(), permit.Identity{Subject: who}))
		}
		next.ServeHTTP(w, r)
	})
}

// user is the author that a request comes from, 0 for nobody.
func user(ctx context.Context) int64 {
	who, _ := permit.From(ctx)
	id, err := strconv.ParseInt(who.Subject, 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// open makes the app over a database file, and what keeps its lists live.
func open(path string) (http.Handler, *wakeful.Server, error) {
	db, source, err := sqlite.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if _, err := db.Exec(tables); err != nil {
		return nil, nil, err
	}
	app, err := routes(db, source)
	if err != nil {
		return nil, nil, err
	}
	live, err := wakeful.New(wakeful.Config{
		Source:   source,
		Identity: func(r *http.Request) (string, error) { return r.Header.Get("X-User"), nil },
	})
	return app, live, err
}

func main() {
	app, live, err := open("blog.db")
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(live.Run(context.Background())) }()
	log.Print("http://localhost:8083/posts")
	// Without the time limit, whoever sends half a request holds a connection.
	server := &http.Server{Addr: "localhost:8083", Handler: live.Wrap(app), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}
