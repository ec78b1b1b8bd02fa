// Chi is an app with the chi router and database/sql whose lists are live:
// a list with a filter in the path, and one thing of it.
//
//	go run ./examples/chi
//	curl -d name='tea' localhost:8082/shops/1/items
//	curl 'localhost:8082/shops/1/items?observe=me'
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/sqlite"
)

type item struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

type shops struct{ db *sql.DB }

func routes(db *sql.DB) http.Handler {
	s := shops{db}
	app := chi.NewRouter()
	app.Route("/shops/{shop}/items", func(r chi.Router) {
		r.With(wakeful.Observable("id")).Get("/", s.list)
		r.With(wakeful.Observable("id")).Get("/{item}", s.one)
		r.Post("/", s.add)
	})
	return app
}

func (s shops) list(w http.ResponseWriter, r *http.Request) {
	rows, err := s.db.QueryContext(r.Context(),
		`SELECT id, name FROM items WHERE shop = ? ORDER BY name, id`, chi.URLParam(r, "shop"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer rows.Close()
	items := []item{}
	for rows.Next() {
		var i item
		if err := rows.Scan(&i.ID, &i.Name); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		items = append(items, i)
	}
	if err := rows.Err(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, items)
}

func (s shops) one(w http.ResponseWriter, r *http.Request) {
	var i item
	err := s.db.QueryRowContext(r.Context(), `SELECT id, name FROM items WHERE shop = ? AND id = ?`,
		chi.URLParam(r, "shop"), chi.URLParam(r, "item")).Scan(&i.ID, &i.Name)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		http.NotFound(w, r)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		answer(w, i)
	}
}

func (s shops) add(w http.ResponseWriter, r *http.Request) {
	if _, err := s.db.ExecContext(r.Context(), `INSERT INTO items (shop, name) VALUES (?, ?)`,
		chi.URLParam(r, "shop"), r.FormValue("name")); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// open makes the app over a database file, and what keeps its lists live.
func open(path string) (http.Handler, *wakeful.Server, error) {
	db, source, err := sqlite.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if _, err := db.Exec(`CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, shop INTEGER NOT NULL, name TEXT NOT NULL)`); err != nil {
		return nil, nil, err
	}
	live, err := wakeful.New(wakeful.Config{Source: source})
	return routes(db), live, err
}

func main() {
	app, live, err := open("shops.db")
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(live.Run(context.Background())) }()
	log.Print("http://localhost:8082/shops/1/items")
	// Without the time limit, whoever sends half a request holds a connection.
	server := &http.Server{Addr: "localhost:8082", Handler: live.Wrap(app), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}
