// Package source is the contract of everything that yields a database's
// changes.
//
// A source reads one database's own log (never an announcement that a program
// may forget to make), so it sees whoever writes. It yields one changeset for
// each committed transaction, in commit order, and pins snapshots whose place
// in that order is exactly known. That is what makes an evaluation and the
// stream behind it meet without a gap:
//
//	pin a snapshot → evaluate in it → a changeset that the snapshot contains
//	is dropped, any other is looked at
//
// The promises are the tests of package sourcetest, which every source runs;
// what these do not check is not promised.
//
// Pipeline: database → [source] → affected.
package source

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"

	"github.com/wakeful-dev/wakeful/change"
)

// Source yields the committed transactions of one database. Methods may be
// called from several goroutines. A constructor starts nothing: what a source
// has to watch it watches while Stream is being read.
type Source interface {
	// Position returns the place of the newest commit that Stream has yielded
	// or could yield now.
	Position() change.Position

	// Stream yields every changeset committed after the given position, in
	// commit order, each exactly once, and then waits for more. One without any
	// changes says that the position is reached and nothing else happened. Position ""
	// means from now on. It ends after its first error: ctx.Err() when ctx is
	// done, ErrPositionGone when the log no longer reaches back that far or
	// the position is of another history, else what went wrong. Only one
	// Stream of a source is read at a time.
	Stream(ctx context.Context, after change.Position) iter.Seq2[change.Changeset, error]

	// Pin opens a snapshot of the database as it is now. Every changeset up to
	// the snapshot's position has been handed to Stream when Pin returns, so a
	// reader of the stream gets it without waiting for the database.
	Pin(ctx context.Context) (Snapshot, error)

	// Covers returns nil when changes of the table are reported, else an
	// *UncoveredError. Names are as the recorder writes them in a read set.
	Covers(ctx context.Context, table string) error
}

// Snapshot is one state of the database. A recorder runs the reads of an
// evaluation in the snapshot that it finds in the read set; how is between the
// recorder and its source.
type Snapshot interface {
	// Position is the newest commit that the snapshot contains. It contains
	// every earlier one, and none later but those that Contains tells of
	// (Overlapping).
	Position() change.Position

	// Contains reports whether what the changeset says is in the snapshot.
	// It may be asked after Close.
	Contains(*change.Changeset) bool

	// Close gives the snapshot back. It is idempotent. Reads that still run in
	// it end first.
	Close() error
}

// Overlapping is a Snapshot of which it is not known yet, when it is opened,
// that it contains nothing later than its Position: a database may show what
// its log has not brought. Contains is exact all the same.
type Overlapping interface {
	// Through is a position: a stream that has come to it has yielded
	// everything that the snapshot contains. Lists of it show one state of the
	// database together with others only from there on.
	Through() change.Position
}

// Offerer is a Source that looks at the database before it yields a change, and
// can give on the snapshot by which it did.
type Offerer interface {
	// Offered returns a snapshot that contains everything up to a position that
	// Stream has yielded, at once; nil where there is none at hand. Pin would give
	// a newer one: this may lack what was committed since.
	Offered(upTo change.Position) Snapshot
}

// Focuser is a Source that spares itself work on tables that nobody reads.
type Focuser interface {
	// Focus names the tables whose rows are wanted, in place of those named
	// before. A change of any other table may be reported as
	// change.Everything of that table. Before the first call all tables are
	// wanted. What is committed after it has returned heeds it, except for
	// transactions that were open.
	Focus(tables []string)
}

// Focus is what a Focuser keeps of it. The zero value is no focus: all tables
// are wanted. It takes concurrent calls.
type Focus struct {
	wanted atomic.Pointer[map[string]struct{}]
}

// Set names the tables that are wanted, in place of those named before.
func (f *Focus) Set(tables []string) {
	wanted := make(map[string]struct{}, len(tables))
	for _, name := range tables {
		wanted[name] = struct{}{}
	}
	f.wanted.Store(&wanted)
}

// Wants reports whether the rows of a table are wanted.
func (f *Focus) Wants(table string) bool {
	wanted := f.wanted.Load()
	if wanted == nil {
		return true
	}
	_, ok := (*wanted)[table]
	return ok
}

// Sized is a Source that says how large its log is. Both methods must be quick
// and take concurrent calls.
type Sized interface {
	// LogBytes is about what the log of changesets kept for Stream takes in
	// memory.
	LogBytes() int

	// BoundLog has the log take no more than so many bytes from now on, the
	// newest changeset excepted. A bound that is lower already stays.
	BoundLog(bytes int)
}

// ErrPositionGone reports that a source's log no longer holds what came after
// a position. The caller must evaluate everything again; retrying cannot help.
var ErrPositionGone = errors.New("source: position gone")

// UncoveredError names a table whose changes a source does not report, and the
// way out.
type UncoveredError struct {
	Table  string // as the statement reads it
	Reason string // "is a virtual table", …
	Cure   string // what the developer can do about it
}

func (e *UncoveredError) Error() string {
	return fmt.Sprintf("source: changes of table %q are not reported: it %s; %s", e.Table, e.Reason, e.Cure)
}
