package predicate_test

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/predicate"
)

var (
	price = predicate.Column{Name: "price", Kind: predicate.Number, Collation: predicate.Binary}
	title = predicate.Column{Name: "title", Kind: predicate.Text, Collation: predicate.NoCase}
	blob  = predicate.Column{Name: "data", Kind: predicate.Plain, Collation: predicate.Binary}
)

func keyOf(t *testing.T, c predicate.Column, v any) string {
	t.Helper()
	key, known := c.Argument(nil, v)
	if known != predicate.IsKey {
		t.Fatalf("%v is no key of %s", v, c.Name)
	}
	return string(key)
}

// TestText: each condition with its values, and without any of them.
func TestText(t *testing.T) {
	in := func(c predicate.Column, op predicate.Op, values ...any) predicate.Atom {
		a := predicate.Atom{Column: c, Op: op}
		for _, v := range values {
			a.Keys = append(a.Keys, keyOf(t, c, v))
		}
		return a
	}
	between := func(low, high any) predicate.Atom {
		a := predicate.Atom{Column: price, Op: predicate.Range}
		if low != nil {
			a.Low = keyOf(t, price, low)
		}
		if high != nil {
			a.High = keyOf(t, price, high)
		}
		return a
	}
	open := between(int64(1), 2.5)
	open.HighOpen = true
	like, _ := predicate.LikeOf("title", "Ab%")
	many := predicate.Atom{Column: price, Op: predicate.In}
	for i := range int64(10) {
		many.Keys = append(many.Keys, keyOf(t, price, i))
	}
	tests := []struct {
		name           string
		c              predicate.Condition
		shown, without string
	}{
		{"nil", nil, "every row", "every row"},
		{"never", predicate.Never(), "no row", "no row"},
		{"equal", predicate.Of(in(price, predicate.In, int64(-7))), "price = -7", "price = ?"},
		{"not equal", predicate.Of(in(title, predicate.NotIn, "It's")), "title <> 'it''s'", "title <> ?"},
		{"in", predicate.Of(in(price, predicate.In, 1.5, int64(2))), "price IN (1.5, 2)", "price IN (2 values)"},
		{"in many", predicate.Of(many), "price IN (0, 1, 2, 3, 4, 5, 6, 7, … 2 more)", "price IN (10 values)"},
		{"between", predicate.Of(between(int64(10), int64(20))), "price BETWEEN 10 AND 20", "price BETWEEN ? AND ?"},
		{"half open", predicate.Of(open), "price >= 1 AND price < 2.5", "price >= ? AND price < ?"},
		{"one bound", predicate.Of(between(nil, int64(math.MaxInt64))), "price <= 9223372036854775807", "price <= ?"},
		{"bytes", predicate.Of(in(blob, predicate.In, []byte{1, 255})), "data = x'01ff'", "data = ?"},
		{"null", predicate.Of(predicate.Atom{Column: price, Op: predicate.Null}), "price IS NULL", "price IS NULL"},
		{"like", predicate.Of(like), "title LIKE 'ab%'", "title LIKE ?"},
		{"both", predicate.And(predicate.Of(in(price, predicate.In, int64(1))), predicate.Of(like)), "price = 1 AND title LIKE 'ab%'", "price = ? AND title LIKE ?"},
		{"either", predicate.Condition{{in(price, predicate.In, int64(1))}, {like}}, "price = 1 OR title LIKE 'ab%'", "price = ? OR title LIKE ?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.c.Text(true); got != tt.shown {
				t.Errorf("got %s, want %s", got, tt.shown)
			}
			if got := tt.c.Text(false); got != tt.without {
				t.Errorf("without values: got %s, want %s", got, tt.without)
			}
		})
	}
}

// FuzzTextOfNumbers: a number is written as it was given.
func FuzzTextOfNumbers(f *testing.F) {
	for _, n := range []int64{0, 1, -1, 1<<53 - 1, 1 << 53, -(1 << 53) - 1, math.MaxInt64, math.MinInt64} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n int64) {
		a := predicate.Atom{Column: price, Op: predicate.In, Keys: []string{keyOf(t, price, n)}}
		if got, want := a.Text(true), "price = "+strconv.FormatInt(n, 10); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// TestTextIsBounded: a long value does not make a long text.
func TestTextIsBounded(t *testing.T) {
	long := strings.Repeat("é", 1<<16)
	for _, c := range []predicate.Column{title, blob} {
		a := predicate.Atom{Column: c, Op: predicate.In, Keys: []string{keyOf(t, c, long)}}
		if got := a.Text(true); len(got) > 100 {
			t.Errorf("%d bytes for one value", len(got))
		}
	}
	if got := predicate.Literal([]byte(long)); len(got) > 100 {
		t.Errorf("%d bytes for one literal", len(got))
	}
}
