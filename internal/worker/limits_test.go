package worker

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/wire"
)

// TestItemsAtTheLimit: a result as long as allowed is followed, one item more
// is refused, or ends the observer alone that grows to it.
func TestItemsAtTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{MaxItems: 3})
		r.put(1, 2)
		if s := r.observe("/items"); s.Items.Len() != 2 {
			t.Fatalf("%d items", s.Items.Len())
		}
		r.put(3)
		synctest.Wait()
		if got, code := r.keys("/items"), r.closed("/items"); got != "1 2 3" || code != "" {
			t.Errorf("at the limit: %q, closed %q", got, code)
		}
		if s := r.observe("/items?first"); s.Items.Len() != 3 {
			t.Errorf("a first evaluation at the limit has %d items", s.Items.Len())
		}
		r.view("/other", nil)
		r.put(4)
		synctest.Wait()
		if code := r.closed("/items"); code != wire.CodeLimit {
			t.Errorf("above the limit: closed %q", code)
		}
		id := r.ask("/other")
		synctest.Wait()
		if p := r.answer(id).Problem; p == nil || p.Status != 422 || p.Code != wire.CodeResultTooLarge {
			t.Errorf("a first evaluation above the limit: %+v", p)
		}
	})
}

// TestNoLimits: a negative value is no limit.
func TestNoLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{MaxItems: -1, WarnItems: -1, LogDiffs: -1, LogBytes: -1, Warn: -1, Stop: -1})
		wait := time.Duration(0)
		r.view("/slow", func(context.Context) error {
			<-time.After(wait)
			return nil
		})
		first := r.observe("/items")
		for range 1_100 {
			r.put(1)
			synctest.Wait()
		}
		id := r.ask("/items", func(m *bus.Observe) { m.Epoch, m.Seq = first.Epoch, first.Seq })
		synctest.Wait()
		if a := r.answer(id); a == nil || a.Resumed == nil || len(a.Resumed.Changes) != 1_100 {
			t.Error("not every diff is kept")
		}
		r.observe("/slow")
		wait = time.Minute
		ids := make([]int64, 10_001)
		for i := range ids {
			ids[i] = int64(i + 1)
		}
		r.put(ids...)
		pass(2 * time.Minute)
		if n, code := len(r.lists["o:/slow"]), r.closed("/slow"); n != len(ids) || code != "" {
			t.Errorf("%d items, closed %q", n, code)
		}
		if n := r.events.Count(event.EvaluationSlow) + r.events.Count(event.ResultLarge); n != 0 {
			t.Errorf("%d warnings", n)
		}
	})
}

// TestEvaluationTimeAtTheLimits: an evaluation that takes as long as allowed is
// not logged, or not stopped; one that takes longer is. The other lists move on
// meanwhile.
func TestEvaluationTimeAtTheLimits(t *testing.T) {
	for _, test := range []struct {
		took time.Duration
		slow uint64
		code wire.Code
	}{
		{time.Second - 1, 0, ""}, {time.Second, 0, ""}, {time.Second + 1, 1, ""},
		{20*time.Second - 1, 1, ""}, {20*time.Second + 1, 1, wire.CodeTooSlow},
	} {
		t.Run(test.took.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Config{})
				var wait time.Duration
				r.view("/slow", func(ctx context.Context) error {
					select {
					case <-time.After(wait):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				r.observe("/slow")
				r.observe("/items")
				wait = test.took
				r.put(1)
				synctest.Wait() // else what comes next may be of one round with it, or not
				for i := int64(2); i < 12; i++ {
					r.put(i)
					pass(max(test.took/20, 250*time.Millisecond)) // a round waits for the slow one for so long
					if got := r.keys("/items"); !strings.HasSuffix(got, fmt.Sprint(i)) {
						t.Fatalf("the other list is held up at %q", got)
					}
				}
				pass(test.took)
				if code := r.closed("/slow"); code != test.code {
					t.Errorf("closed %q, want %q", code, test.code)
				}
				if n := r.events.Count(event.EvaluationSlow); (n > 0) != (test.slow > 0) {
					t.Errorf("%d warnings, want %d", n, test.slow)
				}
			})
		})
	}
}

// TestLogAtTheLimit: the worker's own log answers from as far back as it may
// reach, by number and by bytes.
func TestLogAtTheLimit(t *testing.T) {
	for name, cfg := range map[string]Config{"diffs": {LogDiffs: 4}, "bytes": {}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if name == "bytes" {
					cfg.LogBytes = logBytesOf(t, 4)
				}
				r := newRig(t, cfg)
				r.put(1)
				first := r.observe("/items")
				for range 6 {
					r.put(1)
					synctest.Wait()
				}
				for missed, resumed := range map[uint64]bool{0: true, 3: true, 4: true, 5: false, 6: false} {
					id := r.ask("/items", func(m *bus.Observe) { m.Epoch, m.Seq = first.Epoch, 6-missed })
					synctest.Wait()
					a := r.answer(id)
					if (a.Resumed != nil) != resumed || resumed && len(a.Resumed.Changes) != int(missed) || !resumed && a.Snapshot == nil {
						t.Errorf("%d missed: %+v", missed, a)
					}
				}
			})
		})
	}
}

// logBytesOf is what n diffs of the rig's one item take in the log.
func logBytesOf(t *testing.T, n int) int {
	r := newRig(t, Config{})
	r.put(1)
	r.observe("/items")
	for range n {
		r.put(1)
		synctest.Wait()
	}
	return r.worker.Status().Observers[0].LogBytes
}
