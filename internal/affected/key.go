package affected

import (
	"encoding/binary"
	"slices"

	"github.com/wakeful-dev/wakeful/change"
)

// shape is text that is equal for dependencies of one group, and the keys held
// as text, sorted and each once.
func (d *Dependency) shape() (shape string, keys []string) {
	var text []byte
	for _, name := range sorted(d.Columns) {
		text = appendText(text, 'c', name)
	}
	if !d.rowsKnown() {
		return string(text), nil
	}
	for _, name := range d.Held.Columns {
		text = appendText(text, 'k', name)
	}
	for _, values := range d.Held.Keys {
		key, _ := encode(nil, values)
		keys = append(keys, string(key))
	}
	slices.Sort(keys)
	return string(text), slices.Compact(keys)
}

// sorted is the names in order, each once. The ones given stay as they are.
func sorted(names []string) []string {
	for i := 1; i < len(names); i++ {
		if names[i-1] >= names[i] {
			names = slices.Sorted(slices.Values(names))
			return slices.Compact(names)
		}
	}
	return names
}

// rowsKnown reports whether the rows that matter are all told.
func (d *Dependency) rowsKnown() bool {
	if d.Held == nil || len(d.Held.Columns) == 0 {
		return false
	}
	for _, values := range d.Held.Keys {
		if _, ok := encode(nil, values); !ok || len(values) != len(d.Held.Columns) {
			return false
		}
	}
	return true
}

// keyOf is the key of the row that a change removes, as encode writes it.
func keyOf(c *change.Change, columns []string) (string, bool) {
	var text []byte
	for _, name := range columns {
		i := slices.Index(c.Columns, name)
		if i < 0 || i >= len(c.Old) {
			return "", false
		}
		var ok bool
		if text, ok = encode(text, c.Old[i:i+1]); !ok {
			return "", false
		}
	}
	return string(text), true
}

// encode appends values as text that is equal only for equal values. It is
// false for types whose equality in Go need not be that of the database.
func encode(text []byte, values []any) ([]byte, bool) {
	for _, value := range values {
		switch value := value.(type) {
		case int64:
			text = append(text, 'i')
			text = binary.BigEndian.AppendUint64(text, uint64(value))
		case string:
			text = appendText(text, 's', value)
		default:
			return nil, false
		}
	}
	return text, true
}

func appendText(text []byte, kind byte, value string) []byte {
	text = append(text, kind)
	text = binary.AppendUvarint(text, uint64(len(value)))
	return append(text, value...)
}
