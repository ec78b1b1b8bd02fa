package worker

import (
	"slices"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/internal/memory"
	"github.com/wakeful-dev/wakeful/internal/observer"
	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/wire"
)

// planned is what there is more of an observer whose route gave a plan, or that
// several identities share.
//
// What such an observer depends on is in two parts. A change of what the rows
// were read from is stepped, or has the rows read again. What the view read
// beside them is what rights rest on: a change of that has the view run, and
// the gateways told. Where identities share it, the rights of others than those
// it ran with rest on other rows of the same tables.
type planned struct {
	scope     string // of the requests that it answers
	proven    bool   // the plan has given what the view answered, items and all
	plan      *ivm.Plan
	result    *ivm.Result // nil: no step can be made; why says why
	why       string
	reads     []affected.Dependency // what the rows were read from
	rights    []affected.Dependency // what anybody's rights may rest on, where it is shared
	arguments *query.Arguments

	at       standing            // how far the list was stepped
	read     string              // why rows are to be read where the observer is dirty; "": the view has to run
	last     string              // the newest reason of that kind, for people
	queue    []*change.Changeset // what is to be stepped later: of each the changes that touch
	queuedAt int64               // when the oldest of queue was seen
	held     bool                // the index knows which rows result holds
	queued   []string            // keys of rows of queue, which it takes to be held
	lost     bool                // the queue did not hold all that came since the rows were to be read
	least    change.Position     // rows are to be read in a snapshot that has this: the queue has it no more
	hits     []int               // of the changeset that is being taken in
	bytes    int                 // of result, as counted
	cost     int64               // nanoseconds that its share of a read takes, smoothed
	steps    uint64
	audited  uint64 // steps that the auditor has seen
	loads    uint64 // reads

	usedUp bool      // the next read is for a reserve that is used up
	wider  int       // the reserve of the newest read, 0 for the usual one
	readAt time.Time // when that was

	doubted  *bus.Doubt      // in the outbox, nil where none is
	suspects []change.Commit // changes of rights that came while the view ran: it may have made them
}

// part is what of an observer's dependencies a change touches.
type part uint8

const (
	ofView   part = iota // the view has to run
	ofRows               // by the plan
	ofRights             // of others who share it
)

// interest is one part of one observer in the index.
type interest struct {
	observer *live
	part     part
}

// standing is where a list stands that was stepped on from a snapshot: it has
// every change up to a position.
type standing struct {
	source.Snapshot
	at change.Position
}

func (s *standing) Position() change.Position { return s.at }

func (s *standing) Contains(c *change.Changeset) bool {
	return s.at.Reaches(c.Position) || s.Snapshot.Contains(c)
}

// stand notes that the list has a further changeset.
func (o *live) stand(at change.Position) {
	p := o.planned
	if own, ok := o.stamp.(*standing); !ok || own != &p.at {
		p.at.Snapshot = o.stamp
	}
	p.at.at = at
	o.stamp = &p.at
}

// steppable reports whether steps and reads can keep the list.
func (o *live) steppable() bool { return o.planned != nil && o.planned.result != nil }

// replan takes over what an evaluation says of how its list can be kept.
func (w *Worker) replan(o *live, outcome *observer.Outcome, v *observer.Verdict) []observer.Understood {
	kept, p := outcome.Kept, o.planned
	if kept == nil && p == nil {
		return nil
	}
	if p == nil {
		p = &planned{}
		o.planned = p
	}
	w.unqueue(o)
	w.unholdRows(o)
	p.plan, p.why, p.read, p.lost = nil, v.Unkept, "", false
	if why := outcome.Reads.Unstamped(); why != "" {
		p.why = "it reads outside of its snapshot: " + why
		w.setResult(o, nil)
	} else {
		w.setResult(o, w.proven(o, v))
	}
	var reads []affected.Dependency
	var understood []observer.Understood
	if kept != nil && kept.Reads != nil {
		if p.arguments == nil {
			p.arguments = query.NewArguments(o.Request.URL)
		}
		reads, understood = observer.Needs(kept.Reads, &w.queries, p.arguments, time.Now())
		reads = withNested(withoutHeld(reads), kept.Plan)
		p.plan = kept.Plan
	}
	w.register(interest{o, ofRows}, &p.reads, reads)
	w.holdRows(o, nil, nil)
	if p.scope != "" {
		w.register(interest{o, ofRights}, &p.rights, anyRow(o.reads))
	}
	if kept == nil && p.scope == "" {
		o.planned = nil
	}
	return understood
}

// proof is what evaluations of a view have shown of its plans.
type proof struct{ given, differed bool }

// proven returns what steps may keep the list by: it must be known that the
// plan gives what the view answers. A list without items shows nothing: there
// the view's other lists have to.
func (w *Worker) proven(o *live, v *observer.Verdict) *ivm.Result {
	p, name, result := o.planned, o.viewName(), v.Kept
	known := w.proofs[name]
	switch {
	case v.Unkept != "":
		p.proven, known.differed = false, true
		why := v.Unkept
		if v.Fault != "" {
			why += ": " + v.Fault
		}
		w.accusePlan(o, why)
	case v.Kept == nil:
	case v.List.Items.Len() > 0:
		p.proven, known.given = true, true
	case !p.proven && (!known.given || known.differed):
		result, p.why = nil, "its list is empty: nothing shows yet that the plan gives what the view answers"
	}
	w.proofs[name] = known
	return result
}

