package worker

import (
	"time"

	"github.com/wakeful-dev/wakeful/change"
)

// gather is how long finished diffs of a round wait for the others of it, so
// that they leave in one message.
const gather = 2 * time.Millisecond

// reportGap is the least time between two progress messages that tell of
// nothing but changes that concern nobody.
const reportGap = 20 * time.Millisecond

// round is one step of all observers to one state of the database.
type round struct {
	snapshot *shared
	at       change.Position
	began    time.Time
	drained  bool    // every change up to at is taken in
	queue    []*live // to be evaluated
	reads    []*live // whose rows are to be read
	batches  [][]*live
	running  int  // evaluations and reads that it waits for
	used     bool // one was started in it
}

// step does what can be done now, and returns how long nothing will have to
// be done unless something comes in.
func (w *Worker) step(now time.Time) time.Duration {
	next := w.ask(now)
	if w.round != nil {
		when, ended := w.work(now)
		next = earlier(next, when)
		if ended {
			now = time.Now()
		}
	}
	if w.round == nil {
		w.goOn()
	}
	next = earlier(next, w.startPin(now))
	w.speak()
	next = earlier(next, w.report(now))
	next = earlier(next, w.sweep(now))
	next = earlier(next, w.watchMemory(now))
	next = earlier(next, w.neglect(now))
	if next.IsZero() {
		return time.Minute
	}
	return max(time.Until(next), 0)
}

// ask answers and refuses requests that wait.
func (w *Worker) ask(now time.Time) (next time.Time) {
	for o := range w.asking {
		w.answer(o)
		next = earlier(next, w.expire(o, now))
		if len(o.waiting) == 0 {
			delete(w.asking, o)
			w.rest(o)
		}
	}
	return next
}

// ready reports whether a round could start an evaluation now, and if not, when
// the clock alone may make one due. It is true only for what choose would
// really start: a round that can do nothing would be followed by the next at
// once, and that by another.
func (w *Worker) ready(now time.Time) (ready bool, next time.Time) {
	ready = len(w.waiting) > 0 && w.apart < maxApart
	look := func(o *live) {
		switch due, when := o.due(now); {
		case !due:
			next = earlier(next, when)
		case w.hasPlace(o):
			ready = true
		}
	}
	for o := range w.polled {
		switch {
		case o.running != nil || !o.wanted():
		case now.Before(o.nextPoll):
			next = earlier(next, o.nextPoll)
		default:
			o.pollDue = true
			look(o)
		}
	}
	for _, o := range w.dirty {
		look(o)
	}
	audit, when := w.audits(now)
	return ready || audit, earlier(next, when)
}

// hasPlace reports whether a round can evaluate an observer. Where it cannot,
// the end of another evaluation is waited for.
func (w *Worker) hasPlace(o *live) bool {
	return o.toRead() || !o.slow(w.cfg.SlowAfter) || w.apart < maxApart
}

// work carries the round on. ended says that it is over; else next is when to
// look again at the latest.
func (w *Worker) work(now time.Time) (next time.Time, ended bool) {
	r := w.round
	if !r.drained {
		if w.streaming && !w.processed.Reaches(r.at) {
			if patience := r.began.Add(w.cfg.Patience); now.Before(patience) {
				return w.flushHeld(now, patience), false
			}
		}
		r.drained = true
		w.goOn()
		w.choose(r, now)
	}
	for len(r.queue) > 0 && r.running < maxRunning {
		o := r.queue[0]
		r.queue = r.queue[1:]
		if due, _ := o.due(now); due {
			w.start(o, r.snapshot, r)
		}
	}
	w.startReads(r, now)
	patience := r.began.Add(w.cfg.Patience)
	if r.running > 0 && now.Sub(r.began) >= w.cfg.SlowAfter && w.othersDue(now) {
		patience = now
	}
	if r.running+len(r.queue)+len(r.batches) > 0 && now.Before(patience) {
		return w.flushHeld(now, patience), false
	}
	w.endRound(r)
	return time.Time{}, true
}

// choose starts the evaluations that the round does not wait for, and queues
// the others.
func (w *Worker) choose(r *round, now time.Time) {
	for len(w.waiting) > 0 && w.apart < maxApart && w.waiting[0].opened <= r.snapshot.number {
		o := w.waiting[0]
		w.waiting = w.waiting[1:]
		if !o.ended {
			w.start(o, r.snapshot, nil)
		}
	}
	rest := w.dirty[:0]
	for _, o := range w.dirty {
		if o.ended || !o.dirty {
			o.listed = false
			continue
		}
		rest = append(rest, o)
		w.pick(r, o, now)
	}
	clear(w.dirty[len(rest):])
	w.dirty = rest
	for o := range w.polled {
		if o.pollDue && !o.dirty {
			w.pick(r, o, now)
		}
	}
	r.batch()
	w.startAudit(r, now)
}

func (w *Worker) pick(r *round, o *live, now time.Time) {
	due, _ := o.due(now)
	switch {
	case !due:
	case r.before(o.stale) && o.dirty:
		// It would come out as it is: the next round has what it lacks.
	case r.before(o.stamp.Position()):
		// It was stepped on while the snapshot was pinned, and must not go back.
	case o.toRead() && r.before(o.planned.least):
		// Likewise: of what it lacks this has only the first.
	case o.toRead():
		r.reads = append(r.reads, o)
	case !o.slow(w.cfg.SlowAfter):
		r.queue = append(r.queue, o)
	case w.hasPlace(o):
		w.start(o, r.snapshot, nil)
	}
}

// before reports whether what was committed at a position is newer than the
// state to which the round brings the lists.
func (r *round) before(p change.Position) bool { return r.at.SameHistory(p) && r.at < p }

// othersDue reports whether observers that the round cannot serve wait for it
// to end.
func (w *Worker) othersDue(now time.Time) bool {
	for _, o := range w.dirty {
		if due, _ := o.due(now); due && o.dirty && !w.round.at.Reaches(o.stale) {
			return true
		}
	}
	return len(w.waiting)+len(w.steps.queued) > 0
}

// endRound sends what the round gave, and how far it has brought everybody.
// Evaluations that still run go on by themselves.
func (w *Worker) endRound(r *round) {
	w.round = nil
	if !r.used {
		w.pins.again = time.Now().Add(time.Millisecond) // whatever the reason, no circle
	}
	for o := range w.running {
		if o.running.round == r {
			if o.running.round = nil; o.running.read == "" {
				w.apart++
			}
		}
	}
	if w.streaming && w.processed.Reaches(r.at) {
		w.tell(r.at)
	} else {
		w.flush()
	}
	r.snapshot.release()
}

// report tells the gateways how far the worker is when no round does: soon
// after a change that concerned nobody, and at least each Report.
func (w *Worker) report(now time.Time) (next time.Time) {
	if w.round != nil || !w.streaming || len(w.gateways) == 0 {
		return next
	}
	gap := w.cfg.Report
	if w.processed != w.reported || len(w.lagging) > 0 {
		gap = reportGap
	}
	if when := w.spoke.Add(gap); now.Before(when) {
		return when
	}
	w.tell(w.processed)
	return w.spoke.Add(w.cfg.Report)
}

// sweep drops observers that nobody has followed for a while.
func (w *Worker) sweep(now time.Time) (next time.Time) {
	for o := range w.idle {
		if until := o.idleSince.Add(w.cfg.Linger); now.Before(until) {
			next = earlier(next, until)
		} else if o.running == nil {
			w.drop(o)
		}
	}
	return next
}
