package worker

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/explain"
	"github.com/wakeful-dev/wakeful/source/memsource"
	"github.com/wakeful-dev/wakeful/wire"
)

// boardURLs are lists of every kind: whole, windows near and far, filtered, one
// that no plan gives, one without a plan.
var boardURLs = []string{
	"/top", "/top?limit=3", "/top?limit=3&offset=2", "/top?limit=2&offset=12", "/top?min=40&limit=4", "/top?min=20&max=60",
	"/wrapped?limit=3", "/items",
}

// TestPlannedLaw: whatever is written, and however slow, broken or dated views
// and reads are, each diff leads to the list of the state that it names, and
// each whole progress names a state that all lists show together.
func TestPlannedLaw(t *testing.T) {
	total := map[event.Kind]uint64{}
	checked, whole := 0, 0
	for seed := range seeds() {
		synctest.Test(t, func(t *testing.T) {
			b := newBoard(t, seed, Config{Audit: 20 * time.Millisecond})
			if err := b.play(80); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			if n := b.events.Count(event.AuditDiffered); n > 0 {
				t.Errorf("seed %d: the auditor found %d differences", seed, n)
			}
			for _, kind := range []event.Kind{event.Stepped, event.Read, event.Evaluated, event.ReadFailed, event.Audited} {
				total[kind] += b.events.Count(kind)
			}
			checked, whole = checked+b.checked, whole+b.whole
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d lists, %d times all together: %d steps, %d reads (%d failed), %d evaluations, %d audits", checked, whole,
		total[event.Stepped], total[event.Read], total[event.ReadFailed], total[event.Evaluated], total[event.Audited])
	if checked == 0 || whole == 0 || total[event.Stepped] == 0 || total[event.Read] == 0 || total[event.ReadFailed] == 0 || total[event.Audited] == 0 {
		t.Error("nothing was tried")
	}
}

func seeds() uint64 {
	switch {
	case os.Getenv("WAKEFUL_LONG") != "":
		return 3_000
	case os.Getenv("WAKEFUL_RACE") != "":
		return 8
	}
	return 40
}

// play does so many things by chance, and returns what was shown wrong.
func (b *board) play(times int) error {
	for range times {
		switch n := b.random.IntN(20); {
		case n < 3:
			b.watch(boardURLs[b.random.IntN(len(boardURLs))])
		case n < 13:
			b.write()
		case n == 13:
			b.slow.Store(int64(b.random.IntN(3)) * 40)
			b.lag.Store(int64(b.random.IntN(3)) * 40)
		case n == 14:
			b.broken.Store(int64(b.random.IntN(2)))
		case n == 15:
			b.stale.Store(b.random.IntN(4) == 0)
		case n == 16 && b.random.IntN(4) == 0:
			b.scope([]string{"less", "no"}[b.random.IntN(2)])
		case n == 16:
			b.scope("all")
			b.commit(func(tx *memsource.Tx) error {
				return tx.Put("other", memsource.Row{"id": 2, "name": fmt.Sprint(b.random.IntN(1000))})
			})
		case n == 17:
			pass(time.Duration(b.random.IntN(300)) * time.Millisecond)
		case n == 18:
			synctest.Wait()
		default:
			pass(time.Duration(b.random.IntN(5)) * time.Millisecond)
		}
		if err := b.check(); err != nil {
			return err
		}
	}
	return b.settled()
}

// scope sets what the requests may see.
func (b *board) scope(name string) {
	b.commit(func(tx *memsource.Tx) error {
		if err := tx.Put("item", memsource.Row{"id": 1, "name": name, "score": 99}); err != nil {
			return err
		}
		return tx.Put("other", memsource.Row{"id": 1, "name": name})
	})
}

// settled waits until nothing is left to do, and returns what is wrong then.
func (b *board) settled() error {
	b.broken.Store(0)
	b.stale.Store(false)
	pass(20 * time.Second)
	if err := b.judge(); err != nil {
		return err
	}
	now := b.states[b.db.Position()]
	if b.log != nil {
		now = b.log.states(&shown{at: b.db.Position(), all: true})[0]
	}
	b.rig.mu.Lock()
	defer b.rig.mu.Unlock()
	for id, items := range b.lists {
		if have, want := b.textOf(id, items), b.want(id, now); have != want {
			return fmt.Errorf("%s ends as\n\t%s, want\n\t%s", id, have, want)
		}
	}
	return nil
}

func (b *board) watch(url string) {
	b.rig.mu.Lock()
	_, known := b.lists["o:"+url]
	b.rig.mu.Unlock()
	if known {
		return // a second snapshot would not be a part of the stream
	}
	var after []func(*bus.Observe)
	if b.log != nil && b.random.IntN(2) == 0 {
		after = append(after, b.log.after)
	}
	if url == "/items" {
		b.ask(url, after...)
		return
	}
	b.ask(url, append(after, func(m *bus.Observe) { m.Scope = "all" })...)
}

// write changes some rows, one of a few, or a whole lot.
func (b *board) write() {
	b.commit(func(tx *memsource.Tx) error {
		rows := 1 + b.random.IntN(3)
		last, again := int64(0), false
		switch b.random.IntN(40) {
		case 0:
			return tx.Truncate("item")
		case 1:
			rows = 800
		}
		for range rows {
			id := int64(b.random.IntN(30))
			if rows > 3 {
				id = int64(b.random.IntN(2000))
			} else if again && b.random.IntN(2) == 0 {
				id = last // what a transaction has made of a row it may alter
			}
			last, again = id, true
			if b.random.IntN(4) == 0 {
				if _, err := tx.Delete("item", id); err != nil {
					return err
				}
				continue
			}
			row := memsource.Row{"id": id, "name": fmt.Sprint("n", b.random.IntN(5)), "score": int64(b.random.IntN(100))}
			if err := tx.Put("item", row); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestStepsAskNobody: what memory can decide costs no statement and no view.
func TestStepsAskNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, 1, Config{Audit: -1})
		b.fill(40)
		b.top("/top?limit=5")
		b.top("/top?min=10&max=20")
		synctest.Wait()
		ran := b.ran.Load()
		for i := range int64(30) {
			b.commit(func(tx *memsource.Tx) error {
				return tx.Put("item", memsource.Row{"id": i, "name": "x", "score": 100 - 3*i})
			})
			synctest.Wait()
		}
		if err := b.settled(); err != nil {
			t.Error(err)
		}
		if b.ran.Load() != ran || b.reads.Load() != 0 {
			t.Errorf("the view ran %d times more, %d reads", b.ran.Load()-ran, b.reads.Load())
		}
		if n := b.events.Count(event.Stepped); n == 0 {
			t.Error("no step was made")
		}
	})
}

// fill writes items with scores of their ids.
func (b *board) fill(n int64) {
	b.commit(func(tx *memsource.Tx) error {
		for i := range n {
			if err := tx.Put("item", memsource.Row{"id": i, "name": "x", "score": i}); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestReadsOfOneShape: a change that no list can be stepped over costs one
// statement for all of a shape, and no view.
func TestReadsOfOneShape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, 1, Config{Audit: -1})
		b.fill(100)
		for i := range 40 {
			b.top(fmt.Sprintf("/top?limit=5&min=%d", i))
		}
		pass(time.Second)
		ran := b.ran.Load()
		b.commit(func(tx *memsource.Tx) error { return tx.Truncate("item") })
		b.fill(50)
		if err := b.settled(); err != nil {
			t.Error(err)
		}
		if b.ran.Load() != ran || b.reads.Load() != 1 || b.plans.Load() != 40 {
			t.Errorf("the view ran %d times more; %d reads of %d lists, want one of 40", b.ran.Load()-ran, b.reads.Load(), b.plans.Load())
		}
	})
}

// TestRightsInDoubt: a change of what rights rest on is told before, or with,
// the next diff, and has the view run; one whose scope is another then ends.
func TestRightsInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, 1, Config{Audit: -1})
		b.fill(20)
		b.top("/top?limit=5")
		synctest.Wait()
		ran := b.ran.Load()
		b.commit(func(tx *memsource.Tx) error {
			if err := tx.Put("item", memsource.Row{"id": 3, "name": "x", "score": 900}); err != nil {
				return err
			}
			return tx.Put("other", memsource.Row{"id": 2, "name": "somebody"})
		})
		synctest.Wait()
		b.rig.mu.Lock()
		came, doubts := slices.Clone(b.came), b.doubts["o:/top?limit=5"]
		b.rig.mu.Unlock()
		if b.ran.Load() != ran+1 || doubts != 1 {
			t.Errorf("the view ran %d times, doubted %d times", b.ran.Load()-ran, doubts)
		}
		doubted := false
		for _, body := range came {
			if m, ok := body.(*bus.Round); ok {
				doubted = doubted || len(m.Doubted) > 0
				if len(m.Changes) > 0 && !doubted {
					t.Error("a diff came before the doubt")
				}
			}
		}
		if err := b.settled(); err != nil {
			t.Error(err)
		}
		b.commit(func(tx *memsource.Tx) error { return tx.Put("other", memsource.Row{"id": 1, "name": "less"}) })
		pass(time.Second)
		if code := b.closed("/top?limit=5"); code != wire.CodeScopeChanged {
			t.Errorf("closed with %q", code)
		}
	})
}

