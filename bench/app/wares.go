package app

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// Wares are the rows of the declared resource: Rows of them, Each of one owner.
// The owner of row id is (id-1)/Each + 1. Their scores are in no order.
type Wares struct {
	Rows int `json:"rows"`
	Each int `json:"each"`
	// ByScore: they are listed all together by score, not those of an owner.
	ByScore bool `json:"by_score,omitempty"`
}

// Step is what separates the places of two scores. Below it a score says which
// write it came from.
const Step = 1_000_000

// places is how many places a score can have.
const places = 100_003

// FillWares makes the table of the resource, with the index that its lists
// want.
func FillWares(db *sql.DB, g Wares) error {
	texts := []string{
		`CREATE TABLE ware (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, name TEXT NOT NULL, score INTEGER NOT NULL)`,
		`CREATE INDEX ware_owner ON ware (owner, score DESC, id)`,
	}
	if g.ByScore {
		texts[1] = `CREATE INDEX ware_score ON ware (score DESC, id)`
	}
	for _, text := range texts {
		if _, err := db.Exec(text); err != nil {
			return err
		}
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit: nothing left to undo
	insert, err := tx.Prepare(`INSERT INTO ware (id, owner, name, score) VALUES (?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	for id := 1; id <= g.Rows; id++ {
		if _, err := insert.Exec(id, (id-1)/g.Each+1, fmt.Sprintf("the ware with number %d", id), int64(id)*7919%places*Step); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// ScoreWare is the statement that changes one ware.
const ScoreWare = `UPDATE ware SET score = ? WHERE id = ?`

// wares adds the routes that are no resource: a write, and the list of an owner
// as one would write it by hand.
func (h *Handlers) wares(mux *http.ServeMux) {
	mux.HandleFunc("POST /ware", h.scoreWare)
	mux.HandleFunc("GET /byhand", h.ownersWares)
}

// scoreWare sets the score of a ware: POST /ware?id=3&score=1000007.
func (h *Handlers) scoreWare(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	h.exec(w, r, ScoreWare, number(query, "score"), number(query, "id"))
}

// ownersWares answers what the resource answers to the same parameters, and
// knows no others: GET /byhand?owner=7&ordering=-score&limit=50.
func (h *Handlers) ownersWares(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	owner, err := strconv.ParseInt(query.Get("owner"), 10, 64)
	limit, limitErr := strconv.Atoi(query.Get("limit"))
	if err := errors.Join(err, limitErr); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.Statements.Add(1)
	p, err := h.page(r, owner, limit)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	p.write(w)
}
