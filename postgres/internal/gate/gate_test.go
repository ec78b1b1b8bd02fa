package gate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// server is a model of what matters of a PostgreSQL server: transactions that
// get their numbers in one order, write their records in another, become
// visible in a third, and are read from the log when they are flushed.
type server struct {
	rng     *rand.Rand
	next    uint64            // the next transaction's number
	done    uint64            // the highest number that has ended
	running map[uint64]bool   // by number: not visible yet
	record  map[uint64]uint64 // by number: where the commit record is
	begun   []uint64          // without a record
	waits   []uint64          // with a record, not visible
	log     []logged          // commit records in order
	insert  uint64            // where the next record begins
	read    int               // of log
}

type logged struct{ xid, record, end uint64 }

func newServer(rng *rand.Rand, xid uint64) *server {
	return &server{rng: rng, next: xid, done: xid - 1, insert: 1000, running: map[uint64]bool{}, record: map[uint64]uint64{}}
}

func (s *server) begin() {
	s.running[s.next] = true
	s.begun = append(s.begun, s.next)
	s.next += 1 + uint64(s.rng.IntN(3))
}

// take takes one at random out of a list.
func (s *server) take(list *[]uint64) uint64 {
	i := s.rng.IntN(len(*list))
	xid := (*list)[i]
	*list = slices.Delete(*list, i, i+1)
	return xid
}

func (s *server) abort() { s.end(s.take(&s.begun)) }

func (s *server) commit() {
	xid := s.take(&s.begun)
	s.insert += uint64(s.rng.IntN(50))
	at := s.insert
	s.insert += 30
	s.record[xid] = at
	s.log = append(s.log, logged{xid, at, s.insert})
	s.waits = append(s.waits, xid)
}

func (s *server) show() { s.end(s.take(&s.waits)) }

func (s *server) end(xid uint64) {
	delete(s.running, xid)
	s.done = max(s.done, xid)
}

func (s *server) snapshot() Snapshot {
	x := Snapshot{Xmin: s.done + 1, Xmax: s.done + 1}
	for xid := range s.running {
		if xid < x.Xmax {
			x.Xip = append(x.Xip, xid)
		}
	}
	slices.Sort(x.Xip)
	if len(x.Xip) > 0 {
		x.Xmin = x.Xip[0]
	}
	return x
}

// visible lists what is committed and seen now.
func (s *server) visible() map[uint64]bool {
	seen := map[uint64]bool{}
	for xid := range s.record {
		if !s.running[xid] {
			seen[xid] = true
		}
	}
	return seen
}

// run is one random history through a gate, with the laws checked at each step.
type run struct {
	t *testing.T
	*server
	g        *Gate[uint64]
	released map[uint64]bool
	rel      uint64
	frontier uint64
}

// bring has the log bring up to n more commits.
func (r *run) bring(n int) {
	for ; n > 0 && r.read < len(r.log); n-- {
		c := r.log[r.read]
		r.read++
		r.g.Add(Commit[uint64]{Xid: uint32(c.xid), Record: c.record, End: c.end, What: c.xid})
	}
	if r.read == len(r.log) && r.rng.IntN(2) == 0 {
		r.g.Received(r.insert)
	}
}

// put puts a snapshot through the gate.
func (r *run) put(x Snapshot) error {
	for _, c := range r.g.Release(&x) {
		r.rel++
		switch {
		case c.Rel != r.rel:
			return fmt.Errorf("%d is released as number %d, want %d", c.What, c.Rel, r.rel)
		case c.Xid != c.What:
			return fmt.Errorf("%d was widened to %d", c.What, c.Xid)
		case r.released[c.What]:
			return fmt.Errorf("%d is released twice", c.What)
		case r.running[c.What]:
			return fmt.Errorf("%d is released while nobody sees it", c.What)
		}
		r.released[c.What] = true
		if err := r.checkFrontier(c.Frontier); err != nil {
			return err
		}
	}
	return r.checkFrontier(r.g.Frontier())
}

// checkFrontier: every commit whose record begins before it has been released.
func (r *run) checkFrontier(f uint64) error {
	if f < r.frontier {
		return fmt.Errorf("the frontier falls from %d to %d", r.frontier, f)
	}
	r.frontier = f
	for _, c := range r.log {
		if c.record < f && !r.released[c.xid] {
			return fmt.Errorf("the frontier is %d, and %d with its record at %d is not released", f, c.xid, c.record)
		}
	}
	return nil
}

