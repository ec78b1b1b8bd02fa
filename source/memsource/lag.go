package memsource

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/source"
)

// Lag has a database behave as a server whose log is read from outside, by
// chance:
//
//   - Changesets come some time after their commits.
//   - Writers are told positions of their own, which their changesets have as
//     Mark. They are reached when all that was logged before is streamed.
//   - A Pin takes its time. What it shows may be ahead of the log: then it is
//     source.Overlapping.
//   - There are changesets without changes.
//
// All of it comes out of Random, so a seed repeats it.
type Lag struct {
	Random *rand.Rand
	// Most is the longest time by which a changeset comes late, and that a Pin
	// takes.
	Most time.Duration
	// Swaps: now and then two commits that have no row in common are logged in
	// another order than they are seen in, as those of two writers are.
	Swaps bool
}

// lagging is the state of the log that comes behind, guarded by DB.mu.
type lagging struct {
	Lag
	pinning  chan struct{} // holds one: the right to pin
	waiting  []waiting     // commits that are not streamed, by their slots
	slots    uint64        // places in the log that were given away
	free     uint64        // a place that the next commit may take, 0 for none
	beside   map[string]bool
	read     uint64 // the log is read up to this place
	stalled  bool   // it is not read on
	reached  uint64 // the place up to which it is read when it is
	bound    uint64 // no later commit is streamed
	streamed uint64 // changesets with changes
	frontier uint64 // every place before it is streamed
}

// waiting is one commit that is not streamed yet.
type waiting struct {
	slot, number uint64
	set          change.Changeset
}

func newLagging(l *Lag) *lagging {
	return &lagging{Lag: *l, pinning: make(chan struct{}, 1), bound: math.MaxUint64, frontier: 1}
}

// chance is true once in n times.
func (l *lagging) chance(n int) bool { return l.Random.IntN(n) == 0 }

func (l *lagging) some() time.Duration { return time.Duration(l.Random.Int64N(int64(l.Most) + 1)) }

func (l *lagging) position(history string) change.Position {
	return change.Position(fmt.Sprintf("%s%016x%016x", history, l.frontier, l.streamed))
}

// markOf is the mark of the n-th commit: larger than any count of changesets.
func markOf(number uint64) string { return fmt.Sprintf("%016x", 1<<40+number) }

// commitLagging takes in the newest commit, and returns what its writer is told.
// The caller holds mu.
func (db *DB) commitLagging(set change.Changeset) change.Position {
	l, number := db.lag, db.state.number
	set.Mark = markOf(number)
	rows := rowsOf(&set)
	slot := l.slots + 1
	switch {
	case l.free != 0 && disjoint(rows, l.beside):
		slot, l.free = l.free, 0
	case l.Swaps && l.chance(4): // the next one may have come before it in the log
		l.free, l.beside = slot, rows
		slot++
	default:
		l.free = 0
	}
	l.slots = max(l.slots, slot)
	at, _ := slices.BinarySearchFunc(l.waiting, slot, func(w waiting, slot uint64) int { return int(w.slot) - int(slot) })
	l.waiting = slices.Insert(l.waiting, at, waiting{slot, number, set})
	free := l.free
	time.AfterFunc(l.some(), func() { db.reach(slot, 0) })
	if free != 0 {
		time.AfterFunc(l.Most, func() { db.reach(slot, free) })
	}
	return change.Position(fmt.Sprintf("%s%016x%s", db.history, l.slots, set.Mark))
}

// reach reads the log up to a place. Nobody takes the place free any more.
func (db *DB) reach(slot, free uint64) {
	db.mu.Lock()
	defer db.mu.Unlock()
	l := db.lag
	if l.reached = max(l.reached, slot); !l.stalled {
		l.read = max(l.read, l.reached)
	}
	if free != 0 && l.free == free {
		l.free = 0
	}
	db.stream()
}

// stream hands on what may be. The caller holds mu.
func (db *DB) stream() {
	l := db.lag
	for i := 0; i < len(l.waiting) && l.waiting[i].slot <= l.read; {
		w := l.waiting[i]
		if w.number > l.bound {
			i++
			continue
		}
		l.waiting = slices.Delete(l.waiting, i, i+1)
		l.streamed++
		l.settle()
		w.set.Position = l.position(db.history)
		db.append(w.set)
	}
	if l.chance(8) && l.free == 0 {
		l.slots++ // something that concerns nobody
	}
	if l.settle() {
		db.append(change.Changeset{Position: l.position(db.history)})
	}
}

// settle finds the frontier, and reports whether it has moved.
func (l *lagging) settle() bool {
	before := l.frontier
	l.frontier = l.slots + 1
	if len(l.waiting) > 0 {
		l.frontier = l.waiting[0].slot
	}
	if l.free != 0 {
		l.frontier = min(l.frontier, l.free)
	}
	return l.frontier != before
}

// pinLagging pins the newest state.
func (db *DB) pinLagging(ctx context.Context) (source.Snapshot, error) {
	l := db.lag
	select {
	case l.pinning <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-l.pinning }()
	db.mu.Lock()
	of, through, exact, wait := db.state, l.slots, !l.chance(3), l.some()
	l.bound = of.number
	if !exact {
		l.stall(db, wait)
	}
	db.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if exact && !l.stalled {
		l.read = max(l.read, through)
		db.stream()
	}
	pinned := db.pin(of)
	ahead := slices.ContainsFunc(l.waiting, func(w waiting) bool { return w.number <= of.number })
	l.bound = math.MaxUint64
	if !ahead {
		return pinned, nil
	}
	return &early{pinned, change.Position(fmt.Sprintf("%s%016x%016x", db.history, through+1, 0))}, nil
}

// stall has the log not be read on for a while longer than a Pin waits. The
// caller holds mu.
func (l *lagging) stall(db *DB, wait time.Duration) {
	if l.stalled {
		return
	}
	l.stalled = true
	time.AfterFunc(wait+l.some(), func() {
		db.mu.Lock()
		l.stalled = false
		db.mu.Unlock()
		db.reach(0, 0)
	})
}

// early is a snapshot that is ahead of the log.
type early struct {
	*snapshot
	through change.Position
}

var _ source.Overlapping = (*early)(nil)

// Through implements source.Overlapping.
func (s *early) Through() change.Position { return s.through }

// rowsOf names the rows that a changeset changes, "" among them where they are
// not told.
func rowsOf(set *change.Changeset) map[string]bool {
	rows := map[string]bool{}
	for i := range set.Changes {
		c := &set.Changes[i]
		row := c.New
		if row == nil {
			row = c.Old
		}
		if row == nil {
			rows[""] = true
			continue
		}
		rows[fmt.Sprintf("%s %v", c.Table, row[0])] = true
	}
	return rows
}

func disjoint(a, b map[string]bool) bool {
	if a[""] || b[""] {
		return false
	}
	for name := range a {
		if b[name] {
			return false
		}
	}
	return true
}
