package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/postgres"
)

// app is the application, running on a database.
type app struct {
	db      *sql.DB
	source  *postgres.Source
	live    *wakeful.Server
	http    *httptest.Server
	stopped bool
	cancel  context.CancelFunc
	ended   chan error
}

// serve starts the application. The listener, if given, is where.
func serve(config postgres.Config, listener net.Listener, events func(wakeful.Event)) (*app, error) {
	db, source, err := config.Open()
	if err != nil {
		return nil, err
	}
	live, err := wakeful.New(wakeful.Config{
		Source: source, Heartbeat: time.Second, Events: events, Logger: config.Logger,
		Limits: wakeful.Limits{Sessions: 100_000, FramesPerSecond: 10_000, FrameBurst: 10_000, Items: 100_000, Stop: -1},
	})
	if err != nil {
		return nil, errors.Join(err, db.Close(), source.Close())
	}
	server := httptest.NewUnstartedServer(live.Wrap(routes(db)))
	if listener != nil {
		server.Listener.Close()
		server.Listener = listener
	}
	server.Start()
	ctx, cancel := context.WithCancel(context.Background())
	a := &app{db: db, source: source, live: live, http: server, cancel: cancel, ended: make(chan error, 1)}
	go func() { a.ended <- live.Run(ctx) }()
	return a, nil
}

// stop ends the application; twice does no harm.
func (a *app) stop() error {
	if a.stopped {
		return nil
	}
	a.stopped = true
	a.cancel()
	err := <-a.ended
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	a.http.CloseClientConnections()
	a.http.Close()
	return errors.Join(err, a.db.Close(), a.source.Close())
}

// routes are the views: a list of counters, by the group that they are in, and
// whatever is in a table of this name.
func routes(db *sql.DB) http.Handler {
	mux := http.NewServeMux()
	list := func(pattern, text string, arguments ...string) {
		mux.Handle("GET "+pattern, wakeful.Observable("id")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var values []any
			for _, name := range arguments {
				values = append(values, r.URL.Query().Get(name))
			}
			answer(w, r, db, text, values...)
		})))
	}
	list("/counters", "SELECT id, n FROM counter WHERE grp = $1::int ORDER BY id", "grp")
	list("/large", "SELECT id, n FROM large WHERE grp = $1::int ORDER BY id", "grp")
	list("/added", "SELECT id, n FROM added ORDER BY id")
	return mux
}

func answer(w http.ResponseWriter, r *http.Request, db *sql.DB, text string, values ...any) {
	type item struct {
		ID int64 `json:"id"`
		N  int64 `json:"n"`
	}
	items := []item{}
	rows, err := db.QueryContext(r.Context(), text, values...)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer rows.Close()
	for rows.Next() {
		var i item
		if err := rows.Scan(&i.ID, &i.N); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		items = append(items, i)
	}
	if err := rows.Err(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(items) // the client is gone
}

// logTo writes warnings somewhere.
func logTo(w interface{ Write([]byte) (int, error) }) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
