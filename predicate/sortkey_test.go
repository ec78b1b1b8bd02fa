package predicate

import (
	"bytes"
	"cmp"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
)

// anyValue is a stored value of any type, with those that are hard to compare
// as likely as others, and not far from each other.
func anyValue(random *rand.Rand) any {
	integers := []int64{0, 1, -1, 1 << 53, -1 << 53, 1 << 62, -1 << 62, math.MaxInt64, math.MinInt64}
	n := integers[random.IntN(len(integers))] + random.Int64N(9) - 4
	switch random.IntN(7) {
	case 0:
		return nil
	case 1, 2:
		return n
	case 3:
		f := float64(n)
		for range random.IntN(3) {
			f = math.Nextafter(f, math.Inf(random.IntN(2)*2-1))
		}
		return f
	case 4:
		return []float64{0.5, -0.5, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.SmallestNonzeroFloat64, math.MaxFloat64, 1e300}[random.IntN(8)]
	}
	letters := []string{"", "a", "A", "b", "Z", "[", "`", " ", "é", "É", "😀", "\x00", "\x01", "\xff", "\xfe", "ß"}
	var text []byte
	for range random.IntN(5) {
		text = append(text, letters[random.IntN(len(letters))]...)
	}
	if random.IntN(4) == 0 {
		return text
	}
	return string(text)
}

// TestSortKeys: keys of two columns compare as the values do, one after the
// other.
func TestSortKeys(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	column := func() Column {
		return Column{Name: "c", Kind: []Kind{Number, Text, Plain}[random.IntN(3)], Collation: Collation(1 + random.IntN(3))}
	}
	for range 200_000 {
		var keys [2][]byte
		order, known := 0, true
		for range 2 {
			as, desc, nullsLast := column(), random.IntN(2) == 0, random.IntN(2) == 0
			a, b := anyValue(random), anyValue(random)
			if random.IntN(3) == 0 {
				b = a
			}
			sign, told := Compare(a, b, as)
			switch {
			case (a == nil) != (b == nil):
				if sign = 1; (a == nil) != nullsLast {
					sign = -1
				}
			case desc:
				sign = -sign
			}
			order, known = cmp.Or(order, sign), known && told
			var first, second bool
			keys[0], first = AppendSortKey(keys[0], a, as, desc, nullsLast)
			keys[1], second = AppendSortKey(keys[1], b, as, desc, nullsLast)
			if told != (first && second) {
				t.Fatalf("%#v and %#v compare: %t, have keys: %t and %t", a, b, told, first, second)
			}
		}
		if got := bytes.Compare(keys[0], keys[1]); known && got != order {
			t.Fatalf("the keys % x and % x compare %d, the values %d", keys[0], keys[1], got, order)
		}
	}
}

// TestNotCompared: what is not surely the database's order is none.
func TestNotCompared(t *testing.T) {
	plain := Column{"c", Plain, Binary}
	tests := []struct {
		name  string
		value any
		as    Column
		known bool
	}{
		{"integer", int64(1), plain, true},
		{"integer under a foreign collation", int64(1), Column{"c", Plain, Foreign}, true},
		{"text under a foreign collation", "a", Column{"c", Plain, Foreign}, false},
		{"NUL", "a\x00b", plain, true},
		{"NUL without case", "a\x00b", Column{"c", Text, NoCase}, false},
		{"unfit", int64(1), Column{"c", Unfit, Binary}, false},
		{"printed", int64(1), Column{"c", Printed, Binary}, false},
		{"unknown", change.Unknown, plain, false},
		{"not a number", math.NaN(), plain, false},
		{"of another type", true, plain, false},
	}
	for _, tt := range tests {
		_, compared := Compare(tt.value, tt.value, tt.as)
		_, keyed := AppendSortKey(nil, tt.value, tt.as, false, false)
		if compared != tt.known || keyed != tt.known {
			t.Errorf("%s: compared %t, has a key %t, want %t", tt.name, compared, keyed, tt.known)
		}
	}
}
