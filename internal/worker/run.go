package worker

import (
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/observer"
	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/wire"
)

// shared is a snapshot that several evaluations read. The loop owns the count.
type shared struct {
	source.Snapshot
	number  uint64          // of its pin
	through change.Position // a stream that has come to it has yielded all that it contains
	users   int
	close   func()
}

// share makes the caller the first user of a snapshot. Closing it may wait for
// reads of a handler that does not heed its context, so that is not done in
// the loop.
func (w *Worker) share(s source.Snapshot, number uint64) *shared {
	return &shared{Snapshot: s, number: number, through: throughOf(s), users: 1, close: func() {
		w.runs.Go(func() {
			runtime.Gosched() // what was made in it goes out first
			if err := s.Close(); err != nil {
				w.cfg.Logger.Warn("snapshot not closed", "err", err)
			}
		})
	}}
}

// throughOf is the position from which on a list made in a snapshot shows no more
// than the stream has yielded.
func throughOf(s source.Snapshot) change.Position {
	switch s := s.(type) {
	case *standing:
		return throughOf(s.Snapshot)
	case source.Overlapping:
		if !planted.Is(planted.ThroughIgnored) {
			return s.Through()
		}
	}
	return s.Position()
}

// early reports whether it contains something newer than its position.
func (s *shared) early() bool { return s.through != s.Position() }

func (s *shared) retain() *shared {
	s.users++
	return s
}

// release closes the snapshot after its last user.
func (s *shared) release() {
	s.users--
	if s.users == 0 {
		s.close()
	}
}

// run is one evaluation in flight.
type run struct {
	observer *live
	snapshot *shared
	round    *round // nil where no round waits for it
	// stale says that the list before it lacks a change: since is the first.
	stale  bool
	since  change.Position
	causes causes
	// trigger is why it runs.
	trigger trigger
	began   time.Time
	// credentials are those of the request that is evaluated.
	credentials string
	// read is why rows are read; "": the view runs.
	read string
	// from is how far the changes were taken in when it began.
	from change.Position
}

// contains reports whether the list that is being made has a change in it.
func (r *run) contains(c *change.Changeset) bool { return r.snapshot.Contains(c) }

// lacks notes a change that the list before does not have and this run's
// snapshot does. Changes come in their order: the first stays.
func (r *run) lacks(c *change.Changeset) {
	if !r.stale {
		r.stale, r.since = true, c.Position
	}
}

// doubt is the position from which on the list before may not be right: from
// its first change on, or, where the view runs for no change, from the state
// on in which it runs.
func (r *run) doubt() change.Position {
	if r.stale {
		return r.since
	}
	return r.snapshot.Position()
}

// start evaluates an observer in a snapshot. r is the round that waits for it.
func (w *Worker) start(o *live, s *shared, r *round) {
	run := w.begun(o, s, r)
	app, request, prior := w.cfg.App(), o.Request, o.List()
	w.runs.Go(func() {
		outcome := observer.Run(w.ctx, app, request, s.Snapshot, w.cfg.Stop)
		verdict := observer.Judge(outcome, prior, w.covers, w.cfg.MaxItems)
		ended := time.Now()
		w.inbox.put(func() { w.finish(run, outcome, verdict, ended) })
	})
}

func (w *Worker) covers(table string) error { return w.cfg.Source.Covers(w.ctx, table) }

// finish takes in what an evaluation gave.
func (w *Worker) finish(r *run, outcome *observer.Outcome, v *observer.Verdict, ended time.Time) {
	o := r.observer
	w.ended(r)
	defer r.snapshot.release()
	if o.ended || w.ctx.Err() != nil {
		return
	}
	o.runCount++
	o.spent += outcome.Took
	w.disown(o, outcome.Commits)
	w.clearSuspects(o)
	o.pace(w.cfg.MinInterval, r.began, ended)
	w.record(o, outcome, v)
	o.remember(r, outcome, v)
	w.accuse(o, outcome)
	if v.List != nil && !o.ofScope(outcome) {
		v = outOfScope()
	}
	switch {
	case v.List != nil && o.stamp == nil:
		w.begin(o, r, outcome, v)
	case v.List != nil:
		w.advance(o, r, outcome, v)
	default:
		w.fail(o, r, v)
	}
}

