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
	// NotHeld: a row went that was none of those read.
	NotHeld

	// Everything: any row of the table may have changed.
	Everything
	// NoImage: the row before or after is not known.
	NoImage
	// EveryRow: all rows of the table matter.
	EveryRow
	// Met: the row before or after may meet the condition.
	Met
	// IsHeld: a row went that was read.
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
	case c.Kind == change.Delete && d.rowsKnown():
		if key, ok := keyOf(c, d.Held.Columns); ok {
			return d.judgeKey(key)
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

func (d *Dependency) judgeKey(key string) Cause {
	for _, values := range d.Held.Keys {
		if held, _ := encode(nil, values); string(held) == key {
			return IsHeld
		}
	}
	return NotHeld
}
