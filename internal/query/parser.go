package query

import (
	"hash/maphash"
	"math/bits"
	"slices"
	"strconv"
	"sync"
)

// parser reads one statement by recursive descent. What it does not know it
// reports by a panic with opaque, which Read catches.
type parser struct {
	lexer
	token   *token   // the current one
	ahead   *token   // the one after it
	both    [2]token // these
	depth   int
	nodes   int
	hash    uint64
	names   map[string]int // numbers of named parameters
	highest int            // number of a parameter
	arena
}

// arena is where a statement lies while it is read. Nothing of it is kept, so
// the next statement has it again.
type arena struct {
	exprs      chunk[expr]
	parts      chunk[*expr]
	selections chunk[selection]
	cores      chunk[core]
	froms      chunk[from]
	results    chunk[result]
	scopes     chunk[scope]
	sources    chunk[source]
	places     chunk[*place]

	list   []*expr // of lists that are being read
	values []value
}

// chunk has values of one type side by side. One that does not suffice is left
// to the garbage collector.
type chunk[T any] struct{ list []T }

// take returns n values that are zero.
func (c *chunk[T]) take(n int) []T {
	if len(c.list)+n > cap(c.list) {
		c.list = make([]T, 0, 32+n)
	}
	from := len(c.list)
	c.list = c.list[:from+n]
	return c.list[from : from+n : from+n]
}

func (c *chunk[T]) one() *T { return &c.take(1)[0] }

func (c *chunk[T]) reset() {
	clear(c.list)
	c.list = c.list[:0]
}

// maxArena bounds what an arena keeps for the next statement.
const maxArena = 1024

var parsers = sync.Pool{New: func() any { return new(parser) }}

// release gives the parser back, with its arena.
func (p *parser) release() {
	a := &p.arena
	if cap(a.exprs.list) > maxArena || cap(a.list) > maxArena || cap(a.values) > maxArena {
		return
	}
	a.exprs.reset()
	a.parts.reset()
	a.selections.reset()
	a.cores.reset()
	a.froms.reset()
	a.results.reset()
	a.scopes.reset()
	a.sources.reset()
	a.places.reset()
	clear(a.list[:cap(a.list)])
	clear(a.values[:cap(a.values)])
	a.list, a.values = a.list[:0], a.values[:0]
	p.lexer, p.both, p.names = lexer{}, [2]token{}, nil
	p.hash, p.depth, p.nodes, p.highest = 0, 0, 0, 0
	parsers.Put(p)
}

func newParser(text string, d *dialect) *parser {
	p := parsers.Get().(*parser)
	p.lexer = lexer{text: text, dialect: d}
	p.token, p.ahead = &p.both[0], &p.both[1]
	p.lexer.next(p.ahead)
	p.advance()
	return p
}

// shape is a hash of what was read, without the literals.
func (p *parser) shape() uint64 { return p.hash }

func (p *parser) advance() {
	p.token, p.ahead = p.ahead, p.token
	p.lexer.next(p.ahead)
	switch t := p.token; t.kind {
	case tokenText, tokenBytes, tokenNumber:
		p.note("?", tokenNumber)
	case tokenWrong:
		p.fail("a character that is not read: " + t.text)
	default:
		p.note(t.text, t.kind)
	}
}

// note takes a text into the shape.
func (p *parser) note(text string, kind tokenKind) {
	p.hash = (bits.RotateLeft64(p.hash, 5) ^ maphash.String(shapeSeed, text) ^ uint64(kind)) * 0x9e3779b97f4a7c15
}

func (p *parser) fail(why string) { panic(opaque{why}) }

func (p *parser) unexpected() {
	p.fail("not understood at byte " + strconv.Itoa(p.token.start))
}

// accept goes past a keyword or mark if it is there.
func (p *parser) accept(word string) bool {
	if !p.token.is(word) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expect(word string) {
	if !p.accept(word) {
		p.unexpected()
	}
}

// enter and leave bracket what may lie within itself.
func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		p.fail("it is nested too deeply")
	}
}

func (p *parser) leave() { p.depth-- }

