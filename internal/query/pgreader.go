package query

import (
	"slices"

	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/readset"
)

// frame is what a WITH names. Where it is not recursive, PostgreSQL lets each
// expression name those before it only.
func (r *reader) frame(s *selection, outer *frame) *frame {
	if !r.dialect.typed || s.recursive {
		f := &frame{outer: outer, with: s.with}
		f.within = f
		return f
	}
	for i := range s.with {
		outer = &frame{outer: outer, with: s.with[i : i+1], within: outer}
	}
	return outer
}

// named gives a source the names that its alias has for columns, and says which
// table or view it is.
func (r *reader) named(s *source, f *from, fr *frame) {
	switch {
	case len(f.columns) > 0:
		s.outputs, s.place = renamedFirst(s.all(), f.columns), nil
	case s.place != nil:
		s.of = s.place.table
	case f.schema != "" || !fr.has(f.name):
		s.of = r.catalog.table(f)
	}
}

func (f *frame) has(name string) bool {
	for ; f != nil; f = f.outer {
		if slices.ContainsFunc(f.with, func(c *common) bool { return c.name == name }) {
			return true
		}
	}
	return false
}

// renamedFirst gives the first columns other names. The list may be one that
// others have.
func renamedFirst(list []output, names []string) []output {
	if len(names) == 0 {
		return list
	}
	list = slices.Clone(list)
	for i := range min(len(names), len(list)) {
		list[i].name = names[i]
	}
	return list
}

// mustHave looks at what is written as a column of a table. If it is none it is
// a function that is given the row.
func (r *reader) mustHave(s *source, e *expr) {
	if s.of == nil || systemColumns[e.name] {
		return
	}
	for i := range s.of.Columns {
		if s.of.Columns[i].Name == e.name {
			return
		}
	}
	r.called(e)
}

// alike reports whether two columns that a join makes one have the same type.
func (o output) alike(other output) bool {
	if o.place == nil || other.place == nil {
		return false
	}
	a, b := &o.place.columns[o.at], &other.place.columns[other.at]
	return a.Kind == b.Kind && a.Collation == b.Collation
}

// defined reads the definition of a view, whose columns have the names that the
// view has for them.
func (r *reader) defined(t *readset.Table, p *parser) ([]output, []*place) {
	tree := p.read()
	tree.shift(len(r.given))
	r.take(p)
	outputs, places, _ := r.selection(tree, nil, nil)
	names := make([]string, len(t.Columns))
	for i := range t.Columns {
		names[i] = t.Columns[i].Name
	}
	if len(outputs) != len(names) {
		return nil, places
	}
	return renamedFirst(outputs, names), places
}

// take adds what another parser was given. It stands in the schema.
func (r *reader) take(p *parser) {
	for i := range p.values {
		p.values[i].fixed = true
	}
	r.given = append(r.given, p.values...)
}

// policies reads what row-level security may add where a table is read: it
// filters rows of that place one by one, and may read others.
func (r *reader) policies(of *place) {
	if r.views++; r.views > 16 {
		panic(opaque{"its policies are nested too deeply"})
	}
	r.repeat()
	for _, text := range of.table.Policies {
		if len(text) > maxText {
			panic(opaque{"a policy is too long"})
		}
		r.policy(of, text)
	}
	r.views--
}

func (r *reader) policy(of *place, text string) {
	p := newParser(text, r.dialect)
	defer p.release()
	e := postgresParser{p}.condition()
	e.shift(len(r.given))
	r.take(p)
	alias := of.table.Name
	if at := lastPart(alias); at > 0 {
		alias = alias[at:]
	}
	sc := &scope{sources: []source{{alias: alias, place: of, of: of.table}}}
	around := r.equal
	r.equal = nil
	r.walk(e, sc, nil)
	r.equal = around
}

// lastPart is where the table begins in a name that has no quotes, 0 for one
// that has.
func lastPart(name string) int {
	at := 0
	for i := range len(name) {
		switch name[i] {
		case '"':
			return 0
		case '.':
			at = i + 1
		}
	}
	return at
}

// bare reports whether a cast leaves a column as it is: its type is of the same
// kind as the column's.
func (e *expr) bare() bool {
	inner := e.parts[0]
	for inner.kind == exprCast && inner.of == e.of {
		inner = inner.parts[0]
	}
	return inner.kind == exprColumn && inner.ref != nil && e.of != predicate.PostgresLabel && e.of != predicate.Unfit &&
		inner.ref.columns[inner.at].Kind == e.of
}

func (p *place) parted(name string) bool {
	for i := range p.columns {
		if p.columns[i].Name == name {
			return p.columns[i].parted
		}
	}
	return true
}

// tear finds the parameters that stand at several places and are not seen to
// have one type at all of them: the first place gives a parameter its type, and
// elsewhere it is converted from that.
func (q *Query) tear() {
	kinds := make([]predicate.Kind, q.params+1)
	torn := make([]bool, q.params+1)
	for round := range 2 {
		for i := range q.values {
			v := &q.values[i]
			switch n := v.param; {
			case n == 0:
			case round == 1:
				v.torn = v.torn || torn[n]
			case kinds[n] == predicate.Unfit && !torn[n]:
				kinds[n], torn[n] = v.kind(), v.kind() == predicate.Unfit
			case kinds[n] != v.kind():
				torn[n] = true
			}
		}
	}
}

// kind is that of a value's type, Unfit where it is not known.
func (v *value) kind() predicate.Kind {
	if v.as != predicate.Unfit {
		return v.as
	}
	return v.used
}
