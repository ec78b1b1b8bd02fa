package wire

import (
	"bytes"
	"unicode/utf8"
)

// field is one member of a JSON object: name as it is written, without its
// quotes, and value as it is written.
type field struct{ name, value []byte }

// fieldsOnStack is how many fields an item may have before a diff of it
// allocates.
const fieldsOnStack = 32

// appendItemChange appends what turns old into item: `set` and `unset`, or
// `item` where that is not longer or fields cannot say it; nothing where the two
// are equal. Values are compared as they are written, so a value that is
// written otherwise is set again.
func appendItemChange(dst, old, item []byte) []byte {
	if old != nil && bytes.Equal(old, item) {
		return dst
	}
	start := len(dst)
	whole := start + len(`,"item":`) + len(item)
	if old != nil {
		dst = appendFieldChange(dst, old, item)
		if len(dst) > start && len(dst) < whole {
			return dst
		}
	}
	return appendRaw(appendName(dst[:start], "item"), item)
}

// appendFieldChange appends `set` and `unset`, or nothing: where one of the two
// is not an object whose fields have distinct plain names, and where only
// the order of the fields differs.
func appendFieldChange(dst, old, item []byte) []byte {
	var oldSpace, newSpace [fieldsOnStack]field
	before, ok := splitObject(oldSpace[:0], old)
	if !ok {
		return dst
	}
	after, ok := splitObject(newSpace[:0], item)
	if !ok || !distinct(before) || !distinct(after) {
		return dst
	}
	dst = appendSet(dst, before, after)
	return appendUnset(dst, before, after)
}

func appendSet(dst []byte, before, after []field) []byte {
	start := len(dst)
	find := finder(before)
	for i, f := range after {
		if at := find(i, f.name); at >= 0 && bytes.Equal(before[at].value, f.value) {
			continue
		}
		if len(dst) == start {
			dst = append(dst, `,"set":{`...)
		} else {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, f.name...)
		dst = append(dst, '"', ':')
		dst = append(dst, f.value...)
	}
	if len(dst) > start {
		dst = append(dst, '}')
	}
	return dst
}

func appendUnset(dst []byte, before, after []field) []byte {
	start := len(dst)
	find := finder(after)
	for i, f := range before {
		if find(i, f.name) >= 0 {
			continue
		}
		if len(dst) == start {
			dst = append(dst, `,"unset":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, f.name...)
		dst = append(dst, '"')
	}
	if len(dst) > start {
		dst = append(dst, ']')
	}
	return dst
}

// finder returns a search by name that looks first where the name most
// likely is: rows of one view have one order of fields.
func finder(fields []field) func(likely int, name []byte) int {
	var index map[string]int
	return func(likely int, name []byte) int {
		if likely < len(fields) && bytes.Equal(fields[likely].name, name) {
			return likely
		}
		if len(fields) <= fieldsOnStack {
			return search(fields, name)
		}
		if index == nil {
			index = make(map[string]int, len(fields))
			for i, f := range fields {
				index[string(f.name)] = i
			}
		}
		if at, ok := index[string(name)]; ok {
			return at
		}
		return -1
	}
}

func search(fields []field, name []byte) int {
	for i := range fields {
		if bytes.Equal(fields[i].name, name) {
			return i
		}
	}
	return -1
}

// distinct reports whether no two fields have one name.
func distinct(fields []field) bool {
	if len(fields) <= fieldsOnStack {
		for i := range fields {
			if search(fields[:i], fields[i].name) >= 0 {
				return false
			}
		}
		return true
	}
	seen := make(map[string]struct{}, len(fields))
	for _, f := range fields {
		seen[string(f.name)] = struct{}{}
	}
	return len(seen) == len(fields)
}

// splitObject appends the fields of a compact JSON object that is known to be
// valid. It says false where text is something else, or where a name has an
// escape or is not UTF-8: two ways to write one name.
func splitObject(fields []field, text []byte) ([]field, bool) {
	if len(text) < 2 || text[0] != '{' {
		return fields, false
	}
	if text[1] == '}' {
		return fields, len(text) == 2
	}
	for at := 1; ; {
		if at >= len(text) || text[at] != '"' {
			return fields, false
		}
		end := skipString(text, at)
		if end < 0 || end >= len(text) || text[end] != ':' {
			return fields, false
		}
		name := text[at+1 : end-1]
		if bytes.IndexByte(name, '\\') >= 0 || !utf8.Valid(name) {
			return fields, false
		}
		stop := skipValue(text, end+1)
		if stop < 0 || stop >= len(text) || stop == end+1 {
			return fields, false
		}
		fields = append(fields, field{name, text[end+1 : stop]})
		switch text[stop] {
		case ',':
			at = stop + 1
		case '}':
			return fields, stop == len(text)-1
		default:
			return fields, false
		}
	}
}

// skipString returns the index behind the string that begins at text[at], -1
// where it does not end.
func skipString(text []byte, at int) int {
	for i := at + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// skipValue returns the index of the comma or brace that ends the value
// beginning at text[at], -1 where none does.
func skipValue(text []byte, at int) int {
	depth := 0
	for i := at; i < len(text); i++ {
		switch text[i] {
		case '"':
			end := skipString(text, i)
			if end < 0 {
				return -1
			}
			i = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}
