// Package sqldb records what runs through any database/sql driver.
//
// Record wraps a driver's connector. A statement whose context carries no
// read set goes straight to the driver. Under an evaluation (readset.From) the
// database is asked what the statement reads (the answer is cached), the
// statement is noted in the set with its arguments, also when it is prepared,
// in a transaction, or the same one again, and it runs in the snapshot of the
// set:
//
//   - A statement that reads runs on the pinned connection of the snapshot,
//     also within a transaction that the handler began itself and with a
//     statement that was prepared outside of the evaluation.
//   - A statement that writes runs on the pool's own connection. Once a
//     transaction has written, its reads run there too, so that it sees its
//     own rows; they are still noted.
//   - Of the statements that write, those that return rows are noted (INSERT …
//     RETURNING), with readset.Statement.Writes set.
//
// A statement that an evaluation runs under another context is none of its
// reads; it is told to readset.Look, which finds out whose it is.
//
// A statement that ran but that the database cannot describe fails the set:
// what it read is not known. Named arguments are noted as sql.NamedArg.
//
// Where the context carries a readset.Writes, the commits are noted in it.
//
// What the driver does not implement of the optional interfaces stays absent,
// as database/sql sees it. The driver's own connection is reached through
// sql.Conn.Raw and its method Raw.
//
// Pipeline: handler → database/sql → [sqldb] → driver.
package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
)

// Database is what a recorder must know about one kind of database. Methods
// may be called from several goroutines.
type Database interface {
	// Describer says what a statement reads. In an evaluation the context
	// carries its set, and the answer must hold in that set's snapshot.
	readset.Describer

	// Split cuts a text of several statements into its statements. It returns
	// nil for a text that the driver is to run as it is.
	Split(text string) []string

	// Pinned returns where reads of a snapshot run, nil when the snapshot is not
	// this database's.
	Pinned(s source.Snapshot) Pinned

	// Watch is told of each new connection of the pool before its first use. A
	// nil Watcher watches nothing.
	Watch(conn driver.Conn) (Watcher, error)
}

// Pinned is where the reads of one snapshot run. It takes concurrent calls.
type Pinned interface {
	// Query runs a text of a statement that reads, noted in the set already. A
	// database that sees only by running it what else it reads notes that too. It
	// returns ErrWrites where the text has turned out to write, and did nothing.
	Query(ctx context.Context, set *readset.Set, statement *readset.Statement, text string, args []driver.NamedValue) (driver.Rows, error)
}

// ErrWrites reports a statement that was taken for one that reads.
var ErrWrites = errors.New("sqldb: the statement writes")

// Refiner is implemented by a Database whose description of a statement may
// depend on the arguments: date(?) tells the present when it is given 'now'.
type Refiner interface {
	// Refine returns the statement, or an altered copy of it.
	Refine(statement *readset.Statement, args []driver.NamedValue) *readset.Statement
}

// Watcher brackets the driver calls of one connection. Its calls do not
// overlap.
type Watcher interface {
	// Before comes before each call that may run SQL. The text is "" where the
	// call goes on with what an earlier one began, or only prepares.
	Before(text string)

	// After comes when the call has returned, also when it panicked. It
	// reports whether the statement may still commit when its rows are read
	// or closed; those calls are then bracketed too.
	After(err error) (open bool)

	// Written reports what the call just bracketed did: the position of the
	// newest commit in it, "" for none, and whether rows are written now that
	// are not committed yet.
	Written() (committed change.Position, open bool)

	// Valid reports whether the connection may be used again.
	Valid() bool
}

// Attendant is a Watcher that has to know what a statement is run for, and may
// run others around it.
type Attendant interface {
	Watcher

	// Attend comes before Before where a statement is to run. Where it fails, the
	// statement is not run.
	Attend(ctx context.Context, text string) error

	// Settle comes after After, unless that said that the statement is open yet.
	// Its error is the statement's.
	Settle() error
}

// Teller is a Watcher that is told only by running them what some statements of
// an evaluation read.
type Teller interface {
	Watcher

	// Tell runs a statement by calling run, and notes in the set what it has read
	// beside that.
	Tell(ctx context.Context, set *readset.Set, statement *readset.Statement, run func() (driver.Rows, error)) (driver.Rows, error)

	// Apart reports that statements mean something else on this connection than
	// in a snapshot: then they all run here, and nothing of them is known before.
	Apart() bool
}

// Plain is a Database without snapshots: statements are described and noted,
// and all run on the pool's own connections.
type Plain struct{ readset.Describer }

// Split leaves every text to the driver.
func (Plain) Split(string) []string { return nil }

// Pinned knows no snapshot.
func (Plain) Pinned(source.Snapshot) Pinned { return nil }

// Watch watches nothing.
func (Plain) Watch(driver.Conn) (Watcher, error) { return nil, nil }

// Record returns a connector whose connections note what runs under an
// evaluation. It is for sql.OpenDB.
func Record(connector driver.Connector, database Database) driver.Connector {
	return &recorder{connector, database}
}

type recorder struct {
	connector driver.Connector
	database  Database
}

func (r *recorder) Driver() driver.Driver { return r.connector.Driver() }

// Close closes the connector where it can be closed: database/sql calls it
// from DB.Close.
func (r *recorder) Close() error {
	if c, ok := r.connector.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func (r *recorder) Connect(ctx context.Context) (driver.Conn, error) {
	raw, err := r.connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	watch, err := r.database.Watch(raw)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sqldb: watch a connection: %w", err), raw.Close())
	}
	return newConn(raw, r.database, watch).offer(), nil
}

// errUnfinished stands for the result of a driver call that did not return.
var errUnfinished = errors.New("sqldb: the driver call did not return")
