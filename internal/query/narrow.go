package query

import (
	"slices"

	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/predicate"
)

// formOp tells forms apart.
type formOp uint8

const (
	formAnd formOp = iota
	formOr
	formAtom
)

// form is a condition on the rows of one place before its arguments are filled
// in. A nil form is met by every row.
type form struct {
	op    formOp
	parts []*form

	column predicate.Column
	ask    predicate.Op
	// upper and open say what a Range compares with: < and <= bound it above,
	// < and > exclude the bound.
	upper, open bool

	values []int // of In and NotIn the choices, of Range and Like the one
	is     bool  // IS: a value that is NULL is asked for as such
	array  bool  // the one value is an array of the choices
	fold   bool  // Like heeds no case
}

// narrow lets a condition narrow the places below it. Of a place that an outer
// join may fill with NULLs only a condition that refuses these may be asked:
// else a row that does not meet it matters by keeping the NULLs away.
func (r *reader) narrow(e *expr, places []*place) {
	if e == nil {
		return
	}
	for _, p := range places {
		f := r.project(e, p, false)
		if f != nil && (!p.nullable || f.refusesNull() || planted.Is(planted.OuterNarrowed)) {
			r.require(p, f)
		}
	}
}

func (r *reader) require(p *place, f *form) {
	p.form = r.both(p.form, f)
}

func (r *reader) both(a, b *form) *form {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return r.form(form{op: formAnd, parts: []*form{a, b}})
}

// refusesNull reports whether a row of NULLs surely does not meet the form.
func (f *form) refusesNull() bool {
	if f == nil {
		return false
	}
	switch f.op {
	case formAnd:
		for _, part := range f.parts {
			if part.refusesNull() {
				return true
			}
		}
		return false
	case formOr:
		for _, part := range f.parts {
			if !part.refusesNull() {
				return false
			}
		}
		return true
	}
	return f.ask != predicate.Null && !f.is && !(f.array && f.ask == predicate.NotIn)
}

// project is what a row of a place must meet for the expression to be true
// (not: to be false), whatever the other places hold.
func (r *reader) project(e *expr, p *place, not bool) *form {
	switch e.kind {
	case exprNot:
		return r.project(e.parts[0], p, !not)
	case exprAnd, exprOr:
		return r.projectAll(e, p, (e.kind == exprOr) != not, not)
	case exprCompare:
		return r.comparison(e, p, not)
	case exprIs:
		return r.is(e, p, e.not != not)
	case exprIn:
		return r.choice(e, p, e.not != not)
	case exprBetween:
		return r.between(e, p, e.not != not)
	case exprLike:
		return r.like(e, p, e.not != not)
	case exprAny:
		return r.among(e, p, e.not != not)
	case exprTruth:
		return r.truth(e, p, e.not != not)
	case exprColumn, exprCast:
		return r.boolean(e, p, not)
	}
	return nil
}

// projectAll joins what the parts ask: by OR only where each asks something.
func (r *reader) projectAll(e *expr, p *place, or, not bool) *form {
	var few [8]*form
	list := few[:0]
	for _, part := range e.parts {
		f := r.project(part, p, not)
		switch {
		case f != nil:
			list = append(list, f)
			if or && planted.Is(planted.OrDropped) {
				return f
			}
		case or:
			return nil
		}
	}
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	op := formAnd
	if or {
		op = formOr
	}
	return r.form(form{op: op, parts: slices.Clone(list)})
}

// operand is the column of the place that an expression is, with the collation
// that it is compared by.
func (r *reader) operand(e *expr, p *place) (c predicate.Column, collated, ok bool) {
	if e.kind == exprCollate {
		if c, _, ok = r.operand(e.parts[0], p); ok {
			c.Collation = r.dialect.collations[e.name]
		}
		return c, true, ok
	}
	if e.kind == exprCast && e.bare() {
		return r.operand(e.parts[0], p)
	}
	if e.kind != exprColumn || e.ref != p {
		return c, false, false
	}
	return p.columns[e.at].Column, false, true
}

// constant is the value that an expression is, with the collation asked for.
func (r *reader) constant(e *expr) (v int, collation string, ok bool) {
	switch e.kind {
	case exprValue:
		return e.value, "", true
	case exprCollate:
		v, _, ok = r.constant(e.parts[0])
		return v, e.name, ok
	case exprConcat:
		joined := value{as: predicate.PostgresText}
		for _, part := range e.parts {
			v, _, ok := r.constant(part)
			if !ok || part.kind != exprValue && part.kind != exprCast || !r.takes(words, v) {
				return 0, "", false
			}
			joined.parts = append(joined.parts, v)
		}
		r.given = append(r.given, joined)
		return len(r.given) - 1, "", true
	case exprCast:
		v, collation, ok = r.constant(e.parts[0])
		return v, "", ok && collation == "" && e.of != predicate.Unfit && r.given[v].as == e.of
	}
	return 0, "", false
}

// sides finds a column of the place and a value on the two sides of an
// operator. turned says that the value comes first.
func (r *reader) sides(left, right *expr, p *place) (c predicate.Column, v int, turned, ok bool) {
	c, collated, ok := r.operand(left, p)
	value := right
	if !ok {
		if c, collated, ok = r.operand(right, p); !ok {
			return c, 0, false, false
		}
		value, turned = left, true
	}
	v, collation, ok := r.constant(value)
	if ok && !r.takes(c, v) {
		return c, 0, false, false
	}
	if collation != "" && (!collated || turned) {
		c.Collation = r.dialect.collations[collation]
	}
	return c, v, turned, ok
}

