package query

import (
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/readset"
)

// reader finds the places where tables stand in a statement, and what a row
// must meet to matter there.
type reader struct {
	dialect *dialect
	catalog *catalog
	given   []value
	places  []*place
	views   int // how many are being read, one within the other
	repeats int // readings of common table expressions and views
	*arena

	equal []pair // of the ON of joins of the SELECT that is being read

	truths [2]int // where in given false and true are, from 1

	// What the query keeps, a few side by side.
	made   []place
	forms  []form
	formed int // forms in all
	ints   []int
}

// form makes a form.
func (r *reader) form(f form) *form {
	r.formed++
	if len(r.forms) == cap(r.forms) {
		r.forms = make([]form, 0, 4)
	}
	r.forms = append(r.forms, f)
	return &r.forms[len(r.forms)-1]
}

// numbers is a list of one number.
func (r *reader) numbers(v int) []int {
	if len(r.ints) == cap(r.ints) {
		r.ints = make([]int, 0, 8)
	}
	r.ints = append(r.ints, v)
	return r.ints[len(r.ints)-1 : len(r.ints) : len(r.ints)]
}

// scope is where names of columns are looked up: the sources of one SELECT,
// then those of the SELECT around it.
type scope struct {
	outer   *scope
	sources []source
	merged  bool // a name may stand for the columns of two sources
	kept    bool // a RIGHT or FULL join
}

// source is one source of rows under the name that it has in a scope.
type source struct {
	alias   string
	place   *place         // of a table: its columns are all there are
	of      *readset.Table // the table or view, under its own columns' names
	outputs []output       // of anything else
}

// output is a column of a source that is a column of a table, unaltered.
// Columns that are anything else have no place.
type output struct {
	name  string
	place *place
	at    int
}

// frame has the common table expressions that may be named.
type frame struct {
	outer *frame
	with  []*common
	// within is what the common table expressions themselves may name.
	within *frame
}

// selection reads a whole SELECT. Where each row of it is one row of what it
// reads (simple), it returns its columns and the places that its rows are made
// of, so that a condition on the columns can narrow those.
func (r *reader) selection(s *selection, outer *scope, f *frame) (outputs []output, places []*place, simple bool) {
	if len(s.with) > 0 {
		f = r.frame(s, f)
	}
	var sc *scope
	for _, c := range s.cores {
		sc, places = r.core(c, outer, f)
	}
	if len(s.cores) > 1 {
		sc = nil
	}
	r.walkAll(s.order, sc, f)
	r.walkAll(s.limit, nil, f)
	if !s.simple() {
		return nil, nil, false
	}
	return r.outputs(s.cores[0], sc), places, true
}

// core reads one SELECT … FROM … WHERE ….
func (r *reader) core(c *core, outer *scope, f *frame) (*scope, []*place) {
	sc := r.scopes.one()
	sc.outer, sc.sources = outer, r.sources.take(4)[:0]
	var places []*place
	around := r.equal
	r.equal = nil
	if c.from != nil {
		places = r.from(c.from, sc, f)
	}
	equal := r.equal
	r.equal = around
	for i := range c.results {
		r.walk(c.results[i].expr, sc, f)
	}
	r.walk(c.where, sc, f)
	r.walkAll(c.group, sc, f)
	r.walk(c.having, sc, f)
	r.walkAll(c.windows, sc, f)
	r.narrow(c.where, places)
	if c.where != nil && len(places) > 1 {
		r.spread(c.where, r.pairs(equal, c.where, places, places))
	}
	if planted.Is(planted.HavingNarrows) {
		r.narrow(c.having, places)
	}
	return sc, places
}

// simple reports whether each row of the result is one row of the sources: no
// groups, no limit, nothing put together.
func (s *selection) simple() bool {
	return (len(s.limit) == 0 || planted.Is(planted.LimitPushed)) && s.single()
}

