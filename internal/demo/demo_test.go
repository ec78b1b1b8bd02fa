package demo

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/sqlite"
	"github.com/wakeful-dev/wakeful/wakefultest"
)

func newBoard(t *testing.T) (*Board, *sqlite.Source) {
	t.Helper()
	db, source, err := sqlite.Config{
		Path:       filepath.Join(t.TempDir(), "board.db"),
		Parameters: url.Values{"_txlock": {"immediate"}},
	}.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	b, err := New(db, SQLite, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b, source
}

// lists are all the lists that the page follows.
var lists = []string{
	"/api/projects", "/api/people", "/api/top", "/api/activity", "/api/writer", "/api/counts?project=1",
	"/api/tickets?project=1&status=todo", "/api/tickets?project=1&status=doing", "/api/tickets?project=1&status=done",
	"/api/tickets?assignee=1&status=open", "/api/tickets",
}

func TestAllListsFollowTheWriter(t *testing.T) {
	b, source := newBoard(t)
	followWriter(t, b, source)
}

func followWriter(t *testing.T, b *Board, from source.Source) {
	t.Helper()
	live, err := wakeful.New(wakeful.Config{Source: from})
	if err != nil {
		t.Fatal(err)
	}
	app := b.Handler()
	server := wakefultest.Start(t, live, app)
	var followed []*wakefultest.List
	for _, url := range lists {
		followed = append(followed, server.Observe(url))
	}
	for range 60 {
		if err := b.within(t.Context(), func(tx transaction) error { return b.act(t.Context(), tx) }); err != nil {
			t.Fatal(err)
		}
	}
	for i, url := range lists {
		plain := httptest.NewRecorder()
		app.ServeHTTP(plain, httptest.NewRequest("GET", url, nil))
		followed[i].WaitEqual(t, plain.Body.String())
	}
}

func TestWriterKeepsTheBoardInBounds(t *testing.T) {
	b, _ := newBoard(t)
	ctx := t.Context()
	for i := range 300 {
		if err := b.within(ctx, func(tx transaction) error { return b.act(ctx, tx) }); err != nil {
			t.Fatalf("act %d: %v", i, err)
		}
	}
	for _, bound := range []struct {
		what      string
		low, high int
	}{
		{"tickets", fewTickets - 1, manyTickets + 1},
		{"activity", 1, 100},
		{"people", len(peopleNames), len(peopleNames)},
	} {
		var n int
		if err := b.db.QueryRowContext(ctx, "SELECT count(*) FROM "+bound.what).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n < bound.low || n > bound.high {
			t.Errorf("%d rows of %s, want %d to %d", n, bound.what, bound.low, bound.high)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	b, _ := newBoard(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx) }()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v, want nil", err)
	}
}

func TestRestartKeepsTheBoard(t *testing.T) {
	b, _ := newBoard(t)
	if _, err := b.db.Exec(`DELETE FROM tickets WHERE id > 3`); err != nil {
		t.Fatal(err)
	}
	if _, err := New(b.db, SQLite, nil); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := b.db.QueryRow(`SELECT count(*) FROM tickets`).Scan(&n); err != nil || n != 3 {
		t.Errorf("%d tickets, %v; want the 3 that were there", n, err)
	}
}

func TestRequests(t *testing.T) {
	b, _ := newBoard(t)
	app := b.Handler()
	tests := []struct {
		name         string
		method, path string
		form         string
		header       string // Sec-Fetch-Site
		status       int
		body         string // part of it
	}{
		{"add", "POST", "/api/tickets", "title=New&project=2&assignee=3", "", 201, `"title":"New"`},
		{"add with defaults", "POST", "/api/tickets", "title=New", "", 201, `"project_id":1`},
		{"no title", "POST", "/api/tickets", "title=++", "", 400, "title"},
		{"long title", "POST", "/api/tickets", "title=" + strings.Repeat("x", 121), "", 400, "title"},
		{"no such project", "POST", "/api/tickets", "title=x&project=99", "", 400, "no project 99"},
		{"project is no number", "POST", "/api/tickets", "title=x&project=one", "", 400, "project is a number"},
		{"vote", "POST", "/api/tickets/1/vote", "", "", 200, `"votes":5`},
		{"vote for nothing", "POST", "/api/tickets/999/vote", "", "", 404, "no such ticket"},
		{"reassign", "PATCH", "/api/tickets/1", "assignee=4", "", 200, `"assignee_id":4`},
		{"rename", "PATCH", "/api/tickets/1", "title=Other", "", 200, `"title":"Other"`},
		{"next column", "PATCH", "/api/tickets/1", "status=doing", "", 200, `"status":"doing"`},
		{"no such column", "PATCH", "/api/tickets/1", "status=gone", "", 400, "todo, doing, done"},
		{"up", "POST", "/api/tickets/3/move", "by=up", "", 200, `"id":3`},
		{"sideways", "POST", "/api/tickets/3/move", "by=left", "", 400, "up or down"},
		{"delete", "DELETE", "/api/tickets/2", "", "", 200, `"id":2`},
		{"delete again", "DELETE", "/api/tickets/2", "", "", 404, "no such ticket"},
		{"pause", "PATCH", "/api/writer", "running=false", "", 200, `"running":false`},
		{"pace", "PATCH", "/api/writer", "per_second=2.5", "", 200, `"per_second":2.5`},
		{"too fast", "PATCH", "/api/writer", "per_second=21", "", 400, "0.1 to 20"},
		{"no pace", "PATCH", "/api/writer", "per_second=NaN", "", 400, "0.1 to 20"},
		{"page of another site", "POST", "/api/tickets", "title=x", "cross-site", 403, ""},
		{"page", "GET", "/", "", "", 200, "<!doctype html>"},
		{"nothing there", "GET", "/nothing", "", "", 404, ""},
		{"text in place of a number", "GET", "/api/tickets?project=%27+OR+1=1", "", "", 200, "[]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.form))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if tt.header != "" {
				r.Header.Set("Sec-Fetch-Site", tt.header)
			}
			w := httptest.NewRecorder()
			app.ServeHTTP(w, r)
			body, err := io.ReadAll(w.Body)
			if err != nil || w.Code != tt.status || !strings.Contains(string(body), tt.body) {
				t.Errorf("%s %s %q: %d %s, want %d and %q", tt.method, tt.path, tt.form, w.Code, body, tt.status, tt.body)
			}
		})
	}
}

func TestSwapIsBothOrNothing(t *testing.T) {
	b, _ := newBoard(t)
	places := func() map[int64]int64 {
		rows, err := b.db.Query(`SELECT id, place FROM tickets WHERE project_id = 1 AND status = 'todo'`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		found := map[int64]int64{}
		for rows.Next() {
			var id, place int64
			if err := rows.Scan(&id, &place); err != nil {
				t.Fatal(err)
			}
			found[id] = place
		}
		return found
	}
	before := places()
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/api/tickets/2/move?by=up", nil)
	b.Handler().ServeHTTP(w, r)
	after := places()
	if w.Code != http.StatusOK || after[1] != before[2] || after[2] != before[1] {
		t.Errorf("%d: places of 1 and 2 are %d and %d, before %d and %d", w.Code, after[1], after[2], before[1], before[2])
	}
}
