package resolwe

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/sqlite"
)

const schema = `
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE tickets (
	id INTEGER PRIMARY KEY,
	project INTEGER NOT NULL,
	title TEXT NOT NULL,
	open INTEGER NOT NULL DEFAULT 1,
	score INTEGER NOT NULL DEFAULT 0,
	place INTEGER NOT NULL DEFAULT 0,
	assignee INTEGER REFERENCES people (id)
);
INSERT INTO people (id, name) VALUES (1, 'Ada'), (2, 'Barbara'), (3, 'Grace');
`

// app is an ordinary app with a live server around it. It can be stopped and
// started again on the same address and the same files.
type app struct {
	t       *testing.T
	folder  string
	addr    string
	outside *sql.DB // another program's handle on the same file
	log     *slog.Logger

	sessionTTL time.Duration // 0: the default

	db       *sql.DB
	observes atomic.Int64 // observing GETs by clients
	stopped  func()
}

// newApp makes the database and starts the app on a free port.
func newApp(t *testing.T) *app {
	t.Helper()
	a := &app{t: t, folder: t.TempDir(), addr: "127.0.0.1:0", log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	var err error
	a.outside, err = sql.Open("sqlite", a.file()+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.outside.Close() })
	if _, err := a.outside.Exec(schema); err != nil {
		t.Fatal(err)
	}
	a.start()
	t.Cleanup(a.stop)
	return a
}

func (a *app) file() string { return filepath.Join(a.folder, "app.db") }

// state is the file that sessions survive a restart in.
func (a *app) state() string { return filepath.Join(a.folder, "sessions") }

// start opens the database and serves.
func (a *app) start() {
	a.t.Helper()
	db, source, err := sqlite.Open(a.file())
	if err != nil {
		a.t.Fatal(err)
	}
	live, err := wakeful.New(wakeful.Config{Source: source, StateFile: a.state(), SessionTTL: a.sessionTTL, Logger: a.log})
	if err != nil {
		a.t.Fatal(err)
	}
	a.db = db
	listener, err := net.Listen("tcp", a.addr)
	if err != nil {
		a.t.Fatal(err)
	}
	a.addr = listener.Addr().String()
	wrapped := live.Wrap(a.routes(db))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") && r.URL.Query().Has("observe") {
			a.observes.Add(1)
		}
		wrapped.ServeHTTP(w, r)
	})}
	ctx, cancel := context.WithCancel(context.Background())
	ran, served := make(chan error, 1), make(chan error, 1)
	go func() { ran <- live.Run(ctx) }()
	go func() { served <- server.Serve(listener) }()
	a.stopped = func() {
		cancel()
		if err := <-ran; err != nil {
			a.t.Errorf("Run: %v", err)
		}
		_ = server.Close()
		<-served
		_ = db.Close()
	}
}

// stop ends the app as a deployment does: Run first, then the listener.
func (a *app) stop() {
	if a.stopped != nil {
		a.stopped()
		a.stopped = nil
	}
}

func (a *app) routes(db *sql.DB) http.Handler {
	mux := http.NewServeMux()
	list := func(pattern string, answer func(*http.Request, *sql.DB) (any, error)) {
		mux.Handle(pattern, wakeful.Observable("id")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := answer(r, db)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(body) // the client is gone
		})))
	}
	list("GET /api/tickets", tickets)
	list("GET /api/pages", page)
	list("GET /api/totals", totals)
	list("GET /api/board", board)
	return mux
}

// row is one item as the views answer it.
type row map[string]any

