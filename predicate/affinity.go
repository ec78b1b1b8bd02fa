package predicate

import (
	"math"
	"strconv"
	"strings"
)

// SQLiteKind follows the rules of SQLite for the affinity of a declared type.
// ANY means one thing in a strict table and another elsewhere.
func SQLiteKind(declared string) Kind {
	t := strings.ToUpper(declared)
	switch {
	case strings.Contains(t, "INT"):
		return Number
	case strings.Contains(t, "CHAR"), strings.Contains(t, "CLOB"), strings.Contains(t, "TEXT"):
		return Text
	case t == "", strings.Contains(t, "BLOB"):
		return Plain
	case t == "ANY":
		return Unfit
	}
	return Number // REAL and NUMERIC
}

// CollationOf returns the collation of a name, in any case.
func CollationOf(name string) Collation {
	switch strings.ToUpper(name) {
	case "BINARY":
		return Binary
	case "NOCASE":
		return NoCase
	case "RTRIM":
		return RTrim
	}
	return Foreign
}

// Converted returns an argument (nil, int64, float64, string, []byte) as the
// database converts it to compare it with the column's values, so that the
// database has nothing left to convert. known is false where Go cannot tell;
// then the argument is what it was. PostgreSQL's kinds take the arguments that
// Reduced knows too.
func (c Column) Converted(value any) (converted any, known bool) {
	if c.Kind.OfPostgres() {
		return c.postgresConverted(value)
	}
	switch v := value.(type) {
	case float64:
		if math.IsNaN(v) {
			return v, false
		}
		if c.Kind == Text {
			text, ok := floatText(v)
			if !ok {
				return v, false
			}
			return text, true
		}
	case int64:
		if c.Kind == Text {
			return strconv.FormatInt(v, 10), true
		}
	case string:
		if c.Kind == Number {
			return readNumber(v)
		}
	}
	return value, c.Kind != Unfit
}

// readNumber reads a text that is compared with numbers; what is none stays as
// it is.
func readNumber(text string) (any, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	if f, ok := plainDecimal(text); ok {
		return f, true
	}
	return text, !isNumber(text)
}

// plainDecimal reads a decimal fraction that is short enough for every database
// to read the same float from it.
func plainDecimal(text string) (float64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil && len(text) < 15 && strings.Trim(text, "-0123456789.") == ""
}
