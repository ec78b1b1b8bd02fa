package sqldb

import (
	"fmt"
	"testing"
)

// TestFrozen: what a view does with its memory later is nothing to what was
// noted, whatever an argument is made of.
func TestFrozen(t *testing.T) {
	number, text := 1, "a"
	ids, bytes, names := []int64{1, 2}, []byte("ab"), []*string{&text, nil}
	nested := [][]int{{1}, {2}}
	mixed := []any{bytes, 3}
	var none *int
	type status string
	args := []any{&number, ids, &ids, bytes, names, nested, mixed, none, nil, status("s"), 1.5}
	var frozen []any
	for _, arg := range args {
		frozen = append(frozen, Frozen(arg))
	}
	tell := func() string {
		return fmt.Sprintln(*frozen[0].(*int), frozen[1], *frozen[2].(*[]int64), frozen[3], *frozen[4].([]*string)[0], frozen[4].([]*string)[1] == nil,
			frozen[5], frozen[6], frozen[7].(*int) == nil, frozen[8], frozen[9], frozen[10])
	}
	before := tell()
	number, text, ids[0], bytes[0], nested[1][0], mixed[1] = 9, "z", 9, 'z', 9, 9
	if after := tell(); after != before || before != "1 [1 2] [1 2] [97 98] a true [[1] [2]] [[97 98] 3] true <nil> s 1.5\n" {
		t.Errorf("%s\nafter: %s", before, after)
	}
}
