package where

import (
	"strconv"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/dialect"
)

// marks of comparisons.
var marks = map[op]string{opEq: " = ", opNe: " <> ", opLt: " < ", opLe: " <= ", opGt: " > ", opGe: " >= "}

// AppendSQL appends the condition as one expression of SQL, in parentheses
// where it needs them, and its arguments. alias is the name that the table has
// in the statement, args are those that stand before.
func (b *Bound) AppendSQL(to []byte, alias string, args []any) ([]byte, []any) {
	all := &dialect.Args{Dialect: b.dialect, Values: args}
	return b.Append(to, alias, all), all.Values
}

// Append is AppendSQL for a statement whose arguments are not always
// placeholders.
func (b *Bound) Append(to []byte, alias string, args *dialect.Args) []byte {
	w := &writer{b: to, args: args}
	w.term(b.root, alias, true)
	return w.b
}

type writer struct {
	b    []byte
	args *dialect.Args
	via  int // foreign keys that are followed, one within the other
}

// Quote puts a name in quotes.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (w *writer) put(text string) { w.b = append(w.b, text...) }

func (w *writer) column(alias, name string) { w.b = dialect.AppendColumn(w.b, alias, name) }

// compare puts a column as it is compared, and what with.
func (w *writer) compare(t *term, alias, mark string, values ...any) {
	w.b = w.args.AppendCompared(w.b, alias, t.column)
	w.put(mark)
	for i, v := range values {
		if i > 0 {
			w.put(", ")
		}
		w.b = w.args.Compared(w.b, t.column, v)
	}
}

// term puts one condition. plain says that NULL may be false here: no NOT
// stands around it.
func (w *writer) term(t *term, alias string, plain bool) {
	switch t.op {
	case opAll:
		w.put("TRUE")
	case opNone:
		w.put("FALSE")
	case opAnd:
		w.list(t.parts, " AND ", alias, plain)
	case opOr:
		w.list(t.parts, " OR ", alias, plain)
	case opNot:
		w.put("NOT (")
		w.term(t.parts[0], alias, false)
		w.put(")")
	case opNull:
		w.column(alias, t.column.Name)
		w.put(" IS NULL")
	case opNotNull:
		w.column(alias, t.column.Name)
		w.put(" IS NOT NULL")
	case opIn:
		w.compare(t, alias, " IN (", t.values...)
		w.put(")")
	case opVia:
		w.across(t, alias, plain)
	default:
		if mark := marks[t.op]; mark != "" {
			w.compare(t, alias, mark, t.values[0])
		} else if w.args.Typed() {
			w.like(t, alias)
		} else {
			w.textual(t, alias)
		}
	}
}

// list puts conditions side by side, in halves: SQL that is long is read as
// deep.
func (w *writer) list(parts []*term, between, alias string, plain bool) {
	if len(parts) == 1 {
		w.term(parts[0], alias, plain)
		return
	}
	w.put("(")
	if len(parts) > 32 {
		half := len(parts) / 2
		w.list(parts[:half], between, alias, plain)
		w.put(between)
		w.list(parts[half:], between, alias, plain)
	} else {
		for i, p := range parts {
			if i > 0 {
				w.put(between)
			}
			w.term(p, alias, plain)
		}
	}
	w.put(")")
}

// within puts that a text begins with another, as the range that it is.
func (w *writer) within(t *term, alias, text string) {
	w.put("(")
	w.compare(t, alias, " >= ", text)
	w.put(" AND ")
	w.compare(t, alias, " < ", after(text))
	w.put(")")
}

// textual puts a condition on a text as SQLite has it, so that an index, or the
// reader of statements, can make use of it: beside what is exact stands what is
// wider.
func (w *writer) textual(t *term, alias string) {
	text := t.values[0].(string)
	switch {
	case t.ranged && t.op == opStartsWith:
		w.within(t, alias, text)
		return
	case t.ranged:
		w.compare(t, alias, " = ", text)
		w.put(" COLLATE NOCASE")
		return
	}
	like := t.op.framed(wide.Replace(text), "%")
	if t.op.folds() && !strings.ContainsAny(text, "%_") {
		w.compare(t, alias, " LIKE ", like)
		return
	}
	w.put("(")
	w.compare(t, alias, " LIKE ", like)
	w.put(" AND ")
	if t.op.folds() {
		w.compare(t, alias, " LIKE ", t.op.framed(likeEscaped.Replace(text), "%"))
		w.put(` ESCAPE '\'`)
	} else {
		w.compare(t, alias, " GLOB ", t.op.framed(globEscaped.Replace(text), "*"))
	}
	w.put(")")
}

// like puts a condition on a text as PostgreSQL has it. By the collation C only
// the letters of ASCII have a case.
func (w *writer) like(t *term, alias string) {
	text := t.values[0].(string)
	if t.ranged {
		w.within(t, alias, text)
		return
	}
	mark := " LIKE "
	if t.op.folds() {
		mark = " ILIKE "
	}
	w.b = w.args.AppendText(w.b, alias, t.column, t.op.folds())
	w.put(mark)
	w.b = w.args.Text(w.b, t.op.framed(likeEscaped.Replace(text), "%"))
}

// across puts a condition on the row that a foreign key leads to.
func (w *writer) across(t *term, alias string, plain bool) {
	w.via++
	inner := "via" + strconv.Itoa(w.via)
	if strings.EqualFold(inner, alias) {
		inner += "_"
	}
	if plain && t.single {
		w.column(alias, t.key.Columns[0])
		w.put(" IN (SELECT ")
		w.column(inner, t.key.To[0])
		w.from(t, inner)
	} else {
		w.put("EXISTS (SELECT TRUE")
		w.from(t, inner)
		for i, column := range t.key.Columns {
			w.column(inner, t.key.To[i])
			w.put(" = ")
			w.column(alias, column)
			w.put(" AND ")
		}
	}
	w.term(t.parts[0], inner, true)
	w.put(")")
	w.via--
}

func (w *writer) from(t *term, inner string) {
	w.put(" FROM ")
	w.b = w.args.AppendTable(w.b, t.to)
	w.put(" AS ")
	w.put(Quote(inner))
	w.put(" WHERE ")
}
