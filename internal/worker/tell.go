package worker

import (
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/wire"
)

// together is how long others may be held back for a list that lags (W6).
const together = 250 * time.Millisecond

// lag is which observers' lists are not the view's results at a position, by the
// gateways that follow them.
type lag struct {
	behind map[string][]string
	soon   map[string][]string // of these, who will be there in a moment
}

// tell sends each gateway its diffs and the progress to a position.
func (w *Worker) tell(at change.Position) {
	now := time.Now()
	l := w.lag(at, now, true)
	if planted.Is(planted.WholeTooSoon) {
		l = lag{}
	}
	for gateway := range w.gateways {
		message := w.out.rounds[gateway]
		if message == nil {
			message = &bus.Round{}
		}
		w.vouch(message, gateway, at, l)
		w.send(gateway, message)
	}
	w.out.empty()
	w.reported, w.spoke = at, now
}

// vouch says in a message what a gateway is told of a position. It is not whole
// where some list is ahead of it, or may be.
func (w *Worker) vouch(m *bus.Round, gateway string, at change.Position, l lag) {
	ahead := w.shown.SameHistory(at) && w.shown > at || w.pins.unclear != 0
	m.Progress = &wire.Progress{Position: at, Whole: !ahead, Behind: l.behind[gateway]}
	m.Soon = l.soon[gateway]
}

// lag finds who is not at a position. Where that is told to all, it is noted since
// when: nobody is soon for longer than others may wait.
func (w *Worker) lag(at change.Position, now time.Time, told bool) lag {
	var l lag
	var since map[*live]time.Time
	note := func(o *live) {
		if o.ended || o.stamp == nil || o.validAt(at) {
			return
		}
		from, ok := w.lagging[o]
		if !ok {
			from = now
		}
		soon := w.hastens(o, now, from.Add(together))
		if since == nil {
			since = map[*live]time.Time{}
		}
		since[o] = from
		if l.behind == nil {
			l.behind = map[string][]string{}
		}
		if soon && l.soon == nil {
			l.soon = map[string][]string{}
		}
		for _, gateway := range o.followers {
			l.behind[gateway] = append(l.behind[gateway], o.ID)
			if soon {
				l.soon[gateway] = append(l.soon[gateway], o.ID)
			}
		}
	}
	for _, o := range w.dirty {
		if o.dirty && o.running == nil {
			note(o)
		}
	}
	for o := range w.running {
		note(o)
	}
	for o := range w.steps.queued {
		if o.running == nil {
			note(o)
		}
	}
	if told {
		w.lagging = since
	}
	return l
}

// hastens reports whether a list that lags is worth waiting for: what it lacks is
// under way, or begins with the next round, and takes no longer than a round
// waits.
func (w *Worker) hastens(o *live, now, until time.Time) bool {
	switch {
	case !now.Before(until):
		return false
	case o.running != nil:
		return o.running.read != "" || !o.slow(w.cfg.SlowAfter) && now.Sub(o.running.began) < w.cfg.SlowAfter
	case !o.dirty:
		return true // stepped, or read
	case o.failures > 0 || !o.toRead() && o.slow(w.cfg.SlowAfter):
		return false
	}
	due, when := o.due(now)
	return due || !when.IsZero() && when.Before(until)
}
