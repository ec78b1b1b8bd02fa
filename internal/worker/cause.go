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
	commits []change.Commit
	others  bool // something else did too, or there were too many
}

func (c *causes) add(by change.Commit) {
	if len(c.commits) == maxCauses || by.Position == "" {
		c.others = true
		return
	}
	c.commits = append(c.commits, by)
}

// only reports whether every cause is one that the test knows. No cause at all
// is none that it knows.
func (c *causes) only(known func(change.Commit) bool) bool {
	return !c.others && len(c.commits) > 0 && !slices.ContainsFunc(c.commits, func(by change.Commit) bool { return !known(by) })
}

// isOwn reports whether the observer's own evaluation made the commit. Such a
// change never makes it run again: a view that notes when it was seen would
// run for ever.
func (o *live) isOwn(by change.Commit) bool { return slices.ContainsFunc(o.own, by.WrittenAs) }

// disown takes what a run has committed itself out of the causes that came
// while it ran.
func (w *Worker) disown(o *live, commits []change.Position) {
	if len(commits) == 0 {
		return
	}
	w.made.Add(commits...)
	w.reread(o, withoutHeld(o.reads)) // its own commits alter rows and do not wake it
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
	if gave || !r.causes.only(w.made.Has) {
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
