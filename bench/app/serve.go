package app

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"runtime"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/bench/role"
	"github.com/wakeful-dev/wakeful/sqlite"
)

// Database says what to open.
type Database struct {
	Folder     string `json:"folder"`
	URL        string `json:"url,omitempty"` // of a PostgreSQL database, in place of the folder
	TriggerLog bool   `json:"trigger_log,omitempty"`
	Owners     int    `json:"owners,omitempty"` // who have rows of their own
	Memory     int    `json:"memory,omitempty"` // the server's Config.Memory
	Goods      Goods  `json:"goods"`
	Wares      Wares  `json:"wares"`           // of the resource; without any there is none
	Items      int    `json:"items,omitempty"` // most rows of a result
	Procs      int    `json:"procs,omitempty"` // cores that the process may use
}

// Opened answers "open" with where the app listens.
type Opened struct {
	Addr string `json:"addr"`
}

// Counts is what the app has done so far.
type Counts struct {
	Statements  int64  `json:"statements"`  // of the handlers
	Evaluations uint64 `json:"evaluations"` // as the server counts them
	Steps       uint64 `json:"steps"`
	Reads       uint64 `json:"reads"`     // statements that read lists of plans
	Snapshots   uint64 `json:"snapshots"` // sent to clients that could not be continued
	Sockets     uint64 `json:"sockets"`   // open now
	Observers   uint64 `json:"observers"` // live now
	CPU         int64  `json:"cpu"`       // nanoseconds that the process has used
}

// Since is what was done after the counts before.
func (c Counts) Since(before Counts) Counts {
	return Counts{
		Statements: c.Statements - before.Statements, Evaluations: c.Evaluations - before.Evaluations,
		Steps: c.Steps - before.Steps, Reads: c.Reads - before.Reads, Snapshots: c.Snapshots - before.Snapshots,
		Sockets: c.Sockets - before.Sockets, Observers: c.Observers - before.Observers, CPU: c.CPU - before.CPU,
	}
}

// app is the live app, in one process.
type app struct {
	handlers Handlers
	live     *wakeful.Server
	slide    slide
}

// Verbs returns what the live app can do.
func Verbs() map[string]role.Verb {
	a := &app{}
	return map[string]role.Verb{
		"open":       role.Do(a.open),
		"counts":     role.Do(a.counts),
		"memory":     role.Do(role.Memory),
		"autocommit": role.Do(func(b Batch) (any, error) { return Autocommit(a.handlers.DB, b.N) }),
		"bulk":       role.Do(func(b Batch) (any, error) { return Bulk(a.handlers.DB, b.N) }),
		"churn":      role.Do(func(c Churn) (any, error) { return c.Run(a.handlers.DB, a.handlers.text(ScoreWare), nil) }),
		"slide":      role.Do(func(role.None) (any, error) { return a.slide.run(a.handlers.DB, a.handlers.text(ScoreWare)) }),
		"prepare": role.Do(func(s Slide) (any, error) {
			err := a.slide.prepare(a.handlers.DB, s)
			if err != nil {
				return nil, err
			}
			return a.slide.last(), nil
		}),
		"shift": role.Do(func(s Shift) (any, error) { return s.Run(a.handlers.DB) }),
	}
}

// file is where the live app keeps its rows, in its folder.
const file = "live.db"

func (a *app) open(d Database) (any, error) {
	if d.Procs > 0 {
		runtime.GOMAXPROCS(d.Procs)
	}
	if d.URL != "" {
		return a.openPostgres(d)
	}
	path := filepath.Join(d.Folder, file)
	if err := fill(path, d); err != nil {
		return nil, err
	}
	db, source, err := sqlite.Config{Path: path, TriggerLog: d.TriggerLog}.Open()
	if err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(pool)
	if a.live, err = wakeful.New(wakeful.Config{
		Source: source,
		Memory: d.Memory,
		Limits: wakeful.Limits{Sessions: -1, Items: d.Items}, // all clients have a few addresses between them
	}); err != nil {
		return nil, err
	}
	a.handlers.DB, a.handlers.Mark = db, wakeful.Observable("id")
	go func() { _ = a.live.Run(context.Background()) }() // ends with the process
	mux := a.handlers.Mux()
	if d.Wares.Rows > 0 {
		if err := declare(mux, db, source, d); err != nil {
			return nil, err
		}
	}
	return listen(a.live.Wrap(mux))
}

// fill makes the file before it is opened as any app's that was there first.
func fill(path string, d Database) error {
	db, err := OpenBare(path)
	if err != nil {
		return err
	}
	return errors.Join(Fill(db, d.Owners), FillGoods(db, d.Goods), FillWares(db, d.Wares), db.Close())
}

func (a *app) counts(role.None) (any, error) {
	counts := a.live.Counts()
	return Counts{
		Statements:  a.handlers.Statements.Load(),
		Evaluations: counts["evaluated"],
		Steps:       counts["stepped"],
		Reads:       counts["batch read"],
		Snapshots:   counts["snapshot sent"],
		Sockets:     counts["socket opened"] - counts["socket closed"],
		Observers:   counts["observer opened"] - counts["observer ended"],
		CPU:         role.Spent(),
	}, nil
}

// WriterVerbs returns what another program that uses the same file can do.
func WriterVerbs() map[string]role.Verb {
	return map[string]role.Verb{"open": role.Do(func(d Database) (any, error) {
		db, err := OpenBare(filepath.Join(d.Folder, file))
		if err != nil {
			return nil, err
		}
		return listenWith(db)
	})}
}

func listenWith(db *sql.DB) (Opened, error) {
	handlers := &Handlers{DB: db}
	return listen(handlers.Mux())
}

// listen serves for as long as the process lives.
func listen(handler http.Handler) (Opened, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Opened{}, err
	}
	go func() { _ = http.Serve(l, handler) }() // ends with the process
	return Opened{Addr: l.Addr().String()}, nil
}
