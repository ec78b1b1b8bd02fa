package value

import "github.com/go-json-experiment/json/jsontext"

// maxDepth is how deep SQLite takes JSON; what is deeper is text. It leaves
// room for what a document is put into.
const maxDepth = 1000

// appendCompact appends a JSON value without the white space around its tokens,
// every token as it is written. ok is false, and to is as it was, where text is
// no JSON value: then it is to be written as a string.
func appendCompact(to []byte, text string) (with []byte, ok bool) {
	with, err := jsontext.AppendFormat(to, text, jsontext.AllowDuplicateNames(true), jsontext.PreserveRawStrings(true))
	if err != nil || depthOf(with[len(to):]) > maxDepth {
		return with[:len(to)], false
	}
	return with, true
}

// depthOf returns how many levels of objects and arrays a valid value has.
func depthOf(valid []byte) int {
	depth, most := 0, 0
	for i := 0; i < len(valid); i++ {
		switch valid[i] {
		case '{', '[':
			depth++
			most = max(most, depth)
		case '}', ']':
			depth--
		case '"':
			for i++; valid[i] != '"'; i++ {
				if valid[i] == '\\' {
					i++
				}
			}
		}
	}
	return most
}
