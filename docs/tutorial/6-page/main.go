// Step 6 of the tutorial: a page that moves, a document, and an orderly end.
package main

import (
	"context"
	_ "embed"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
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

//go:embed page.html
var page []byte

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
	mux := http.NewServeMux()
	todos.Mount(mux, "/todos")
	mux.Handle("GET /api/openapi.json", resource.OpenAPI(resource.Info{Title: "Todos", Cookies: []string{"session"}}, todos))
	mux.HandleFunc("POST /login/{session}", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: r.PathValue("session"), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
		w.WriteHeader(http.StatusNoContent)
	})
	mux.Handle("GET /wakeful.js", wakeful.Script())
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page)
	})
	serve(*listen, live, signedIn(mux))
}

// serve answers until the program is interrupted. Then clients are told to come
// back, and what is being answered is answered.
func serve(address string, live *wakeful.Server, app http.Handler) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: live.Wrap(app), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() {
		ended <- live.Run(ctx) // ends with ctx, when its clients have been told
	}()
	go func() {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(patience)
	}()
	log.Print("http://", listener.Addr())
	if err := server.Serve(listener); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	if err := <-ended; err != nil {
		log.Fatal(err)
	}
	log.Print("ended")
}
