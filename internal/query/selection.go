package query

import "github.com/wakeful-dev/wakeful/readset"

// selection reads [WITH …] SELECT … [UNION …] [ORDER BY …] [LIMIT …].
func (p *parser) selection() *selection {
	p.enter()
	s := p.selections.one()
	if p.accept("WITH") {
		p.accept("RECURSIVE")
		for {
			s.with = append(s.with, p.common())
			if !p.accept(",") {
				break
			}
		}
	}
	for {
		s.cores = append(s.cores, p.core())
		switch {
		case p.accept("UNION"):
			p.accept("ALL")
		case p.accept("EXCEPT"), p.accept("INTERSECT"):
		default:
			p.tail(s)
			p.leave()
			return s
		}
	}
}

func (p *parser) tail(s *selection) {
	if p.accept("ORDER") {
		p.expect("BY")
		s.order = p.ordering()
	}
	if p.accept("LIMIT") {
		s.limit = append(s.limit, p.expr())
		if p.accept("OFFSET") || p.accept(",") {
			s.skips = true
			s.limit = append(s.limit, p.expr())
		}
	}
}

func (p *parser) common() *common {
	c := &common{name: readset.Fold(p.name())}
	if p.token.is("(") {
		c.columns = p.nameList()
	}
	p.expect("AS")
	if p.accept("NOT") {
		p.expect("MATERIALIZED")
	} else {
		p.accept("MATERIALIZED")
	}
	p.expect("(")
	c.query = p.selection()
	p.expect(")")
	return c
}

func (p *parser) core() *core {
	c := p.cores.one()
	if p.accept("VALUES") {
		for {
			p.expect("(")
			c.windows = append(c.windows, p.several()...)
			p.expect(")")
			if !p.accept(",") {
				return c
			}
		}
	}
	p.expect("SELECT")
	if p.accept("DISTINCT") {
		c.distinct = true
	} else {
		p.accept("ALL")
	}
	p.resultsOf(c)
	if p.accept("FROM") {
		c.from = p.joins()
	}
	if p.accept("WHERE") {
		c.where = p.expr()
	}
	if p.accept("GROUP") {
		p.expect("BY")
		c.group = p.several()
	}
	if p.accept("HAVING") {
		c.having = p.expr()
	}
	if p.accept("WINDOW") {
		for {
			p.name()
			p.expect("AS")
			p.expect("(")
			c.windows = append(c.windows, p.window()...)
			if !p.accept(",") {
				break
			}
		}
	}
	return c
}

// resultsOf reads the columns of a result.
func (p *parser) resultsOf(c *core) {
	var few [8]result
	list := few[:0]
	for {
		list = append(list, p.result())
		if !p.accept(",") {
			break
		}
	}
	c.results = p.results.take(len(list))
	copy(c.results, list)
}

func (p *parser) result() result {
	if p.accept("*") {
		return result{star: true}
	}
	e := p.expr()
	if e.kind == exprColumn && e.mark == "*" {
		return result{star: true, table: e.table}
	}
	return result{expr: e, alias: readset.Fold(p.alias())}
}

// joins reads sources and what joins them, from left to right.
func (p *parser) joins() *from {
	p.enter()
	left := p.source()
	for {
		if p.accept(",") {
			left = p.joined(left, joinInner, false)
			continue
		}
		join, natural, ok := p.joinMark()
		if !ok {
			p.leave()
			return left
		}
		left = p.joined(left, join, natural)
	}
}

func (p *parser) joined(left *from, join joinKind, natural bool) *from {
	f := p.froms.one()
	*f = from{kind: fromJoin, join: join, left: left, right: p.source(), merged: natural}
	p.constraint(f)
	return f
}

