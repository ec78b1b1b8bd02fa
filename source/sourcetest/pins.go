package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/source"
)

// pinned is what a snapshot showed.
type pinned struct {
	snapshot source.Snapshot
	rows     map[int64]string
}

// testPinIsExact pins while writers run, and compares what each snapshot shows
// with what the stream says up to its position.
func testPinIsExact(t *testing.T, h *Harness) {
	f := follow(t, h.Source, h.Source.Position())
	h.put(t, nil, map[int64]string{1: "start", 2: "start", 3: "start"})
	writers := make(chan error, 1)
	go func() { writers <- h.writeAlike(t, 3, 15) }()

	var pins []pinned
	var sets []change.Changeset
	for running := true; running; {
		select {
		case err := <-writers:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		case set := <-f.sets: // a stream that nobody reads would stand still
			if !silent(&set) {
				sets = append(sets, set)
			}
			continue
		default:
		}
		snapshot := h.pin(t)
		pins = append(pins, pinned{snapshot, h.rows(t, snapshot)})
		if err := snapshot.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
	h.insert(t, 100, "end")
	sets = append(sets, f.until(t, h, 100)...)
	h.checkPins(t, pins, sets)
	t.Logf("%d snapshots among %d changesets", len(pins), len(sets))
}

// checkPins compares each snapshot with the replay of the changesets that it
// contains: those up to its position, and where it is Overlapping some of those
// that bring the stream to its Through.
func (h *Harness) checkPins(t *testing.T, pins []pinned, sets []change.Changeset) {
	t.Helper()
	early := 0
	for _, pin := range pins {
		rows, at := map[int64]string{}, pin.snapshot.Position()
		through := at
		if ahead, ok := pin.snapshot.(source.Overlapping); ok {
			early++
			if through = ahead.Through(); !through.Reaches(at) {
				t.Errorf("the snapshot at %s is reached through %s", at, through)
			}
		}
		for i := range sets {
			in := pin.snapshot.Contains(&sets[i])
			if of := sets[i].Position; at.Reaches(of) != in && (!in || through == at || i > 0 && sets[i-1].Position.Reaches(through)) {
				t.Fatalf("the snapshot at %s through %s contains %s: %t", at, through, of, in)
			}
			if !in {
				continue
			}
			if err := h.replay(rows, &sets[i]); err != nil {
				t.Fatal(err)
			}
		}
		if !maps.Equal(pin.rows, rows) {
			t.Fatalf("the snapshot at %s shows %v, the changesets that it contains lead to %v", at, pin.rows, rows)
		}
	}
	if early > 0 {
		t.Logf("%d snapshots were ahead of the stream", early)
	}
}

// testPinStands: later commits do not show in a snapshot, and several may be
// open at a time.
func testPinStands(t *testing.T, h *Harness) {
	var pins []pinned
	rows := map[int64]string{}
	for id := int64(1); id <= 3; id++ {
		h.insert(t, id, "a")
		rows[id] = "a"
		pins = append(pins, pinned{h.pin(t), maps.Clone(rows)})
	}
	h.write(t, func(tx Tx) error { return tx.Update(1, "b") })
	for range 2 {
		for _, pin := range pins {
			if got := h.rows(t, pin.snapshot); !maps.Equal(got, pin.rows) {
				t.Errorf("the snapshot at %s shows %v, want %v", pin.snapshot.Position(), got, pin.rows)
			}
		}
	}
	for i, pin := range pins {
		if i > 0 && !pin.snapshot.Position().Reaches(pins[i-1].snapshot.Position()) {
			t.Errorf("a snapshot at %s came after one at %s", pin.snapshot.Position(), pins[i-1].snapshot.Position())
		}
		if err := pin.snapshot.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

// testPinnedWasHandedOn: what a snapshot contains comes out of the stream
// although nothing more is written.
func testPinnedWasHandedOn(t *testing.T, h *Harness) {
	f := follow(t, h.Source, h.Source.Position())
	rows := map[int64]string{}
	for id := int64(1); id <= 10; id++ {
		h.insert(t, id, fmt.Sprint("name ", id))
		snapshot := h.pin(t)
		want := h.rows(t, snapshot)
		if len(want) != int(id) {
			t.Fatalf("a snapshot after %d commits shows %v", id, want)
		}
		if now := h.Source.Position(); !now.Reaches(snapshot.Position()) {
			t.Errorf("Position is %s when a snapshot at %s is there", now, snapshot.Position())
		}
		for !maps.Equal(rows, want) {
			set := f.next(t)
			if !snapshot.Contains(&set) {
				t.Fatalf("changeset %s is not in the snapshot, and the stream has led to %v, want %v first",
					set.Position, rows, want)
			}
			if err := h.replay(rows, &set); err != nil {
				t.Fatal(err)
			}
		}
		if err := snapshot.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
}

func testContains(t *testing.T, h *Harness) {
	f := follow(t, h.Source, h.Source.Position())
	h.insert(t, 1, "a")
	before := f.next(t)
	snapshot := h.pin(t)
	h.insert(t, 2, "b")
	after := f.next(t)
	for _, state := range []string{"open", "closed"} {
		if !snapshot.Contains(&before) {
			t.Errorf("%s: the snapshot at %s does not contain %s", state, snapshot.Position(), before.Position)
		}
		if snapshot.Contains(&after) {
			t.Errorf("%s: the snapshot at %s contains %s", state, snapshot.Position(), after.Position)
		}
		if err := snapshot.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
}

func testCloseTwice(t *testing.T, h *Harness) {
	h.insert(t, 1, "a")
	for range 100 { // whatever a snapshot holds comes back
		snapshot := h.pin(t)
		if err := snapshot.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		if err := snapshot.Close(); err != nil {
			t.Fatalf("the second Close: %v", err)
		}
	}
	first, second := h.pin(t), h.pin(t)
	if err := errors.Join(first.Close(), first.Close()); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if got := h.rows(t, second); got[1] != "a" {
		t.Errorf("a snapshot shows %v after another was closed twice", got)
	}
	if err := second.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func testCovers(t *testing.T, h *Harness) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := h.Source.Covers(ctx, h.Table); err != nil {
		t.Errorf("Covers(%q) = %v", h.Table, err)
	}
	err := h.Source.Covers(ctx, h.Uncovered)
	var uncovered *source.UncoveredError
	if !errors.As(err, &uncovered) {
		t.Fatalf("Covers(%q) = %v, want an UncoveredError", h.Uncovered, err)
	}
	if uncovered.Table != h.Uncovered || uncovered.Reason == "" || uncovered.Cure == "" {
		t.Errorf("Covers(%q) = %+v, want the table, a reason and a cure", h.Uncovered, uncovered)
	}
}
