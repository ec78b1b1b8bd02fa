package affected

import (
	"slices"

	"github.com/wakeful-dev/wakeful/change"
)

// Same reports whether two lists of dependencies are alike, entry by entry. It
// may be false for lists that mean the same in another order.
func Same(a, b []Dependency) bool {
	return slices.EqualFunc(a, b, func(a, b Dependency) bool {
		if a.Table != b.Table || !slices.Equal(a.Columns, b.Columns) || (a.Held == nil) != (b.Held == nil) || !a.Where.Equal(b.Where) {
			return false
		}
		return a.Held == nil || slices.Equal(a.Held.Columns, b.Held.Columns) && a.Held.By == b.Held.By && slices.Equal(a.Held.Keys, b.Held.Keys)
	})
}

// Touches is Index.Affected for one observer: whether the changeset may touch
// what depends on reads. It costs len(reads) for each change.
func Touches(reads []Dependency, set *change.Changeset) bool {
	if set.Everything {
		return len(reads) > 0
	}
	for i := range set.Changes {
		c := &set.Changes[i]
		for j := range reads {
			if reads[j].Table == c.Table && reads[j].touchedBy(c) {
				return true
			}
		}
	}
	return false
}

// touchedBy reports whether a change of the dependency's table counts.
func (d *Dependency) touchedBy(c *change.Change) bool { return d.judge(c).Touches() }

// touches looks at columns only. Without AnyColumn an update that leaves the
// columns as they were does not count.
func touches(c *change.Change, columns []string, any bool) bool {
	return any || c.Touches(columns)
}

// Hits is Index.Hits for one observer: the places of the changes that may touch
// what depends on reads, −1 alone for a changeset of everything.
func Hits(reads []Dependency, set *change.Changeset) []int {
	if set.Everything {
		if len(reads) == 0 {
			return nil
		}
		return []int{-1}
	}
	var hits []int
	for i := range set.Changes {
		c := &set.Changes[i]
		for j := range reads {
			d := &reads[j]
			if d.Table == c.Table && (d.touchedBy(c) || d.touchedAfter(set, i)) {
				hits = append(hits, i)
				break
			}
		}
	}
	return hits
}

// touchedAfter reports whether a change alters a row that mattered as the
// transaction had made it before: it need not be held yet.
func (d *Dependency) touchedAfter(set *change.Changeset, at int) bool {
	c := &set.Changes[at]
	any := slices.Contains(d.Columns, AnyColumn)
	if !d.rowsKnown() || c.Kind == change.Insert || !touches(c, d.Columns, any) {
		return false
	}
	row, known := c.OldKey(d.Held.Columns)
	for i := at - 1; i >= 0 && known; i-- {
		before := &set.Changes[i]
		if before.Table != c.Table || !touches(before, d.Columns, any) {
			continue
		}
		if made, ok := before.NewKey(d.Held.Columns); ok && made == row {
			return d.Where == nil || d.Where.MetBy(before.Columns, before.New)
		}
	}
	return false
}
