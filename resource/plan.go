package resource

import (
	"slices"

	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/where"
)

// reading is one list or one row, as it is asked of the database. Its plan
// says the same to package ivm.
type reading struct {
	*layout
	plan  ivm.Plan
	match *where.Bound
	every bool // match is true of every row
	order []term
	// body is the statement of one list behind its SELECT and before its window,
	// values its arguments.
	body   []byte
	values []any
}

var everyRow = where.All().Canonical()

// readingOf makes the reading of a condition. kept says that a plan is wanted
// too, which reads what it decides by.
func (l *layout) readingOf(e where.Expr, order []term, w window, kept bool) (*reading, error) {
	match, err := where.Bind(e, l.table, l.schema)
	if err != nil {
		return nil, err
	}
	p := &reading{layout: l, match: match, every: e.Canonical() == everyRow, order: order}
	p.plan = ivm.Plan{
		Reader: l, Query: p, Table: l.table.Name, Columns: l.columns,
		Offset: w.offset, Limit: w.limit, Counted: w.counted(), Item: l.item,
	}
	add := func(column string) {
		if !slices.Contains(p.plan.Columns, column) {
			p.plan.Columns = append(slices.Clip(p.plan.Columns), column)
		}
	}
	for _, t := range order {
		add(t.column.Name)
	}
	if kept {
		for _, column := range match.Columns() {
			add(column)
		}
		p.keep()
	}
	p.write()
	return p, nil
}

// keep adds to the plan what it takes to keep the list.
func (p *reading) keep() {
	if !p.every {
		p.plan.Match, p.plan.Beyond = p.match.Match(p.plan.Columns), p.match.Tables()
	}
	p.plan.Order = make([]ivm.Term, len(p.order))
	for i, at := range places(p.plan.Columns, p.order) {
		t := p.order[i]
		p.plan.Order[i] = ivm.Term{Column: at, Desc: t.desc, NullsLast: t.desc, As: where.Compares(t.column, p.schema)}
	}
	for _, n := range p.nested {
		p.plan.Nested = append(p.plan.Nested, n.Nested)
	}
	p.tell()
}

// tell says by what images of changes name a row, and what they do not have.
func (p *reading) tell() {
	key := make([]int, len(p.table.Key))
	for i, name := range p.table.Key {
		if key[i] = slices.Index(p.plan.Columns, name); key[i] < 0 {
			return
		}
	}
	p.plan.Key = key
	for i, name := range p.plan.Columns {
		if c := p.table.Column(name); c == nil || c.Unstored {
			p.plan.Unstored = append(p.plan.Unstored, i)
		}
	}
}