// node makes an expression of a few parts.
func (p *parser) node(kind exprKind, parts ...*expr) *expr {
	if p.nodes++; p.nodes > maxNodes {
		p.fail("it has too many parts")
	}
	e := p.exprs.one()
	e.kind = kind
	if len(parts) > 0 {
		e.parts = p.parts.take(len(parts))
		copy(e.parts, parts)
	}
	return e
}

// since takes from the list what was put on it after a mark.
func (p *parser) since(mark int) []*expr {
	parts := p.parts.take(len(p.list) - mark)
	copy(parts, p.list[mark:])
	p.list = p.list[:mark]
	return parts
}

// literal makes an expression of a value that stands in the text.
func (p *parser) literal(v any, vague bool) *expr {
	p.values = append(p.values, value{literal: v, vague: vague})
	e := p.node(exprValue)
	e.value = len(p.values) - 1
	return e
}

// parameter numbers parameters as the database does: ? follows the highest
// number so far, ?3 is 3, and a name has one number wherever it stands.
func (p *parser) parameter() *expr {
	text := p.token.text
	p.advance()
	number := 0
	switch {
	case text == "?":
		number = p.highest + 1
	case text[0] == '?':
		n, err := strconv.Atoi(text[1:])
		if err != nil || n < 1 || n > 1<<16 {
			p.fail("a parameter that is not read: " + text)
		}
		number = n
	default:
		if p.names == nil {
			p.names = map[string]int{}
		}
		if number = p.names[text]; number == 0 {
			number = p.highest + 1
			p.names[text] = number
		}
	}
	p.highest = max(p.highest, number)
	v := value{param: number}
	if n, err := strconv.Atoi(text[1:]); text[0] == '$' && err == nil && text[1] > '0' {
		v.param = n // $2 is the second argument, whatever its number
	} else if text[0] != '?' {
		v.name = text[1:]
	}
	p.values = append(p.values, v)
	e := p.node(exprValue)
	e.value = len(p.values) - 1
	return e
}

// isName reports whether a token may stand where a name is due.
func isName(t *token) bool {
	return t.kind == tokenName || t.kind == tokenWord && t.mean&meanReserved == 0
}

// name reads a name. SQLite takes a text for one too.
func (p *parser) name() string {
	if !isName(p.token) && p.token.kind != tokenText {
		p.unexpected()
	}
	if p.token.kind == tokenText {
		p.note(p.token.text, tokenText)
	}
	text := p.token.text
	p.advance()
	return text
}

// alias reads an optional name after AS, or without it.
func (p *parser) alias() string {
	if p.accept("AS") {
		return p.name()
	}
	if p.token.kind == tokenText || isName(p.token) && p.token.mean&meanNoAlias == 0 {
		return p.name()
	}
	return ""
}

// nameList reads names in parentheses.
func (p *parser) nameList() []string {
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

// read reads a whole text in its dialect.
func (p *parser) read() *selection {
	if p.dialect.typed {
		return postgresParser{p}.statement()
	}
	return p.statement()
}

// statement reads a whole text: one SELECT.
func (p *parser) statement() *selection {
	if !p.token.is("SELECT") && !p.token.is("WITH") && !p.token.is("VALUES") {
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

// definition reads the text that makes a view.
func (p *parser) definition() (columns []string, s *selection) {
	p.expect("CREATE")
	if !p.accept("TEMP") {
		p.accept("TEMPORARY")
	}
	p.expect("VIEW")
	if p.accept("IF") {
		p.expect("NOT")
		p.expect("EXISTS")
	}
	p.name()
	if p.accept(".") {
		p.name()
	}
	if p.token.is("(") {
		columns = p.nameList()
	}
	p.expect("AS")
	s = p.statement()
	for i := range p.values {
		p.values[i].fixed = true
	}
	return columns, s
}

// beginsQuery reports whether a SELECT begins here.
func (p *parser) beginsQuery() bool { return p.token.mean&meanQuery != 0 }

// isOneOf reports whether the token is one of the words.
func (t *token) isOneOf(words ...string) bool { return t.word != "" && slices.Contains(words, t.word) }
