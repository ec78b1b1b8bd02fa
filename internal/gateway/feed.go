package gateway

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/wire"
)

// feed is what the gateway knows of one observer: its list, the log of its
// last diffs, and who follows it.
type feed struct {
	gateway  *Gateway
	observer string
	rights   // who may resume it

	state atomic.Pointer[state]     // nil until the worker answered
	view  atomic.Pointer[mark.View] // what the route says, where a client came over it

	asking  int // asks under way; guarded by Gateway.mu
	holding int // polls under way; guarded by Gateway.mu

	// begun is when the worker began to count us among the followers: what it
	// said of its progress up to then did not speak for this list, which was
	// then right at begunAt.
	begun   atomic.Uint64
	begunAt change.Position // guarded by mu

	mu        sync.Mutex
	gone      bool // no longer in Gateway.feeds: nobody may attach
	reasking  bool // its state is asked again
	contested bool // it is being found out whose credentials carry it on
	// doubted is the number of the last doubt of who may see the list: what was
	// proven before it counts no more. 0: there never was one, and the worker
	// vouches for those whom it showed the list. adrift: a doubt may have been
	// missed; nothing is proven before the worker has answered.
	doubted  uint64
	adrift   bool
	request  *bus.Request
	subs     []*sub
	unused   time.Time // since when nobody follows
	polled   time.Time // when the last poll ended
	grants   map[string]*grant
	turned   chan struct{} // closed when the list changes; nil where nobody waits
	log      []*entry      // log[0] is the point where the log begins: nobody reads its body
	logBytes int
}

// apply publishes the next diff. One that does not follow what is here makes
// the feed ask for its state again.
func (f *feed) apply(c *wire.Changes, w *wakes) {
	f.mu.Lock()
	err := f.applyLocked(c, w)
	f.mu.Unlock()
	if err != nil {
		f.gateway.Logger.Warn("feed out of step: its state is asked again", "observer", short(f.observer), "err", err)
		f.gateway.reask(f)
	}
}

func (f *feed) applyLocked(c *wire.Changes, w *wakes) error {
	st := f.state.Load()
	if st == nil || c.Epoch == st.Epoch && c.Seq <= st.Seq {
		return nil // the snapshot on its way contains it, or this one did
	}
	if c.Epoch != st.Epoch || c.Seq != st.Seq+1 {
		return fmt.Errorf("gateway: got diff %d of %s, want %d of %s", c.Seq, short(c.Epoch), st.Seq+1, short(st.Epoch))
	}
	c, err := complete(c, st.Items)
	if err != nil {
		return err
	}
	next := f.newState(&st.Snapshot)
	next.tail = newEntry(c, "", f.gateway.Memory)
	next.Seq, next.Position, next.Items = c.Seq, c.Position, c.List
	next.PrimaryKey = c.PrimaryKey
	next.KeyType = keyType(c.KeyType, st.KeyType)
	if c.MetaChanged {
		next.Meta = c.Meta
	}
	f.publish(st, next, w)
	return nil
}

// complete fills in what a diff from another process lacks.
func complete(c *wire.Changes, before *diff.List) (*wire.Changes, error) {
	if c.List != nil {
		return c, nil // it never left the process
	}
	after, ops, err := before.Apply(c.Ops)
	if err != nil {
		return nil, err
	}
	full := *c
	full.Ops, full.List = ops, after
	return &full, nil
}

// publish makes next the state and marks all who follow. f.mu is held.
func (f *feed) publish(st, next *state, w *wakes) {
	cost := next.tail.body.Load().cost
	next.tail.number = f.gateway.told.Load()
	st.tail.next.Store(next.tail)
	f.setState(st, next)
	f.extendLog(next.tail)
	f.turn()
	for _, sub := range f.subs {
		s := sub.session
		s.mu.Lock()
		s.due(sub, cost)
		w.add(s)
		s.mu.Unlock()
	}
}

// extendLog appends an entry and lets the oldest go. The newest stays, however
// large, for those who are to be sent it now.
func (f *feed) extendLog(e *entry) {
	if e.restart != "" {
		f.dropLog()
		f.log = append(f.log, e)
		return
	}
	f.log = append(f.log, e)
	f.keep(e)
	limits := &f.gateway.Limits
	n, bytes := 0, f.logBytes
	for len(f.log)-n > 2 && (len(f.log)-n-1 > limits.LogDiffs || bytes > limits.LogBytes) {
		bytes -= f.log[n+1].body.Load().cost
		n++
	}
	f.cut(n)
}

// dropLog ends what can be resumed: the past before a restart is gone.
func (f *feed) dropLog() {
	for _, e := range f.log {
		f.letGo(e)
	}
	clear(f.log)
	f.log = f.log[:0]
}

