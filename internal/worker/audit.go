package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/internal/observer"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
)

// audit is one list that was kept by steps, beside what the database says that
// it is. A difference is a bug: of a step, or of what the steps were told.
type audit struct {
	observer *live
	plan     *ivm.Plan
	list     *observer.List
	snapshot *shared
}

// toAudit is a list that the auditor can look at now, nil for none: one that
// was stepped since it looked last.
func (w *Worker) toAudit(now time.Time) *live {
	if w.steppable == 0 || now.Before(w.auditAt) {
		return nil
	}
	for _, o := range w.observers {
		if o.steppable() && o.planned.steps > o.planned.audited && !o.dirty && !o.pollDue && o.running == nil && o.wanted() {
			return o
		}
	}
	return nil
}

// audits reports whether the auditor has something to do, and if not, when it
// looks again.
func (w *Worker) audits(now time.Time) (due bool, next time.Time) {
	if w.steppable == 0 {
		return false, time.Time{}
	}
	if w.toAudit(now) != nil {
		return true, time.Time{}
	}
	if !now.Before(w.auditAt) {
		w.auditAt = now.Add(w.cfg.Audit)
	}
	return false, w.auditAt
}

// startAudit has one list compared in a round that has taken in all changes up
// to its snapshot: a list that is not dirty stands there then.
func (w *Worker) startAudit(r *round, now time.Time) {
	o := w.toAudit(now)
	if o == nil {
		return
	}
	w.auditAt = now.Add(w.cfg.Audit)
	if !w.processed.Reaches(r.at) || !o.validAt(r.at) || r.snapshot.early() || r.before(o.stamp.Position()) {
		return
	}
	o.planned.audited = o.planned.steps
	r.used = true
	a := &audit{observer: o, plan: o.planned.plan, list: o.List(), snapshot: r.snapshot.retain()}
	w.runs.Go(func() {
		differs, err := a.compare(w.ctx, a.snapshot.Snapshot, w.cfg.Stop)
		w.inbox.put(func() { w.finishAudit(a, differs, err) })
	})
}

// compare says how the list is not what the database gives, "" where it is.
func (a *audit) compare(ctx context.Context, snapshot source.Snapshot, stop time.Duration) (differs string, err error) {
	defer panicked(&err)
	ctx, cancel := context.WithTimeout(ctx, stop)
	defer cancel()
	rows, err := a.plan.Reader.Read(readset.NewContext(ctx, &readset.Set{Snapshot: snapshot}), []*ivm.Plan{a.plan})
	if err != nil {
		return "", err
	}
	if len(rows) != 1 {
		return "", errRows(len(rows), 1)
	}
	fresh, err := ivm.New(a.plan, rows[0])
	if err != nil {
		return "", err
	}
	return a.list.Differs(fresh.Items(), fresh.Meta()), nil
}

// finishAudit tells of a difference, and has the list read again. What could
// not be compared was not audited: the list's own next read will tell.
func (w *Worker) finishAudit(a *audit, differs string, err error) {
	defer a.snapshot.release()
	o := a.observer
	if err != nil || o.ended || w.ctx.Err() != nil {
		return
	}
	w.cfg.Events.Record(event.Event{Kind: event.Audited, View: o.viewName(), Observer: short(o.ID)})
	if differs == "" {
		return
	}
	w.cfg.Events.Record(event.Event{Kind: event.AuditDiffered, View: o.viewName(), Observer: short(o.ID),
		Detail: fmt.Sprintf("%s; it is read again (shape %.200s)", differs, a.plan.Shape)})
	if o.steppable() {
		w.markRead(o, "the auditor found a difference", trigger{kind: byAudit, by: commitAt(a.snapshot.Position())})
	}
}
