package rules

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is one word of a condition.
type token struct {
	kind kind
	text string // without quotes
	at   int    // where it begins, from 0
}

type kind uint8

const (
	end    kind = iota
	name        // a word, maybe a keyword
	quoted      // a name in backquotes: never a keyword
	text        // a text in quotes
	number
	sign // an operator or a bracket
)

var signs = []string{"==", "!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", "[", "]", ",", "."}

// lex cuts a condition into tokens; the last is the end.
func lex(condition string) ([]token, error) {
	var tokens []token
	for at := 0; at < len(condition); {
		r, size := utf8.DecodeRuneInString(condition[at:])
		if unicode.IsSpace(r) {
			at += size
			continue
		}
		t, length, err := next(condition[at:])
		if err != nil {
			return nil, fmt.Errorf("at %q: %w", shown(condition[at:]), err)
		}
		t.at = at
		tokens = append(tokens, t)
		at += length
	}
	return append(tokens, token{kind: end, at: len(condition)}), nil
}

// next reads the token that rest begins with, and how long it is.
func next(rest string) (token, int, error) {
	switch c := rest[0]; {
	case c == '\'' || c == '"' || c == '`':
		return enclosed(rest, c)
	case c >= '0' && c <= '9' || c == '-':
		n := 1
		for n < len(rest) && (rest[n] >= '0' && rest[n] <= '9' || rest[n] == '.' || rest[n] == 'e' || rest[n] == 'E') {
			n++
		}
		return token{kind: number, text: rest[:n]}, n, nil
	}
	n := 0
	for n < len(rest) {
		r, size := utf8.DecodeRuneInString(rest[n:])
		if r != '_' && !unicode.IsLetter(r) && (n == 0 || !unicode.IsDigit(r)) {
			break
		}
		n += size
	}
	if n > 0 {
		return token{kind: name, text: rest[:n]}, n, nil
	}
	for _, s := range signs {
		if strings.HasPrefix(rest, s) {
			return token{kind: sign, text: s}, len(s), nil
		}
	}
	return token{}, 0, fmt.Errorf("no word, text, number or sign; the signs are %s", strings.Join(signs, " "))
}

// enclosed reads what stands in quotes; two of them stand for one.
func enclosed(rest string, quote byte) (token, int, error) {
	t := token{kind: text}
	if quote == '`' {
		t.kind = quoted
	}
	var b strings.Builder
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] != quote:
			b.WriteByte(rest[i])
		case i+1 < len(rest) && rest[i+1] == quote:
			b.WriteByte(quote)
			i++
		default:
			t.text = b.String()
			return t, i + 1, nil
		}
	}
	return token{}, 0, fmt.Errorf("the closing %c is missing", quote)
}

// shown is the beginning of a text, for an error.
func shown(s string) string {
	if len(s) > 20 {
		return strings.ToValidUTF8(s[:20], "") + "…"
	}
	return s
}
