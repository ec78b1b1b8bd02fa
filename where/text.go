package where

import (
	"strings"
	"unicode/utf8"

	"github.com/wakeful-dev/wakeful/schema"
)

// textual reports a condition that looks into the text of a value.
func (o op) textual() bool {
	switch o {
	case opContains, opStartsWith, opEndsWith, opIContains, opIStartsWith, opIEndsWith, opIExact:
		return true
	}
	return false
}

// folds reports a textual condition that takes letters in any case.
func (o op) folds() bool {
	switch o {
	case opIContains, opIStartsWith, opIEndsWith, opIExact:
		return true
	}
	return false
}

// around says whether anything may stand before and behind the text.
func (o op) around() (before, behind bool) {
	switch o {
	case opContains, opIContains:
		return true, true
	case opStartsWith, opIStartsWith:
		return false, true
	case opEndsWith, opIEndsWith:
		return true, false
	}
	return false, false
}

// framed puts the mark for any text before and behind.
func (o op) framed(pattern, anything string) string {
	before, behind := o.around()
	if before {
		pattern = anything + pattern
	}
	if behind {
		pattern += anything
	}
	return pattern
}

var (
	// wide takes each mark for itself or for one other character: nothing has
	// to be escaped, and the text itself matches.
	wide = strings.NewReplacer("%", "_")
	// likeEscaped and globEscaped take each mark for itself alone.
	likeEscaped = strings.NewReplacer("%", `\%`, "_", `\_`, `\`, `\\`)
	globEscaped = strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]")
)

// after is the least text that follows all which begin with a text, "" where
// there is none.
func after(text string) string {
	for text != "" {
		last, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
		if last == utf8.MaxRune {
			continue
		}
		if last++; last == 0xd800 {
			last = 0xe000 // no character lies between
		}
		return string(utf8.AppendRune([]byte(text), last))
	}
	return ""
}

// textAsks says why a textual condition is left to the database.
func textAsks(t *term) string {
	if strings.ContainsAny(t.values[0].(string), "\ufffd\ufffe\uffff") {
		return "the text has characters in it that the database may take for each other"
	}
	switch t.column.Type {
	case schema.Float, schema.Decimal:
		return "only the database knows how it writes a fraction"
	}
	return ""
}

// matches decides a textual condition of a value that is no NULL. known is
// false where only the database can.
func (t *term) matches(v any) (yes, known bool) {
	text := ""
	switch v := v.(type) {
	case string:
		if text = v; !utf8.ValidString(v) {
			return false, false
		}
		if i := strings.IndexByte(text, 0); i >= 0 {
			text = text[:i] // where LIKE and GLOB stop to read
		}
	case int64:
		text = digits(v)
	case []byte:
		return false, true
	default:
		return false, false
	}
	if t.column.Native == "bpchar" {
		text = strings.TrimRight(text, " ") // which are none of its text
	}
	part := t.values[0].(string)
	if t.op.folds() {
		text, part = folded(text), folded(part)
	}
	switch before, behind := t.op.around(); {
	case before && behind:
		return strings.Contains(text, part), true
	case behind:
		return strings.HasPrefix(text, part), true
	case before:
		return strings.HasSuffix(text, part), true
	}
	return text == part, true
}

// folded takes the letters of ASCII in small.
func folded(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}
