package gateway

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
)

// TestSubs: it is a map, whatever its size.
func TestSubs(t *testing.T) {
	var l subs
	want := map[string]*sub{}
	for step := range 5000 {
		name := fmt.Sprint(rand.IntN(30))
		switch most := 20 * (step % 1000) / 1000; { // it grows beyond few, and shrinks
		case want[name] == nil && len(want) < most:
			want[name] = &sub{feed: &feed{observer: name}}
			l.put(want[name])
		default:
			delete(want, name)
			l.drop(name)
		}
		if l.len() != len(want) || !maps.Equal(maps.Collect(l.all()), want) {
			t.Fatalf("step %d: %d subscriptions, want %d", step, l.len(), len(want))
		}
		for i := range 30 {
			if name := fmt.Sprint(i); l.of(name) != want[name] {
				t.Fatalf("step %d: %s is not what was put", step, name)
			}
		}
	}
}
