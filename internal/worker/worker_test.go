package worker

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/internal/observer"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source/memsource"
	"github.com/wakeful-dev/wakeful/wire"
)

func TestObserveThenChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		r.put(1, 2)
		s := r.observe("/items")
		if s.Seq != 0 || len(s.Epoch) < 16 || s.Items.Len() != 2 || s.PrimaryKey != "id" || s.KeyType != wire.KeyInteger {
			t.Errorf("snapshot %+v", s)
		}
		if s.Position != r.db.Position() {
			t.Errorf("position %s, the database is at %s", s.Position, r.db.Position())
		}
		r.put(3)
		synctest.Wait()
		if got := r.keys("/items"); got != "1 2 3" {
			t.Errorf("list %q", got)
		}
		p := r.progress()
		if p == nil || p.Position != r.db.Position() || !p.Whole || len(p.Behind) > 0 {
			t.Errorf("progress %+v, the database is at %s", p, r.db.Position())
		}
		if last := r.last(); len(last.Changes) != 1 || last.Progress == nil {
			t.Errorf("diff and progress did not come in one message: %+v", last)
		}
	})
}

func TestChangeThatConcernsNobodyCostsNoEvaluation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		r.observe("/items")
		before := r.events.Count(event.Evaluated)
		if _, err := r.db.Update(func(tx *memsource.Tx) error {
			return tx.Put("other", memsource.Row{"id": int64(1), "name": "x"})
		}); err != nil {
			t.Fatal(err)
		}
		pass(reportGap)
		if n := r.events.Count(event.Evaluated) - before; n != 0 {
			t.Errorf("%d evaluations", n)
		}
		if p := r.progress(); p.Position != r.db.Position() || !p.Whole {
			t.Errorf("progress %+v does not prove the write at %s", p, r.db.Position())
		}
	})
}

func TestEqualRequestsShareOneObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		first := r.observe("/items")
		second := r.observe("/items")
		if first.Epoch != second.Epoch || r.events.Count(event.Evaluated) != 1 {
			t.Errorf("epochs %s and %s, %d evaluations", first.Epoch, second.Epoch, r.events.Count(event.Evaluated))
		}
	})
}

func TestAnswerContainsEveryEarlierWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{MinInterval: time.Hour})
		r.observe("/items")
		for id := int64(1); id <= 20; id++ {
			r.put(id) // paced: the observer itself would not run for an hour
			if s := r.observe("/items"); s.Items.Len() != int(id) {
				t.Fatalf("after %d writes the answer has %d items", id, s.Items.Len())
			}
		}
	})
}

func TestSlowViewHoldsUpNobody(t *testing.T) { // D4
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		r.view("/slow", func(ctx context.Context) error {
			<-time.After(3 * time.Second)
			return nil
		})
		slow := r.ask("/slow")
		pass(4 * time.Second)
		if r.answer(slow) == nil {
			t.Fatal("the slow view did not answer")
		}
		r.observe("/items")
		for id := int64(1); id <= 5; id++ {
			began := time.Now()
			r.put(id)
			synctest.Wait()
			if n := len(strings.Fields(r.keys("/items"))); n != int(id) {
				t.Fatalf("the fast list has %d items after %v", n, time.Since(began))
			}
			if p := r.progress(); p.Position != r.db.Position() || len(p.Behind) != 1 || p.Behind[0] != "o:/slow" {
				t.Fatalf("progress %+v does not name the slow view", p)
			}
		}
		pass(20 * time.Second)
		if got := r.keys("/slow"); got != "1 2 3 4 5" {
			t.Errorf("the slow list ends as %q", got)
		}
		if p := r.progress(); len(p.Behind) != 0 {
			t.Errorf("still behind: %v", p.Behind)
		}
	})
}

