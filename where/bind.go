package where

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/dialect"
	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/schema"
)

// Bounds of a condition.
const (
	maxDepth  = 32
	maxValues = 10_000 // SQLite takes 32,766 arguments in a statement
	maxText   = 4_096  // bytes of a text that is looked for; SQLite takes patterns of 50,000
)

// Error says what is wrong with a condition.
type Error struct {
	// Table and Column are what the condition names, "" where it is about none.
	Table, Column string
	// Known lists the columns that could have been named, where Column is none
	// of them.
	Known []string
	// Why says what is wrong, or what is wanted.
	Why string
}

func (e *Error) Error() string {
	text := "where: "
	if e.Column != "" {
		text += fmt.Sprintf("%s.%s: ", e.Table, e.Column)
	}
	text += e.Why
	if e.Known != nil {
		text += "; there are " + strings.Join(e.Known, ", ")
	}
	return text
}

// Bound is a condition on the rows of one table, in one version of its schema.
type Bound struct {
	of      *node // with values as they are stored
	root    *term
	table   *schema.Table
	dialect dialect.Dialect
	asks    string
}

// term is one condition with what the schema says of it.
type term struct {
	op     op
	column *schema.Column
	as     predicate.Column
	values []any
	parts  []*term
	ask    string // why no value of the column is decided, "" where they are
	ranged bool   // StartsWith is a range, and IExact an equality

	// Of Via.
	key     *schema.ForeignKey
	to      *schema.Table
	single  bool // one column, compared as its parent is: IN means the same
	notNull []string
}

// Bind checks a condition on the rows of a table and converts its values. The
// error is an *Error.
func Bind(e Expr, t *schema.Table, s *schema.Schema) (*Bound, error) {
	b := &binder{schema: s}
	root, of, err := b.bind(nodes([]Expr{e})[0], t, 0)
	if err != nil {
		return nil, err
	}
	return &Bound{of: of, root: root, table: t, dialect: dialect.Of(s), asks: b.asks}, nil
}

// Canonical is that of the condition with its values as they are stored: equal
// for more conditions than Expr.Canonical.
func (b *Bound) Canonical() string { return b.of.Canonical() }

// Columns names the columns of the table that the condition asks about, sorted.
func (b *Bound) Columns() []string {
	names := b.root.columns(nil)
	slices.Sort(names)
	return slices.Compact(names)
}

func (t *term) columns(names []string) []string {
	switch {
	case t.key != nil:
		return append(names, t.key.Columns...)
	case t.column != nil:
		return append(names, t.column.Name)
	}
	for _, p := range t.parts {
		names = p.columns(names)
	}
	return names
}

// Tables names the tables of which the condition asks other rows than the one
// that it is about, sorted.
func (b *Bound) Tables() []string {
	names := b.root.tables(nil)
	slices.Sort(names)
	return slices.Compact(names)
}

func (t *term) tables(names []string) []string {
	if t.to != nil {
		names = append(names, t.to.Name)
	}
	for _, p := range t.parts {
		names = p.tables(names)
	}
	return names
}

// Asks says why Match leaves it to the database to decide rows whose values are
// of their columns' own types, "" where it decides them.
func (b *Bound) Asks() string { return b.asks }

type binder struct {
	schema *schema.Schema
	values int
	asks   string
}

func (b *binder) bind(n *node, t *schema.Table, depth int) (*term, *node, error) {
	if depth > maxDepth {
		return nil, nil, &Error{Why: fmt.Sprintf("conditions stand in one another more than %d deep", maxDepth)}
	}
	switch n.op {
	case "":
		return nil, nil, &Error{Why: "a condition is nil; All is every row"}
	case opAll, opNone:
		return &term{op: n.op}, n, nil
	case opAnd, opOr, opNot:
		return b.several(n, t, depth)
	case opVia:
		return b.via(n, t, depth)
	}
	c := t.Column(n.column)
	if c == nil {
		return nil, nil, &Error{Table: t.Name, Column: n.column, Known: t.Names(), Why: "there is no such column"}
	}
	if b.values += len(n.values); b.values > maxValues {
		return nil, nil, &Error{Table: t.Name, Column: n.column, Why: fmt.Sprintf("more than %d values are compared with", maxValues)}
	}
	bound := &term{op: n.op, column: c, as: Compares(c, b.schema)}
	stored := &node{op: n.op, column: n.column}
	for _, v := range n.values {
		v, why := bound.convert(v)
		if why != "" {
			return nil, nil, &Error{Table: t.Name, Column: n.column, Why: why}
		}
		stored.values = append(stored.values, v)
	}
	stored.sealed()
	bound.op, bound.values = stored.op, stored.values
	bound.judge(t, b.schema)
	if b.asks == "" && bound.ask != "" {
		b.asks = fmt.Sprintf("%s: %s", n.column, bound.ask)
	}
	return bound, stored, nil
}

