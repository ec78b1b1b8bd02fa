package predicate

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// The byte after the class of a decimal number, in the order of the numbers.
const (
	decimalLeast = iota
	decimalNegative
	decimalZero
	decimalPositive
	decimalGreatest
	decimalNaN
)

// maxExponent bounds the exponents that are read.
const maxExponent = 20_000

// appendDecimal appends the canonical form of a decimal number of any size:
// its sign, the place of its point, its digits without the zeros around them
// and an end. Of negative numbers all is complemented. ok is false for a text
// that is not surely read as that number.
func appendDecimal(to []byte, text string) (key []byte, ok bool) {
	switch text {
	case "NaN":
		return append(to, decimalNaN), true
	case "Infinity":
		return append(to, decimalGreatest), true
	case "-Infinity":
		return append(to, decimalLeast), true
	}
	negative := strings.HasPrefix(text, "-")
	if negative || strings.HasPrefix(text, "+") {
		text = text[1:]
	}
	exponent := 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		n, err := strconv.Atoi(text[i+1:])
		if err != nil || n > maxExponent || n < -maxExponent {
			return to, false
		}
		exponent, text = n, text[:i]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	if whole == "" && fraction == "" || !areDigits(whole) || !areDigits(fraction) {
		return to, false
	}
	whole = strings.TrimLeft(whole, "0")
	exponent += len(whole)
	if whole == "" {
		all := len(fraction)
		fraction = strings.TrimLeft(fraction, "0")
		exponent -= all - len(fraction)
	}
	if fraction = strings.TrimRight(fraction, "0"); fraction == "" {
		whole = strings.TrimRight(whole, "0")
	}
	if whole == "" && fraction == "" {
		return append(to, decimalZero), true
	}
	from := len(to)
	to = binary.BigEndian.AppendUint32(append(to, decimalPositive), uint32(exponent)^1<<31)
	to = append(append(append(to, whole...), fraction...), 0)
	if negative {
		to[from] = decimalNegative
		for i := from + 1; i < len(to); i++ {
			to[i] = ^to[i]
		}
	}
	return to, true
}

func areDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// decimalText is the reverse of appendDecimal.
func decimalText(key string) string {
	switch key[0] {
	case decimalNaN:
		return "NaN"
	case decimalGreatest:
		return "Infinity"
	case decimalLeast:
		return "-Infinity"
	case decimalZero:
		return "0"
	}
	plain, sign := []byte(key[1:]), ""
	if key[0] == decimalNegative {
		sign = "-"
		for i := range plain {
			plain[i] = ^plain[i]
		}
	}
	point := int(int32(binary.BigEndian.Uint32(plain) ^ 1<<31))
	digits := string(plain[4 : len(plain)-1])
	switch {
	case point <= 0:
		return sign + "0." + strings.Repeat("0", -point) + digits
	case point >= len(digits):
		return sign + digits + strings.Repeat("0", point-len(digits))
	}
	return sign + digits[:point] + "." + digits[point:]
}
