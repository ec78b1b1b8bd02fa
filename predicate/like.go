package predicate

import (
	"strings"
	"unicode/utf8"

	"github.com/wakeful-dev/wakeful/internal/planted"
)

// LikeOf is the atom for SQL's LIKE without ESCAPE, with the letters of ASCII
// in any case. It is wider than a LIKE that heeds case. ok is false where the
// pattern says nothing that could be looked up.
func LikeOf(column, pattern string) (a Atom, ok bool) {
	if planted.Is(planted.LikeCase) {
		return likeOf(column, pattern, Binary)
	}
	return likeOf(column, fold(pattern), NoCase)
}

// likeOf is the atom of a pattern that is folded where the collation is.
func likeOf(column, pattern string, collation Collation) (a Atom, ok bool) {
	if strings.IndexByte(pattern, 0) >= 0 || !utf8.ValidString(pattern) {
		return Atom{}, false
	}
	a = Atom{Column: Column{column, Printed, collation}, Op: Like, Pattern: pattern}
	prefix := pattern
	if i := strings.IndexAny(pattern, "%_"); i >= 0 {
		prefix = pattern[:i]
	}
	a.Low = string(classText) + prefix
	last := len(a.Low) - 1
	a.High, a.HighOpen = a.Low[:last]+string([]byte{a.Low[last] + 1}), true
	return a, true
}

// like matches folded text. % is greedy and goes back, one at a time.
func like(pattern, text string) bool {
	again, from := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '%':
			again, from = p, t
			p++
		case p < len(pattern) && pattern[p] == '_':
			_, size := utf8.DecodeRuneInString(text[t:])
			p, t = p+1, t+size
		case p < len(pattern) && pattern[p] == text[t]:
			p, t = p+1, t+1
		case again >= 0:
			_, size := utf8.DecodeRuneInString(text[from:])
			from += size
			p, t = again+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "%") == ""
}

func fold(s string) string {
	folded := []byte(s)
	for i, b := range folded {
		folded[i] = foldByte(b)
	}
	return string(folded)
}
