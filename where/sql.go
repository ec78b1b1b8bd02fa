package where

import (
	"strconv"
	"strings"
)

// marks of comparisons.
var marks = map[op]string{opEq: " = ?", opNe: " <> ?", opLt: " < ?", opLe: " <= ?", opGt: " > ?", opGe: " >= ?"}

// AppendSQL appends the condition as one expression of SQL, in parentheses
// where it needs them, and its arguments. alias is the name that the table has
// in the statement.
func (b *Bound) AppendSQL(to []byte, alias string, args []any) ([]byte, []any) {
	w := &writer{b: to, args: args}
	w.term(b.root, alias, true)
	return w.b, w.args
}

type writer struct {
	b    []byte
	args []any
	via  int // foreign keys that are followed, one within the other
}

// Quote puts a name in quotes.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (w *writer) put(text string) { w.b = append(w.b, text...) }

func (w *writer) column(alias, name string) {
	w.put(Quote(alias))
	w.put(".")
	w.put(Quote(name))
}

// ask puts a column, and what is asked of it with its arguments.
func (w *writer) ask(t *term, alias, mark string, args ...any) {
	w.column(alias, t.column.Name)
	w.put(mark)
	w.args = append(w.args, args...)
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
		w.ask(t, alias, " IS NULL")
	case opNotNull:
		w.ask(t, alias, " IS NOT NULL")
	case opIn:
		w.ask(t, alias, " IN (?"+strings.Repeat(", ?", len(t.values)-1)+")", t.values...)
	case opVia:
		w.across(t, alias, plain)
	default:
		if mark := marks[t.op]; mark != "" {
			w.ask(t, alias, mark, t.values[0])
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

// textual puts a condition on a text so that an index, or the reader of
// statements, can make use of it: beside what is exact stands what is wider.
func (w *writer) textual(t *term, alias string) {
	text := t.values[0].(string)
	switch {
	case t.ranged && t.op == opStartsWith:
		w.put("(")
		w.ask(t, alias, " >= ?", text)
		w.put(" AND ")
		w.ask(t, alias, " < ?", after(text))
		w.put(")")
		return
	case t.ranged:
		w.ask(t, alias, " = ? COLLATE NOCASE", text)
		return
	}
	like := t.op.framed(wide.Replace(text), "%")
	if t.op.folds() && !strings.ContainsAny(text, "%_") {
		w.ask(t, alias, " LIKE ?", like)
		return
	}
	w.put("(")
	w.ask(t, alias, " LIKE ?", like)
	w.put(" AND ")
	if t.op.folds() {
		w.ask(t, alias, ` LIKE ? ESCAPE '\'`, t.op.framed(likeEscaped.Replace(text), "%"))
	} else {
		w.ask(t, alias, " GLOB ?", t.op.framed(globEscaped.Replace(text), "*"))
	}
	w.put(")")
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
	w.put(Quote(t.to.Name))
	w.put(" AS ")
	w.put(Quote(inner))
	w.put(" WHERE ")
}
