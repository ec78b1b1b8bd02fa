package query

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/wakeful-dev/wakeful/readset"
)

// Levels of operators, from those that bind least.
const (
	levelNone     = iota - 1 // no operator of two sides
	levelEqual               // = == <> != IS IN LIKE BETWEEN ISNULL …
	levelCompare             // < <= > >=
	levelBit                 // & | << >>
	levelAdd                 // + -
	levelMultiply            // * / %
	levelConcat              // || -> ->>
	levelCollate             // COLLATE
)

// expr reads an expression: OR of AND of NOT of comparisons.
func (p *parser) expr() *expr {
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

func (p *parser) conjunction() *expr {
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

func (p *parser) negation() *expr {
	if p.token.is("NOT") && !p.ahead.is("EXISTS") {
		p.enter()
		p.advance()
		e := p.node(exprNot, p.negation())
		p.leave()
		return e
	}
	return p.equality()
}

// equality reads the operators of the lowest level, which have forms of their
// own.
func (p *parser) equality() *expr {
	e := p.binary(levelCompare)
	for p.token.level == levelEqual || p.token.mean&meanInfix != 0 {
		switch {
		case p.token.level == levelEqual:
			mark := p.token.text
			p.advance()
			e = p.node(exprCompare, e, p.binary(levelCompare))
			e.mark = mark
		case p.token.is("IS"):
			e = p.is(e)
		case p.accept("ISNULL"):
			e = p.null(e, false)
		case p.accept("NOTNULL"):
			e = p.null(e, true)
		case p.accept("NOT"):
			if p.accept("NULL") {
				e = p.null(e, true)
			} else {
				e = p.special(e, true)
			}
		default:
			e = p.special(e, false)
		}
	}
	return e
}

func isEquality(mark string) bool {
	return mark == "=" || mark == "==" || mark == "<>" || mark == "!="
}

func (p *parser) null(e *expr, not bool) *expr {
	is := p.node(exprIs, e, p.literal(nil, false))
	is.not = not
	return is
}

// is reads IS [NOT] [DISTINCT FROM].
func (p *parser) is(e *expr) *expr {
	p.advance()
	not := p.accept("NOT")
	if p.token.is("DISTINCT") && p.ahead.is("FROM") {
		p.advance()
		p.advance()
		not = !not
	}
	truth := p.token.isOneOf("TRUE", "FALSE")
	is := p.node(exprIs, e, p.binary(levelCompare))
	if is.not = not; truth {
		is.kind = exprOther // a question about truth, not about a value
	}
	return is
}

// special reads IN, BETWEEN, LIKE and its relatives.
func (p *parser) special(e *expr, not bool) *expr {
	switch {
	case p.accept("IN"):
		return p.in(e, not)
	case p.accept("BETWEEN"):
		low := p.binary(levelCompare)
		p.expect("AND")
		between := p.node(exprBetween, e, low, p.binary(levelCompare))
		between.not = not
		return between
	}
	kind := exprOther
	if p.accept("LIKE") {
		kind = exprLike
	} else if !p.accept("GLOB") && !p.accept("REGEXP") && !p.accept("MATCH") {
		p.unexpected()
	}
	like := p.node(kind, e, p.binary(levelCompare))
	like.not = not
	if p.accept("ESCAPE") {
		like.kind = exprOther
		like.parts = append(like.parts, p.binary(levelBit))
	}
	return like
}

func (p *parser) in(e *expr, not bool) *expr {
	in := p.node(exprIn, e)
	in.not = not
	if !p.accept("(") {
		in.query = p.wholeTable()
		return in
	}
	switch {
	case p.beginsQuery():
		in.query = p.selection()
	case p.token.is(")"):
		in.kind = exprOther
	default:
		in.parts = p.listAfter(e)
	}
	p.expect(")")
	return in
}

// wholeTable reads x IN table: a query for all of it.
func (p *parser) wholeTable() *selection {
	f := &from{kind: fromTable, name: readset.Fold(p.name())}
	if p.accept(".") {
		f.schema, f.name = f.name, readset.Fold(p.name())
	}
	if p.token.is("(") {
		p.fail("IN with a function that returns rows")
	}
	f.alias = f.name
	return &selection{cores: []*core{{results: []result{{star: true}}, from: f}}}
}

// levelOf says how a mark binds as an operator of two sides.
func levelOf(mark string) int8 {
	switch mark {
	case "=", "==", "<>", "!=":
		return levelEqual
	case "<", "<=", ">", ">=":
		return levelCompare
	case "&", "|", "<<", ">>":
		return levelBit
	case "+", "-":
		return levelAdd
	case "*", "/", "%":
		return levelMultiply
	case "||", "->", "->>":
		return levelConcat
	}
	return levelNone
}

// binary reads operators that bind at least as much as a level.
func (p *parser) binary(level int8) *expr {
	e := p.collated()
	for p.token.level >= level {
		own := p.token.level
		mark := p.token.text
		p.advance()
		other := p.binary(own + 1)
		switch {
		case own == levelCompare:
			e = p.node(exprCompare, e, other)
			e.mark = mark
		case mark == "||" && e.kind == exprConcat:
			e.parts = append(e.parts, other)
		case mark == "||":
			e = p.node(exprConcat, e, other)
		default:
			e = p.node(exprOther, e, other)
		}
	}
	return e
}

func (p *parser) collated() *expr {
	e := p.unary()
	for p.accept("COLLATE") {
		e = p.node(exprCollate, e)
		e.name = readset.Fold(p.name())
	}
	return e
}

func (p *parser) unary() *expr {
	switch {
	case p.token.is("-"):
		p.advance()
		if p.token.kind == tokenNumber {
			return p.number("-")
		}
	case p.token.is("+"), p.token.is("~"):
		p.advance()
	case p.token.is("NOT") && !p.ahead.is("EXISTS"):
		p.enter()
		p.advance()
		e := p.node(exprNot, p.equality())
		p.leave()
		return e
	default:
		return p.primary()
	}
	p.enter()
	e := p.node(exprOther, p.unary())
	p.leave()
	return e
}

func (p *parser) primary() *expr {
	text := p.token.text
	switch p.token.kind {
	case tokenNumber:
		return p.number("")
	case tokenText:
		if p.ahead.is(".") {
			return p.column()
		}
		p.advance()
		return p.literal(text, false)
	case tokenBytes:
		p.advance()
		b, err := hex.DecodeString(text)
		return p.literal(b, err != nil)
	case tokenParam:
		return p.parameter()
	case tokenMark:
		return p.parenthesis()
	case tokenName:
		return p.column()
	case tokenWord:
		return p.word()
	}
	p.unexpected()
	return nil
}

// number reads a literal. What is no decimal integer of 64 bits and no plain
// decimal fraction has a value that is not read.
func (p *parser) number(sign string) *expr {
	text := sign + p.token.text
	p.advance()
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return p.literal(n, false)
	}
	if strings.Trim(text, "-0123456789.") == "" && len(text) < 16 {
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return p.literal(f, false)
		}
	}
	return p.literal(nil, true)
}

