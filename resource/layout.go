package resource

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/wakeful-dev/wakeful/resource/value"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/wire"
)

// layout is what a resource's options come to in one version of the schema:
// per request nothing of it is looked for again. It is never altered, but for
// what it remembers.
type layout struct {
	*endpoint
	made   atomic.Pointer[made]
	schema *schema.Schema
	table  *schema.Table
	// fields are the members of an item, in their order.
	fields []field
	// columns are those that are read for an item: of the fields, the key, and
	// what nested rows hang on.
	columns []string
	// key are the fields that tell rows apart; none: there is no detail.
	key []int
	// unobserved is why the list cannot be observed, "" where it can.
	unobserved string

	filters map[string]*filter // by the name in the URL
	known   []string           // those names, sorted
	search  []string           // columns
	orders  map[string]string  // by the name in the URL: the column
	byOrder []string           // those names, in the order of the config
	order   []term             // where a request asks for none
	nested  []*nested
}

// field is one member of an item.
type field struct {
	name   string
	member []byte // `"name":`
	// column is that of the table, with the type that the Go field says.
	column schema.Column
	// place is where the value stands in layout.columns.
	place    int
	readOnly bool
	numbers  value.Numbers
	as       *goField // nil in a Record
	direct   bool     // its JSON follows from the stored value
}

// newLayout joins options and schema. The error has everything that is wrong.
func newLayout(e *endpoint, s *schema.Schema) (*layout, error) {
	l := &layout{endpoint: e, schema: s, table: s.Table(e.Table)}
	if l.table == nil {
		return nil, fmt.Errorf("there is no table or view %q; there are %s", e.Table, listed(tableNames(s)))
	}
	err := errors.Join(l.checkColumns(), l.addFields())
	if err != nil {
		return nil, err // what follows would say the same again
	}
	return l, errors.Join(l.addKey(), l.addFilters(), l.addSearch(), l.addOrder(), l.addNested())
}

func tableNames(s *schema.Schema) []string {
	names := make([]string, len(s.Tables))
	for i, t := range s.Tables {
		names[i] = t.Name
	}
	return names
}

// listed writes names for an error.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// unknownColumn says that a field of the config names a column in vain.
func (l *layout) unknownColumn(field, name string) error {
	return fmt.Errorf("%s: %s has no column %q; it has %s", "Config."+field, l.table.Name, name, listed(l.table.Names()))
}

