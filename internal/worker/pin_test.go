package worker

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/source/memsource"
)

// slow is a source whose snapshots are taken at once and given away when the
// gate opens.
type slow struct {
	*memsource.DB
	gate atomic.Pointer[chan struct{}] // nil: it is open
	took chan struct{}                 // told of each snapshot that waits
}

func (s *slow) Pin(ctx context.Context) (source.Snapshot, error) {
	snapshot, err := s.DB.Pin(ctx)
	if gate := s.gate.Load(); gate != nil {
		s.took <- struct{}{}
		<-*gate
	}
	return snapshot, err
}

// over puts the source in front of the rig's database.
func (s *slow) over(r *rig, cfg *Config) {
	s.DB, s.took, cfg.Source = r.db, make(chan struct{}, 8), s
}

// close has the next snapshots wait, open gives them away.
func (s *slow) close() {
	gate := make(chan struct{})
	s.gate.Store(&gate)
}

func (s *slow) open() { close(*s.gate.Swap(nil)) }

// changeWhilePinned commits after the snapshot was taken in which rows are read
// and before the worker has it, and returns what is wrong then.
func changeWhilePinned(t *testing.T) error {
	s := &slow{}
	b := newBoard(t, 1, Config{Audit: -1}, s.over)
	b.fill(20)
	b.top("/top?limit=5")
	b.ask("/items")
	pass(time.Second)
	s.close()
	b.commit(func(tx *memsource.Tx) error { return tx.Truncate("item") })
	<-s.took
	b.fill(8)
	synctest.Wait()
	s.open()
	return b.settled()
}

func TestChangeWhilePinned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if err := changeWhilePinned(t); err != nil {
			t.Error(err)
		}
	})
}

// queuedWhilePinned has changes wait for a list that is being read, of which the
// first asks for another read, while a snapshot is pinned that has the first
// alone, and returns what is wrong then.
func queuedWhilePinned(t *testing.T) error {
	s := &slow{}
	b := newBoard(t, 1, Config{Audit: -1, Patience: 2 * time.Millisecond}, s.over)
	b.fill(20)
	b.top("/top?limit=5")
	b.ask("/items")
	pass(time.Second)
	empty := func(tx *memsource.Tx) error { return tx.Truncate("item") }
	b.lag.Store(1 << 20)
	b.commit(empty)
	pass(10 * time.Millisecond) // the read outlasts its round
	b.fill(3)
	pass(2 * time.Millisecond)
	s.close()
	b.commit(empty)
	<-s.took
	b.fill(8)
	pass(time.Second)
	b.lag.Store(0)
	s.open()
	return b.settled()
}

func TestQueuedWhilePinned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if err := queuedWhilePinned(t); err != nil {
			t.Error(err)
		}
	})
}

// TestStepsGoOnWhilePinned: a database that takes its time holds no list up that
// needs no snapshot, and no list goes back when the snapshot is there.
func TestStepsGoOnWhilePinned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		b := newBoard(t, 1, Config{Audit: 50 * time.Millisecond}, s.over)
		b.fill(20)
		b.top("/top?limit=5")
		b.view("/held", func(ctx context.Context) error {
			readset.From(ctx).Poll(time.Minute)
			return nil
		})
		b.top("/top?min=40")
		b.ask("/held")
		pass(time.Second)
		s.close()
		pass(time.Minute) // the polled view is due, and an audit
		<-s.took
		at := b.commit(func(tx *memsource.Tx) error {
			return tx.Put("item", memsource.Row{"id": 3, "name": "x", "score": 90})
		})
		synctest.Wait()
		pass(2 * pinHold)
		if got := b.events.Count(event.Stepped); got == 0 {
			t.Error("no list was stepped while a snapshot was pinned")
		}
		b.rig.mu.Lock()
		shown := b.rounds[len(b.rounds)-1]
		b.rig.mu.Unlock()
		if shown.Progress == nil || shown.Progress.Position != at {
			t.Errorf("the newest that was told is %+v, want the progress to %s", shown.Progress, at)
		}
		s.open()
		if err := b.settled(); err != nil {
			t.Error(err)
		}
		if n := b.events.Count(event.AuditDiffered); n > 0 {
			t.Errorf("the auditor found %d differences", n)
		}
	})
}

// TestAnswerWaitsForASnapshot: an answer is not older than the question, and who
// asks while the database gives no snapshot is told so.
func TestAnswerWaitsForASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		r := newRig(t, Config{}, s.over)
		r.put(1)
		r.observe("/items")
		s.close()
		first := r.ask("/items", func(m *bus.Observe) { m.Observer = "o:/items" })
		<-s.took
		second := r.ask("/items")
		synctest.Wait()
		if r.answer(first) != nil || r.answer(second) != nil {
			t.Error("answered before the database said what is new")
		}
		s.open()
		synctest.Wait()
		for _, id := range []uint64{first, second} {
			if a := r.answer(id); a == nil || a.Snapshot == nil {
				t.Errorf("answer %+v", a)
			}
		}
		s.close()
		third := r.ask("/items")
		pass(time.Minute)
		if a := r.answer(third); a == nil || a.Problem == nil {
			t.Errorf("answer %+v of a database that hangs", a)
		}
		s.open()
	})
}

