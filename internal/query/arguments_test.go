package query

import "testing"

// TestHashOf: values that are the same have one hash, and what cannot be
// compared is never the same.
func TestHashOf(t *testing.T) {
	same := []any{nil, int64(7), 1.5, true, "a", []byte("a"), [16]byte{1}, []any{int64(1), nil}}
	for i, v := range same {
		for j, w := range same {
			if equal := hashOf(v) == hashOf(w); equal != (i == j) {
				t.Errorf("%v and %v: the same is %v", v, w, equal)
			}
		}
	}
	type odd struct{ n int }
	for _, v := range []any{odd{1}, []any{odd{1}}} {
		if first, second := hashOf(v), hashOf(v); first == second {
			t.Errorf("%v, of a type that is not known, is taken for the same", v)
		}
	}
}
