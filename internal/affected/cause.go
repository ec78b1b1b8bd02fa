package affected

import (
	"slices"

	"github.com/wakeful-dev/wakeful/change"
)

// Cause says why a change does or does not touch a dependency.
type Cause uint8

const (
	// NotRead: nothing of the table was read.
	NotRead Cause = iota
	// OtherColumns: an update alters no column that was read.
	OtherColumns
	// OtherRows: neither the row before nor the row after can matter.
	OtherRows
	// NotHeld: a row went, or is none that matters, that was none of those read.
	NotHeld

	// Everything: any row of the table may have changed.
	Everything
	// NoImage: the row before or after is not known.
	NoImage
	// EveryRow: all rows of the table matter.
	EveryRow
	// Met: the row before or after may meet the condition.
	Met
	// IsHeld: a row went, or was altered, that was read.
	IsHeld
)

var causes = [...]string{
	"not_read", "other_columns", "other_rows", "not_held", "everything", "no_image", "every_row", "condition_met", "row_held",
}

// String is a stable word.
func (c Cause) String() string { return causes[c] }

// MarshalText writes the stable word.
func (c Cause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Touches reports whether the observer is to be evaluated for it.
func (c Cause) Touches() bool { return c >= Everything }

// judge says what a change of the dependency's table is to it. An index
// answers the same for many dependencies at once.
func (d *Dependency) judge(c *change.Change) Cause {
	switch {
	case !touches(c, d.Columns, slices.Contains(d.Columns, AnyColumn)):
		return OtherColumns
	case c.Kind == change.Everything:
		return Everything
	case d.rowsKnown() && c.Kind != change.Insert:
		if key, ok := c.OldKey(d.Held.Columns); ok {
			return d.judgeKey(c, key)
		}
	}
	switch {
	case d.Where == nil:
		return EveryRow
	case !d.Where.Touched(c):
		return OtherRows
	case c.Kind != change.Insert && c.Old == nil, c.Kind != change.Delete && c.New == nil:
		return NoImage
	}
	return Met
}

// judgeKey is judge where the key of the row before is known.
func (d *Dependency) judgeKey(c *change.Change, key string) Cause {
	_, held := slices.BinarySearch(d.Held.Keys, key)
	switch {
	case held:
		return IsHeld
	case c.Kind == change.Delete:
		return NotHeld
	case c.New == nil:
		return NoImage
	case d.Where == nil:
		return EveryRow
	case d.Where.MetBy(c.Columns, c.New):
		return Met
	}
	return NotHeld
}
