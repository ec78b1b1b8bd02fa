// Package sourcetest checks that a driver keeps the promises of source.Source.
//
// A driver calls Run from one of its own tests; what Run does not check is not
// promised. What a driver cannot do is nil in its Harness, and the tests that
// need it are skipped and say so.
package sourcetest

import (
	"context"
	"testing"

	"github.com/wakeful-dev/wakeful/source"
)

// Harness is one fresh database with one empty table
//
//	item (id integer primary key, name text)
//
// and ways to write and to read it. The functions are called from several
// goroutines.
type Harness struct {
	Source source.Source

	// Table is the table's name in changesets; "" means "item".
	Table string

	// Write runs do in one transaction. It commits when do returns nil; else
	// it rolls back and returns that error. It waits for other writers.
	Write func(ctx context.Context, do func(Tx) error) error

	// Rows reads the whole table in a snapshot.
	Rows func(ctx context.Context, in source.Snapshot) (map[int64]string, error)

	// Uncovered is the name of a table that the source reports no changes of;
	// "" means "no_such_table".
	Uncovered string

	// OldImages says that updates and deletes come with the old row whole.
	// Else each of its values may be unknown but the key of a deleted one.
	OldImages bool

	// Folds says that neighbouring transactions may come as one changeset.
	Folds bool

	// Lags says that changesets may come some time after their commits.
	Lags bool

	// Trim drops the log up to now. Optional.
	Trim func(t *testing.T)
}

// Tx writes the table in one transaction.
type Tx interface {
	Insert(id int64, name string) error // id is not there
	Update(id int64, name string) error // id is there
	Delete(id int64) error              // id is there
}

// Run runs the suite. open is called once for each test and cleans up with
// t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	tests := []struct {
		name string
		test func(*testing.T, *Harness)
	}{
		{"CommitOrder", testCommitOrder},
		{"TransactionIsOneChangeset", testTransactionIsOneChangeset},
		{"LargeTransaction", testLargeTransaction},
		{"RollbackIsSilent", testRollbackIsSilent},
		{"Images", testImages},
		{"UpdateToTheSame", testUpdateToTheSame},
		{"ConcurrentWriters", testConcurrentWriters},

		{"ResumeAfterPosition", testResumeAfterPosition},
		{"StreamFromNow", testStreamFromNow},
		{"StreamAgainAfterBreak", testStreamAgainAfterBreak},
		{"CancelEndsStream", testCancelEndsStream},
		{"OtherHistory", testOtherHistory},
		{"TrimmedLog", testTrimmedLog},
		{"PositionsOnlyGrow", testPositionsOnlyGrow},

		{"PinIsExact", testPinIsExact},
		{"PinStands", testPinStands},
		{"PinnedWasHandedOn", testPinnedWasHandedOn},
		{"Contains", testContains},
		{"CloseTwice", testCloseTwice},
		{"Covers", testCovers},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := open(t)
			if h.Table == "" {
				h.Table = "item"
			}
			if h.Uncovered == "" {
				h.Uncovered = "no_such_table"
			}
			tt.test(t, &h)
		})
	}
}

// put writes each pair in one transaction: an insert where old lacks the id.
func (h *Harness) put(t *testing.T, old, rows map[int64]string) {
	t.Helper()
	h.write(t, func(tx Tx) error {
		for id, name := range rows {
			do := tx.Insert
			if _, there := old[id]; there {
				do = tx.Update
			}
			if err := do(id, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// insert writes one row in a transaction of its own.
func (h *Harness) insert(t *testing.T, id int64, name string) {
	t.Helper()
	h.write(t, func(tx Tx) error { return tx.Insert(id, name) })
}

func (h *Harness) write(t *testing.T, do func(Tx) error) {
	t.Helper()
	if err := h.Write(t.Context(), do); err != nil {
		t.Fatalf("Write: %v", err)
	}
}

func (h *Harness) pin(t *testing.T) source.Snapshot {
	t.Helper()
	snapshot, err := h.Source.Pin(t.Context())
	if err != nil {
		t.Fatalf("Pin: %v", err)
	}
	return snapshot
}

func (h *Harness) rows(t *testing.T, in source.Snapshot) map[int64]string {
	t.Helper()
	rows, err := h.Rows(t.Context(), in)
	if err != nil {
		t.Fatalf("Rows: %v", err)
	}
	return rows
}
