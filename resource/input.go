package resource

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/wakeful-dev/wakeful/resource/value"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/wire"
)

// input is what a body says of a row.
type input struct {
	*call
	// current are the values that the row has, nil for a row that is made, and
	// item what answers show of it.
	current []any
	item    []byte
	// values are those of layout.columns as they are to be, set the ones of them
	// that are to be written.
	values []any
	set    []bool
	wrong  complaints
}

func (c *call) newInput(current []any, item []byte) *input {
	in := &input{call: c, current: current, item: item, values: make([]any, len(c.columns)), set: make([]bool, len(c.columns))}
	copy(in.values, current)
	return in
}

// read takes the members of a body. whole says that all of a row is wanted and
// not a part. What is wrong with any of them is told together.
func (in *input) read(members []given, whole bool) *wire.Problem {
	seen := map[string]bool{}
	unknown := false
	for _, m := range members {
		seen[m.name] = true
		f := in.named(m.name)
		if f == nil {
			unknown = in.extra(m) || unknown
			continue
		}
		if err := in.take(f, m.raw); err != nil {
			in.wrong.add(wire.CodeInvalidFields, m.name, "%s", err)
		}
	}
	for i := range in.fields {
		f := &in.fields[i]
		if seen[f.name] || !in.wanted(f, whole) {
			continue
		}
		if f.as != nil && f.as.omit && in.current != nil {
			in.put(f, zeroOf(f))
			continue
		}
		unknown = true
		in.wrong.add(wire.CodeInvalidFields, f.name, "%s", in.missing())
	}
	problem := in.wrong.problem()
	if problem != nil && unknown {
		problem.Known = in.writable()
	}
	return problem
}

func (in *input) missing() string {
	if in.current == nil {
		return "is missing, and it has no default"
	}
	return "is missing: PUT replaces the whole row, PATCH alters what it names"
}

// wanted reports whether a body must have a field.
func (in *input) wanted(f *field, whole bool) bool {
	switch {
	case f.readOnly || in.set[f.place] || in.current != nil && in.isKey(f):
		return false
	case in.current != nil:
		return whole
	}
	return !in.nullable(f) && !f.column.Default && !f.column.Auto
}

// isKey reports whether a field is part of the key.
func (l *layout) isKey(f *field) bool {
	return slices.ContainsFunc(l.key, func(at int) bool { return &l.fields[at] == f })
}

// nullable reports whether a field may be null. Of a key nothing may, though
// SQLite lets most keys be: nobody could name the row.
func (l *layout) nullable(f *field) bool { return f.column.Nullable && !l.isKey(f) }

// writable lists the fields that a body can have.
func (in *input) writable() []string {
	var names []string
	for i := range in.fields {
		if f := &in.fields[i]; !f.readOnly && (in.current == nil || !in.isKey(f)) {
			names = append(names, f.name)
		}
	}
	return names
}

var (
	errReadOnly  = errors.New("cannot be written: leave it out, or as it is")
	errKeyFixed  = errors.New("is part of the key, which stays as long as the row is")
	errNull      = errors.New("null is not taken")
	errNaN       = errors.New("the database has no place for NaN")
	errNoFit     = errors.New("a value of another kind is wanted")
	errTooLarge  = errors.New("the number is beyond what the field holds")
	errNoTwoKeys = errors.New("the key in the body is not the one in the path")
)

// take notes the value of one field.
func (in *input) take(f *field, raw jsontext.Value) error {
	v, err := f.fromJSON(raw)
	fixed := f.readOnly || in.isKey(f) && in.current != nil
	if fixed && in.current != nil && err == nil && in.same(f, v) {
		return nil // as it was read
	}
	switch {
	case f.readOnly:
		return errReadOnly
	case fixed:
		return errKeyFixed
	case err != nil:
		return err
	case v == nil && !in.nullable(f) && !(f.column.Auto && in.current == nil):
		return errNull
	}
	if x, ok := v.(float64); ok && math.IsNaN(x) && f.column.Native == "" {
		return errNaN
	}
	if in.set[f.place] && !in.same(f, v) {
		return errNoTwoKeys
	}
	if err := value.Fits(&f.column, v); err != nil {
		return err
	}
	in.put(f, v)
	return nil
}

func (in *input) put(f *field, v any) {
	in.values[f.place], in.set[f.place] = v, true
}

// same reports whether a value is shown as the one that the row has.
func (in *input) same(f *field, v any) bool {
	a := value.AppendJSON(nil, &f.column, v, in.Numbers)
	return bytes.Equal(a, value.AppendJSON(nil, &f.column, in.values[f.place], in.Numbers))
}

// extra looks at a member that is no field: what an answer has beside the
// fields may come back with it, as it was. It reports whether the member is
// unknown.
func (in *input) extra(m given) (unknown bool) {
	shown := m.name == wire.CompositeKey && len(in.key) > 1 ||
		slices.ContainsFunc(in.nested, func(n *nested) bool { return string(n.member) == string(member(m.name)) })
	if !shown {
		in.wrong.add(wire.CodeInvalidFields, m.name, "there is no such field")
		return true
	}
	if now, ok := memberOf(in.item, m.name); in.current == nil || !ok || !sameJSON(now, m.raw) {
		in.wrong.add(wire.CodeInvalidFields, m.name, "%s", errReadOnly)
	}
	return false
}

func memberOf(object []byte, name string) (jsontext.Value, bool) {
	members, err := readObject(jsontext.NewDecoder(bytes.NewReader(object), jsontext.AllowDuplicateNames(true)))
	i := slices.IndexFunc(members, func(m given) bool { return m.name == name })
	if err != nil || i < 0 {
		return nil, false
	}
	return members[i].raw, true
}

// sameJSON reports whether two values are one to a client that reads numbers
// as floats.
func sameJSON(a, b jsontext.Value) bool {
	a, b = a.Clone(), b.Clone()
	return a.Canonicalize() == nil && b.Canonicalize() == nil && bytes.Equal(a, b)
}

// fromJSON reads what a body says of a field as a value to be stored.
func (f *field) fromJSON(raw jsontext.Value) (any, error) {
	if f.as == nil {
		return value.FromJSON(&f.column, raw)
	}
	if _, plain := meant(f.as.typ); !plain {
		return f.throughGo(raw)
	}
	v, err := value.FromJSON(&f.column, raw)
	if err != nil {
		return nil, err
	}
	if n, ok := v.(int64); ok && !fits(f.as.typ, n) {
		return nil, errTooLarge
	}
	return v, nil
}

// fits reports whether a Go type holds a number.
func fits(t reflect.Type, n int64) bool {
	if inner, ok := nullable(t); ok {
		t = inner
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return !t.OverflowInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return n >= 0 && !t.OverflowUint(uint64(n))
	}
	return true
}

// zeroOf is what a field holds that omitempty has left out.
func zeroOf(f *field) any {
	v, err := storedOf(reflect.Zero(f.as.typ), &f.column)
	if err != nil || f.column.Nullable && f.column.Type == schema.Timestamp {
		return nil
	}
	return v
}