// single is the same where there may be a limit.
func (s *selection) single() bool {
	if len(s.cores) != 1 {
		return false
	}
	c := s.cores[0]
	if c.distinct || c.from == nil || len(c.group) > 0 || c.having != nil || len(c.windows) > 0 {
		return false
	}
	for _, result := range c.results {
		if result.expr.gathers() {
			return false
		}
	}
	return !slices.ContainsFunc(s.order, (*expr).gathers)
}

// scalars are functions that make one value of each row.
var scalars = nameSet("ABS COALESCE IFNULL IIF INSTR LENGTH LOWER LTRIM NULLIF PRINTF REPLACE ROUND RTRIM SUBSTR SUBSTRING TRIM " +
	"TYPEOF UPPER DATE TIME DATETIME JULIANDAY STRFTIME HEX QUOTE UNICODE CHAR FORMAT JSON JSON_EXTRACT")

func nameSet(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[readset.Fold(word)] = true
	}
	return set
}

// gathers reports whether an expression may be made of several rows.
func (e *expr) gathers() bool {
	if e == nil {
		return false
	}
	return e.kind == exprCall && (e.window || !e.scalar && !scalars[e.name]) || slices.ContainsFunc(e.parts, (*expr).gathers)
}

// outputs are the columns of a simple SELECT. A name that is there twice
// stands for nothing.
func (r *reader) outputs(c *core, sc *scope) []output {
	var list []output
	for _, result := range c.results {
		if result.star {
			for i := range sc.sources {
				if s := &sc.sources[i]; result.table == "" || result.table == s.alias {
					list = append(list, s.all()...)
				}
			}
			continue
		}
		o := output{name: result.alias}
		if e := result.expr; e.kind == exprColumn || e.kind == exprCast && e.bare() {
			for e.kind == exprCast {
				e = e.parts[0]
			}
			o.place, o.at = e.ref, e.at
			if o.name == "" {
				o.name = e.name
			}
		}
		list = append(list, o)
	}
	return list
}

// rename gives columns the names that a list has for them.
func rename(list []output, names []string) []output {
	if len(names) == 0 {
		return list
	}
	if len(names) != len(list) {
		return nil
	}
	renamed := make([]output, len(list))
	for i, o := range list {
		o.name = readset.Fold(names[i])
		renamed[i] = o
	}
	return renamed
}

// from reads a source of rows and adds it to the scope. It returns the places
// that its rows are made of.
func (r *reader) from(f *from, sc *scope, fr *frame) []*place {
	switch f.kind {
	case fromJoin:
		return r.join(f, sc, fr)
	case fromQuery:
		outputs, places, _ := r.selection(f.query, nil, fr)
		sc.sources = append(sc.sources, source{alias: f.alias, outputs: renamedFirst(outputs, f.columns)})
		return places
	case fromCall:
		r.walkAll(f.args, sc, fr)
		sc.sources = append(sc.sources, source{alias: f.alias})
		return nil
	}
	source := source{alias: f.alias}
	var places []*place
	source.outputs, places, source.place = r.table(f, fr)
	if r.dialect.typed {
		r.named(&source, f, fr)
	}
	sc.sources = append(sc.sources, source)
	return places
}

// join reads two sources and lets the condition between them narrow the sides
// that it may.
func (r *reader) join(f *from, sc *scope, fr *frame) []*place {
	left := r.from(f.left, sc, fr)
	right := r.from(f.right, sc, fr)
	r.walk(f.on, sc, fr)
	r.equal = r.pairs(r.equal, f.on, left, right)
	sc.merged = sc.merged || f.merged
	sc.kept = sc.kept || f.join == joinRight || f.join == joinFull
	switch f.join {
	case joinInner:
		r.narrow(f.on, left)
		r.narrow(f.on, right)
	case joinLeft:
		r.narrow(f.on, right)
		if planted.Is(planted.OuterOnPreserved) {
			r.narrow(f.on, left)
		}
	case joinRight:
		r.narrow(f.on, left)
	}
	if f.join == joinLeft || f.join == joinFull {
		mayBeNull(right)
	}
	if f.join == joinRight || f.join == joinFull {
		mayBeNull(left)
	}
	both := r.arena.places.take(len(left) + len(right))
	copy(both[copy(both, left):], right)
	return both
}

