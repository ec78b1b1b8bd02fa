package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/postgres/internal/gate"
	"github.com/wakeful-dev/wakeful/source"
)

// To see which commits are visible is to take a snapshot; what they touch is then
// evaluated in one. Where both follow each other all the time, it is the same one:
// it is left open for a moment, and offered.

// offers is the snapshot that is offered, if one is. Who looks waits while one is
// being made that the changes are released by.
type offers struct {
	mu   sync.Mutex
	open *Snapshot
	over time.Time // it is offered until then
	need int       // how many to make though nobody takes them
}

// How long a snapshot is offered, and how many are made since the last one was
// wanted.
const (
	offerFor   = 5 * time.Millisecond
	offerTimes = 8
)

var _ source.Offerer = (*Source)(nil)

// Offered returns a snapshot that was just opened, if there is one that contains
// everything up to a position, else nil.
func (s *Source) Offered(upTo change.Position) source.Snapshot {
	o := &s.offers
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil || !o.open.at.Reaches(upTo) {
		return nil
	}
	taken := o.open
	o.open, o.need = nil, offerTimes
	return taken
}

// want has the next snapshots that are taken offered.
func (o *offers) want() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.need = offerTimes
}

// toOffer returns a connection for the next snapshot if that is to be offered, and
// one is at hand, else nil.
func (s *Source) toOffer(h *history) *reader {
	o := &s.offers
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.need == 0 {
		return nil
	}
	r := s.idleReader()
	if r == nil || r.of == h.server {
		return r
	}
	_ = r.Close() // it is of another server
	return nil
}

// withdraw closes what nobody has taken.
func (s *Source) withdraw() {
	o := &s.offers
	o.mu.Lock()
	left := o.open
	o.open = nil
	o.mu.Unlock()
	if left == nil {
		return
	}
	if err := left.Close(); err != nil {
		s.log.Debug("postgres: a snapshot that nobody took could not be closed", "error", err)
	}
}

// until is how long one is offered, zero where none is.
func (o *offers) until() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil {
		return time.Time{}
	}
	return o.over
}

// probeOffering takes a snapshot on a connection that evaluations can read on,
// releases what it shows, and offers it where the log had brought all of that. The
// probe lock is held.
func (s *Source) probeOffering(ctx context.Context, h *history, r *reader) error {
	x, end, _, err := snapshotNow(ctx, r.pg(), beginSnapshot, savepoint)
	if err != nil {
		return errors.Join(err, r.Close())
	}
	whole, _ := h.has(gate.End(end, h.page))
	if !s.releaseOffering(h, &x, whole, r) {
		return s.giveBack(r)
	}
	return nil
}

// releaseOffering reports whether the snapshot is offered. Who learns of what it
// releases finds it.
func (s *Source) releaseOffering(h *history, x *gate.Snapshot, whole bool, r *reader) bool {
	o := &s.offers
	o.mu.Lock()
	defer o.mu.Unlock()
	before := h.last()
	at, _ := h.release(x)
	o.need--
	if !whole || h.last() == before || s.history.Load() != h {
		return false
	}
	o.open, o.over = &Snapshot{source: s, at: at, pinned: s.pin(r)}, time.Now().Add(offerFor)
	return true
}