// ticketsQuery is SQL for the URL's filters, ordering and window.
func ticketsQuery(r *http.Request, columns string) (string, []any) {
	var where []string
	var arguments []any
	for _, column := range []string{"project", "open", "assignee"} {
		if value := r.URL.Query().Get(column); value != "" {
			where = append(where, column+" = ?")
			number, _ := strconv.Atoi(value)
			arguments = append(arguments, number)
		}
	}
	text := "SELECT " + columns + " FROM tickets"
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	switch r.URL.Query().Get("ordering") {
	case "-score":
		text += " ORDER BY score DESC, id"
	case "place":
		text += " ORDER BY place, id"
	default:
		text += " ORDER BY id"
	}
	if limit, err := strconv.Atoi(r.URL.Query().Get("limit")); err == nil {
		offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		text += " LIMIT ? OFFSET ?"
		arguments = append(arguments, limit, offset)
	}
	return text, arguments
}

func tickets(r *http.Request, db *sql.DB) (any, error) {
	text, arguments := ticketsQuery(r, "id, project, title, open, score, place")
	return rows(r.Context(), db, text, arguments...)
}

// page answers as paginated APIs do.
func page(r *http.Request, db *sql.DB) (any, error) {
	items, err := tickets(r, db)
	if err != nil {
		return nil, err
	}
	count, err := rows(r.Context(), db, "SELECT count(*) AS n FROM tickets")
	if err != nil {
		return nil, err
	}
	return row{"count": count[0]["n"], "next": nil, "previous": nil, "results": items}, nil
}

// totals answers with one object that has no key.
func totals(r *http.Request, db *sql.DB) (any, error) {
	sums, err := rows(r.Context(), db, "SELECT count(*) AS tickets, coalesce(sum(open), 0) AS open, coalesce(sum(score), 0) AS score FROM tickets")
	if err != nil {
		return nil, err
	}
	return sums[0], nil
}

// board joins two tables, in an order that both decide.
func board(r *http.Request, db *sql.DB) (any, error) {
	return rows(r.Context(), db, `SELECT tickets.id, title, name FROM tickets JOIN people ON people.id = assignee
		WHERE open = 1 ORDER BY name, tickets.id`)
}

func rows(ctx context.Context, db *sql.DB, text string, arguments ...any) ([]row, error) {
	found, err := db.QueryContext(ctx, text, arguments...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }()
	columns, err := found.Columns()
	if err != nil {
		return nil, err
	}
	items := []row{}
	for found.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := found.Scan(into...); err != nil {
			return nil, err
		}
		item := row{}
		for i, column := range columns {
			item[column] = values[i]
		}
		items = append(items, item)
	}
	return items, found.Err()
}

// plain is a GET of the same query that does not observe, made a list of items
// as the protocol does it.
func (a *app) plain(q query) []any {
	a.t.Helper()
	client := http.Client{Timeout: patience}
	response, err := client.Get("http://" + a.addr + q.path())
	if err != nil {
		a.t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || response.StatusCode != http.StatusOK {
		a.t.Fatalf("plain GET %s: %d %s %v", q.path(), response.StatusCode, body, err)
	}
	switch answer := decode(a.t, body).(type) {
	case []any:
		return answer
	case map[string]any:
		if results, ok := answer["results"].([]any); ok {
			return results
		}
		answer["id"] = json.Number("1")
		return []any{answer}
	}
	a.t.Fatalf("plain GET %s: neither a list nor an object: %s", q.path(), body)
	return nil
}

// decode reads JSON with numbers as they are written.
func decode(t *testing.T, text []byte) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return value
}

// transact runs the statements in one transaction.
func (a *app) transact(db *sql.DB, statements ...string) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			_ = tx.Rollback()
			a.t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := tx.Commit(); err != nil {
		a.t.Fatal(err)
	}
}

// fill inserts n tickets of the given project.
func (a *app) fill(project, n int) {
	a.t.Helper()
	var statements []string
	for i := range n {
		statements = append(statements, fmt.Sprintf(
			"INSERT INTO tickets (project, title, score, place, assignee) VALUES (%d, 'ticket %d', %d, %d, %d)", project, i, i*7%11, i, i%3+1))
	}
	a.transact(a.db, statements...)
}
