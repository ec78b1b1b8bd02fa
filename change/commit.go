package change

import "strings"

// MarkLen is how long a Changeset's Mark is, where it has one.
const MarkLen = 16

// Commit names one committed transaction.
type Commit struct {
	Position Position `json:"position"`       // of its Changeset
	Mark     string   `json:"mark,omitempty"` // of its Changeset
}

// Commit names the transaction.
func (s *Changeset) Commit() Commit { return Commit{s.Position, s.Mark} }

// WrittenAs reports whether it is the commit whose writer was told the position
// p.
func (c Commit) WrittenAs(p Position) bool {
	if c.Mark == "" {
		return p == c.Position
	}
	return p.History() == c.Position.History() && strings.HasSuffix(string(p), c.Mark)
}

// Written remembers positions that writers were told, the newest of them, to
// tell whether a commit is one of theirs. It takes no concurrent use.
type Written struct {
	most  int
	known map[string]int // by what a commit is found by: how many have it
	order []Position     // oldest first
}

// NewWritten makes a memory of at most so many positions.
func NewWritten(most int) *Written { return &Written{most: most, known: map[string]int{}} }

// Add notes what writers were told.
func (w *Written) Add(positions ...Position) {
	for _, p := range positions {
		if len(w.order) == w.most {
			w.count(w.order[0], -1)
			w.order = w.order[1:]
		}
		w.order = append(w.order, p)
		w.count(p, 1)
	}
}

// Has reports whether one of the positions is the commit's.
func (w *Written) Has(c Commit) bool {
	if c.Mark == "" {
		return w.known[string(c.Position)] > 0
	}
	return w.known[c.Position.History()+c.Mark] > 0
}

// count notes a position as a whole and by the mark that it may end with.
func (w *Written) count(p Position, by int) {
	keys := []string{string(p)}
	if len(p) > HistoryLen+MarkLen {
		keys = append(keys, p.History()+string(p[len(p)-MarkLen:]))
	}
	for _, key := range keys {
		if w.known[key] += by; w.known[key] <= 0 {
			delete(w.known, key)
		}
	}
}
