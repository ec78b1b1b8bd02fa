package watch

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// maxCell bounds what of a value is looked at: no screen shows more.
const maxCell = 4096

// cell is a JSON value as it stands in the table: a text without its quotes,
// all else as it is written.
func cell(value json.RawMessage) string {
	value = bytes.TrimSpace(value)
	if len(value) > 0 && value[0] == '"' {
		var text string
		if json.Unmarshal(value, &text) == nil {
			return harmless(text)
		}
	}
	return harmless(string(value))
}

// harmless returns text that does nothing to a terminal: control characters are
// the signs that stand for them, and what would turn the direction of text or hide is
// U+FFFD.
func harmless(text string) string {
	if len(text) > maxCell {
		text = strings.ToValidUTF8(text[:maxCell], "")
	}
	if !strings.ContainsFunc(text, odd) && utf8.ValidString(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ':
			return '\u2400' + r
		case r == 0x7f:
			return '\u2421'
		case odd(r):
			return utf8.RuneError
		}
		return r
	}, text)
}

// zeroWidthJoiner makes one sign of several, as emoji need it.
const zeroWidthJoiner = '\u200d'

func odd(r rune) bool {
	return unicode.IsControl(r) || r != zeroWidthJoiner && unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}

// width is how many columns a text takes.
func width(text string) int { return uniseg.StringWidth(text) }

// cut returns text of at most n columns, with a sign that there was more.
func cut(text string, n int) string {
	if width(text) <= n {
		return text
	}
	if n <= 0 {
		return ""
	}
	var kept strings.Builder
	left, state := n-1, -1
	for rest := text; rest != ""; {
		var cluster string
		var w int
		cluster, rest, w, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if w > left {
			break
		}
		kept.WriteString(cluster)
		left -= w
	}
	return kept.String() + "…"
}

// padded is a text of exactly n columns.
func padded(text string, n int, right bool) string {
	text = cut(text, n)
	space := strings.Repeat(" ", max(n-width(text), 0))
	if right {
		return space + text
	}
	return text + space
}
