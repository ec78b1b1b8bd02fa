package resource

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"sync"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/resource/value"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/wire"
)

// appendItem writes a row as JSON. values are those of layout.columns, and may
// be followed by more; nested has the rows of each of layout.nested.
func (l *layout) appendItem(to []byte, values []any, nested [][][]any) ([]byte, error) {
	var err error
	if l.render != nil {
		if to, err = l.appendRendered(to, values); err != nil {
			return to, err
		}
	} else if to, err = l.appendFields(to, values); err != nil {
		return to, err
	}
	for i, n := range l.nested {
		to = n.appendMember(to, nested[i], l.Numbers)
	}
	return to, nil
}

func (l *layout) appendFields(to []byte, values []any) ([]byte, error) {
	start := len(to)
	to = append(to, '{')
	for i := range l.fields {
		f := &l.fields[i]
		before := len(to)
		if before > start+1 {
			to = append(to, ',')
		}
		to = append(to, f.member...)
		if f.direct {
			to = value.AppendJSON(to, &f.column, values[f.place], f.numbers)
			continue
		}
		from := len(to)
		var err error
		if to, err = l.appendGo(to, f, values[f.place]); err != nil {
			return to, fmt.Errorf("field %s: %w", f.as.goName, err)
		}
		if f.as.omit && isEmpty(to[from:]) {
			to = to[:before]
		}
	}
	return append(to, '}'), nil
}

// appendGo writes a value as its Go field has it.
func (l *layout) appendGo(to []byte, f *field, stored any) ([]byte, error) {
	if _, plain := meant(f.as.typ); plain {
		from := len(to)
		to = value.AppendJSON(to, &f.column, stored, f.numbers)
		if f.as.quoted && to[from] != '"' && to[from] != 'n' {
			to = append(slices.Insert(to, from, '"'), '"')
		}
		return to, nil
	}
	v := reflect.New(f.as.typ).Elem()
	if err := assign(v, &f.column, stored); err != nil {
		return to, err
	}
	return appendMarshalled(to, v.Interface())
}

// appendMarshalled writes a Go value as encoding/json does, with <, > and & as
// they are.
func appendMarshalled(to []byte, v any) ([]byte, error) {
	buffer := bytes.NewBuffer(to)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), err
}

// isEmpty reports whether a JSON value is one that omitempty leaves out.
func isEmpty(text []byte) bool {
	switch string(text) {
	case "null", "false", "0", "0.0", `""`, "[]", "{}":
		return true
	}
	return false
}

func (l *layout) appendRendered(to []byte, values []any) ([]byte, error) {
	v, err := l.endpoint.render(l, values)
	if err != nil {
		return to, err
	}
	start := len(to)
	if to, err = appendMarshalled(to, v); err != nil {
		return to, fmt.Errorf("what Config.Render returns: %w", err)
	}
	if to[start] != '{' {
		return to, fmt.Errorf("what Config.Render returns is no JSON object: %.60s", to[start:])
	}
	return to, nil
}

// made is the item that was made last. A row that changes is an item of each list
// that has it, which are many: they share one.
type made struct {
	values []any
	item   diff.Item
}

// item makes what an observer holds of a row. Values that it is given are never
// altered afterwards.
func (l *layout) item(values []any, nested [][][]any) (diff.Item, error) {
	if len(nested) > 0 || len(values) == 0 {
		return l.newItem(values, nested)
	}
	if last := l.made.Load(); last != nil && len(last.values) == len(values) && &last.values[0] == &values[0] {
		return last.item, nil
	}
	item, err := l.newItem(values, nil)
	if err == nil {
		l.made.Store(&made{values, item})
	}
	return item, err
}

func (l *layout) newItem(values []any, nested [][][]any) (diff.Item, error) {
	space := spaces.Get().(*[]byte)
	defer spaces.Put(space)
	data, err := l.appendItem((*space)[:0], values, nested)
	*space = data
	if err != nil {
		return diff.Item{}, err
	}
	key := l.keyText(values)
	if len(l.key) > 1 {
		data = append(data[:len(data)-1], `,"`+wire.CompositeKey+`":`...)
		data = append(wire.AppendString(data, key), '}')
		*space = data
	}
	return diff.Item{Key: key, Data: bytes.Clone(data)}, nil
}

// spaces are where items are written before it is known how long they are.
var spaces = sync.Pool{New: func() any { return new([]byte) }}

// keyText is the key of a row, as clients know it.
func (l *layout) keyText(values []any) string { return wire.Key(l.keyParts(values)...) }

func (l *layout) keyParts(values []any) []string {
	parts := make([]string, len(l.key))
	for i, at := range l.key {
		f := &l.fields[at]
		if n, ok := values[f.place].(int64); ok && f.direct && f.column.Type == schema.Integer && f.numbers == value.Plain {
			parts[i] = strconv.FormatInt(n, 10)
			continue
		}
		text, err := l.appendKey(nil, f, values[f.place])
		if err != nil {
			return parts
		}
		var plain string
		if text[0] == '"' && json.Unmarshal(text, &plain) == nil {
			parts[i] = plain
		} else {
			parts[i] = string(text)
		}
	}
	return parts
}

func (l *layout) appendKey(to []byte, f *field, stored any) ([]byte, error) {
	if f.direct {
		return value.AppendJSON(to, &f.column, stored, f.numbers), nil
	}
	return l.appendGo(to, f, stored)
}
