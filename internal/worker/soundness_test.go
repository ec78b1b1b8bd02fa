package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/source/memsource"
	"github.com/wakeful-dev/wakeful/wire"
)

// faulty is a source whose stream can be held up, whose pins can fail, and
// which can be replaced by another database.
type faulty struct {
	t    *testing.T
	most int // pins that are allowed, 0 for any number

	mu      sync.Mutex
	db      *memsource.DB
	refuse  bool // pins fail
	pins    int
	held    chan struct{} // closed when the stream may go on, nil where it may
	replace chan struct{} // closed when db is another one
}

// over puts a faulty source in front of the rig's database.
func over(f *faulty) func(*rig, *Config) {
	return func(r *rig, cfg *Config) {
		f.t, f.db, f.replace = r.t, r.db, make(chan struct{})
		cfg.Source = f
	}
}

func (f *faulty) now() *memsource.DB {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.db
}

func (f *faulty) Position() change.Position { return f.now().Position() }

func (f *faulty) Covers(ctx context.Context, table string) error { return f.now().Covers(ctx, table) }

func (f *faulty) Pin(ctx context.Context) (source.Snapshot, error) {
	f.mu.Lock()
	f.pins++
	if f.most > 0 && f.pins == f.most {
		f.t.Errorf("the worker pinned %d snapshots: it turns in a circle", f.most)
		f.refuse = true
	}
	refuse := f.refuse
	f.mu.Unlock()
	if refuse {
		return nil, errors.New("no snapshot today")
	}
	return f.now().Pin(ctx)
}

func (f *faulty) Stream(ctx context.Context, after change.Position) iter.Seq2[change.Changeset, error] {
	return func(yield func(change.Changeset, error) bool) {
		f.mu.Lock()
		db, replaced := f.db, f.replace
		f.mu.Unlock()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			select {
			case <-replaced:
				cancel()
			case <-ctx.Done():
			}
		}()
		for c, err := range db.Stream(ctx, after) {
			f.wait(ctx)
			if !yield(c, err) {
				return
			}
		}
	}
}

// wait returns when the stream is not held up.
func (f *faulty) wait(ctx context.Context) {
	f.mu.Lock()
	held := f.held
	f.mu.Unlock()
	if held == nil {
		return
	}
	select {
	case <-ctx.Done():
	case <-held:
	}
}

func (f *faulty) hold() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = make(chan struct{})
}

func (f *faulty) resume() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.held)
	f.held = nil
}

func (f *faulty) refusePins(refuse bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = refuse
}

// renew puts another database in the place of the one there was.
func (f *faulty) renew(db *memsource.DB) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.db = db
	close(f.replace)
	f.replace = make(chan struct{})
}

// A view whose interval is shorter than the rest that it needs must not keep
// the worker from everything else meanwhile.
func TestPollFasterThanThePaceTurnsInNoCircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{MinInterval: time.Second}, over(&faulty{most: 5000}))
		r.view("/clock", func(ctx context.Context) error {
			readset.From(ctx).Poll(100 * time.Millisecond)
			return nil
		})
		r.observe("/clock")
		pass(5 * time.Second)
		r.put(1)
		pass(2 * time.Second)
		if got := r.keys("/clock"); got != "1" {
			t.Errorf("list %q", got)
		}
	})
}

func TestMoreSlowViewsThanPlacesTurnInNoCircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{}, over(&faulty{most: 5000}))
		for i := range maxApart + 1 {
			path := fmt.Sprint("/slow/", i)
			r.view(path, func(context.Context) error {
				<-time.After(100 * time.Millisecond)
				return nil
			})
			r.ask(path)
		}
		pass(time.Second)
		r.put(1)
		pass(10 * time.Second)
		for i := range maxApart + 1 {
			if path := fmt.Sprint("/slow/", i); r.keys(path) != "1" {
				t.Fatalf("%s holds %q", path, r.keys(path))
			}
		}
	})
}

func TestRefusedSnapshotDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{}
		looks := 0 // of the loop's goroutine alone
		r := newRig(t, Config{}, over(f), func(_ *rig, cfg *Config) {
			app := cfg.App
			cfg.App = func() http.Handler {
				if looks++; looks == 5000 {
					t.Error("the worker turns in a circle")
				}
				if looks >= 5000 {
					return nil
				}
				return app()
			}
		})
		f.refusePins(true)
		id := r.ask("/items")
		pass(time.Second)
		if a := r.answer(id); a == nil || a.Problem == nil || a.Problem.Code != wire.CodeUnavailable {
			t.Errorf("answer %+v", a)
		}
		f.refusePins(false)
		r.observe("/items")
	})
}

