// Step 4 of the tutorial: what a todo may be.
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
)

const table = `
CREATE TABLE IF NOT EXISTS todos (
	id INTEGER PRIMARY KEY,
	text TEXT NOT NULL UNIQUE,
	done BOOLEAN NOT NULL DEFAULT FALSE,
	hours INTEGER NOT NULL DEFAULT 1 CHECK (hours BETWEEN 1 AND 8),
	made TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
)`

type todo struct {
	ID    int64     `json:"id"`
	Text  string    `json:"text"`
	Done  bool      `json:"done"`
	Hours int       `json:"hours"`
	Made  time.Time `json:"made"`
}

// validate says what the database cannot.
func validate(_ context.Context, t *todo) error {
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
	live, err := wakeful.New(wakeful.Config{Source: source})
	if err != nil {
		log.Fatal(err)
	}
	todos, err := resource.New(resource.Config[todo]{
		DB: db, Catalog: source, Table: "todos",
		Filters: resource.Filters{"done": resource.Equality, "text": resource.Texts},
		Search:  []string{"text"},
		Order:   resource.Order{Allow: []string{"text", "done", "made"}},
		Allow:   permit.Public,

		ReadOnly: []string{"made"},
		Validate: validate,
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(live.Run(context.Background())) }()
	mux := http.NewServeMux()
	todos.Mount(mux, "/todos")
	serve(*listen, live.Wrap(mux))
}

func serve(address string, app http.Handler) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	log.Print("http://", listener.Addr())
	log.Fatal(http.Serve(listener, app))
}