// pin takes a snapshot, and puts it through until the log has brought what it
// shows, while the server goes on. Then exactly that is released.
func (r *run) pin() error {
	x, want, place := r.snapshot(), r.visible(), r.insert
	for {
		if err := r.put(x); err != nil {
			return err
		}
		if r.g.Has(place) || Hasty() {
			break
		}
		r.step()
		r.bring(r.rng.IntN(3))
		if r.read == len(r.log) {
			r.g.Received(r.insert)
		}
	}
	for xid := range want {
		if !r.released[xid] {
			return fmt.Errorf("a snapshot shows %d, which is not among what has been released", xid)
		}
	}
	if len(r.released) != len(want) {
		return fmt.Errorf("%d commits are released, a snapshot shows %d", len(r.released), len(want))
	}
	return nil
}

// step is something that the server does.
func (r *run) step() {
	switch n := r.rng.IntN(10); {
	case n < 4:
		r.begin()
	case n < 7 && len(r.begun) > 0:
		r.commit()
	case n < 8 && len(r.begun) > 0:
		r.abort()
	case len(r.waits) > 0:
		r.show()
	}
}

// history is one random history; it returns the first law that is broken.
func history(t *testing.T, seed uint64, steps int) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	first := []uint64{3, 731, 1<<32 - 20, 5<<32 - 20, 5<<32 + 3, 1<<40 - 1}[rng.IntN(6)]
	r := &run{t: t, server: newServer(rng, first), released: map[uint64]bool{}, g: New[uint64](500)}
	for range steps {
		var err error
		switch rng.IntN(8) {
		case 0:
			err = r.pin()
		case 1:
			err = r.put(r.snapshot())
		case 2, 3:
			r.bring(rng.IntN(4))
		default:
			r.step()
		}
		if err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
	}
	return nil
}

// TestLaws: of random histories what is released is counted without a gap, is
// seen by everybody, and is what each snapshot shows whose place the log has
// reached; the frontier is true and only grows.
func TestLaws(t *testing.T) {
	for seed := range uint64(3000) {
		if err := history(t, seed, 120); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTakenOnce: what the log brings again after a lost connection is known.
func TestTakenOnce(t *testing.T) {
	g := New[string](100)
	if g.Taken(110) {
		t.Error("a commit that never came is taken")
	}
	g.Add(Commit[string]{Xid: 10, Record: 110, End: 120, What: "a"})
	g.Release(&Snapshot{Xmin: 11, Xmax: 11})
	for record, want := range map[uint64]bool{90: true, 110: true, 111: false, 120: false} {
		if got := g.Taken(record); got != want {
			t.Errorf("a commit at %d is taken: %t", record, got)
		}
	}
	if g.Rel() != 1 || g.Frontier() != 120 || len(g.Pending()) != 0 {
		t.Errorf("rel %d, frontier %d, %d pending", g.Rel(), g.Frontier(), len(g.Pending()))
	}
}

// TestLongFork: a snapshot shows the later of two commits and not the earlier
// one, which waits for a standby.
func TestLongFork(t *testing.T) {
	g := New[string](100)
	g.Add(Commit[string]{Xid: 21, Record: 200, End: 210, What: "waits"})
	g.Add(Commit[string]{Xid: 22, Record: 300, End: 310, What: "local"})
	out := g.Release(&Snapshot{Xmin: 21, Xmax: 23, Xip: []uint64{21}})
	if len(out) != 1 || out[0].What != "local" || out[0].Rel != 1 || out[0].Frontier != 200 {
		t.Fatalf("released %+v", out)
	}
	if g.Frontier() != 200 {
		t.Errorf("the frontier is %d while a commit at 200 waits", g.Frontier())
	}
	out = g.Release(&Snapshot{Xmin: 23, Xmax: 23})
	if len(out) != 1 || out[0].What != "waits" || out[0].Rel != 2 || out[0].Frontier != 310 {
		t.Fatalf("released %+v", out)
	}
}

func TestEnd(t *testing.T) {
	for lsn, want := range map[uint64]uint64{
		8192: 8192, 8192 + 24: 8192, 8192 + 40: 8192, 8192 + 32: 8192 + 32, 16<<20 + 40: 16 << 20, 100: 100, 24: 0,
	} {
		if got := End(lsn, 8192); got != want {
			t.Errorf("End(%d) = %d, want %d", lsn, got, want)
		}
	}
	if got := End(8192+24, 0); got != 8192+24 {
		t.Errorf("End without the size of a page is %d", got)
	}
}
