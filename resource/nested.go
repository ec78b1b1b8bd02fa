package resource

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/resource/value"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/where"
	"github.com/wakeful-dev/wakeful/wire"
)

// Nested are rows of another table in each item, joined by a foreign key. They
// are shown to everybody who sees the item.
//
//	Nested: []resource.Nested{
//		{Name: "author", Via: "author_id", Columns: []string{"id", "name"}},
//		{Name: "comments", Table: "comments", By: "post_id", Order: []string{"-created"}},
//	}
type Nested struct {
	// Name of the member. It is an object or null with Via, a list with By.
	Name string
	// Via is a column of the own foreign key that leads to the other row.
	Via string
	// By is a column of the other table's foreign key that leads here; Table is
	// that table.
	Table, By string
	// Columns are what the nested rows show. Default: all.
	Columns []string
	// Order is that of the list; the key is its last term.
	Order []string
}

// nested is a Nested in one version of the schema.
type nested struct {
	ivm.Nested
	member []byte // `,"name":`
	one    bool
	table  *schema.Table
	// compare says how the database compares the columns that are equal; Compare
	// how memory does with values as they are stored.
	compare []predicate.Column
	shown   []field
	order   []term
}

func (l *layout) addNested() error {
	var errs []error
	for i := range l.Nested {
		n, err := l.nest(&l.Nested[i])
		if err != nil {
			errs = append(errs, fmt.Errorf("Config.Nested[%d]: %w", i, err))
			continue
		}
		l.nested = append(l.nested, n)
	}
	return errors.Join(errs...)
}

func (l *layout) nest(cfg *Nested) (*nested, error) {
	switch {
	case cfg.Name == "":
		return nil, errors.New("no Name: the member that the rows are in")
	case l.named(cfg.Name) != nil || slices.ContainsFunc(l.nested, func(n *nested) bool { return string(n.member) == string(member(cfg.Name)) }):
		return nil, fmt.Errorf("the Name %q is that of another member", cfg.Name)
	case (cfg.Via == "") == (cfg.By == ""):
		return nil, errors.New("want either Via, a column that leads to the other row, or Table and By, one that leads here")
	}
	n := &nested{member: member(cfg.Name), one: cfg.Via != ""}
	var inner, outer []string // the columns that are equal, there and here
	if n.one {
		key := keyOn(l.table, cfg.Via)
		if key == nil {
			return nil, fmt.Errorf("field Via: %s has no foreign key %q; it has %s", l.table.Name, cfg.Via, listed(foreignNames(l.table)))
		}
		if n.table = l.schema.Table(key.Table); n.table == nil {
			return nil, fmt.Errorf("field Via: the foreign key %q leads to %q, which does not exist", cfg.Via, key.Table)
		}
		inner, outer = key.To, key.Columns
	} else {
		if n.table = l.schema.Table(cfg.Table); n.table == nil {
			return nil, fmt.Errorf("there is no Table %q; there are %s", cfg.Table, listed(tableNames(l.schema)))
		}
		key := keyOn(n.table, cfg.By)
		if key == nil || l.schema.Table(key.Table) != l.table {
			return nil, fmt.Errorf("field By: %s has no foreign key %q that leads to %s; it has %s", n.table.Name, cfg.By, l.table.Name, listed(foreignNames(n.table)))
		}
		inner, outer = key.Columns, key.To
	}
	if len(n.table.Key) == 0 {
		return nil, fmt.Errorf("%s has no primary key, so its rows have no order that stays", n.table.Name)
	}
	return n, errors.Join(n.addColumns(cfg), l.join(n, inner, outer), n.addOrder(cfg, l.schema))
}

func member(name string) []byte {
	return append(wire.AppendString([]byte{','}, name), ':')
}

// keyOn returns the foreign key that a column is part of.
func keyOn(t *schema.Table, column string) *schema.ForeignKey {
	for i := range t.Foreign {
		if slices.Contains(t.Foreign[i].Columns, column) {
			return &t.Foreign[i]
		}
	}
	return nil
}

func (n *nested) addColumns(cfg *Nested) error {
	names := cfg.Columns
	if len(names) == 0 {
		names = n.table.Names()
	}
	n.Nested.Table = n.table.Name
	for _, name := range names {
		c := n.table.Column(name)
		if c == nil {
			return fmt.Errorf("field Columns: %s has no column %q; it has %s", n.table.Name, name, listed(n.table.Names()))
		}
		text := member(name)[1:]
		n.shown = append(n.shown, field{name: name, member: text, column: *c, place: placed(&n.Columns, name), direct: true})
	}
	return nil
}

func (l *layout) join(n *nested, inner, outer []string) error {
	for i := range inner {
		c, to := n.table.Column(inner[i]), l.table.Column(outer[i])
		if c == nil || to == nil {
			return fmt.Errorf("the foreign key names columns that do not exist (%s, %s)", inner[i], outer[i])
		}
		n.Child = append(n.Child, placed(&n.Columns, inner[i]))
		n.Parent = append(n.Parent, placed(&l.columns, outer[i]))
		as := where.Compares(c, l.schema)
		n.compare = append(n.compare, as)
		if as.Kind != where.Compares(to, l.schema).Kind {
			as.Kind = predicate.Unfit // the database converts one to compare them
		}
		n.Compare = append(n.Compare, as)
	}
	return nil
}

func (n *nested) addOrder(cfg *Nested, s *schema.Schema) error {
	for _, name := range append(slices.Clone(cfg.Order), n.table.Key...) {
		column, desc := strings.CutPrefix(name, "-")
		c := n.table.Column(column)
		if c == nil {
			return fmt.Errorf("field Order: %s has no column %q; it has %s", n.table.Name, column, listed(n.table.Names()))
		}
		if slices.ContainsFunc(n.order, func(t term) bool { return t.column.Name == c.Name }) {
			continue
		}
		n.order = append(n.order, term{c, desc})
	}
	n.Nested.Order = make([]ivm.Term, len(n.order))
	for i, t := range n.order {
		n.Nested.Order[i] = ivm.Term{Column: placed(&n.Columns, t.column.Name), Desc: t.desc, NullsLast: t.desc, As: where.Compares(t.column, s)}
	}
	return nil
}

// appendMember writes the rows of one item.
func (n *nested) appendMember(to []byte, rows [][]any, numbers value.Numbers) []byte {
	to = append(to[:len(to)-1], n.member...) // in place of the item's brace
	if to[len(to)-len(n.member)-1] == '{' {
		to = slices.Delete(to, len(to)-len(n.member), len(to)-len(n.member)+1)
	}
	switch {
	case n.one && len(rows) == 0:
		to = append(to, "null"...)
	case n.one:
		to = n.appendRow(to, rows[0], numbers)
	default:
		to = append(to, '[')
		for i, row := range rows {
			if i > 0 {
				to = append(to, ',')
			}
			to = n.appendRow(to, row, numbers)
		}
		to = append(to, ']')
	}
	return append(to, '}')
}

func (n *nested) appendRow(to []byte, row []any, numbers value.Numbers) []byte {
	to = append(to, '{')
	for i := range n.shown {
		f := &n.shown[i]
		if i > 0 {
			to = append(to, ',')
		}
		to = append(to, f.member...)
		to = value.AppendJSON(to, &f.column, row[f.place], numbers)
	}
	return append(to, '}')
}
