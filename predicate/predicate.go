// Package predicate has conditions on a row that are matched in memory with
// the meaning that the database gives them.
//
// A condition says which rows can matter to somebody. It may be too wide,
// never too narrow: a comparison whose outcome in Go is not surely that of the
// database is not in it at all, and a value that is not known meets
// everything. What compares, and how, is Kind and Collation; both sides are
// brought into one canonical form (Column.Argument, Column.Row), in which
// equal values are equal texts and lesser ones lesser texts.
//
// Conditions are values and are never altered once they are made, so they may
// be shared between goroutines.
//
// Pipeline: read set → [predicate] → affected.
package predicate

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/change"
)

// Condition is a choice of conjunctions: a row meets it when it meets one of
// them. A nil Condition is met by every row; one that is empty but not nil by
// none.
type Condition []All

// All is a conjunction: a row meets it when it meets every atom. An empty one
// is met by every row.
type All []Atom

// Never is the condition that no row meets.
func Never() Condition { return Condition{} }

// Of is the condition of one atom.
func Of(a Atom) Condition { return Condition{{a}} }

// Op is the question that an atom asks of a column.
type Op uint8

const (
	In      Op = iota + 1 // the value is one of Keys
	NotIn                 // the value is none of Keys, and not NULL
	Range                 // the value lies between Low and High
	Null                  // the value is NULL
	NotNull               // the value is not NULL
	Like                  // the text matches Pattern, and so lies between Low and High
)

// Atom asks one question of one column. Keys and bounds are in the canonical
// form of Column.
type Atom struct {
	Column Column
	Op     Op
	// Keys are sorted, each once.
	Keys []string
	// Low and High bound a Range; "" is no bound. The open ones exclude the
	// bound itself.
	Low, High         string
	LowOpen, HighOpen bool
	// Pattern is that of Like, folded: % any text, _ one character.
	Pattern string
}

// The most that a condition may have before it is made wider instead.
const (
	maxChoices = 64
	maxMerged  = 4096
)

// And is met by the rows that meet both. Where that has too many choices it is
// the one of the two with fewer, which is wider.
func And(a, b Condition) Condition {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case len(a)*len(b) > maxChoices && len(a) > 1 && len(b) > 1:
		if len(a) <= len(b) {
			return a
		}
		return b
	}
	both := make(Condition, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			both = append(both, join(x, y))
		}
	}
	return both
}

// join puts two conjunctions together; bounds of one column become one.
func join(x, y All) All {
	joined := slices.Clone(x)
	for _, a := range y {
		i := slices.IndexFunc(joined, func(b Atom) bool { return a.Op == Range && b.Op == Range && a.Column == b.Column })
		if i < 0 {
			joined = append(joined, a)
		} else {
			joined[i] = joined[i].within(a)
		}
	}
	return joined
}

// within is the range that lies in both.
func (a Atom) within(b Atom) Atom {
	if b.Low > a.Low || b.Low == a.Low && b.LowOpen {
		a.Low, a.LowOpen = b.Low, b.LowOpen
	}
	if a.High == "" || b.High != "" && (b.High < a.High || b.High == a.High && b.HighOpen) {
		a.High, a.HighOpen = b.High, b.HighOpen
	}
	return a
}

// Or is met by the rows that meet one of them; with too many choices by every
// row.
func Or(a, b Condition) Condition { return Any([]Condition{a, b}) }

// Any is met by the rows that meet one of the conditions; with too many
// choices by every row. Choices that compare one column for equality become
// one.
func Any(list []Condition) Condition {
	if len(list) == 1 && len(list[0]) <= 1 {
		return list[0]
	}
	either := Never()
	same := map[Column][]string{} // keys of the choices that are one In
	for _, c := range list {
		if c == nil {
			return nil
		}
		for _, all := range c {
			switch {
			case len(all) == 0:
				return nil
			case len(all) == 1 && all[0].Op == In:
				same[all[0].Column] = append(same[all[0].Column], all[0].Keys...)
			case len(either) < maxChoices && slices.ContainsFunc(either, all.equal):
			case len(either) == maxMerged:
				return nil
			default:
				either = append(either, all)
			}
		}
	}
	for _, column := range slices.SortedFunc(maps.Keys(same), Column.compare) {
		keys := same[column]
		slices.Sort(keys)
		either = append(either, All{{Column: column, Op: In, Keys: slices.Compact(keys)}})
	}
	return either
}

