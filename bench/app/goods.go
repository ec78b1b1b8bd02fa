package app

import (
	"database/sql"
	"fmt"
	"net/http"
)

// Goods are rows of which each belongs to an owner and has a price: Rows of
// them, Each of one owner. The owner of row id is (id-1)/Each + 1, its price ten
// times that.
type Goods struct {
	Rows int `json:"rows"`
	Each int `json:"each"`
}

// FillGoods makes the table that the views by owner and by price read.
func FillGoods(db *sql.DB, g Goods) error {
	for _, text := range []string{
		`CREATE TABLE good (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, price INTEGER NOT NULL, name TEXT NOT NULL, score INTEGER NOT NULL)`,
		`CREATE INDEX good_owner ON good (owner)`,
		`CREATE INDEX good_price ON good (price)`,
	} {
		if _, err := db.Exec(text); err != nil {
			return err
		}
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit: nothing left to undo
	insert, err := tx.Prepare(`INSERT INTO good (id, owner, price, name, score) VALUES (?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	for id := 1; id <= g.Rows; id++ {
		owner := (id-1)/g.Each + 1
		if _, err := insert.Exec(id, owner, 10*owner, fmt.Sprintf("the good with number %d", id), id); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// goods adds the routes of the goods.
func (h *Handlers) goods(mux *http.ServeMux, mark func(http.Handler) http.Handler) {
	mux.Handle("GET /goods", mark(http.HandlerFunc(h.allGoods)))
	mux.Handle("GET /goods/owner", mark(http.HandlerFunc(h.ownersGoods)))
	mux.Handle("GET /goods/price", mark(http.HandlerFunc(h.pricedGoods)))
	mux.HandleFunc("POST /good", h.scoreGood)
}

// allGoods answers the first goods: GET /goods?limit=10000.
func (h *Handlers) allGoods(w http.ResponseWriter, r *http.Request) {
	limit := number(r.URL.Query(), "limit")
	h.query(w, r, int(limit), `SELECT id, name, score FROM good ORDER BY id LIMIT ?`, limit)
}

// GoodsOf is the query of the view by owner.
const GoodsOf = `SELECT id, name, score FROM good WHERE owner = ? ORDER BY id`

// ownersGoods answers the goods of an owner: GET /goods/owner?owner=7.
func (h *Handlers) ownersGoods(w http.ResponseWriter, r *http.Request) {
	h.query(w, r, 10, GoodsOf, number(r.URL.Query(), "owner"))
}

// pricedGoods answers the goods of a range: GET /goods/price?from=60&to=79.
func (h *Handlers) pricedGoods(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	h.query(w, r, 10, `SELECT id, name, score FROM good WHERE price BETWEEN ? AND ? ORDER BY id`, number(query, "from"), number(query, "to"))
}

// ScoreGood is the statement that changes one good.
const ScoreGood = `UPDATE good SET score = ? WHERE id = ?`

// scoreGood sets the score of a good: POST /good?id=3&score=1000007.
func (h *Handlers) scoreGood(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	h.exec(w, r, ScoreGood, number(query, "score"), number(query, "id"))
}
