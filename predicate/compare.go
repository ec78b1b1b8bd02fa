package predicate

import (
	"bytes"
	"cmp"
	"math"
	"strings"
)

// class is the storage class of a value, in the order in which the database
// sorts them.
type class uint8

const (
	unfit class = iota // no class that is known
	null
	numeric
	words
	octets
)

// classOf returns the class of a stored value, unfit where how it compares is
// not known.
func (c Column) classOf(value any) class {
	switch v := value.(type) {
	case nil:
		return null
	case int64:
		return numeric
	case float64:
		if math.IsNaN(v) {
			return unfit // the database would have stored NULL
		}
		return numeric
	case string:
		if c.comparesText(v) {
			return words
		}
	case []byte:
		return octets
	}
	return unfit
}

// comparesText reports whether it is known where a text stands among others.
// NOCASE stops at a NUL, and then goes by length.
func (c Column) comparesText(v string) bool {
	return c.Collation == Binary || c.Collation == RTrim || c.Collation == NoCase && strings.IndexByte(v, 0) < 0
}

// Compare returns how two stored values of a column (raw, as images of changes
// have them) are sorted by the database: negative where a comes first, 0 where
// they are the same to it. NULL comes first, then numbers, text, bytes; as a
// condition, NULL equals nothing, which is for the caller to heed. known is
// false where the order cannot be told: a kind or a collation that Go does not
// know, change.Unknown, a value of a type that no column stores. Equal may know
// of more values that they are not the same.
func Compare(a, b any, as Column) (order int, known bool) {
	if as.Kind.OfPostgres() {
		return comparePostgres(a, b, as)
	}
	if as.Kind == Unfit || as.Kind == Printed {
		return 0, false
	}
	x, y := as.classOf(a), as.classOf(b)
	switch {
	case x == unfit || y == unfit:
		return 0, false
	case x != y:
		return cmp.Compare(x, y), true
	}
	switch x {
	case numeric:
		return compareNumbers(a, b), true
	case words:
		return as.compareText(a.(string), b.(string)), true
	case octets:
		return bytes.Compare(a.([]byte), b.([]byte)), true
	}
	return 0, true
}

func (c Column) compareText(a, b string) int {
	switch c.Collation {
	case NoCase:
		for i := range min(len(a), len(b)) {
			if x, y := foldByte(a[i]), foldByte(b[i]); x != y {
				return cmp.Compare(x, y)
			}
		}
		return cmp.Compare(len(a), len(b))
	case RTrim:
		a, b = strings.TrimRight(a, " "), strings.TrimRight(b, " ")
	}
	return strings.Compare(a, b)
}

// compareNumbers is exact, also where an integer and a float have no type in
// common.
func compareNumbers(a, b any) int {
	switch x := a.(type) {
	case int64:
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
		return compareMixed(x, b.(float64))
	case float64:
		if y, ok := b.(int64); ok {
			return -compareMixed(y, x)
		}
		return cmp.Compare(x, b.(float64))
	}
	return 0
}

// beyond is the least float64 that is greater than every int64.
const beyond = 1 << 63

func compareMixed(n int64, f float64) int {
	switch {
	case f >= beyond:
		return -1
	case f < -beyond:
		return 1
	}
	whole := int64(f) // towards 0, exact
	if order := cmp.Compare(n, whole); order != 0 {
		return order
	}
	return cmp.Compare(float64(whole), f)
}
