package predicate

import (
	"slices"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
)

var (
	number = Column{"n", Number, Binary}
	text   = Column{"s", Text, NoCase}
)

func in(c Column, values ...any) Condition {
	a := Atom{Column: c, Op: In}
	for _, v := range values {
		key, _ := c.Argument(nil, v)
		a.Keys = append(a.Keys, string(key))
	}
	slices.Sort(a.Keys)
	return Of(a)
}

func between(c Column, low, high any) Condition {
	l, _ := c.Argument(nil, low)
	h, _ := c.Argument(nil, high)
	return Of(Atom{Column: c, Op: Range, Low: string(l), High: string(h)})
}

func TestMetBy(t *testing.T) {
	like, _ := LikeOf("s", "a%c_")
	tests := []struct {
		name      string
		condition Condition
		n, s      any
		want      bool
	}{
		{"every row", nil, nil, nil, true},
		{"no row", Never(), int64(1), "a", false},
		{"equal", in(number, int64(1)), int64(1), nil, true},
		{"equal as a float", in(number, 1.0), int64(1), nil, true},
		{"equal as a text", in(number, "1"), int64(1), nil, true},
		{"not equal", in(number, int64(1)), int64(2), nil, false},
		{"NULL", in(number, int64(1)), nil, nil, false},
		{"unknown", in(number, int64(1)), change.Unknown, nil, true},
		{"one of", in(number, int64(1), int64(3)), int64(3), nil, true},
		{"case", in(text, "aB"), nil, "Ab", true},
		{"between", between(number, -1.5, int64(3)), 0.5, nil, true},
		{"text is after numbers", between(number, int64(1), int64(3)), "2x", nil, false},
		{"large integers", in(number, int64(1<<53+1)), int64(1 << 53), nil, false},
		{"large floats", in(number, int64(1<<53+1)), float64(1 << 54), nil, true},
		{"like", Of(like), nil, "AbbCd", true},
		{"not like", Of(like), nil, "Abb", false},
		{"and", And(in(number, int64(1)), in(text, "a")), int64(1), "b", false},
		{"or", Or(in(number, int64(1)), in(text, "a")), int64(1), "b", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.condition.MetBy([]string{"n", "s"}, []any{tt.n, tt.s}); got != tt.want {
				t.Errorf("MetBy(%v, %v) = %t, want %t", tt.n, tt.s, got, tt.want)
			}
		})
	}
	if !in(text, "x").MetBy([]string{"n"}, []any{int64(1)}) {
		t.Error("a column that the image lacks does not count as met")
	}
}

// TestOrder: canonical forms are in the order of the values.
func TestOrder(t *testing.T) {
	values := []any{int64(-1 << 62), int64(-1<<53 - 1), int64(-1 << 53), -1.5, int64(-1), -0.5, int64(0), 1e-300, 0.5, int64(1), 1.5,
		int64(1 << 53), int64(1<<53 + 1), int64(1 << 62), "", "a", "b", []byte{0}, []byte{1}}
	before := ""
	for _, v := range values {
		key, known := Column{"v", Plain, Binary}.Row(nil, v)
		if known != IsKey || string(key) <= before {
			t.Errorf("%v (%q) is not after %q", v, key, before)
		}
		before = string(key)
	}
}

// TestTooManyChoices: what cannot be held is wider, not narrower.
func TestTooManyChoices(t *testing.T) {
	many := Never()
	for i := range 20 {
		many = Or(many, And(in(number, int64(i)), in(text, "a")))
	}
	both := And(many, many)
	if len(both) != 20 || !both.MetBy([]string{"n", "s"}, []any{int64(3), "A"}) {
		t.Errorf("%d choices", len(both))
	}
	var list []Condition
	for i := range 10_000 {
		list = append(list, in(number, int64(i)))
	}
	if one := Any(list); len(one) != 1 || len(one[0][0].Keys) != 10_000 {
		t.Errorf("values of one column are %d choices", len(one))
	}
}
