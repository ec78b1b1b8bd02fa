package dialect

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Batch appends a table of one row for each list, called row, which has the
// arguments of the list in its columns a1, a2, … and its number, from 1, in n.
// lists have as many arguments each, of the types that types says.
func (d Dialect) Batch(to []byte, row string, types []string, lists [][]any) (text []byte, args []any) {
	to = append(to, "unnest("...)
	column := make([]any, len(lists))
	for i, of := range types {
		for j := range lists {
			column[j] = lists[j][i]
		}
		if i > 0 {
			to = append(to, ", "...)
		}
		to = strconv.AppendInt(append(to, '$'), int64(i+1), 10)
		to = append(append(append(to, "::"...), of...), "[]"...)
		args = append(args, array(column))
	}
	to = append(append(append(to, ") WITH ORDINALITY AS "...), row...), '(')
	for i := range types {
		to = append(strconv.AppendInt(append(to, 'a'), int64(i+1), 10), ", "...)
	}
	return append(to, "n)"...), args
}

// array writes values as PostgreSQL reads an array of any type.
func array(values []any) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		switch v := v.(type) {
		case nil:
			b.WriteString("NULL")
		case int64:
			b.WriteString(strconv.FormatInt(v, 10))
		case bool:
			b.WriteString(strconv.FormatBool(v))
		case float64:
			b.WriteString(FloatText(v))
		case []byte:
			b.WriteString(`"\\x` + hex.EncodeToString(v) + `"`)
		default:
			b.WriteString(`"` + escaped.Replace(fmt.Sprint(v)) + `"`)
		}
	}
	b.WriteByte('}')
	return b.String()
}

var escaped = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// FloatText is a floating-point number as PostgreSQL reads it.
func FloatText(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