// TestOtherDatabaseWhilePinned: a snapshot of a database that is no more is of no
// use, and the next one is.
func TestOtherDatabaseWhilePinned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := memsource.New(memsource.Config{Tables: itemTables})
		pinned, err := old.Pin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f := &misled{first: pinned}
		r := newRig(t, Config{}, func(r *rig, cfg *Config) { f.DB, cfg.Source = r.db, f })
		r.put(1)
		id := r.ask("/items")
		pass(time.Second)
		if a := r.answer(id); a == nil || a.Snapshot == nil || a.Snapshot.Items.Len() != 1 || !a.Snapshot.Position.SameHistory(r.db.Position()) {
			t.Errorf("answer %+v", a)
		}
		if n := old.Pinned(); n != 0 {
			t.Errorf("%d snapshots of the former database are open", n)
		}
	})
}

// misled is a source whose first snapshot is of another database.
type misled struct {
	*memsource.DB
	first source.Snapshot
}

func (m *misled) Pin(ctx context.Context) (source.Snapshot, error) {
	if s := m.first; s != nil {
		m.first = nil
		return s, nil
	}
	return m.DB.Pin(ctx)
}

// TestEmptyChangesets: they say how far the stream is, and are nobody's cause.
func TestEmptyChangesets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{}, func(r *rig, cfg *Config) {
			_, behind := behind(1, false)
			behind(r, cfg)
		})
		r.put(1)
		r.ask("/items")
		pass(time.Second)
		var seen change.Position
		done := make(chan struct{})
		r.worker.inbox.put(func() {
			defer close(done)
			seen = change.Position(string(r.worker.processed[:change.HistoryLen]) + "ffffffffffffffff" + "0000000000000000")
			kept, recent := r.worker.kept.n, len(r.worker.recent.sets)
			r.worker.note(&change.Changeset{Position: seen})
			if w := r.worker; len(w.dirty) > 0 || w.kept.n != kept || w.processed != seen || len(w.recent.sets) != recent {
				t.Errorf("%d dirty, %d kept, %d recent at %s", len(w.dirty), w.kept.n-kept, len(w.recent.sets)-recent, w.processed)
			}
		})
		<-done
		pass(time.Second)
		if p := r.progress(); p.Position != seen || !p.Whole {
			t.Errorf("progress %+v, want %s", p, seen)
		}
	})
}

// TestUnstamped: of a view that reads outside of its snapshot no change is taken
// to be in the list because the snapshot has it.
func TestUnstamped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{}
		r := newRig(t, Config{}, over(f))
		runs := 0
		r.view("/outside", func(ctx context.Context) error {
			runs++
			readset.From(ctx).Unstamp("a replica")
			return nil
		})
		r.put(1)
		r.observe("/outside")
		pass(time.Second)
		f.hold()
		r.put(2)
		id := r.ask("/items") // its snapshot has the change, which has not come
		pass(100 * time.Millisecond)
		ran := runs
		f.resume()
		pass(time.Second)
		if runs == ran {
			t.Error("a change did not make it run again")
		}
		if a := r.answer(id); a == nil || a.Snapshot == nil {
			t.Errorf("answer %+v", a)
		}
		if p := r.progress(); !p.Whole || p.Position != r.db.Position() {
			t.Errorf("progress %+v in the end, the database is at %s", p, r.db.Position())
		}
		if n := r.events.Count(event.ViewMisread); n != 1 {
			t.Errorf("%d reports of it", n)
		}
	})
}

// TestOwnCommitsByTheirMark: a view that writes what it reads is told a position
// that is not its changeset's, and does not cause itself all the same.
func TestOwnCommitsByTheirMark(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			_, adjust := behind(seed, true)
			r := newRig(t, Config{}, adjust)
			runs := 0
			r.view("/seen", func(ctx context.Context) error {
				runs++
				if runs > 40 {
					return errors.New("it causes itself")
				}
				return r.write(ctx, "item", 100, fmt.Sprint("seen ", runs))
			})
			r.ask("/seen")
			pass(time.Minute)
			if runs != 1 {
				t.Errorf("seed %d: %d runs though nobody else wrote", seed, runs)
			}
			before := runs
			r.put(1)
			pass(time.Minute)
			if runs != before+1 {
				t.Errorf("seed %d: %d runs after one write of somebody else", seed, runs-before)
			}
		})
	}
}