// restate takes a list that the worker sent whole.
func (f *feed) restate(snapshot *wire.Snapshot, w *wakes) {
	f.mu.Lock()
	defer f.mu.Unlock()
	st := f.state.Load()
	if st == nil || st.Epoch != snapshot.Epoch {
		f.begunAt = snapshot.Position
		f.begun.Store(f.gateway.told.Load())
	}
	if st == nil {
		first := f.newState(snapshot)
		first.tail = &entry{seq: snapshot.Seq, epoch: snapshot.Epoch, number: f.gateway.told.Load()}
		f.dropLog()
		f.log = append(f.log, first.tail)
		f.setState(nil, first)
		return
	}
	if st.Epoch == snapshot.Epoch && snapshot.Seq <= st.Seq {
		if snapshot.Seq == st.Seq && later(st.Position, snapshot.Position) != st.Position {
			same := f.newState(&st.Snapshot)
			same.tail, same.Position = st.tail, snapshot.Position
			f.setState(st, same)
		}
		return
	}
	reason := wire.ReasonEpoch
	if st.Epoch == snapshot.Epoch {
		reason = wire.ReasonResumeGap
	}
	next := f.newState(snapshot)
	next.KeyType = keyType(snapshot.KeyType, st.KeyType)
	next.tail = newEntry(between(&st.Snapshot, snapshot), reason, f.gateway.Memory)
	f.publish(st, next, w)
}

// extend takes the diffs that the worker sent because they were missed: those
// before the log go in front of it, those after it are applied.
func (f *feed) extend(changes []*wire.Changes, w *wakes) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	st := f.state.Load()
	if st == nil || len(changes) == 0 {
		return nil
	}
	f.backfill(st, changes)
	for _, c := range changes {
		if err := f.applyLocked(c, w); err != nil {
			return err
		}
	}
	return nil
}

// backfill puts older diffs in front of the log, where they reach up to it.
func (f *feed) backfill(st *state, changes []*wire.Changes) {
	first := f.log[0]
	older := make([]*entry, 0, len(changes)+1)
	for _, c := range changes {
		if c.Epoch != st.Epoch || c.Seq > first.seq || len(older) > 0 && c.Seq != older[len(older)-1].seq+1 {
			break
		}
		older = append(older, newEntry(c, "", f.gateway.Memory))
	}
	if len(older) == 0 || older[len(older)-1].seq != first.seq || first.restart != "" {
		return
	}
	// The entry where the log began takes its body; those before it are new.
	last := older[len(older)-1]
	first.keys = last.keys
	first.body.Store(last.body.Load())
	f.keep(first)
	older[len(older)-1] = first
	log := append(make([]*entry, 0, len(older)+len(f.log)), &entry{seq: older[0].seq - 1, epoch: st.Epoch})
	for _, e := range older {
		log[len(log)-1].next.Store(e)
		log = append(log, e)
		if e != first {
			f.keep(e)
		}
	}
	f.log = append(log, f.log[1:]...)
}

// find returns the entry at a point of the log, nil where it does not reach
// back that far. f.mu is held.
func (f *feed) find(epoch string, seq uint64) *entry {
	st := f.state.Load()
	if st == nil || len(f.log) == 0 || epoch != st.Epoch || seq > st.Seq || seq < f.log[0].seq {
		return nil
	}
	return f.log[seq-f.log[0].seq]
}

// reached is where the client of a subscription stands that was sent all that
// came before a progress. Positions do not say it: a view that is evaluated
// again without a commit has a diff at a position that was told already. f.mu is
// held.
func (f *feed) reached(sub *sub, told uint64) wire.Point {
	if told <= sub.begun {
		return sub.from
	}
	for _, e := range slices.Backward(f.log) {
		switch {
		case e.epoch == sub.from.Epoch && e.seq <= sub.from.Seq:
			return sub.from
		case e.number < told:
			return wire.Point{Epoch: e.epoch, Seq: e.seq}
		}
	}
	return sub.from
}

// attach adds a subscription. f.mu is held.
func (f *feed) attach(sub *sub) {
	sub.place = len(f.subs)
	f.subs = append(f.subs, sub)
}

// detach removes a subscription; twice does no harm.
func (f *feed) detach(sub *sub) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.remove(sub)
}

// remove is detach. f.mu is held.
func (f *feed) remove(sub *sub) {
	if sub.place >= len(f.subs) || f.subs[sub.place] != sub {
		return
	}
	f.let(sub)
	last := len(f.subs) - 1
	f.subs[sub.place] = f.subs[last]
	f.subs[sub.place].place = sub.place
	f.subs[last] = nil
	f.subs = f.subs[:last]
	if last == 0 {
		f.unused = time.Now()
		f.gateway.alone.add(f)
	}
}

// close ends the observer for all who follow. They are told before the list is
// let go: a writer that finds nothing to send of a list that is still followed
// would vouch for it.
func (f *feed) close(closed wire.Closed, w *wakes) {
	f.mu.Lock()
	subs := f.subs
	f.subs = nil
	f.contested = false
	f.unused = time.Now()
	f.gateway.alone.add(f)
	st := f.state.Load()
	for _, sub := range subs {
		s := sub.session
		s.mu.Lock()
		s.end(sub, sub.shown(st), closed)
		w.add(s)
		s.mu.Unlock()
		f.let(sub)
	}
	f.release()
	f.turn()
	f.mu.Unlock()
	f.gateway.record(event.Event{Kind: event.ObserverEnded, Observer: short(f.observer), Code: string(closed.Code)})
	f.gateway.forget(f, false)
}

// short is the part of an id that may stand in a log.
func short(id string) string { return id[:min(len(id), 8)] }
