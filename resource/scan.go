package resource

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful/resource/value"
	"github.com/wakeful-dev/wakeful/schema"
)

// rowOf makes the Go value of a row.
func rowOf[Row any](l *layout, values []any) (Row, error) {
	var row Row
	if record, ok := any(&row).(*Record); ok {
		record.Names, record.Values = l.columns[:len(l.fields)], unsigned(values[:len(l.fields)])
		return row, nil
	}
	to := reflect.ValueOf(&row).Elem()
	for i := range l.fields {
		f := &l.fields[i]
		if err := assign(to.FieldByIndex(f.as.index), &f.column, values[f.place]); err != nil {
			return row, fmt.Errorf("field %s: %w", f.as.goName, err)
		}
	}
	return row, nil
}

// unsigned is values without a zero that has a sign. They stay as they are.
func unsigned(values []any) []any {
	signed := func(v any) bool { f, ok := v.(float64); return ok && f == 0 && math.Signbit(f) }
	if !slices.ContainsFunc(values, signed) {
		return values
	}
	values = slices.Clone(values)
	for i, v := range values {
		if signed(v) {
			values[i] = 0.0
		}
	}
	return values
}

// assign puts a stored value of a column into a Go variable.
func assign(to reflect.Value, c *schema.Column, v any) error {
	if f, ok := v.(float64); ok {
		v = value.Unsigned(f)
	}
	t := to.Type()
	if inner, ok := nullable(t); ok {
		if v == nil {
			to.SetZero()
			return nil
		}
		to.Field(1).SetBool(true)
		return assign(to.FieldByName(t.Field(0).Name).Convert(inner), c, v)
	}
	if t != timeType && reflect.PointerTo(t).Implements(scannerType) {
		return to.Addr().Interface().(sql.Scanner).Scan(v)
	}
	if v == nil {
		to.SetZero()
		return nil
	}
	if t.Kind() == reflect.Pointer {
		to.Set(reflect.New(t.Elem()))
		return assign(to.Elem(), c, v)
	}
	switch {
	case t == timeType:
		return assignTime(to, c, v)
	case t == rawType || t == bytesType:
		return assignBytes(to, v)
	}
	if c.Type == schema.Array && to.Kind() != reflect.String {
		return assignJSON(to, string(value.AppendJSON(nil, c, v, value.Plain)))
	}
	return assignPlain(to, v)
}

func assignTime(to reflect.Value, c *schema.Column, v any) error {
	var at time.Time
	text, err := strconv.Unquote(string(value.AppendJSON(nil, c, v, value.Plain)))
	if err == nil {
		at, err = time.Parse(time.RFC3339Nano, text)
	}
	if err != nil {
		return fmt.Errorf("%.60q is no time", fmt.Sprint(v))
	}
	to.Set(reflect.ValueOf(at))
	return nil
}

func assignBytes(to reflect.Value, v any) error {
	switch v := v.(type) {
	case []byte:
		to.SetBytes(v)
	case string:
		to.SetBytes([]byte(v))
	default:
		return mismatch(to, v)
	}
	return nil
}

func assignPlain(to reflect.Value, v any) error {
	switch to.Kind() {
	case reflect.Bool:
		switch v := v.(type) {
		case bool:
			to.SetBool(v)
		case int64:
			to.SetBool(v != 0)
		default:
			return mismatch(to, v)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, ok := wholeOf(v)
		if !ok || to.OverflowInt(n) {
			return mismatch(to, v)
		}
		to.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, ok := wholeOf(v)
		if !ok || n < 0 || to.OverflowUint(uint64(n)) {
			return mismatch(to, v)
		}
		to.SetUint(uint64(n))
	case reflect.Float32, reflect.Float64:
		switch n := v.(type) {
		case float64:
			to.SetFloat(n)
		case int64:
			to.SetFloat(float64(n))
		case string: // a decimal
			f, err := strconv.ParseFloat(n, 64)
			if err != nil {
				return mismatch(to, v)
			}
			to.SetFloat(f)
		default:
			return mismatch(to, v)
		}
	case reflect.String:
		to.SetString(textOf(v))
	case reflect.Interface:
		if to.NumMethod() > 0 {
			return mismatch(to, v)
		}
		to.Set(reflect.ValueOf(v))
	default:
		return assignJSON(to, v)
	}
	return nil
}

// wholeOf is a stored integer, also one that a column of decimals has.
func wholeOf(v any) (int64, bool) {
	if text, ok := v.(string); ok {
		whole, fraction, _ := strings.Cut(text, ".")
		n, err := strconv.ParseInt(whole, 10, 64)
		return n, err == nil && strings.Trim(fraction, "0") == ""
	}
	n, ok := v.(int64)
	return n, ok
}

// assignJSON reads what a column holds as JSON into structs, maps and slices.
func assignJSON(to reflect.Value, v any) error {
	if err := json.Unmarshal([]byte(textOf(v)), to.Addr().Interface()); err != nil {
		return fmt.Errorf("the column holds no JSON of %s: %w", to.Type(), err)
	}
	return nil
}

// textOf is a stored value as text.
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return strconv.FormatFloat(v, 'f', 1, 64)
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}

func mismatch(to reflect.Value, v any) error {
	return fmt.Errorf("the column holds %.60q, which is no %s", fmt.Sprint(v), to.Type())
}
