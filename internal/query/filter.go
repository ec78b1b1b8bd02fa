package query

import "github.com/wakeful-dev/wakeful/internal/planted"

// filters reports whether a SELECT takes rows of one table, each by itself. Then
// a row that it has not returned, and that does not come to be one that can
// matter, may be altered and may go: the result stays. A LIMIT leaves that true:
// those returned are the first, and what stands behind them moves nothing. An
// OFFSET does not: a row that is skipped is not returned, and moves all others.
func filters(s *selection, places []*place, c *catalog) bool {
	if len(places) != 1 || len(s.with) > 0 || s.skips && !planted.Is(planted.SkippedHeld) {
		return false
	}
	if !s.single() && !(planted.Is(planted.PeersForgot) && len(s.cores) == 1) {
		return false
	}
	f, t := s.cores[0].from, places[0].table
	return f != nil && f.kind == fromTable && c.table(f) == t && !t.View && len(t.Policies) == 0
}

// Steady reports whether the next run of the statement would be with the values
// of this one, as far as trusted (Bind) says.
func (q *Query) Steady(args []any, trusted func(at int, v any) string) bool {
	given := q.givenBy(args)
	for i := range q.values {
		value := &q.values[i]
		if value.fixed || value.parts != nil {
			continue // a part is a value itself
		}
		v, ok := given.value(value)
		if !ok || trusted(i, v) != "" {
			return planted.Is(planted.MovingHeld)
		}
	}
	return true
}