// TestScopeOfTheFirst: who asks with another scope than his request has is
// refused, and sees nothing.
func TestScopeOfTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, 1, Config{})
		b.fill(20)
		id := b.ask("/top", func(m *bus.Observe) { m.Scope = "mine" })
		synctest.Wait()
		answer := b.answer(id)
		if answer == nil || answer.Snapshot != nil || answer.Problem == nil || answer.Problem.Code != wire.CodeScopeChanged || answer.Problem.Status != http.StatusConflict {
			t.Errorf("got %+v", answer)
		}
	})
}

// TestAuditor: a list that its steps have made wrong is found, told and put
// right.
func TestAuditor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, 1, Config{Audit: time.Second})
		b.fill(20)
		b.top("/lying?limit=5")
		synctest.Wait()
		put := func(id, score int64) {
			b.commit(func(tx *memsource.Tx) error {
				return tx.Put("item", memsource.Row{"id": id, "name": "x", "score": score})
			})
			synctest.Wait()
		}
		b.lies.Store(true)
		put(7, 500)
		pass(100 * time.Millisecond)
		if err := b.check(); err == nil {
			t.Fatal("the list is right: nothing is tried")
		}
		b.lies.Store(false)
		pass(3 * time.Second)
		b.mu.Lock()
		b.shown = nil // some of it was wrong
		b.mu.Unlock()
		if n := b.events.Count(event.AuditDiffered); n != 1 {
			t.Errorf("%d differences, want 1", n)
		}
		if err := b.settled(); err != nil {
			t.Error(err)
		}
		audits := b.events.Count(event.Audited)
		put(8, 600)
		if pass(3 * time.Second); b.events.Count(event.Audited) != audits+1 {
			t.Errorf("%d audits of one more step", b.events.Count(event.Audited)-audits)
		}
		if pass(time.Minute); b.events.Count(event.Audited) != audits+1 {
			t.Error("a list was audited again that was not stepped since")
		}
	})
}