func TestPollingViewHoldsUpNobodyAndEnds(t *testing.T) { // D1
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Linger: time.Second})
		var polls atomic.Int64
		r.view("/poll", func(ctx context.Context) error {
			polls.Add(1)
			readset.From(ctx).Poll(2 * time.Second)
			return nil
		})
		r.observe("/poll")
		r.observe("/poll")
		r.observe("/items")
		pass(20*time.Second + time.Millisecond)
		if n := polls.Load(); n != 11 {
			t.Errorf("%d evaluations in 20 s at an interval of 2 s", n)
		}
		r.put(1)
		synctest.Wait()
		if got := r.keys("/items"); got != "1" {
			t.Errorf("the other list is %q at once after the write", got)
		}
		if err := r.link.Send(Name, &bus.Leave{Observer: "o:/poll"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		before := polls.Load()
		pass(time.Minute)
		if n := polls.Load() - before; n != 0 {
			t.Errorf("%d evaluations after the last subscriber had left", n)
		}
	})
}

func TestBurstFoldsIntoFewEvaluations(t *testing.T) { // D2, D3
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{MinInterval: 2 * time.Second})
		r.observe("/items")
		pass(2 * time.Second)
		before := r.events.Count(event.Evaluated)
		r.put(1)
		synctest.Wait()
		if got := r.keys("/items"); got != "1" {
			t.Errorf("the first change was not sent at once: %q", got)
		}
		for id := int64(2); id <= 50; id++ {
			r.put(id)
		}
		pass(2 * time.Second)
		if n := len(strings.Fields(r.keys("/items"))); n != 50 {
			t.Errorf("%d items after the interval", n)
		}
		if n := r.events.Count(event.Evaluated) - before; n != 2 {
			t.Errorf("%d evaluations for a burst of 50 writes", n)
		}
	})
}

func TestFailingViewIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		var broken atomic.Bool
		r.view("/shaky", func(context.Context) error {
			if broken.Load() {
				return errors.New("no")
			}
			return nil
		})
		r.observe("/shaky")
		r.observe("/items")
		broken.Store(true)
		r.put(1)
		synctest.Wait()
		if r.keys("/items") != "1" || r.keys("/shaky") != "" {
			t.Errorf("lists %q and %q", r.keys("/items"), r.keys("/shaky"))
		}
		if p := r.progress(); len(p.Behind) != 1 {
			t.Errorf("progress %+v does not name the failing view", p)
		}
		broken.Store(false)
		pass(time.Second)
		if got := r.keys("/shaky"); got != "1" {
			t.Errorf("list %q after the view recovered", got)
		}
		broken.Store(true)
		r.put(2)
		pass(5 * time.Minute)
		if code := r.closed("/shaky"); code != wire.CodeViewError {
			t.Errorf("closed with %q", code)
		}
	})
}

func TestEndings(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) }
	}
	tests := []struct {
		name string
		then http.HandlerFunc
		want wire.Code
	}{
		{"unauthorized", status(401), wire.CodePermissionRevoked},
		{"forbidden", status(403), wire.CodePermissionRevoked},
		{"gone", status(410), wire.CodeViewError},
		{"server error for long", status(500), wire.CodeViewError},
		{"panic for long", func(http.ResponseWriter, *http.Request) { panic("no") }, wire.CodeViewError},
		{"not JSON for long", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, wire.CodeViewError},
		{"too slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, wire.CodeTooSlow},
		{"too large", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`[{"id":1},{"id":2},{"id":3},{"id":4}]`))
		}, wire.CodeLimit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Config{MaxItems: 3})
				var ended atomic.Bool
				r.handle("/v", mark.View{Name: "v", Key: []string{"id"}}, func(w http.ResponseWriter, q *http.Request) {
					_, _ = r.db.Read(q.Context(), "item")
					if ended.Load() {
						tt.then(w, q)
						return
					}
					_, _ = w.Write([]byte(`[{"id":1}]`))
				})
				r.observe("/v")
				ended.Store(true)
				r.put(1)
				pass(5 * time.Minute)
				if got := r.closed("/v"); got != tt.want {
					t.Errorf("closed with %q, want %q", got, tt.want)
				}
				if n := len(r.worker.Status().Observers); n != 0 {
					t.Errorf("%d observers left", n)
				}
			})
		})
	}
}

