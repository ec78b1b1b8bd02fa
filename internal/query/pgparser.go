package query

import (
	"strconv"

	"github.com/wakeful-dev/wakeful/readset"
)

// postgresParser reads PostgreSQL's SQL into the same tree. It has a grammar of
// its own: how operators bind, types and casts, names that are exact in quotes.
type postgresParser struct{ *parser }

// statement reads a whole text: one SELECT, VALUES or TABLE.
func (p postgresParser) statement() *selection {
	if !p.beginsQuery() && !p.token.is("(") {
		p.fail("it is no SELECT")
	}
	s := p.selection()
	for p.accept(";") {
	}
	if p.token.kind != tokenEnd {
		p.unexpected()
	}
	return s
}

// condition reads a text that is one expression.
func (p postgresParser) condition() *expr {
	e := p.expr()
	if p.token.kind != tokenEnd {
		p.unexpected()
	}
	return e
}

// name reads the name of a table or a column.
func (p postgresParser) name() string {
	if !isName(p.token) {
		p.unexpected()
	}
	return p.label()
}

// label reads a name where any word may be one.
func (p postgresParser) label() string {
	text := p.token.text
	switch p.token.kind {
	case tokenWord:
		text = readset.Fold(text)
	case tokenName:
	default:
		p.unexpected()
	}
	p.advance()
	return text
}

// alias reads an optional name after AS, or without it.
func (p postgresParser) alias() string {
	if p.accept("AS") {
		return p.label()
	}
	if isName(p.token) && p.token.mean&meanNoAlias == 0 {
		return p.name()
	}
	return ""
}

func (p postgresParser) nameList() []string {
	var list []string
	p.expect("(")
	for {
		list = append(list, p.name())
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return list
}

// parameter reads $1.
func (p postgresParser) parameter() *expr {
	n, err := strconv.Atoi(p.token.text[1:])
	if err != nil || n < 1 || n > 1<<16 {
		p.fail("a parameter that is not read: " + p.token.text)
	}
	p.advance()
	p.highest = max(p.highest, n)
	p.values = append(p.values, value{param: n})
	e := p.node(exprValue)
	e.value = len(p.values) - 1
	return e
}

// selection reads [WITH …] SELECT … [UNION …] [ORDER BY …] [LIMIT …] [FOR …].
func (p postgresParser) selection() *selection {
	p.enter()
	s := p.selections.one()
	if p.accept("WITH") {
		s.recursive = p.accept("RECURSIVE")
		for {
			s.with = append(s.with, p.common())
			if !p.accept(",") {
				break
			}
		}
	}
	alone := p.token.is("(") && len(s.with) == 0
	s.cores = append(s.cores, p.arm())
	for p.token.isOneOf("UNION", "EXCEPT", "INTERSECT") {
		p.advance()
		if !p.accept("ALL") {
			p.accept("DISTINCT")
		}
		s.cores = append(s.cores, p.arm())
	}
	before := p.token.start
	p.tail(s)
	p.leave()
	if alone && len(s.cores) == 1 && p.token.start == before {
		return s.cores[0].from.query
	}
	return s
}

// arm reads one of what UNION puts together. One in parentheses is a query of
// its own, from which everything is taken.
func (p postgresParser) arm() *core {
	if !p.accept("(") {
		return p.core()
	}
	c, f := p.cores.one(), p.froms.one()
	f.kind, f.query = fromQuery, p.selection()
	p.expect(")")
	c.from = f
	c.results = p.results.take(1)
	c.results[0].star = true
	return c
}

// tail reads what follows the last SELECT, in any order.
func (p postgresParser) tail(s *selection) {
	if p.accept("ORDER") {
		p.expect("BY")
		s.order = p.ordering()
	}
	for {
		switch {
		case p.accept("LIMIT"):
			if p.accept("ALL") {
				continue
			}
			s.limit = append(s.limit, p.expr())
		case p.accept("OFFSET"):
			s.skips = true
			s.limit = append(s.limit, p.expr())
			if !p.accept("ROWS") {
				p.accept("ROW")
			}
		case p.accept("FETCH"):
			p.fetch(s)
		case p.accept("FOR"):
			p.locking()
		default:
			return
		}
	}
}

// fetch reads FETCH FIRST 3 ROWS ONLY.
func (p postgresParser) fetch(s *selection) {
	if !p.accept("FIRST") {
		p.expect("NEXT")
	}
	if p.token.isOneOf("ROW", "ROWS") {
		s.limit = append(s.limit, p.literal(int64(1), false))
	} else {
		s.limit = append(s.limit, p.unary())
	}
	if !p.accept("ROWS") {
		p.expect("ROW")
	}
	if !p.accept("ONLY") {
		p.expect("WITH")
		p.expect("TIES")
	}
}

// locking reads FOR UPDATE OF t NOWAIT. What skips rows that others have locked
// depends on more than rows.
func (p postgresParser) locking() {
	if p.accept("NO") {
		p.expect("KEY")
	} else {
		p.accept("KEY")
	}
	if !p.accept("UPDATE") {
		p.expect("SHARE")
	}
	if p.token.kind == tokenWord && p.token.text != "" && readset.Fold(p.token.text) == "of" {
		p.advance()
		for {
			p.name()
			if !p.accept(",") {
				break
			}
		}
	}
	if p.accept("SKIP") {
		p.fail("it skips rows that are locked")
	}
	p.accept("NOWAIT")
}

func (p postgresParser) common() *common {
	c := &common{name: p.name()}
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
	if !p.beginsQuery() && !p.token.is("(") {
		p.fail("it writes")
	}
	c.query = p.selection()
	p.expect(")")
	if p.token.isOneOf("SEARCH", "CYCLE") {
		p.fail("a common table expression that numbers its rows")
	}
	return c
}