// TestBacklog: while a slow view holds a round, more transactions come than are
// kept for a list: it is read.
func TestBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, 1, held)
		b.fill(20)
		b.top("/top?limit=5")
		b.ask("/items")
		synctest.Wait()
		gate := make(chan struct{})
		b.view("/held", func(context.Context) error { <-gate; return nil })
		b.lag.Store(0)
		b.ask("/held")
		synctest.Wait()
		close(gate)
		synctest.Wait()
		gate = make(chan struct{})
		b.write() // /held runs in a round now, until the gate opens
		synctest.Wait()
		for i := range int64(maxQueuedSets + 10) {
			b.commit(func(tx *memsource.Tx) error {
				return tx.Put("item", memsource.Row{"id": i % 7, "name": "x", "score": 100 + i})
			})
		}
		synctest.Wait()
		if b.reads.Load() != 0 {
			t.Fatal("it was read already: nothing waits")
		}
		close(gate)
		if err := b.settled(); err != nil {
			t.Error(err)
		}
		if b.reads.Load() == 0 {
			t.Error("it was not read")
		}
		if n := b.worker.steps.bytes.Load(); n != 0 {
			t.Errorf("%d bytes are still counted for what waits", n)
		}
	})
}

// TestHowItIsKept: an explanation, the status and the counts say how a list is
// kept and why.
func TestHowItIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, 1, Config{Audit: -1})
		b.fill(20)
		for _, url := range []string{"/top?limit=5", "/wrapped?limit=5"} {
			b.top(url)
		}
		synctest.Wait()
		b.commit(func(tx *memsource.Tx) error {
			return tx.Put("item", memsource.Row{"id": 3, "name": "x", "score": 90})
		})
		synctest.Wait()
		b.commit(func(tx *memsource.Tx) error { return tx.Truncate("item") })
		pass(time.Second)
		for _, want := range []struct {
			url, how     string
			steps, reads uint64
		}{{"/top?limit=5", "step", 1, 1}, {"/wrapped?limit=5", "evaluate", 0, 0}} {
			e, err := b.worker.Explain(t.Context(), explain.Question{Observer: "o:" + want.url})
			if err != nil {
				t.Fatal(err)
			}
			if k := e.Kept; k.How != want.how || k.Steps != want.steps || k.Reads != want.reads || k.Reason == "" {
				t.Errorf("%s: %+v", want.url, k)
			}
			if text := e.String(); !strings.Contains(text, e.Kept.Reason) || len(e.Reads) != 2 || e.Reads[1].Kept != (want.how == "step") {
				t.Errorf("%s: %s", want.url, text)
			}
		}
		if b.events.Count(event.PlanDropped) != 1 {
			t.Errorf("%d plans were reported", b.events.Count(event.PlanDropped))
		}
	})
}

