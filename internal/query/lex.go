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
	text  string
	start int
}

// is compares with a keyword in capitals, or a mark.
func (t token) is(word string) bool {
	if t.kind == tokenMark {
		return t.text == word
	}
	return t.kind == tokenWord && len(t.text) == len(word) && foldsTo(t.text, word)
}

// foldsTo reports whether a text in capitals is the word; lengths are equal.
func foldsTo(text, word string) bool {
	for i := range len(text) {
		b := text[i]
		if b >= 'a' && b <= 'z' {
			b -= 'a' - 'A'
		}
		if b != word[i] {
			return false
		}
	}
	return true
}

// lexer cuts SQL into tokens; comments and space are skipped.
type lexer struct {
	text    string
	at      int
	dialect *dialect
}

func (l *lexer) next() token {
	l.skip()
	start := l.at
	if start >= len(l.text) {
		return token{tokenEnd, "", start}
	}
	switch c := l.text[start]; {
	case c == '\'':
		return l.quoted(tokenText, c, start)
	case c == '"':
		if l.dialect.doubleQuoted {
			return l.quoted(tokenName, c, start)
		}
		return l.quoted(tokenText, c, start)
	case c == '`' && l.dialect.backtick:
		return l.quoted(tokenName, c, start)
	case c == '[' && l.dialect.bracket:
		return l.bracketed(start)
	case (c == 'x' || c == 'X') && start+1 < len(l.text) && l.text[start+1] == '\'':
		l.at++
		return l.quoted(tokenBytes, '\'', start)
	case c >= '0' && c <= '9' || c == '.' && l.digitAt(start+1):
		return l.number(start)
	case strings.IndexByte(l.dialect.params, c) >= 0 && (c == '?' || l.wordAt(start+1)):
		l.at++
		l.word()
		return token{tokenParam, l.text[start:l.at], start}
	case isWord(c):
		l.word()
		return token{tokenWord, l.text[start:l.at], start}
	}
	return l.mark(start)
}

// marks of several characters, the longer first.
var marks = []string{"->>", "->", "||", "<<", ">>", "<=", ">=", "<>", "!=", "=="}

func (l *lexer) mark(start int) token {
	rest := l.text[start:]
	if strings.IndexByte("(),.;+*/%&~", rest[0]) >= 0 {
		l.at++
		return token{tokenMark, rest[:1], start}
	}
	for _, m := range marks {
		if strings.HasPrefix(rest, m) {
			l.at += len(m)
			return token{tokenMark, m, start}
		}
	}
	l.at++
	if strings.IndexByte("-|<>=", rest[0]) < 0 {
		return token{tokenWrong, rest[:1], start}
	}
	return token{tokenMark, rest[:1], start}
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
func (l *lexer) number(start int) token {
	for l.at < len(l.text) {
		c := l.text[l.at]
		exponent := (c == '+' || c == '-') && l.at > start && l.text[l.at-1]|0x20 == 'e' && l.digitAt(l.at+1) && !l.hex(start)
		if !isWord(c) && c != '.' && !exponent {
			break
		}
		l.at++
	}
	return token{tokenNumber, l.text[start:l.at], start}
}

func (l *lexer) hex(start int) bool {
	return l.text[start] == '0' && start+1 < len(l.text) && l.text[start+1]|0x20 == 'x'
}

func (l *lexer) bracketed(start int) token {
	end := strings.IndexByte(l.text[start:], ']')
	if end < 0 {
		l.at = len(l.text)
		return token{tokenWrong, "", start}
	}
	l.at = start + end + 1
	return token{tokenName, l.text[start+1 : l.at-1], start}
}

// quoted reads up to the closing quote; a doubled one stands for itself.
func (l *lexer) quoted(kind tokenKind, quote byte, start int) token {
	l.at++
	from := l.at
	for doubled := false; l.at < len(l.text); l.at++ {
		switch c := l.text[l.at]; {
		case c == '\\' && l.dialect.backslash:
			l.at = len(l.text)
			return token{tokenWrong, "", start}
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
			return token{kind, text, start}
		}
	}
	return token{tokenWrong, "", start}
}

// skip goes past space, comments and a byte order mark.
func (l *lexer) skip() {
	for l.at < len(l.text) {
		switch c := l.text[l.at]; {
		case c == ' ' || c >= '\t' && c <= '\r':
			l.at++
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
