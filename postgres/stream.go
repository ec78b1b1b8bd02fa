package postgres

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful/change"
)

// Stream yields every changeset after a position and then waits for more; a
// position that is reached without a change comes as a changeset without one.
// It reads the server's log while it is read. Over a connection that is lost
// and had again within some seconds it goes on. It ends with
// source.ErrPositionGone where the server no longer has what came meanwhile: it
// is another server, or its slot is another.
func (s *Source) Stream(ctx context.Context, after change.Position) iter.Seq2[change.Changeset, error] {
	h := s.history.Load()
	from := h.last()
	return func(yield func(change.Changeset, error) bool) {
		if !s.streaming.CompareAndSwap(false, true) {
			yield(change.Changeset{}, errors.New("postgres: the source's stream is being read already"))
			return
		}
		defer s.streaming.Store(false)
		if after != "" {
			n, err := h.number(after)
			if err != nil {
				yield(change.Changeset{}, err)
				return
			}
			from = n
		}
		s.watchSchema(true)
		defer s.watchSchema(false)
		running, stop := context.WithCancelCause(ctx)
		var all sync.WaitGroup
		runs := []func(context.Context, *history) error{s.follow, s.release, s.watchCatalog, s.watchSlot}
		if s.cfg.Triggers {
			runs = []func(context.Context, *history) error{s.followNotes, s.listen, s.watchCatalog}
		}
		for _, run := range runs {
			all.Go(func() {
				if err := run(running, h); err != nil {
					stop(err)
				}
			})
		}
		defer all.Wait()
		defer stop(nil)
		h.stream(running, from, after, yield)
	}
}

// idle is the least time between two changesets that say nothing but how far
// the log has come.
const idle = 10 * time.Millisecond

// stream yields what is in the log, and what comes into it.
func (h *history) stream(ctx context.Context, from uint64, told change.Position, yield func(change.Changeset, error) bool) {
	var quiet time.Time // until then nothing is said that is no change
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		sets, reached, err := h.since(from)
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			yield(change.Changeset{}, err)
			return
		}
		for _, set := range sets {
			if told = set.Position; !yield(set, nil) {
				return
			}
		}
		if from += uint64(len(sets)); len(sets) > 0 {
			continue
		}
		var later <-chan time.Time
		if told != "" && reached > told {
			now := time.Now()
			if now.After(quiet) {
				told, quiet = reached, now.Add(idle)
				if !yield(change.Changeset{Position: reached}, nil) {
					return
				}
				continue
			}
			timer.Reset(quiet.Sub(now))
			later = timer.C
		}
		select {
		case <-h.wake:
		case <-later:
		case <-ctx.Done():
		}
	}
}
