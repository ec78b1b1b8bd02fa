package where

import (
	"slices"

	"github.com/wakeful-dev/wakeful/schema"
)

// via binds a condition across a foreign key.
func (b *binder) via(n *node, t *schema.Table, depth int) (*term, *node, error) {
	key := KeyOf(t, n.column)
	if key == nil {
		var known []string
		for _, key := range t.Foreign {
			known = append(known, key.Columns...)
		}
		slices.Sort(known)
		return nil, nil, &Error{Table: t.Name, Column: n.column, Known: append([]string{}, slices.Compact(known)...),
			Why: "no foreign key has this column"}
	}
	to := b.schema.Table(key.Table)
	if to == nil {
		return nil, nil, &Error{Table: t.Name, Column: n.column, Why: "its foreign key leads to " + key.Table + ", which there is not"}
	}
	asks := b.asks
	inner, stored, err := b.bind(n.parts[0], to, depth+1)
	if err != nil {
		return nil, nil, err
	}
	bound := &term{op: opVia, key: key, to: to, parts: []*term{inner}}
	if len(key.Columns) == 1 {
		from, other := t.Column(key.Columns[0]), to.Column(key.To[0])
		bound.single = Compares(from, b.schema).Kind == Compares(other, b.schema).Kind && from.Collation == other.Collation
	}
	for _, name := range key.Columns {
		if !t.Column(name).Unstored {
			bound.notNull = append(bound.notNull, name)
		}
	}
	if b.asks = asks; asks == "" && inner.op != opNone {
		b.asks = n.column + ": the row of " + to.Name + " is in the database"
	}
	return bound, (&node{op: opVia, column: n.column, parts: []*node{stored}}).sealed(), nil
}

// KeyOf returns the foreign key that a column names: that of it alone, else
// the first that it is in, nil where there is none.
func KeyOf(t *schema.Table, column string) *schema.ForeignKey {
	var found *schema.ForeignKey
	for i := range t.Foreign {
		key := &t.Foreign[i]
		if !slices.Contains(key.Columns, column) {
			continue
		}
		if len(key.Columns) == 1 {
			return key
		}
		if found == nil {
			found = key
		}
	}
	return found
}
