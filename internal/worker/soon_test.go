package worker

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// pausing adds a view of the items that takes a while.
func (r *rig) pausing(path string, took time.Duration) {
	r.view(path, func(context.Context) error {
		<-time.After(took)
		return nil
	})
}

// TestListsThatFollowInAMoment: a list that is only just behind others is named, so
// that who follows both can wait for it.
func TestListsThatFollowInAMoment(t *testing.T) { // W6
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		r.pausing("/paced", 10*time.Millisecond)
		r.observe("/items")
		paced := r.ask("/paced")
		pass(time.Second)
		if r.answer(paced) == nil {
			t.Fatal("the paced view did not answer")
		}
		parted := 0
		for id := int64(1); id <= 40; id++ {
			r.put(id)
			pass(time.Duration(id) * time.Millisecond)
			round := r.last()
			if round.Progress == nil || len(round.Progress.Behind) == 0 {
				continue
			}
			parted++
			if !slices.Equal(round.Soon, round.Progress.Behind) {
				t.Errorf("after change %d %v are behind, and soon %v", id, round.Progress.Behind, round.Soon)
			}
		}
		if parted == 0 {
			t.Error("no list was ever behind: nothing was tried")
		}
		pass(time.Second)
		if round := r.last(); len(round.Progress.Behind)+len(round.Soon) > 0 {
			t.Errorf("in the end %v are behind, and soon %v", round.Progress.Behind, round.Soon)
		}
		if r.keys("/paced") != r.keys("/items") {
			t.Errorf("the lists end as %q and %q", r.keys("/paced"), r.keys("/items"))
		}
	})
}

// TestListsThatFollowLate: nobody waits for a list that takes long, or that has
// been behind for as long as others may be held back.
func TestListsThatFollowLate(t *testing.T) { // W6
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		var stuck time.Duration
		r.view("/late", func(context.Context) error {
			<-time.After(stuck)
			return nil
		})
		r.observe("/items")
		late := r.ask("/late")
		pass(time.Second)
		if r.answer(late) == nil {
			t.Fatal("the view did not answer")
		}
		stuck = 2 * time.Second // nothing foretells it
		r.put(1)
		pass(together + 300*time.Millisecond)
		if round := r.last(); len(round.Progress.Behind) != 1 || len(round.Soon) != 0 {
			t.Errorf("%v are behind, and soon %v", round.Progress.Behind, round.Soon)
		}
		pass(10 * time.Second)
		if round := r.last(); len(round.Progress.Behind) != 0 {
			t.Errorf("in the end %v are behind", round.Progress.Behind)
		}
		r.put(2) // now it is known to be slow
		synctest.Wait()
		if round := r.last(); len(round.Progress.Behind) != 1 || len(round.Soon) != 0 {
			t.Errorf("%v are behind, and soon %v", round.Progress.Behind, round.Soon)
		}
		pass(10 * time.Second)
	})
}

// TestFirstIsNoMeasure: a list whose first evaluation took long, as one does that
// finds nothing ready, is waited for like any other.
func TestFirstIsNoMeasure(t *testing.T) { // W6
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		took := 60 * time.Millisecond
		r.view("/late", func(context.Context) error {
			<-time.After(took)
			return nil
		})
		r.observe("/items")
		late := r.ask("/late")
		pass(time.Second)
		if r.answer(late) == nil {
			t.Fatal("the view did not answer")
		}
		took = 10 * time.Millisecond
		for id := int64(1); id <= 5; id++ {
			r.put(id)
			for range 100 {
				pass(time.Millisecond)
				if round := r.last(); round.Progress != nil && !slices.Equal(round.Soon, round.Progress.Behind) {
					t.Errorf("after change %d %v are behind, and soon %v", id, round.Progress.Behind, round.Soon)
				}
			}
		}
		if r.keys("/late") != r.keys("/items") {
			t.Errorf("the lists end as %q and %q", r.keys("/late"), r.keys("/items"))
		}
	})
}
