package worker

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/internal/planted"
)

// Bounds of the changes that wait to be stepped. A list whose changes would be
// more is read.
const (
	maxQueuedSets  = 1_024    // for one list
	maxQueuedBytes = 64 << 20 // for all
)

// steps is what waits to be stepped, and what is being taken in.
type steps struct {
	touched []*live            // whose rows the changeset may touch that is being taken in
	queued  map[*live]struct{} // that have a queue
	bytes   atomic.Int64       // of all queues
}

// most is how many changes of one changeset are counted for one list: about
// where reading costs less by far.
func (o *live) most() int { return 2_048 + 8*o.Len() }

// find has the index say what a changeset touches, and of the rows of lists
// that can be stepped by which of its changes.
func (w *Worker) find(c *change.Changeset) {
	w.serial++
	touched := 0
	w.index.Hits(c, func(to interest, at int) (more bool) {
		o := to.observer
		if o.touched != w.serial {
			o.touched = w.serial
			touched++
		}
		switch to.part {
		case ofView:
			if o.planned != nil {
				w.suspect(o, c.Commit(), w.maybeOwn(o, c))
			}
			w.touch(o, c)
		case ofRights:
			w.suspect(o, c.Commit(), w.maybeOwn(o, c))
		case ofRows:
			p := o.planned
			if len(p.hits) == 0 {
				w.steps.touched = append(w.steps.touched, o)
			}
			p.hits = append(p.hits, at)
			return at >= 0 && p.result != nil && len(p.hits) < o.most()
		}
		return false
	})
	w.kept.touch(c, touched)
	w.cfg.Events.Add(event.Touched, touched)
	for i, o := range w.steps.touched {
		p := o.planned
		w.touchRows(o, c, p.hits)
		if p.hits = p.hits[:0]; cap(p.hits) > 64 {
			p.hits = nil
		}
		w.steps.touched[i] = nil
	}
	w.steps.touched = w.steps.touched[:0]
}

// maybeOwn reports whether a run in flight may have made a changeset itself.
func (w *Worker) maybeOwn(o *live, c *change.Changeset) bool {
	return o.running == nil || !o.running.contains(c)
}

// touchRows takes in a changeset that touches what the rows of a list were read
// from: hits are the places of its changes that do.
func (w *Worker) touchRows(o *live, c *change.Changeset, hits []int) {
	p := o.planned
	switch {
	case o.ended || o.stamp == nil || o.stamp.Contains(c):
	case p.result == nil || c.Everything:
		if c.Everything {
			w.suspect(o, change.Commit{}, false)
		}
		w.touch(o, c)
	case o.running != nil && o.running.contains(c):
		o.running.lacks(c)
	case o.running != nil && o.running.read == "":
		// The view runs: it is looked at with what that reads.
	case o.dirty:
		o.causes.add(c.Commit())
		if o.stale = first(o.stale, c.Position); p.read != "" && w.mayLack(c.Position) {
			w.enqueue(o, c, hits) // it may be read in a round that lacks this
		}
	case !o.wanted():
		w.markRead(o, "nobody followed it", w.because(o, c))
	case len(hits) >= o.most():
		w.markRead(o, "so many rows changed that reading them costs less", w.because(o, c))
	case w.mustWait(o, c.Position) && !planted.Is(planted.StepAhead):
		w.enqueue(o, c, hits)
	default:
		w.stepOn(o, c, hits, w.noted)
	}
}

// because is the trigger of a changeset.
func (w *Worker) because(o *live, c *change.Changeset) trigger {
	kind := byChange
	if o.running != nil {
		kind = byAgain
	}
	return trigger{kind, c.Commit(), tableOf(c), w.noted}
}

// mustWait reports whether a list cannot be stepped to a position yet, or does not
// have what comes before.
func (w *Worker) mustWait(o *live, at change.Position) bool {
	return o.running != nil || len(o.planned.queue) > 0 || w.holds(at)
}

// stepOn takes a changeset into a list that was seen then.
func (w *Worker) stepOn(o *live, c *change.Changeset, hits []int, seen int64) {
	p, began := o.planned, w.timed(o)
	v, err := tryStep(p.result, c, hits)
	if err != nil {
		p.last = "a step failed: the log says how"
		w.cfg.Events.Record(event.Event{Kind: event.ReadFailed, View: o.viewName(), Observer: short(o.ID), Detail: err.Error()})
		w.markDirty(o, w.because(o, c))
		return
	}
	if v.Read != "" {
		p.usedUp = v.UsedUp
		w.markRead(o, v.Read, w.because(o, c))
		return
	}
	p.steps++
	w.cfg.Events.Record(event.Event{Kind: event.Stepped})
	w.holdRows(o, v.Came, v.Gone)
	w.show(o, nil, v.Ops, c.Position, seen)
	o.rememberStep(c, v.Ops, seen, began)
}

// tryStep is a step, whatever the view's own part of the plan does.
func tryStep(result *ivm.Result, c *change.Changeset, hits []int) (v ivm.Verdict, err error) {
	defer panicked(&err)
	return result.Step(c, hits), nil
}

// panicked turns the panic of a plan into an error.
func panicked(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("the plan panicked: %v\n%s", v, debug.Stack())
	}
}

