package resource

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/resource/value"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/where"
)

// Lookup is a way to compare a column with what a URL says: ?score__gt=5.
type Lookup string

const (
	Exact       Lookup = "exact" // also without a word: ?author_id=7
	Ne          Lookup = "ne"
	Gt          Lookup = "gt"
	Gte         Lookup = "gte"
	Lt          Lookup = "lt"
	Lte         Lookup = "lte"
	In          Lookup = "in"     // ?status__in=new,open
	Range       Lookup = "range"  // ?score__range=5,9, both ends included
	IsNull      Lookup = "isnull" // ?parent_id__isnull=true
	Contains    Lookup = "contains"
	IContains   Lookup = "icontains"
	StartsWith  Lookup = "startswith"
	IStartsWith Lookup = "istartswith"
	EndsWith    Lookup = "endswith"
	IEndsWith   Lookup = "iendswith"
	IExact      Lookup = "iexact"
)

// Lookups that belong together, for Filters. A column takes those of them that
// make sense for its type.
var (
	Equality   = []Lookup{Exact, Ne, In, IsNull}
	Comparison = append(slices.Clone(Equality), Gt, Gte, Lt, Lte, Range)
	Texts      = append(slices.Clone(Equality), Contains, IContains, StartsWith, IStartsWith, EndsWith, IEndsWith, IExact)
	Every      = append(slices.Clone(Comparison), Texts[len(Equality):]...)
)

// Filters lists what a URL can filter by: columns, and the lookups of each.
// "author_id__name" is the column name of the row that the foreign key
// author_id leads to, and so on; author__name is the same, in URLs too. AllColumns stands
// for each column that answers have.
//
//	resource.Filters{
//		"author_id":    resource.Equality,
//		"score":        resource.Comparison,
//		"title":        {resource.Exact, resource.IContains},
//		"author__name": resource.Texts,
//	}
type Filters map[string][]Lookup

// AllColumns stands for all columns that answers have, in Filters and in
// Order.Allow.
const AllColumns = "*"

// maxHops bounds how many foreign keys a filter follows.
const maxHops = 4

// maxIn bounds the values of one lookup in.
const maxIn = 1000

// filter is what a URL can say of one column.
type filter struct {
	hops    []hop
	column  schema.Column
	lookups []Lookup
}

// hop is a foreign key that a filter follows.
type hop struct{ column, table string }

// takes reports whether a lookup makes sense for values of a type.
func (k Lookup) takes(t schema.Type) bool {
	switch k {
	case Exact, Ne, IsNull:
		return true
	case In:
		return t != schema.Array // which have commas in them
	case Gt, Gte, Lt, Lte, Range:
		return t != schema.Boolean && t != schema.JSON && t != schema.Array
	}
	switch t {
	case schema.Integer, schema.Float, schema.Decimal, schema.Boolean, schema.Bytes, schema.Array:
		return false
	}
	return true
}

func (l *layout) addFilters() error {
	l.filters = map[string]*filter{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(l.Filters)) {
		lookups := l.Filters[name]
		if name != AllColumns {
			errs = append(errs, l.addFilter(name, lookups))
			continue
		}
		for i := range l.fields {
			f := &l.fields[i]
			if _, apart := l.Filters[f.column.Name]; !apart {
				l.filters[f.name] = &filter{column: f.column, lookups: fit(lookups, f.column.Type)}
			}
		}
	}
	l.known = slices.Sorted(maps.Keys(l.filters))
	for _, name := range l.known {
		l.addAliases(l.filters[name])
	}
	return errors.Join(errs...)
}

// addAliases lets a URL name foreign keys with or without their _id, however
// the config does.
func (l *layout) addAliases(f *filter) {
	if len(f.hops) == 0 {
		return
	}
	var long, short string
	for _, h := range f.hops {
		long += h.column + "__"
		short += strings.TrimSuffix(h.column, "_id") + "__"
	}
	for _, prefix := range []string{long, short} {
		name := prefix + f.column.Name
		if same, err := l.resolve(name); err == nil && l.filters[name] == nil && slices.Equal(same.hops, f.hops) {
			l.filters[name] = f
		}
	}
}

// fit leaves out what makes no sense for a type.
func fit(lookups []Lookup, t schema.Type) []Lookup {
	return slices.DeleteFunc(slices.Clone(lookups), func(k Lookup) bool { return !k.takes(t) })
}

func (l *layout) addFilter(name string, lookups []Lookup) error {
	f, err := l.resolve(name)
	if err != nil {
		return fmt.Errorf("Config.Filters: %w", err)
	}
	for _, k := range lookups {
		if !slices.Contains(Every, k) {
			return fmt.Errorf("Config.Filters: %q has the lookup %q; there are %s", name, k, listed(words(Every)))
		}
	}
	if f.lookups = fit(lookups, f.column.Type); len(f.lookups) == 0 {
		return fmt.Errorf("Config.Filters: %q, which is of type %s, takes none of its lookups (%s)", name, f.column.Type, listed(words(lookups)))
	}
	if shown := l.fieldOf(name); shown != nil {
		f.column, name = shown.column, shown.name
	}
	l.filters[name] = f
	return nil
}

