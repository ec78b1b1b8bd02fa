package postgres

import "slices"

// verb is what kind of statement a text is.
type verb uint8

const (
	verbUnknown verb = iota // what it reads can be told by no means
	verbPlanned             // EXPLAIN tells
	verbNothing             // no rows of it come from a table: SET, BEGIN, CREATE, …
)

// classify reads the first words of a single statement.
func classify(text string) verb {
	l := lexer{text: text}
	first := l.next()
	for first.is("(") {
		first = l.next()
	}
	switch {
	case first.word("select", "values", "table", "with", "insert", "update", "delete", "merge"):
		return verbPlanned
	case first.kind == tokenEnd, first.word(
		"abort", "alter", "analyze", "begin", "checkpoint", "close", "cluster", "comment", "commit", "create", "deallocate",
		"discard", "do", "drop", "end", "grant", "import", "listen", "load", "lock", "notify", "prepare", "reassign", "refresh",
		"reindex", "release", "reset", "revoke", "rollback", "savepoint", "security", "set", "show", "start", "truncate", "unlisten", "vacuum"):
		return verbNothing
	}
	return verbUnknown
}

// Split leaves a text of several statements to the driver: PostgreSQL runs it
// in one transaction.
func (s *Source) Split(string) []string { return nil }

// split cuts a text into its statements. Those of a function's body, between
// BEGIN ATOMIC and its END, belong to it.
func split(text string) []string {
	var parts []string
	l := lexer{text: text}
	for l.at < len(text) {
		l.skip()
		start, empty := l.at, true
		end := l.statement(&empty)
		if !empty {
			parts = append(parts, text[start:end])
		}
	}
	return parts
}

func (l *lexer) statement(empty *bool) (end int) {
	var last token
	atomic := 0
	for {
		t := l.next()
		switch {
		case t.kind == tokenEnd:
			return t.start
		case t.is(";") && atomic == 0:
			return t.start
		case t.word("atomic") && last.word("begin"), atomic > 0 && t.word("case"):
			atomic++
		case atomic > 0 && t.word("end"):
			atomic--
		}
		*empty = false
		last = t
	}
}

// sorted returns each name once.
func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
