package query

import (
	"strings"

	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/readset"
)

// ties says why rows of a result may be equal in its ORDER BY, so that the
// database puts them as it likes; "" where that is not seen. Only what orders
// the rows of one table by columns of it is judged: there the key makes an
// order total.
func ties(s *selection, places []*place) string {
	if len(s.order) == 0 || len(places) != 1 || len(s.cores) != 1 {
		return ""
	}
	c, p := s.cores[0], places[0]
	if c.from == nil || c.from.kind != fromTable || c.distinct || len(c.group) > 0 || c.having != nil || len(c.windows) > 0 {
		return ""
	}
	for _, result := range c.results {
		if result.expr.gathers() {
			return ""
		}
	}
	var names []string
	ordered := map[int]bool{}
	for _, e := range s.order {
		for e.kind == exprCollate {
			e = e.parts[0]
		}
		if e.kind != exprColumn || e.ref != p || c.renames(e.name) {
			return ""
		}
		ordered[e.at] = true
		names = append(names, p.columns[e.at].Name)
	}
	var missing []string
	for i, column := range p.table.Columns {
		if column.Key > 0 && !ordered[i] && !p.form.fixes(column.Name) {
			missing = append(missing, column.Name)
		}
	}
	if len(missing) == 0 || strings.Contains(readset.Fold(p.table.Definition), "unique") {
		return ""
	}
	return "rows of " + p.table.Name + " that are equal in " + strings.Join(names, ", ") +
		" may stand in any order, unless an index is unique; end ORDER BY with " + strings.Join(missing, ", ")
}

// renames reports whether a name in ORDER BY is that of a result.
func (c *core) renames(name string) bool {
	for _, result := range c.results {
		if result.alias != "" && readset.Fold(result.alias) == readset.Fold(name) {
			return true
		}
	}
	return false
}

// fixes reports whether a row that meets the form has one value in a column.
func (f *form) fixes(column string) bool {
	if f == nil || f.op == formOr {
		return false
	}
	if f.op == formAtom {
		return f.column.Name == column && f.ask == predicate.In && len(f.values) == 1 && !f.array
	}
	for _, part := range f.parts {
		if part.fixes(column) {
			return true
		}
	}
	return false
}
