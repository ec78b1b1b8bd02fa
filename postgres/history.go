package postgres

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/postgres/internal/gate"
	"github.com/wakeful-dev/wakeful/postgres/internal/pgoutput"
	"github.com/wakeful-dev/wakeful/source"
)

// history is one unbroken order of commits: what the log has brought and no
// snapshot has shown yet, and the numbered log of what was released, as far
// back as it is bounded. It takes concurrent use.
type history struct {
	name   string // change.HistoryLen characters
	server identity
	page   uint64 // size of a page of the server's log
	doubt  uint64 // as in start
	bound  int    // changes kept
	wake   chan struct{}
	shown  func(*change.Changeset) // told of each before it can be read

	mu    sync.Mutex
	gate  *gate.Gate[*pgoutput.Transaction]
	base  *gate.Snapshot // what it shows was before this history; nil once the log is past that
	until uint64         // where the log is past it
	came  chan struct{}  // closed when the log has brought more
	first uint64         // number of sets[0]
	sets  []change.Changeset
	kept  int    // changes in sets, each set counting one at least
	most  int    // bytes kept
	gone  error  // it has no future
	acked uint64 // what is before it the server may have forgotten
	aside uint64 // commits with a record before it are kept here and nowhere else
	ahead uint64 // a snapshot was handed out that may show what is before it
	seen  uint64 // counts the witnesses that no restart of the server came after that

	bytes atomic.Int64 // of sets, about
}

// start is where a history begins.
type start struct {
	server identity
	page   uint64
	from   uint64        // the slot's place
	base   gate.Snapshot // taken when the slot was there
	until  uint64        // the log's end after that
	doubt  uint64        // commits of transactions before it may have been forgotten while nobody saw them; 0 for none
}

func (s *Source) newHistory(at start) *history {
	return &history{
		name: randomName(), server: at.server, page: at.page, doubt: at.doubt,
		bound: s.keep, most: int(s.keepBytes.Load()), first: 1,
		wake: make(chan struct{}, 1), came: make(chan struct{}), shown: s.noteReleased,
		gate: gate.New[*pgoutput.Transaction](at.from), base: &at.base, until: at.until, acked: at.from,
	}
}

// randomName tells this history from every other: the count of what was
// released is this process's own.
func randomName() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	name := make([]byte, change.HistoryLen)
	for i := range name {
		name[i] = letters[rand.IntN(len(letters))]
	}
	return string(name)
}

// position is the place of the n-th release where all commits before frontier
// are released.
func (h *history) position(frontier, n uint64) change.Position {
	return change.NewPosition(h.name, frontier) + change.Position(digits(n))
}

// digits writes a number in 16 digits.
func digits(n uint64) string { return string(change.NewPosition("", n)[change.HistoryLen:]) }

// number returns how many were released at a position of this history.
func (h *history) number(p change.Position) (uint64, error) {
	if !p.SameHistory(h.position(0, 0)) {
		return 0, fmt.Errorf("postgres: position %s is of another history: %w", p, source.ErrPositionGone)
	}
	n, err := strconv.ParseUint(string(p[change.HistoryLen+16:]), 16, 64)
	if err != nil {
		return 0, fmt.Errorf("postgres: position %s is none of ours: %w", p, source.ErrPositionGone)
	}
	return n, nil
}

// now is the place that has been reached.
func (h *history) now() change.Position {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.position(h.gate.Frontier(), h.gate.Rel())
}

// take takes in the next transaction that the log brings.
func (h *history) take(tx *pgoutput.Transaction) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.gate.Taken(tx.Commit):
	case !tells(tx) || h.isBefore(tx):
		h.gate.Pass(tx.Commit, tx.End)
	default:
		h.gate.Add(gate.Commit[*pgoutput.Transaction]{Xid: tx.Xid, Record: tx.Commit, End: tx.End, Since: time.Now(), What: tx})
	}
	h.more()
}

// tells reports whether anybody wants to hear of a transaction.
func tells(tx *pgoutput.Transaction) bool {
	return len(tx.Changes) > 0 || tx.Everything || isSchemaChange(tx)
}

// isBefore reports whether every snapshot of this history shows a transaction.
func (h *history) isBefore(tx *pgoutput.Transaction) bool {
	return h.base != nil && h.base.Sees(h.base.Widen(tx.Xid))
}

