package observer

import (
	"slices"

	"github.com/wakeful-dev/wakeful/internal/memory"
	"github.com/wakeful-dev/wakeful/wire"
)

// log keeps the newest diffs of one epoch, oldest first, within bounds. It
// holds no lists: a thousand versions of a long list would be large together.
type log struct {
	maxDiffs, maxBytes int
	account            *memory.Account

	diffs  []*wire.Changes
	stamps []uint64 // of the account
	bytes  int
}

func (l *log) clear() {
	l.drop(len(l.diffs))
	l.diffs, l.stamps = nil, nil
}

func (l *log) add(c *wire.Changes) {
	size := memory.OfChanges(c)
	l.diffs = append(l.diffs, c)
	l.stamps = append(l.stamps, l.account.Hold(memory.Logs, memory.ChangesKey(c), func() int { return size }))
	l.bytes += size
	n, bytes := 0, l.bytes
	for n < len(l.diffs) && (len(l.diffs)-n > l.maxDiffs || bytes > l.maxBytes) {
		bytes -= memory.OfChanges(l.diffs[n])
		n++
	}
	l.drop(n)
}

// forget lets go of all diffs up to the last whose stamp is not above a cutoff.
func (l *log) forget(cutoff uint64) {
	for n := len(l.stamps); n > 0; n-- {
		if stamp := l.stamps[n-1]; stamp > 0 && stamp <= cutoff {
			l.drop(n)
			return
		}
	}
}

// drop lets go of the n oldest diffs.
func (l *log) drop(n int) {
	for i, c := range l.diffs[:n] {
		l.bytes -= memory.OfChanges(c)
		l.account.Drop(memory.ChangesKey(c))
		l.diffs[i] = nil
	}
	l.diffs, l.stamps = l.diffs[n:], l.stamps[n:]
}

// since returns the diffs with a number above seq, given that newest is the
// newest number. ok is false where some of them are gone. The slice is the
// caller's: it may go to another goroutine.
func (l *log) since(seq, newest uint64) (diffs []*wire.Changes, ok bool) {
	missing := newest - seq
	if missing > uint64(len(l.diffs)) {
		return nil, false
	}
	return slices.Clone(l.diffs[uint64(len(l.diffs))-missing:]), true
}
