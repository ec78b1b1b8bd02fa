package sourcetest

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
)

func testCommitOrder(t *testing.T, h *Harness) {
	f := follow(t, h.Source, h.Source.Position())
	states := []map[int64]string{{}}
	for i := range int64(20) {
		next := maps.Clone(states[i])
		next[i%7] = fmt.Sprint("name ", i)
		h.put(t, states[i], map[int64]string{i % 7: next[i%7]})
		states = append(states, next)
	}
	h.checkSteps(t, f, states)
}

func testTransactionIsOneChangeset(t *testing.T, h *Harness) {
	f := follow(t, h.Source, h.Source.Position())
	h.put(t, nil, map[int64]string{1: "a", 2: "b", 3: "c"})
	h.write(t, func(tx Tx) error {
		return errors.Join(tx.Delete(1), tx.Update(2, "B"), tx.Insert(4, "d"), tx.Update(4, "D"), tx.Insert(1, "again"))
	})
	h.checkSteps(t, f, []map[int64]string{
		{},
		{1: "a", 2: "b", 3: "c"},
		{1: "again", 2: "B", 3: "c", 4: "D"},
	})
}

func testLargeTransaction(t *testing.T, h *Harness) {
	f := follow(t, h.Source, h.Source.Position())
	rows := map[int64]string{}
	for i := range int64(2000) {
		rows[i] = fmt.Sprint("name ", i)
	}
	h.put(t, nil, rows)
	set := f.next(t)
	if set.Everything || (len(set.Changes) == 1 && set.Changes[0].Kind == change.Everything) {
		t.Logf("%d rows are told as everything", len(rows))
		return
	}
	got := map[int64]string{}
	if err := h.replay(got, &set); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, rows) {
		t.Errorf("the changeset of %d rows has %d", len(rows), len(got))
	}
}

func testRollbackIsSilent(t *testing.T, h *Harness) {
	f := follow(t, h.Source, h.Source.Position())
	h.insert(t, 1, "a")
	refused := errors.New("refused")
	err := h.Write(t.Context(), func(tx Tx) error {
		return errors.Join(tx.Update(1, "x"), tx.Insert(2, "b"), refused)
	})
	if !errors.Is(err, refused) {
		t.Fatalf("Write = %v, want what do returned", err)
	}
	h.insert(t, 3, "c")
	h.checkSteps(t, f, []map[int64]string{{}, {1: "a"}, {1: "a", 3: "c"}})
}

func testImages(t *testing.T, h *Harness) {
	f := follow(t, h.Source, h.Source.Position())
	h.insert(t, 1, "a")
	h.checkImage(t, f, change.Insert, "", "a")
	h.write(t, func(tx Tx) error { return tx.Update(1, "b") })
	h.checkImage(t, f, change.Update, "a", "b")
	h.write(t, func(tx Tx) error { return tx.Delete(1) })
	h.checkImage(t, f, change.Delete, "b", "")
}

// checkImage reads a changeset with one change of row 1, whose name was old
// and is new; "" for no row.
func (h *Harness) checkImage(t *testing.T, f *follower, kind change.Kind, old, new string) {
	t.Helper()
	set := f.next(t)
	if len(set.Changes) != 1 || set.Changes[0].Kind != kind || set.Changes[0].Table != h.Table {
		t.Fatalf("%s of one row came as %+v", kind, set.Changes)
	}
	c := &set.Changes[0]
	for _, want := range []struct {
		which  string
		values []any
		name   string
		whole  bool
	}{
		{"old", c.Old, old, h.OldImages},
		{"new", c.New, new, true},
	} {
		id, name, err := image(c, want.values)
		switch {
		case want.name == "" && want.values != nil:
			t.Errorf("%s has the %s row %v, want none", kind, want.which, want.values)
		case want.name == "" || (err != nil && !want.whole):
		case err != nil || id != 1 || name != want.name:
			t.Errorf("%s has the %s row %v, want 1 and %q: %v", kind, want.which, want.values, want.name, err)
		}
	}
	if !c.Touches([]string{"name"}) {
		t.Errorf("%s of the name does not touch it", kind)
	}
}

// testUpdateToTheSame: such an update is silent, or says that nothing changed.
func testUpdateToTheSame(t *testing.T, h *Harness) {
	f := follow(t, h.Source, h.Source.Position())
	h.insert(t, 1, "a")
	h.write(t, func(tx Tx) error { return tx.Update(1, "a") })
	h.insert(t, 2, "b")
	sets := f.until(t, h, 2)
	rows := map[int64]string{}
	for i := range sets {
		if err := h.replay(rows, &sets[i]); err != nil {
			t.Fatal(err)
		}
		for j := range sets[i].Changes {
			c := &sets[i].Changes[j]
			if c.Kind == change.Update && h.OldImages && c.Touches([]string{"id", "name"}) {
				t.Errorf("an update to the same touches the columns: %+v", c)
			}
		}
	}
	if want := map[int64]string{1: "a", 2: "b"}; !maps.Equal(rows, want) {
		t.Errorf("the stream leads to %v, want %v", rows, want)
	}
}

// testConcurrentWriters: each transaction keeps all the names equal, so no
// changeset may lead to a state where two differ.
func testConcurrentWriters(t *testing.T, h *Harness) {
	const writers, each = 4, 15
	f := follow(t, h.Source, h.Source.Position())
	h.put(t, nil, map[int64]string{1: "start", 2: "start", 3: "start"})
	if err := h.writeAlike(t, writers, each); err != nil {
		t.Fatal(err)
	}
	h.insert(t, 100, "end")

	rows, last := map[int64]string{}, "start"
	next := make([]int, writers) // what each writes next
	sets := f.until(t, h, 100)
	for i := range sets {
		if err := h.replay(rows, &sets[i]); err != nil {
			t.Fatal(err)
		}
		if rows[1] != rows[2] || rows[1] != rows[3] {
			t.Fatalf("changeset %s leads to a state that never was: %v", sets[i].Position, rows)
		}
		var writer, number int
		if n, _ := fmt.Sscanf(rows[1], "%d of %d", &number, &writer); n < 2 || rows[1] == last {
			continue
		}
		if last = rows[1]; number < next[writer] || (number > next[writer] && !h.Folds) {
			t.Fatalf("write %d of writer %d came in place of %d", number, writer, next[writer])
		}
		next[writer] = number + 1
	}
	if want := writers*each + 2; len(sets) != want && !h.Folds {
		t.Errorf("%d changesets of %d transactions", len(sets), want)
	}
}

// writeAlike has writers set the names of rows 1 to 3 to "<n> of <writer>", and
// waits for all.
func (h *Harness) writeAlike(t *testing.T, writers, each int) error {
	var all sync.WaitGroup
	errs := make([]error, writers)
	for writer := range writers {
		all.Go(func() {
			for n := range each {
				name := fmt.Sprintf("%d of %d", n, writer)
				errs[writer] = h.Write(t.Context(), func(tx Tx) error {
					return errors.Join(tx.Update(1, name), tx.Update(2, name), tx.Update(3, name))
				})
				if errs[writer] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
