package query

import (
	"hash/maphash"
	"slices"
	"strconv"
	"sync"

	"github.com/wakeful-dev/wakeful/readset"
)

// parser reads one statement by recursive descent. What it does not know it
// reports by a panic with opaque, which Read catches.
type parser struct {
	lexer
	token  token // the current one
	ahead  token // the one after it
	depth  int
	nodes  int
	hash   maphash.Hash
	values []value        // kept by the query
	names  map[string]int // numbers of named parameters

	highest int // number of a parameter
	*arena
}

// arena is where expressions lie while a statement is read. Nothing of them is
// kept, so the next statement has them again.
type arena struct {
	exprs []expr
	parts []*expr
}

var arenas = sync.Pool{New: func() any { return &arena{make([]expr, 0, 64), make([]*expr, 0, 64)} }}

// release gives the expressions back. A chunk that did not suffice was left to
// the garbage collector.
func (p *parser) release() {
	clear(p.exprs)
	clear(p.parts)
	p.exprs, p.parts = p.exprs[:0], p.parts[:0]
	arenas.Put(p.arena)
	p.arena = nil
}

func newParser(text string, d *dialect) *parser {
	p := &parser{lexer: lexer{text: text, dialect: d}, arena: arenas.Get().(*arena)}
	p.hash.SetSeed(shapeSeed)
	p.ahead = p.lexer.next()
	p.advance()
	return p
}

// shape is a hash of what was read, without the literals.
func (p *parser) shape() uint64 { return p.hash.Sum64() }

func (p *parser) advance() {
	p.token, p.ahead = p.ahead, p.lexer.next()
	switch t := &p.token; t.kind {
	case tokenText, tokenBytes, tokenNumber:
		_ = p.hash.WriteByte('?')
	case tokenWrong:
		p.fail("a character that is not read: " + t.text)
	default:
		_ = p.hash.WriteByte(byte(t.kind))
		_, _ = p.hash.WriteString(t.text)
		_ = p.hash.WriteByte(0)
	}
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

// node makes an expression of up to three parts.
func (p *parser) node(kind exprKind, parts ...*expr) *expr {
	if p.nodes++; p.nodes > maxNodes {
		p.fail("it has too many parts")
	}
	if len(p.exprs) == cap(p.exprs) {
		p.exprs = make([]expr, 0, 64)
	}
	p.exprs = append(p.exprs, expr{kind: kind})
	e := &p.exprs[len(p.exprs)-1]
	if len(parts) > 0 {
		if len(p.parts)+len(parts) > cap(p.parts) {
			p.parts = make([]*expr, 0, 64+len(parts))
		}
		from := len(p.parts)
		p.parts = append(p.parts, parts...)
		e.parts = p.parts[from:len(p.parts):len(p.parts)]
	}
	return e
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
	if text[0] != '?' {
		v.name = text[1:]
	}
	p.values = append(p.values, v)
	e := p.node(exprValue)
	e.value = len(p.values) - 1
	return e
}

// reserved are the words that are never a name unless in quotes.
var reserved = wordSet("ADD ALL ALTER AND AS AUTOINCREMENT BETWEEN CASE CHECK COLLATE COMMIT CONSTRAINT CREATE " +
	"DEFAULT DEFERRABLE DELETE DISTINCT DROP ELSE ESCAPE EXISTS FOREIGN FROM GROUP HAVING IN INDEX INSERT INTO IS " +
	"ISNULL JOIN LIMIT NOT NOTNULL NULL ON OR ORDER PRIMARY REFERENCES RETURNING SELECT SET TABLE THEN TO TRANSACTION UNION " +
	"UNIQUE UPDATE USING VALUES WHEN WHERE EXCEPT INTERSECT")

// noAlias are words after a table or column that begin something else.
var noAlias = wordSet("CROSS FULL INNER LEFT NATURAL OUTER RIGHT INDEXED WINDOW OFFSET END COLLATE ASC DESC NULLS " +
	"FILTER OVER LIKE GLOB REGEXP MATCH")

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for start, i := 0, 0; i <= len(words); i++ {
		if i == len(words) || words[i] == ' ' {
			set[readset.Fold(words[start:i])] = true
			start = i + 1
		}
	}
	return set
}

// isName reports whether a token may stand where a name is due.
func isName(t token) bool {
	return t.kind == tokenName || t.kind == tokenWord && !reserved[readset.Fold(t.text)]
}

// name reads a name. SQLite takes a text for one too.
func (p *parser) name() string {
	if !isName(p.token) && p.token.kind != tokenText {
		p.unexpected()
	}
	if p.token.kind == tokenText {
		_, _ = p.hash.WriteString(p.token.text)
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
	if p.token.kind == tokenText || isName(p.token) && (p.token.kind == tokenName || !noAlias[readset.Fold(p.token.text)]) {
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
func (p *parser) beginsQuery() bool {
	return p.token.is("SELECT") || p.token.is("WITH") || p.token.is("VALUES")
}

// isOneOf reports whether the token is one of the words.
func (t token) isOneOf(words ...string) bool { return slices.ContainsFunc(words, t.is) }
