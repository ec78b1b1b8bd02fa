package worker

import (
	"slices"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/source"
)

// Bounds of the changes remembered for evaluations that are in flight.
const (
	maxRecentSets    = 8_192
	maxRecentChanges = 131_072
	maxRecentBytes   = 64 << 20
)

// history holds the newest changesets, oldest first.
type history struct {
	sets    []*change.Changeset
	changes int
	bytes   int
	from    change.Position // nothing older than what follows it is held
}

func (h *history) restart(from change.Position) {
	h.sets, h.changes, h.bytes, h.from = nil, 0, 0, from
}

func (h *history) add(c *change.Changeset) {
	h.sets = append(h.sets, c)
	h.changes += len(c.Changes)
	h.bytes += c.Bytes()
	drop := 0
	for drop < len(h.sets) && (len(h.sets)-drop > maxRecentSets || h.changes > maxRecentChanges || h.bytes > maxRecentBytes) {
		h.changes -= len(h.sets[drop].Changes)
		h.bytes -= h.sets[drop].Bytes()
		h.from = h.sets[drop].Position
		h.sets[drop] = nil
		drop++
	}
	h.sets = h.sets[drop:]
}

// after returns the changesets that the snapshot does not contain. complete is
// false where some of them may no longer be held.
func (h *history) after(s source.Snapshot) (sets []*change.Changeset, complete bool) {
	all := s.Position() // it contains everything up to here
	if read, ok := s.(*unstamped); ok {
		all = read.from
	}
	if !all.Reaches(h.from) {
		return nil, false
	}
	first, ahead := len(h.sets), false
	for ; first > 0 && !all.Reaches(h.sets[first-1].Position); first-- {
		ahead = ahead || s.Contains(h.sets[first-1])
	}
	if sets = h.sets[first:]; ahead {
		sets = slices.DeleteFunc(slices.Clone(sets), s.Contains)
	}
	return sets, true
}
