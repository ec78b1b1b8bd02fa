package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the plain driver, for the log and for writers outside

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/internal/checker"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/postgres"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/sqlite"
)

// world is the application, running, and the log of what is committed.
type world struct {
	t       testing.TB
	dir     string
	db      *sql.DB // as the application opened it
	outside *sql.DB // as another program would
	live    *wakeful.Server
	http    *httptest.Server
	checker *checker.Checker
	url     string // of the database, where it is PostgreSQL
	replay  *sql.DB
	stop    func() // ends the server; twice does no harm
}

// patience is how long anything may take that needs no luck.
var patience = 10 * time.Second

func init() {
	if raceEnabled {
		patience *= 4
	}
}

// within bounds a wait of a test.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, fmt.Errorf("it did not happen within %v", patience))
	t.Cleanup(cancel)
	return ctx
}

// options change how a world is made.
type options struct {
	schema     string // beside the application's own
	triggerLog bool
	postgres   bool // the database, in place of SQLite
	config     func(*wakeful.Config)
	routes     func(*http.ServeMux, *sql.DB)
	wrap       func(http.Handler) http.Handler // around all
}

// plain opens a database as other programs do.
func plain(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(20000)&_pragma=foreign_keys(1)&_pragma=synchronous(0)&_pragma=journal_mode(wal)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// newWorld makes the database with its log, and starts the application.
func newWorld(t testing.TB, o options) *world {
	t.Helper()
	if o.postgres {
		return newPostgres(t, o)
	}
	w := &world{t: t, dir: t.TempDir(), checker: checker.New(views()...)}
	w.outside = plain(t, w.path())
	w.outside.SetMaxOpenConns(2)
	w.exec(schema + o.schema)
	if err := checker.Install(within(t), w.outside, filepath.Join(w.dir, "replay.db")); err != nil {
		t.Fatal(err)
	}
	w.start(o, nil)
	return w
}

// newPostgres is newWorld on PostgreSQL.
func newPostgres(t testing.TB, o options) *world {
	t.Helper()
	w := &world{t: t, checker: checker.New(viewsPostgres()...), url: pgtest.Database(t).URL}
	databases := []**sql.DB{&w.outside, &w.replay}
	for i, url := range []string{w.url, pgtest.Database(t).URL} {
		db, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		if _, err := db.Exec(schemaPostgres()); err != nil {
			t.Fatal(err)
		}
		onPostgres.Store(db, true)
		*databases[i] = db
	}
	if err := checker.InstallPostgres(within(t), w.outside); err != nil {
		t.Fatal(err)
	}
	if err := checker.OpenReplayPostgres(within(t), w.replay); err != nil {
		t.Fatal(err)
	}
	w.start(o, nil)
	return w
}

// watched is a source and the end of it.
type watched interface {
	source.Source
	Close() error
}

// open opens the database as the application does.
func (w *world) open(o options) (*sql.DB, watched, error) {
	if o.postgres {
		db, source, err := postgres.Config{URL: w.url, Logger: slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))}.Open()
		onPostgres.Store(db, true)
		return db, source, err
	}
	return sqlite.Config{
		Path: w.path(), TriggerLog: o.triggerLog, Pragmas: []string{"synchronous(0)"},
		BusyTimeout: patience, // many writers, and SQLite's lock is not fair
	}.Open()
}

func (w *world) path() string { return filepath.Join(w.dir, "app.db") }

// start opens the database as the application does and serves it. Listener,
// if given, is where.
func (w *world) start(o options, listener net.Listener) {
	w.t.Helper()
	db, source, err := w.open(o)
	if err != nil {
		w.t.Fatal(err)
	}
	// A session whose lists stay as they are hears of progress at heartbeats only.
	config := wakeful.Config{Source: source, Heartbeat: time.Second, Limits: wakeful.Limits{Sessions: 100_000, FramesPerSecond: 10_000, FrameBurst: 10_000}}
	if o.config != nil {
		o.config(&config)
	}
	live, err := wakeful.New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	mux := app(db)
	mux.HandleFunc("POST /write", writeRoute(db))
	clock := &route{key: []string{"n"}, items: args("SELECT n FROM checker_clock")} // every transaction turns it
	mux.Handle("GET /clock", wakeful.Observable("n")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		clock.serve(w, r, db)
	})))
	if o.routes != nil {
		o.routes(mux, db)
	}
	handler := http.Handler(mux)
	if o.wrap != nil {
		handler = o.wrap(handler)
	}
	server := httptest.NewUnstartedServer(live.Wrap(handler))
	if listener != nil {
		server.Listener.Close()
		server.Listener = listener
	}
	server.Start()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- live.Run(ctx) }()
	w.db, w.live, w.http = db, live, server
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			w.t.Errorf("Run: %v", err)
		}
		server.CloseClientConnections()
		server.Close()
		if err := errors.Join(db.Close(), source.Close()); err != nil {
			w.t.Errorf("close: %v", err)
		}
	}
	w.t.Cleanup(func() { w.stop() })
}

// exec writes as another program does.
func (w *world) exec(text string, arguments ...any) {
	w.t.Helper()
	if _, err := w.outside.ExecContext(within(w.t), text, arguments...); err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
}

// get is a plain GET of a view.
func (w *world) get(view *checker.View) (*checker.Result, error) {
	request, err := http.NewRequestWithContext(within(w.t), http.MethodGet, w.http.URL+view.URL, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", view.As)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	return view.Parse(response.StatusCode, body)
}

// judge holds everything that clients were shown against the log.
func (w *world) judge() *checker.Report {
	w.t.Helper()
	ctx := context.Background()
	log, err := checker.ReadLog(ctx, w.outside)
	if err != nil {
		w.t.Fatal(err)
	}
	replay := w.replay
	if replay == nil {
		replay, err = sql.Open("sqlite", filepath.Join(w.dir, "replay.db"))
		if err != nil {
			w.t.Fatal(err)
		}
		defer replay.Close()
		if err := checker.OpenReplay(ctx, replay); err != nil {
			w.t.Fatal(err)
		}
	}
	report, err := w.checker.Check(ctx, log, replay)
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}
