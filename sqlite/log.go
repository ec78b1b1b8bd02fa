package sqlite

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/source"
)

// history is the numbered log of one history of the file, as far back as it
// is bounded. It takes concurrent use.
type history struct {
	name  string // change.HistoryLen characters
	bound int    // changes kept
	wake  chan struct{}
	hurry chan struct{} // somebody waits for the reader, which may be resting

	mu    sync.Mutex
	first uint64 // number of sets[0]
	sets  []change.Changeset
	kept  int // changes in sets, each set counting one at least
	most  int // bytes kept
	gone  bool

	bytes atomic.Int64 // of sets, about
}

func newHistory(bound, bytes int) *history {
	return &history{
		name: randomName(), bound: bound, most: bytes, first: 1,
		wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1),
	}
}

// randomName tells this start from every other: numbers of different starts
// must not compare.
func randomName() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	name := make([]byte, change.HistoryLen)
	for i := range name {
		name[i] = letters[rand.IntN(len(letters))]
	}
	return string(name)
}

// append gives the changeset the next number. Its position is filled in when
// it is read.
func (h *history) append(set change.Changeset) {
	size := int64(set.Bytes())
	h.mu.Lock()
	h.sets = append(h.sets, set)
	h.kept += max(1, len(set.Changes))
	h.bytes.Add(size)
	h.fit()
	h.mu.Unlock()
	h.ring()
}

// fit lets go of the oldest changesets that are too many; mu is held.
func (h *history) fit() {
	bytes, drop := h.bytes.Load(), 0
	for (h.kept > h.bound || bytes > int64(h.most)) && drop < len(h.sets)-1 {
		h.kept -= max(1, len(h.sets[drop].Changes))
		bytes -= int64(h.sets[drop].Bytes())
		h.sets[drop] = change.Changeset{}
		drop++
	}
	h.bytes.Store(bytes)
	h.sets = h.sets[drop:]
	h.first += uint64(drop)
}

func (h *history) ring() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// press ends the rest of the reader: it is waited for.
func (h *history) press() {
	select {
	case h.hurry <- struct{}{}:
	default:
	}
}

// end says that this history has no future: the file was replaced.
func (h *history) end() {
	h.mu.Lock()
	h.gone = true
	h.mu.Unlock()
	h.ring()
}

// last is the number of the newest changeset, 0 before the first.
func (h *history) last() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.first + uint64(len(h.sets)) - 1
}

func (h *history) position(n uint64) change.Position { return change.NewPosition(h.name, n) }

// since returns what came after number n, and the number that it reaches.
func (h *history) since(n uint64) ([]change.Changeset, uint64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := h.first + uint64(len(h.sets)) - 1
	switch {
	case h.gone:
		return nil, n, fmt.Errorf("sqlite: the database file was replaced: %w", source.ErrPositionGone)
	case n+1 < h.first:
		return nil, n, fmt.Errorf("sqlite: the log begins at %s: %w", h.position(h.first), source.ErrPositionGone)
	case n > last:
		return nil, n, fmt.Errorf("sqlite: position %s is not reached yet: %w", h.position(n), source.ErrPositionGone)
	}
	sets := append([]change.Changeset(nil), h.sets[n+1-h.first:]...)
	for i := range sets {
		sets[i].Position = h.position(n + 1 + uint64(i))
	}
	return sets, last, nil
}

// number returns the number of a position of this history.
func (h *history) number(p change.Position) (uint64, error) {
	var n uint64
	if !p.SameHistory(h.position(0)) {
		return 0, fmt.Errorf("sqlite: position %s is of another history: %w", p, source.ErrPositionGone)
	}
	if _, err := fmt.Sscanf(string(p[change.HistoryLen:]), "%x", &n); err != nil {
		return 0, fmt.Errorf("sqlite: position %s: %w", p, errors.Join(err, source.ErrPositionGone))
	}
	return n, nil
}

// LogBytes is about what the log of changes takes in memory.
func (s *Source) LogBytes() int { return int(s.history.Load().bytes.Load()) }

// BoundLog has the log take no more than so many bytes from now on.
func (s *Source) BoundLog(bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keepBytes = min(s.keepBytes, bytes)
	h := s.history.Load()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.most = s.keepBytes
	h.fit()
}

// Position returns the place of the newest commit that is known.
func (s *Source) Position() change.Position {
	h := s.history.Load()
	return h.position(h.last())
}

// Stream yields every changeset after a position and then waits for more. It
// watches the file for commits of others while it is read; it ends with
// source.ErrPositionGone also when the file is replaced by another one.
func (s *Source) Stream(ctx context.Context, after change.Position) iter.Seq2[change.Changeset, error] {
	h := s.history.Load()
	from := h.last()
	return func(yield func(change.Changeset, error) bool) {
		if !s.streaming.CompareAndSwap(false, true) {
			yield(change.Changeset{}, errors.New("sqlite: the source's stream is being read already"))
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
		watching, stop := context.WithCancel(ctx)
		var done sync.WaitGroup
		done.Go(func() { s.notice(watching) })
		done.Go(func() { s.copyLog(watching) })
		defer done.Wait()
		defer stop()
		s.stream(ctx, h, from, yield)
	}
}

// Waking the reader costs whoever commits as much as the commit itself, so in a
// burst, which is more than burst wakes each within lull of the one before, the
// reader rests between them: for lull at first, for maxLull as the burst goes on.
const (
	burst   = 4
	lull    = 500 * time.Microsecond
	maxLull = 8 * lull
)

// pauseAfter is the rest after a wake that was the n-th in a row within lull of
// the one before.
func pauseAfter(n int) time.Duration {
	if n < burst {
		return 0
	}
	return min(time.Duration(n-burst+1)*lull, maxLull)
}

// rest waits until the pause is over, or the reader is waited for.
func (h *history) rest(ctx context.Context, pause time.Duration) {
	if pause == 0 {
		return
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-h.hurry:
	case <-ctx.Done():
	}
}

func (s *Source) stream(ctx context.Context, h *history, from uint64, yield func(change.Changeset, error) bool) {
	var woken time.Time
	quick := 0 // wakes that came within lull of the one before
	for {
		select {
		case <-h.hurry: // what is waited for is about to be read
		default:
		}
		sets, reached, err := h.since(from)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			yield(change.Changeset{}, err)
			return
		}
		for _, set := range sets {
			if !yield(set, nil) {
				return
			}
		}
		from = reached
		if len(sets) > 0 {
			continue
		}
		select {
		case <-h.wake:
		case <-ctx.Done():
		}
		switch {
		case h.last() == from: // woken by what was read already
			continue
		case time.Since(woken) >= lull:
			quick = 0
		default:
			quick++
			h.rest(ctx, pauseAfter(quick))
		}
		woken = time.Now()
	}
}
