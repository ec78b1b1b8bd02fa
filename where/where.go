// Package where has conditions on the rows of a table: the scope of a request,
// the filters of a list. One condition becomes SQL, and is decided of a row in
// memory with exactly the database's meaning, NULL included.
//
//	where.And(where.Eq("owner_id", user), where.Or(where.Gt("score", 10), where.IsNull("score")))
//
// An Expr names columns and is made without asking anything. Bind looks at one
// version of a schema: it checks names and types and converts the values once
// to what the column stores, so that no conversion of the database's can change
// the meaning. Of a Bound condition, SQL has fixed keywords, quoted names of the
// schema and placeholders; nothing of a value is in it. What Match cannot prove
// of a row is ivm.Ask.
//
// Texts compare by the column's collation, as in SQL. Contains, StartsWith and
// EndsWith heed case; those with an I take the 26 letters of ASCII in any case,
// as LIKE does (which a handle must not have set to heed case). Numbers count
// for these as their digits; NULL and bytes have no text in them.
//
// Expr and Bound are never altered and may be shared.
//
// Pipeline: request → resource → [where] → SQL and ivm.
package where

import (
	"database/sql/driver"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Expr is a condition. The functions of this package make all there are.
type Expr interface {
	// Canonical is equal for conditions that are the same, in whatever order the
	// members of And, Or and In stand.
	Canonical() string
	node() *node
}

// op tells conditions apart.
type op string

const (
	opAll     op = "all"
	opNone    op = "none"
	opAnd     op = "and"
	opOr      op = "or"
	opNot     op = "not"
	opEq      op = "eq"
	opNe      op = "ne"
	opLt      op = "lt"
	opLe      op = "le"
	opGt      op = "gt"
	opGe      op = "ge"
	opIn      op = "in"
	opNull    op = "null"
	opNotNull op = "notnull"
	opVia     op = "via"

	opContains    op = "contains"
	opStartsWith  op = "startswith"
	opEndsWith    op = "endswith"
	opIContains   op = "icontains"
	opIStartsWith op = "istartswith"
	opIEndsWith   op = "iendswith"
	opIExact      op = "iexact"
)

// node is every condition.
type node struct {
	op     op
	column string
	values []any
	parts  []*node
	key    [2]string // its canonical texts, without values and with them
}

func (n *node) node() *node { return n }

func (n *node) Canonical() string { return n.key[1] }

// Eq is column = v.
func Eq(column string, v any) Expr { return leaf(opEq, column, v) }

// Ne is column <> v, which NULL is not.
func Ne(column string, v any) Expr { return leaf(opNe, column, v) }

// Lt is column < v.
func Lt(column string, v any) Expr { return leaf(opLt, column, v) }

// Le is column <= v.
func Le(column string, v any) Expr { return leaf(opLe, column, v) }

// Gt is column > v.
func Gt(column string, v any) Expr { return leaf(opGt, column, v) }

// Ge is column >= v.
func Ge(column string, v any) Expr { return leaf(opGe, column, v) }

// Between is column >= low AND column <= high.
func Between(column string, low, high any) Expr { return And(Ge(column, low), Le(column, high)) }

// In is that column equals one of the values; none of none.
func In[V any](column string, values ...V) Expr {
	if len(values) == 0 {
		return None()
	}
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	return leaf(opIn, column, list...)
}

// IsNull is column IS NULL.
func IsNull(column string) Expr { return leaf(opNull, column) }

// NotNull is column IS NOT NULL.
func NotNull(column string) Expr { return leaf(opNotNull, column) }

// Contains is that text stands in the column's, in this case of its letters.
func Contains(column, text string) Expr { return leaf(opContains, column, text) }

// StartsWith is that the column's text begins with text.
func StartsWith(column, text string) Expr { return leaf(opStartsWith, column, text) }

// EndsWith is that the column's text ends with text.
func EndsWith(column, text string) Expr { return leaf(opEndsWith, column, text) }

// IContains is Contains in any case of ASCII.
func IContains(column, text string) Expr { return leaf(opIContains, column, text) }

// IStartsWith is StartsWith in any case of ASCII.
func IStartsWith(column, text string) Expr { return leaf(opIStartsWith, column, text) }

// IEndsWith is EndsWith in any case of ASCII.
func IEndsWith(column, text string) Expr { return leaf(opIEndsWith, column, text) }

// IExact is that the column's text is text, in any case of ASCII.
func IExact(column, text string) Expr { return leaf(opIExact, column, text) }

// And is that all hold. Of none it is All.
func And(list ...Expr) Expr { return nodesOf(opAnd, list) }

// Or is that one holds. Of none it is None.
func Or(list ...Expr) Expr { return nodesOf(opOr, list) }

// Not is that e is false. Where e is NULL, so is Not.
func Not(e Expr) Expr { return (&node{op: opNot, parts: nodes([]Expr{e})}).sealed() }

// All is every row.
func All() Expr { return (&node{op: opAll}).sealed() }

// None is no row.
func None() Expr { return (&node{op: opNone}).sealed() }

// Via is that the row to which a foreign key leads is there and meets e, which
// names columns of that row's table. column is one of the key's columns; a
// condition on NULL keys is never met, and so its Not always is.
func Via(column string, e Expr) Expr {
	return (&node{op: opVia, column: column, parts: nodes([]Expr{e})}).sealed()
}

func leaf(o op, column string, values ...any) *node {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = normal(v)
	}
	return (&node{op: o, column: column, values: list}).sealed()
}

