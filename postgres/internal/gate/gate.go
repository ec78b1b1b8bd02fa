// Package gate puts the commits of a PostgreSQL server into the order in which
// its snapshots show them.
//
// The server's log has commits in the order in which their records were
// written; its snapshots show them in another: a commit that waits for a
// standby is in the log and is not seen, one that does not wait for the disk is
// seen and not in the log yet. So a commit that the log has brought waits here
// until a snapshot shows it. Then it is released, and counted. While snapshots
// are put through the gate in the order in which they were taken, and each one
// only when the log has brought all that it shows, every snapshot shows exactly
// the commits that have been released until then.
//
// Nothing here does anything but count: who takes the snapshots and who reads
// the log is the caller's.
//
// Pipeline: database → log → [gate] → source.
package gate

import "time"

// Commit is a committed transaction as the log brings it.
type Commit[T any] struct {
	Xid    uint32
	Record uint64    // where its commit record begins
	End    uint64    // where it ends
	Since  time.Time // when it came
	What   T
}

// Released is a commit that a snapshot has shown.
type Released[T any] struct {
	Commit[T]
	Xid uint64 // in 64 bits
	Rel uint64 // how many have been released with it
	// Frontier is a place in the log: every commit whose record begins before
	// it is released with this one at the latest.
	Frontier uint64
}

// Gate holds the commits that no snapshot has shown yet. The caller locks.
type Gate[T any] struct {
	pending  []Commit[T] // in the order of the log
	rel      uint64
	received uint64 // the log has brought everything before
	last     uint64 // the newest record that was taken
	reached  uint64 // the highest frontier that was told
}

// New returns a gate of a log that is read from a place on.
func New[T any](from uint64) *Gate[T] { return &Gate[T]{received: from} }

// Add takes the next commit of the log.
func (g *Gate[T]) Add(c Commit[T]) {
	g.last = c.Record
	g.pending = append(g.pending, c)
	g.Received(c.End)
}

// Pass takes the next commit of the log, of which nobody wants to hear.
func (g *Gate[T]) Pass(record, end uint64) {
	g.last = max(g.last, record)
	g.Received(end)
}

// Count gives the next number to what does not come from the log.
func (g *Gate[T]) Count() (rel uint64) {
	g.rel++
	return g.rel
}

// Taken reports whether a commit has been taken already: after a lost
// connection the log is read again from an earlier place.
func (g *Gate[T]) Taken(record uint64) bool { return record <= g.last }

// Received says that the log has brought every commit whose record begins
// before a place.
func (g *Gate[T]) Received(lsn uint64) { g.received = max(g.received, lsn) }

// Has reports whether the log has brought every commit whose record begins
// before a place.
func (g *Gate[T]) Has(lsn uint64) bool { return g.received >= lsn }

// Frontier is a place in the log before which every commit has been released.
// It only grows.
func (g *Gate[T]) Frontier() uint64 {
	at := g.received
	if len(g.pending) > 0 {
		at = g.pending[0].Record
	}
	g.reached = max(g.reached, at)
	return g.reached
}

// Rel counts the commits that have been released.
func (g *Gate[T]) Rel() uint64 { return g.rel }

// Pending lists the commits that wait, in the order of the log. The slice is
// the gate's own.
func (g *Gate[T]) Pending() []Commit[T] { return g.pending }

// Release takes out what a snapshot shows, in the order of the log. Snapshots
// are put through in the order in which they were taken.
func (g *Gate[T]) Release(s *Snapshot) []Released[T] {
	var out []Released[T]
	var wait []Commit[T] // in front of what is released
	before := g.Frontier()
	for i := range g.pending {
		c := g.pending[i]
		xid := s.Widen(c.Xid)
		if !s.Sees(xid) && !open() {
			wait = append(wait, c)
			continue
		}
		g.rel++
		r := Released[T]{Commit: c, Xid: xid, Rel: g.rel, Frontier: g.received}
		switch {
		case len(wait) > 0:
			r.Frontier = wait[0].Record
		case i+1 < len(g.pending):
			r.Frontier = g.pending[i+1].Record
		}
		r.Frontier = max(r.Frontier, before)
		out = append(out, r)
	}
	if len(out) > 0 {
		g.pending = wait
	}
	return out
}
