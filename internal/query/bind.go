package query

import (
	"database/sql"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/readset"
)

// Need is what a statement needs to know of one table.
type Need struct {
	readset.Read
	// Where is met by every row that can matter.
	Where predicate.Condition
}

// Dropped is a condition that was not used, so that more rows count.
type Dropped struct {
	Table, Column string
	// Why is a constant text.
	Why string
}

// Why conditions are dropped.
const (
	WhyOpaque  = "the value is not read"
	WhyMissing = "the argument is missing"
	WhyTypes   = "a comparison of this type of value with this column is not surely that of the database"
	WhyClock   = "the argument looks like the clock, and the request does not carry it"
	WhyDiffers = "the argument differed between two evaluations"
)

// Bind fills in the arguments of one run. trusted says why an argument must
// not narrow, "" where it may: the one at a place in Values.
func (q *Query) Bind(statement *readset.Statement, args []any, trusted func(at int, v any) string) (needs []Need, dropped []Dropped) {
	needs = make([]Need, len(statement.Reads))
	if q.Opaque != "" {
		for i, read := range statement.Reads {
			needs[i].Read = read
		}
		return needs, nil
	}
	b := &binder{query: q, args: args, trusted: trusted}
	for i, read := range statement.Reads {
		needs[i] = Need{Read: read, Where: b.table(read.Table)}
	}
	return needs, b.dropped
}

// Values are the literals and arguments of one run, in the order of the text.
func (q *Query) Values(args []any) []any {
	list := make([]any, 0, len(q.values))
	for i := range q.values {
		v, _ := q.values[i].get(args)
		list = append(list, v)
	}
	return list
}

// get finds the value, as the database would among the arguments.
func (v *value) get(args []any) (found any, ok bool) {
	switch {
	case v.vague || v.parts != nil:
		return nil, false
	case v.param == 0:
		return v.literal, true
	case v.name != "":
		for _, arg := range args {
			if named, ok := arg.(sql.NamedArg); ok && named.Name == v.name {
				return named.Value, true
			}
		}
		return nil, false
	case v.param > len(args):
		return nil, false
	}
	if named, ok := args[v.param-1].(sql.NamedArg); ok {
		return named.Value, true
	}
	return args[v.param-1], true
}

// binder fills in the arguments of one run.
type binder struct {
	query   *Query
	args    []any
	trusted func(int, any) string
	dropped []Dropped
}

// table is what a row must meet to matter in one of the table's places.
func (b *binder) table(name string) predicate.Condition {
	where, found := predicate.Never(), false
	for _, p := range b.query.places {
		if p.table.Name == name {
			where, found = predicate.Or(where, b.condition(p, p.form)), true
		}
	}
	if !found {
		return nil
	}
	return where
}

func (b *binder) condition(p *place, f *form) predicate.Condition {
	if f == nil {
		return nil
	}
	switch f.op {
	case formAnd:
		var all predicate.Condition
		for _, part := range f.parts {
			all = predicate.And(all, b.condition(p, part))
		}
		return all
	case formOr:
		either := predicate.Never()
		for _, part := range f.parts {
			either = predicate.Or(either, b.condition(p, part))
		}
		return either
	}
	c, why := b.atom(f)
	if why != "" {
		b.dropped = append(b.dropped, Dropped{p.table.Name, f.column.Name, why})
		return nil
	}
	return c
}

// atom is one question with its values. A comparison with NULL is never true.
func (b *binder) atom(f *form) (c predicate.Condition, why string) {
	a := predicate.Atom{Column: f.column, Op: f.ask}
	switch f.ask {
	case predicate.Null, predicate.NotNull:
		return predicate.Of(a), ""
	case predicate.Like:
		return b.like(f)
	}
	for _, at := range f.values {
		v, why := b.value(at)
		if why != "" {
			return nil, why
		}
		key, known := f.column.Argument(nil, v)
		switch known {
		case predicate.IsKey:
			a.Keys = append(a.Keys, string(key))
		case predicate.Unknown:
			return nil, WhyTypes
		case predicate.IsNull:
			if f.is {
				return ofNull(f), ""
			}
			if f.ask != predicate.In {
				return predicate.Never(), ""
			}
		}
	}
	if f.ask == predicate.Range {
		return predicate.Of(ranged(a, f.mark)), ""
	}
	if len(a.Keys) == 0 {
		return predicate.Never(), ""
	}
	slices.Sort(a.Keys)
	a.Keys = slices.Compact(a.Keys)
	if f.is && f.ask == predicate.NotIn {
		return predicate.Or(predicate.Of(a), predicate.Of(predicate.Atom{Column: f.column, Op: predicate.Null})), ""
	}
	return predicate.Of(a), ""
}

// ofNull is IS NULL or IS NOT NULL, where the argument turns out to be NULL.
func ofNull(f *form) predicate.Condition {
	a := predicate.Atom{Column: f.column, Op: predicate.Null}
	if f.ask == predicate.NotIn {
		a.Op = predicate.NotNull
	}
	return predicate.Of(a)
}

func ranged(a predicate.Atom, mark string) predicate.Atom {
	key := a.Keys[0]
	a.Keys = nil
	switch mark {
	case "<", "<=":
		a.High, a.HighOpen = key, mark == "<"
	default:
		a.Low, a.LowOpen = key, mark == ">"
	}
	return a
}

func (b *binder) like(f *form) (predicate.Condition, string) {
	v, why := b.value(f.values[0])
	if why != "" {
		return nil, why
	}
	switch v := v.(type) {
	case nil:
		return predicate.Never(), ""
	case string:
		if a, ok := predicate.LikeOf(f.column.Name, v); ok {
			return predicate.Of(a), ""
		}
	}
	return nil, WhyTypes
}

// value is a literal or argument that may narrow, or why it may not.
func (b *binder) value(at int) (v any, why string) {
	given := &b.query.values[at]
	if given.parts != nil {
		return b.joined(given.parts)
	}
	v, ok := given.get(b.args)
	switch {
	case given.vague:
		return nil, WhyOpaque
	case !ok:
		return nil, WhyMissing
	case given.fixed || b.trusted == nil:
		return v, ""
	}
	return v, b.trusted(at, v)
}

// joined puts texts together.
func (b *binder) joined(parts []int) (any, string) {
	var text strings.Builder
	for _, part := range parts {
		v, why := b.value(part)
		if why != "" {
			return nil, why
		}
		switch v := v.(type) {
		case nil:
			return nil, ""
		case string:
			text.WriteString(v)
		default:
			return nil, WhyTypes
		}
	}
	return text.String(), ""
}
