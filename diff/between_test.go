package diff

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// items reads "a1 b2": keys a and b with data 1 and 2.
func items(text string) []Item {
	var list []Item
	for _, word := range strings.Fields(text) {
		list = append(list, Item{Key: word[:1], Data: []byte(word[1:])})
	}
	return list
}

func text(ops []Op) string {
	var lines []string
	for _, op := range ops {
		switch {
		case op.Kind == Added:
			lines = append(lines, fmt.Sprintf("added %s at %d: %s", op.Key, op.At, op.Data))
		case op.Kind == Removed:
			lines = append(lines, fmt.Sprintf("removed %s at %d", op.Key, op.At))
		case op.Moved && bytes.Equal(op.Old, op.Data):
			lines = append(lines, fmt.Sprintf("moved %s to %d", op.Key, op.At))
		case op.Moved:
			lines = append(lines, fmt.Sprintf("moved %s to %d: %s", op.Key, op.At, op.Data))
		default:
			lines = append(lines, fmt.Sprintf("changed %s at %d: %s", op.Key, op.At, op.Data))
		}
	}
	return strings.Join(lines, ", ")
}

func TestBetween(t *testing.T) {
	tests := []struct {
		name     string
		old, new string
		want     string
	}{
		{"both empty", "", "", ""},
		{"equal", "a1 b2", "a1 b2", ""},
		{"filled", "", "a1 b2", "added a at 0: 1, added b at 1: 2"},
		{"emptied", "a1 b2", "", "removed a at 0, removed b at 0"},
		{"change in place", "a1 b2", "a1 b3", "changed b at 1: 3"},
		{"change at both ends", "a1 b2 c3", "a4 b2 c5", "changed a at 0: 4, changed c at 2: 5"},
		{"last comes first", "a1 b2 c3", "c3 a1 b2", "moved c to 0"},
		{"first goes last", "a1 b2 c3", "b2 c3 a1", "moved a to 2"},
		{"move and change", "a1 b2 c3", "b2 c3 a4", "moved a to 2: 4"},
		{"a filter stops matching", "a1 b2 c3", "a1 c3", "removed b at 1"},
		{"page slides", "a1 b2", "b2 c3", "removed a at 0, added c at 1: 3"},
		{"all replaced", "a1 b2", "c1 d2", "removed a at 0, removed b at 0, added c at 0: 1, added d at 1: 2"},
		{"who waits to be moved counts", "a1 b2 c3", "b9 x5 c3 a1", "changed b at 1: 9, added x at 2: 5, moved a to 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			old, new := items(tt.old), items(tt.new)
			ops := Between(old, new)
			if got := text(ops); got != tt.want {
				t.Errorf("Between(%q, %q)\n got %s\nwant %s", tt.old, tt.new, got, tt.want)
			}
			checkScript(t, old, new, ops)
		})
	}
}
