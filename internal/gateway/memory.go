package gateway

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/wakeful-dev/wakeful/internal/memory"
	"github.com/wakeful-dev/wakeful/wire"
)

// countMemory tells the account what is held here, and how it is let go.
func (g *Gateway) countMemory() {
	g.Memory.Gauge(memory.Transit, g.link.Bytes)
	g.Memory.Holder(func() {
		select {
		case g.pressed <- struct{}{}:
		default: // Run will see to it
		}
	})
}

// relieve lets go of what the account wants.
func (g *Gateway) relieve() {
	if !g.Memory.Over() {
		return
	}
	g.mu.Lock()
	feeds := make([]*feed, 0, len(g.feeds))
	for _, f := range g.feeds {
		feeds = append(feeds, f)
	}
	g.mu.Unlock()
	g.Memory.Relieve(func() {
		for _, f := range feeds {
			if st := f.state.Load(); st != nil {
				st.dropFrames(true)
			}
		}
	}, func(cutoff uint64) {
		for _, f := range feeds {
			f.forget(cutoff)
		}
	})
}

func (g *Gateway) noRoom() *wire.Problem {
	return wire.NewProblem(http.StatusServiceUnavailable, wire.CodeLimit, fmt.Sprintf(
		"the lists that are followed take all of the %d bytes that wakeful.Config.Memory allows; "+
			"ask again later, observe smaller pages, or allow more", g.Memory.Limit()))
}

// kept counts frames that are kept with something, until that is let go of.
type kept struct {
	account *memory.Account
	kind    memory.Kind

	mu    sync.Mutex
	bytes int
	over  bool
}

// add counts a frame; it reports false where nothing is kept any more.
func (k *kept) add(n int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.over {
		k.bytes += n
		k.account.Add(k.kind, n)
	}
	return !k.over
}

// drop counts all frames as gone. Where it does not go on, none is counted
// afterwards.
func (k *kept) drop(goOn bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.account.Add(k.kind, -k.bytes)
	k.bytes, k.over = 0, k.over || !goOn
}

// newState begins a state with the content of a snapshot.
func (f *feed) newState(s *wire.Snapshot) *state {
	st := &state{Snapshot: *s}
	st.kept.account, st.kept.kind = f.gateway.Memory, memory.Caches
	return st
}

// setState puts a state in the place of another; either may be nil. f.mu is
// held.
func (f *feed) setState(old, next *state) {
	account := f.gateway.Memory
	if next != nil {
		account.Hold(memory.Lists, memory.ListKey(next.Items), func() int { return memory.OfList(next.Items) + len(next.Meta) })
	}
	f.state.Store(next)
	if old != nil {
		account.Drop(memory.ListKey(old.Items))
		old.dropFrames(false)
	}
}

// keep counts an entry of the log. f.mu is held.
func (f *feed) keep(e *entry) {
	b := e.body.Load()
	f.logBytes += b.cost
	e.counted = true
	e.stamp = f.gateway.Memory.Hold(memory.Logs, memory.ChangesKey(b.changes), func() int { return memory.OfChanges(b.changes) })
}

// cut lets go of the n oldest diffs of the log: the entry behind them is where
// it begins now. f.mu is held.
func (f *feed) cut(n int) {
	if n == 0 {
		return
	}
	for i := range n + 1 {
		f.letGo(f.log[i])
	}
	clear(f.log[:n])
	f.log = f.log[n:]
}

// letGo takes an entry's body. f.mu is held.
func (f *feed) letGo(e *entry) {
	b := e.body.Swap(nil)
	if b == nil {
		return
	}
	b.kept.drop(false)
	if e.counted {
		e.counted = false
		f.logBytes -= b.cost
		f.gateway.Memory.Drop(memory.ChangesKey(b.changes))
	}
}

// forget lets go of all diffs up to the last whose stamp is not above a cutoff.
// Who was not sent them yet gets a snapshot.
func (f *feed) forget(cutoff uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := len(f.log) - 1; n > 0; n-- {
		if stamp := f.log[n].stamp; stamp > 0 && stamp <= cutoff {
			f.cut(n)
			return
		}
	}
}

// release takes what the feed holds out of the account. f.mu is held.
func (f *feed) release() {
	f.setState(f.state.Load(), nil)
	f.dropLog()
}

// skip moves the cursors of what will be made good, or sent whole, to the
// newest diff, so that a client that takes next to nothing does not keep every
// diff since. s.mu is held.
func (s *session) skip() {
	for _, sub := range s.ready {
		if sub.fallen != "" && sub.good == nil && sub.ended == nil {
			s.skipTo(sub, sub.feed.state.Load())
		}
	}
}

func (s *session) skipTo(sub *sub, st *state) {
	if st == nil || sub.at == st.tail {
		return
	}
	var set, later keySet
	set.add(sub.held...)
	later.add(sub.later...)
	beyond := sub.beyond
	e, last := sub.at, sub.shown(st).tail
	for e != nil && e != st.tail {
		beyond = beyond || e == last
		switch e = e.next.Load(); {
		case e == nil || s.version == version2:
		case beyond:
			later.add(e.keys...)
		default:
			set.add(e.keys...)
		}
	}
	if e == nil {
		return // the cursor is ahead of the state that is just being replaced
	}
	if s.version != version2 {
		sub.held, sub.later, sub.beyond = set.keys, later.keys, beyond
	}
	if sub.at.epoch != st.tail.epoch && sub.fallen != wire.ReasonSubscribe {
		sub.fallen = wire.ReasonEpoch
	}
	sub.at = st.tail
}