// joinMark reads [NATURAL] [LEFT|RIGHT|FULL [OUTER]|INNER|CROSS] JOIN.
func (p *parser) joinMark() (join joinKind, natural, ok bool) {
	if !p.token.isOneOf("JOIN", "NATURAL", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "OUTER") {
		return 0, false, false
	}
	natural = p.accept("NATURAL")
	switch {
	case p.accept("LEFT"):
		join = joinLeft
		p.accept("OUTER")
	case p.accept("RIGHT"):
		join = joinRight
		p.accept("OUTER")
	case p.accept("FULL"):
		join = joinFull
		p.accept("OUTER")
	case p.accept("INNER"), p.accept("CROSS"):
	}
	p.expect("JOIN")
	return join, natural, true
}

func (p *parser) constraint(j *from) {
	switch {
	case p.accept("ON"):
		j.on = p.expr()
	case p.accept("USING"):
		p.nameList()
		j.merged = true
	}
}

// source reads a table, a function that returns rows, a query, or joins in
// parentheses.
func (p *parser) source() *from {
	p.nodes++
	if p.accept("(") {
		if p.beginsQuery() {
			f := p.froms.one()
			f.kind, f.query = fromQuery, p.selection()
			p.expect(")")
			f.alias = readset.Fold(p.alias())
			return f
		}
		f := p.joins()
		p.expect(")")
		if p.alias() != "" {
			p.fail("joins in parentheses with a name")
		}
		return f
	}
	f := p.froms.one()
	f.name = readset.Fold(p.name())
	if p.accept(".") {
		f.schema, f.name = f.name, readset.Fold(p.name())
	}
	if p.accept("(") {
		f.kind = fromCall
		if !p.token.is(")") {
			f.args = p.several()
		}
		p.expect(")")
	}
	f.alias = readset.Fold(p.alias())
	switch {
	case p.token.is("NOT") && p.ahead.is("INDEXED"):
		p.advance()
		p.advance()
	case p.accept("INDEXED"):
		p.expect("BY")
		p.name()
	}
	if f.alias == "" {
		f.alias = f.name
	}
	return f
}

// ordering reads the terms of ORDER BY.
func (p *parser) ordering() []*expr {
	var list []*expr
	for {
		list = append(list, p.expr())
		if !p.accept("ASC") {
			p.accept("DESC")
		}
		if p.accept("NULLS") && !p.accept("FIRST") {
			p.expect("LAST")
		}
		if !p.accept(",") {
			return list
		}
	}
}

// several reads expressions with commas between them.
func (p *parser) several() []*expr { return p.listAfter(nil) }

// listAfter is several, after a first one that was read.
func (p *parser) listAfter(e *expr) []*expr {
	mark := len(p.list)
	if e != nil {
		p.list = append(p.list, e)
	}
	for {
		p.list = append(p.list, p.expr())
		if !p.accept(",") {
			return p.since(mark)
		}
	}
}

// window reads what stands in the parentheses after OVER, and the closing one.
func (p *parser) window() []*expr {
	var list []*expr
	if isName(p.token) && !p.token.isOneOf("PARTITION", "ORDER", "RANGE", "ROWS", "GROUPS") {
		p.name()
	}
	if p.accept("PARTITION") {
		p.expect("BY")
		list = append(list, p.several()...)
	}
	if p.accept("ORDER") {
		p.expect("BY")
		list = append(list, p.ordering()...)
	}
	if p.accept("RANGE") || p.accept("ROWS") || p.accept("GROUPS") {
		if p.accept("BETWEEN") {
			list = p.bound(list)
			p.expect("AND")
		}
		list = p.bound(list)
		p.exclude()
	}
	p.expect(")")
	return list
}

func (p *parser) bound(list []*expr) []*expr {
	switch {
	case p.accept("CURRENT"):
		p.expect("ROW")
		return list
	case p.accept("UNBOUNDED"):
	default:
		list = append(list, p.binary(levelBit))
	}
	if !p.accept("PRECEDING") {
		p.expect("FOLLOWING")
	}
	return list
}

func (p *parser) exclude() {
	if !p.accept("EXCLUDE") {
		return
	}
	switch {
	case p.accept("NO"):
		p.expect("OTHERS")
	case p.accept("CURRENT"):
		p.expect("ROW")
	case p.accept("GROUP"), p.accept("TIES"):
	default:
		p.unexpected()
	}
}