// show makes what the plan has now the list, and sends the diff. at is the
// position that it stands at, seen is when the change was seen. It is false where the view would not be let have
// that list: then it has to say so itself.
func (w *Worker) show(o *live, r *run, ops []diff.Op, at change.Position, seen int64) bool {
	p := o.planned
	items := p.result.Items()
	changes, err := o.Step(items, p.result.Meta(), ops, at)
	if err != nil {
		w.markDirty(o, trigger{kind: byChange, by: commitAt(at), seen: w.noted})
		return false
	}
	if r == nil {
		o.stand(at)
	} else {
		o.stamp, o.pin = r.snapshot.Snapshot, r.snapshot.number
		at = r.snapshot.through
	}
	w.showed(at)
	w.weigh(o)
	if items.Len() > w.cfg.MaxItems {
		w.markDirty(o, trigger{kind: byChange, by: commitAt(at), seen: w.noted}) // the view says what is done then
	}
	if changes != nil {
		w.cfg.Events.Add(event.DiffMade, 1)
		changes.Seen = seen
	}
	switch {
	case changes == nil:
	case r == nil:
		w.hold(o, changes)
	default:
		w.emit(o, r, changes)
	}
	return true
}

const manyWait = "too many changes waited for it"

// enqueue has a changeset stepped later.
func (w *Worker) enqueue(o *live, c *change.Changeset, hits []int) {
	p := o.planned
	if len(hits) >= o.most() { // and there may be more of them; only a list to be read comes here with so many
		w.lose(o, c)
		return
	}
	part := &change.Changeset{Position: c.Position, Mark: c.Mark, Changes: make([]change.Change, len(hits))}
	for i, at := range hits {
		part.Changes[i] = c.Changes[at]
	}
	bytes := int64(part.Bytes())
	switch {
	case p.lost:
		w.lose(o, c)
		return
	case len(p.queue) < maxQueuedSets && w.steps.bytes.Load()+bytes <= maxQueuedBytes:
	case o.dirty:
		w.lose(o, c)
		return
	default:
		w.markRead(o, manyWait, w.because(o, c))
		return
	}
	if planted.Is(planted.QueueLost) {
		return
	}
	if len(p.queue) == 0 {
		p.queuedAt = w.noted
	}
	p.queue = append(p.queue, part)
	w.holdQueued(o, part)
	w.steps.queued[o] = struct{}{}
	w.steps.bytes.Add(bytes)
}

// lose forgets a changeset that was to be stepped later, and all that waits with
// it.
func (w *Worker) lose(o *live, c *change.Changeset) {
	w.unqueue(o)
	o.planned.lost = true
	o.planned.atLeast(c.Position)
}

// atLeast has rows read in no snapshot that lacks a position. One that is being
// opened may have the first of what the list lacks, and not the rest.
func (p *planned) atLeast(at change.Position) {
	if !planted.Is(planted.ReadTooEarly) && (!p.least.SameHistory(at) || p.least < at) {
		p.least = at
	}
}

// unqueue forgets what waits for a list.
func (w *Worker) unqueue(o *live) {
	p := o.planned
	for _, c := range p.queue {
		w.steps.bytes.Add(-int64(c.Bytes()))
		p.atLeast(c.Position)
	}
	p.queue = nil
	delete(w.steps.queued, o)
	w.letQueued(o)
}

// goOn steps the lists that waited, as far as they may go now.
func (w *Worker) goOn() {
	for o := range w.steps.queued {
		w.drain(o)
	}
}

// drain steps a list as far as it may go.
func (w *Worker) drain(o *live) {
	p := o.planned
	for len(p.queue) > 0 && o.running == nil && !o.dirty && !w.holds(p.queue[0].Position) {
		c := p.queue[0]
		p.queue[0] = nil
		p.queue = p.queue[1:]
		w.steps.bytes.Add(-int64(c.Bytes()))
		if !o.stamp.Contains(c) {
			w.stepOn(o, c, allOf(c), p.queuedAt)
		}
	}
	if len(p.queue) == 0 {
		p.queue = nil
		delete(w.steps.queued, o)
		w.letQueued(o)
	}
}

func allOf(c *change.Changeset) []int {
	hits := make([]int, len(c.Changes))
	for i := range hits {
		hits[i] = i
	}
	return hits
}

// markRead has the rows of a list read again; t.by is the first change
// that the list may lack.
func (w *Worker) markRead(o *live, why string, t trigger) {
	if o.dirty || o.ended || o.stamp == nil {
		return
	}
	w.markDirty(o, t)
	o.planned.read, o.planned.last = why, why
	o.planned.atLeast(t.by.Position)
}

// lookAgain is touch and touchRows for a changeset that came while the view
// ran, by what that has read.
func (w *Worker) lookAgain(o *live, c *change.Changeset) {
	p := o.planned
	own := o.isOwn(c.Commit())
	if !own && (affected.Touches(o.reads, c) || affected.Touches(p.rights, c)) {
		w.doubt(o, c.Commit())
	}
	if !own && affected.Touches(o.reads, c) {
		w.markDirty(o, trigger{byAgain, c.Commit(), tableOf(c), w.noted})
	}
	if hits := affected.Hits(p.reads, c); len(hits) > 0 {
		w.touchRows(o, c, hits)
	}
}
