package memory

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// thing is what the model holds.
type thing struct{ bytes int }

// holder is a model of a worker or a gateway: logs that it can let go of, and a
// cache that it can empty.
type holder struct {
	account *Account
	logs    map[*thing]uint64
	caches  int
	asked   bool
}

func (h *holder) relieve() {
	h.asked = false
	h.account.Relieve(func() {
		h.account.Add(Caches, -h.caches)
		h.caches = 0
	}, func(cutoff uint64) {
		for one, stamp := range h.logs {
			if stamp <= cutoff {
				delete(h.logs, one)
				h.account.Drop(one)
			}
		}
	})
}

// model is two holders and the lists that nobody may let go of.
type model struct {
	account *Account
	holders [2]*holder
	lists   map[*thing]int // users
	things  []*thing       // every log ever made, oldest first
}

func newModel(limit int) *model {
	m := &model{account: New(limit), lists: map[*thing]int{}}
	for i := range m.holders {
		h := &holder{account: m.account, logs: map[*thing]uint64{}}
		m.holders[i] = h
		m.account.Holder(func() { h.asked = true })
	}
	return m
}

func (m *model) step(rnd *rand.Rand) {
	h := m.holders[rnd.IntN(2)]
	switch rnd.IntN(8) {
	case 0, 1, 2: // a diff, which one or both keep
		one := &thing{bytes: 1 + rnd.IntN(300)}
		m.things = append(m.things, one)
		for _, other := range m.holders {
			if other == h || rnd.IntN(2) == 0 {
				other.logs[one] = m.account.Hold(Logs, one, func() int { return one.bytes })
			}
		}
	case 3: // one holder's own bound lets go of one
		for one := range h.logs {
			delete(h.logs, one)
			m.account.Drop(one)
			break
		}
	case 4:
		n := rnd.IntN(200)
		h.caches += n
		m.account.Add(Caches, n)
	case 5:
		one := &thing{bytes: 1 + rnd.IntN(200)}
		for range 1 + rnd.IntN(2) {
			m.lists[one]++
			m.account.Hold(Lists, one, func() int { return one.bytes })
		}
	default:
		for one := range m.lists {
			if m.account.Drop(one); m.lists[one] == 1 {
				delete(m.lists, one)
			} else {
				m.lists[one]--
			}
			break
		}
	}
	for _, h := range m.holders {
		if h.asked {
			h.relieve()
		}
	}
}

// recount adds up what the holders really have.
func (m *model) recount() (lists, logs, caches int) {
	for one := range m.lists {
		lists += one.bytes
	}
	kept := map[*thing]bool{}
	for _, h := range m.holders {
		caches += h.caches
		for one := range h.logs {
			kept[one] = true
		}
	}
	for one := range kept {
		logs += one.bytes
	}
	return lists, logs, caches
}

// TestLaw: after any operations the account says what is held, nothing twice;
// after the holders were asked, it is within the limit, unless lists alone are
// not; what went was older than what stayed; at the end nothing is left.
func TestLaw(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for round := range 200 {
		rnd := rand.New(rand.NewPCG(seed, uint64(round)))
		limit := 500 + rnd.IntN(5000)
		m := newModel(limit)
		for range 400 {
			m.step(rnd)
			lists, logs, caches := m.recount()
			got := m.account.Status()
			if got.Bytes["lists"] != lists || got.Bytes["logs"] != logs || got.Bytes["caches"] != caches || got.Total != lists+logs+caches {
				t.Fatalf("seed %d round %d: the account says %+v, held are %d in lists, %d in logs, %d in caches", seed, round, got, lists, logs, caches)
			}
			for _, h := range m.holders {
				h.relieve()
			}
			if lists, logs, caches = m.recount(); lists+logs+caches > limit && logs+caches > 0 {
				t.Fatalf("seed %d round %d: %d in lists, %d in logs, %d in caches, above %d", seed, round, lists, logs, caches, limit)
			}
			if room := m.account.Room(); room != (lists < limit) {
				t.Fatalf("seed %d round %d: room %v with %d of %d in lists", seed, round, room, lists, limit)
			}
		}
		m.end()
		if got := m.account.Status(); got.Total != 0 || len(m.account.held)+len(m.account.order) != 0 {
			t.Fatalf("seed %d round %d: at the end there is %+v", seed, round, got)
		}
	}
}

