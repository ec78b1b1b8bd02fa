package worker

import (
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/ivm"
)

// TestReserveIsWidened: a reserve that is used up again and again is read wider
// each time, within bounds; what else is read, or read seldom, is as usual.
func TestReserveIsWidened(t *testing.T) {
	usual := ivm.Reserve(50)
	p := &planned{plan: &ivm.Plan{Limit: 50}}
	now := time.Unix(1, 0)
	read := func(after time.Duration, usedUp bool) int {
		now = now.Add(after)
		p.usedUp = usedUp
		return p.toRead(now).Reserve()
	}
	for i, want := range []int{usual, 2 * usual, 4 * usual, 8 * usual, 16 * usual, maxReserve, maxReserve} {
		if got := read(soon/2, true); got != want {
			t.Errorf("read %d: a reserve of %d, want %d", i, got, want)
		}
	}
	if got := read(soon/2, false); got != usual {
		t.Errorf("read for another reason: a reserve of %d, want %d", got, usual)
	}
	if read(soon/2, true); read(soon, true) != usual {
		t.Errorf("used up after a while: a reserve of %d, want %d", p.wider, usual)
	}
	if p.plan.Wider != 0 {
		t.Error("the plan itself was altered")
	}
}
