package worker

import (
	"slices"

	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/predicate"
)

// settle keeps the tables, sets of columns and rows that a run did not read
// until three runs in a row have not: a view may read less for a moment (a
// cache, a branch), and what it would have read then must still wake it. A run
// that reads nothing at all takes nothing away, however often it comes.
func (o *live) settle(reads []affected.Dependency) []affected.Dependency {
	with := withFormer(reads, o.reads)
	if with == nil {
		o.shrunk, o.shrinks = nil, 0
		return reads
	}
	if !affected.Same(o.shrunk, withoutHeld(reads)) {
		o.shrinks = 0
	}
	o.shrunk = withoutHeld(reads)
	o.shrinks++
	if o.shrinks >= 3 && len(reads) > 0 {
		o.shrunk, o.shrinks = nil, 0
		return reads
	}
	return with
}

// withFormer is what a run read together with what was read before, nil where
// nothing is missing of that.
func withFormer(reads, former []affected.Dependency) (with []affected.Dependency) {
	for _, had := range former {
		i := slices.IndexFunc(reads, func(d affected.Dependency) bool {
			return d.Table == had.Table && slices.Equal(d.Columns, had.Columns)
		})
		var rows predicate.Condition
		if i >= 0 {
			rows = bothWheres(reads[i].Where, had.Where)
			if rows.Equal(reads[i].Where) && sameRows(reads[i].Held, had.Held) {
				continue
			}
		}
		if with == nil {
			with = slices.Clone(reads)
		}
		if i < 0 {
			had.Held = nil // which rows it would read by now nobody knows
			with = append(with, had)
			continue
		}
		with[i].Where, with[i].Held = rows, nil
	}
	return with
}

// bothWheres is met by the rows that meet one of two conditions.
func bothWheres(where, had predicate.Condition) predicate.Condition {
	if where == nil || where.Equal(had) {
		return where
	}
	return predicate.Or(where, had)
}

// sameRows reports whether the rows that a run has read are all that matter,
// where those of a former one were known or not.
func sameRows(held, had *affected.Held) bool {
	return held == nil || had != nil && held.By == had.By
}
