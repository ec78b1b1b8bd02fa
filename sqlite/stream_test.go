package sqlite

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/change"
)

// following runs the reader of a history and says when it read what.
func following(t *testing.T, h *history) (read func() []time.Time) {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	var times []time.Time
	go (&Source{}).stream(ctx, h, 0, func(_ change.Changeset, err error) bool {
		times = append(times, time.Now())
		return err == nil
	})
	return func() []time.Time {
		synctest.Wait()
		got := times
		times = nil
		return got
	}
}

func TestReaderRestsInBurstsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHistory(1<<20, 1<<20)
		read := following(t, h)
		commit := func(n int, gap time.Duration) (late time.Duration) {
			var at []time.Time
			for range n {
				<-time.After(gap)
				at = append(at, time.Now())
				h.append(change.Changeset{})
				synctest.Wait()
			}
			<-time.After(maxLull)
			got := read()
			if len(got) != n {
				t.Fatalf("%d of %d changesets read", len(got), n)
			}
			for i := range got {
				late = max(late, got[i].Sub(at[i]))
			}
			return late
		}
		if late := commit(100, lull); late > 0 {
			t.Errorf("commits with a pause between them are read %v late", late)
		}
		if late := commit(1000, 40*time.Microsecond); late < maxLull/2 || late > maxLull {
			t.Errorf("a burst is read %v late, want about %v", late, maxLull)
		}
		if late := commit(100, lull); late > 0 {
			t.Errorf("after a burst, commits with a pause between them are read %v late", late)
		}
	})
}

func TestRestEndsWhenTheReaderIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHistory(1<<20, 1<<20)
		read := following(t, h)
		for range 1000 {
			h.append(change.Changeset{})
			synctest.Wait()
			<-time.After(40 * time.Microsecond)
		}
		if n := len(read()); n == 1000 {
			t.Fatal("it does not rest")
		}
		h.press()
		if h.last() != 1000 || len(read()) == 0 {
			t.Error("it rests although it is waited for")
		}
	})
}
