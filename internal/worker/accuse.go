package worker

import (
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/observer"
)

// maxAccused bounds what is remembered to have been said.
const maxAccused = 1_024

// accuseUnstamped tells once for each view that it reads outside of its snapshot.
func (w *Worker) accuseUnstamped(o *live, why string) {
	about := "snapshot of " + o.viewName()
	if _, known := w.accused[about]; known || len(w.accused) >= maxAccused {
		return
	}
	w.accused[about] = struct{}{}
	w.cfg.Events.Record(event.Event{Kind: event.ViewMisread, View: o.viewName(), Observer: short(o.ID),
		Detail: "it reads outside of its snapshot, so its lists may be ahead of others: " + why})
}

// accuse reports the statements that a run has made without its context, once
// for each place that calls them. One that depends on no such thing, because
// it polls or declares its tables, may do so.
func (w *Worker) accuse(o *live, outcome *observer.Outcome) {
	strays := outcome.Reads.Strays()
	if len(strays) == 0 || outcome.Reads.Interval() > 0 || !outcome.Reads.Deadline().IsZero() || len(outcome.Reads.Declared()) > 0 {
		return
	}
	name := o.viewName()
	if outcome.View != nil {
		name = outcome.View.Name
	}
	for _, stray := range strays {
		if _, known := w.accused[stray.Site]; known || len(w.accused) >= maxAccused {
			continue
		}
		w.accused[stray.Site] = struct{}{}
		w.cfg.Events.Record(event.Event{Kind: event.ViewMisread, View: name, Observer: short(o.ID),
			Detail: "a statement without the request's context: what it reads is not noted; pass r.Context() on at " + stray.Site})
		w.cfg.Logger.Warn("statement without the context of its evaluation", "view", name, "at", stray.Site, "stack", stray.Stack)
	}
}

// adviseOrder tells once for each view that its order is not total: a row may
// then move though nothing of it has changed.
func (w *Worker) adviseOrder(o *live, understood []observer.Understood) {
	for i := range understood {
		ties := understood[i].Ties
		if ties == "" {
			continue
		}
		about := "order of " + o.viewName()
		if _, known := w.accused[about]; known || len(w.accused) >= maxAccused {
			return
		}
		w.accused[about] = struct{}{}
		w.cfg.Logger.Info("order of a view is not total", "view", o.viewName(), "detail", ties)
		return
	}
}
