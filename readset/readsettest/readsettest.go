// Package readsettest checks that a recorder for database/sql notes what an
// evaluation reads.
//
// A driver calls Run from one of its own tests; what Run does not check is not
// promised. What a driver cannot do is nil or empty in its Harness, and the
// tests that need it are skipped and say so.
package readsettest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
)

// Harness is one fresh database with two tables
//
//	item (id integer primary key, name text)
//	account (id integer primary key, balance integer)
//
// the first of which has the rows (1, one), (2, two), (3, three), the second
// (1, 500) and (2, 500).
type Harness struct {
	// DB is a handle whose statements are recorded.
	DB *sql.DB

	// Param is the placeholder of argument n, from 1; nil means "?".
	Param func(n int) string

	// Named says that the driver knows named arguments, written ":name".
	Named bool

	// Returning says that INSERT … RETURNING is known.
	Returning bool

	// Pin opens a snapshot; nil where there are none.
	Pin func(context.Context) (source.Snapshot, error)

	// One are the options of a transaction that sees one state, where not each
	// does. Optional.
	One *sql.TxOptions

	// Streams says that rows are read from their connection to their end, also
	// when their snapshot is closed meanwhile.
	Streams bool

	// Covers tells whether changes of a table are reported. Optional, as is
	// Uncovered: a statement that reads the table UncoveredTable.
	Covers                    func(context.Context, string) error
	Uncovered, UncoveredTable string

	// Volatile maps statements to the function in them whose result changes by
	// itself, "" where there is none.
	Volatile map[string]string

	// Undescribed is a statement that runs on the connection of the handle
	// after Prelude did, and that the database cannot describe. Optional.
	Prelude, Undescribed string

	// Few asks for fewer repetitions, for slow builds.
	Few bool
}

// Run runs the suite. open is called once for each test and cleans up with
// t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	tests := []struct {
		name string
		test func(*testing.T, *Harness)
	}{
		{"Query", testQuery},
		{"Exec", testExec},
		{"Returning", testReturning},
		{"ExistenceOnly", testExistenceOnly},
		{"PreparedBefore", testPreparedBefore},
		{"PreparedInside", testPreparedInside},
		{"SameStatementAgain", testSameStatementAgain},
		{"Named", testNamed},
		{"Buffer", testBuffer},
		{"Transaction", testTransaction},
		{"PreparedInTransaction", testPreparedInTransaction},
		{"WithoutContext", testWithoutContext},
		{"Stray", testStray},
		{"Volatile", testVolatile},
		{"Uncovered", testUncovered},
		{"Undescribed", testUndescribed},
		{"FailedStatement", testFailedStatement},

		{"Snapshot", testSnapshot},
		{"SnapshotInTransaction", testSnapshotInTransaction},
		{"TransactionSeesItsWrites", testTransactionSeesItsWrites},
		{"RowsOpenTogether", testRowsOpenTogether},
		{"Goroutines", testGoroutines},
		{"SnapshotIsOneState", testSnapshotIsOneState},
		{"CloseWithOpenRows", testCloseWithOpenRows},
		{"ClosedSnapshot", testClosedSnapshot},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := open(t)
			if h.Param == nil {
				h.Param = func(int) string { return "?" }
			}
			tt.test(t, &h)
		})
	}
}

// byID reads one name.
func (h *Harness) byID() string { return "SELECT name FROM item WHERE id = " + h.Param(1) }

// evaluation returns a context as an evaluation has it, in a new snapshot where
// there are any.
func (h *Harness) evaluation(t *testing.T) (context.Context, *readset.Set) {
	t.Helper()
	set := &readset.Set{}
	if h.Pin != nil {
		set.Snapshot = h.pin(t)
	}
	return readset.NewContext(t.Context(), set), set
}

func (h *Harness) pin(t *testing.T) source.Snapshot {
	t.Helper()
	snapshot, err := h.Pin(t.Context())
	if err != nil {
		t.Fatalf("Pin: %v", err)
	}
	t.Cleanup(func() {
		if err := snapshot.Close(); err != nil {
			t.Errorf("Snapshot.Close: %v", err)
		}
	})
	return snapshot
}

func (h *Harness) needSnapshots(t *testing.T) {
	if h.Pin == nil {
		t.Skip("SKIPPED: the database has no snapshots")
	}
}

func (h *Harness) exec(t *testing.T, text string, args ...any) {
	t.Helper()
	if _, err := h.DB.ExecContext(context.Background(), text, args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// texts reads a query's first column.
func texts(rows *sql.Rows, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, errors.Join(rows.Err(), rows.Close())
}

// want reads and compares.
func want(t *testing.T, got []string, err error, want ...string) {
	t.Helper()
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("read %q, %v; want %q", got, err, want)
	}
}

// noted compares what was noted: each use as "text [args]".
func noted(t *testing.T, set *readset.Set, want ...string) {
	t.Helper()
	if err := set.Err(); err != nil {
		t.Fatalf("the set failed: %v", err)
	}
	var got []string
	for _, use := range set.Uses() {
		got = append(got, fmt.Sprint(use.Statement.Text, " ", use.Args))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("noted %q, want %q", got, want)
	}
}

// reads compares the tables and columns that were noted.
func reads(t *testing.T, set *readset.Set, want ...readset.Read) {
	t.Helper()
	if got := set.Tables(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("tables noted: %v, want %v", got, want)
	}
}