// register has the index know what a part of an observer depends on.
func (w *Worker) register(of interest, have *[]affected.Dependency, reads []affected.Dependency) {
	if affected.Same(*have, reads) {
		return
	}
	w.focus.swap(*have, reads)
	*have = reads
	if len(reads) == 0 {
		w.index.Remove(of)
		return
	}
	w.index.Replace(of, reads)
}

// withNested makes every row of nested tables count: which are nested depends
// on the rows that the list has, and steps bring others.
func withNested(reads []affected.Dependency, plan *ivm.Plan) []affected.Dependency {
	if plan == nil {
		return reads
	}
	for i := range plan.Nested {
		n := &plan.Nested[i]
		reads = slices.DeleteFunc(reads, func(d affected.Dependency) bool {
			return d.Table == n.Table && !slices.ContainsFunc(d.Columns, func(c string) bool { return !slices.Contains(n.Columns, c) })
		})
		for j := range reads {
			if reads[j].Table == n.Table {
				reads[j].Where, reads[j].Held = nil, nil
			}
		}
		reads = append(reads, affected.Dependency{Table: n.Table, Columns: n.Columns})
	}
	return reads
}

// anyRow is the same of the same tables, whatever row.
func anyRow(reads []affected.Dependency) []affected.Dependency {
	wide := slices.Clone(reads)
	for i := range wide {
		wide[i].Where, wide[i].Held = nil, nil
	}
	return wide
}

// setResult sets what steps keep the list by, nil for nothing.
func (w *Worker) setResult(o *live, result *ivm.Result) {
	p := o.planned
	if p.result != nil {
		w.steppable--
	}
	if p.result = result; result != nil {
		w.steppable++
	}
	w.weigh(o)
}

// weigh counts what the result takes.
func (w *Worker) weigh(o *live) {
	bytes := 0
	if o.steppable() {
		bytes = o.planned.result.Bytes()
	}
	w.cfg.Memory.Add(memory.Lists, bytes-o.planned.bytes)
	o.planned.bytes = bytes
}

// unplan lets go of all of it.
func (w *Worker) unplan(o *live) {
	p := o.planned
	if p == nil {
		return
	}
	w.unqueue(o)
	p.held = false
	w.register(interest{o, ofRows}, &p.reads, nil)
	w.register(interest{o, ofRights}, &p.rights, nil)
	w.setResult(o, nil)
}

// accusePlan tells once for each view why its lists are not stepped.
func (w *Worker) accusePlan(o *live, why string) {
	about := "plan of " + o.viewName()
	if _, known := w.accused[about]; known || len(w.accused) >= maxAccused {
		return
	}
	w.accused[about] = struct{}{}
	w.cfg.Events.Record(event.Event{Kind: event.PlanDropped, View: o.viewName(), Observer: short(o.ID), Detail: why})
}

// ofScope reports whether an evaluation is of the rows that the observer's
// requests may see.
func (o *live) ofScope(outcome *observer.Outcome) bool {
	scope := ""
	if o.planned != nil {
		scope = o.planned.scope
	}
	return outcome.View == nil || outcome.View.Scope == scope || planted.Is(planted.ScopeIgnored)
}

// outOfScope is the verdict on an evaluation that is not.
func outOfScope() *observer.Verdict {
	return &observer.Verdict{Ends: wire.CodeScopeChanged, Problem: wire.NewProblem(409, wire.CodeScopeChanged,
		"these credentials may see other rows now: observe again")}
}

// inDoubt reports whether those who follow the observer were told just now that
// rights are in doubt: one that begins to follow has to be told too.
func (o *live) inDoubt() bool {
	p := o.planned
	return p != nil && (p.doubted != nil || len(p.suspects) > 0 || o.dirty && p.read == "")
}

// suspect notes a change of what rights rest on. While the view runs it may be
// its own: who it is shown to is told when that is known, before the next diff.
func (w *Worker) suspect(o *live, by change.Commit, maybeOwn bool) {
	p := o.planned
	switch {
	case p == nil || maybeOwn && o.isOwn(by):
	case o.running == nil || o.running.read != "" || !maybeOwn || len(p.suspects) >= maxCauses:
		w.doubt(o, by)
	default:
		p.suspects = append(p.suspects, by)
	}
}

// clearSuspects tells of the changes of rights that a run has not made itself.
func (w *Worker) clearSuspects(o *live) {
	if o.planned == nil || len(o.planned.suspects) == 0 {
		return
	}
	for _, by := range o.planned.suspects {
		if !o.isOwn(by) {
			w.doubt(o, by)
		}
	}
	o.planned.suspects = nil
}
