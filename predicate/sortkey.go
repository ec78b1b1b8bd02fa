package predicate

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/planted"
)

// The first byte of a value in a sort key. Those of values that are not NULL,
// and the complements of them, lie between those of NULL.
const (
	nullFirst  = 0x00
	nullLast   = 0xff
	sortNumber = 0x10
	sortText   = 0x20
	sortBytes  = 0x30
)

// AppendSortKey appends bytes that compare as the database sorts the stored
// values of a column: by Compare, the other way round where desc, NULL at the
// end where nullsLast and else at the beginning, whatever desc says. Keys of
// several columns, one after the other, compare as the columns do one after the
// other; equal keys are of values that are the same to the database. known is
// false where Compare's is; what is appended then means nothing.
func AppendSortKey(to []byte, value any, as Column, desc, nullsLast bool) (key []byte, known bool) {
	if as.Kind == Unfit || as.Kind == Printed {
		return to, false
	}
	from := len(to)
	class := unfit
	if value == nil || !as.Kind.OfPostgres() {
		class = as.classOf(value)
	}
	switch class {
	case null:
		if nullsLast != (desc && planted.Is(planted.DescNulls)) {
			return append(to, nullLast), true
		}
		return append(to, nullFirst), true
	case numeric:
		to = appendNumber(append(to, sortNumber), value)
	case words:
		to = as.appendSortText(append(to, sortText), value.(string))
	case octets:
		to = appendEscaped(append(to, sortBytes), value.([]byte))
	default:
		if !as.Kind.OfPostgres() {
			return to, false
		}
		if to, known = as.appendPostgresSortKey(to, value); !known {
			return to, false
		}
	}
	if desc {
		for i := from; i < len(to); i++ {
			to[i] = ^to[i]
		}
	}
	return to, true
}

// appendNumber writes the greatest float64 that is not above the number, and
// how far the number is above it: 0 to 1,023, and 0 for all but integers
// beyond 2^53.
func appendNumber(to []byte, value any) []byte {
	floor, above := 0.0, int64(0)
	switch v := value.(type) {
	case float64:
		floor = v
	case int64:
		floor = float64(v)
		if floor >= beyond || int64(floor) > v {
			floor = math.Nextafter(floor, math.Inf(-1))
		}
		above = v - int64(floor)
	}
	return binary.BigEndian.AppendUint16(appendOrdered(to, floor), uint16(above))
}

func (c Column) appendSortText(to []byte, v string) []byte {
	switch c.Collation {
	case NoCase:
		for i := range len(v) {
			to = append(to, foldByte(v[i]))
		}
		return append(to, 0, 0)
	case RTrim:
		v = strings.TrimRight(v, " ")
	}
	return appendEscaped(to, v)
}

// appendEscaped writes bytes so that none but the end is two zeros: what is
// shorter comes first, and what follows does not count.
func appendEscaped[V string | []byte](to []byte, v V) []byte {
	for i := range len(v) {
		if to = append(to, v[i]); v[i] == 0 {
			to = append(to, 0xff)
		}
	}
	return append(to, 0, 0)
}
