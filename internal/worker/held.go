package worker

import (
	"slices"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/internal/planted"
)

// Where images have the key alone of a row as it was, the index cannot tell by
// its condition whom an update takes the row from, and would name everybody. A
// list whose rows are all known by their keys is found by these. What the index
// is told follows each step; it is more than the list has where changes wait to
// be stepped, and a list that is to be made anew is named for all.

// holdRows has the index know which rows a list holds, now that some came and went.
func (w *Worker) holdRows(o *live, came, gone []string) {
	p := o.planned
	if !w.canHold(o) {
		w.unholdRows(o)
		return
	}
	if !p.held {
		p.held = true
		w.index.Replace(interest{o, ofRows}, heldReads(p))
		for _, set := range p.queue {
			w.holdQueued(o, set)
		}
		return
	}
	id := interest{o, ofRows}
	for _, row := range gone {
		if !p.result.HoldsRow(row) && !slices.Contains(p.queued, row) {
			w.index.Release(id, p.plan.Table, row)
		}
	}
	for _, row := range came {
		if p.result.HoldsRow(row) && !planted.Is(planted.RowNotHeld) {
			w.index.Hold(id, p.plan.Table, row)
		}
	}
}

// canHold reports whether all that can matter to a list are the rows that it
// holds, and those that come to meet its condition.
func (w *Worker) canHold(o *live) bool {
	p := o.planned
	if !o.steppable() || o.dirty || p.plan == nil || !p.result.Holds() {
		return false
	}
	return !slices.Contains(p.plan.Beyond, p.plan.Table) &&
		!slices.ContainsFunc(p.plan.Nested, func(n ivm.Nested) bool { return n.Table == p.plan.Table })
}

// unholdRows has the index name a list for every change that may matter.
func (w *Worker) unholdRows(o *live) {
	if p := o.planned; p.held {
		p.held, p.queued = false, nil
		w.index.Replace(interest{o, ofRows}, p.reads)
	}
}

// heldReads is what the rows were read from, and which rows these are.
func heldReads(p *planned) []affected.Dependency {
	held := &affected.Held{Columns: keyColumns(p.plan), Keys: slices.Sorted(slices.Values(p.result.Held()))}
	reads := slices.Clone(p.reads)
	for i := range reads {
		if reads[i].Table == p.plan.Table {
			reads[i].Held = held
		}
	}
	return reads
}

func keyColumns(plan *ivm.Plan) []string {
	columns := make([]string, len(plan.Key))
	for i, at := range plan.Key {
		columns[i] = plan.Columns[at]
	}
	return columns
}

// holdQueued has the index take the rows for held that wait to be stepped.
func (w *Worker) holdQueued(o *live, set *change.Changeset) {
	p := o.planned
	if !p.held {
		return
	}
	columns := keyColumns(p.plan)
	for i := range set.Changes {
		c := &set.Changes[i]
		if c.Table != p.plan.Table || c.New == nil {
			continue
		}
		row, known := c.NewKey(columns)
		if !known {
			w.unholdRows(o)
			return
		}
		p.queued = append(p.queued, row)
		w.index.Hold(interest{o, ofRows}, p.plan.Table, row)
	}
}

// letQueued lets go of the rows that waited, where the list does not hold them.
func (w *Worker) letQueued(o *live) {
	p := o.planned
	if !p.held {
		return
	}
	for _, row := range p.queued {
		if !p.result.HoldsRow(row) {
			w.index.Release(interest{o, ofRows}, p.plan.Table, row)
		}
	}
	p.queued = nil
}
