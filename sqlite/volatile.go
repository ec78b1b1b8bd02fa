package sqlite

import (
	"database/sql/driver"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/sqldb"
)

var _ sqldb.Refiner = (*Source)(nil)

// dateFunctions tell the time when their time value is left out or is 'now'.
// The number is how many arguments come before the time value.
var dateFunctions = map[string]int{
	"date": 0, "time": 0, "datetime": 0, "julianday": 0, "unixepoch": 0, "strftime": 1, "timediff": 0,
}

// always tell the time, whatever flags SQLite gives them.
var clockWords = []string{"current_date", "current_time", "current_timestamp"}

// isNow reports a text that SQLite takes for the present as a time value.
func isNow(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "now", "subsec", "subsecond":
		return true
	}
	return false
}

// clocks returns the date functions in a text that tell the present, in lower
// case. bound says whether an argument of the statement may be 'now'.
func clocks(text string, bound bool) []string {
	var found []string
	l := lexer{text: text}
	for t := l.next(); t.kind != tokenEnd; t = l.next() {
		name := strings.ToLower(t.text)
		before, isDate := dateFunctions[name]
		if !isDate || t.kind != tokenWord && t.kind != tokenQuoted {
			continue
		}
		if call := l; call.next().is("(") && call.tellsNow(before, bound) {
			found = append(found, name)
		}
	}
	return found
}

// tellsNow looks at the arguments of a date function up to the closing
// parenthesis.
func (l lexer) tellsNow(before int, bound bool) bool {
	arguments, depth, empty := 0, 1, true
	for {
		t := l.next()
		switch {
		case t.kind == tokenEnd:
			return false
		case t.is("("):
			depth++
		case t.is(")"):
			if depth--; depth == 0 {
				if !empty {
					arguments++
				}
				return arguments <= before
			}
		case t.is(",") && depth == 1:
			arguments++
		case (t.kind == tokenString || t.kind == tokenQuoted) && isNow(t.text), t.kind == tokenParam && bound:
			return true
		}
		empty = false
	}
}

// clocks adds the date functions that tell the present, in the statement and
// in the views that it reads.
func (r *reading) clocks() []string {
	var found []string
	for _, text := range r.texts {
		found = append(found, clocks(text, false)...)
	}
	for name := range r.views {
		found = append(found, clocks(r.schema.views[name], false)...)
	}
	for _, word := range clockWords {
		if r.functions[word] && r.says(word) {
			found = append(found, word)
		}
	}
	return found
}

// says reports whether the statement, or a view that it reads, has a word in it.
// SQLite also tells of the functions in the DEFAULT of a column that is read,
// which no statement that reads ever calls.
func (r *reading) says(word string) bool {
	has := func(text string) bool {
		l := lexer{text: text}
		for t := l.next(); t.kind != tokenEnd; t = l.next() {
			if (t.kind == tokenWord || t.kind == tokenQuoted) && strings.EqualFold(t.text, word) {
				return true
			}
		}
		return false
	}
	for name := range r.views {
		if has(r.schema.views[name]) {
			return true
		}
	}
	return slices.ContainsFunc(r.texts, has)
}

// Refine adds the date functions of a statement that one of its arguments
// makes tell the present.
func (s *Source) Refine(statement *readset.Statement, args []driver.NamedValue) *readset.Statement {
	if !slices.ContainsFunc(args, func(arg driver.NamedValue) bool {
		text, ok := arg.Value.(string)
		return ok && isNow(text)
	}) {
		return statement
	}
	refined := *statement
	refined.Volatile = sorted(append(clocks(statement.Text, true), statement.Volatile...))
	return &refined
}

// sorted returns each name once.
func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
