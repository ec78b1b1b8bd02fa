package worker

import (
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/explain"
)

// TestTimelinesAreBounded: nobody looks: nothing is timed; somebody does: a
// bounded number of steps of a bounded number of observers; some time after that:
// nothing is kept.
func TestTimelinesAreBounded(t *testing.T) {
	w, now := &Worker{}, time.Now()
	o := &live{}
	if began := w.timed(o); !began.IsZero() || o.timeline != nil {
		t.Error("a step is timed though nobody looks")
	}
	w.attend(now)
	c := &change.Changeset{Position: change.NewPosition("aaaaaaaa", 1), Changes: []change.Change{{Table: "item"}}}
	for range 10 * maxTimeline {
		o.rememberStep(c, nil, now.UnixNano(), w.timed(o))
	}
	if told := o.told(); len(told) != maxTimeline || told[0].Did != explain.Step || told[0].Table != "item" || told[0].Change != c.Position {
		t.Errorf("%d steps are remembered: %+v", len(told), told)
	}
	for range 2 * maxTimelines {
		w.timed(&live{})
	}
	if len(w.timelines) != maxTimelines {
		t.Errorf("of %d observers", len(w.timelines))
	}
	if next := w.neglect(now.Add(time.Second)); next != now.Add(inspected) || o.timeline == nil {
		t.Errorf("forgotten too soon, or never: %v", next)
	}
	w.neglect(now.Add(inspected))
	if o.timeline != nil || len(w.timelines) != 0 || !w.timed(o).IsZero() {
		t.Error("steps are kept though nobody has looked for long")
	}
}

// TestParameters: names that look like names, sorted, and no value.
func TestParameters(t *testing.T) {
	got := parameters("/x?b=1&a__in=2,3&a__in=4&4111=5&sp%20ace=6&%C3%A9=7&c[]=8")
	if len(got) != 3 || got[0] != "a__in" || got[1] != "b" || got[2] != "c[]" {
		t.Errorf("%q", got)
	}
}