// several binds And, Or, Not. Values that became equal can make parts equal.
func (b *binder) several(n *node, t *schema.Table, depth int) (*term, *node, error) {
	terms := map[*node]*term{}
	parts := make([]*node, len(n.parts))
	for i, p := range n.parts {
		bound, stored, err := b.bind(p, t, depth+1)
		if err != nil {
			return nil, nil, err
		}
		parts[i], terms[stored] = stored, bound
	}
	if n.op == opNot {
		stored := (&node{op: opNot, parts: parts}).sealed()
		return &term{op: opNot, parts: []*term{terms[parts[0]]}}, stored, nil
	}
	stored := joined(n.op, parts)
	if bound := terms[stored]; bound != nil {
		return bound, stored, nil
	}
	bound := &term{op: n.op}
	for _, p := range stored.parts {
		bound.parts = append(bound.parts, terms[p])
	}
	return bound, stored, nil
}

// Compares says how the values of a column compare with each other. Of what the
// database computes itself, as in a view, nothing is known.
func Compares(c *schema.Column, s *schema.Schema) predicate.Column {
	as := predicate.Column{Name: c.Name}
	utf8 := s.Encoding == "UTF-8"
	switch {
	case s.Dialect == "sqlite":
		as.Kind = predicate.SQLiteKind(c.Declared)
		if utf8 {
			as.Collation = predicate.CollationOf(c.Collation)
		}
	case c.Unordered && utf8:
		as.Kind, as.Collation = predicate.PostgresText, predicate.Binary
	case c.Unordered:
	case len(c.Labels) > 0:
		as.Kind = predicate.PostgresLabel
	default:
		as.Kind = predicate.PostgresKind(c.Native)
		if utf8 {
			as.Collation = predicate.PostgresCollation(c.Collation)
		}
	}
	return as
}

// judge says how the condition is asked, and whether it is decided in memory.
func (t *term) judge(of *schema.Table, s *schema.Schema) {
	text := t.as.Collation != predicate.Foreign
	switch t.op {
	case opStartsWith:
		t.ranged = (t.as.Kind == predicate.Text || t.as.Kind == predicate.PostgresText) &&
			t.as.Collation == predicate.Binary && after(t.values[0].(string)) != ""
	case opIExact:
		t.ranged = t.as.Kind == predicate.Text && text
	}
	switch {
	case of.View:
		t.ask = "the columns of a view are not in the images of changes"
	case of.Unobserved != "":
		t.ask = "the table " + of.Unobserved
	case t.column.Unstored:
		t.ask = "images of changes do not have the generated column"
	case t.op == opNull || t.op == opNotNull:
	case t.column.Native != "":
		t.ask = t.typedAsks(s)
	case s.Encoding != "UTF-8" && (t.op.textual() || t.hasText()):
		t.ask = "the database stores text in " + s.Encoding
	case t.op.textual() && !t.ranged:
		t.ask = textAsks(t)
	case t.as.Kind == predicate.Unfit:
		t.ask = "a column of the type " + t.column.Declared + " compares as the table says"
	case !text && t.hasText():
		t.ask = "how its collation compares is not known"
		if t.column.Collation != "" {
			t.ask = "how the collation " + t.column.Collation + " compares is not known"
		}
	default:
		for _, v := range t.values {
			if _, known := t.as.Converted(v); !known {
				t.ask = "the database may read the text as a number"
			} else if _, known := compare(v, v, t.as); !known {
				t.ask = "how its collation compares this text is not known"
			}
		}
	}
}

// typedAsks says why a condition on a column that has values of its own type
// only is left to the database, "" where memory decides it.
func (t *term) typedAsks(s *schema.Schema) string {
	inOrder := t.op == opLt || t.op == opLe || t.op == opGt || t.op == opGe || t.ranged
	switch isText := t.column.Type == schema.Text; {
	case isText && s.Encoding != "UTF-8":
		return "the database stores text in " + s.Encoding
	case t.op.textual() && !t.ranged:
		if !decidedText[t.column.Native] && len(t.column.Labels) == 0 {
			return "only the database knows how it writes a " + t.column.Native
		}
		return ""
	case t.as.Kind == predicate.Unfit:
		return "only the database knows how values of the type " + t.column.Native + " compare"
	case isText && t.as.Collation == predicate.Foreign && len(t.column.Labels) == 0:
		return "how its collation compares is not known"
	case inOrder && !t.as.Ordered():
		return "which text comes first by its collation is not known"
	}
	for _, v := range t.values {
		if _, known := same(v, v, t.as); !known {
			return "how this value compares is not known"
		}
	}
	return ""
}

// decidedText are the types whose values are the text that LIKE looks into.
var decidedText = map[string]bool{"text": true, "character varying": true, "bpchar": true, "name": true, "uuid": true}

// hasText reports whether a value is a text.
func (t *term) hasText() bool {
	return slices.ContainsFunc(t.values, func(v any) bool { _, is := v.(string); return is })
}
