package resource_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/sqlite"
	"github.com/wakeful-dev/wakeful/where"
)

// A resource of a Go type, of which a request sees the rows of its own team.
func ExampleNew() {
	dir, err := os.MkdirTemp("", "resource")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	db, source, err := sqlite.Open(filepath.Join(dir, "app.db"))
	if err != nil {
		panic(err)
	}
	defer func() { _, _ = db.Close(), source.Close() }()
	if _, err := db.Exec(`CREATE TABLE tasks (id INTEGER PRIMARY KEY, team TEXT NOT NULL, title TEXT NOT NULL, due DATE);
		INSERT INTO tasks VALUES (1, 'red', 'Paint', '2026-01-02'), (2, 'blue', 'Sing', NULL), (3, 'red', 'Dance', '2026-01-01')`); err != nil {
		panic(err)
	}

	type task struct {
		ID    int64  `json:"id"`
		Title string `json:"title"`
	}
	tasks, err := resource.New(resource.Config[task]{
		DB: db, Catalog: source, Table: "tasks",
		Filters: resource.Filters{"title": resource.Texts, "due": resource.Comparison},
		Order:   resource.Order{Default: []string{"due"}, Allow: []string{"title", "due"}},
		Allow:   permit.SignedIn,
		Scope: func(r *http.Request, _ permit.Action) (where.Expr, error) {
			who, _ := permit.From(r.Context())
			return where.Eq("team", who.Claims["team"]), nil
		},
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	tasks.Mount(mux, "/tasks")

	for _, target := range []string{"/tasks", "/tasks?title__icontains=PA", "/tasks/2"} {
		r := httptest.NewRequest("GET", target, nil)
		who := permit.Identity{Subject: "ann", Claims: map[string]any{"team": "red"}}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r.WithContext(permit.NewContext(r.Context(), who)))
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 200 {"count":2,"next":null,"previous":null,"results":[{"id":3,"title":"Dance"},{"id":1,"title":"Paint"}]}
	// 200 {"count":1,"next":null,"previous":null,"results":[{"id":1,"title":"Paint"}]}
	// 404 {"status":404,"code":"not_found","title":"Not Found","detail":"there is no such row in tasks"}
}
