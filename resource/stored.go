package resource

import (
	"bytes"
	"database/sql/driver"
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/wakeful-dev/wakeful/resource/value"
	"github.com/wakeful-dev/wakeful/schema"
)

// throughGo reads a value whose JSON only its Go type knows.
func (f *field) throughGo(raw jsontext.Value) (any, error) {
	if raw.Kind() == 'n' {
		return nil, nil
	}
	if f.as.quoted && raw.Kind() == '"' {
		plain, err := jsontext.AppendUnquote(nil, []byte(raw))
		if err != nil {
			return nil, errNoFit
		}
		raw = plain
	}
	v := reflect.New(f.as.typ)
	if err := json.Unmarshal(raw, v.Interface()); err != nil {
		return nil, errNoFit
	}
	return storedOf(v.Elem(), &f.column)
}

var valuerType = reflect.TypeFor[driver.Valuer]()

// storedOf is a Go value as the database is to store it in a column: what
// assign makes the Go value of.
func storedOf(v reflect.Value, c *schema.Column) (any, error) {
	t := v.Type()
	switch {
	case t.Kind() == reflect.Pointer:
		if v.IsNil() {
			return nil, nil
		}
		if !t.Implements(valuerType) {
			return storedOf(v.Elem(), c)
		}
	case t == timeType:
		return value.FromTime(c, v.Interface().(time.Time)), nil
	case t == rawType:
		return storedJSON(v.Bytes())
	case t == bytesType && c.Type != schema.Array:
		if v.IsNil() && c.Nullable {
			return nil, nil
		}
		return bytes.Clone(v.Bytes()), nil
	}
	if t.Implements(valuerType) {
		inner, err := v.Interface().(driver.Valuer).Value()
		if err != nil {
			return nil, err
		}
		return storedPlain(inner, c)
	}
	return storedKind(v, c)
}

// storedPlain is what a driver.Valuer returns as it is stored.
func storedPlain(v any, c *schema.Column) (any, error) {
	switch v := v.(type) {
	case nil, int64, float64, string, []byte:
		return v, nil
	}
	return storedOf(reflect.ValueOf(v), c)
}

func storedKind(v reflect.Value, c *schema.Column) (any, error) {
	switch v.Kind() {
	case reflect.Bool:
		if c.Native != "" {
			return v.Bool(), nil
		}
		if v.Bool() {
			return int64(1), nil
		}
		return int64(0), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if isText(c) {
			return strconv.FormatInt(v.Int(), 10), nil
		}
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if v.Uint() > math.MaxInt64 {
			return nil, errTooLarge
		}
		return storedKind(reflect.ValueOf(int64(v.Uint())), c)
	case reflect.Float32:
		if isText(c) {
			return strconv.FormatFloat(v.Float(), 'g', -1, 32), nil
		}
		return v.Float(), nil
	case reflect.Float64:
		if isText(c) {
			return strconv.FormatFloat(v.Float(), 'g', -1, 64), nil
		}
		return v.Float(), nil
	case reflect.Interface:
		if v.IsNil() {
			return nil, nil
		}
		return storedOf(v.Elem(), c)
	}
	if v.Kind() == reflect.String {
		return v.String(), nil
	}
	to := reflect.New(v.Type()) // methods may be those of the pointer
	to.Elem().Set(v)
	if m, ok := to.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		return string(text), err
	}
	text, err := json.Marshal(to.Interface())
	if err != nil {
		return nil, fmt.Errorf("%s has no JSON: %w", v.Type(), err)
	}
	if c.Type == schema.Array {
		return value.FromJSON(c, text)
	}
	return storedJSON(text)
}

// isText reports whether a column has numbers as texts.
func isText(c *schema.Column) bool { return c.Native != "" && c.Type == schema.Decimal }

// storedJSON is a JSON text as it is stored; null is NULL.
func storedJSON(text []byte) (any, error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	compact := jsontext.Value(bytes.Clone(text))
	if err := compact.Compact(jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, errNoFit
	}
	return string(compact), nil
}

// valuesOf are the values of a Go row, in the places of layout.columns. Those
// that are no field stay as they are in values.
func valuesOf(l *layout, row reflect.Value, values []any) ([]any, error) {
	of := append([]any(nil), values...)
	for i := range l.fields {
		f := &l.fields[i]
		v, err := storedOf(row.FieldByIndex(f.as.index), &f.column)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.as.goName, err)
		}
		of[f.place] = v
	}
	return of, nil
}
