package change

import (
	"fmt"
	"strings"
)

// HistoryLen is the number of characters at the front of a Position that name
// the source and its history.
const HistoryLen = 8

// Position is a point in a database's commit order: HistoryLen characters that
// name the history, then text of one fixed length per source. Positions of one
// history compare as strings; those of different histories do not compare.
// The zero value is before everything.
type Position string

// NewPosition makes the position of the n-th commit in a history, which must
// be HistoryLen characters of A-Z, a-z, 0-9.
func NewPosition(history string, n uint64) Position {
	var text [HistoryLen + 16]byte
	copy(text[:HistoryLen], history)
	for i := len(text) - 1; i >= HistoryLen; i-- {
		text[i] = "0123456789abcdef"[n&15]
		n >>= 4
	}
	return Position(text[:])
}

// ParsePosition checks text that came from outside.
func ParsePosition(text string) (Position, error) {
	if len(text) <= HistoryLen || len(text) > 128 {
		return "", fmt.Errorf("change: position %.40q: want %d characters of history and a number", text, HistoryLen)
	}
	if i := strings.IndexFunc(text, notAlphanumeric); i >= 0 {
		return "", fmt.Errorf("change: position %.40q: character %d is not a letter or digit", text, i)
	}
	return Position(text), nil
}

func notAlphanumeric(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}

// History is the part that names the source and its history, "" for zero.
func (p Position) History() string {
	if len(p) < HistoryLen {
		return ""
	}
	return string(p[:HistoryLen])
}

// SameHistory reports whether the two positions can be compared.
func (p Position) SameHistory(q Position) bool {
	return len(p) == len(q) && p.History() == q.History()
}

// Reaches reports whether p is known to be at q or behind it in the commit
// order. It is false for positions of different histories; every position
// reaches the zero one.
func (p Position) Reaches(q Position) bool {
	return q == "" || (p.SameHistory(q) && p >= q)
}

func (p Position) String() string { return string(p) }
