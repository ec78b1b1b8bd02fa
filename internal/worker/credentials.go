package worker

import (
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/internal/observer"
)

// provenFor is how long a list that a view gave to somebody's credentials says
// that they are good.
const provenFor = time.Second

// shownTo reports whether the view gave its list to these credentials just now.
func (o *live) shownTo(credentials string, now time.Time) bool {
	return o.shown == credentials && !o.shownAt.IsZero() && now.Sub(o.shownAt) < provenFor
}

// tryOthers deals with a run that the view refused for the credentials that it
// was made with: those who asked with the same get its answer, and where others
// ask with their own it runs again with these.
func (w *Worker) tryOthers(o *live, r *run, v *observer.Verdict) bool {
	others := o.waiting[:0:0]
	for _, waiting := range o.waiting {
		if waiting.message.Request.Credentials != r.credentials {
			others = append(others, waiting)
			continue
		}
		w.send(waiting.gateway, &bus.Observed{ID: waiting.message.ID, Response: v.Response, Problem: v.Problem})
	}
	if len(others) == 0 {
		o.waiting = nil
		return false
	}
	o.waiting = others
	request := others[len(others)-1].message.Request
	o.Request = &request
	if o.stamp == nil {
		w.waiting = append(w.waiting, o)
		return true
	}
	w.markDirty(o, trigger{kind: byRetry, by: commitAt(r.since)})
	return true
}
