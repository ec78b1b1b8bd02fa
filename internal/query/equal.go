package query

import (
	"slices"

	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/predicate"
)

// pair is two columns of different places that are equal in each row that
// counts.
type pair struct{ a, b end }

type end struct {
	place *place
	at    int
}

func (e end) column() predicate.Column { return e.place.columns[e.at].Column }

// pairs finds the columns that an expression says to be equal, one of the left
// places with one of the right. Both must compare in one way, with each other
// and with values, so that what is asked of one may be asked of the other.
func (r *reader) pairs(list []pair, e *expr, left, right []*place) []pair {
	if e == nil {
		return list
	}
	if e.kind == exprAnd {
		for _, part := range e.parts {
			list = r.pairs(list, part, left, right)
		}
		return list
	}
	if e.kind != exprCompare || e.mark != "=" && e.mark != "==" {
		return list
	}
	x, y := e.parts[0], e.parts[1]
	if x.kind != exprColumn || y.kind != exprColumn || x.ref == nil || y.ref == nil || x.ref == y.ref {
		return list
	}
	if !slices.Contains(left, x.ref) {
		x, y = y, x
	}
	if (!slices.Contains(left, x.ref) || !slices.Contains(right, y.ref)) && !planted.Is(planted.EqualAnywhere) {
		return list
	}
	p := pair{end{x.ref, x.at}, end{y.ref, y.at}}
	a, b := p.a.column(), p.b.column()
	if a.Kind != b.Kind || a.Collation != b.Collation || a.Kind == predicate.Unfit || a.Collation == predicate.Foreign {
		return list
	}
	return append(list, p)
}

// spread asks of one column of a pair what WHERE asks of the other.
func (r *reader) spread(where *expr, pairs []pair) {
	for _, p := range pairs {
		r.ask(where, p.a, p.b)
		r.ask(where, p.b, p.a)
	}
}

func (r *reader) ask(where *expr, from, to end) {
	if where == nil {
		return
	}
	if where.kind == exprAnd {
		for _, part := range where.parts {
			r.ask(part, from, to)
		}
		return
	}
	if f := r.turn(r.project(where, from.place, false), from, to); f != nil {
		r.require(to.place, f)
	}
}

// turn makes of a form on one column the same on another. It is nil where the
// form asks anything else, or does not refuse NULL.
func (r *reader) turn(f *form, from, to end) *form {
	if f == nil {
		return nil
	}
	turned := *f
	if f.op == formAtom {
		if f.column != from.column() || f.is || f.ask != predicate.In && f.ask != predicate.Range {
			return nil
		}
		turned.column = to.column()
		return r.form(turned)
	}
	turned.parts = make([]*form, len(f.parts))
	for i, part := range f.parts {
		if turned.parts[i] = r.turn(part, from, to); turned.parts[i] == nil {
			return nil
		}
	}
	return r.form(turned)
}