// received notes that the log has brought everything before a place.
func (h *history) received(lsn uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.gate.Has(lsn) {
		h.gate.Received(lsn)
		h.more()
	}
}

// more tells those who wait for the log; mu is held.
func (h *history) more() {
	if h.base != nil && h.gate.Has(h.until) {
		h.base = nil
	}
	close(h.came)
	h.came = make(chan struct{})
	if len(h.gate.Pending()) == 0 {
		h.ring() // the frontier has moved
	}
}

// has reports whether the log has brought everything before a place, else it
// returns what is closed when it has brought more.
func (h *history) has(lsn uint64) (bool, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gate.Has(lsn), h.came
}

// release puts a snapshot through the gate, and returns the place that is
// reached and whether something still waits. The probe lock is held.
func (h *history) release(x *gate.Snapshot) (at change.Position, waits bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.gate.Release(x)
	for i := range out {
		set := h.changeset(&out[i])
		h.shown(&set)
		h.append(set)
	}
	if len(out) > 0 {
		h.fit()
		h.ring()
	}
	return h.position(h.gate.Frontier(), h.gate.Rel()), len(h.gate.Pending()) > 0
}

// changeset is a transaction that was released.
func (h *history) changeset(r *gate.Released[*pgoutput.Transaction]) change.Changeset {
	return change.Changeset{
		Position: h.position(r.Frontier, r.Rel), Mark: digits(r.Xid),
		Changes: r.What.Changes, Everything: r.What.Everything || isSchemaChange(r.What),
	}
}

// say publishes what does not come from the log. The probe lock is held.
func (h *history) say(set change.Changeset) {
	h.mu.Lock()
	defer h.mu.Unlock()
	set.Position = h.position(h.gate.Frontier(), h.gate.Count())
	h.shown(&set)
	h.append(set)
	h.fit()
	h.ring()
}

// append puts a changeset into the log; mu is held.
func (h *history) append(set change.Changeset) {
	h.sets = append(h.sets, set)
	h.kept += max(1, len(set.Changes))
	h.bytes.Add(int64(set.Bytes()))
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

// end says that this history has no future, and why.
func (h *history) end(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gone == nil {
		h.gone = fmt.Errorf("postgres: %w: %w", err, source.ErrPositionGone)
	}
	close(h.came)
	h.came = make(chan struct{})
	h.ring()
}

// last is the number of the newest changeset, 0 before the first.
func (h *history) last() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gate.Rel()
}

// since returns what came after number n, and the place that is reached with
// it.
func (h *history) since(n uint64) ([]change.Changeset, change.Position, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := h.first + uint64(len(h.sets)) - 1
	switch {
	case h.gone != nil:
		return nil, "", h.gone
	case n+1 < h.first:
		return nil, "", fmt.Errorf("postgres: the log of changes begins with number %d, not with %d: %w", h.first, n+1, source.ErrPositionGone)
	case n > last:
		return nil, "", fmt.Errorf("postgres: %d changesets have been released, not %d: %w", last, n, source.ErrPositionGone)
	}
	return append([]change.Changeset(nil), h.sets[n+1-h.first:]...), h.position(h.gate.Frontier(), last), nil
}

// ack is how far the server may forget its log, and notes that it was told.
// What is before it has been released and is in the log of changesets, or was
// set aside.
func (h *history) ack() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acked = max(h.acked, h.gate.Frontier(), h.aside)
	return h.acked
}

// setAside keeps of the commits that nobody sees yet only which tables they
// change, and lets the server forget them.
func (h *history) setAside() {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.gate.Pending()
	if len(list) == 0 {
		return
	}
	for i := range list {
		list[i].What = folded(list[i].What)
	}
	h.aside = max(h.aside, list[len(list)-1].Record)
}

// folded is a transaction that says of each of its tables that any row may have
// changed.
func folded(tx *pgoutput.Transaction) *pgoutput.Transaction {
	few := *tx
	few.Changes = nil
	known := map[string]bool{}
	for i := range tx.Changes {
		if name := tx.Changes[i].Table; !known[name] {
			known[name] = true
			few.Changes = append(few.Changes, change.Change{Table: name, Kind: change.Everything})
		}
	}
	return &few
}

// bind bounds the bytes of the log.
func (h *history) bind(bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.most = bytes
	h.fit()
}
