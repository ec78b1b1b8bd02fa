package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
)

// maxBatch bounds the lists that are read by one statement, maxReading the
// statements that are on their way at once.
const (
	maxBatch   = 500
	maxReading = 16
)

// batch is lists of one shape that are read together.
type batch struct {
	runs     []*run
	plans    []*ivm.Plan
	results  []*ivm.Result
	snapshot source.Snapshot

	// What came of it.
	verdicts []ivm.Verdict
	errs     []error // of each list
	err      error   // of all
	ended    time.Time
}

// shape is what the plans of a batch have in common.
type shape struct {
	reader ivm.Reader
	name   string
}

// toRead reports whether reading its rows is all that the observer needs.
func (o *live) toRead() bool {
	return o.steppable() && o.dirty && !o.pollDue && o.planned.read != ""
}

// A reserve that is used up within soon of its reading is doubled, up to
// maxReserve rows on each side: reading them costs next to nothing beside finding
// where they begin. A list that is quiet again comes back to the usual one.
const (
	soon       = time.Second
	maxReserve = 2048
)

// toRead is the plan as its rows are to be read now.
func (p *planned) toRead(now time.Time) *ivm.Plan {
	if p.usedUp && now.Sub(p.readAt) < soon {
		p.wider = min(2*max(p.wider, p.plan.Reserve()), maxReserve)
	} else {
		p.wider = 0
	}
	p.usedUp, p.readAt = false, now
	if p.wider == 0 {
		return p.plan
	}
	plan := *p.plan
	plan.Wider = p.wider
	return &plan
}

// batches groups the lists that a round is to read.
func (r *round) batch() {
	open := map[shape]int{}
	for _, o := range r.reads {
		s := shape{o.planned.plan.Reader, o.planned.plan.Shape}
		at, ok := open[s]
		if !ok || len(r.batches[at]) == maxBatch {
			at = len(r.batches)
			open[s] = at
			r.batches = append(r.batches, nil)
		}
		r.batches[at] = append(r.batches[at], o)
	}
	r.reads = nil
}

// startReads starts the batches for which there is room.
func (w *Worker) startReads(r *round, now time.Time) {
	for len(r.batches) > 0 && w.reading < maxReading {
		lists := r.batches[0]
		r.batches = r.batches[1:]
		b := &batch{snapshot: r.snapshot.Snapshot}
		for _, o := range lists {
			if due, _ := o.due(now); due && o.toRead() {
				b.runs = append(b.runs, w.begun(o, r.snapshot, r))
				b.plans = append(b.plans, o.planned.toRead(now))
				b.results = append(b.results, o.planned.result)
			}
		}
		if len(b.runs) > 0 {
			w.reading++
			w.runs.Go(func() {
				b.read(w.ctx, w.cfg.Stop)
				w.inbox.put(func() { w.finishReads(b) })
			})
		}
	}
}

// begun makes the run of an observer that starts now.
func (w *Worker) begun(o *live, s *shared, r *round) *run {
	run := &run{observer: o, snapshot: s.retain(), round: r, stale: o.dirty, since: o.stale, causes: o.causes, began: time.Now(), from: w.processed}
	run.trigger, run.credentials = o.triggered(run.began), o.Request.Credentials
	if o.toRead() {
		run.read = o.planned.read
	}
	if o.planned != nil {
		o.planned.read = ""
	}
	o.running, o.dirty, o.pollDue, o.causes, o.trigger = run, false, false, causes{}, trigger{}
	w.running[o] = struct{}{}
	if w.round != nil {
		w.round.used = true
	}
	switch {
	case r != nil:
		r.running++
	case run.read == "":
		w.apart++
	}
	return run
}

// ended takes a run out of those in flight.
func (w *Worker) ended(r *run) {
	r.observer.running = nil
	delete(w.running, r.observer)
	switch {
	case r.round != nil:
		r.round.running--
	case r.read == "":
		w.apart--
	}
}

