package wakeful_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/explain"
	"github.com/wakeful-dev/wakeful/sqlite"
	"github.com/wakeful-dev/wakeful/wakefultest"
)

// newStock is an app whose goods are listed by their price, over SQLite.
func newStock(dir string) (app http.Handler, live *wakeful.Server, db *sql.DB, end func(), err error) {
	db, source, err := sqlite.Open(filepath.Join(dir, "stock.db"))
	if err != nil {
		return nil, nil, nil, nil, err
	}
	end = func() { _ = db.Close(); _ = source.Close() }
	if _, err = db.Exec(`CREATE TABLE goods (id INTEGER PRIMARY KEY, name TEXT, price INTEGER)`); err == nil {
		live, err = wakeful.New(wakeful.Config{Source: source})
	}
	if err != nil {
		end()
		return nil, nil, nil, nil, err
	}
	return wakeful.Observable("id")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rows, err := db.QueryContext(r.Context(), `SELECT id, name FROM goods WHERE price BETWEEN ? AND ? ORDER BY id`, 10, 20)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer rows.Close()
		items := []map[string]any{}
		for rows.Next() {
			var id int64
			var name string
			if err := rows.Scan(&id, &name); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			items = append(items, map[string]any{"id": id, "name": name})
		}
		_ = json.NewEncoder(w).Encode(items)
	})), live, db, end, nil
}

// Why a list moved, and why it did not.
func ExampleServer_Explain() {
	dir, err := os.MkdirTemp("", "explain")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	app, live, db, end, err := newStock(dir)
	if err != nil {
		panic(err)
	}
	defer end()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- live.Run(ctx) }()
	handler := live.Wrap(app)

	// A client observes, and somebody writes.
	get := func() (answer struct{ Observer string }) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/goods?observe=me", nil))
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			panic(err)
		}
		return answer
	}
	id := get().Observer
	for _, statement := range []string{
		`INSERT INTO goods VALUES (1, 'tea', 15)`, `INSERT INTO goods VALUES (2, 'wine', 40)`, `UPDATE goods SET price = 45 WHERE id = 2`,
	} {
		if _, err := db.Exec(statement); err != nil {
			panic(err)
		}
	}
	get() // its answer contains all of that

	e, err := live.Explain(ctx, wakeful.Question{Observer: id, Values: true})
	if err != nil {
		panic(err)
	}
	fmt.Println(e.Reads[0])
	for _, c := range e.Changes {
		fmt.Println(c.Reasons[0])
	}
	cancel()
	<-ended
	// Output:
	// goods (id, name, price): price BETWEEN 10 AND 20
	// goods: update of price does not touch: price BETWEEN 10 AND 20 is not met by the old row (price 40) or the new row (price 45)
	// goods: insert does not touch: price BETWEEN 10 AND 20 is not met by the new row (price 40)
	// goods: insert touches: the new row (price 15) meets price BETWEEN 10 AND 20
}

// TestExplain: each way to name an observer, with and without values, as JSON.
func TestExplain(t *testing.T) {
	app, live, db, end, err := newStock(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	if _, err := live.Explain(t.Context(), wakeful.Question{Observer: "abcdef"}); err == nil || !strings.Contains(err.Error(), "does not run") {
		t.Errorf("before Run: %v", err)
	}
	server := wakefultest.Start(t, live, app)
	goods := server.Observe("/goods?a=1&b=2")
	resp, err := http.Get(server.URL + "/goods?b=2&a=1&observe=mine")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	mustExec(t, db, `INSERT INTO goods VALUES (1, 'tea', 15)`)
	goods.WaitEqual(t, `[{"id":1,"name":"tea"}]`)
	id := goods.Explain().Observer
	for _, q := range []wakeful.Question{{Observer: id}, {Observer: id[:12]}, {Session: "mine", URL: "/goods?a=1&b=2"}, {Session: "mine", URL: "/goods?b=2&a=1&observe=mine"}} {
		e, err := live.Explain(t.Context(), q)
		if err != nil {
			t.Errorf("%+v: %v", q, err)
			continue
		}
		text, err := json.Marshal(e)
		if err != nil || e.Observer != id || e.Kept.Subscribers != 2 || e.Kept.ListBytes == 0 || e.Runs[0].Cause != explain.Changed ||
			strings.Contains(string(text), "tea") || strings.Contains(e.String(), "price 15") || e.Reads[0].Rows != "price BETWEEN ? AND ?" || e.URL != "" {
			t.Errorf("%+v: %s %v", q, text, err)
		}
	}
	for q, want := range map[wakeful.Question]string{
		{Observer: "0000000000"}:                     "no observer",
		{Session: "mine", URL: "/other"}:             "follows no list under this URL",
		{Session: "nobody", URL: "/goods?a=1&b=2"}:   "follows no list under this URL",
		{Session: "mine", URL: "/goods?a=1&b=2&c=3"}: "follows no list under this URL",
		{}: "too short",
	} {
		if _, err := live.Explain(t.Context(), q); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want one that says %q", q, err, want)
		}
	}
	what := &change.Changeset{Changes: []change.Change{{Table: "goods", Kind: change.Delete, Columns: []string{"id", "name", "price"}, Old: []any{int64(9), "x", int64(99)}}}}
	e, err := live.Explain(t.Context(), wakeful.Question{Observer: id, Change: what, Values: true})
	if err != nil || e.Asked.Touches || e.Asked.Reasons[0].String() !=
		"goods: delete does not touch: price BETWEEN 10 AND 20 is not met by the old row (price 99)" {
		t.Errorf("%+v %v", e.Asked, err)
	}
}
