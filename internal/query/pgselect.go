package query

// core reads one SELECT, VALUES or TABLE.
func (p postgresParser) core() *core {
	c := p.cores.one()
	switch {
	case p.accept("VALUES"):
		for {
			p.expect("(")
			c.windows = append(c.windows, p.several()...)
			p.expect(")")
			if !p.accept(",") {
				return c
			}
		}
	case p.accept("TABLE"):
		f := p.froms.one()
		p.accept("ONLY")
		p.relation(f)
		f.alias = f.name
		c.from = f
		c.results = p.results.take(1)
		c.results[0].star = true
		return c
	}
	p.expect("SELECT")
	p.distinct(c)
	p.resultsOf(c)
	if p.token.is("INTO") {
		p.fail("it writes")
	}
	if p.accept("FROM") {
		c.from = p.sources()
	}
	if p.accept("WHERE") {
		c.where = p.expr()
	}
	if p.accept("GROUP") {
		p.expect("BY")
		c.group = p.groups()
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

// distinct reads DISTINCT [ON (…)]. What it compares is of no place of its own.
func (p postgresParser) distinct(c *core) {
	if !p.accept("DISTINCT") {
		p.accept("ALL")
		return
	}
	c.distinct = true
	if p.accept("ON") {
		p.expect("(")
		c.group = p.several()
		p.expect(")")
	}
}

// resultsOf reads the columns of a result; there may be none.
func (p postgresParser) resultsOf(c *core) {
	if p.token.isOneOf("FROM", "WHERE", "GROUP", "HAVING", "WINDOW", "UNION", "EXCEPT", "INTERSECT", "ORDER", "LIMIT", "OFFSET",
		"FETCH", "FOR", "INTO", ")", ";") || p.token.kind == tokenEnd {
		return
	}
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

func (p postgresParser) result() result {
	if p.accept("*") {
		return result{star: true}
	}
	e := p.expr()
	if e.kind == exprColumn && e.mark == "*" {
		return result{star: true, table: e.table}
	}
	return result{expr: e, alias: p.alias()}
}

// groups reads GROUP BY, with ROLLUP, CUBE and GROUPING SETS.
func (p postgresParser) groups() []*expr {
	if !p.accept("ALL") {
		p.accept("DISTINCT")
	}
	var list []*expr
	for {
		list = p.group(list)
		if !p.accept(",") {
			return list
		}
	}
}

func (p postgresParser) group(list []*expr) []*expr {
	switch {
	case p.token.is("(") && p.ahead.is(")"):
		p.advance()
		p.advance()
		return list
	case p.token.is("GROUPING") && p.ahead.is("SETS"):
		p.advance()
		p.advance()
	case p.token.isOneOf("ROLLUP", "CUBE") && p.ahead.is("("):
		p.advance()
	default:
		return append(list, p.expr())
	}
	p.enter()
	p.expect("(")
	for {
		list = p.group(list)
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	p.leave()
	return list
}

// sources reads what follows FROM: joins, with commas between them, which bind
// less.
func (p postgresParser) sources() *from {
	p.enter()
	left := p.joins()
	for p.accept(",") {
		f := p.froms.one()
		*f = from{kind: fromJoin, join: joinInner, left: left, right: p.joins()}
		left = f
	}
	p.leave()
	return left
}

func (p postgresParser) joins() *from {
	left := p.source()
	for p.token.isOneOf("JOIN", "NATURAL", "LEFT", "RIGHT", "FULL", "INNER", "CROSS") {
		left = p.joined(left)
	}
	return left
}

// joined reads one join. Where the condition does not follow its right side,
// that is a join itself: a JOIN b JOIN c ON … ON ….
func (p postgresParser) joined(left *from) *from {
	p.enter()
	cross := p.token.is("CROSS")
	join, natural, _ := p.joinMark()
	f := p.froms.one()
	*f = from{kind: fromJoin, join: join, left: left, right: p.source(), merged: natural}
	if cross || natural {
		p.leave()
		return f
	}
	for !p.token.is("ON") && !p.token.is("USING") {
		if !p.token.isOneOf("JOIN", "NATURAL", "LEFT", "RIGHT", "FULL", "INNER", "CROSS") {
			p.unexpected()
		}
		f.right = p.joined(f.right)
	}
	if p.accept("ON") {
		f.on = p.expr()
	} else {
		p.advance()
		p.nameList()
		if f.merged = true; p.token.is("AS") {
			p.fail("joined columns with a name")
		}
	}
	p.leave()
	return f
}

// source reads a table, a function that returns rows, a query, or joins in
// parentheses.
func (p postgresParser) source() *from {
	p.nodes++
	p.accept("LATERAL")
	f := p.froms.one()
	if p.accept("(") {
		return p.enclosed(f)
	}
	only := p.accept("ONLY")
	around := only && p.accept("(")
	if p.relation(f); around {
		p.expect(")")
	}
	if p.token.is("(") && !only {
		p.rowsOf(f)
	} else if p.accept("*") && only {
		p.unexpected()
	}
	p.named(f)
	if p.token.is("TABLESAMPLE") {
		p.fail("it takes a sample of a table")
	}
	if f.alias == "" {
		f.alias = f.name
	}
	return f
}

// enclosed reads a query or joins, behind the parenthesis.
func (p postgresParser) enclosed(f *from) *from {
	p.enter()
	defer p.leave()
	if !p.beginsQuery() && !p.token.is("(") {
		return p.within()
	}
	if p.token.is("(") && p.ahead.mean&meanQuery == 0 {
		return p.within()
	}
	if p.token.is("(") {
		p.fail("a query in parentheses within parentheses")
	}
	f.kind, f.query = fromQuery, p.selection()
	p.expect(")")
	p.named(f)
	return f
}

// within reads joins in parentheses.
func (p postgresParser) within() *from {
	f := p.joins()
	p.expect(")")
	if f.kind != fromJoin || p.alias() != "" {
		p.fail("joins in parentheses with a name")
	}
	return f
}

// relation reads the name of a table, or of a function.
func (p postgresParser) relation(f *from) {
	switch {
	case p.token.is("ROWS") && p.ahead.is("FROM"):
		p.fail("rows of several functions")
	case p.token.kind == tokenWord && p.ahead.is("("):
		f.name = p.label() // some functions are keywords
	default:
		f.name = p.name()
	}
	if p.accept(".") {
		f.schema, f.name = f.name, p.label()
	}
	if p.token.is(".") {
		p.fail("it names another database")
	}
}

// rowsOf reads the arguments of a function in FROM.
func (p postgresParser) rowsOf(f *from) {
	f.kind = fromCall
	call := p.node(exprCall)
	call.name, call.table = f.name, f.schema
	p.arguments(call)
	f.args = append(f.args, call)
	if p.accept("WITH") {
		p.expect("ORDINALITY")
	}
}

// named reads [AS] alias [(columns)].
func (p postgresParser) named(f *from) {
	if p.token.is("AS") && p.ahead.is("(") && f.kind == fromCall {
		p.advance()
	} else if f.alias = p.alias(); f.alias == "" {
		return
	}
	if !p.accept("(") {
		return
	}
	for {
		f.columns = append(f.columns, p.name())
		if f.kind == fromCall && !p.token.is(",") && !p.token.is(")") {
			p.typeName()
		}
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
}

// ordering reads the terms of ORDER BY.
func (p postgresParser) ordering() []*expr {
	var list []*expr
	for {
		list = append(list, p.expr())
		switch {
		case p.accept("USING"):
			p.operatorName()
		case p.accept("ASC"), p.accept("DESC"):
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
func (p postgresParser) several() []*expr {
	mark := len(p.list)
	for {
		p.list = append(p.list, p.expr())
		if !p.accept(",") {
			return p.since(mark)
		}
	}
}

// window reads what stands in the parentheses after OVER, and the closing one.
func (p postgresParser) window() []*expr {
	var list []*expr
	if isName(p.token) && !p.token.isOneOf("PARTITION", "RANGE", "ROWS", "GROUPS") {
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

func (p postgresParser) bound(list []*expr) []*expr {
	switch {
	case p.token.is("CURRENT") && p.ahead.is("ROW"):
		p.advance()
		p.advance()
		return list
	case p.accept("UNBOUNDED"):
	default:
		list = append(list, p.operators(levelOther))
	}
	if !p.accept("PRECEDING") {
		p.expect("FOLLOWING")
	}
	return list
}
