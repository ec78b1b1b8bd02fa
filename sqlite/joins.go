package sqlite

import (
	"maps"
	"slices"
	"strings"
)

// joinsByName adds what joins by equal names of columns read. SQLite compares
// the columns of USING and of NATURAL JOIN without asking the authorizer about
// them; a table of which nothing else is read it does not even name. So where
// one of the two stands in the statement, or in a view that it names, every
// table that these texts name counts as read, with all its columns.
func (r *reading) joinsByName() {
	joins, named := false, map[string]*table{}
	texts := slices.Clone(r.texts)
	for len(texts) > 0 {
		l := lexer{text: texts[0]}
		texts = texts[1:]
		var before, qualifier token
		for t := l.next(); t.kind != tokenEnd; qualifier, before, t = before, t, l.next() {
			if t.is("USING") || t.is("NATURAL") {
				joins = true
			}
			if t.kind == tokenMark || t.kind == tokenParam {
				continue
			}
			if before.kind == tokenMark && before.text == "." && !strings.EqualFold(qualifier.text, "main") {
				continue // a column, or a table of another database
			}
			for name, table := range r.schema.tables {
				if !strings.EqualFold(name, t.text) || named[name] != nil {
					continue
				}
				named[name] = table
				if table.kind == "view" {
					texts = append(texts, r.schema.views[name])
				}
			}
		}
	}
	if !joins {
		return
	}
	maps.DeleteFunc(named, func(_ string, t *table) bool { return t.kind == "view" })
	for name, t := range named {
		if r.columns[name] == nil {
			r.columns[name] = map[string]bool{}
		}
		for _, column := range t.columns {
			r.columns[name][column] = true
		}
	}
}