// missing stands for an Expr that is nil: Bind refuses it.
var missing = &node{op: "", key: [2]string{"nil", "nil"}}

func nodes(list []Expr) []*node {
	made := make([]*node, len(list))
	for i, e := range list {
		if made[i] = missing; e != nil && e.node() != nil {
			made[i] = e.node()
		}
	}
	return made
}

func nodesOf(o op, list []Expr) *node { return joined(o, nodes(list)) }

// joined is And or Or of parts: those of the same kind are one, each once.
func joined(o op, parts []*node) *node {
	neutral, decisive := opAll, opNone
	if o == opOr {
		neutral, decisive = opNone, opAll
	}
	var flat []*node
	for _, p := range parts {
		switch p.op {
		case o:
			flat = append(flat, p.parts...)
		case neutral:
		case decisive:
			if !slices.Contains(parts, missing) {
				return p
			}
		default:
			flat = append(flat, p)
		}
	}
	slices.SortFunc(flat, func(a, b *node) int { return slices.Compare(a.key[:], b.key[:]) })
	flat = slices.CompactFunc(flat, func(a, b *node) bool { return a.key == b.key })
	switch len(flat) {
	case 0:
		return (&node{op: neutral}).sealed()
	case 1:
		return flat[0]
	}
	return (&node{op: o, parts: flat}).sealed()
}

// sealed fills in the canonical texts.
func (n *node) sealed() *node {
	if n.op == opIn {
		keys := map[string]any{}
		for _, v := range n.values {
			keys[written(v)] = v
		}
		n.values = n.values[:0]
		for _, key := range sortedKeys(keys) {
			n.values = append(n.values, keys[key])
		}
		if len(n.values) == 1 {
			n.op = opEq
		}
	}
	for i := range n.key {
		var text strings.Builder
		text.WriteString(string(n.op))
		text.WriteByte('(')
		if n.column != "" {
			text.WriteString(strconv.Quote(n.column))
		}
		for _, v := range n.values {
			text.WriteByte(',')
			if i == 1 {
				text.WriteString(written(v))
			}
		}
		for _, p := range n.parts {
			text.WriteByte(';')
			text.WriteString(p.key[i])
		}
		text.WriteByte(')')
		n.key[i] = text.String()
	}
	return n
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// unfit is a value that no column can be compared with.
type unfit struct{ text string }

// Stored marks a value of a column as the database has it: it is compared with
// as it is. Other texts are read as the column's type writes them.
func Stored(v any) any {
	if b, ok := v.([]byte); ok {
		return stored{append([]byte{}, b...)} // as database/sql has them, empty bytes are nil, which is NULL to drivers
	}
	return stored{v}
}

type stored struct{ v any }

// normal is a value as drivers take it: nil, int64, float64, bool, []byte,
// string, time.Time, or unfit.
func normal(v any) any {
	if s, ok := v.(stored); ok {
		return s
	}
	d, err := driver.DefaultParameterConverter.ConvertValue(v)
	if err != nil {
		return unfit{fmt.Sprintf("%T", v)}
	}
	switch d := d.(type) {
	case float64:
		if n := int64(d); float64(n) == d && math.Abs(d) < 1<<63 {
			return n
		}
	case time.Time:
		return d.Round(0).UTC()
	case []byte:
		if d == nil {
			return nil
		}
		return slices.Clone(d)
	}
	return d
}

// written is a value as no other one is.
func written(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []byte:
		return fmt.Sprintf("x'%x'", v)
	case time.Time:
		return v.Format("@" + time.RFC3339Nano)
	case stored:
		return "=" + written(v.v)
	}
	return fmt.Sprint(v)
}
