package readsettest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/wakeful-dev/wakeful/readset"
)

const update = "UPDATE item SET name = 'changed' WHERE id = 1"

func testSnapshot(t *testing.T, h *Harness) {
	h.needSnapshots(t)
	prepared, err := h.DB.Prepare(h.byID())
	if err != nil {
		t.Fatal(err)
	}
	defer prepared.Close()
	ctx, _ := h.evaluation(t)
	h.exec(t, update)
	for range 2 {
		got, err := texts(h.DB.QueryContext(ctx, h.byID(), 1))
		want(t, got, err, "one")
		got, err = texts(prepared.QueryContext(ctx, 1))
		want(t, got, err, "one")
	}
	later, _ := h.evaluation(t)
	got, err := texts(prepared.QueryContext(later, 1))
	want(t, got, err, "changed")
}

// testSnapshotInTransaction: a transaction of the handler's own reads the
// snapshot too, as long as it has not written.
func testSnapshotInTransaction(t *testing.T, h *Harness) {
	h.needSnapshots(t)
	ctx, _ := h.evaluation(t)
	h.exec(t, update)
	tx, err := h.DB.BeginTx(ctx, h.One)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	got, err := texts(tx.QueryContext(ctx, h.byID(), 1))
	want(t, got, err, "one")
}

func testTransactionSeesItsWrites(t *testing.T, h *Harness) {
	ctx, set := h.evaluation(t)
	tx, err := h.DB.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, update); err != nil {
		t.Fatal(err)
	}
	got, err := texts(tx.QueryContext(ctx, h.byID(), 1))
	want(t, got, err, "changed")
	noted(t, set, h.byID()+" [1]")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	got, err = texts(h.DB.QueryContext(ctx, h.byID(), 1))
	want(t, got, err, "one")
}

// testRowsOpenTogether reads several results in turns.
func testRowsOpenTogether(t *testing.T, h *Harness) {
	ctx, _ := h.evaluation(t)
	const text = "SELECT name FROM item ORDER BY id"
	first, err := h.DB.QueryContext(ctx, text)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	for outer := 0; first.Next(); outer++ {
		got, err := texts(h.DB.QueryContext(ctx, text)) // the same one, while it is open
		want(t, got, err, "one", "two", "three")
		var name string
		if err := first.Scan(&name); err != nil || name != got[outer] {
			t.Fatalf("row %d is %q, %v", outer, name, err)
		}
	}
	if err := first.Err(); err != nil {
		t.Fatal(err)
	}
}

func testGoroutines(t *testing.T, h *Harness) {
	ctx, set := h.evaluation(t)
	const goroutines, each = 8, 20
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for range each {
				got, err := texts(h.DB.QueryContext(ctx, "SELECT name FROM item ORDER BY id"))
				if err != nil || fmt.Sprint(got) != "[one two three]" {
					t.Errorf("read %q, %v", got, err)
				}
			}
		})
	}
	all.Wait()
	if n := len(set.Uses()); n != goroutines*each {
		t.Errorf("%d runs were noted, want %d", n, goroutines*each)
	}
}

// testSnapshotIsOneState reads two halves of a sum that no commit changes, by
// two statements, while a writer moves amounts from one to the other.
func testSnapshotIsOneState(t *testing.T, h *Harness) {
	h.needSnapshots(t)
	rounds := 10_000
	if h.Few {
		rounds = 300
	}
	ctx, stop := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	defer writer.Wait()
	defer stop()
	writer.Go(func() {
		for i := 1; ctx.Err() == nil; i++ {
			if err := h.transfer(i%100 - 50); err != nil {
				t.Errorf("transfer: %v", err)
				return
			}
		}
	})
	moved := map[int]bool{}
	for range rounds {
		first, sum, err := h.sum(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if sum != 1000 {
			t.Fatalf("two statements of one evaluation saw a sum of %d, want 1000", sum)
		}
		moved[first] = true
	}
	t.Logf("%d evaluations, 0 torn, %d different states seen", rounds, len(moved))
}

func (h *Harness) transfer(amount int) error {
	tx, err := h.DB.Begin()
	if err != nil {
		return err
	}
	for id, sign := range []int{1, -1} {
		_, err := tx.Exec("UPDATE account SET balance = balance + "+h.Param(1)+" WHERE id = "+h.Param(2), sign*amount, id+1)
		if err != nil {
			_ = tx.Rollback()
			return err
		}
	}
	return tx.Commit()
}

// sum reads both balances in one evaluation.
func (h *Harness) sum(ctx context.Context) (first, sum int, err error) {
	snapshot, err := h.Pin(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer snapshot.Close()
	ctx = readset.NewContext(ctx, &readset.Set{Snapshot: snapshot})
	var second int
	text := "SELECT balance FROM account WHERE id = " + h.Param(1)
	if err := h.DB.QueryRowContext(ctx, text, 1).Scan(&first); err != nil {
		return 0, 0, err
	}
	if err := h.DB.QueryRowContext(ctx, text, 2).Scan(&second); err != nil {
		return 0, 0, err
	}
	return first, first + second, nil
}

// testCloseWithOpenRows: a snapshot can be closed while rows of it are open;
// they end, and nothing hangs.
func testCloseWithOpenRows(t *testing.T, h *Harness) {
	h.needSnapshots(t)
	if h.Streams {
		t.Skip("SKIPPED: rows are read to their end")
	}
	ctx, set := h.evaluation(t)
	rows, err := h.DB.QueryContext(ctx, "SELECT name FROM item ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	if !rows.Next() {
		t.Fatal("no row")
	}
	if err := set.Snapshot.Close(); err != nil {
		t.Fatalf("Snapshot.Close: %v", err)
	}
	for rows.Next() {
		t.Error("a row after the snapshot was closed")
	}
	if rows.Err() == nil {
		t.Error("the rows ended as if they were complete")
	}
	_ = rows.Close()
	later, _ := h.evaluation(t)
	got, err := texts(h.DB.QueryContext(later, h.byID(), 1))
	want(t, got, err, "one")
}

func testClosedSnapshot(t *testing.T, h *Harness) {
	h.needSnapshots(t)
	ctx, set := h.evaluation(t)
	if err := set.Snapshot.Close(); err != nil {
		t.Fatal(err)
	}
	later := h.pin(t) // may stand on the same connection
	if _, err := texts(h.DB.QueryContext(ctx, h.byID(), 1)); err == nil {
		t.Error("a read in a closed snapshot succeeds")
	}
	got, err := texts(h.DB.QueryContext(readset.NewContext(t.Context(), &readset.Set{Snapshot: later}), h.byID(), 1))
	want(t, got, err, "one")
}
