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
	b := &binder{query: q, given: q.givenBy(args), trusted: trusted}
	for i, read := range statement.Reads {
		needs[i] = Need{Read: read, Where: b.table(read.Table)}
	}
	return needs, b.dropped
}

// Values are the literals and arguments of one run, in the order of the text.
func (q *Query) Values(args []any) []any {
	list := make([]any, 0, len(q.values))
	given := q.givenBy(args)
	for i := range q.values {
		v, _ := given.value(&q.values[i])
		list = append(list, v)
	}
	return list
}

// givenBy are the arguments of one run. Where PostgreSQL's driver was given more
// than the statement takes, or fewer, they are not what they seem.
func (q *Query) givenBy(args []any) given {
	if q.typed && len(args) != q.params {
		return given{typed: true}
	}
	return given{args: args, typed: q.typed}
}

// given are the arguments of one run.
type given struct {
	args  []any
	typed bool           // PostgreSQL's drivers take them
	named map[string]any // of the arguments that have names
}

// value is a literal or an argument; ok is false where it is not known.
func (g *given) value(v *value) (found any, ok bool) {
	switch {
	case v.vague || v.parts != nil:
		return nil, false
	case v.param == 0:
		return v.literal, true
	case v.name != "":
		if g.named == nil {
			g.name()
		}
		found, ok = g.named[v.name]
		return found, ok
	case v.param > len(g.args):
		return nil, false
	}
	found = g.args[v.param-1]
	if g.typed {
		return predicate.Reduced(found), true
	}
	if named, ok := found.(sql.NamedArg); ok {
		return named.Value, true
	}
	return found, true
}

// name finds the arguments that have names. Of two with one name the first
// counts, as it does for the database.
func (g *given) name() {
	g.named = map[string]any{}
	for _, arg := range g.args {
		if arg, ok := arg.(sql.NamedArg); ok {
			if _, twice := g.named[arg.Name]; !twice {
				g.named[arg.Name] = arg.Value
			}
		}
	}
}

// binder fills in the arguments of one run.
type binder struct {
	query   *Query
	given   given
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
	case predicate.Range:
		if !f.column.Ordered() {
			return nil, WhyTypes
		}
	}
	for _, at := range f.values {
		v, why := b.value(at)
		if why != "" {
			return nil, why
		}
		if f.array {
			return b.elements(f, v)
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
		return predicate.Of(ranged(a, f.upper, f.open)), ""
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

func ranged(a predicate.Atom, upper, open bool) predicate.Atom {
	if upper {
		a.High, a.HighOpen = a.Keys[0], open
	} else {
		a.Low, a.LowOpen = a.Keys[0], open
	}
	a.Keys = nil
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
		if b.query.typed {
			return postgresLikeOf(f, v)
		}
		if a, ok := predicate.LikeOf(f.column.Name, v); ok {
			return predicate.Of(a), ""
		}
	}
	return nil, WhyTypes
}

// value is a literal or argument that may narrow, or why it may not.
func (b *binder) value(at int) (v any, why string) {
	asked := &b.query.values[at]
	if asked.parts != nil {
		return b.joined(asked.parts)
	}
	v, ok := b.given.value(asked)
	switch {
	case asked.vague:
		return nil, WhyOpaque
	case asked.torn:
		return nil, WhyTypes
	case !ok:
		return nil, WhyMissing
	case asked.fixed || b.trusted == nil:
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
