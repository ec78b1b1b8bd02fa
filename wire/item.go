package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Changed returns the item that a changed op leaves of old. Fields keep their
// order, new ones follow sorted by name; numbers stay as they were written.
func (o *FrameOp) Changed(old json.RawMessage) (json.RawMessage, error) {
	if o.Item != nil {
		return o.Item, nil
	}
	if len(o.Set) == 0 && len(o.Unset) == 0 {
		return old, nil
	}
	var space [fieldsOnStack]field
	fields, ok := splitObject(space[:0], old)
	if !ok || !distinct(fields) || !plainNames(fields) {
		return o.changedSlowly(old)
	}
	item, met := []byte{'{'}, 0
	for _, f := range fields {
		value, set := o.Set[string(f.name)]
		if set {
			met++
		} else if value = json.RawMessage(f.value); slices.Contains(o.Unset, string(f.name)) {
			continue
		}
		item = appendField(item, string(f.name), value)
	}
	if met < len(o.Set) {
		for _, name := range slices.Sorted(maps.Keys(o.Set)) {
			if search(fields, []byte(name)) < 0 {
				item = appendField(item, name, o.Set[name])
			}
		}
	}
	return append(item, '}'), nil
}

// plainNames reports whether every name stands for itself.
func plainNames(fields []field) bool {
	return !slices.ContainsFunc(fields, func(f field) bool { return !plain(f.name) })
}

// changedSlowly is Changed for an item whose names are written with escapes or
// with spaces between.
func (o *FrameOp) changedSlowly(old json.RawMessage) (json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(old, &fields); err != nil || fields == nil {
		return nil, fmt.Errorf("wire: changed %.100q: fields of what is no object", o.Key)
	}
	for _, name := range o.Unset {
		delete(fields, name)
	}
	maps.Copy(fields, o.Set)
	item := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		item = appendField(item, name, fields[name])
	}
	return append(item, '}'), nil
}

func appendField(item []byte, name string, value json.RawMessage) []byte {
	if len(item) > 1 {
		item = append(item, ',')
	}
	item = append(AppendString(item, name), ':')
	return appendRaw(item, value)
}

// ItemKey returns the key of an item that says its own: the text of a string,
// the literal of a number.
func ItemKey(item json.RawMessage, primaryKey string) (string, error) {
	value, err := fieldOf(item, primaryKey)
	if err != nil {
		return "", err
	}
	switch c := value[0]; {
	case c == '"':
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return "", fmt.Errorf("wire: key of an item: %w", err)
		}
		return text, nil
	case c == '-' || c >= '0' && c <= '9':
		return string(value), nil
	}
	return "", fmt.Errorf("wire: key %.100q of an item is neither a string nor a number", primaryKey)
}

// fieldOf returns the value of one field of an object, which is not empty.
func fieldOf(item json.RawMessage, name string) ([]byte, error) {
	var space [fieldsOnStack]field
	fields, ok := splitObject(space[:0], item)
	if ok && distinct(fields) {
		at := search(fields, []byte(name))
		if at < 0 {
			return nil, fmt.Errorf("wire: an item has no field %.100q, its key", name)
		}
		if value := bytes.TrimSpace(fields[at].value); len(value) > 0 {
			return value, nil
		}
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(item, &all); err != nil {
		return nil, fmt.Errorf("wire: an item is no object: %.80s", item)
	}
	value := all[name]
	if len(value) == 0 {
		return nil, fmt.Errorf("wire: an item has no field %.100q, its key", name)
	}
	return value, nil
}
