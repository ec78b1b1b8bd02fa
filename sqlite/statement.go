package sqlite

import "strings"

// verb is what a statement does to its transaction, beside writing rows.
type verb uint8

const (
	verbNone verb = iota
	verbBegin
	verbEnd
	verbSavepoint
	verbRelease
	verbRollbackTo
	verbSchema // CREATE, ALTER, DROP, of what is not temporary
)

// statement is one text as far as a transaction needs to know it.
type statement struct {
	verb verb
	name string // of the savepoint
}

// classify reads the first words of a single statement. Statements that write
// rows are none of its business: the hooks see these.
func classify(text string) statement {
	l := lexer{text: text}
	l.skip()
	if l.at < len(text) {
		switch text[l.at] | 0x20 {
		case 'b', 'c', 'a', 'd', 'e', 'r', 's':
		default:
			return statement{}
		}
	}
	switch first := l.next(); {
	case first.is("BEGIN"):
		return statement{verb: verbBegin}
	case first.is("COMMIT"), first.is("END"):
		return statement{verb: verbEnd}
	case first.is("CREATE"):
		if t := l.next(); t.is("TEMP") || t.is("TEMPORARY") {
			return statement{}
		}
		return statement{verb: verbSchema}
	case first.is("ALTER"), first.is("DROP"):
		return statement{verb: verbSchema}
	case first.is("SAVEPOINT"):
		return statement{verbSavepoint, l.next().text}
	case first.is("RELEASE"):
		return statement{verbRelease, l.name()}
	case first.is("ROLLBACK"):
		t := l.next()
		if t.is("TRANSACTION") {
			t = l.next()
		}
		if !t.is("TO") {
			return statement{verb: verbEnd}
		}
		return statement{verbRollbackTo, l.name()}
	}
	return statement{}
}

// name reads a savepoint's name after an optional SAVEPOINT. A savepoint may
// itself be called that.
func (l *lexer) name() string {
	t := l.next()
	if t.is("SAVEPOINT") {
		if after := l.next(); after.kind == tokenWord || after.kind == tokenQuoted || after.kind == tokenString {
			return after.text
		}
	}
	return t.text
}

// Split cuts a text of several statements into its statements, so that each
// commit among them is a driver call of its own. It returns nil for one.
func (s *Source) Split(text string) []string { return split(text) }

func split(text string) []string {
	if i := strings.IndexByte(text, ';'); i < 0 || i == len(text)-1 {
		return nil
	}
	var parts []string
	l := lexer{text: text}
	for {
		l.skip()
		start := l.at
		end, empty := l.statement()
		if !empty {
			parts = append(parts, text[start:end])
		}
		if l.at >= len(text) {
			break
		}
	}
	if len(parts) < 2 {
		return nil
	}
	return parts
}

// statement reads one statement with its semicolon. The body of a trigger has
// semicolons too: it ends with "; END ;".
func (l *lexer) statement() (end int, empty bool) {
	var last [2]token
	var words []string
	empty = true
	for {
		t := l.next()
		if t.kind == tokenEnd {
			return l.at, empty
		}
		if len(words) < 5 && t.kind == tokenWord {
			words = append(words, strings.ToUpper(t.text))
		}
		if t.is(";") && (!isTrigger(words) || last[0].is(";") && last[1].is("END")) {
			return t.end, empty
		}
		empty = false
		last[0], last[1] = last[1], t
	}
}

func isTrigger(words []string) bool {
	for len(words) > 0 && (words[0] == "EXPLAIN" || words[0] == "QUERY" || words[0] == "PLAN") {
		words = words[1:]
	}
	if len(words) < 2 || words[0] != "CREATE" {
		return false
	}
	if words[1] == "TEMP" || words[1] == "TEMPORARY" {
		words = words[1:]
	}
	return len(words) > 1 && words[1] == "TRIGGER"
}
