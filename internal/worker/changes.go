package worker

import (
	"context"
	"errors"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/planted"
)

// stream reads the source's changes into the inbox. When the stream breaks it
// begins a new one, and everything is evaluated again: what happened between
// the two is not known.
func (w *Worker) stream(ctx context.Context) {
	wait := 10 * time.Millisecond
	for ctx.Err() == nil {
		from := w.cfg.Source.Position()
		w.inbox.put(func() { w.restart(from) })
		err := w.read(ctx, from, &wait)
		if ctx.Err() != nil {
			return
		}
		w.inbox.put(func() { w.sourceLost(err) })
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, 5*time.Second)
	}
}

// read hands on the changes of one stream until it ends.
func (w *Worker) read(ctx context.Context, from change.Position, wait *time.Duration) error {
	for changeset, err := range w.cfg.Source.Stream(ctx, from) {
		if err != nil {
			return err
		}
		*wait = 10 * time.Millisecond
		w.inbox.putWeighed(ctx, changeset.Bytes(), func() { w.note(&changeset) })
	}
	return errors.New("the stream ended")
}

// restart begins a stream at a position: what is older is not known.
func (w *Worker) restart(from change.Position) {
	w.moveTo(from)
	w.recent.restart(from)
	if w.streaming {
		return
	}
	w.streaming, w.lost = true, time.Time{}
	w.cfg.Events.Record(event.Event{Kind: event.SourceBack})
	for _, o := range w.observers {
		w.suspect(o, change.Commit{}, false)
		w.markDirty(o, trigger{kind: byRestart})
	}
}

// moveTo notes how far the changes are taken in. Where that is another history,
// what is waited for in the former will not come: the beginning of this one
// is newer.
func (w *Worker) moveTo(at change.Position) {
	if !at.SameHistory(w.processed) {
		for o := range w.asking {
			for i := range o.waiting {
				if q := &o.waiting[i]; q.pin == 0 && !q.need.SameHistory(at) {
					q.need = at
				}
			}
		}
	}
	w.processed = at
}

func (w *Worker) sourceLost(err error) {
	w.streaming, w.lost = false, time.Now()
	w.cfg.Events.Record(event.Event{Kind: event.SourceLost, Detail: err.Error()})
}

// note takes in one changeset.
func (w *Worker) note(c *change.Changeset) {
	w.moveTo(c.Position)
	if len(c.Changes) == 0 && !c.Everything {
		return // it says how far the stream is, and no more
	}
	now := time.Now()
	w.noted = now.UnixNano()
	w.kept.add(c, now)
	w.cfg.Events.Add(event.Committed, 1)
	if w.round == nil && len(w.running) == 0 && (!w.pins.under() || planted.Is(planted.PinForgotten)) {
		w.recent.restart(c.Position) // every later snapshot has it
	} else {
		w.recent.add(c)
	}
	w.find(c)
}

// touch marks an observer dirty by a change, unless its list, or the one that
// is being made, contains the change already.
func (w *Worker) touch(o *live, c *change.Changeset) {
	if o.stamp != nil && o.stamp.Contains(c) {
		return
	}
	if o.running != nil && o.running.contains(c) {
		o.running.lacks(c)
		return
	}
	if o.isOwn(c.Commit()) || o.running != nil && planted.Is(planted.FoldLost) {
		return
	}
	w.markDirty(o, w.because(o, c))
}

// markDirty has an observer run again; t.by is the first change that its list
// may lack.
func (w *Worker) markDirty(o *live, t trigger) {
	stale := t.by.Position
	o.causes.add(t.by)
	if o.ended || o.stamp == nil {
		return
	}
	if o.waits() {
		stale = first(stale, o.planned.queue[0].Position)
		t.by = commitAt(stale)
	}
	if o.planned != nil {
		o.planned.read = ""
		w.unqueue(o)
		w.unholdRows(o) // what it holds is not what it will hold
	}
	if o.dirty {
		o.stale = first(o.stale, stale)
		return
	}
	o.dirty, o.stale, o.trigger = true, stale, t
	if !o.listed {
		o.listed = true
		w.dirty = append(w.dirty, o)
	}
}

// first is the earlier of two positions; "", which is before all, where they do
// not compare.
func first(a, b change.Position) change.Position {
	if !a.SameHistory(b) {
		return ""
	}
	return min(a, b)
}

// catchUp looks at the changes after a list's snapshot with the reads that
// made it: they came while it was evaluated, when these were not in the index.
func (w *Worker) catchUp(o *live) {
	if planted.Is(planted.ReadFirst) || planted.Is(planted.FoldLost) {
		return
	}
	changes, complete := w.recent.after(o.stamp)
	if !complete {
		w.suspect(o, change.Commit{}, false)
		w.markDirty(o, trigger{kind: byUnknown})
		return
	}
	for _, c := range changes {
		if o.planned != nil {
			w.lookAgain(o, c)
			continue
		}
		if !o.isOwn(c.Commit()) && affected.Touches(o.reads, c) {
			w.markDirty(o, trigger{byAgain, c.Commit(), tableOf(c), w.noted})
			if len(o.own) == 0 {
				return // which changes did it only matters beside own ones
			}
		}
	}
}
