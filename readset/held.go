package readset

// Held names the rows that a run of a statement has returned, all of them, by
// their keys.
type Held struct {
	Table string
	// Columns are the table's key.
	Columns []string
	// Keys are change.AppendKey of the values of Columns, as the images of
	// changes have them.
	Keys []string
}

// Bounds of the rows of one run that are worth naming: their keys, and these in
// bytes.
const (
	MaxHeld      = 10_000
	MaxHeldBytes = 1 << 20
)

// Hold notes which rows a run of a statement has returned, as Add noted it. The
// rows must be told by their keys, in the snapshot of the set, and it must be all
// of them: where that is not sure, rows returns nil, and nothing is known of
// them. Of a set that is apart nobody asks: rows is not called.
func (s *Set) Hold(statement *Statement, rows func() *Held) {
	if s == nil || s.of != nil {
		return
	}
	held := rows()
	if held == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.uses {
		if u := &s.uses[i]; u.Statement == statement && u.Held == nil {
			u.Held = held
			return
		}
	}
}
