package query

// expr reads an expression: OR of AND of NOT of tests.
func (p postgresParser) expr() *expr {
	p.enter()
	e := p.conjunction()
	if p.token.is("OR") {
		mark := len(p.list)
		p.list = append(p.list, e)
		for p.accept("OR") {
			p.list = append(p.list, p.conjunction())
		}
		e = p.node(exprOr)
		e.parts = p.since(mark)
	}
	p.leave()
	return e
}

func (p postgresParser) conjunction() *expr {
	e := p.negation()
	if !p.token.is("AND") {
		return e
	}
	mark := len(p.list)
	p.list = append(p.list, e)
	for p.accept("AND") {
		p.list = append(p.list, p.negation())
	}
	e = p.node(exprAnd)
	e.parts = p.since(mark)
	return e
}

func (p postgresParser) negation() *expr {
	if !p.token.is("NOT") {
		return p.test()
	}
	p.enter()
	p.advance()
	e := p.node(exprNot, p.negation())
	p.leave()
	return e
}

// test reads IS and its relatives.
func (p postgresParser) test() *expr {
	e := p.comparison()
	for {
		switch {
		case p.accept("ISNULL"):
			e = p.null(e, false)
		case p.accept("NOTNULL"):
			e = p.null(e, true)
		case p.accept("IS"):
			e = p.is(e)
		default:
			return e
		}
	}
}

func (p postgresParser) is(e *expr) *expr {
	not := p.accept("NOT")
	switch {
	case p.accept("NULL"):
		return p.null(e, not)
	case p.token.isOneOf("TRUE", "FALSE", "UNKNOWN"):
		truth := p.node(exprTruth, e)
		truth.mark, truth.not = p.token.word, not
		p.advance()
		return truth
	case p.accept("DISTINCT"):
		p.expect("FROM")
		is := p.node(exprIs, e, p.comparison())
		is.not = !not
		return is
	case p.accept("DOCUMENT"), p.accept("NORMALIZED"):
		return p.node(exprOther, e)
	}
	p.unexpected()
	return nil
}

// comparison reads = < > and their relatives, of which no two follow each
// other.
func (p postgresParser) comparison() *expr {
	e := p.matching()
	if p.token.level != levelEqual {
		return e
	}
	mark := p.token.text
	p.advance()
	if p.token.isOneOf("ANY", "SOME", "ALL") && p.ahead.is("(") {
		return p.some(e, mark)
	}
	e = p.node(exprCompare, e, p.matching())
	e.mark = mark
	return e
}

// some reads what follows x = ANY: a query, or an array.
func (p postgresParser) some(e *expr, mark string) *expr {
	all := p.token.is("ALL")
	p.advance()
	p.expect("(")
	if p.beginsQuery() {
		in := p.node(exprOther, e)
		if mark == "=" && !all {
			in.kind = exprIn
		}
		in.query = p.selection()
		p.expect(")")
		return in
	}
	list := p.expr()
	p.expect(")")
	if list.kind == exprQuery {
		p.fail("a query in parentheses within parentheses")
	}
	among := p.node(exprOther, e, list)
	switch {
	case mark == "=" && !all:
		among.kind = exprAny
	case (mark == "<>" || mark == "!=") && all:
		among.kind, among.not = exprAny, true
	}
	return among
}

// matching reads [NOT] IN, BETWEEN, LIKE and their relatives.
func (p postgresParser) matching() *expr {
	e := p.operators(levelOther)
	not := false
	if p.token.is("NOT") && p.ahead.isOneOf("IN", "BETWEEN", "LIKE", "ILIKE", "SIMILAR") {
		p.advance()
		not = true
	}
	switch {
	case p.accept("IN"):
		return p.in(e, not)
	case p.accept("BETWEEN"):
		return p.between(e, not)
	case p.token.isOneOf("LIKE", "ILIKE", "SIMILAR"):
		return p.like(e, not)
	case p.accept("OVERLAPS"):
		return p.node(exprOther, e, p.operators(levelOther))
	}
	return e
}

func (p postgresParser) between(e *expr, not bool) *expr {
	kind := exprBetween
	if p.accept("SYMMETRIC") {
		kind = exprOther
	} else {
		p.accept("ASYMMETRIC")
	}
	low := p.operators(levelOther)
	p.expect("AND")
	between := p.node(kind, e, low, p.operators(levelOther))
	between.not = not
	return between
}