func (l *layout) checkColumns() error {
	var errs []error
	for field, names := range map[string][]string{"Hidden": l.Hidden, "ReadOnly": l.ReadOnly, "Key": l.Key} {
		for _, name := range names {
			if l.table.Column(name) == nil {
				errs = append(errs, l.unknownColumn(field, name))
			}
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

func (l *layout) addFields() error {
	if l.row == nil {
		for i := range l.table.Columns {
			if c := &l.table.Columns[i]; !slices.Contains(l.Hidden, c.Name) {
				l.addField(field{name: c.Name, column: *c, direct: true})
			}
		}
		return nil
	}
	var errs []error
	for i := range l.row.fields {
		f := &l.row.fields[i]
		c := f.find(l.table)
		switch {
		case c == nil:
			errs = append(errs, fmt.Errorf("field %s.%s: %s has no column %q; it has %s",
				l.row.of.Name(), f.goName, l.table.Name, f.wanted(), listed(l.table.Names())))
		case slices.Contains(l.Hidden, c.Name):
			errs = append(errs, fmt.Errorf("field %s.%s shows the column %q, which Config.Hidden names", l.row.of.Name(), f.goName, c.Name))
		case l.fieldOf(c.Name) != nil:
			errs = append(errs, fmt.Errorf("field %s.%s: the column %q has a field already", l.row.of.Name(), f.goName, c.Name))
		default:
			column := *c
			of, direct := meant(f.typ)
			column.Type = merged(c.Type, of, c.Native)
			l.addField(field{name: f.name, column: column, as: f, direct: direct && !f.quoted && !f.omit})
		}
	}
	return errors.Join(errs...)
}

// wanted is how a field names its column first.
func (f *goField) wanted() string {
	if f.column != "" {
		return f.column
	}
	return f.name
}

// merged is the type of a column whose field in Go means of.
func merged(stored, of schema.Type, native string) schema.Type {
	switch {
	case of == schema.Any:
		return stored
	case of == schema.Text && stored != schema.Any && stored != schema.Integer && stored != schema.Float && stored != schema.Boolean && stored != schema.JSON:
		return stored // dates, decimals and the like as text
	case (of == schema.Float || of == schema.Integer) && stored == schema.Decimal && native != "",
		of == schema.Float && stored == schema.Decimal, of == schema.Timestamp && (stored == schema.Date || stored == schema.Time):
		return stored
	}
	return of
}

func (l *layout) addField(f field) {
	f.member = append(wire.AppendString(nil, f.name), ':')
	f.place = placed(&l.columns, f.column.Name)
	f.numbers = l.Numbers
	if f.numbers == value.BigAsText && slices.Contains(l.keyColumns(), f.column.Name) {
		f.numbers = value.AllAsText // keys are of one type
	}
	f.readOnly = f.column.Generated || slices.Contains(l.ReadOnly, f.column.Name)
	l.fields = append(l.fields, f)
}

// placed returns the place of a column among those that are read, to which it
// is added.
func placed(columns *[]string, column string) int {
	i := slices.Index(*columns, column)
	if i < 0 {
		i = len(*columns)
		*columns = append(*columns, column)
	}
	return i
}

// fieldOf returns the field that shows a column, nil where none does.
func (l *layout) fieldOf(column string) *field {
	for i := range l.fields {
		if l.fields[i].column.Name == column {
			return &l.fields[i]
		}
	}
	return nil
}

// named returns the field of a name in JSON, nil where there is none.
func (l *layout) named(name string) *field {
	for i := range l.fields {
		if l.fields[i].name == name {
			return &l.fields[i]
		}
	}
	return nil
}

// keyColumns names what tells the rows apart.
func (l *layout) keyColumns() []string {
	if len(l.Key) > 0 {
		return l.Key
	}
	return l.table.Key
}

func (l *layout) addKey() error {
	if len(l.Key) > 0 && !l.table.View && !l.unique(l.Key) {
		return fmt.Errorf("Config.Key: nothing keeps two rows of %s from having equal %s; make them UNIQUE and NOT NULL", l.table.Name, listed(l.Key))
	}
	for _, column := range l.keyColumns() {
		f := l.fieldOf(column)
		if f == nil {
			if l.row == nil {
				return fmt.Errorf("Config.Hidden names %q, which is part of the key: clients tell rows apart by it", column)
			}
			return fmt.Errorf("no field of %s is the column %q, which is part of the key: add one, clients tell rows apart by it", l.row.of.Name(), column)
		}
		l.key = append(l.key, slices.IndexFunc(l.fields, func(g field) bool { return g.name == f.name }))
	}
	switch {
	case len(l.key) == 0:
		l.unobserved = fmt.Sprintf("%s has no primary key, so nothing tells its rows apart; give it one, or name one in Config.Key", l.table.Name)
	case len(l.key) > 1 && l.named(wire.CompositeKey) != nil:
		l.unobserved = fmt.Sprintf("%s has a column %s, which is what lists that are observed call a key of several columns", l.table.Name, wire.CompositeKey)
	case l.table.Unobserved != "":
		l.unobserved = fmt.Sprintf("%s %s: %s", l.table.Name, l.table.Unobserved, l.table.Cure)
	}
	return nil
}

// unique reports whether the database sees to it that columns tell rows apart.
func (l *layout) unique(columns []string) bool {
	same := func(set []string) bool {
		return len(set) == len(columns) && !slices.ContainsFunc(set, func(c string) bool { return !slices.Contains(columns, c) })
	}
	if same(l.table.Key) {
		return true
	}
	nullable := slices.ContainsFunc(columns, func(c string) bool { return l.table.Column(c).Nullable })
	return !nullable && slices.ContainsFunc(l.table.Unique, same)
}

// keyNames names the key's members.
func (l *layout) keyNames() []string {
	names := make([]string, len(l.key))
	for i, at := range l.key {
		names[i] = l.fields[at].name
	}
	return names
}
