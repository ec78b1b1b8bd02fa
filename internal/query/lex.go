package query

import "strings"

// tokenKind tells the tokens of SQL apart.
type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // keyword or bare name
	tokenName             // "name", `name`, [name]
	tokenText             // 'text'
	tokenBytes            // x'00'
	tokenNumber           // 1, 1.5, 0x10
	tokenParam            // ?, ?1, :a, @a, $a
	tokenMark             // an operator, a comma, a parenthesis
	tokenWrong            // nothing that is known
)

// token is one of a text; its own text is without quotes.
type token struct {
	kind  tokenKind
	mean  meaning // of a keyword
	level int8    // of an operator of two sides, levelNone for others
	text  string
	word  string // the keyword in capitals, or the mark; "" for others
	start int
}

// is compares with a keyword in capitals, or a mark.
func (t *token) is(word string) bool { return t.word == word }

// lexer cuts SQL into tokens; comments and space are skipped.
type lexer struct {
	text    string
	at      int
	dialect *dialect
}

// next reads one token.
func (l *lexer) next(t *token) {
	if l.dialect.typed {
		l.postgres(t)
		return
	}
	l.skip()
	start := l.at
	*t = token{level: levelNone, start: start}
	if start >= len(l.text) {
		return
	}
	c := l.text[start]
	switch classes[c] {
	case classLetter:
		if c|0x20 == 'x' && start+1 < len(l.text) && l.text[start+1] == '\'' {
			l.at++
			l.quoted(t, tokenBytes, '\'')
			return
		}
		l.word()
		t.kind, t.text = tokenWord, l.text[start:l.at]
		k := keywords.of(t.text)
		t.word, t.mean = k.word, k.mean
		return
	case classDigit:
		l.number(t)
		return
	case classMark:
		if c != '.' || !l.digitAt(start+1) {
			l.mark(t)
		} else {
			l.number(t)
		}
		return
	}
	switch {
	case c == '\'':
		l.quoted(t, tokenText, c)
	case c == '"' && l.dialect.doubleQuoted:
		l.quoted(t, tokenName, c)
	case c == '"':
		l.quoted(t, tokenText, c)
	case c == '`' && l.dialect.backtick:
		l.quoted(t, tokenName, c)
	case c == '[' && l.dialect.bracket:
		l.bracketed(t)
	case strings.IndexByte(l.dialect.params, c) >= 0 && (c == '?' || l.wordAt(start+1)):
		l.at++
		l.word()
		t.kind, t.text = tokenParam, l.text[start:l.at]
	case isWord(c):
		l.word()
		t.kind, t.text = tokenWord, l.text[start:l.at]
	default:
		l.at++
		t.kind, t.text = tokenWrong, l.text[start:l.at]
	}
}

// class tells bytes apart by what they begin in every dialect.
type class uint8

const (
	classOther class = iota
	classSpace
	classLetter
	classDigit
	classMark
)

var classes = func() (table [256]class) {
	for c := range table {
		switch {
		case c == ' ' || c >= '\t' && c <= '\r':
			table[c] = classSpace
		case c >= '0' && c <= '9':
			table[c] = classDigit
		case c != '$' && isWord(byte(c)):
			table[c] = classLetter
		}
	}
	for _, c := range "(),.;+*/%&~-|<>=!" {
		table[c] = classMark
	}
	return table
}()

// mark reads an operator, a comma, a parenthesis.
func (l *lexer) mark(t *token) {
	size := 1
	second := byte(0)
	if l.at+1 < len(l.text) {
		second = l.text[l.at+1]
	}
	switch c := l.text[l.at]; {
	case c == '-' && second == '>':
		if size = 2; l.at+2 < len(l.text) && l.text[l.at+2] == '>' {
			size = 3
		}
	case c == second && (c == '|' || c == '<' || c == '>' || c == '='), second == '=' && (c == '<' || c == '>' || c == '!'),
		c == '<' && second == '>':
		size = 2
	case c == '!':
		t.kind, t.text = tokenWrong, "!"
		l.at++
		return
	}
	t.kind, t.text = tokenMark, l.text[l.at:l.at+size]
	t.word, t.level = t.text, levelOf(t.text)
	l.at += size
}

func (l *lexer) word() {
	for l.at < len(l.text) && isWord(l.text[l.at]) {
		l.at++
	}
}

func (l *lexer) wordAt(i int) bool { return i < len(l.text) && isWord(l.text[i]) }

func (l *lexer) digitAt(i int) bool { return i < len(l.text) && l.text[i] >= '0' && l.text[i] <= '9' }

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

// number reads digits, a point and an exponent. What else belongs to it (0x,
// 1_000) makes it a number that says nothing.
func (l *lexer) number(t *token) {
	for l.at < len(l.text) {
		c := l.text[l.at]
		exponent := (c == '+' || c == '-') && l.at > t.start && l.text[l.at-1]|0x20 == 'e' && l.digitAt(l.at+1) && !l.hex(t.start)
		if !isWord(c) && c != '.' && !exponent {
			break
		}
		l.at++
	}
	t.kind, t.text = tokenNumber, l.text[t.start:l.at]
}

func (l *lexer) hex(start int) bool {
	return l.text[start] == '0' && start+1 < len(l.text) && l.text[start+1]|0x20 == 'x'
}

func (l *lexer) bracketed(t *token) {
	end := strings.IndexByte(l.text[t.start:], ']')
	if end < 0 {
		l.wrong(t)
		return
	}
	l.at = t.start + end + 1
	t.kind, t.text = tokenName, l.text[t.start+1:l.at-1]
}

// wrong ends the text: what was begun does not end.
func (l *lexer) wrong(t *token) {
	l.at = len(l.text)
	t.kind = tokenWrong
}

// quoted reads up to the closing quote; a doubled one stands for itself.
func (l *lexer) quoted(t *token, kind tokenKind, quote byte) {
	l.at++
	from := l.at
	for doubled := false; l.at < len(l.text); l.at++ {
		switch c := l.text[l.at]; {
		case c == '\\' && l.dialect.backslash:
			l.wrong(t)
			return
		case c != quote:
		case l.at+1 < len(l.text) && l.text[l.at+1] == quote:
			l.at++
			doubled = true
		default:
			text := l.text[from:l.at]
			if doubled {
				q := string(quote)
				text = strings.ReplaceAll(text, q+q, q)
			}
			l.at++
			t.kind, t.text = kind, text
			return
		}
	}
	l.wrong(t)
}

// skip goes past space, comments and a byte order mark.
func (l *lexer) skip() {
	for l.at < len(l.text) {
		switch c := l.text[l.at]; {
		case classes[c] == classSpace:
			l.at++
		case c > '/' && c < 0x80:
			return
		case c == '-' && strings.HasPrefix(l.text[l.at:], "--"):
			l.past("\n")
		case c == '#' && l.dialect.hash:
			l.past("\n")
		case c == '/' && strings.HasPrefix(l.text[l.at:], "/*"):
			l.at += 2
			l.past("*/")
		case c == 0xef && strings.HasPrefix(l.text[l.at:], "\ufeff"):
			l.at += len("\ufeff")
		default:
			return
		}
	}
}

func (l *lexer) past(mark string) {
	if i := strings.Index(l.text[l.at:], mark); i >= 0 {
		l.at += i + len(mark)
	} else {
		l.at = len(l.text)
	}
}
