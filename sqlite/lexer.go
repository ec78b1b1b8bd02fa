package sqlite

import "strings"

// tokenKind tells the tokens of SQL apart as far as this package needs it.
type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // keyword, bare name, number
	tokenQuoted           // "name", `name`, [name]
	tokenString           // 'text'
	tokenParam            // ?, ?1, :a, @a, $a
	tokenMark             // any other single character
)

type token struct {
	kind tokenKind
	text string // without its quotes
	end  int    // where it ends
}

// is compares with a keyword or a mark.
func (t token) is(word string) bool {
	return (t.kind == tokenWord || t.kind == tokenMark) && strings.EqualFold(t.text, word)
}

// lexer cuts SQL into tokens as SQLite's tokenizer does; comments and space
// are skipped.
type lexer struct {
	text string
	at   int
}

func (l *lexer) next() token {
	l.skip()
	if l.at >= len(l.text) {
		return token{kind: tokenEnd, end: l.at}
	}
	start := l.at
	switch c := l.text[start]; {
	case c == '\'':
		return l.quoted(tokenString, c)
	case c == '"' || c == '`':
		return l.quoted(tokenQuoted, c)
	case c == '[':
		end := strings.IndexByte(l.text[start:], ']')
		if end < 0 {
			l.at = len(l.text)
			return token{tokenQuoted, l.text[start+1:], l.at}
		}
		l.at = start + end + 1
		return token{tokenQuoted, l.text[start+1 : l.at-1], l.at}
	case c == '?' || (c == ':' || c == '@' || c == '#') && l.wordAt(start+1):
		l.at++
		l.word()
		return token{tokenParam, l.text[start:l.at], l.at}
	case isWord(c):
		l.word()
		kind := tokenWord
		if c == '$' {
			kind = tokenParam
		}
		return token{kind, l.text[start:l.at], l.at}
	}
	l.at++
	return token{tokenMark, l.text[start:l.at], l.at}
}

func (l *lexer) word() {
	for l.at < len(l.text) && isWord(l.text[l.at]) {
		l.at++
	}
}

func (l *lexer) wordAt(i int) bool { return i < len(l.text) && isWord(l.text[i]) }

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

// quoted reads up to the closing quote; a doubled one stands for itself.
func (l *lexer) quoted(kind tokenKind, quote byte) token {
	start := l.at + 1
	for l.at = start; l.at < len(l.text); l.at++ {
		if l.text[l.at] != quote {
			continue
		}
		if l.at+1 < len(l.text) && l.text[l.at+1] == quote {
			l.at++
			continue
		}
		q := string(quote)
		text := strings.ReplaceAll(l.text[start:l.at], q+q, q)
		l.at++
		return token{kind, text, l.at}
	}
	return token{kind, l.text[start:], l.at}
}

// skip goes past space, comments and a byte order mark.
func (l *lexer) skip() {
	for l.at < len(l.text) {
		rest := l.text[l.at:]
		switch {
		case rest[0] == ' ' || rest[0] >= '\t' && rest[0] <= '\r':
			l.at++
		case strings.HasPrefix(rest, "\ufeff"):
			l.at += len("\ufeff")
		case strings.HasPrefix(rest, "--"):
			l.past(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			l.at += 2
			l.past(rest[2:], "*/")
		default:
			return
		}
	}
}

func (l *lexer) past(rest, mark string) {
	if i := strings.Index(rest, mark); i >= 0 {
		l.at += i + len(mark)
	} else {
		l.at = len(l.text)
	}
}
