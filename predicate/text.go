package predicate

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// maxShown bounds the values and choices of a condition that are written out.
const maxShown = 8

// Text is the condition as people write it: author = 7 AND price < 5. Without
// values each is a question mark. It is for reading, not for a database: text
// stands as it is compared, NOCASE in small letters.
func (c Condition) Text(values bool) string {
	switch {
	case c == nil:
		return "every row"
	case len(c) == 0:
		return "no row"
	}
	var choices []string
	for _, all := range c[:min(len(c), maxShown)] {
		choices = append(choices, all.Text(values))
	}
	if more := len(c) - maxShown; more > 0 {
		choices = append(choices, fmt.Sprintf("%d more", more))
	}
	return strings.Join(choices, " OR ")
}

// Text is the conjunction as people write it.
func (a All) Text(values bool) string {
	if len(a) == 0 {
		return "every row"
	}
	atoms := make([]string, len(a))
	for i := range a {
		atoms[i] = a[i].Text(values)
	}
	return strings.Join(atoms, " AND ")
}

// Text is the atom as people write it.
func (a *Atom) Text(values bool) string {
	name := a.Column.Name
	switch a.Op {
	case Null:
		return name + " IS NULL"
	case NotNull:
		return name + " IS NOT NULL"
	case Like:
		if !values {
			return name + " LIKE ?"
		}
		return name + " LIKE " + quote(a.Pattern)
	case Range:
		return a.bounds(values)
	case NotIn:
		return name + " " + a.choice("<>", "NOT IN", values)
	}
	return name + " " + a.choice("=", "IN", values)
}

func (a *Atom) bounds(values bool) string {
	name := a.Column.Name
	low, high := a.value(a.Low, values), a.value(a.High, values)
	if a.Low != "" && a.High != "" && !a.LowOpen && !a.HighOpen {
		return name + " BETWEEN " + low + " AND " + high
	}
	var text []string
	if a.Low != "" {
		text = append(text, name+mark(" >", a.LowOpen)+low)
	}
	if a.High != "" {
		text = append(text, name+mark(" <", a.HighOpen)+high)
	}
	return strings.Join(text, " AND ")
}

func mark(of string, open bool) string {
	if open {
		return of + " "
	}
	return of + "= "
}

func (a *Atom) choice(one, many string, values bool) string {
	if len(a.Keys) == 1 {
		return one + " " + a.value(a.Keys[0], values)
	}
	if !values {
		return fmt.Sprintf("%s (%d values)", many, len(a.Keys))
	}
	var list []string
	for _, key := range a.Keys[:min(len(a.Keys), maxShown)] {
		list = append(list, a.value(key, true))
	}
	if more := len(a.Keys) - maxShown; more > 0 {
		list = append(list, fmt.Sprintf("… %d more", more))
	}
	return many + " (" + strings.Join(list, ", ") + ")"
}

// value writes a canonical form as a literal.
func (a *Atom) value(key string, show bool) string {
	if !show {
		return "?"
	}
	if key == "" {
		return "NULL"
	}
	if a.Column.Kind.OfPostgres() {
		return Literal(a.Column.stored(key))
	}
	switch rest := key[1:]; key[0] {
	case classNumber:
		return written(rest)
	case classText:
		return quote(rest)
	default:
		return "x'" + cut(hex.EncodeToString([]byte(rest[:min(len(rest), maxLiteral)]))) + "'"
	}
}

// written is the reverse of appendOrdered and appendInteger.
func written(key string) string {
	if len(key) == 16 {
		return strconv.FormatInt(int64(binary.BigEndian.Uint64([]byte(key[8:]))^1<<63), 10)
	}
	bits := binary.BigEndian.Uint64([]byte(key))
	if bits>>63 == 1 {
		bits &^= 1 << 63
	} else {
		bits = ^bits
	}
	return strconv.FormatFloat(math.Float64frombits(bits), 'f', -1, 64)
}

// maxLiteral bounds one value that is written out, in bytes.
const maxLiteral = 64

func quote(text string) string { return "'" + strings.ReplaceAll(cut(text), "'", "''") + "'" }

func cut(text string) string {
	if len(text) <= maxLiteral {
		return text
	}
	return strings.ToValidUTF8(text[:maxLiteral], "") + "…"
}

// Literal is a value of a row's image as people write it.
func Literal(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case string:
		return quote(v)
	case []byte:
		return "x'" + cut(hex.EncodeToString(v[:min(len(v), maxLiteral)])) + "'"
	}
	return cut(fmt.Sprint(v))
}

// Met returns the first conjunction that a row may meet.
func (c Condition) Met(columns []string, row []any) (All, bool) {
	for _, all := range c {
		if all.MetBy(columns, row) {
			return all, true
		}
	}
	return nil, false
}

// Unmet returns the first atom that a row surely does not meet, nil for none.
func (a All) Unmet(columns []string, row []any) *Atom {
	for i := range a {
		if !a[i].MetBy(columns, row) {
			return &a[i]
		}
	}
	return nil
}