// parenthesis reads (expression), (query) or a row of values.
func (p *parser) parenthesis() *expr {
	p.expect("(")
	if p.beginsQuery() {
		e := p.node(exprQuery)
		e.query = p.selection()
		p.expect(")")
		return e
	}
	list := p.several()
	p.expect(")")
	if len(list) == 1 {
		return list[0]
	}
	return p.node(exprRow, list...)
}

// word reads what begins with a bare word: a literal, CASE, CAST, EXISTS, a
// call or a column.
func (p *parser) word() *expr {
	switch t := p.token; {
	case t.mean == 0 && t.word == "" && !p.ahead.is("("):
		return p.column()
	case p.accept("NULL"):
		return p.literal(nil, false)
	case t.is("CASE"):
		return p.cases()
	case t.is("CAST") && p.ahead.is("("):
		return p.cast()
	case t.is("EXISTS"), t.is("NOT"):
		p.accept("NOT")
		p.expect("EXISTS")
		p.expect("(")
		e := p.node(exprQuery)
		e.query = p.selection()
		p.expect(")")
		return e
	case t.isOneOf("CURRENT_TIME", "CURRENT_DATE", "CURRENT_TIMESTAMP"):
		p.advance()
		return p.literal(nil, true)
	case p.ahead.is("("):
		return p.call()
	case t.mean&meanReserved != 0:
		p.unexpected()
	}
	return p.column()
}

// column reads name, table.name or schema.table.name, and table.* too.
func (p *parser) column() *expr {
	e := p.node(exprColumn)
	bare := p.token.kind == tokenWord
	e.name = readset.Fold(p.name())
	for n := 0; p.token.is("."); n++ {
		if p.advance(); n == 2 {
			p.unexpected()
		}
		bare = false
		if e.table = e.name; p.token.is("*") {
			e.mark = "*"
			p.advance()
			return e
		}
		e.name = readset.Fold(p.name())
	}
	if bare && (e.name == "true" || e.name == "false") {
		e.kind = exprOther // a value, unless there is a column of that name
	}
	return e
}

func (p *parser) cases() *expr {
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

func (p *parser) cast() *expr {
	p.advance()
	p.expect("(")
	e := p.node(exprOther, p.expr())
	p.expect("AS")
	for depth := 0; depth > 0 || !p.token.is(")"); p.advance() {
		switch {
		case p.token.kind == tokenEnd:
			p.unexpected()
		case p.token.is("("):
			depth++
		case p.token.is(")"):
			depth--
		}
	}
	p.expect(")")
	return e
}

// call reads a function with all that may follow its arguments.
func (p *parser) call() *expr {
	e := p.node(exprCall)
	e.name = readset.Fold(p.name())
	p.expect("(")
	if !p.accept("*") && !p.token.is(")") {
		p.accept("DISTINCT")
		e.parts = p.several()
		if p.accept("ORDER") {
			p.expect("BY")
			e.parts = append(e.parts, p.ordering()...)
		}
	}
	p.expect(")")
	if p.token.is("FILTER") && p.ahead.is("(") {
		p.advance()
		p.advance()
		p.expect("WHERE")
		e.parts = append(e.parts, p.expr())
		p.expect(")")
	}
	if p.token.is("OVER") && (p.ahead.is("(") || isName(p.ahead)) {
		p.advance()
		e.window = true
		if p.accept("(") {
			e.parts = append(e.parts, p.window()...)
		} else {
			p.name()
		}
	}
	return e
}