func TestRefusals(t *testing.T) {
	text := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(s)) }
	}
	tests := []struct {
		name   string
		view   http.HandlerFunc // runs after the table was read
		code   wire.Code
		detail string
	}{
		{"text", text("hello"), wire.CodeUnobservableResult, "not a JSON list or object"},
		{"nothing", text(""), wire.CodeUnobservableResult, "empty"},
		{"half of it", text(`[{"id":1},`), wire.CodeUnobservableResult, "not valid JSON"},
		{"scalars", text(`[1,2]`), wire.CodeUnobservableResult, `no key "id"`},
		{"no key", text(`[{"id":1},{"name":"x"}]`), wire.CodeUnobservableResult, `item 1`},
		{"null key", text(`[{"id":null}]`), wire.CodeUnobservableResult, `"id" is null`},
		{"two of one key", text(`[{"id":1},{"id":1}]`), wire.CodeUnobservableResult, `two items`},
		{"mixed keys", text(`[{"id":1},{"id":"1"}]`), wire.CodeUnobservableResult, `string in some items`},
		{"too many", text(`[{"id":1},{"id":2},{"id":3},{"id":4}]`), wire.CodeResultTooLarge, "more than 3"},
		{"panic", func(http.ResponseWriter, *http.Request) { panic("no") }, wire.CodeViewError, "panicked"},
		{"too slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, wire.CodeTooSlow, "stopped"},
		{"clock", func(w http.ResponseWriter, r *http.Request) {
			readset.From(r.Context()).Add(&readset.Statement{Text: "…", Volatile: []string{"now"}}, nil)
			text(`[]`)(w, r)
		}, wire.CodeVolatileView, "wakeful.Poll"},
		{"unrecorded", func(w http.ResponseWriter, r *http.Request) {
			readset.From(r.Context()).Fail(errors.New("a statement could not be described"))
			text(`[]`)(w, r)
		}, wire.CodeNothingRead, "could not be described"},
		{"uncovered", func(w http.ResponseWriter, r *http.Request) {
			readset.From(r.Context()).Add(&readset.Statement{Reads: []readset.Read{{Table: "foreign"}}}, nil)
			text(`[]`)(w, r)
		}, wire.CodeUncoveredTable, `"foreign"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Config{MaxItems: 3})
				r.handle("/v", mark.View{Name: "the-view", Key: []string{"id"}}, func(w http.ResponseWriter, q *http.Request) {
					_, _ = r.db.Read(q.Context(), "item")
					tt.view(w, q)
				})
				id := r.ask("/v")
				pass(time.Minute)
				p := r.answer(id).Problem
				if p == nil || p.Code != tt.code || !strings.Contains(p.Detail, tt.detail) || !strings.Contains(p.Detail, "the-view") {
					t.Errorf("got %+v, want %s naming the view and %q", r.answer(id), tt.code, tt.detail)
				}
			})
		})
	}
}

func TestNothingReadSaysHowToFixIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		r.handle("/v", mark.View{Name: "v", Key: []string{"id"}}, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`[]`))
		})
		id := r.ask("/v")
		synctest.Wait()
		p := r.answer(id).Problem
		if p == nil || p.Code != wire.CodeNothingRead || !strings.Contains(p.Detail, "DependsOn") {
			t.Errorf("got %+v", p)
		}
	})
}

func TestOtherStatusPassesThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		r.handle("/v", mark.View{Name: "v", Key: []string{"id"}}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Reason", "because")
			http.Error(w, "go away", http.StatusForbidden)
		})
		id := r.ask("/v")
		synctest.Wait()
		got := r.answer(id).Response
		if got == nil || got.Status != 403 || string(got.Body) != "go away\n" || got.Header["X-Reason"][0] != "because" {
			t.Errorf("got %+v", r.answer(id))
		}
	})
}

func TestNotFoundFills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		r.handle("/one", mark.View{Name: "one", Key: []string{"id"}}, func(w http.ResponseWriter, q *http.Request) {
			row, _ := r.db.Get(q.Context(), "item", int64(1))
			if row == nil {
				http.NotFound(w, q)
				return
			}
			_, _ = w.Write([]byte(`{"id":1}`))
		})
		if s := r.observe("/one"); s.Items.Len() != 0 {
			t.Fatalf("items %v", s.Items)
		}
		r.put(1)
		synctest.Wait()
		if got := r.keys("/one"); got != "1" {
			t.Errorf("list %q after the thing appeared", got)
		}
	})
}

func TestResumeFromTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{LogDiffs: 3})
		s := r.observe("/items")
		for id := int64(1); id <= 5; id++ {
			r.put(id)
			synctest.Wait()
		}
		ask := func(epoch string, seq uint64) *bus.Observed {
			id := r.ask("/items", func(m *bus.Observe) { m.Epoch, m.Seq = epoch, seq })
			synctest.Wait()
			return r.answer(id)
		}
		if got := ask(s.Epoch, 2).Resumed; got == nil || len(got.Changes) != 3 || got.Changes[0].Seq != 3 {
			t.Errorf("resume at 2 of 5: %+v", got)
		}
		if got := ask(s.Epoch, 5).Resumed; got == nil || len(got.Changes) != 0 {
			t.Errorf("resume at 5 of 5: %+v", got)
		}
		if got := ask(s.Epoch, 1).Snapshot; got == nil || got.Seq != 5 || got.Items.Len() != 5 {
			t.Errorf("resume behind the log: %+v", got)
		}
		if got := ask("another", 5).Snapshot; got == nil {
			t.Error("resume of another epoch gave no snapshot")
		}
		if got := ask(s.Epoch, 6).Snapshot; got == nil {
			t.Error("resume beyond the end gave no snapshot")
		}
	})
}

func TestPositionNotReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		r.observe("/items")
		future := change.NewPosition(r.db.Position().History(), 1_000_000)
		id := r.ask("/items", func(m *bus.Observe) { m.After = future })
		pass(positionPatience)
		if p := r.answer(id).Problem; p == nil || p.Code != wire.CodePositionTimeout {
			t.Errorf("got %+v", r.answer(id))
		}
		id = r.ask("/items", func(m *bus.Observe) { m.After = change.NewPosition("anotherx", 7) })
		synctest.Wait()
		if r.answer(id).Snapshot == nil {
			t.Errorf("a position of another history: got %+v", r.answer(id))
		}
	})
}

func TestLingerAndClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Linger: 10 * time.Second})
		first := r.observe("/items")
		leave := func() {
			if err := r.link.Send(Name, &bus.Leave{Observer: "o:/items"}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		leave()
		r.put(1)
		synctest.Wait()
		if n := r.events.Count(event.Evaluated); n != 1 {
			t.Errorf("%d evaluations though nobody watches", n)
		}
		again := r.observe("/items")
		if again.Epoch != first.Epoch || again.Seq != 1 || again.Items.Len() != 1 {
			t.Errorf("within the linger: %+v", again)
		}
		leave()
		pass(11 * time.Second)
		if n := len(r.worker.Status().Observers); n != 0 {
			t.Errorf("%d observers after the linger", n)
		}
		r.observe("/items")
		r.worker.Clear()
		synctest.Wait()
		if got := r.closed("/items"); got != wire.CodeCleared {
			t.Errorf("closed with %q", got)
		}
	})
}

func TestLostStreamEvaluatesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		r.observe("/items")
		r.worker.inbox.put(func() { r.worker.sourceLost(errors.New("cut")) })
		synctest.Wait()
		r.worker.inbox.put(func() { r.worker.restart(r.db.Position()) })
		before := r.events.Count(event.Evaluated)
		synctest.Wait()
		if n := r.events.Count(event.Evaluated) - before; n != 1 {
			t.Errorf("%d evaluations after the stream came back", n)
		}
	})
}

// TestStatusSaysHowStatementsWereUnderstood: which columns narrow, no value.
func TestStatusSaysHowStatementsWereUnderstood(t *testing.T) {
	o := &live{understood: []observer.Understood{
		{Needs: []query.Need{
			{Read: readset.Read{Table: "post"}, Where: predicate.Of(predicate.Atom{Column: predicate.Column{Name: "author"}, Op: predicate.In, Keys: []string{"secret"}})},
			{Read: readset.Read{Table: "tag"}},
		}, Dropped: []query.Dropped{{Table: "post", Column: "at", Why: query.WhyClock}}},
		{Opaque: "it is no SELECT"},
	}}
	got := strings.Join(o.rows(), "; ")
	want := "post by author; tag: all rows; post.at does not narrow: " + query.WhyClock + "; all rows: it is no SELECT"
	if got != want {
		t.Errorf("rows\n got %s\nwant %s", got, want)
	}
}