func (p postgresParser) in(e *expr, not bool) *expr {
	in := p.node(exprIn, e)
	in.not = not
	p.expect("(")
	if p.beginsQuery() {
		in.query = p.selection()
	} else {
		mark := len(p.list)
		p.list = append(p.list, e)
		for {
			p.list = append(p.list, p.expr())
			if !p.accept(",") {
				break
			}
		}
		in.parts = p.since(mark)
		if len(in.parts) == 2 && in.parts[1].kind == exprQuery {
			in.kind = exprOther // IN ((SELECT …)) is a query, or a value
		}
	}
	p.expect(")")
	return in
}

func (p postgresParser) like(e *expr, not bool) *expr {
	kind, word := exprLike, p.token.word
	if p.advance(); word == "SIMILAR" {
		p.expect("TO")
		kind = exprOther
	}
	if p.token.isOneOf("ANY", "SOME", "ALL") && p.ahead.is("(") {
		p.advance()
		return p.node(exprOther, e, p.primary())
	}
	like := p.node(kind, e, p.operators(levelOther))
	like.mark, like.not = word, not
	if p.accept("ESCAPE") {
		like.kind = exprOther
		like.parts = append(like.parts, p.operators(levelOther))
	}
	return like
}

// operators reads what binds at least as much as a level.
func (p postgresParser) operators(level int8) *expr {
	e := p.unary()
	for {
		own, mark := p.token.level, p.token.text
		switch {
		case own >= level && own >= levelOther:
			p.advance()
			if own == levelOther && p.token.isOneOf("ANY", "SOME", "ALL") && p.ahead.is("(") {
				p.advance()
				e = p.node(exprOther, e, p.primary())
				continue
			}
			e = p.binary(e, mark, p.operators(own+1))
		case p.token.is("OPERATOR") && level <= levelOther:
			p.operatorName()
			e = p.node(exprOther, e, p.operators(levelOther+1))
		case p.token.is("AT") && p.ahead.isOneOf("TIME", "LOCAL") && level <= levelAt:
			p.advance()
			if p.accept("LOCAL") {
				e = p.node(exprOther, e)
				continue
			}
			p.advance()
			p.expect("ZONE")
			e = p.node(exprOther, e, p.operators(levelAt+1))
		case p.token.is("COLLATE") && level <= levelSort:
			p.advance()
			e = p.node(exprCollate, e)
			e.name = p.collation()
		default:
			return e
		}
	}
}

func (p postgresParser) binary(e *expr, mark string, other *expr) *expr {
	switch {
	case mark != "||":
		return p.node(exprOther, e, other)
	case e.kind == exprConcat:
		e.parts = append(e.parts, other)
		return e
	}
	return p.node(exprConcat, e, other)
}

// operatorName reads an operator, as OPERATOR(pg_catalog.+) too.
func (p postgresParser) operatorName() {
	if !p.accept("OPERATOR") {
		if p.token.level == levelNone {
			p.unexpected()
		}
		p.advance()
		return
	}
	p.expect("(")
	for p.token.kind == tokenWord || p.token.kind == tokenName {
		p.label()
		p.expect(".")
	}
	if p.token.level == levelNone {
		p.unexpected()
	}
	p.advance()
	p.expect(")")
}

// collation reads the name of one; that of another schema is none that is
// known.
func (p postgresParser) collation() string {
	name := p.name()
	for p.accept(".") {
		if name != "pg_catalog" {
			p.name()
			return "?"
		}
		name = p.name()
	}
	return name
}

func (p postgresParser) unary() *expr {
	if p.token.level == levelNone {
		return p.primary()
	}
	if p.token.is("-") && p.ahead.kind == tokenNumber {
		p.advance()
		return p.postfix(p.number("-"))
	}
	arithmetic := p.token.level == levelAdd
	if !arithmetic && p.token.level != levelOther {
		p.unexpected()
	}
	p.enter()
	p.advance()
	var operand *expr
	if arithmetic {
		operand = p.unary()
	} else {
		operand = p.operators(levelOther + 1)
	}
	p.leave()
	return p.node(exprOther, operand)
}

// postfix reads casts and subscripts behind an operand.
func (p postgresParser) postfix(e *expr) *expr {
	for {
		switch {
		case p.accept("::"):
			e = p.cast(e)
		case p.token.is("["):
			e = p.subscript(e)
		case p.token.is(".") && e.kind != exprColumn:
			p.fail("a field of a value, which may be a function")
		default:
			return e
		}
	}
}

func (p postgresParser) subscript(e *expr) *expr {
	e = p.node(exprOther, e)
	p.expect("[")
	for !p.accept("]") {
		if p.accept(":") {
			continue
		}
		e.parts = append(e.parts, p.expr())
		if !p.token.is(":") && !p.token.is("]") {
			p.unexpected()
		}
	}
	return e
}