func words(lookups []Lookup) []string {
	names := make([]string, len(lookups))
	for i, k := range lookups {
		names[i] = string(k)
	}
	return names
}

// resolve finds the column that a name of the config leads to.
func (l *layout) resolve(name string) (*filter, error) {
	f, table := &filter{}, l.table
	rest := name
	for {
		if c := table.Column(rest); c != nil {
			if len(f.hops) == 0 && slices.Contains(l.Hidden, c.Name) {
				return nil, fmt.Errorf("%q is hidden: who filters by a column learns what is in it", name)
			}
			f.column = *c
			return f, nil
		}
		step, behind, more := strings.Cut(rest, "__")
		if !more {
			return nil, fmt.Errorf("%q: %s has no column %q; it has %s", name, table.Name, rest, listed(table.Names()))
		}
		key := foreign(table, step)
		if key == nil {
			return nil, fmt.Errorf("%q: %s has no foreign key %q; it has %s", name, table.Name, step, listed(foreignNames(table)))
		}
		if len(f.hops) == maxHops {
			return nil, fmt.Errorf("%q follows more than %d foreign keys", name, maxHops)
		}
		next := l.schema.Table(key.Table)
		if next == nil {
			return nil, fmt.Errorf("%q: the foreign key %q of %s leads to %q, which does not exist", name, step, table.Name, key.Table)
		}
		f.hops = append(f.hops, hop{key.Columns[0], next.Name})
		table, rest = next, behind
	}
}

// foreign returns the foreign key of one column, by that column or by its name
// without _id.
func foreign(t *schema.Table, name string) *schema.ForeignKey {
	for _, column := range []string{name, name + "_id"} {
		for i := range t.Foreign {
			if k := &t.Foreign[i]; len(k.Columns) == 1 && k.Columns[0] == column {
				return k
			}
		}
	}
	return nil
}

func foreignNames(t *schema.Table) []string {
	var names []string
	for _, k := range t.Foreign {
		if len(k.Columns) == 1 {
			names = append(names, k.Columns[0])
		}
	}
	return names
}

// filterOf finds the filter and the lookup that a parameter means. f is nil
// where there is no such filter; known is false where only the lookup is wrong.
func (l *layout) filterOf(parameter string) (f *filter, k Lookup, known bool) {
	if f := l.filters[parameter]; f != nil {
		return f, Exact, slices.Contains(f.lookups, Exact)
	}
	at := strings.LastIndex(parameter, "__")
	if at < 0 {
		return nil, "", false
	}
	f, k = l.filters[parameter[:at]], Lookup(parameter[at+2:])
	return f, k, f != nil && slices.Contains(f.lookups, k)
}

// expr is the condition of one parameter.
func (f *filter) expr(k Lookup, text string) (where.Expr, error) {
	name := f.column.Name
	read := func(text string) (any, error) { return compared(&f.column, text) }
	switch k {
	case IsNull:
		switch strings.ToLower(text) {
		case "true", "1":
			return where.IsNull(name), nil
		case "false", "0":
			return where.NotNull(name), nil
		}
		return nil, errors.New("want true or false")
	case In:
		list := strings.Split(text, ",")
		if len(list) > maxIn {
			return nil, fmt.Errorf("want at most %d values", maxIn)
		}
		values := make([]any, len(list))
		for i := range list {
			var err error
			if values[i], err = read(list[i]); err != nil {
				return nil, fmt.Errorf("value %d of the list: %w", i+1, err)
			}
		}
		return where.In(name, values...), nil
	case Range:
		low, high, two := strings.Cut(text, ",")
		if !two || strings.Contains(high, ",") {
			return nil, errors.New("want two values with a comma between them")
		}
		from, err := read(low)
		if err != nil {
			return nil, fmt.Errorf("the first value: %w", err)
		}
		to, err := read(high)
		if err != nil {
			return nil, fmt.Errorf("the second value: %w", err)
		}
		return where.Between(name, from, to), nil
	}
	if make, ok := textual[k]; ok {
		return make(name, text), nil
	}
	v, err := read(text)
	if err != nil {
		return nil, err
	}
	return comparing[k](name, v), nil
}

// compared reads what stands in a URL as a value that a column is compared with.
func compared(c *schema.Column, text string) (any, error) {
	v, err := value.FromText(c, text)
	if c.Type == schema.Array {
		v = where.Stored(v) // it is not written as URLs have it any more
	}
	return v, err
}

var textual = map[Lookup]func(string, string) where.Expr{
	Contains: where.Contains, IContains: where.IContains, StartsWith: where.StartsWith, IStartsWith: where.IStartsWith,
	EndsWith: where.EndsWith, IEndsWith: where.IEndsWith, IExact: where.IExact,
}

var comparing = map[Lookup]func(string, any) where.Expr{
	Exact: where.Eq, Ne: where.Ne, Gt: where.Gt, Gte: where.Ge, Lt: where.Lt, Lte: where.Le,
}
