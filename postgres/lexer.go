package postgres

import (
	"strings"
	"unicode/utf8"
)

// tokenKind is what a token of SQL is.
type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // of lower-case letters, as PostgreSQL folds them
	tokenQuoted           // a name in double quotes
	tokenString           // its text, without what escapes stand for
	tokenParam            // $1
	tokenNumber
	tokenSymbol // an operator as long as can be, or one of ( ) [ ] , ; . :
)

type token struct {
	kind       tokenKind
	text       string
	start, end int
}

func (t token) is(symbol string) bool { return t.kind == tokenSymbol && t.text == symbol }

func (t token) word(words ...string) bool {
	if t.kind != tokenWord {
		return false
	}
	for _, w := range words {
		if t.text == w {
			return true
		}
	}
	return false
}

func (t token) name() bool { return t.kind == tokenWord || t.kind == tokenQuoted }

// lexer cuts SQL into tokens, with standard_conforming_strings on.
type lexer struct {
	text string
	at   int
}

const operatorSymbols = "+-*/<>=~!@#%^&|`?"

// skip goes past white space and comments, which nest.
func (l *lexer) skip() {
	for l.at < len(l.text) {
		rest := l.text[l.at:]
		switch {
		case strings.IndexByte(" \t\n\r\f\v", rest[0]) >= 0:
			l.at++
		case strings.HasPrefix(rest, "--"):
			end := strings.IndexAny(rest, "\r\n")
			if end < 0 {
				end = len(rest)
			}
			l.at += end
		case strings.HasPrefix(rest, "/*"):
			l.comment()
		default:
			return
		}
	}
}

func (l *lexer) comment() {
	for depth := 0; l.at < len(l.text); {
		switch rest := l.text[l.at:]; {
		case strings.HasPrefix(rest, "/*"):
			depth++
			l.at += 2
		case strings.HasPrefix(rest, "*/"):
			depth--
			l.at += 2
		default:
			l.at++
		}
		if depth == 0 {
			return
		}
	}
}

// next reads one token.
func (l *lexer) next() token {
	l.skip()
	start := l.at
	kind, text := l.read()
	return token{kind, text, start, l.at}
}

func (l *lexer) read() (tokenKind, string) {
	if l.at >= len(l.text) {
		return tokenEnd, ""
	}
	rest := l.text[l.at:]
	switch c := rest[0]; {
	case c == '\'':
		return tokenString, l.quoted('\'', false)
	case (c == 'e' || c == 'E') && strings.HasPrefix(rest[1:], "'"):
		l.at++
		return tokenString, l.quoted('\'', true)
	case strings.IndexByte("bBxXnN", c) >= 0 && strings.HasPrefix(rest[1:], "'"):
		l.at++
		return tokenString, l.quoted('\'', false)
	case (c == 'u' || c == 'U') && (strings.HasPrefix(rest[1:], "&'") || strings.HasPrefix(rest[1:], `&"`)):
		l.at += 2
		if rest[2] == '"' {
			return tokenQuoted, l.quoted('"', false)
		}
		return tokenString, l.quoted('\'', false)
	case c == '"':
		return tokenQuoted, l.quoted('"', false)
	case c == '$':
		return l.dollar()
	case letter(c):
		return tokenWord, lower(l.while(func(c byte) bool { return letter(c) || digit(c) || c == '$' }))
	case digit(c), c == '.' && len(rest) > 1 && digit(rest[1]):
		return tokenNumber, l.while(func(c byte) bool { return digit(c) || letter(c) || c == '.' })
	case strings.IndexByte(operatorSymbols, c) >= 0:
		return tokenSymbol, l.operator()
	case strings.HasPrefix(rest, "::"):
		l.at += 2
		return tokenSymbol, "::"
	}
	_, size := utf8.DecodeRuneInString(rest)
	l.at += size
	return tokenSymbol, rest[:size]
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c >= 0x80 }

func digit(c byte) bool { return c >= '0' && c <= '9' }

// lower folds as PostgreSQL does: what is not ASCII stays in UTF-8.
func lower(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

func (l *lexer) while(in func(byte) bool) string {
	start := l.at
	for l.at < len(l.text) && in(l.text[l.at]) {
		l.at++
	}
	return l.text[start:l.at]
}

// operator reads symbols up to where a comment begins.
func (l *lexer) operator() string {
	start := l.at
	for l.at < len(l.text) && strings.IndexByte(operatorSymbols, l.text[l.at]) >= 0 {
		if rest := l.text[l.at:]; l.at > start && (strings.HasPrefix(rest, "--") || strings.HasPrefix(rest, "/*")) {
			break
		}
		l.at++
	}
	return l.text[start:l.at]
}

// quoted reads what stands in quotes; a doubled one is one of it.
func (l *lexer) quoted(quote byte, escapes bool) string {
	l.at++
	var b strings.Builder
	for l.at < len(l.text) {
		c := l.text[l.at]
		l.at++
		switch {
		case c == '\\' && escapes && l.at < len(l.text):
			b.WriteByte(l.text[l.at])
			l.at++
		case c != quote:
			b.WriteByte(c)
		case l.at < len(l.text) && l.text[l.at] == quote:
			b.WriteByte(c)
			l.at++
		default:
			return b.String()
		}
	}
	return b.String()
}

// dollar reads an argument, or a string in dollar quotes.
func (l *lexer) dollar() (tokenKind, string) {
	start := l.at
	l.at++
	if number := l.while(digit); number != "" {
		return tokenParam, number
	}
	tag := l.while(func(c byte) bool { return letter(c) || digit(c) })
	if l.at >= len(l.text) || l.text[l.at] != '$' {
		return tokenSymbol, l.text[start:l.at]
	}
	l.at++
	mark := "$" + tag + "$"
	body, _, found := strings.Cut(l.text[l.at:], mark)
	if l.at += len(body); found {
		l.at += len(mark)
	}
	return tokenString, body
}
