package affected

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/wakeful-dev/wakeful/predicate"
)

// span is an interval with the entries that have it.
type span[ID comparable] struct {
	list list[ID]
	atom *predicate.Atom // its bounds are the interval
}

// start is how a canonical form begins, as a number: that of a lesser form is
// not greater. The class takes two bits, so that the rest tells integers up to
// 2^50 apart, and most texts by seven bytes.
func start[T string | []byte](key T) uint64 {
	if len(key) == 0 {
		return 0
	}
	var rest [8]byte
	copy(rest[:], key[1:])
	bits := binary.BigEndian.Uint64(rest[:]) >> 2
	const all = math.MaxUint64 >> 2
	switch c := key[0]; {
	case c < 'n':
		return 0
	case c == 'n':
		return 1<<62 | bits
	case c < 't':
		return 1<<62 | all
	case c == 't':
		return 2<<62 | bits
	case c < 'x':
		return 2<<62 | all
	case c == 'x':
		return 3<<62 | bits
	}
	return math.MaxUint64
}

// startOfEnd is start of an upper bound, "" for none.
func startOfEnd(key string) uint64 {
	if key == "" {
		return math.MaxUint64
	}
	return start(key)
}

// compareBounds orders intervals by their beginning, and then in any one way.
func compareBounds(a, b *predicate.Atom) int {
	if c := strings.Compare(a.Low, b.Low); c != 0 {
		return c
	}
	if c := strings.Compare(a.High, b.High); c != 0 {
		return c
	}
	if a.LowOpen != b.LowOpen {
		return order(b.LowOpen)
	}
	if a.HighOpen != b.HighOpen {
		return order(b.HighOpen)
	}
	if a.Op != b.Op {
		return int(a.Op) - int(b.Op)
	}
	return strings.Compare(a.Pattern, b.Pattern)
}

func order(less bool) int {
	if less {
		return -1
	}
	return 1
}

func compareColumns(a, b predicate.Column) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return int(a.Kind)<<8 + int(a.Collation) - int(b.Kind)<<8 - int(b.Collation)
}

// found is how many atoms need no look once an interval holds the value: of a
// pattern the interval is only a part.
func (e *entry[ID]) found() int {
	if e.span.atom.Op == predicate.Like {
		return e.filed - 1
	}
	return e.filed
}
