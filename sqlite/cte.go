package sqlite

import "strings"

// isCommon reports whether a name that SQLite says is read is that of a common
// table expression: it tells of one whose columns nobody asks for, as if it
// were a table.
func (r *reading) isCommon(name string) bool {
	if len(r.columns[name]) > 0 || r.schema.tables[name] != nil {
		return false
	}
	for _, text := range r.texts {
		if definesCommon(text, name) {
			return true
		}
	}
	for _, text := range r.schema.views {
		if definesCommon(text, name) {
			return true
		}
	}
	return false
}

// definesCommon looks for: name [(columns)] AS [[NOT] MATERIALIZED] (.
func definesCommon(text, name string) bool {
	l := lexer{text: text}
	for t := l.next(); t.kind != tokenEnd; t = l.next() {
		if t.kind == tokenParam || t.kind == tokenMark || !strings.EqualFold(t.text, name) {
			continue
		}
		back := l.at
		t = l.next()
		if t.is("(") {
			for ; !t.is(")") && t.kind != tokenEnd; t = l.next() {
			}
			t = l.next()
		}
		if t.is("AS") {
			if t = l.next(); t.is("NOT") {
				t = l.next()
			}
			if t.is("MATERIALIZED") {
				t = l.next()
			}
			if t.is("(") {
				return true
			}
		}
		l.at = back
	}
	return false
}