// While a polled view runs in a snapshot that holds a change, its old list is
// not right at that change; and where the run fails, the change is not lost.
func TestChangeInsideAPollThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{}
		r := newRig(t, Config{}, over(f))
		var fail atomic.Bool
		release := make(chan struct{})
		r.view("/poll", func(ctx context.Context) error {
			readset.From(ctx).Poll(time.Minute)
			if fail.Load() {
				<-release
				return errors.New("not now")
			}
			return nil
		})
		r.observe("/poll")
		fail.Store(true)
		pass(time.Minute - 10*time.Millisecond)
		f.hold()
		r.put(1) // not streamed when the poll begins in a snapshot that has it
		pass(time.Second)
		f.resume()
		pass(50 * time.Millisecond)
		if p := r.progress(); p.Position == r.db.Position() && len(p.Behind) == 0 {
			t.Errorf("progress %+v vouches for a list that lacks the change: %q", p, r.keys("/poll"))
		}
		close(release)
		synctest.Wait()
		fail.Store(false)
		pass(5 * time.Second)
		if got := r.keys("/poll"); got != "1" {
			t.Errorf("5 s after the change the list is %q", got)
		}
	})
}

// The first change that a list lacks counts, in whichever order they are found.
func TestFirstChangeThatAListLacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		p := func(n uint64) change.Position { return change.NewPosition("AAAAAAAA", n) }
		o := &live{stamp: pinnedAt(p(10)), listed: true}
		r.worker.markDirty(o, trigger{by: commitAt(p(12))})
		r.worker.markDirty(o, trigger{by: commitAt(p(11))})
		if o.validAt(p(11)) {
			t.Error("valid at 11, which touched it")
		}
		if !o.validAt(p(10)) {
			t.Error("not valid at 10")
		}
		r.worker.markDirty(o, trigger{})
		if o.validAt(p(10)) {
			t.Error("valid at 10 although anything may have happened")
		}
		o = &live{stamp: pinnedAt(p(10)), listed: true}
		r.worker.markDirty(o, trigger{by: commitAt(p(12))})
		r.worker.markDirty(o, trigger{})
		if o.validAt(change.NewPosition("BBBBBBBB", 1)) {
			t.Error("valid in another history")
		}
	})
}

type pinnedAt change.Position

func (p pinnedAt) Position() change.Position         { return change.Position(p) }
func (p pinnedAt) Contains(c *change.Changeset) bool { return p.Position().Reaches(c.Position) }
func (pinnedAt) Close() error                        { return nil }

// Another database in place of the first: whoever asks gets its rows, and no
// progress vouches for lists of the former.
func TestDatabaseReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{}
		r := newRig(t, Config{MinInterval: 10 * time.Second}, over(f))
		r.handle("/now", mark.View{Name: "/now", Key: []string{"id"}}, func(w http.ResponseWriter, q *http.Request) {
			rows, err := f.now().Read(q.Context(), "item")
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			_ = json.NewEncoder(w).Encode(rows)
		})
		r.put(1)
		r.observe("/now")
		pass(15 * time.Second)
		r.put(2)
		synctest.Wait()
		r.put(3) // paced: the list lacks it, and is known to
		synctest.Wait()
		next := memsource.New(memsource.Config{Tables: []memsource.Table{{Name: "item", Columns: []string{"id", "name", "score"}}}})
		if _, err := next.Update(func(tx *memsource.Tx) error {
			return tx.Put("item", memsource.Row{"id": int64(9), "name": "new", "score": int64(1)})
		}); err != nil {
			t.Fatal(err)
		}
		f.renew(next)
		id := r.ask("/now")
		synctest.Wait()
		if a := r.answer(id); a != nil && (a.Snapshot == nil || a.Snapshot.Items.Len() != 1) {
			t.Errorf("answer %+v is older than the question", a.Snapshot)
		}
		pass(time.Second)
		if p := r.progress(); p.Position.SameHistory(next.Position()) && len(p.Behind) == 0 && r.keys("/now") != "9" {
			t.Errorf("progress %+v vouches for %q", p, r.keys("/now"))
		}
		pass(20 * time.Second)
		if got := r.keys("/now"); got != "9" {
			t.Errorf("list %q", got)
		}
		if p := r.progress(); !p.Whole || len(p.Behind) > 0 || p.Position != next.Position() {
			t.Errorf("progress %+v, the database is at %s", p, next.Position())
		}
	})
}

