package postgres

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/follow"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// TestLargeUpdate: one statement alters millions of rows. What it does to
// memory is bounded; what others commit meanwhile reaches their clients as soon
// as anybody can know of it, or these are told that they are stale.
func TestLargeUpdate(t *testing.T) {
	began := time.Now()
	rows := sized(5_000_000, 500_000, 100_000)
	// An open transaction holds the log that it has written, and this one writes
	// more than tests allow a slot to hold.
	server := pgtest.Start(t, pgtest.Set("max_slot_wal_keep_size", "16GB"))
	w := newWorld(t, server.Database(t), 2, 2, fmt.Sprintf("INSERT INTO large SELECT i, i %% 1000, 0, repeat('x', 30) FROM generate_series(1, %d) i", rows),
		"CREATE INDEX ON large (grp)", "ANALYZE large")
	p := w.apart(w.db.URL)
	w.begin(1)
	big := w.follow([]string{"/large?grp=7"})
	if err := big.begin(within(t)); err != nil {
		t.Fatal(err)
	}
	for n := range w.writers {
		w.raise(writer{number: n, pause: 20 * time.Millisecond})
	}
	w.awaitDiffs(20)
	before := p.resident()
	var most, stale atomic.Int64
	measured := every(20*time.Millisecond, func() { most.Store(max(most.Load(), int64(p.resident()))) })
	watching, over := context.WithCancel(context.Background())
	go w.watched[0].client.Wait(watching, func(v follow.View) bool { //nolint:errcheck // it ends with the test
		if v.Stale() {
			stale.Add(1)
		}
		return false
	})
	updating := time.Now()
	w.db.Exec(t, "UPDATE large SET n = 1")
	updated := time.Since(updating)
	awaitLarge(t, big, rows/1000)
	seen := time.Since(updating)
	v := w.end(w.db.URL, false)
	measured()
	over()
	v.expect(t, 20)
	grown := int(most.Load()) - before
	if grown > 512<<20 {
		t.Errorf("the process grew by %d MiB, which is more than 512", grown>>20)
	}
	lag, of := w.lag(w.tracks[0])
	if long && lag > time.Second && (lag < 10*time.Second || stale.Load() == 0) {
		t.Errorf("a commit reached its client %v after the bare reader had it, and stale was told %d times", lag, stale.Load())
	}
	prove(t, began, "large update", v, "%d rows updated in %.1f s and shown after %.1f s; the process grew by %d MiB; the slowest of %d commits reached its client %.2f s after the bare reader",
		rows, updated.Seconds(), seen.Seconds(), grown>>20, of, lag.Seconds())
}

// awaitLarge waits until a list of large has so many rows, each updated.
func awaitLarge(t *testing.T, p *watcher, rows int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*patience)
	defer cancel()
	if err := p.client.Wait(ctx, func(v follow.View) bool {
		updated := 0
		for _, l := range v.Lists() {
			for _, n := range values(l) {
				updated += int(n)
			}
		}
		return updated == rows
	}); err != nil {
		t.Fatal("the updated rows are not shown: " + strconv.Quote(err.Error()))
	}
}

// lag is how long after the bare reader the client had what was committed, at
// most, and of how many commits.
func (w *world) lag(of *track) (most time.Duration, commits int) {
	had := map[int][]shown{} // of counters, the states that raised them
	last := map[int]int64{}
	for _, s := range of.all {
		for id, n := range s.values {
			if n > last[id] {
				last[id] = n
				had[id] = append(had[id], shown{when: s.when, values: map[int]int64{id: n}})
			}
		}
	}
	at := map[int]int{}
	for _, c := range w.reader.commits {
		for _, r := range c.rows {
			states := had[r.id]
			for at[r.id] < len(states) && states[at[r.id]].values[r.id] < r.n {
				at[r.id]++
			}
			if at[r.id] < len(states) {
				most = max(most, states[at[r.id]].when.Sub(c.at))
				commits++
			}
		}
	}
	return most, commits
}
