package observer

import (
	"slices"

	"github.com/wakeful-dev/wakeful/wire"
)

// log keeps the newest diffs of one epoch, oldest first, within bounds. It
// holds no lists: a thousand versions of a long list would be large together.
type log struct {
	maxDiffs, maxBytes int

	diffs []*wire.Changes
	bytes int
}

func (l *log) clear() { l.diffs, l.bytes = nil, 0 }

func (l *log) add(c *wire.Changes) {
	l.diffs = append(l.diffs, c)
	l.bytes += size(c)
	drop := 0
	for drop < len(l.diffs) && (len(l.diffs)-drop > l.maxDiffs || l.bytes > l.maxBytes) {
		l.bytes -= size(l.diffs[drop])
		l.diffs[drop] = nil
		drop++
	}
	l.diffs = l.diffs[drop:]
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

// size is roughly what a diff takes in memory, in bytes.
func size(c *wire.Changes) int {
	n := 200 + len(c.Meta)
	for i := range c.Ops {
		n += 100 + len(c.Ops[i].Key) + len(c.Ops[i].Data)
	}
	return n
}
