// Echo is an app with the echo router and database/sql whose lists are live.
//
//	cd examples/echo && go run .
//	curl -d name='tea' localhost:8084/shops/1/items
//	curl 'localhost:8084/shops/1/items?observe=me'
//
// What a handler runs must have the request's context: c.Request().Context().
package main

import (
	"context"
	"database/sql"
	"log"
	"net/http"
	"time"

	"github.com/labstack/echo/v5"

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
	app := echo.New()
	app.GET("/shops/:shop/items", s.list)
	app.POST("/shops/:shop/items", s.add)
	return app
}

func (s shops) list(c *echo.Context) error {
	ctx := c.Request().Context()
	wakeful.Observe(ctx, "id")
	rows, err := s.db.QueryContext(ctx, `SELECT id, name FROM items WHERE shop = ? ORDER BY name, id`, c.Param("shop"))
	if err != nil {
		return err
	}
	defer rows.Close()
	items := []item{}
	for rows.Next() {
		var i item
		if err := rows.Scan(&i.ID, &i.Name); err != nil {
			return err
		}
		items = append(items, i)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, items)
}

func (s shops) add(c *echo.Context) error {
	_, err := s.db.ExecContext(c.Request().Context(), `INSERT INTO items (shop, name) VALUES (?, ?)`, c.Param("shop"), c.FormValue("name"))
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusCreated)
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
	log.Print("http://localhost:8084/shops/1/items")
	// Without the time limit, whoever sends half a request holds a connection.
	server := &http.Server{Addr: "localhost:8084", Handler: live.Wrap(app), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}
