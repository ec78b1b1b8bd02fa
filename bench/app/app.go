// Package app is what is measured: an ordinary app over SQLite, or PostgreSQL, with a list, a
// write and a note, made live as the README says. The floors serve the same
// handlers, bare.
//
// Pipeline: bench → [app] → wakeful.
package app

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"

	"github.com/wakeful-dev/wakeful/bench/role"

	_ "modernc.org/sqlite" // the bare driver
)

// Rows is the length of the longest list.
const Rows = 1000

// Written answers POST /write.
type Written struct {
	At int64 `json:"at"` // role.Now when the commit had returned
}

// item is one row of the lists.
type item struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	Score int64  `json:"score"`
}

// Handlers are the routes of the app. Statements counts the SQL that they
// send.
type Handlers struct {
	DB         *sql.DB
	Mark       func(http.Handler) http.Handler // around the lists; nil for none
	Statements atomic.Int64
	dollar     bool // arguments stand as $1 in statements
}

// text is a statement as the database takes it.
func (h *Handlers) text(of string) string {
	if h.dollar {
		return dollared(of)
	}
	return of
}

// Mux returns the routes.
func (h *Handlers) Mux() *http.ServeMux {
	mark := h.Mark
	if mark == nil {
		mark = func(view http.Handler) http.Handler { return view }
	}
	mux := http.NewServeMux()
	mux.Handle("GET /items", mark(http.HandlerFunc(h.list)))
	mux.Handle("GET /owned", mark(http.HandlerFunc(h.owned)))
	mux.HandleFunc("POST /write", h.write)
	mux.HandleFunc("POST /drop", h.drop)
	h.goods(mux, mark)
	h.wares(mux)
	return mux
}

// list answers the first rows of the table: GET /items?limit=10.
func (h *Handlers) list(w http.ResponseWriter, r *http.Request) {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil {
		http.Error(w, "limit: want a number", http.StatusBadRequest)
		return
	}
	h.query(w, r, limit, `SELECT id, name, score FROM item ORDER BY id LIMIT ?`, limit)
}

// owned answers the rows of one owner: GET /owned?owner=17.
func (h *Handlers) owned(w http.ResponseWriter, r *http.Request) {
	owner := number(r.URL.Query(), "owner")
	h.query(w, r, OwnedRows, `SELECT id, name, score FROM owned WHERE owner = ? ORDER BY id`, owner)
}

// query answers with the rows of a statement, about so many.
func (h *Handlers) query(w http.ResponseWriter, r *http.Request, about int, text string, args ...any) {
	h.Statements.Add(1)
	items, err := Select(r.Context(), h.DB, about, h.text(text), args...)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(items) // the client is gone: nobody to tell
}

// Select returns the rows of a statement, about so many.
func Select(ctx context.Context, db *sql.DB, about int, text string, args ...any) ([]item, error) {
	rows, err := db.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	items := make([]item, 0, about)
	for rows.Next() {
		var i item
		if err := rows.Scan(&i.ID, &i.Name, &i.Score); err != nil {
			return nil, err
		}
		items = append(items, i)
	}
	return items, rows.Err()
}

// write sets the score of a row: POST /write?id=3&score=1000007.
func (h *Handlers) write(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	h.exec(w, r, `UPDATE item SET score = ? WHERE id = ?`, number(query, "score"), number(query, "id"))
}

// drop deletes a row: POST /drop?id=1.
func (h *Handlers) drop(w http.ResponseWriter, r *http.Request) {
	h.exec(w, r, `DELETE FROM item WHERE id = ?`, number(r.URL.Query(), "id"))
}

func number(query url.Values, name string) int64 {
	n, _ := strconv.ParseInt(query.Get(name), 10, 64) // 0 is no row
	return n
}

func (h *Handlers) exec(w http.ResponseWriter, r *http.Request, text string, args ...any) {
	h.Statements.Add(1)
	result, err := h.DB.ExecContext(r.Context(), h.text(text), args...)
	at := role.Now()
	if err == nil {
		if n, _ := result.RowsAffected(); n != 1 {
			err = fmt.Errorf("%d rows written, want 1", n)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(Written{At: at}) // the client is gone: nobody to tell
}