// TestPanickingPlan: a plan that panics harms no list: the view runs.
func TestPanickingPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, 1, Config{Audit: -1})
		b.fill(20)
		b.top("/lying?limit=5")
		b.top("/top?limit=5")
		synctest.Wait()
		ran := b.ran.Load()
		b.panics.Store(true)
		b.commit(func(tx *memsource.Tx) error {
			return tx.Put("item", memsource.Row{"id": 3, "name": "x", "score": 90})
		})
		if err := b.settled(); err != nil {
			t.Error(err)
		}
		if b.ran.Load() != ran+1 || b.events.Count(event.ReadFailed) != 1 {
			t.Errorf("the view ran %d times more, %d failures were told", b.ran.Load()-ran, b.events.Count(event.ReadFailed))
		}
		b.commit(func(tx *memsource.Tx) error { return tx.Truncate("item") })
		b.panics.Store(false)
		if err := b.settled(); err != nil {
			t.Error(err)
		}
	})
}

// TestStepsWaitForTheRound: while a view brings the other lists to one state, no
// list is stepped past it: the round ends with all lists at that state.
func TestStepsWaitForTheRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, 1, held)
		if err := b.stepInRound(); err != nil {
			t.Error(err)
		}
	})
}

// held is a worker whose rounds wait for any view.
var held = Config{Patience: time.Hour, SlowAfter: time.Hour, Stop: 3 * time.Hour, Audit: -1}

// stepInRound commits while a round is held up, and returns what is wrong with
// how that ends.
func (b *board) stepInRound() error {
	b.fill(20)
	gate := make(chan struct{})
	close(gate)
	b.view("/held", func(context.Context) error { <-gate; return nil })
	b.top("/top?limit=5")
	b.ask("/held")
	synctest.Wait()
	gate = make(chan struct{})
	put := func(score int64) change.Position {
		return b.commit(func(tx *memsource.Tx) error {
			return tx.Put("item", memsource.Row{"id": 7, "name": "x", "score": score})
		})
	}
	at := put(100)
	synctest.Wait()
	put(200)
	synctest.Wait()
	b.rig.mu.Lock()
	before := len(b.rounds)
	b.rig.mu.Unlock()
	close(gate)
	synctest.Wait()
	b.rig.mu.Lock()
	defer b.rig.mu.Unlock()
	for _, round := range b.rounds[before:] {
		if p := round.Progress; p != nil && p.Position == at && p.Whole && len(p.Behind) == 0 {
			return nil
		}
	}
	return fmt.Errorf("no progress says that all lists show %s", at)
}