func (c Column) compare(other Column) int {
	return cmp.Or(strings.Compare(c.Name, other.Name), int(c.Kind)-int(other.Kind), int(c.Collation)-int(other.Collation))
}

// Equal reports whether two conditions are written alike.
func (c Condition) Equal(other Condition) bool {
	return (c == nil) == (other == nil) && slices.EqualFunc(c, other, All.equal)
}

func (a All) equal(b All) bool { return slices.EqualFunc(a, b, Atom.equal) }

func (a Atom) equal(b Atom) bool {
	return a.Op == b.Op && a.Column == b.Column && a.Low == b.Low && a.High == b.High &&
		a.LowOpen == b.LowOpen && a.HighOpen == b.HighOpen && a.Pattern == b.Pattern && slices.Equal(a.Keys, b.Keys)
}

// Columns names the columns that the condition asks about, sorted, each once.
// None: every row meets it.
func (c Condition) Columns() []string {
	var names []string
	for _, all := range c {
		for i := range all {
			names = append(names, all[i].Column.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// MetBy reports whether a row may meet the condition. columns names the places
// of row; a column that is not among them is not known.
func (c Condition) MetBy(columns []string, row []any) bool {
	if c == nil {
		return true
	}
	return slices.ContainsFunc(c, func(all All) bool { return all.MetBy(columns, row) })
}

// MetBy reports whether a row may meet all of the atoms.
func (a All) MetBy(columns []string, row []any) bool {
	for i := range a {
		if !a[i].MetBy(columns, row) {
			return false
		}
	}
	return true
}

// MetBy reports whether a row may meet the atom.
func (a *Atom) MetBy(columns []string, row []any) bool {
	i := slices.Index(columns, a.Column.Name)
	if i < 0 || i >= len(row) {
		return true
	}
	var space [64]byte
	key, known := a.Column.Row(space[:0], row[i])
	return known == Unknown || a.metBy(key, known == IsNull)
}

// metBy decides for a value that is known.
func (a *Atom) metBy(key []byte, null bool) bool {
	if null {
		return a.Op == Null
	}
	switch a.Op {
	case In:
		return a.has(key)
	case NotIn:
		return !a.has(key)
	case Range:
		return a.Holds(key)
	case Null:
		return false
	case Like:
		return a.Holds(key) && like(a.Pattern, string(key[1:]))
	}
	return true
}

func (a *Atom) has(key []byte) bool {
	if len(a.Keys) == 1 {
		return a.Keys[0] == string(key)
	}
	from, to := 0, len(a.Keys)
	for from < to {
		if mid := int(uint(from+to) >> 1); a.Keys[mid] < string(key) {
			from = mid + 1
		} else {
			to = mid
		}
	}
	return from < len(a.Keys) && a.Keys[from] == string(key)
}

// Holds reports whether a value lies within the bounds.
func (a *Atom) Holds(key []byte) bool {
	if a.Low != "" && (string(key) < a.Low || a.LowOpen && string(key) == a.Low) {
		return false
	}
	return a.High == "" || string(key) < a.High || !a.HighOpen && string(key) == a.High
}

// Touched reports whether a change may matter to somebody to whom the rows
// that meet the condition do: by the row before or by the row after.
func (c Condition) Touched(by *change.Change) bool {
	if c == nil || by.Kind == change.Everything {
		return true
	}
	return by.Kind != change.Insert && (by.Old == nil || c.MetBy(by.Columns, by.Old)) ||
		by.Kind != change.Delete && (by.New == nil || c.MetBy(by.Columns, by.New))
}
