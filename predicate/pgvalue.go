package predicate

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"
)

// The first byte of the canonical forms that only PostgreSQL's kinds have.
const (
	classBoolean = 'b'
	classDecimal = 'd'
	classFloat   = 'f'
	classMoment  = 'm'
)

// postgresRow is Row for PostgreSQL's kinds.
func (c Column) postgresRow(to []byte, value any) ([]byte, Known) {
	switch v := value.(type) {
	case nil:
		return to, IsNull
	case int64:
		if c.Kind == PostgresInteger {
			return appendInteger(to, v), IsKey
		}
	case float64:
		switch c.Kind {
		case PostgresSingle:
			return appendFloating(to, float64(float32(v))), IsKey
		case PostgresDouble:
			return appendFloating(to, v), IsKey
		}
	case bool:
		if c.Kind == PostgresBoolean {
			return appendBoolean(to, v), IsKey
		}
	case []byte:
		if c.Kind == PostgresBytes {
			return append(append(to, classBytes), v...), IsKey
		}
	case string:
		switch c.Kind {
		case PostgresText, PostgresName, PostgresPadded, PostgresLabel:
			return c.appendWords(to, v)
		case PostgresNumeric:
			return decimalKey(to, v)
		case PostgresUUID:
			return uuidKey(to, v)
		case PostgresTimestamp, PostgresInstant, PostgresDate, PostgresTime:
			return momentKey(to, v, c.Kind)
		}
	}
	return to, Unknown
}

// postgresArgument is Argument for PostgreSQL's kinds: what the driver makes of
// a value for a parameter of the column's type, or the database of a literal.
func (c Column) postgresArgument(to []byte, value any) ([]byte, Known) {
	switch v := Reduced(value).(type) {
	case nil:
		return to, IsNull
	case bool:
		return c.postgresRow(to, v)
	case int64:
		return c.integerArgument(to, v)
	case float64:
		return c.floatArgument(to, v)
	case string:
		return c.writtenArgument(to, v)
	case []byte:
		if c.Kind == PostgresBytes {
			return c.postgresRow(to, v)
		}
	case [16]byte:
		if c.Kind == PostgresUUID {
			return appendUUID(to, v), IsKey
		}
	case time.Time:
		if at, ok := momentOfTime(v, c.Kind); ok {
			return appendMoment(to, at), IsKey
		}
	}
	return to, Unknown
}

func (c Column) integerArgument(to []byte, v int64) ([]byte, Known) {
	switch c.Kind {
	case PostgresInteger:
		return appendInteger(to, v), IsKey
	case PostgresNumeric:
		return decimalKey(to, strconv.FormatInt(v, 10))
	case PostgresSingle, PostgresDouble:
		if v <= exact && v >= -exact {
			return c.floatArgument(to, float64(v))
		}
	}
	return to, Unknown
}

// floatArgument: the driver cuts a fraction off for an integer column, and the
// text of the statement does not.
func (c Column) floatArgument(to []byte, v float64) ([]byte, Known) {
	switch c.Kind {
	case PostgresInteger:
		if v == math.Trunc(v) && math.Abs(v) <= exact {
			return appendInteger(to, int64(v)), IsKey
		}
	case PostgresNumeric:
		switch {
		case math.IsInf(v, 1):
			return decimalKey(to, "Infinity")
		case math.IsInf(v, -1):
			return decimalKey(to, "-Infinity")
		}
		return decimalKey(to, strconv.FormatFloat(v, 'f', -1, 64))
	case PostgresSingle:
		if float64(float32(v)) == v || math.IsNaN(v) {
			return appendFloating(to, v), IsKey
		}
	case PostgresDouble:
		return appendFloating(to, v), IsKey
	}
	return to, Unknown
}

// writtenArgument is a text that the database reads as a value of the column's
// type. Of the ways to write one those count that nobody reads otherwise.
func (c Column) writtenArgument(to []byte, v string) ([]byte, Known) {
	switch c.Kind {
	case PostgresInteger:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return appendInteger(to, n), IsKey
		}
	case PostgresSingle, PostgresDouble:
		bits := 64
		if c.Kind == PostgresSingle {
			bits = 32
		}
		f, err := strconv.ParseFloat(v, bits)
		if plain := strings.Trim(v, "+-0123456789.eE") == ""; err == nil && (plain || v == "NaN" || v == "Infinity" || v == "-Infinity") {
			return appendFloating(to, f), IsKey
		}
	case PostgresBoolean:
		switch v {
		case "t", "true", "f", "false":
			return appendBoolean(to, v[0] == 't'), IsKey
		}
	case PostgresName:
		if len(v) < 64 {
			return c.appendWords(to, v)
		}
	case PostgresBytes:
		if digits, ok := strings.CutPrefix(v, `\x`); ok {
			if b, err := hex.DecodeString(digits); err == nil {
				return append(append(to, classBytes), b...), IsKey
			}
		} else if strings.IndexByte(v, '\\') < 0 {
			return append(append(to, classBytes), v...), IsKey
		}
	default:
		return c.postgresRow(to, v)
	}
	return to, Unknown
}

