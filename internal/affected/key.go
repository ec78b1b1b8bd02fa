package affected

import (
	"encoding/binary"
	"slices"
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
	return string(text), sorted(d.Held.Keys)
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
func (d *Dependency) rowsKnown() bool { return d.Held != nil && len(d.Held.Columns) > 0 }

func appendText(text []byte, kind byte, value string) []byte {
	text = append(text, kind)
	text = binary.AppendUvarint(text, uint64(len(value)))
	return append(text, value...)
}
