package resource

import (
	"context"
	"fmt"
	"slices"

	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/schema"
)

// The most parents whose rows one statement reads: a list of values narrows
// what it depends on only up to a bound, and choices of several columns sooner.
const (
	maxParents    = 2048
	maxComposites = 32
)

// fill reads the rows that are nested in those of the lists.
func (l *layout) fill(ctx context.Context, lists []*ivm.Rows) error {
	if len(l.nested) == 0 {
		return nil
	}
	for _, list := range lists {
		for i := range list.List {
			list.List[i].Nested = make([][][]any, len(l.nested))
		}
	}
	for i, n := range l.nested {
		if err := l.fillOne(ctx, lists, i, n); err != nil {
			return err
		}
	}
	return nil
}

// parent is what rows are nested under: the values that they have to equal.
type parent struct {
	values []any
	rows   []*[][]any // where they go
}

func (l *layout) fillOne(ctx context.Context, lists []*ivm.Rows, at int, n *nested) error {
	byKey := map[string]*parent{}
	var all, alone []*parent // those that Go can tell apart, and others
	for _, list := range lists {
		for i := range list.List {
			row := &list.List[i]
			values := make([]any, len(n.Parent))
			for j, place := range n.Parent {
				values[j] = row.Values[place]
			}
			if slices.Contains(values, nil) {
				continue // NULL equals nothing
			}
			to := &row.Nested[at]
			key, known := n.key(values, predicate.Column.Argument)
			if !known {
				alone = append(alone, &parent{values, []*[][]any{to}})
				continue
			}
			if byKey[key] == nil {
				byKey[key] = &parent{values: values}
				all = append(all, byKey[key])
			}
			byKey[key].rows = append(byKey[key].rows, to)
		}
	}
	most := maxParents
	if len(n.Parent) > 1 {
		most = maxComposites
	}
	for part := range slices.Chunk(all, most) {
		if err := n.read1(ctx, l, part, byKey); err != nil {
			return err
		}
	}
	for _, p := range alone {
		if err := n.read1(ctx, l, []*parent{p}, nil); err != nil {
			return err
		}
	}
	return nil
}

// key is a text that equal values share, as the database compares them.
func (n *nested) key(values []any, form func(predicate.Column, []byte, any) ([]byte, predicate.Known)) (string, bool) {
	var key []byte
	for i, v := range values {
		start := len(key)
		var known predicate.Known
		if key, known = form(n.compare[i], key, v); known != predicate.IsKey {
			return "", false
		}
		key = append(key, 0, byte(len(key)-start), byte((len(key)-start)>>8), byte((len(key)-start)>>16))
	}
	return string(key), true
}

// read1 reads the rows of some parents and hands them out. byKey nil: there is
// one parent, and all rows are its.
func (n *nested) read1(ctx context.Context, l *layout, parents []*parent, byKey map[string]*parent) error {
	text, args := n.statement(l, parents)
	rows, err := l.query(ctx, text, args)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // what it could say, Err says
	dest := make([]any, len(n.Columns))
	child := make([]any, len(n.Child))
	for rows.Next() {
		values := make([]any, len(n.Columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		of := parents[0]
		if byKey != nil {
			for i, place := range n.Child {
				child[i] = values[place]
			}
			key, _ := n.key(child, predicate.Column.Row)
			if of = byKey[key]; of == nil {
				return n.unplaced(child)
			}
		}
		for _, to := range of.rows {
			*to = append(*to, values)
		}
	}
	return rows.Err()
}

// statement reads the rows of some parents, in their order.
func (n *nested) statement(l *layout, parents []*parent) (text string, values []any) {
	args := l.args()
	b := l.appendColumns([]byte("SELECT "), n.table, "t", n.Columns)
	b = l.appendFrom(b, n.table, "t")
	column := func(place int) *schema.Column { return n.table.Column(n.Columns[place]) }
	if len(n.Child) == 1 {
		c := column(n.Child[0])
		b = append(args.AppendCompared(append(b, " WHERE "...), "t", c), " IN ("...)
		for i := range padded(len(parents)) {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = args.Compared(b, c, parents[min(i, len(parents)-1)].values[0])
		}
		b = append(b, ')')
	} else {
		for i, p := range parents {
			if i == 0 {
				b = append(b, " WHERE ("...)
			} else {
				b = append(b, ") OR ("...)
			}
			for j, place := range n.Child {
				if j > 0 {
					b = append(b, " AND "...)
				}
				b = append(args.AppendCompared(b, "t", column(place)), " = "...)
				b = args.Compared(b, column(place), p.values[j])
			}
		}
		b = append(b, ')')
	}
	return string(l.appendOrder(b, "t", n.order)), args.Values
}

func (n *nested) unplaced(child []any) error {
	return fmt.Errorf("resource: a row of %s belongs to none of those that it was read for (%v)", n.Table, child)
}
