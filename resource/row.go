package resource

import (
	"database/sql"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful/schema"
)

// rowType is what a Go struct says of the rows: which columns answers have,
// under which names, in which order.
type rowType struct {
	of     reflect.Type
	fields []goField
}

// goField is one field of a row.
type goField struct {
	name   string // in JSON
	column string // as the tag db names it; "" where the name decides
	goName string
	index  []int
	typ    reflect.Type
	quoted bool // json:",string"
	omit   bool // json:",omitempty" or omitzero
}

// rowTypeOf reads the fields of a struct, by the rules of encoding/json. Nil
// for Record, which has whatever the table has.
func rowTypeOf(t reflect.Type) (*rowType, error) {
	if t == reflect.TypeFor[Record]() {
		return nil, nil
	}
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("the row type %s is no struct; use one whose fields are columns, or resource.Record", t)
	}
	row := &rowType{of: t}
	for _, f := range reflect.VisibleFields(t) {
		field, ok := goFieldOf(f)
		if !ok {
			continue
		}
		if behindPointer(t, f.Index) {
			return nil, fmt.Errorf("field %s.%s lies in a struct that is embedded as a pointer; embed the struct itself", t.Name(), f.Name)
		}
		if slices.ContainsFunc(row.fields, func(other goField) bool { return other.name == field.name }) {
			return nil, fmt.Errorf("two fields of %s are %q in JSON", t.Name(), field.name)
		}
		row.fields = append(row.fields, field)
	}
	if len(row.fields) == 0 {
		return nil, fmt.Errorf("the row type %s has no exported fields", t)
	}
	return row, nil
}

func goFieldOf(f reflect.StructField) (goField, bool) {
	tag := f.Tag.Get("json")
	if !f.IsExported() || tag == "-" || f.Tag.Get("db") == "-" {
		return goField{}, false
	}
	name, options, _ := strings.Cut(tag, ",")
	if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct && f.Tag.Get("db") == "" {
		return goField{}, false // its own fields count
	}
	column, _, _ := strings.Cut(f.Tag.Get("db"), ",")
	field := goField{name: name, column: column, goName: f.Name, index: f.Index, typ: f.Type}
	if field.name == "" {
		field.name = f.Name
	}
	for option := range strings.SplitSeq(options, ",") {
		field.quoted = field.quoted || option == "string"
		field.omit = field.omit || option == "omitempty" || option == "omitzero"
	}
	return field, true
}

func behindPointer(t reflect.Type, index []int) bool {
	for _, i := range index[:len(index)-1] {
		if t = t.Field(i).Type; t.Kind() == reflect.Pointer {
			return true
		}
	}
	return false
}

// find returns the column that a field is of, nil where there is none.
func (f *goField) find(t *schema.Table) *schema.Column {
	for _, name := range []string{f.column, f.name, f.goName} {
		if name == "" {
			continue
		}
		if c := t.Column(name); c != nil {
			return c
		}
		for i := range t.Columns {
			if strings.EqualFold(t.Columns[i].Name, name) {
				return &t.Columns[i]
			}
		}
		if f.column != "" {
			break // the tag says which
		}
	}
	return nil
}

var (
	timeType      = reflect.TypeFor[time.Time]()
	rawType       = reflect.TypeFor[json.RawMessage]()
	bytesType     = reflect.TypeFor[[]byte]()
	scannerType   = reflect.TypeFor[sql.Scanner]()
	marshalerType = reflect.TypeFor[json.Marshaler]()
	textType      = reflect.TypeFor[encoding.TextMarshaler]()
)

// meant returns what values of a Go type are meant to be, so that stored ones
// can be written as JSON without making the Go value. ok is false where only
// the Go value itself knows its JSON.
func meant(t reflect.Type) (of schema.Type, ok bool) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if inner, null := nullable(t); null {
		t = inner
	}
	switch {
	case t == timeType:
		return schema.Timestamp, true
	case t == rawType:
		return schema.JSON, true
	case t.Implements(marshalerType) || t.Implements(textType) ||
		reflect.PointerTo(t).Implements(marshalerType) || reflect.PointerTo(t).Implements(textType):
		return schema.Any, false
	case t == bytesType:
		return schema.Bytes, true
	}
	switch t.Kind() {
	case reflect.Bool:
		return schema.Boolean, true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return schema.Integer, true
	case reflect.Float32, reflect.Float64:
		return schema.Float, true
	case reflect.String:
		return schema.Text, true
	case reflect.Interface:
		return schema.Any, t.NumMethod() == 0
	}
	return schema.Any, false
}

// nullable returns the type inside of sql.Null[T], sql.NullString and the like.
func nullable(t reflect.Type) (reflect.Type, bool) {
	if t.Kind() != reflect.Struct || t.PkgPath() != "database/sql" || !strings.HasPrefix(t.Name(), "Null") || t.NumField() != 2 {
		return nil, false
	}
	return t.Field(0).Type, true
}
