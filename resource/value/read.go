package value

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/wakeful-dev/wakeful/schema"
)

var (
	errText      = errors.New("a string is wanted")
	errUTF8      = errors.New("text in UTF-8 is wanted")
	errBoolean   = errors.New("true or false is wanted")
	errStamp     = errors.New(`a time is wanted, as "2026-01-02T03:04:05Z"; without a zone it is UTC`)
	errDate      = errors.New(`a date is wanted, as "2026-01-02"`)
	errTime      = errors.New(`a time of day is wanted, as "03:04:05"`)
	errUUID      = errors.New(`a UUID is wanted, as "123e4567-e89b-12d3-a456-426614174000"`)
	errBytes     = errors.New("a string of base64 is wanted")
	errJSON      = errors.New("a JSON value is wanted")
	errJSONDepth = errors.New("a JSON value of less than 1,000 levels is wanted")
	errAny       = errors.New("a string, a number, true, false or null is wanted")
)

// FromText reads what stands in a URL as a value of the column, to be compared
// with those that are stored. The error says what is wanted instead.
func FromText(c *schema.Column, text string) (any, error) {
	if !utf8.ValidString(text) {
		return nil, errUTF8
	}
	if typed(c) {
		return typedText(c, text)
	}
	switch c.Type {
	case schema.Integer:
		return integerOf(text)
	case schema.Float:
		return floatOf(text)
	case schema.Decimal:
		return decimalOf(text)
	case schema.Boolean:
		return booleanOf(text)
	case schema.Bytes:
		return bytesOf(text)
	case schema.JSON:
		if compact, ok := appendCompact(nil, text); ok {
			return string(compact), nil
		}
		return text, nil // what the list shows as a string
	case schema.Any:
		return anyOf(text)
	}
	return wordOf(c.Type, text)
}

// FromJSON reads a member of a body as a value to be stored in the column. raw
// is one valid JSON value; null is nil, whether the column takes it or not. The
// error says what is wanted instead.
func FromJSON(c *schema.Column, raw jsontext.Value) (any, error) {
	kind := raw.Kind()
	switch {
	case kind == 'n':
		return nil, nil
	case typed(c):
		return typedJSON(c, raw)
	}
	if c.Type == schema.JSON {
		return document(raw)
	}
	switch kind {
	case '"':
		text, err := jsontext.AppendUnquote(nil, []byte(raw))
		if err != nil {
			return nil, errUTF8
		}
		return fromString(c.Type, string(text))
	case '0':
		return fromNumber(c.Type, string(raw))
	case 't', 'f':
		if c.Type == schema.Boolean || c.Type == schema.Any {
			return booleanOf(string(raw))
		}
	}
	return nil, Wanted(c.Type)
}

func document(raw jsontext.Value) (any, error) {
	compact, ok := appendCompact(nil, string(raw))
	if !ok {
		return nil, errJSONDepth
	}
	return string(compact), nil
}

func fromString(of schema.Type, text string) (any, error) {
	switch of {
	case schema.Integer:
		return integerOf(text)
	case schema.Float:
		return floatOf(text)
	case schema.Decimal:
		return decimalOf(text)
	case schema.Boolean:
		return nil, errBoolean
	case schema.Bytes:
		return bytesOf(text)
	}
	return wordOf(of, text)
}

func fromNumber(of schema.Type, literal string) (any, error) {
	switch of {
	case schema.Integer:
		return integerOf(literal)
	case schema.Float:
		return floatOf(literal)
	case schema.Decimal:
		return decimalOf(literal)
	case schema.Any:
		return numberOf(literal)
	}
	return nil, Wanted(of)
}

// wordOf reads values that are stored as text.
func wordOf(of schema.Type, text string) (any, error) {
	switch of {
	case schema.Timestamp:
		t, ok := parseStamp(text)
		if !ok {
			return nil, errStamp
		}
		return t.text(), nil
	case schema.Date:
		if _, ok := parseStamp(text); !ok || len(text) != len("2026-01-02") {
			return nil, errDate
		}
	case schema.Time:
		c, rest, ok := parseClock(text)
		if !ok || rest != "" {
			return nil, errTime
		}
		return c.text(), nil
	case schema.UUID:
		if !isUUID(text) {
			return nil, errUUID
		}
	}
	return text, nil
}

func (c clock) text() string {
	to := appendPadded(make([]byte, 0, len("03:04:05.123456789")), c.hour, 2)
	to = append(to, ':')
	to = appendPadded(to, c.minute, 2)
	to = append(to, ':')
	to = appendPadded(to, c.second, 2)
	if c.nanos != 0 {
		to = appendNanos(append(to, '.'), c.nanos)
	}
	return string(to)
}

func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return false
			}
		}
	}
	return true
}

func booleanOf(text string) (any, error) {
	switch strings.ToLower(text) {
	case "true", "1":
		return int64(1), nil
	case "false", "0":
		return int64(0), nil
	}
	return nil, errBoolean
}

// bytesOf reads base64 of either alphabet, with or without its padding.
func bytesOf(text string) (any, error) {
	text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
	if strings.ContainsAny(text, "\r\n") {
		return nil, errBytes
	}
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, errBytes
	}
	return b, nil
}

// anyOf reads a number, a JSON string in its quotes, or plain text.
func anyOf(text string) (any, error) {
	if isLiteral(text) {
		return numberOf(text)
	}
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		if plain, err := jsontext.AppendUnquote(nil, text); err == nil {
			return string(plain), nil
		}
	}
	return text, nil
}

// Wanted says what a column of a type takes.
func Wanted(t schema.Type) error {
	return wanted[t]
}

var wanted = [...]error{
	schema.Any:       errAny,
	schema.Integer:   errInteger,
	schema.Float:     errFloat,
	schema.Decimal:   errNumber,
	schema.Text:      errText,
	schema.Bytes:     errBytes,
	schema.Boolean:   errBoolean,
	schema.Timestamp: errStamp,
	schema.Date:      errDate,
	schema.Time:      errTime,
	schema.UUID:      errUUID,
	schema.JSON:      errJSON,
	schema.Array:     errArray,
}
