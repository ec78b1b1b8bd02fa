package worker

import (
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/observer"
)

// maxAccused bounds the call sites that are remembered.
const maxAccused = 1_024

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
