// Step 5 of the tutorial: who may do what.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/sqlite"
	"github.com/wakeful-dev/wakeful/where"
)

const table = `
CREATE TABLE IF NOT EXISTS todos (
	id INTEGER PRIMARY KEY,
	owner TEXT NOT NULL,
	text TEXT NOT NULL,
	shared BOOLEAN NOT NULL DEFAULT FALSE,
	done BOOLEAN NOT NULL DEFAULT FALSE,
	hours INTEGER NOT NULL DEFAULT 1 CHECK (hours BETWEEN 1 AND 8),
	made TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
	UNIQUE (owner, text)
)`

type todo struct {
	ID     int64     `json:"id"`
	Owner  string    `json:"owner"`
	Text   string    `json:"text"`
	Shared bool      `json:"shared"`
	Done   bool      `json:"done"`
	Hours  int       `json:"hours"`
	Made   time.Time `json:"made"`
}

// people have a session each. A real app has a login, and random sessions.
var people = map[string]string{"ann-session": "ann", "bob-session": "bob"}

// signedIn tells the resource who a request comes from.
func signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cookie, err := r.Cookie("session"); err == nil && people[cookie.Value] != "" {
			r = r.WithContext(permit.NewContext(r.Context(), permit.Identity{Subject: people[cookie.Value]}))
		}
		next.ServeHTTP(w, r)
	})
}

// seen is which todos a request reads, and which it may alter.
func seen(r *http.Request, action permit.Action) (where.Expr, error) {
	who, _ := permit.From(r.Context())
	own := where.Eq("owner", who.Subject)
	if action == permit.Read {
		return where.Or(own, where.Eq("shared", true)), nil
	}
	return own, nil
}

// validate says what the database cannot.
func validate(ctx context.Context, t *todo) error {
	if who, _ := permit.From(ctx); t.ID == 0 {
		t.Owner = who.Subject
	}
	t.Text = strings.TrimSpace(t.Text)
	if t.Text == "" {
		return resource.Invalid{"text": {"say what is to be done"}}
	}
	return nil
}

func main() {
	listen := flag.String("listen", "localhost:8080", "the address to listen on")
	flag.Parse()
	db, source, err := sqlite.Open("todos.db")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.Exec(table); err != nil {
		log.Fatal(err)
	}
	live, err := wakeful.New(wakeful.Config{Source: source, Cookies: []string{"session"}})
	if err != nil {
		log.Fatal(err)
	}
	todos, err := resource.New(resource.Config[todo]{
		DB: db, Catalog: source, Table: "todos",
		Filters: resource.Filters{"done": resource.Equality, "text": resource.Texts},
		Search:  []string{"text"},
		Order:   resource.Order{Allow: []string{"text", "done", "made"}},
		Allow:   permit.SignedIn,
		Scope:   seen,

		ReadOnly: []string{"owner", "made"},
		Validate: validate,
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(live.Run(context.Background())) }()
	mux := http.NewServeMux()
	todos.Mount(mux, "/todos")
	serve(*listen, live.Wrap(signedIn(mux)))
}

func serve(address string, app http.Handler) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	log.Print("http://", listener.Addr())
	log.Fatal(http.Serve(listener, app))
}
