package worker

import (
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/wire"
)

// pinHold is how long lists are not stepped while a snapshot is being pinned
// that a round is to begin with: a list that is stepped past it would not show
// one state together with those that are evaluated in it. A database may take
// longer. Then the lists go on: what they have is told by their positions.
const pinHold = 5 * time.Millisecond

// pins is what there is to know about snapshots that are being pinned: one at a
// time, outside of the loop.
type pins struct {
	number  uint64    // of the newest that was begun
	wanted  uint64    // somebody waits for this one
	began   time.Time // zero where none is being pinned
	holding bool      // lists wait for it
	again   time.Time // none is tried before
	wait    time.Duration
	// unclear is the first that was begun after an evaluation which read outside
	// of its snapshot, 0 for none: until it is there nobody knows up to where the
	// list goes.
	unclear uint64
}

// next is the number of the first snapshot that will be newer than now.
func (p *pins) next() uint64 { return p.number + 1 }

// under reports whether a snapshot is being pinned.
func (p *pins) under() bool { return !p.began.IsZero() }

// want asks for a snapshot that is newer than now, and returns its number.
func (p *pins) want() uint64 {
	p.wanted = p.next()
	return p.wanted
}

// startPin has a snapshot pinned where a round can begin or somebody waits for
// one, and returns when to look again.
func (w *Worker) startPin(now time.Time) (next time.Time) {
	p := &w.pins
	if p.under() {
		if until := p.began.Add(pinHold); len(w.steps.queued) > 0 && now.Before(until) {
			next = until
		}
		return next
	}
	ready := false
	if w.round == nil && w.cfg.App() != nil {
		ready, next = w.ready(now)
	}
	if !ready && p.wanted <= p.number {
		return next
	}
	if now.Before(p.again) {
		return earlier(next, p.again)
	}
	if s := w.offered(); s != nil {
		p.number++
		w.pinned(p.number, s, nil)
		return now
	}
	p.number++
	p.began, p.holding = now, ready
	number := p.number
	w.runs.Go(func() {
		s, err := w.cfg.Source.Pin(w.ctx)
		w.inbox.put(func() { w.pinned(number, s, err) })
	})
	return next
}

// offered is a snapshot that the source has at hand, where one will do that may
// lack what was committed a moment ago: a list that is asked for is not to be older
// than the question, and one that changes by itself not older than its time. It may
// have been opened before one that was pinned since, though its number is higher:
// so it is for nobody who waits to be answered.
func (w *Worker) offered() source.Snapshot {
	if w.offers == nil || w.round != nil || len(w.waiting)+len(w.asking) > 0 || w.pins.wanted > w.pins.number {
		return nil
	}
	for o := range w.polled {
		if o.pollDue {
			return nil
		}
	}
	return w.offers.Offered(w.processed)
}

// offererOf is a source as one that offers snapshots, nil where it does not.
func offererOf(s source.Source) source.Offerer {
	offerer, _ := s.(source.Offerer)
	return offerer
}

// pinned takes in a snapshot, or why there is none.
func (w *Worker) pinned(number uint64, s source.Snapshot, err error) {
	p := &w.pins
	p.began, p.holding = time.Time{}, false
	now := time.Now()
	switch {
	case err != nil && w.ctx.Err() != nil:
		return // Run is over
	case err != nil:
		w.pinFailed(now, number, err)
		return
	}
	shared := w.share(s, number)
	if w.ctx.Err() != nil {
		shared.release()
		return
	}
	p.wait, p.again = 0, time.Time{}
	if !w.cfg.Source.Position().SameHistory(s.Position()) {
		p.again = now.Add(time.Millisecond) // it is of a database that is no more
		p.wanted = max(p.wanted, p.next())
		shared.release()
		return
	}
	w.clarify(shared)
	w.learn(shared)
	if w.round == nil && w.cfg.App() != nil {
		if ready, _ := w.ready(now); ready {
			w.round = &round{snapshot: shared, at: s.Position(), began: now}
			return
		}
	}
	shared.release()
}

// clarify says up to where lists go that were read outside of snapshots.
func (w *Worker) clarify(s *shared) {
	if p := &w.pins; p.unclear != 0 && p.unclear <= s.number {
		p.unclear = 0
		w.showed(s.through)
	}
}

// showed notes that a list shows something that a stream has yielded when it has
// come to a position.
func (w *Worker) showed(through change.Position) {
	if !w.shown.SameHistory(through) || w.shown < through {
		w.shown = through
	}
}

// learn tells those who asked before the snapshot was pinned how new a list has
// to be. Where the snapshot is ahead of the stream that may take long to come:
// then lists that are there are made in it.
func (w *Worker) learn(s *shared) {
	now := time.Now()
	for o := range w.asking {
		asked := false
		for i := range o.waiting {
			q := &o.waiting[i]
			if q.pin == 0 || q.pin > s.number {
				continue
			}
			asked = true
			q.pin, q.newer, q.need = 0, q.pin, s.through
			if after := q.message.After; after.SameHistory(q.need) {
				if q.least = after; !s.Position().Reaches(after) {
					q.need, q.deadline = max(q.need, after), now.Add(positionPatience)
				}
			}
		}
		if asked && s.early() && o.stamp != nil && o.running == nil && !w.processed.Reaches(s.through) {
			w.refresh(o, s)
		}
	}
}

// refresh has a list made anew though nothing is known to have changed.
func (w *Worker) refresh(o *live, s *shared) {
	t := trigger{kind: byUnknown, by: commitAt(s.Position())}
	if o.steppable() {
		w.markRead(o, "it was asked for while the log is behind", t)
		return
	}
	w.markDirty(o, t)
}

// pinFailed refuses those who waited for the snapshot, and waits longer each
// time before the next one is tried.
func (w *Worker) pinFailed(now time.Time, number uint64, err error) {
	w.cfg.Events.Record(event.Event{Kind: event.EvaluationFailed, Code: string(wire.CodeUnavailable), Detail: err.Error()})
	for _, o := range w.waiting {
		w.answerAll(o, &bus.Observed{Problem: unavailable(err)})
		w.drop(o)
	}
	w.waiting = nil
	for o := range w.asking {
		rest := o.waiting[:0]
		for _, q := range o.waiting {
			if q.pin == 0 || q.pin > number {
				rest = append(rest, q)
				continue
			}
			w.refuse(q.gateway, q.message, unavailable(err))
		}
		o.leaveWaiting(rest)
	}
	p := &w.pins
	p.wait = min(max(2*p.wait, 10*time.Millisecond), time.Second)
	p.again = now.Add(p.wait)
}

// holds reports whether a list must not be stepped to a position yet: others are
// brought to an earlier state just now, or to one that is not known yet, and all
// lists of a session have to show that at once.
func (w *Worker) holds(at change.Position) bool {
	if w.round != nil {
		return w.round.before(at)
	}
	return w.pins.holding && time.Since(w.pins.began) < pinHold
}

// mayLack reports whether the next snapshot in which rows are read may lack what
// was committed at a position.
func (w *Worker) mayLack(at change.Position) bool {
	return w.round != nil && w.round.before(at) || w.pins.under() && !planted.Is(planted.PinForgotten)
}
