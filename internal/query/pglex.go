package query

import (
	"strconv"
	"strings"
)

// postgresMarks may stand in an operator; a longer one ends in + or - only
// where it has one of those that are no arithmetic.
const (
	postgresMarks   = "+-*/<>=~!@#%^&|`?"
	unusualMarks    = "~!@#%^&|`?"
	maxPostgresName = 63 // bytes; longer ones are cut
)

// postgres reads one token of PostgreSQL's.
func (l *lexer) postgres(t *token) {
	l.skipPostgres()
	start := l.at
	*t = token{level: levelNone, start: start}
	if start >= len(l.text) {
		return
	}
	c := l.text[start]
	switch {
	case classes[c] == classLetter:
		if l.at+1 < len(l.text) && (l.text[l.at+1] == '\'' || l.text[l.at+1] == '&') && l.prefixed(t, c|0x20) {
			return
		}
		l.word()
		t.kind, t.text = tokenWord, l.text[start:l.at]
		k := postgresKeywords.of(t.text)
		if t.word, t.mean = k.word, k.mean; len(t.text) > maxPostgresName {
			t.kind = tokenWrong
		}
	case classes[c] == classDigit, c == '.' && l.digitAt(start+1):
		l.postgresNumber(t)
	case c == '\'':
		l.plainText(t)
	case c == '"':
		if l.quoted(t, tokenName, c); t.kind == tokenName && (t.text == "" || len(t.text) > maxPostgresName) {
			t.kind = tokenWrong
		}
	case c == '$':
		l.dollar(t)
	case strings.IndexByte(postgresMarks, c) >= 0:
		l.operator(t)
	case strings.IndexByte("()[],;.:", c) >= 0:
		l.at++
		if c == ':' && l.at < len(l.text) && (l.text[l.at] == ':' || l.text[l.at] == '=') {
			l.at++
		}
		t.kind, t.text = tokenMark, l.text[start:l.at]
		t.word = t.text
	default:
		l.at++
		t.kind, t.text = tokenWrong, l.text[start:l.at]
	}
}

// prefixed reads texts that begin with a letter: E'…', B'…', X'…', N'…', U&'…'.
func (l *lexer) prefixed(t *token, letter byte) bool {
	if l.text[l.at+1] == '&' {
		if letter != 'u' || l.at+2 >= len(l.text) || l.text[l.at+2] != '\'' && l.text[l.at+2] != '"' {
			return false
		}
		l.at++
		letter = 'x' // its value is not read
		if l.text[l.at+1] == '"' {
			l.wrong(t)
			return true
		}
	}
	switch letter {
	case 'e':
		l.at++
		l.escaped(t)
	case 'b', 'x', 'n':
		l.at++
		if l.plainText(t); t.kind == tokenText {
			t.kind = tokenBytes
		}
	default:
		return false
	}
	return true
}

// plainText reads '…'. Whether \ is a character depends on a setting: where it
// stands before a quote the text may end elsewhere, and where it stands at all
// the value is not read.
func (l *lexer) plainText(t *token) {
	l.quoted(t, tokenText, '\'')
	if t.kind != tokenText {
		return
	}
	if raw := l.text[t.start:l.at]; strings.IndexByte(raw, '\\') >= 0 {
		if t.kind = tokenBytes; strings.Contains(raw, `\'`) {
			l.wrong(t)
		}
	}
}

// escaped reads the quotes of E'…'. Its value is read where the escapes are
// those of a character.
func (l *lexer) escaped(t *token) {
	var text strings.Builder
	vague := false
	for l.at++; l.at < len(l.text); l.at++ {
		switch c := l.text[l.at]; c {
		case '\'':
			if l.at+1 < len(l.text) && l.text[l.at+1] == '\'' {
				l.at++
				break
			}
			l.at++
			if t.kind, t.text = tokenText, text.String(); vague {
				t.kind = tokenBytes
			}
			return
		case '\\':
			if l.at++; l.at >= len(l.text) {
				l.wrong(t)
				return
			}
			i := strings.IndexByte(`nrtbf\'`, l.text[l.at])
			if i < 0 {
				vague = true
				continue
			}
			text.WriteByte("\n\r\t\b\f\\'"[i])
			continue
		}
		text.WriteByte(l.text[l.at])
	}
	l.wrong(t)
}

