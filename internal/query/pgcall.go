package query

// call makes a call of a name that was read, with all that may follow its
// arguments.
func (p postgresParser) call(e *expr) *expr {
	e.kind = exprCall
	p.arguments(e)
	if p.accept("WITHIN") {
		p.expect("GROUP")
		p.expect("(")
		p.expect("ORDER")
		p.expect("BY")
		e.parts = append(e.parts, p.ordering()...)
		p.expect(")")
	}
	if p.token.is("FILTER") && p.ahead.is("(") {
		p.advance()
		p.advance()
		p.expect("WHERE")
		e.parts = append(e.parts, p.expr())
		p.expect(")")
	}
	if p.accept("OVER") {
		e.window = true
		if p.accept("(") {
			e.parts = append(e.parts, p.window()...)
		} else {
			p.name()
		}
	}
	e.scalar = postgresScalars[e.name]
	return e
}

// arguments reads (…).
func (p postgresParser) arguments(e *expr) {
	p.enter()
	p.expect("(")
	if !p.accept("*") && !p.token.is(")") {
		if !p.accept("DISTINCT") {
			p.accept("ALL")
		}
		mark := len(p.list)
		for {
			p.accept("VARIADIC")
			if isName(p.token) && p.ahead.isOneOf("=>", ":=") {
				p.advance()
				p.advance()
			}
			p.list = append(p.list, p.expr())
			if !p.accept(",") {
				break
			}
		}
		e.parts = p.since(mark)
		if p.accept("ORDER") {
			p.expect("BY")
			e.parts = append(e.parts, p.ordering()...)
		}
	}
	p.expect(")")
	p.leave()
}

// wordy reads functions with words between their arguments: extract(day FROM
// t), trim(BOTH 'x' FROM t).
func (p postgresParser) wordy() *expr {
	e := p.node(exprCall)
	extract := p.token.is("EXTRACT")
	e.name, e.scalar = p.label(), true
	p.enter()
	p.expect("(")
	if extract {
		p.advance()
	}
	if !p.accept("BOTH") && !p.accept("LEADING") {
		p.accept("TRAILING")
	}
	for !p.accept(")") {
		if p.token.isOneOf("FROM", "FOR", "PLACING", "IN", "SIMILAR", "ESCAPE", ",") {
			p.advance()
			continue
		}
		e.parts = append(e.parts, p.operators(levelOther))
	}
	p.leave()
	return e
}
