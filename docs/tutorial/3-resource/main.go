// Step 3 of the tutorial: a declared resource in place of the handlers.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"net/http"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/sqlite"
)

const table = `CREATE TABLE IF NOT EXISTS todos (id INTEGER PRIMARY KEY, text TEXT NOT NULL, done BOOLEAN NOT NULL DEFAULT FALSE)`

type todo struct {
	ID   int64  `json:"id"`
	Text string `json:"text"`
	Done bool   `json:"done"`
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
		Order:   resource.Order{Allow: []string{"text", "done"}},
		Allow:   permit.Public,
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
