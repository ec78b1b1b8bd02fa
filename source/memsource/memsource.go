// Package memsource is a database in memory that reports its changes: for
// tests, and for examples that need no database.
//
// A DB is its own source.Source and its own recorder: Read and Get note in the
// context's read set what they read, and read in the snapshot that they find
// there. It is exact: one Update is one changeset, a snapshot holds the commits
// up to its position and no more, unless a Lag has it behave as a server does.
// Updates run one at a time and never wait for readers. A commit costs a copy of
// the slice of rows of each table it writes.
//
// Pipeline: [memsource] → affected.
package memsource

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/source"
)

// Table declares a table. The first column is the key, an integer or a string.
type Table struct {
	Name    string
	Columns []string
}

// Config says what a DB holds.
type Config struct {
	// Tables are all that there are; each has a name and a key column.
	Tables []Table
	// History is how many changesets are kept for Stream; 0 means 1,000. A
	// stream that falls further behind ends with source.ErrPositionGone.
	History int
	// KeyImages has images of old rows hold the key alone, as a log does that
	// writes no more; all else is change.Unknown.
	KeyImages bool
	// Lag has the log come behind the commits; nil: never.
	Lag *Lag
}

// DB is a database in memory. Methods may be called from several goroutines.
type DB struct {
	tables  map[string]*Table
	history string
	keep    int
	keys    bool // KeyImages
	lag     *lagging

	writing sync.Mutex // held by the one Update that runs

	mu      sync.Mutex
	state   *state
	base    change.Position    // of the newest changeset that the log does not hold
	log     []change.Changeset // the newest, without gap
	advance chan struct{}      // closed when state moves on
	pinned  int
}

var _ source.Source = (*DB)(nil)

// state is all rows after one commit. It is never altered.
type state struct {
	number uint64
	rows   map[string][]record // by table, in the order of their keys
}

// New makes an empty database. It panics where two tables have one name, or a
// table has no column.
func New(config Config) *DB {
	db := &DB{
		tables:  map[string]*Table{},
		history: rand.Text()[:change.HistoryLen],
		keep:    config.History,
		state:   &state{rows: map[string][]record{}},
		advance: make(chan struct{}),
		keys:    config.KeyImages,
	}
	db.base = db.position(0)
	if config.Lag != nil {
		db.lag = newLagging(config.Lag)
		db.base = db.lag.position(db.history)
	}
	if db.keep <= 0 {
		db.keep = 1000
	}
	for _, table := range config.Tables {
		if len(table.Columns) == 0 || db.tables[table.Name] != nil {
			panic(fmt.Sprintf("memsource: table %q has no column, or is there twice", table.Name))
		}
		db.tables[table.Name] = &Table{table.Name, slices.Clone(table.Columns)}
	}
	return db
}

func (db *DB) position(number uint64) change.Position {
	return change.NewPosition(db.history, number)
}

// Position implements source.Source.
func (db *DB) Position() change.Position {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.newest()
}

// newest is the position of the newest changeset. The caller holds mu.
func (db *DB) newest() change.Position {
	if n := len(db.log); n > 0 {
		return db.log[n-1].Position
	}
	return db.base
}

// Covers implements source.Source.
func (db *DB) Covers(_ context.Context, table string) error {
	if db.tables[table] != nil {
		return nil
	}
	return &source.UncoveredError{
		Table:  table,
		Reason: "is not in this database",
		Cure:   "declare it in memsource.Config.Tables",
	}
}

// Trim drops the log: what was committed so far can no longer be streamed.
func (db *DB) Trim() {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.base, db.log = db.newest(), nil
	db.announce()
}

// Pinned returns the number of snapshots that are open.
func (db *DB) Pinned() int {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.pinned
}

// publish makes a state the current one, and returns what the writer is told. The
// caller holds writing.
func (db *DB) publish(next *state, set change.Changeset) change.Position {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.state = next
	if db.lag != nil {
		return db.commitLagging(set)
	}
	set.Position = db.position(next.number)
	db.append(set)
	return set.Position
}

// append puts a changeset into the log. The caller holds mu.
func (db *DB) append(set change.Changeset) {
	if drop := len(db.log) - db.keep + 1; drop > 0 {
		db.base = db.log[drop-1].Position
		db.log = slices.Clone(db.log[drop:])
	}
	db.log = append(db.log, set)
	db.announce()
}

// announce wakes the streams. The caller holds mu.
func (db *DB) announce() {
	close(db.advance)
	db.advance = make(chan struct{})
}

func (db *DB) current() *state {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.state
}
