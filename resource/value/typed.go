package value

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/wakeful-dev/wakeful/schema"
)

// typed reports that a column has values of its own type and no others: then a
// value is read as that type stores it, and what the type does not hold is
// refused. A BOOLEAN is a bool then, and what has no Go type is the text that
// the database writes.
func typed(c *schema.Column) bool { return c.Native != "" }

var (
	errNUL   = errors.New("text without a NUL is wanted")
	errArray = errors.New("a JSON array is wanted")
	errShape = errors.New("arrays within an array are wanted of equal lengths")
)

// typedText reads what stands in a URL.
func typedText(c *schema.Column, text string) (any, error) {
	switch c.Type {
	case schema.JSON, schema.Array:
		return typedJSON(c, jsontext.Value(text))
	case schema.Boolean:
		return typedBoolean(text)
	}
	return typedWord(c, text)
}

// typedWord reads a value that is written as one word: it is the same in a URL
// and in a JSON string.
func typedWord(c *schema.Column, text string) (any, error) {
	if strings.IndexByte(text, 0) >= 0 {
		return nil, errNUL
	}
	switch c.Type {
	case schema.Integer:
		return typedInteger(c, text)
	case schema.Float:
		return typedFloat(c, text)
	case schema.Decimal:
		return typedDecimal(text)
	case schema.Bytes:
		return bytesOf(text)
	case schema.Timestamp:
		t, ok := parseStamp(text)
		if !ok || t.at.Year() < 1 {
			return nil, errStamp
		}
		return t.native(c), nil
	case schema.Date:
		if _, ok := parseStamp(text); !ok || len(text) != len("2026-01-02") || text[:4] == "0000" {
			return nil, errDate
		}
	case schema.Time:
		t, rest, ok := parseClock(text)
		if !ok || rest != "" {
			return nil, errTime
		}
		t.nanos -= t.nanos % 1000
		return t.text(), nil
	case schema.UUID:
		if !isUUID(text) {
			return nil, errUUID
		}
		return strings.ToLower(text), nil
	}
	if len(c.Labels) > 0 && !slices.Contains(c.Labels, text) {
		return nil, fmt.Errorf("one of %s is wanted", strings.Join(c.Labels, ", "))
	}
	return text, nil
}

// typedJSON reads a member of a body that is not null.
func typedJSON(c *schema.Column, raw jsontext.Value) (any, error) {
	switch c.Type {
	case schema.JSON:
		compact, ok := appendCompact(nil, string(raw))
		if !ok {
			return nil, errJSON
		}
		return string(compact), nil
	case schema.Array:
		return arrayOf(c, raw)
	}
	switch kind := raw.Kind(); {
	case kind == '"':
		text, err := jsontext.AppendUnquote(nil, []byte(raw))
		if err != nil {
			return nil, errUTF8
		}
		if c.Type == schema.Boolean {
			return nil, errBoolean
		}
		return typedWord(c, string(text))
	case kind == '0' && (c.Type == schema.Integer || c.Type == schema.Float || c.Type == schema.Decimal):
		return typedWord(c, string(raw))
	case (kind == 't' || kind == 'f') && c.Type == schema.Boolean:
		return kind == 't', nil
	}
	return nil, Wanted(c.Type)
}

func typedBoolean(text string) (any, error) {
	v, err := booleanOf(text)
	if err != nil {
		return nil, err
	}
	return v == int64(1), nil
}

// integerBounds are those of the types that hold less than 64 bits.
var integerBounds = map[string][2]int64{
	"smallint": {math.MinInt16, math.MaxInt16},
	"integer":  {math.MinInt32, math.MaxInt32},
	"oid":      {0, math.MaxUint32},
}

func typedInteger(c *schema.Column, text string) (any, error) {
	v, err := integerOf(text)
	if err != nil {
		return nil, err
	}
	if bounds, ok := integerBounds[c.Native]; ok && (v.(int64) < bounds[0] || v.(int64) > bounds[1]) {
		return nil, fmt.Errorf("an integer between %d and %d is wanted", bounds[0], bounds[1])
	}
	return v, nil
}

// single is the type of floats of 32 bits.
const single = "real"

func typedFloat(c *schema.Column, text string) (any, error) {
	v, err := floatOf(text)
	if err != nil || c.Native != single {
		return v, err
	}
	f := v.(float64)
	if near := float64(float32(f)); !math.IsInf(near, 0) || math.IsInf(f, 0) {
		return near, nil
	}
	return nil, fmt.Errorf("a number between %g and %[1]g is wanted", math.MaxFloat32)
}

// typedDecimal reads a literal of any number of digits, as it is.
func typedDecimal(text string) (any, error) {
	if text == "NaN" {
		return text, nil
	}
	if !isLiteral(text) {
		return nil, errNumber
	}
	if e, ok := exactly(text); !ok || e.point > maxDecimal || len(e.digits)-e.point > maxDecimal {
		return nil, errDecimalRange
	}
	return text, nil
}

// maxDecimal is how many digits a numeric has on each side of its point, or
// less.
const maxDecimal = 16_383

var errDecimalRange = errors.New("a number of at most 16,383 digits before and behind its point is wanted")

// Fits says why a value of a column's type is more than the column takes, nil
// where it is not: a text that is too long, a number with more digits. It would
// be cut, or rounded.
func Fits(c *schema.Column, v any) error {
	text, ok := v.(string)
	switch {
	case !ok:
	case c.Length > 0 && utf8.RuneCountInString(text) > c.Length:
		return fmt.Errorf("a text of at most %d characters is wanted", c.Length)
	case c.Precision > 0 && isLiteral(text):
		e, _ := exactly(text)
		if len(e.digits)-e.point > c.Scale || e.point > c.Precision-c.Scale {
			return fmt.Errorf("a number of at most %d digits before its point and %d behind it is wanted", max(0, c.Precision-c.Scale), max(0, c.Scale))
		}
	}
	return nil
}

// zoned is the type of times that have a zone.
const zoned = "timestamp with time zone"

// native is how a typed column stores a time: to the microsecond.
func (s stamp) native(c *schema.Column) string {
	s.at = s.at.Round(time.Microsecond)
	to := s.append(make([]byte, 0, len("2026-01-02 03:04:05.123456+00")), ' ')
	if micros := s.at.Nanosecond() / 1000; micros != 0 {
		to = appendPadded(append(to, '.'), micros, 6)
		for to[len(to)-1] == '0' {
			to = to[:len(to)-1]
		}
	}
	if c.Native == zoned {
		to = append(to, "+00"...)
	}
	return string(to)
}
