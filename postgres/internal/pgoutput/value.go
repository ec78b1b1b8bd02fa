package pgoutput

import (
	"encoding/hex"
	"math"
	"strconv"
)

// kind says what Go value a type's text becomes.
type kind uint8

const (
	isText kind = iota
	isInt
	isFloat4
	isFloat8
	isBool
	isBytea
)

func (k kind) String() string {
	return [...]string{"text", "integer", "float4", "float8", "boolean", "bytea"}[k]
}

// kindOf knows the types that are not text: built-in ones, whose numbers are
// the same in every database.
func kindOf(oid uint32) kind {
	switch oid {
	case 20, 21, 23, 26: // int8, int2, int4, oid
		return isInt
	case 700:
		return isFloat4
	case 701:
		return isFloat8
	case 16:
		return isBool
	case 17:
		return isBytea
	}
	return isText
}

// kinds are the same by the types' names, which stand beneath domains.
var kinds = map[string]kind{
	"int8": isInt, "int2": isInt, "int4": isInt, "oid": isInt, "float4": isFloat4, "float8": isFloat8, "bool": isBool, "bytea": isBytea,
}

// parse reads a value of a kind that is not text.
func (k kind) parse(data []byte) (value any, ok bool) {
	switch k {
	case isInt:
		return parseInt(data)
	case isFloat4:
		x, err := strconv.ParseFloat(string(data), 32)
		return x, err == nil
	case isFloat8:
		x, err := strconv.ParseFloat(string(data), 64)
		return x, err == nil
	case isBool:
		return len(data) == 1 && data[0] == 't', len(data) == 1 && (data[0] == 't' || data[0] == 'f')
	default:
		return parseBytea(data)
	}
}

func parseInt(data []byte) (any, bool) {
	digits := data
	negative := len(data) > 0 && data[0] == '-'
	if negative {
		digits = data[1:]
	}
	if len(digits) == 0 || len(digits) > 19 {
		return nil, false
	}
	var n uint64
	for _, b := range digits {
		if b < '0' || b > '9' {
			return nil, false
		}
		n = n*10 + uint64(b-'0')
	}
	switch {
	case negative && n <= 1<<63:
		return -int64(n), true
	case n <= math.MaxInt64:
		return int64(n), true
	}
	return nil, false
}

// parseBytea reads bytes as either setting of bytea_output writes them.
func parseBytea(data []byte) (any, bool) {
	if len(data) >= 2 && data[0] == '\\' && data[1] == 'x' {
		value := make([]byte, hex.DecodedLen(len(data)-2))
		_, err := hex.Decode(value, data[2:])
		return value, err == nil
	}
	value := make([]byte, 0, len(data))
	for i := 0; i < len(data); i++ {
		switch {
		case data[i] != '\\':
			value = append(value, data[i])
		case i+1 < len(data) && data[i+1] == '\\':
			value = append(value, '\\')
			i++
		case i+3 < len(data) && octal(data[i+1], 3) && octal(data[i+2], 7) && octal(data[i+3], 7):
			value = append(value, (data[i+1]-'0')<<6|(data[i+2]-'0')<<3|(data[i+3]-'0'))
			i += 3
		default:
			return nil, false
		}
	}
	return value, true
}

// octal reports whether b is a digit up to max.
func octal(b byte, max byte) bool { return b >= '0' && b <= '0'+max }

// Value is a value of a type as changes have it, by the text that the server
// writes for it, and which it may keep; of a domain the type is the one beneath
// it.
func Value(oid uint32, text string) (value any, ok bool) {
	if k := kindOf(oid); k != isText {
		return k.parse([]byte(text))
	}
	return text, true
}
