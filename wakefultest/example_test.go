package wakefultest_test

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/sqlite"
	"github.com/wakeful-dev/wakeful/wakefultest"
)

type post struct {
	ID    int64  `json:"id"`
	Title string `json:"title"`
}

// newApp is an application as anybody would write it: one table, one view.
func newApp(t testing.TB) (app http.Handler, live *wakeful.Server, db *sql.DB) {
	db, source, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		db.Close()
		source.Close()
	})
	if _, err := db.Exec("CREATE TABLE post (id INTEGER PRIMARY KEY, author INTEGER, title TEXT)"); err != nil {
		t.Fatal(err)
	}
	if live, err = wakeful.New(wakeful.Config{Source: source}); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /posts", wakeful.Observable("id")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rows, err := db.QueryContext(r.Context(), "SELECT id, title FROM post WHERE author = ? ORDER BY id", r.FormValue("author"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer rows.Close()
		posts := []post{}
		for rows.Next() {
			var p post
			if err := rows.Scan(&p.ID, &p.Title); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			posts = append(posts, p)
		}
		json.NewEncoder(w).Encode(posts)
	})))
	return mux, live, db
}

// A test of an own handler: observe, write, wait.
func Example() {
	var t *testing.T // of the test function

	app, live, db := newApp(t)
	posts := wakefultest.Observe(t, live, app, "/posts?author=7")
	db.Exec("INSERT INTO post (author, title) VALUES (7, 'Hello')")
	posts.WaitEqual(t, `[{"id": 1, "title": "Hello"}]`)
}