func (c Column) appendWords(to []byte, v string) ([]byte, Known) {
	switch c.Kind {
	case PostgresLabel:
		c.Collation = Deterministic
	case PostgresPadded:
		v = strings.TrimRight(v, " ")
	}
	return c.appendText(to, v)
}

// appendFloating writes bits that compare as the numbers do, NaN last.
func appendFloating(to []byte, f float64) []byte {
	to = append(to, classFloat)
	if math.IsNaN(f) {
		return binary.BigEndian.AppendUint64(to, math.MaxUint64)
	}
	return appendOrdered(to, f)
}

func appendBoolean(to []byte, v bool) []byte {
	if v {
		return append(to, classBoolean, 1)
	}
	return append(to, classBoolean, 0)
}

func appendMoment(to []byte, at int64) []byte {
	return binary.BigEndian.AppendUint64(append(to, classMoment), uint64(at)^1<<63)
}

func decimalKey(to []byte, text string) ([]byte, Known) {
	if key, ok := appendDecimal(append(to, classDecimal), text); ok {
		return key, IsKey
	}
	return to, Unknown
}

func momentKey(to []byte, text string, kind Kind) ([]byte, Known) {
	if at, ok := momentOf(text, kind); ok {
		return appendMoment(to, at), IsKey
	}
	return to, Unknown
}

// uuidKey is the text that the database writes.
func uuidKey(to []byte, text string) ([]byte, Known) {
	switch len(text) {
	case 38:
		if text[0] != '{' || text[37] != '}' {
			return to, Unknown
		}
		text = text[1:37]
		fallthrough
	case 36:
		if text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
			return to, Unknown
		}
		text = text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
	}
	var id [16]byte
	if len(text) != 32 {
		return to, Unknown
	}
	if _, err := hex.Decode(id[:], []byte(text)); err != nil {
		return to, Unknown
	}
	return appendUUID(to, id), IsKey
}

func appendUUID(to []byte, id [16]byte) []byte {
	to = hex.AppendEncode(append(to, classText), id[:4])
	for i := 4; i < 10; i += 2 {
		to = hex.AppendEncode(append(to, '-'), id[i:i+2])
	}
	return hex.AppendEncode(append(to, '-'), id[10:])
}

// stored is a value as images have it, of its canonical form.
func (c Column) stored(key string) any {
	switch rest := key[1:]; key[0] {
	case classNumber:
		n, _ := strconv.ParseInt(written(rest), 10, 64)
		return n
	case classFloat:
		return floating(rest)
	case classBoolean:
		return rest[0] == 1
	case classDecimal:
		return decimalText(rest)
	case classMoment:
		return momentText(int64(binary.BigEndian.Uint64([]byte(rest))^1<<63), c.Kind)
	case classBytes:
		return []byte(rest)
	default:
		return rest
	}
}

// floating is the reverse of appendFloating.
func floating(key string) float64 {
	bits := binary.BigEndian.Uint64([]byte(key))
	switch {
	case bits == math.MaxUint64:
		return math.NaN()
	case bits>>63 == 1:
		return math.Float64frombits(bits &^ (1 << 63))
	}
	return math.Float64frombits(^bits)
}

// postgresConverted is Converted for PostgreSQL's kinds: the value as images of
// changes would have it.
func (c Column) postgresConverted(value any) (converted any, known bool) {
	key, is := c.postgresArgument(nil, value)
	switch is {
	case IsNull:
		return nil, true
	case IsKey:
		return c.stored(string(key)), true
	}
	return value, false
}

// comparePostgres is Compare for PostgreSQL's kinds.
func comparePostgres(a, b any, as Column) (order int, known bool) {
	if a == nil || b == nil {
		return cmp.Compare(present(a), present(b)), a == nil && b == nil || as.Ordered() && as.compares(a) && as.compares(b)
	}
	var here, there [64]byte
	x, knownX := as.postgresRow(here[:0], a)
	y, knownY := as.postgresRow(there[:0], b)
	order = bytes.Compare(x, y)
	return order, knownX == IsKey && knownY == IsKey && (order == 0 || as.Ordered())
}

// compares reports whether the value has a place among others.
func (c Column) compares(v any) bool {
	_, known := c.postgresRow(nil, v)
	return known != Unknown
}

func present(v any) int {
	if v == nil {
		return 0
	}
	return 1
}

// appendPostgresSortKey appends the value alone: NULL and the direction are
// AppendSortKey's. Each form tells its own end.
func (c Column) appendPostgresSortKey(to []byte, value any) (key []byte, known bool) {
	if !c.Ordered() {
		return to, false
	}
	switch v := value.(type) {
	case int64:
		if c.Kind == PostgresInteger {
			return binary.BigEndian.AppendUint64(append(to, sortNumber), uint64(v)^1<<63), true
		}
	case []byte:
		if c.Kind == PostgresBytes {
			return appendEscaped(append(to, sortBytes), v), true
		}
	case string:
		switch c.Kind {
		case PostgresPadded:
			return appendEscaped(append(to, sortText), strings.TrimRight(v, " ")), true
		case PostgresText, PostgresName:
			return appendEscaped(append(to, sortText), v), true
		}
	}
	from := len(to)
	to, is := c.postgresRow(to, value)
	if is != IsKey {
		return to, false
	}
	to[from] = sortNumber
	return to, true
}
