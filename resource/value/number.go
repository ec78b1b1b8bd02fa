package value

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// isLiteral reports whether text is a number as JSON writes it.
func isLiteral(text string) bool {
	text = strings.TrimPrefix(text, "-")
	whole := digitsAt(text)
	if whole == 0 || whole > 1 && text[0] == '0' {
		return false
	}
	text = text[whole:]
	if strings.HasPrefix(text, ".") {
		n := digitsAt(text[1:])
		if n == 0 {
			return false
		}
		text = text[1+n:]
	}
	if text == "" {
		return true
	}
	if text[0] != 'e' && text[0] != 'E' {
		return false
	}
	text = text[1:]
	if text != "" && (text[0] == '+' || text[0] == '-') {
		text = text[1:]
	}
	return text != "" && digitsAt(text) == len(text)
}

// digitsAt counts the digits that text begins with.
func digitsAt(text string) int {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return n
}

// exact is the value of a literal: 0.digits × 10^point, with neither leading
// nor trailing zeros. Two literals of one value have equal ones.
type exact struct {
	negative bool
	digits   string
	point    int
}

// maxExponent bounds what is computed with: no column holds more.
const maxExponent = 100_000

// exactly reads a literal. ok is false where its exponent is beyond all reason.
func exactly(literal string) (e exact, ok bool) {
	literal, e.negative = strings.CutPrefix(literal, "-")
	mantissa, exponent := literal, ""
	if i := strings.IndexAny(literal, "eE"); i >= 0 {
		mantissa, exponent = literal[:i], literal[i+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	e.digits = whole + fraction
	e.point = len(whole)
	if exponent != "" {
		n, err := strconv.Atoi(exponent)
		if err != nil || n > maxExponent || n < -maxExponent {
			return e, strings.Trim(e.digits, "0") == ""
		}
		e.point += n
	}
	trimmed := strings.TrimLeft(e.digits, "0")
	e.point -= len(e.digits) - len(trimmed)
	e.digits = strings.TrimRight(trimmed, "0")
	if e.digits == "" {
		e.point, e.negative = 0, false
	}
	return e, true
}

// integer returns the value as an integer. whole says that it is one, ok that
// it fits.
func (e exact) integer() (n int64, whole, ok bool) {
	if e.digits == "" {
		return 0, true, true
	}
	if e.point < len(e.digits) {
		return 0, false, false
	}
	if e.point > 19 {
		return 0, true, false
	}
	text := e.digits + strings.Repeat("0", e.point-len(e.digits))
	if e.negative {
		text = "-" + text
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, true, err == nil
}

// exactFloat reports whether a float holds the literal to the last digit, so
// that it is written again as it was.
func exactFloat(literal string) bool {
	_, ok := asExactFloat(literal)
	return ok
}

func asExactFloat(literal string) (float64, bool) {
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil {
		return 0, false
	}
	want, ok := exactly(literal)
	if !ok {
		return 0, false
	}
	have, _ := exactly(strconv.FormatFloat(f, 'e', -1, 64))
	return f, have == want
}

var (
	errInteger      = errors.New("an integer is wanted")
	errIntegerRange = errors.New("an integer between -9223372036854775808 and 9223372036854775807 is wanted")
	errNumber       = errors.New("a number is wanted")
	errNumberRange  = errors.New("a number between -1.7976931348623157e+308 and 1.7976931348623157e+308 is wanted")
	errFloat        = errors.New("a number is wanted, or NaN, Infinity or -Infinity")
	errDigits       = errors.New("a number that the column holds to the last digit is wanted: about 15 significant digits")
)

// integerOf reads a literal as an integer: 5, and 5.0 and 5e0 too.
func integerOf(literal string) (any, error) {
	if !isLiteral(literal) {
		return nil, errInteger
	}
	e, ok := exactly(literal)
	if !ok {
		return nil, errIntegerRange
	}
	n, whole, ok := e.integer()
	if !whole {
		return nil, errInteger
	}
	if !ok {
		return nil, errIntegerRange
	}
	return n, nil
}

// decimalOf reads a literal as a number that is exact: an integer where it is
// one that fits, else a float that holds it to the last digit.
func decimalOf(literal string) (any, error) {
	if !isLiteral(literal) {
		return nil, errNumber
	}
	if e, ok := exactly(literal); ok {
		if n, _, fits := e.integer(); fits {
			return n, nil
		}
	}
	f, ok := asExactFloat(literal)
	if !ok {
		return nil, errDigits
	}
	return f, nil
}

// floatOf reads a literal as the nearest float.
func floatOf(text string) (any, error) {
	switch text {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	if !isLiteral(text) {
		return nil, errFloat
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, errNumberRange
	}
	return f, nil
}

// numberOf reads a literal as the database would: an integer where it is
// written as one, else a float.
func numberOf(literal string) (any, error) {
	if !strings.ContainsAny(literal, ".eE") {
		return integerOf(literal)
	}
	return floatOf(literal)
}
