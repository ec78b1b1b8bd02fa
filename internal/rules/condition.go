package rules

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// condition is what a rule asks: of the claims of who sends a request, and of
// the row.
type condition interface{ condition() }

type (
	// always is met by everybody and every row, or by nobody.
	always bool
	// signedIn is met by who has an identity.
	signedIn struct{}
	// comparison compares a column or a claim with a value.
	comparison struct {
		left  operand // a column or a claim
		op    string  // =, !=, <, <=, >, >=
		right operand // a claim or a literal
	}
	// membership is met where left is one of right.
	membership struct {
		left  operand
		right []operand // literals and claims; a claim alone may be a list
	}
	// missing is met where there is no value.
	missing struct{ left operand }

	both   struct{ left, right condition }
	either struct{ left, right condition }
	not    struct{ inner condition }
)

func (always) condition()     {}
func (signedIn) condition()   {}
func (comparison) condition() {}
func (membership) condition() {}
func (missing) condition()    {}
func (both) condition()       {}
func (either) condition()     {}
func (not) condition()        {}

// operand is a column, a claim or a literal.
type operand struct {
	column []string // through foreign keys to the last
	claim  []string // the members of nested claims
	value  any      // string, int64, float64, bool
}

func (o operand) literal() bool { return o.column == nil && o.claim == nil }

const maxDepth = 50

// parser reads conditions by recursive descent.
type parser struct {
	tokens []token
	depth  int
}

