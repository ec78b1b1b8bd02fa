// Nethttp is an app with net/http and database/sql whose list is live.
//
//	go run ./examples/nethttp
//	curl -d body='Hello' localhost:8081/posts
//	curl 'localhost:8081/posts?observe=me'
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"log"
	"net/http"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/sqlite"
)

type post struct {
	ID   int64  `json:"id"`
	Body string `json:"body"`
}

func routes(db *sql.DB) http.Handler {
	mux := http.NewServeMux()
	list := func(w http.ResponseWriter, r *http.Request) {
		rows, err := db.QueryContext(r.Context(), `SELECT id, body FROM posts ORDER BY id DESC LIMIT 20`)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer rows.Close()
		posts := []post{}
		for rows.Next() {
			var p post
			if err := rows.Scan(&p.ID, &p.Body); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			posts = append(posts, p)
		}
		if err := rows.Err(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(posts)
	}
	mux.Handle("GET /posts", wakeful.Observable("id")(http.HandlerFunc(list)))
	mux.HandleFunc("POST /posts", func(w http.ResponseWriter, r *http.Request) {
		if _, err := db.ExecContext(r.Context(), `INSERT INTO posts (body) VALUES (?)`, r.FormValue("body")); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	return mux
}

// open makes the app over a database file, and what keeps its lists live.
func open(path string) (http.Handler, *wakeful.Server, error) {
	db, source, err := sqlite.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if _, err := db.Exec(`CREATE TABLE IF NOT EXISTS posts (id INTEGER PRIMARY KEY, body TEXT NOT NULL)`); err != nil {
		return nil, nil, err
	}
	live, err := wakeful.New(wakeful.Config{Source: source})
	return routes(db), live, err
}

func main() {
	app, live, err := open("posts.db")
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(live.Run(context.Background())) }()
	log.Print("http://localhost:8081/posts")
	// Without the time limit, whoever sends half a request holds a connection.
	server := &http.Server{Addr: "localhost:8081", Handler: live.Wrap(app), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}
