package resource_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource"
)

// goods is a row of the benchmarks.
type goods struct {
	ID      int64   `json:"id"`
	OwnerID int64   `json:"owner_id"`
	Name    string  `json:"name"`
	Score   float64 `json:"score"`
	Note    *string `json:"note"`
	Stock   int64   `json:"stock"`
}

// stocked opens a database with so many rows, of owners with 100 rows each.
func stocked(b testing.TB, rows int) (*sql.DB, resource.Config[goods]) {
	b.Helper()
	db, source := database(b)
	if _, err := db.Exec(`CREATE TABLE goods (id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL, name TEXT NOT NULL, score REAL NOT NULL, note TEXT, stock INTEGER NOT NULL);
		CREATE INDEX goods_by_score ON goods (owner_id, score DESC, id);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < ?)
		INSERT INTO goods SELECT i, i / 100, 'goods number ' || i, (i * 7919 % 100003) / 8.0, CASE WHEN i % 3 THEN 'some words about it' END, i % 1000 FROM n`, rows); err != nil {
		b.Fatal(err)
	}
	return db, resource.Config[goods]{DB: db, Catalog: source, Table: "goods", Allow: permit.Public,
		Filters: resource.Filters{"owner_id": resource.Equality}, Order: resource.Order{Default: []string{"-score"}}}
}

// byHand is the handler that the same list would be without the package.
func byHand(db *sql.DB) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		owner := r.URL.Query().Get("owner_id")
		rows, err := db.QueryContext(r.Context(), `SELECT (SELECT count(*) FROM goods WHERE owner_id = ?), id, owner_id, name, score, note, stock
			FROM goods WHERE owner_id = ? ORDER BY score DESC, id LIMIT ? OFFSET ?`, owner, owner, 50, 0)
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		defer func() { _ = rows.Close() }()
		var page struct {
			Count    int     `json:"count"`
			Next     *string `json:"next"`
			Previous *string `json:"previous"`
			Results  []goods `json:"results"`
		}
		for rows.Next() {
			var g goods
			if err := rows.Scan(&page.Count, &g.ID, &g.OwnerID, &g.Name, &g.Score, &g.Note, &g.Stock); err != nil {
				http.Error(w, err.Error(), 500)
				return
			}
			page.Results = append(page.Results, g)
		}
		if err := rows.Err(); err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		if page.Count > 50 {
			next := "http://" + r.Host + r.URL.Path + "?limit=50&offset=50&owner_id=" + owner
			page.Next = &next
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(page)
	}
}

// BenchmarkPlainGet compares a list with a handler written by hand.
func BenchmarkPlainGet(b *testing.B) {
	db, cfg := stocked(b, 100_000)
	rendered := cfg
	rendered.Render = func(g goods) any { return g }
	record := resource.Config[resource.Record]{DB: cfg.DB, Catalog: cfg.Catalog, Table: cfg.Table, Allow: cfg.Allow,
		Filters: cfg.Filters, Order: cfg.Order}
	for _, c := range []struct {
		name    string
		handler http.Handler
	}{
		{"byhand", byHand(db)}, {"resource", mounted(b, cfg, "/goods")},
		{"render", mounted(b, rendered, "/goods")}, {"record", mounted(b, record, "/goods")},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				w := httptest.NewRecorder()
				c.handler.ServeHTTP(w, httptest.NewRequest("GET", fmt.Sprintf("/goods?owner_id=%d", i%1000), nil))
				if w.Code != 200 || w.Body.Len() < 500 {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}

// BenchmarkRead reads the lists of many plans, in one statement and one by one.
func BenchmarkRead(b *testing.B) {
	_, cfg := stocked(b, 100_000)
	h := mounted(b, cfg, "/goods")
	plans := make([]*ivm.Plan, 500)
	for i := range plans {
		plans[i] = evaluate(h, fmt.Sprintf("/goods?owner_id=%d", i)).mark.Kept().Plan
	}
	for _, n := range []int{1, 10, 100, 500} {
		b.Run(fmt.Sprintf("together/%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := plans[0].Reader.Read(context.Background(), plans[:n]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/list")
		})
	}
	b.Run("evaluations/500", func(b *testing.B) {
		for b.Loop() {
			for i := range plans {
				evaluate(h, fmt.Sprintf("/goods?owner_id=%d", i))
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*500), "µs/list")
	})
}