// read reads the lists and takes their rows in. Nobody else touches the results
// while their observers run.
func (b *batch) read(ctx context.Context, stop time.Duration) {
	defer func() { b.ended = time.Now() }()
	defer panicked(&b.err)
	ctx, cancel := context.WithTimeout(ctx, stop)
	defer cancel()
	reads := &readset.Set{Snapshot: b.snapshot}
	rows, err := b.plans[0].Reader.Read(readset.NewContext(ctx, reads), b.plans)
	if why := reads.Unstamped(); err == nil && why != "" {
		err = errors.New("rows were not read in the snapshot: " + why)
	}
	if err == nil && len(rows) != len(b.plans) {
		err = errRows(len(rows), len(b.plans))
	}
	if b.err = err; err != nil {
		return
	}
	b.verdicts, b.errs = make([]ivm.Verdict, len(rows)), make([]error, len(rows))
	for i, result := range b.results {
		b.verdicts[i], b.errs[i] = tryLoad(result, rows[i])
	}
}

func tryLoad(result *ivm.Result, rows *ivm.Rows) (v ivm.Verdict, err error) {
	defer panicked(&err)
	return result.Load(rows)
}

func errRows(got, want int) error {
	return fmt.Errorf("the reader gave rows of %d plans, not of %d", got, want)
}

// finishReads takes in what a batch gave.
func (w *Worker) finishReads(b *batch) {
	w.reading--
	w.cfg.Events.Record(event.Event{Kind: event.BatchRead, Items: len(b.runs), Took: b.ended.Sub(b.runs[0].began)})
	for i, r := range b.runs {
		err := b.err
		if err == nil {
			err = b.errs[i]
		}
		w.finishRead(r, b, i, err)
		r.snapshot.release()
	}
}

func (w *Worker) finishRead(r *run, b *batch, i int, err error) {
	o := r.observer
	w.ended(r)
	if o.ended || w.ctx.Err() != nil {
		return
	}
	p := o.planned
	p.loads++
	share := b.ended.Sub(r.began) / time.Duration(len(b.runs))
	o.spent += share
	o.paceRead(share, b.ended)
	if err != nil {
		w.readFailed(o, r, err)
		return
	}
	v := &b.verdicts[i]
	w.cfg.Events.Record(event.Event{Kind: event.Read, View: o.viewName(), Observer: short(o.ID), Items: o.Len(), Detail: r.read})
	o.rememberRead(r, v.Ops, "")
	if v.Read != "" || !w.show(o, r, v.Ops, r.snapshot.Position(), r.trigger.seen) {
		w.markDirty(o, trigger{kind: byRetry, by: commitAt(r.since)})
		return
	}
	w.holdRows(o, nil, nil)
	if planted.Is(planted.ReadDated) {
		o.stand(w.processed)
	}
	if p.lost {
		w.markRead(o, manyWait, trigger{kind: byAgain, by: commitAt(r.snapshot.Position())})
	}
	p.lost = false
	w.drain(o)
	w.answer(o)
}

// readFailed has the view run where its rows could not be read: it can say what
// is wrong, and where the schema is another one it makes another plan.
func (w *Worker) readFailed(o *live, r *run, err error) {
	code := "read failed"
	if errors.Is(err, ivm.ErrStale) {
		code = "schema changed"
	} else {
		w.cfg.Events.Record(event.Event{Kind: event.ReadFailed, View: o.viewName(), Observer: short(o.ID), Detail: err.Error()})
	}
	o.rememberRead(r, nil, code)
	w.doubt(o, change.Commit{})
	w.markDirty(o, trigger{kind: byRetry, by: commitAt(r.since)})
	o.planned.read, o.planned.last = "", "its rows could not be read: the log says why"
}

// paceRead says when it may be read next. What costs more than a millisecond
// leaves as much time to others as it took.
func (o *live) paceRead(share time.Duration, ended time.Time) {
	p := o.planned
	if p.cost == 0 {
		p.cost = int64(share)
	}
	p.cost = (3*p.cost + int64(share)) / 4
	if cost := time.Duration(p.cost); cost > time.Millisecond {
		if next := ended.Add(cost); next.After(o.notBefore) {
			o.notBefore = next
		}
	}
}

// rememberRead notes a read that has ended.
func (o *live) rememberRead(r *run, ops []diff.Op, code string) {
	o.ran.add(ran{
		cause: r.trigger.by.Position, at: r.snapshot.Position(), table: r.trigger.table, kind: r.trigger.kind, code: code, read: r.read,
		began: r.began.UnixNano(), seen: r.trigger.seen, took: uint32(min(time.Since(r.began).Microseconds(), 1<<32-1)),
		ops: uint32(len(ops)), bytes: uint32(bytesOf(ops)), changes: uint16(min(len(r.causes.commits), 1<<16-1)),
	})
}
