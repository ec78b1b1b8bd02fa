package postgres

import (
	"database/sql/driver"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/wakeful-dev/wakeful/readset"
)

// days are the words that PostgreSQL takes for the present as a date or a time.
var days = []string{"now", "today", "tomorrow", "yesterday"}

// isNow reports a text that stands for the present where a time is wanted.
func isNow(text string) bool {
	words := strings.Fields(lower(text))
	return len(words) <= 3 && slices.ContainsFunc(words, func(word string) bool { return slices.Contains(days, word) })
}

// toldTheTime reports whether a string in the text has been taken for the
// present: the plan has another in its place.
func toldTheTime(text string, kept map[string]bool) bool {
	l := lexer{text: text}
	for t := l.next(); t.kind != tokenEnd; t = l.next() {
		if t.kind == tokenString && isNow(t.text) && !kept[t.text] {
			return true
		}
	}
	return false
}

// timeTypes are those of arguments that may be the present.
var timeTypes = []uint32{pgtype.DateOID, pgtype.TimeOID, pgtype.TimetzOID, pgtype.TimestampOID, pgtype.TimestamptzOID}

// Refine names what an argument makes tell the present.
func (s *Source) Refine(statement *readset.Statement, args []driver.NamedValue) *readset.Statement {
	for i, arg := range args {
		text, ok := arg.Value.(string)
		if !ok || !isNow(text) {
			continue
		}
		d := s.knowledge.behind(statement)
		if d != nil && (i >= len(d.params) || !slices.Contains(timeTypes, d.params[i])) {
			continue
		}
		refined := *statement
		refined.Volatile = sorted(append([]string{"now"}, statement.Volatile...))
		return &refined
	}
	return statement
}
