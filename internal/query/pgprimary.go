package query

import (
	"github.com/wakeful-dev/wakeful/predicate"
)

// primary reads an operand with its casts and subscripts.
func (p postgresParser) primary() *expr {
	text := p.token.text
	switch p.token.kind {
	case tokenNumber:
		return p.postfix(p.number(""))
	case tokenText:
		p.advance()
		return p.postfix(p.literal(text, false))
	case tokenBytes:
		p.advance()
		return p.postfix(p.literal(nil, true))
	case tokenParam:
		return p.postfix(p.parameter())
	case tokenMark:
		return p.postfix(p.parenthesis())
	case tokenName, tokenWord:
		return p.postfix(p.word())
	}
	p.unexpected()
	return nil
}

func (p postgresParser) number(sign string) *expr {
	v, vague := numberOf(sign + p.token.text)
	p.advance()
	return p.literal(v, vague)
}

// cast reads a type and makes a cast of a value or anything else. A number that
// the cast would round has a value that is not read.
func (p postgresParser) cast(e *expr) *expr {
	kind := p.typeName()
	if e.kind == exprValue {
		v := &p.values[e.value]
		if _, fraction := v.literal.(float64); fraction && kind == predicate.PostgresInteger {
			v.vague = true
		}
		v.as = kind
	}
	c := p.node(exprCast, e)
	c.of = kind
	return c
}

// parenthesis reads (expression), (query) or a row of values.
func (p postgresParser) parenthesis() *expr {
	p.expect("(")
	if p.beginsQuery() {
		e := p.node(exprQuery)
		e.query = p.selection()
		p.expect(")")
		return e
	}
	list := p.several()
	if list[0].kind == exprQuery && p.token.isOneOf("UNION", "EXCEPT", "INTERSECT", "ORDER", "LIMIT", "OFFSET", "FETCH") {
		p.fail("a query in parentheses within parentheses")
	}
	p.expect(")")
	if len(list) == 1 {
		return list[0]
	}
	return p.node(exprRow, list...)
}

// word reads what begins with a word: a literal, CASE, CAST, EXISTS, a typed
// literal, a call or a column.
func (p postgresParser) word() *expr {
	switch t := p.token; {
	case t.kind == tokenName, t.word == "":
		return p.reference()
	case p.accept("NULL"):
		return p.literal(nil, false)
	case p.accept("TRUE"):
		return p.literal(true, false)
	case p.accept("FALSE"):
		return p.literal(false, false)
	case t.is("CASE"):
		return p.cases()
	case p.accept("CAST"):
		p.expect("(")
		e := p.expr()
		p.expect("AS")
		e = p.cast(e)
		p.expect(")")
		return e
	case t.is("EXISTS") && p.ahead.is("("):
		p.advance()
		p.advance()
		if !p.beginsQuery() {
			p.fail("a query in parentheses within parentheses")
		}
		e := p.node(exprQuery)
		e.query = p.selection()
		p.expect(")")
		return e
	case p.accept("ARRAY"):
		return p.array()
	case t.is("ROW") && p.ahead.is("("):
		p.advance()
		return p.row()
	}
	return p.keyword()
}

// keyword reads what begins with a word that may be a name too.
func (p postgresParser) keyword() *expr {
	switch t := p.token; {
	case t.isOneOf("CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP", "CURRENT_USER", "CURRENT_ROLE",
		"SESSION_USER", "SYSTEM_USER", "USER", "CURRENT_CATALOG", "CURRENT_SCHEMA"):
		p.advance()
		if p.accept("(") {
			if !p.token.is(")") {
				p.several()
			}
			p.expect(")")
		}
		return p.literal(nil, true)
	case t.isOneOf("TIMESTAMP", "TIME", "INTERVAL", "DOUBLE", "BIT", "CHARACTER", "CHAR", "NATIONAL") &&
		(p.ahead.kind == tokenText || p.ahead.isOneOf("(", "WITH", "WITHOUT", "PRECISION", "VARYING")):
		return p.typed()
	case t.isOneOf("EXTRACT", "POSITION", "SUBSTRING", "OVERLAY", "TRIM") && p.ahead.is("("):
		return p.wordy()
	case t.isOneOf("LEFT", "RIGHT") && p.ahead.is("("):
		e := p.node(exprCall)
		e.name = p.label()
		return p.call(e)
	case t.mean&meanReserved != 0:
		p.unexpected()
	}
	return p.reference()
}

// reference reads a column, name, table.name or schema.table.name, table.*, a
// call, or a literal behind the name of its type.
func (p postgresParser) reference() *expr {
	if p.ahead.kind == tokenText || p.ahead.kind == tokenBytes {
		return p.typed()
	}
	e := p.node(exprColumn)
	e.name = p.name()
	for n := 0; p.token.is("."); n++ {
		if p.advance(); n == 2 {
			p.unexpected()
		}
		if e.table = e.name; p.token.is("*") {
			e.mark = "*"
			p.advance()
			return e
		}
		e.name = p.label()
	}
	if p.token.is("(") {
		return p.call(e)
	}
	return e
}

// typed reads date '2026-03-01'.
func (p postgresParser) typed() *expr {
	kind := p.typeName()
	text, vague := p.token.text, p.token.kind == tokenBytes
	if p.token.kind != tokenText && !vague {
		p.unexpected()
	}
	p.advance()
	p.fields()
	e := p.node(exprCast, p.literal(text, vague))
	e.of, p.values[len(p.values)-1].as = kind, kind
	return e
}

func (p postgresParser) cases() *expr {
	p.expect("CASE")
	e := p.node(exprOther)
	if !p.token.is("WHEN") {
		e.parts = append(e.parts, p.expr())
	}
	for p.accept("WHEN") {
		e.parts = append(e.parts, p.expr())
		p.expect("THEN")
		e.parts = append(e.parts, p.expr())
	}
	if p.accept("ELSE") {
		e.parts = append(e.parts, p.expr())
	}
	p.expect("END")
	return e
}

// array reads what follows ARRAY: elements, or a query.
func (p postgresParser) array() *expr {
	if p.accept("(") {
		e := p.node(exprQuery)
		e.query = p.selection()
		p.expect(")")
		return e
	}
	e := p.node(exprArray)
	p.enter()
	p.expect("[")
	if !p.token.is("]") {
		if p.token.is("[") {
			p.fail("an array of arrays")
		}
		e.parts = p.several()
	}
	p.expect("]")
	p.leave()
	return e
}

// row reads what follows ROW.
func (p postgresParser) row() *expr {
	p.expect("(")
	e := p.node(exprRow)
	if !p.token.is(")") {
		e.parts = p.several()
	}
	p.expect(")")
	return e
}