// A list that shows a later commit than a progress tells is not part of its
// whole.
func TestProgressBehindAList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{}
		r := newRig(t, Config{Patience: 50 * time.Millisecond}, over(f))
		r.put(1)
		r.observe("/items")
		pass(100 * time.Millisecond)
		f.hold()
		r.put(2)
		r.view("/more", nil)
		id := r.ask("/more") // evaluated at a position that the stream has not come to
		pass(2 * time.Second)
		a := r.answer(id)
		if a == nil || a.Snapshot == nil {
			t.Fatalf("answer %+v", a)
		}
		if p := r.progress(); p.Whole && a.Snapshot.Position > p.Position {
			t.Errorf("progress %+v is whole beside a list of %s", p, a.Snapshot.Position)
		}
		f.resume()
		pass(2 * time.Second)
		if p := r.progress(); !p.Whole || p.Position != r.db.Position() {
			t.Errorf("progress %+v, the database is at %s", p, r.db.Position())
		}
	})
}

// A progress that was told before a list was followed does not vouch for it.
func TestProgressToldBeforeTheListWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		r.observe("/items")
		r.view("/slow", func(context.Context) error {
			<-time.After(time.Second)
			return nil
		})
		r.ask("/slow")
		pass(500 * time.Millisecond)
		r.put(1) // the slow view read before it
		pass(600 * time.Millisecond)
		r.mu.Lock()
		defer r.mu.Unlock()
		var told *wire.Progress
		for _, body := range r.came {
			switch m := body.(type) {
			case *bus.Round:
				if m.Progress != nil {
					told = m.Progress
				}
			case *bus.Observed:
				if s := m.Snapshot; s.Observer == "o:/slow" && s.Items.Len() == 0 && s.Position < told.Position && !slices.Contains(told.Behind, s.Observer) {
					t.Errorf("progress %+v, then a list of %s that lacks the change", told, s.Position)
				}
			}
		}
	})
}

// A time after which the result is another one may come while the view runs.
func TestUntilComesWhileTheViewRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		end := time.Now().Add(30 * time.Millisecond)
		r.handle("/offer", mark.View{Name: "/offer", Key: []string{"id"}}, func(w http.ResponseWriter, q *http.Request) {
			open := time.Now().Before(end)
			if open {
				readset.From(q.Context()).Until(end)
			}
			if _, err := r.db.Read(q.Context(), "item"); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			<-time.After(50 * time.Millisecond)
			_ = json.NewEncoder(w).Encode([]map[string]any{{"id": 1, "open": open}})
		})
		r.ask("/offer")
		pass(time.Second)
		r.mu.Lock()
		defer r.mu.Unlock()
		if got := string(r.lists["o:/offer"][0].Data); got != `{"id":1,"open":false}` {
			t.Errorf("a second later the list says %s", got)
		}
	})
}

// Who asked and is gone leaves no observer behind.
func TestRefusedQuestionLeavesNothingBehind(t *testing.T) {
	tests := map[string]func(r *rig, fail *atomic.Bool){
		"position not reached": func(r *rig, _ *atomic.Bool) {
			never := change.NewPosition(r.db.Position().History(), 1<<40)
			r.ask("/v", func(m *bus.Observe) { m.After = never })
			pass(3 * time.Second)
		},
		"view fails": func(r *rig, fail *atomic.Bool) {
			fail.Store(true)
			r.put(2)
			r.ask("/v")
			pass(time.Second)
			fail.Store(false)
		},
	}
	for name, do := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Config{Linger: 10 * time.Second})
				var fail atomic.Bool
				r.view("/v", func(context.Context) error {
					if fail.Load() {
						return errors.New("not now")
					}
					return nil
				})
				r.put(1)
				r.observe("/v")
				if err := r.link.Send(Name, &bus.Leave{Observer: "o:/v"}); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				do(r, &fail)
				pass(time.Minute)
				if n := len(r.worker.Status().Observers); n != 0 {
					t.Errorf("%d observers are kept for nobody", n)
				}
			})
		})
	}
}

func TestNameTakenOnTheBusEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := bus.New()
		leave, err := shared.Join(Name, func(bus.Message) {})
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
		w, err := New(Config{Bus: shared, Source: memsource.New(memsource.Config{}), App: func() http.Handler { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := w.Run(ctx); err == nil || ctx.Err() != nil {
			t.Errorf("Run returned %v after %v", err, ctx.Err())
		}
	})
}