func mayBeNull(places []*place) {
	for _, p := range places {
		p.nullable = true
	}
}

// table reads what a name in FROM stands for: a common table expression, a
// view or a table; of this the place is returned too.
func (r *reader) table(f *from, fr *frame) ([]output, []*place, *place) {
	t := r.catalog.table(f)
	if f.schema == "" && (t == nil || !planted.Is(planted.CTEIgnored)) {
		for frame := fr; frame != nil; frame = frame.outer {
			for _, c := range frame.with {
				if c.name == f.name {
					outputs, places := r.common(c, frame.within)
					return outputs, places, nil
				}
			}
		}
	}
	if !r.dialect.typed && f.schema != "" && f.schema != "main" {
		panic(opaque{"it reads another database: " + f.schema})
	}
	switch {
	case t == nil:
		panic(opaque{"it reads a table that the schema does not have: " + f.name})
	case t.View:
		outputs, places := r.view(t)
		return outputs, places, nil
	}
	p := r.place(t)
	places := r.arena.places.take(1)
	places[0] = p
	return nil, places, p
}

// maxRepeats bounds how often definitions are read anew: each may name others
// twice.
const maxRepeats = 200

func (r *reader) repeat() {
	if r.repeats++; r.repeats > maxRepeats {
		panic(opaque{"it names too many definitions"})
	}
}

// common reads a common table expression where it is named, each time anew. A
// name of it within itself stands for the rows so far: nothing narrows these.
func (r *reader) common(c *common, f *frame) ([]output, []*place) {
	if c.active {
		return nil, nil
	}
	r.repeat()
	c.active = true
	outputs, places, _ := r.selection(c.query, nil, f)
	c.active = false
	return rename(outputs, c.columns), places
}

// view reads the definition of a view in its place. What WITH names around it
// does not count within.
func (r *reader) view(t *readset.Table) ([]output, []*place) {
	if r.views++; r.views > 16 {
		panic(opaque{"its views are nested too deeply"})
	}
	r.repeat()
	if len(t.Definition) > maxText {
		panic(opaque{"a view is too long"})
	}
	p := newParser(t.Definition, r.dialect)
	defer p.release()
	if r.dialect.typed {
		outputs, places := r.defined(t, p)
		r.views--
		return outputs, places
	}
	columns, tree := p.definition()
	tree.shift(len(r.given))
	r.given = append(r.given, p.values...)
	outputs, places, _ := r.selection(tree, nil, nil)
	r.views--
	return rename(outputs, columns), places
}

// place makes a place for a table.
func (r *reader) place(t *readset.Table) *place {
	if len(r.places) >= maxPlaces {
		panic(opaque{"it reads too many tables"})
	}
	if len(r.made) == cap(r.made) {
		r.made = make([]place, 0, 2+len(r.made))
	}
	r.made = append(r.made, place{table: t, columns: r.catalog.columns(t)})
	p := &r.made[len(r.made)-1]
	r.places = append(r.places, p)
	if len(t.Policies) > 0 {
		r.policies(p)
	}
	return p
}

// all are the columns of a source.
func (s *source) all() []output {
	if s.place == nil {
		return s.outputs
	}
	list := make([]output, len(s.place.columns))
	for i := range list {
		list[i] = output{s.place.columns[i].folded, s.place, i}
	}
	return list
}

// find looks for a column by its name: how often it is there, and the first.
func (s *source) find(name string) (found output, n int) {
	if s.place != nil {
		for i := range s.place.columns {
			if s.place.columns[i].folded == name {
				return output{name, s.place, i}, 1
			}
		}
		return output{}, 0
	}
	for _, o := range s.outputs {
		if o.name == name {
			if n++; n == 1 {
				found = o
			}
		}
	}
	return found, n
}

