package predicate

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind says how values of a column compare with arguments. The kinds here are
// SQLite's; those of PostgreSQL begin at firstPostgres.
type Kind uint8

const (
	// Unfit: nothing is known, so nothing compares.
	Unfit Kind = iota
	// Number: integers and floating point by value; text that is written as
	// an integer counts as that.
	Number
	// Text: a number as an argument compares as the text of it.
	Text
	// Plain: values of different types are different; numbers come before
	// text before bytes. No argument is converted.
	Plain
	// Printed: what LIKE sees: integers are the text of them.
	Printed
)

// Collation says which texts are equal, and which is less.
type Collation uint8

const (
	// Foreign: a collation that Go does not know; texts do not compare.
	Foreign Collation = iota
	// Binary: byte by byte.
	Binary
	// NoCase: the 26 letters of ASCII without their case.
	NoCase
	// RTrim: spaces at the end do not count.
	RTrim
	// Deterministic: equal are only equal bytes; the order is not known.
	Deterministic
)

// Column is a column as conditions see it: its name in the images of changes,
// and how its values compare.
type Column struct {
	Name      string
	Kind      Kind
	Collation Collation
}

// Known says what is known of a value.
type Known uint8

const (
	// Unknown: the value compares with nothing here, and meets everything.
	Unknown Known = iota
	// IsNull: the database's NULL.
	IsNull
	// IsKey: the value has a canonical form.
	IsKey
)

// The first byte of a canonical form: classes of values, in their order.
const (
	classNumber = 'n'
	classText   = 't'
	classBytes  = 'x'
)

// exact bounds the integers that a float64 tells apart.
const exact = 1 << 53

// Row appends the canonical form of a value of a row's image.
func (c Column) Row(to []byte, value any) ([]byte, Known) {
	if c.Kind.OfPostgres() {
		return c.postgresRow(to, value)
	}
	switch v := value.(type) {
	case nil:
		return to, IsNull
	case int64:
		switch c.Kind {
		case Number, Plain:
			return appendInteger(to, v), IsKey
		case Printed:
			return c.appendText(to, strconv.FormatInt(v, 10))
		}
	case float64:
		if c.Kind == Number || c.Kind == Plain {
			return appendFloat(to, v)
		}
	case string:
		if c.Kind == Number && isNumber(v) || c.Kind == Unfit {
			break // the database would not have left it so
		}
		return c.appendText(to, v)
	case []byte:
		if c.Kind != Unfit {
			return append(append(to, classBytes), v...), IsKey
		}
	}
	return to, Unknown
}

// Argument appends the canonical form of what a row's value is compared with,
// converted as the database would.
func (c Column) Argument(to []byte, value any) ([]byte, Known) {
	if c.Kind.OfPostgres() {
		return c.postgresArgument(to, value)
	}
	switch v := value.(type) {
	case nil:
		return to, IsNull
	case bool:
		if v {
			return c.Argument(to, int64(1))
		}
		return c.Argument(to, int64(0))
	case int64:
		switch c.Kind {
		case Number, Plain:
			return appendInteger(to, v), IsKey
		case Text:
			return c.appendText(to, strconv.FormatInt(v, 10))
		}
	case float64:
		switch c.Kind {
		case Number, Plain:
			return appendFloat(to, v)
		case Text:
			if text, ok := floatText(v); ok {
				return c.appendText(to, text)
			}
		}
	case string:
		return c.textArgument(to, v)
	case []byte:
		if c.Kind != Unfit && len(v) > 0 {
			return append(append(to, classBytes), v...), IsKey
		}
	}
	return to, Unknown
}

func (c Column) textArgument(to []byte, v string) ([]byte, Known) {
	switch c.Kind {
	case Text, Plain:
		return c.appendText(to, v)
	case Number:
		switch v, known := readNumber(v); v := v.(type) {
		case int64:
			return appendInteger(to, v), IsKey
		case float64:
			return appendFloat(to, v)
		case string:
			if known {
				return c.appendText(to, v)
			}
		}
	}
	return to, Unknown
}

// floatText is a number as a database writes it that writes as few digits as
// tell it apart. ok is false where there are many, or an exponent.
func floatText(f float64) (text string, ok bool) {
	text = strconv.FormatFloat(f, 'f', -1, 64)
	if a := math.Abs(f); len(text) > 13 || a != 0 && a < 1e-3 || f == 0 && math.Signbit(f) || math.IsNaN(f) || math.IsInf(f, 0) {
		return "", false
	}
	if strings.IndexByte(text, '.') < 0 {
		text += ".0"
	}
	return text, true
}

// isNumber reports whether a text is that of a number, with space around it:
// then the database may store and compare it as one.
func isNumber(s string) bool {
	s = strings.Trim(s, " \t\n\v\f\r")
	if s == "" || !strings.ContainsAny(s[:1], "+-.0123456789") {
		return false
	}
	_, err := strconv.ParseFloat(strings.TrimSuffix(s, "."), 64)
	return err == nil || errors.Is(err, strconv.ErrRange)
}

func (c Column) appendText(to []byte, s string) ([]byte, Known) {
	if c.Collation == Foreign || strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
		return to, Unknown
	}
	to = append(to, classText)
	switch c.Collation {
	case NoCase:
		for i := range len(s) {
			to = append(to, foldByte(s[i]))
		}
		return to, IsKey
	case RTrim:
		s = strings.TrimRight(s, " ")
	}
	return append(to, s...), IsKey
}

func foldByte(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// appendFloat writes numbers that are integers as integers. Those that are
// too large to be told apart have no canonical form.
func appendFloat(to []byte, f float64) ([]byte, Known) {
	if math.IsNaN(f) || math.Abs(f) > exact {
		return to, Unknown
	}
	if n := int64(f); float64(n) == f {
		return appendInteger(to, n), IsKey
	}
	return appendOrdered(append(to, classNumber), f), IsKey
}

// appendInteger writes the nearest float64 and, where several integers have
// the same one, the integer too.
func appendInteger(to []byte, n int64) []byte {
	to = appendOrdered(append(to, classNumber), float64(n))
	if n >= exact || n <= -exact {
		to = binary.BigEndian.AppendUint64(to, uint64(n)^1<<63)
	}
	return to
}

// appendOrdered writes bits that compare as the numbers do.
func appendOrdered(to []byte, f float64) []byte {
	bits := math.Float64bits(f + 0) // −0 is 0
	if bits>>63 == 1 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	return binary.BigEndian.AppendUint64(to, bits)
}