// parse reads one condition.
func parse(condition string) (condition, error) {
	tokens, err := lex(condition)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	c, err := p.or()
	if err == nil && p.peek().kind != end {
		err = p.unexpected("and, or, or the end")
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) take() token {
	t := p.tokens[0]
	if t.kind != end {
		p.tokens = p.tokens[1:]
	}
	return t
}

// word takes a keyword.
func (p *parser) word(keyword string) bool {
	if t := p.peek(); t.kind != name || !strings.EqualFold(t.text, keyword) {
		return false
	}
	p.take()
	return true
}

func (p *parser) sign(s string) bool {
	if t := p.peek(); t.kind != sign || t.text != s {
		return false
	}
	p.take()
	return true
}

func (p *parser) unexpected(want string) error {
	if t := p.peek(); t.kind != end {
		return fmt.Errorf("unexpected %q at character %d: want %s", t.text, t.at+1, want)
	}
	return fmt.Errorf("it ends too early: want %s", want)
}

func (p *parser) or() (condition, error) {
	left, err := p.and()
	for err == nil && p.word("or") {
		var right condition
		right, err = p.and()
		left = either{left, right}
	}
	return left, err
}

func (p *parser) and() (condition, error) {
	left, err := p.not()
	for err == nil && p.word("and") {
		var right condition
		right, err = p.not()
		left = both{left, right}
	}
	return left, err
}

func (p *parser) not() (condition, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	if p.word("not") {
		inner, err := p.not()
		return not{inner}, err
	}
	if p.sign("(") {
		inner, err := p.or()
		if err == nil && !p.sign(")") {
			err = p.unexpected(")")
		}
		return inner, err
	}
	for word, c := range words {
		if p.word(word) {
			return c, nil
		}
	}
	return p.atom()
}

// words are conditions by themselves.
var words = map[string]condition{
	"public": always(true), "all": always(true), "nobody": always(false), "signed_in": signedIn{},
}

const wantCondition = "a condition: public, signed_in, nobody, or a comparison like owner_id = claims.sub or 'admin' in claims.roles"

func (p *parser) atom() (condition, error) {
	left, err := p.operand(wantCondition)
	if err != nil {
		return nil, err
	}
	if p.word("is") {
		negative := p.word("not")
		if !p.word("null") {
			return nil, p.unexpected("null")
		}
		if left.literal() {
			return nil, errors.New("is null asks for a column or a claim")
		}
		if negative {
			return not{missing{left}}, nil
		}
		return missing{left}, nil
	}
	negative := p.word("not")
	if p.word("in") {
		c, err := p.members(left)
		if negative && err == nil {
			c = not{c}
		}
		return c, err
	}
	if negative {
		return nil, p.unexpected("in")
	}
	return p.compared(left)
}

var turned = map[string]string{"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// compared reads the rest of a comparison, and puts the column to the left.
func (p *parser) compared(left operand) (condition, error) {
	op := p.peek()
	switch op.text {
	case "==":
		op.text = "="
	case "<>":
		op.text = "!="
	}
	if _, ok := turned[op.text]; op.kind != sign || !ok {
		return nil, p.unexpected("=, !=, <, <=, >, >=, in or is null")
	}
	p.take()
	right, err := p.operand("a claim or a value")
	if err != nil {
		return nil, err
	}
	c := comparison{left, op.text, right}
	if left.literal() || right.column != nil && left.column == nil {
		c = comparison{right, turned[op.text], left}
	}
	switch {
	case c.left.literal():
		return nil, errors.New("a comparison needs a column or a claim")
	case c.right.column != nil:
		return nil, fmt.Errorf("%s and %s: a column is compared with a claim or a value", c.left, c.right)
	}
	return c, nil
}

// members reads what follows in.
func (p *parser) members(left operand) (condition, error) {
	m := membership{left: left}
	closing := ")"
	switch {
	case p.sign("("):
	case p.sign("["):
		closing = "]"
	default:
		one, err := p.operand("a claim, or a list of values in brackets")
		if err == nil && one.claim == nil {
			err = fmt.Errorf("in %s: want a claim, or a list of values in brackets", one)
		}
		m.right = []operand{one}
		return m, err
	}
	for {
		one, err := p.operand("a value")
		if err != nil {
			return nil, err
		}
		if one.column != nil {
			return nil, fmt.Errorf("%s: the members of a list are values or claims", one)
		}
		m.right = append(m.right, one)
		if p.sign(closing) {
			break
		}
		if !p.sign(",") {
			return nil, p.unexpected("a comma or " + closing)
		}
	}
	if left.literal() && !slices.ContainsFunc(m.right, func(o operand) bool { return o.claim != nil }) {
		return nil, errors.New("a comparison needs a column or a claim")
	}
	return m, nil
}

// operand reads a column, a claim or a literal.
func (p *parser) operand(want string) (operand, error) {
	t := p.peek()
	switch t.kind {
	case text:
		p.take()
		return operand{value: t.text}, nil
	case number:
		p.take()
		return numeral(t.text)
	case quoted:
		p.take()
		return operand{column: []string{t.text}}, nil
	case name:
	default:
		return operand{}, p.unexpected(want)
	}
	switch lower := strings.ToLower(t.text); lower {
	case "true", "false":
		p.take()
		return operand{value: lower == "true"}, nil
	case "null":
		return operand{}, errors.New("nothing is equal to null: write is null or is not null")
	case "and", "or", "not", "in", "is":
		return operand{}, p.unexpected(want)
	case "claims":
		p.take()
		return p.claim()
	}
	p.take()
	return operand{column: strings.Split(t.text, "__")}, nil
}

func numeral(text string) (operand, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return operand{value: n}, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return operand{}, fmt.Errorf("%q is no number", text)
	}
	return operand{value: f}, nil
}

func (p *parser) claim() (operand, error) {
	o := operand{claim: []string{}}
	for p.sign(".") {
		t := p.take()
		if t.kind != name && t.kind != quoted && t.kind != text {
			return o, errors.New("after \"claims.\" comes the name of a claim, in backquotes where it is no word")
		}
		o.claim = append(o.claim, t.text)
	}
	if len(o.claim) == 0 {
		return o, errors.New("claims are compared one by one: claims.sub")
	}
	return o, nil
}

// String is the operand as it is written.
func (o operand) String() string {
	switch {
	case o.column != nil:
		return strings.Join(o.column, "__")
	case o.claim != nil:
		return "claims." + strings.Join(o.claim, ".")
	}
	if s, ok := o.value.(string); ok {
		return "'" + s + "'"
	}
	return fmt.Sprint(o.value)
}
