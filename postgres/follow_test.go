package postgres

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/change"
)

// patience is how long tests wait for what must come.
const patience = 30 * time.Second

// eventually waits until something is so.
func eventually(t testing.TB, so func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !so(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("it is not so for %v", patience)
		}
	}
}

// follower reads the stream of a source in the background, and begins another
// one where it ends, as a worker does.
type follower struct {
	t    testing.TB
	s    *Source
	halt context.CancelFunc
	done chan struct{}

	mu    sync.Mutex
	sets  []change.Changeset
	errs  []error // of the streams that ended
	moved chan struct{}
}

func follow(t testing.TB, s *Source) *follower {
	ctx, cancel := context.WithCancel(context.Background())
	f := &follower{t: t, s: s, halt: cancel, done: make(chan struct{}), moved: make(chan struct{})}
	from := s.Position()
	go func() {
		defer close(f.done)
		for ctx.Err() == nil {
			err := f.read(ctx, from)
			f.note(nil, err)
			_ = pause(ctx, 10*time.Millisecond)
			from = s.Position()
		}
	}()
	t.Cleanup(f.stop)
	return f
}

func (f *follower) read(ctx context.Context, from change.Position) error {
	for set, err := range f.s.Stream(ctx, from) {
		if err != nil {
			return err
		}
		f.note(&set, nil)
	}
	return nil
}

func (f *follower) note(set *change.Changeset, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if set != nil {
		f.sets = append(f.sets, *set)
	}
	if err != nil {
		f.errs = append(f.errs, err)
	}
	close(f.moved)
	f.moved = make(chan struct{})
}

func (f *follower) stop() {
	f.halt()
	<-f.done
}

// until waits until something is so, whatever comes meanwhile.
func (f *follower) until(so func() bool) {
	f.t.Helper()
	eventually(f.t, so)
}

// connected waits until the log comes.
func (f *follower) connected() { f.t.Helper(); f.until(func() bool { return f.s.flow.Load() != nil }) }

// all is what has come, and how the streams ended.
func (f *follower) all() ([]change.Changeset, []error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]change.Changeset(nil), f.sets...), append([]error(nil), f.errs...)
}

// has waits for a changeset.
func (f *follower) has(what func(*change.Changeset) bool) (found change.Changeset) {
	f.t.Helper()
	f.until(func() bool {
		sets, _ := f.all()
		for i := range sets {
			if what(&sets[i]) {
				found = sets[i]
				return true
			}
		}
		return false
	})
	return found
}
