package worker

import (
	"testing"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
)

// TestQueueIsWholeOrLost: of a changeset with very many hits the index does not
// name all. A list that is to be read and will lack it must not be stepped by
// those that it named.
func TestQueueIsWholeOrLost(t *testing.T) {
	for _, tt := range []struct {
		hits int
		lost bool
	}{{2047, false}, {2048, true}} {
		w := &Worker{steps: steps{queued: map[*live]struct{}{}}}
		o := &live{dirty: true, planned: &planned{read: "it was bulky"}}
		set := &change.Changeset{Position: "1", Changes: make([]change.Change, tt.hits)}
		w.enqueue(o, set, allOf(set))
		if o.planned.lost != tt.lost || tt.lost == o.waits() {
			t.Errorf("%d hits: lost %t, waits %t", tt.hits, o.planned.lost, o.waits())
		}
		if w.unqueue(o); w.steps.bytes.Load() != 0 {
			t.Errorf("%d bytes are still counted", w.steps.bytes.Load())
		}
	}
}

// TestDoubtOutlivesThePlan: between a doubt and its message the view may have
// said that no plan keeps it.
func TestDoubtOutlivesThePlan(t *testing.T) {
	still := &live{planned: &planned{doubted: &bus.Doubt{}}}
	b := outbox{doubted: []*live{{}, still}}
	if b.empty(); len(b.doubted) != 0 || still.planned.doubted != nil {
		t.Error("the doubt is not over")
	}
}