var turnedMarks = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<="}
var deniedMarks = map[string]string{"<": ">=", "<=": ">", ">": "<=", ">=": "<"}

// rows compares (a, b) = (1, 2), or by IS, part by part. That two rows are not
// equal says nothing of one part.
func (r *reader) rows(left, right *expr, p *place, is bool) *form {
	var all *form
	for i := range min(len(left.parts), len(right.parts)) {
		e := expr{kind: exprCompare, mark: "=", parts: []*expr{left.parts[i], right.parts[i]}}
		if is {
			e.kind = exprIs
		}
		if f := r.project(&e, p, false); f != nil {
			all = r.both(all, f)
		}
	}
	return all
}

func (r *reader) comparison(e *expr, p *place, not bool) *form {
	if left, right := e.parts[0], e.parts[1]; left.kind == exprRow && right.kind == exprRow {
		if r.dialect.typed && !isEquality(e.mark) {
			return r.leading(e, p, not)
		}
		if not || e.mark != "=" && e.mark != "==" {
			return nil
		}
		return r.rows(left, right, p, false)
	}
	c, v, turned, ok := r.sides(e.parts[0], e.parts[1], p)
	if !ok {
		return nil
	}
	mark := e.mark
	if isEquality(mark) {
		different := mark == "<>" || mark == "!="
		return r.equality(c, r.numbers(v), different != not)
	}
	if turned {
		mark = turnedMarks[mark]
	}
	if not {
		mark = deniedMarks[mark]
	}
	return r.bound(c, mark, v)
}

func (r *reader) equality(c predicate.Column, values []int, not bool) *form {
	f := r.form(form{op: formAtom, column: c, ask: predicate.In, values: values})
	if not {
		f.ask = predicate.NotIn
	}
	return f
}

func (r *reader) bound(c predicate.Column, mark string, v int) *form {
	return r.form(form{op: formAtom, column: c, ask: predicate.Range, upper: mark[0] == '<', open: len(mark) == 1, values: r.numbers(v)})
}

// is reads IS [NOT]. Whether NULL meets it depends on the value.
func (r *reader) is(e *expr, p *place, not bool) *form {
	if left, right := e.parts[0], e.parts[1]; left.kind == exprRow && right.kind == exprRow {
		if not {
			return nil
		}
		return r.rows(left, right, p, true)
	}
	c, v, _, ok := r.sides(e.parts[0], e.parts[1], p)
	if !ok || r.dialect.typed && p.parted(c.Name) {
		return nil
	}
	if value := &r.given[v]; value.literal == nil && value.param == 0 && !value.vague && value.parts == nil {
		f := r.form(form{op: formAtom, column: c, ask: predicate.Null})
		if not {
			f.ask = predicate.NotNull
		}
		return f
	}
	f := r.equality(c, r.numbers(v), not)
	f.is = true
	return f
}

func (r *reader) choice(e *expr, p *place, not bool) *form {
	c, _, ok := r.operand(e.parts[0], p)
	if !ok {
		return nil
	}
	if e.query != nil {
		if not {
			return nil
		}
		return r.form(form{op: formAtom, column: c, ask: predicate.NotNull})
	}
	values := make([]int, 0, len(e.parts)-1)
	for _, part := range e.parts[1:] {
		v, collation, ok := r.constant(part)
		if !ok || collation != "" || !r.takes(c, v) {
			return nil
		}
		values = append(values, v)
	}
	return r.equality(c, values, not)
}

func (r *reader) between(e *expr, p *place, not bool) *form {
	c, _, ok := r.operand(e.parts[0], p)
	if !ok {
		return nil
	}
	low, collationLow, okLow := r.constant(e.parts[1])
	high, collationHigh, okHigh := r.constant(e.parts[2])
	if collationLow != "" || collationHigh != "" {
		return nil
	}
	okLow, okHigh = okLow && r.takes(c, low), okHigh && r.takes(c, high)
	if not {
		if !okLow || !okHigh {
			return nil
		}
		return r.form(form{op: formOr, parts: []*form{r.bound(c, "<", low), r.bound(c, ">", high)}})
	}
	var f *form
	if okLow {
		f = r.bound(c, ">=", low)
	}
	if okHigh {
		mark := "<="
		if planted.Is(planted.BetweenBound) {
			mark = "<"
		}
		f = r.both(f, r.bound(c, mark, high))
	}
	return f
}

// like reads a pattern that is a value. Of NOT LIKE only NULL is sure: LIKE may
// have been set to heed case, and then more texts do not match.
func (r *reader) like(e *expr, p *place, not bool) *form {
	c, _, ok := r.operand(e.parts[0], p)
	if ok && r.dialect.typed {
		return r.postgresLike(e, c, not)
	}
	if !ok || !r.dialect.likeFolds {
		return nil
	}
	v, _, ok := r.constant(e.parts[1])
	if !ok {
		return nil
	}
	f := r.form(form{op: formAtom, column: c, ask: predicate.Like, values: r.numbers(v)})
	if not {
		f.ask, f.values = predicate.NotNull, nil
	}
	return f
}