// end lets go of all.
func (m *model) end() {
	for one, users := range m.lists {
		for range users {
			m.account.Drop(one)
		}
	}
	for _, h := range m.holders {
		m.account.Add(Caches, -h.caches)
		for one := range h.logs {
			m.account.Drop(one)
		}
	}
}

// TestOldestFirst: caches go before logs, and of the logs the oldest, no more
// of them than needed and some room beside.
func TestOldestFirst(t *testing.T) {
	a := New(1000)
	h := &holder{account: a, logs: map[*thing]uint64{}}
	a.Holder(h.relieve)
	var things []*thing
	add := func() {
		one := &thing{bytes: 100}
		things = append(things, one)
		h.logs[one] = a.Hold(Logs, one, func() int { return one.bytes })
		if a.Over() {
			h.relieve()
		}
	}
	for range 8 {
		add()
	}
	h.caches = 200
	a.Add(Caches, 200) // at the limit
	if len(h.logs) != 8 || h.caches != 200 {
		t.Fatalf("at the limit: %d logs, %d in caches", len(h.logs), h.caches)
	}
	add()
	if len(h.logs) != 9 || h.caches != 0 {
		t.Fatalf("above it: %d logs, %d in caches; want the caches gone and no more", len(h.logs), h.caches)
	}
	add()
	add()
	if len(h.logs) != 8 {
		t.Errorf("%d logs of 1,100 bytes are left, want 8 of 800", len(h.logs))
	}
	for i, one := range things {
		if _, kept := h.logs[one]; kept != (i >= 3) {
			t.Errorf("log %d kept: %v", i, kept)
		}
	}
}

// TestAQuietLogCostsNothing: one diff that is kept for ever, of a list that is
// written seldom, does not have the account remember all that came and went
// since.
func TestAQuietLogCostsNothing(t *testing.T) {
	a := New(1 << 20)
	size := func() int { return 1 }
	a.Hold(Logs, &thing{}, size)
	var kept []*thing
	for range 100_000 {
		one := &thing{}
		kept = append(kept, one)
		a.Hold(Logs, one, size)
		if len(kept) > 100 {
			a.Drop(kept[0])
			kept = kept[1:]
		}
	}
	if n := len(a.order); n > 1000 {
		t.Errorf("the account remembers %d diffs, 101 are kept", n)
	}
}

// TestNoLimit: without a limit nothing is asked for, and all is counted.
func TestNoLimit(t *testing.T) {
	for _, limit := range []int{0, -1} {
		a := New(limit)
		a.Holder(func() { t.Error("asked") })
		a.Add(Lists, 1<<50)
		if a.Over() || !a.Room() || a.Status().Total != 1<<50 || a.Limit() != 0 {
			t.Errorf("%+v", a.Status())
		}
	}
	var none *Account
	none.Add(Lists, 1)
	none.Drop(none.Hold(Lists, none, nil))
	if none.Over() || !none.Room() {
		t.Error("a nil account has a limit")
	}
}

// TestGauges: what others count is part of the sum.
func TestGauges(t *testing.T) {
	a := New(1000)
	source := 900
	a.Gauge(Source, func() int { return source })
	a.Add(Lists, 50)
	if a.Over() || !a.Room() || a.Status().Bytes["source"] != 900 {
		t.Errorf("%+v", a.Status())
	}
	source = 1000
	if !a.Over() || a.Room() {
		t.Errorf("%+v", a.Status())
	}
}

// TestConcurrentUse is for the race detector: holders that let go while others
// add.
func TestConcurrentUse(t *testing.T) {
	a := New(10_000)
	keys := make([]*thing, 64)
	for i := range keys {
		keys[i] = &thing{bytes: 1000}
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			var held []*thing
			for i := range 2000 {
				one := keys[i%len(keys)]
				a.Hold(Kind(i%len(keys)%2), one, func() int { return one.bytes })
				held = append(held, one)
				a.Relieve(func() {}, func(uint64) {
					for _, one := range held {
						a.Drop(one)
					}
					held = nil
				})
			}
			slices.Reverse(held)
			for _, one := range held {
				a.Drop(one)
			}
		})
	}
	group.Wait()
	if got := a.Status(); got.Total != 0 {
		t.Errorf("%+v", got)
	}
}