// record counts and reports a run.
func (w *Worker) record(o *live, outcome *observer.Outcome, v *observer.Verdict) {
	e := event.Event{Kind: event.Evaluated, Observer: short(o.ID), Took: outcome.Took}
	if outcome.View != nil {
		e.View = outcome.View.Name
	}
	if v.List != nil {
		e.Items = v.List.Items.Len()
	}
	w.cfg.Events.Record(e)
	if outcome.Took > w.cfg.Warn {
		e.Kind, e.Detail = event.EvaluationSlow, fmt.Sprintf("took longer than %v", w.cfg.Warn)
		w.cfg.Events.Record(e)
	}
	if e.Items > w.cfg.WarnItems && !o.largeSaid {
		o.largeSaid = true
		e.Kind, e.Detail = event.ResultLarge, fmt.Sprintf("more than %d items; a page would cost less", w.cfg.WarnItems)
		w.cfg.Events.Record(e)
	}
	if v.Problem != nil {
		e.Kind, e.Code, e.Detail = event.EvaluationFailed, string(v.Problem.Code), v.Problem.Detail
		if outcome.Panic != "" {
			e.Detail = outcome.Panic
		}
		w.cfg.Events.Record(e)
	} else if v.Response != nil && o.stamp != nil {
		e.Kind, e.Code = event.EvaluationFailed, statusCode(v.Response.Status)
		w.cfg.Events.Record(e)
	}
}

func statusCode(status int) string { return fmt.Sprint("status ", status) }

// begin makes an observer live with its first list.
func (w *Worker) begin(o *live, r *run, outcome *observer.Outcome, v *observer.Verdict) {
	o.Begin(outcome.View, v.List, r.snapshot.Position())
	w.cfg.Events.Record(event.Event{Kind: event.ObserverOpened, View: o.viewName(), Observer: short(o.ID), Items: o.Len()})
	w.take(o, r, outcome, v)
	w.answer(o)
	w.rest(o)
}

// advance gives a living observer its next list.
func (w *Worker) advance(o *live, r *run, outcome *observer.Outcome, v *observer.Verdict) {
	changes := o.Advance(v.List, v.Ops, r.snapshot.Position())
	if changes != nil {
		w.cfg.Events.Add(event.DiffMade, 1)
		changes.Seen = r.trigger.seen
		w.emit(o, r, changes)
	}
	w.take(o, r, outcome, v)
	w.echo(o, r, changes != nil)
	w.answer(o)
}

// take notes in which snapshot the list was made and what it read. What it
// read is looked at with the changes since, which came before it was known.
func (w *Worker) take(o *live, r *run, outcome *observer.Outcome, v *observer.Verdict) {
	o.failures = 0
	o.shown, o.shownAt = r.credentials, time.Now()
	o.stamp, o.pin = r.snapshot.Snapshot, r.snapshot.number
	w.showed(r.snapshot.through)
	if why := outcome.Reads.Unstamped(); why != "" {
		w.accuseUnstamped(o, why)
		o.stamp = &unstamped{o.stamp, r.from}
		w.pins.unclear = w.pins.want()
	}
	o.every, o.until = outcome.Reads.Interval(), outcome.Reads.Deadline()
	o.schedule(r.began, time.Now())
	if o.nextPoll.IsZero() {
		delete(w.polled, o)
	} else {
		w.polled[o] = struct{}{}
	}
	reads, understood := observer.Needs(outcome.Reads, &w.queries, &o.arguments, time.Now())
	w.adviseOrder(o, understood)
	if len(understood) > 0 {
		o.understood = understood
	}
	if !w.rowsKnown(o, outcome) {
		reads = withoutHeld(reads)
	}
	reads = o.settle(reads)
	if o.reads == nil || !planted.Is(planted.StaleReadSet) {
		w.reread(o, reads)
	}
	o.understood = append(o.understood, w.replan(o, outcome, v)...)
	w.catchUp(o)
}

// fail deals with a run that gave no list.
func (w *Worker) fail(o *live, r *run, v *observer.Verdict) {
	if (v.Ends == wire.CodePermissionRevoked || v.Ends == wire.CodeScopeChanged) && w.tryOthers(o, r, v) {
		return
	}
	w.answerAll(o, &bus.Observed{Response: v.Response, Problem: v.Problem})
	if o.stamp == nil {
		w.drop(o)
		return
	}
	code, detail := v.Ends, ""
	if v.Problem != nil {
		detail = v.Problem.Detail
	} else {
		detail = fmt.Sprintf("the view answered %d %s", v.Response.Status, http.StatusText(v.Response.Status))
	}
	o.backoff(time.Now())
	if code == "" && o.failures >= w.cfg.Attempts {
		code = wire.CodeViewError
	}
	if code != "" {
		w.close(o, code, detail)
		return
	}
	if !r.stale && o.planned == nil {
		o.nextPoll = o.notBefore
		return
	}
	w.markDirty(o, trigger{kind: byRetry, by: commitAt(r.since)})
}
