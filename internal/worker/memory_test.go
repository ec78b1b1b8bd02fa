package worker

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/memory"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/source/memsource"
	"github.com/wakeful-dev/wakeful/wire"
)

// TestMemoryLaw: whatever is observed, changed and left, the account is what
// the observers hold; it is within the limit, but for lists; at the end it is
// empty.
func TestMemoryLaw(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for round := range 20 {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, uint64(round)))
			const limit = 20_000
			account := memory.New(limit)
			r := newRig(t, Config{Memory: account, Linger: time.Second, LogDiffs: 3 + rnd.IntN(200)})
			for range 120 {
				url := fmt.Sprint("/items?n=", rnd.IntN(5))
				switch rnd.IntN(5) {
				case 0:
					r.ask(url)
				case 1:
					if err := r.link.Send(Name, &bus.Leave{Observer: "o:" + url}); err != nil {
						t.Fatal(err)
					}
				default:
					r.put(int64(1+rnd.IntN(20)), int64(1+rnd.IntN(20)))
				}
				pass(2*relieveEvery + time.Duration(rnd.IntN(300))*time.Millisecond)
				check(t, r, fmt.Sprintf("seed %d round %d", seed, round))
			}
			for n := range 5 {
				_ = r.link.Send(Name, &bus.Leave{Observer: fmt.Sprint("o:/items?n=", n)})
			}
			pass(3 * time.Second)
			if account.Status().Bytes["transit"] != 0 {
				pass(100 * time.Millisecond) // a report was under way
			}
			if s := account.Status(); s.Total-s.Bytes["caches"] != 0 {
				t.Errorf("seed %d round %d: %+v is left", seed, round, s)
			}
		})
	}
}

// check compares the account with what the observers hold.
func check(t *testing.T, r *rig, where string) {
	t.Helper()
	lists, logs := 0, 0
	looked := make(chan struct{})
	r.worker.inbox.put(func() {
		for _, o := range r.worker.observers {
			if list := o.List(); list != nil {
				lists += memory.OfList(list.Items)
			}
			logs += o.LogBytes()
		}
		close(looked)
	})
	<-looked
	s := r.worker.cfg.Memory.Status()
	if s.Bytes["lists"] != lists || s.Bytes["logs"] != logs {
		t.Fatalf("%s: the account is %+v, held are %d in lists, %d in logs", where, s, lists, logs)
	}
	if s.Total > s.Limit && logs+s.Bytes["caches"] > 0 {
		t.Fatalf("%s: %+v is above the limit", where, s)
	}
}

// TestMemoryAtTheLimit: a list that there is no room for is refused, and says
// what to do; those that are followed go on.
func TestMemoryAtTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Memory: memory.New(10_000)})
		r.observe("/items")
		for id := range int64(300) {
			r.put(id + 1)
		}
		synctest.Wait()
		id := r.ask("/items?more")
		synctest.Wait()
		p := r.answer(id).Problem
		if p == nil || p.Status != 503 || p.Code != wire.CodeLimit || !strings.Contains(p.Detail, "Config.Memory") {
			t.Fatalf("%+v", r.answer(id))
		}
		r.observe("/items") // there already
		r.put(301)
		pass(2 * relieveEvery)
		if !strings.HasSuffix(r.keys("/items"), " 301") {
			t.Error("the list that is followed stands still")
		}
		if n := r.worker.Status().Observers[0].LogBytes; n != 0 {
			t.Errorf("%d bytes of diffs are kept though there is no room", n)
		}
	})
}

// floodSource yields changesets of a megabyte as fast as they are taken.
type floodSource struct {
	*memsource.DB
	yielded chan int
	begin   chan struct{}
}

func (s *floodSource) Stream(ctx context.Context, after change.Position) iter.Seq2[change.Changeset, error] {
	return func(yield func(change.Changeset, error) bool) {
		<-s.begin
		row := []any{int64(1), strings.Repeat("x", 1<<20)}
		for n := 1; n <= 200; n++ {
			set := change.Changeset{Position: after, Changes: []change.Change{{Table: "other", Kind: change.Insert, Columns: []string{"id", "name"}, New: row}}}
			if !yield(set, nil) {
				return
			}
			s.yielded <- n
		}
		<-ctx.Done()
		yield(change.Changeset{}, ctx.Err())
	}
}

var _ source.Source = (*floodSource)(nil)

// TestInboxIsBounded: changes wait in the source when the loop does not take
// them, and all are taken when it does.
func TestInboxIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		flood := &floodSource{yielded: make(chan int, 1000), begin: make(chan struct{})}
		r := newRig(t, Config{}, func(r *rig, c *Config) {
			flood.DB = r.db
			c.Source = flood
		})
		r.worker.inbox.put(func() { <-goOn }) // the loop stands still
		close(flood.begin)
		synctest.Wait()
		waiting := len(flood.yielded)
		if waiting == 0 || waiting > maxInbox>>20+2 {
			t.Errorf("%d changesets of a megabyte wait, want at most %d", waiting, maxInbox>>20)
		}
		close(goOn)
		synctest.Wait()
		if n := len(flood.yielded); n != 200 || r.worker.inbox.bytes() != 0 {
			t.Errorf("%d of 200 changesets were taken, %d bytes wait", n, r.worker.inbox.bytes())
		}
	})
}
