package app

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// ware is one row of the list by hand.
type ware struct {
	ID    int64  `json:"id"`
	Owner int64  `json:"owner"`
	Name  string `json:"name"`
	Score int64  `json:"score"`
}

// page is a list as the resource answers it.
type page struct {
	Count    int     `json:"count"`
	Next     *string `json:"next"`
	Previous *string `json:"previous"`
	Results  []ware  `json:"results"`
}

// pageOf is the statement that the resource runs for the list of an owner.
const pageOf = `SELECT (SELECT count(*) FROM ware AS n WHERE n.owner = ?), t.id, t.owner, t.name, t.score ` +
	`FROM ware AS t WHERE t.owner = ? ORDER BY t.score DESC, t.id LIMIT ?`

// page reads the first wares of an owner.
func (h *Handlers) page(r *http.Request, owner int64, limit int) (*page, error) {
	rows, err := h.DB.QueryContext(r.Context(), pageOf, owner, owner, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	p := &page{Results: make([]ware, 0, limit)}
	for rows.Next() {
		var one ware
		if err := rows.Scan(&p.Count, &one.ID, &one.Owner, &one.Name, &one.Score); err != nil {
			return nil, err
		}
		p.Results = append(p.Results, one)
	}
	if p.Count > limit {
		query := r.URL.Query()
		query.Set("offset", strconv.Itoa(limit))
		next := "http://" + r.Host + r.URL.Path + "?" + query.Encode()
		p.Next = &next
	}
	return p, rows.Err()
}

func (p *page) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(p) // the client is gone: nobody to tell
}
