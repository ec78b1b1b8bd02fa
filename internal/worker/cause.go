package worker

import (
	"slices"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/event"
)

// Bounds of what is remembered about causes.
const (
	maxCauses = 64
	maxOwn    = 64
	maxMade   = 4_096
)

// causes are the changes that made an observer dirty.
type causes struct {
	positions []change.Position
	others    bool // something else did too, or there were too many
}

func (c *causes) add(p change.Position) {
	if len(c.positions) == maxCauses || p == "" {
		c.others = true
		return
	}
	c.positions = append(c.positions, p)
}

// only reports whether every cause is one that the test knows. No cause at all
// is none that it knows.
func (c *causes) only(known func(change.Position) bool) bool {
	return !c.others && len(c.positions) > 0 && !slices.ContainsFunc(c.positions, func(p change.Position) bool { return !known(p) })
}

// made remembers what evaluations have committed.
type made struct {
	set   map[change.Position]struct{}
	order []change.Position
}

func (m *made) add(positions []change.Position) {
	if m.set == nil {
		m.set = map[change.Position]struct{}{}
	}
	for _, p := range positions {
		if len(m.order) == maxMade {
			delete(m.set, m.order[0])
			m.order = m.order[1:]
		}
		m.set[p] = struct{}{}
		m.order = append(m.order, p)
	}
}

func (m *made) has(p change.Position) bool {
	_, ok := m.set[p]
	return ok
}

// isOwn reports whether the observer's own evaluation made the commit. Such a
// change never makes it run again: a view that notes when it was seen would
// run for ever.
func (o *live) isOwn(p change.Position) bool { return slices.Contains(o.own, p) }

// disown takes what a run has committed itself out of the causes that came
// while it ran.
func (w *Worker) disown(o *live, commits []change.Position) {
	if len(commits) == 0 {
		return
	}
	w.made.add(commits)
	o.own = append(o.own, commits...)
	o.own = o.own[max(0, len(o.own)-maxOwn):]
	if o.dirty && (o.planned == nil || o.planned.read == "") && o.causes.only(o.isOwn) {
		o.dirty, o.causes, o.trigger = false, causes{}, trigger{}
	}
}

// echo slows an observer down whose runs are caused by evaluations alone and
// give nothing: two views that write what the other reads would keep each
// other running for ever.
func (w *Worker) echo(o *live, r *run, gave bool) {
	if gave || !r.causes.only(w.made.has) {
		o.echoes = 0
		return
	}
	o.echoes++
	wait := min(10*time.Millisecond<<min(o.echoes, 10), 10*time.Second)
	o.notBefore = time.Now().Add(wait)
	if o.echoes == 3 {
		w.cfg.Events.Record(event.Event{Kind: event.ViewMisread, View: o.viewName(), Observer: short(o.ID),
			Detail: "evaluations write what this view reads, so they cause each other; it is slowed down"})
	}
}
