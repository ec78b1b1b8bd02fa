package query

import (
	"strings"

	"github.com/wakeful-dev/wakeful/readset"
)

// Redact is the text of a statement without the values in it: a question mark
// stands for each literal, comments are left out. A name in quotes stays only
// where it is one that the schema or the text itself gives, for SQLite takes
// any other for a text. Of a dialect that is not read it returns "".
func Redact(statement *readset.Statement) string {
	if statement.Schema == nil || len(statement.Text) > maxText {
		return ""
	}
	d := dialects[statement.Schema.Dialect]
	if d == nil {
		return ""
	}
	names := namesOf(statement, d)
	var out strings.Builder
	l := lexer{text: statement.Text, dialect: d}
	end := 0
	for {
		var t token
		l.next(&t)
		if t.kind == tokenEnd {
			return out.String()
		}
		if t.start > end && out.Len() > 0 {
			out.WriteByte(' ')
		}
		end = l.at
		switch {
		case t.kind == tokenText, t.kind == tokenBytes, t.kind == tokenNumber, t.kind == tokenWrong,
			!d.typed && t.kind == tokenName && statement.Text[t.start] == '"' && !names[readset.Fold(t.text)]:
			out.WriteByte('?')
		default:
			out.WriteString(statement.Text[t.start:l.at])
		}
	}
}

// namesOf has the names of the schema, and those that the text gives itself:
// after AS, and before a full stop.
func namesOf(statement *readset.Statement, d *dialect) map[string]bool {
	names := map[string]bool{}
	for _, read := range statement.Reads {
		names[readset.Fold(read.Table)] = true
	}
	for name, t := range statement.Schema.Tables {
		names[name] = true
		for i := range t.Columns {
			names[readset.Fold(t.Columns[i].Name)] = true
		}
	}
	l := lexer{text: statement.Text, dialect: d}
	var t, before token
	for l.next(&t); t.kind != tokenEnd; l.next(&t) {
		switch {
		case t.kind == tokenName && before.is("AS"):
			names[readset.Fold(t.text)] = true
		case t.is(".") && before.kind == tokenName:
			names[readset.Fold(before.text)] = true
		}
		before = t
	}
	return names
}
