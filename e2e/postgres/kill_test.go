package postgres

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// returning keeps watchers coming back until there is enough.
func (w *world) returning() {
	for _, p := range w.watched {
		w.running.Go(func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for w.raising.Err() == nil {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				_ = p.heal(ctx) // or the next time
				cancel()
				<-tick.C
			}
		})
	}
}

// TestKilled: the application is killed at random moments under load, and
// started again. Whoever comes back is right, has skipped nothing and gets
// nothing twice.
func TestKilled(t *testing.T) {
	began := time.Now()
	w := newWorld(t, pgtest.Database(t), 4, 4)
	p := w.apart(w.db.URL)
	w.begin(4)
	w.returning()
	for n := range w.writers {
		w.raise(writer{number: n, pause: 5 * time.Millisecond})
	}
	kills := sized(200, 8, 3)
	random := rand.New(rand.NewPCG(uint64(began.UnixNano()), 1))
	var slowest time.Duration
	for range kills {
		// Also while it comes up: the moment counts from the start.
		moment := time.NewTimer(time.Duration(random.IntN(700)) * time.Millisecond)
		<-moment.C
		p.kill()
		again := time.Now()
		p.start()
		if random.IntN(3) == 0 {
			continue
		}
		slowest = max(slowest, w.lively(again))
	}
	v := w.end(w.db.URL, false)
	v.expect(t, kills)
	prove(t, began, "killed under load", v, "%d kills, the slowest client was told something %.1f s after", kills, slowest.Seconds())
}

// lively waits until every watcher has been shown something since then, and
// says how long that took.
func (w *world) lively(since time.Time) time.Duration {
	w.t.Helper()
	for _, p := range w.watched {
		eventually(w.t, p.name+" is told of what happens", func() bool {
			p.track.mu.Lock()
			defer p.track.mu.Unlock()
			n := len(p.track.all)
			return n > 0 && p.track.all[n-1].when.After(since) && p.track.all[n-1].at != ""
		})
	}
	return time.Since(since)
}
