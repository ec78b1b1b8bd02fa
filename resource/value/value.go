// Package value turns the values of a database into JSON and back, and what
// stands in a URL into what the database compares.
//
// Promises:
//   - A stored value has one JSON text, always valid: equal values give equal
//     bytes. What a column holds against its type is written as it is.
//   - Numbers are exact: an integer keeps its 64 bits, and a literal that the
//     column cannot hold to the last digit is refused, not rounded (but for
//     Float, whose meaning is the nearest one).
//   - What FromJSON makes of AppendJSON's text is stored as the same value,
//     where the column holds what its type says.
//   - Errors say what is wanted. They have no name of a column in them and no
//     capital letter: the caller says whose they are.
//
// Stored values are nil, int64, float64, string and []byte, as the database has
// them; a BOOLEAN is 0 or 1, and a bool where columns have types of their own
// (schema.Column.Native).
//
// Pipeline: database → [value] → list; URL, body → [value] → database.
package value

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"

	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/wire"
)

// maxExact is the largest integer up to which a client that parses numbers to
// floats tells all of them apart.
const maxExact = 1 << 53

// Numbers says which exact numbers are written as strings.
type Numbers uint8

const (
	// Plain: none.
	Plain Numbers = iota
	// BigAsText: integers beyond ±2^53 and decimals that a float does not hold.
	BigAsText
	// AllAsText: all integers and decimals of columns of these types. For keys,
	// where BigAsText would make some of a list strings and some numbers.
	AllAsText
)

// AppendJSON appends a stored value of a column as JSON. c may be nil: then
// nothing is known but the value.
func AppendJSON(to []byte, c *schema.Column, stored any, numbers Numbers) []byte {
	of := schema.Any
	if c != nil {
		of = c.Type
	}
	switch v := stored.(type) {
	case int64:
		return appendInteger(to, of, v, numbers)
	case float64:
		return appendFloat(to, c, v, numbers)
	case string:
		if of == schema.Array {
			if with, ok := appendArray(to, c, v, numbers); ok {
				return with
			}
		}
		return appendText(to, of, v, numbers)
	case []byte:
		return appendBytes(to, v)
	case bool:
		return strconv.AppendBool(to, v)
	case time.Time:
		return appendInstant(to, v)
	}
	return append(to, "null"...)
}

func appendInteger(to []byte, of schema.Type, v int64, numbers Numbers) []byte {
	if of == schema.Boolean && (v == 0 || v == 1) {
		return strconv.AppendBool(to, v == 1)
	}
	quoted := numbers == AllAsText && isNumber(of) || numbers == BigAsText && (v > maxExact || v < -maxExact)
	if quoted {
		to = append(to, '"')
	}
	to = strconv.AppendInt(to, v, 10)
	if quoted {
		to = append(to, '"')
	}
	return to
}

func isNumber(t schema.Type) bool { return t == schema.Integer || t == schema.Decimal }

// appendFloat writes the shortest digits that give the same float again, and
// always so that it can be told from an integer. Zero has no sign.
func appendFloat(to []byte, c *schema.Column, v float64, numbers Numbers) []byte {
	switch {
	case math.IsNaN(v):
		return append(to, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(to, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(to, `"-Infinity"`...)
	}
	quoted, bits := numbers == AllAsText && c != nil && isNumber(c.Type), 64
	if c != nil && c.Native == single {
		bits = 32
	}
	if quoted {
		to = append(to, '"')
	}
	to = appendShortest(to, Unsigned(v), bits)
	if quoted {
		to = append(to, '"')
	}
	return to
}

// Unsigned is a float as clients are to see it: zero without a sign. SQLite
// equates the two, and what its quote() says of a row, as logs of other
// processes' writes do, is the same of both.
func Unsigned(v float64) float64 {
	if v == 0 {
		return 0
	}
	return v
}

func appendShortest(to []byte, v float64, bits int) []byte {
	if size := math.Abs(v); size != 0 && (size < 1e-6 || size >= 1e21) {
		return strconv.AppendFloat(to, v, 'e', -1, bits)
	}
	start := len(to)
	to = strconv.AppendFloat(to, v, 'f', -1, bits)
	for _, c := range to[start:] {
		if c == '.' {
			return to
		}
	}
	return append(to, '.', '0')
}

func appendText(to []byte, of schema.Type, v string, numbers Numbers) []byte {
	switch of {
	case schema.Timestamp:
		if t, ok := parseStamp(v); ok {
			return t.appendJSON(to)
		}
	case schema.Decimal:
		if isLiteral(v) {
			return appendDecimal(to, v, numbers)
		}
	case schema.Bytes:
		to = append(to, '"')
		to = base64.StdEncoding.AppendEncode(to, []byte(v))
		return append(to, '"')
	case schema.JSON:
		if with, ok := appendCompact(to, v); ok {
			return with
		}
	}
	return wire.AppendString(to, v)
}

// appendDecimal writes a decimal that the database has as text.
func appendDecimal(to []byte, literal string, numbers Numbers) []byte {
	if numbers == AllAsText || numbers == BigAsText && !exactFloat(literal) {
		return wire.AppendString(to, literal)
	}
	return append(to, literal...)
}

func appendBytes(to, v []byte) []byte {
	to = append(to, '"')
	to = base64.StdEncoding.AppendEncode(to, v)
	return append(to, '"')
}

// FromTime is a point in time as it is stored in a column.
func FromTime(c *schema.Column, t time.Time) string {
	t = t.UTC()
	switch c.Type {
	case schema.Timestamp:
		if typed(c) {
			return stamp{t}.native(c)
		}
	case schema.Date:
		return t.Format(time.DateOnly)
	case schema.Time:
		hour, minute, second := t.Clock()
		return clock{hour, minute, second, t.Nanosecond()}.text()
	}
	return stamp{t}.text()
}

// KeyColumn returns how a column is written where it is part of a key: so that
// two keys have two texts, and each is a JSON string or number. Times and JSON
// stay as they are stored, and a BOOLEAN is 0 or 1.
func KeyColumn(c *schema.Column) *schema.Column {
	as := *c
	switch c.Type {
	case schema.Timestamp, schema.JSON, schema.Date, schema.Time, schema.UUID:
		as.Type = schema.Text
	case schema.Boolean:
		as.Type = schema.Integer
	default:
		return c
	}
	return &as
}