// walk finds what the names of columns in an expression stand for, and reads
// the queries within it.
func (r *reader) walk(e *expr, sc *scope, f *frame) {
	if e == nil {
		return
	}
	if e.kind == exprColumn {
		e.ref, e.at = r.resolve(e, sc)
		return
	}
	if e.kind == exprCall && r.dialect.typed {
		r.called(e)
	}
	r.walkAll(e.parts, sc, f)
	if e.query == nil {
		return
	}
	outputs, _, _ := r.selection(e.query, sc, f)
	if planted.Is(planted.NotInNull) && e.kind == exprIn && e.not && len(outputs) == 1 && outputs[0].place != nil {
		o := outputs[0]
		r.require(o.place, r.form(form{op: formAtom, column: o.place.columns[o.at].Column, ask: predicate.NotNull}))
	}
}

func (r *reader) walkAll(list []*expr, sc *scope, f *frame) {
	for _, e := range list {
		r.walk(e, sc, f)
	}
}

// resolve finds the column of a table that a name stands for, in the innermost
// scope that has it. Names that stand for anything else have no place.
func (r *reader) resolve(e *expr, sc *scope) (*place, int) {
	for ; sc != nil; sc = sc.outer {
		var found output
		n := 0
		for i := range sc.sources {
			s := &sc.sources[i]
			if e.table != "" && e.table != s.alias && !planted.Is(planted.CorrelatedTaken) {
				continue
			}
			o, times := s.find(e.name)
			if r.dialect.typed && times == 0 && e.table != "" {
				r.mustHave(s, e)
			}
			if n == 0 {
				found = o
			} else if times > 0 && r.dialect.typed && !o.alike(found) {
				found.place = nil
			}
			n += times
		}
		switch {
		case n == 1, n > 1 && sc.merged && !sc.kept && e.table == "":
			return found.place, found.at
		case n > 1:
			return nil, 0
		case slices.Contains(r.dialect.rowids, e.name):
			for i := range sc.sources {
				if e.table == sc.sources[i].alias || e.table == "" && len(sc.sources) == 1 {
					return sc.sources[i].hidden()
				}
			}
		}
	}
	return nil, 0
}

// hidden is the column that stands for the hidden key of a table: an INTEGER
// PRIMARY KEY. One that is declared DESC does not.
func (s *source) hidden() (*place, int) {
	if s.place == nil || strings.Contains(readset.Fold(s.place.table.Definition), "desc") {
		return nil, 0
	}
	found := -1
	for i, c := range s.place.table.Columns {
		switch {
		case c.Key > 1:
			return nil, 0
		case c.Key == 1 && readset.Fold(c.Type) == "integer":
			found = i
		}
	}
	if found < 0 {
		return nil, 0
	}
	return s.place, found
}

// shift moves the numbers of values, which another parser counted from 0.
func (s *selection) shift(by int) {
	for _, c := range s.with {
		c.query.shift(by)
	}
	for _, c := range s.cores {
		for i := range c.results {
			c.results[i].expr.shift(by)
		}
		c.from.shift(by)
		c.where.shift(by)
		c.having.shift(by)
		shiftAll(c.group, by)
		shiftAll(c.windows, by)
	}
	shiftAll(s.order, by)
	shiftAll(s.limit, by)
}

func shiftAll(list []*expr, by int) {
	for _, e := range list {
		e.shift(by)
	}
}

func (e *expr) shift(by int) {
	if e == nil {
		return
	}
	if e.kind == exprValue {
		e.value += by
	}
	shiftAll(e.parts, by)
	if e.query != nil {
		e.query.shift(by)
	}
}

func (f *from) shift(by int) {
	if f == nil {
		return
	}
	shiftAll(f.args, by)
	if f.query != nil {
		f.query.shift(by)
	}
	f.left.shift(by)
	f.right.shift(by)
	f.on.shift(by)
}