// dollar reads $1, or $tag$…$tag$.
func (l *lexer) dollar(t *token) {
	l.at++
	if l.digitAt(l.at) {
		for l.digitAt(l.at) {
			l.at++
		}
		if t.kind, t.text = tokenParam, l.text[t.start:l.at]; l.wordAt(l.at) {
			l.wrong(t)
		}
		return
	}
	for l.at < len(l.text) && isWord(l.text[l.at]) && l.text[l.at] != '$' {
		l.at++
	}
	if l.at >= len(l.text) || l.text[l.at] != '$' {
		l.wrong(t)
		return
	}
	l.at++
	tag := l.text[t.start:l.at]
	end := strings.Index(l.text[l.at:], tag)
	if end < 0 {
		l.wrong(t)
		return
	}
	t.kind, t.text = tokenText, l.text[l.at:l.at+end]
	l.at += end + len(tag)
}

// operator reads the longest run of marks that is one operator.
func (l *lexer) operator(t *token) {
	end := l.at
	for end < len(l.text) && strings.IndexByte(postgresMarks, l.text[end]) >= 0 {
		end++
	}
	mark := l.text[l.at:end]
	for _, comment := range [...]string{"--", "/*"} {
		if i := strings.Index(mark, comment); i > 0 {
			mark = mark[:i]
		}
	}
	if !strings.ContainsAny(mark, unusualMarks) {
		for len(mark) > 1 && (mark[len(mark)-1] == '+' || mark[len(mark)-1] == '-') {
			mark = mark[:len(mark)-1]
		}
	}
	l.at += len(mark)
	t.kind, t.text, t.word, t.level = tokenMark, mark, mark, postgresLevel(mark)
}

// Levels of PostgreSQL's operators, from those that bind least.
const (
	levelOther = levelBit // all that are not below or above
	levelPower = levelConcat
	levelAt    = levelPower + 1
	levelSort  = levelAt + 1 // COLLATE
)

func postgresLevel(mark string) int8 {
	switch mark {
	case "=", "<>", "!=", "<", "<=", ">", ">=":
		return levelEqual
	case "+", "-":
		return levelAdd
	case "*", "/", "%":
		return levelMultiply
	case "^":
		return levelPower
	}
	return levelOther
}

// postgresNumber reads digits, a point and an exponent. What it would not read
// as that, as 1_000 and 0x1, is a number that says nothing.
func (l *lexer) postgresNumber(t *token) {
	from := l.at
	for l.digitAt(l.at) {
		l.at++
	}
	if l.at < len(l.text) && l.text[l.at] == '.' && (l.at+1 >= len(l.text) || l.text[l.at+1] != '.') {
		for l.at++; l.digitAt(l.at); {
			l.at++
		}
	}
	if l.at < len(l.text) && l.text[l.at]|0x20 == 'e' {
		at := l.at + 1
		if at < len(l.text) && (l.text[at] == '+' || l.text[at] == '-') {
			at++
		}
		if l.digitAt(at) {
			for l.at = at; l.digitAt(l.at); {
				l.at++
			}
		}
	}
	if t.kind, t.text = tokenNumber, l.text[from:l.at]; l.wordAt(l.at) {
		l.wrong(t) // 1a is one token to some versions, two to others
	}
}

// skipPostgres goes past space and comments, which may lie within each other.
func (l *lexer) skipPostgres() {
	for l.at < len(l.text) {
		switch c := l.text[l.at]; {
		case classes[c] == classSpace:
			l.at++
		case c == '-' && strings.HasPrefix(l.text[l.at:], "--"):
			if i := strings.IndexAny(l.text[l.at:], "\n\r"); i >= 0 {
				l.at += i
			} else {
				l.at = len(l.text)
			}
		case c == '/' && strings.HasPrefix(l.text[l.at:], "/*"):
			l.comment()
		default:
			return
		}
	}
}

func (l *lexer) comment() {
	depth := 0
	for l.at < len(l.text) {
		switch {
		case strings.HasPrefix(l.text[l.at:], "/*"):
			depth++
			l.at += 2
		case strings.HasPrefix(l.text[l.at:], "*/"):
			depth--
			if l.at += 2; depth == 0 {
				return
			}
		default:
			l.at++
		}
	}
}

// numberOf reads a literal: what has more digits than a float tells apart has
// no value here.
func numberOf(text string) (v any, vague bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, false
	}
	if strings.Trim(text, "-0123456789.") == "" && len(text) < 16 {
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f, false
		}
	}
	return nil, true
}
