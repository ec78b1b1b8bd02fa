package demo

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/postgres"
)

func postgresBoard(t *testing.T) (*Board, *postgres.Source) {
	t.Helper()
	db, source, err := postgres.Open(pgtest.Database(t).URL + "&search_path=" + Schema)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	})
	b, err := New(db, Postgres, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b, source
}

// TestAllListsFollowTheWriterOnPostgres is what the page shows.
func TestAllListsFollowTheWriterOnPostgres(t *testing.T) {
	b, source := postgresBoard(t)
	followWriter(t, b, source)
}

// TestPostgresTakesEveryWrite: what visitors and the writer do is SQL of
// PostgreSQL too.
func TestPostgresTakesEveryWrite(t *testing.T) {
	b, _ := postgresBoard(t)
	app := b.Handler()
	for _, tt := range []struct{ method, path, form, want string }{
		{"POST", "/api/tickets", "title=One+more&project=2", `"title":"One more"`},
		{"PATCH", "/api/tickets/1", "title=Else&assignee=2", `"assignee_id":2`},
		{"PATCH", "/api/tickets/1", "status=done", `"status":"done"`},
		{"POST", "/api/tickets/2/vote", "", `"votes":3`},
		{"POST", "/api/tickets/3/move", "by=up", `"id":3`},
		{"POST", "/api/tickets/3/move", "by=down", `"id":3`},
		{"DELETE", "/api/tickets/4", "", `"id":4`},
		{"DELETE", "/api/tickets/4", "", "there is no such ticket"},
		{"DELETE", "/api/tickets/x", "", "there is no such ticket"},
		{"PATCH", "/api/writer", "running=false&per_second=0.5", `{"id":1,"running":false,"per_second":0.5}`},
		{"GET", "/api/tickets?project=x", "", "[]"},
		{"GET", "/api/writer", "", `[{"id":1,"running":false,"per_second":0.5}]`},
	} {
		r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		if !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s %s %s: %d %s; want %s", tt.method, tt.path, tt.form, w.Code, w.Body, tt.want)
		}
	}
	for i := range 200 {
		if err := b.within(t.Context(), func(tx transaction) error { return b.act(t.Context(), tx) }); err != nil {
			t.Fatalf("act %d: %v", i, err)
		}
	}
	for _, list := range lists {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, httptest.NewRequest("GET", list, nil))
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), `[`) {
			t.Errorf("GET %s: %d %s", list, w.Code, w.Body)
		}
	}
	if _, err := New(b.db, Postgres, nil); err != nil {
		t.Errorf("the board that is there already: %v", err)
	}
}

// TestText: each argument has its number.
func TestText(t *testing.T) {
	const statement = `UPDATE a SET b = ?, c = ? WHERE d = ?`
	if got := Postgres.text(statement); got != `UPDATE a SET b = $1, c = $2 WHERE d = $3` {
		t.Error(got)
	}
	if got := SQLite.text(statement); got != statement {
		t.Error(got)
	}
}
