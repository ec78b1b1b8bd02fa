package worker

import (
	"slices"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/explain"
)

// Bounds of the steps that are remembered, while somebody inspects the server.
const (
	maxTimeline  = 24    // of one observer
	maxTimelines = 4_096 // observers of which any are; one that is explained is always
	// inspected is for how long after somebody has looked.
	inspected = 30 * time.Second
)

// timeline holds the newest steps of one observer. Steps are too many to be
// remembered where nobody looks: without one an observer is stepped unmeasured.
type timeline struct {
	steps []step
	next  int // where the next one goes once there are maxTimeline
}

// step is one transaction that a list took in from the rows that it changed.
type step struct {
	by          change.Position
	table       string
	began, seen int64 // Unix nanoseconds
	took        uint32
	ops, bytes  uint32
}

func (t *timeline) add(s step) {
	if len(t.steps) < maxTimeline {
		t.steps = append(t.steps, s)
		return
	}
	t.steps[t.next] = s
	t.next = (t.next + 1) % maxTimeline
}

// newest is the newest step, nil for none.
func (t *timeline) newest() *step {
	if t == nil || len(t.steps) == 0 {
		return nil
	}
	return &t.steps[(t.next-1+len(t.steps))%len(t.steps)]
}

func (s *step) told() explain.Run {
	return explain.Run{
		Cause: explain.Changed, Did: explain.Step, Change: s.by, Table: s.table, Changes: 1, Began: time.Unix(0, s.began), At: s.by,
		Took: time.Duration(s.took), Latency: max(time.Duration(s.began-s.seen)+time.Duration(s.took), 0), Ops: int(s.ops), Bytes: int(s.bytes),
	}
}

// attend begins, or goes on with, remembering steps, since somebody inspects.
func (w *Worker) attend(now time.Time) { w.lookedAt = now }

// neglect forgets the steps when nobody has inspected for a while. It returns
// when to look again.
func (w *Worker) neglect(now time.Time) (next time.Time) {
	if w.lookedAt.IsZero() {
		return next
	}
	if until := w.lookedAt.Add(inspected); now.Before(until) {
		return until
	}
	for o := range w.timelines {
		o.timeline = nil
	}
	w.timelines, w.lookedAt = nil, time.Time{}
	return next
}

// timed is when a step begins that is measured, zero where nobody looks.
func (w *Worker) timed(o *live) time.Time {
	if w.lookedAt.IsZero() || o.timeline == nil && !w.keepTimeline(o, false) {
		return time.Time{}
	}
	return time.Now()
}

// keepTimeline has the steps of an observer remembered, unless there are too
// many of which they are. always: whatever there is.
func (w *Worker) keepTimeline(o *live, always bool) bool {
	if len(w.timelines) >= maxTimelines && !always {
		return false
	}
	if w.timelines == nil {
		w.timelines = map[*live]struct{}{}
	}
	if w.timelines[o] = struct{}{}; o.timeline == nil {
		o.timeline = &timeline{}
	}
	return true
}

// rememberStep notes a step that began then, unless it was not timed.
func (o *live) rememberStep(c *change.Changeset, ops []diff.Op, seen int64, began time.Time) {
	if began.IsZero() || o.timeline == nil {
		return
	}
	took := time.Since(began)
	o.timeline.add(step{
		by: c.Position, table: tableOf(c), began: began.UnixNano(), seen: seen, took: uint32(min(took, 1<<32-1)),
		ops: uint32(len(ops)), bytes: uint32(bytesOf(ops)),
	})
	o.spent += took
}

// bytesOf is about how large a diff is.
func bytesOf(ops []diff.Op) (n int) {
	for i := range ops {
		n += len(ops[i].Key) + len(ops[i].Data)
	}
	return n
}

// told returns the newest that was done, newest first: evaluations, reads, and
// of steps what is remembered.
func (o *live) told() []explain.Run {
	list := o.ran.newest()
	if o.timeline == nil {
		return list
	}
	for i := range o.timeline.steps {
		list = append(list, o.timeline.steps[i].told())
	}
	slices.SortStableFunc(list, func(a, b explain.Run) int { return b.Began.Compare(a.Began) })
	return list
}
