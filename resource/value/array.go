package value

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/wakeful-dev/wakeful/schema"
)

// maxDimensions is how deep arrays stand in one another.
const maxDimensions = 6

// arrayOf reads a JSON array as the database writes one. Arrays in it are
// further dimensions: of equal lengths.
func arrayOf(c *schema.Column, raw jsontext.Value) (any, error) {
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	v, err := d.ReadValue()
	if err != nil || v.Kind() != '[' {
		return nil, errArray
	}
	v = v.Clone()
	if _, err := d.ReadToken(); err == nil {
		return nil, errArray // something follows it
	}
	w := &arrayWriter{item: c.Item}
	if err := w.array(v, 0); err != nil {
		return nil, err
	}
	return string(w.to), nil
}

type arrayWriter struct {
	item    *schema.Column
	to      []byte
	lengths []int // of each dimension
	depth   int   // of the items; 0: none has been met
}

func (w *arrayWriter) array(raw jsontext.Value, at int) error {
	items, err := itemsOf(raw)
	switch {
	case err != nil:
		return err
	case at == maxDimensions, at > 0 && len(items) == 0:
		return errShape
	case len(w.lengths) == at:
		w.lengths = append(w.lengths, len(items))
	case w.lengths[at] != len(items):
		return errShape
	}
	w.to = append(w.to, '{')
	for i, item := range items {
		if i > 0 {
			w.to = append(w.to, ',')
		}
		if err := w.put(item, at+1); err != nil {
			return err
		}
	}
	w.to = append(w.to, '}')
	return nil
}

func (w *arrayWriter) put(item jsontext.Value, at int) error {
	if item.Kind() == '[' && w.item.Type != schema.JSON {
		return w.array(item, at)
	}
	if w.depth == 0 {
		w.depth = at
	}
	if w.depth != at || len(w.lengths) > at {
		return errShape
	}
	if item.Kind() == 'n' {
		w.to = append(w.to, "NULL"...)
		return nil
	}
	v, err := typedJSON(w.item, item)
	if err != nil {
		return err
	}
	w.to = appendArrayItem(w.to, v)
	return nil
}

func itemsOf(raw jsontext.Value) (items []jsontext.Value, err error) {
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	if _, err := d.ReadToken(); err != nil {
		return nil, errArray
	}
	for d.PeekKind() != ']' {
		item, err := d.ReadValue()
		if err != nil {
			return nil, errArray
		}
		items = append(items, item.Clone())
	}
	return items, nil
}

// appendArrayItem writes one item as it stands in an array.
func appendArrayItem(to []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		if v {
			return append(to, 't')
		}
		return append(to, 'f')
	case int64:
		return strconv.AppendInt(to, v, 10)
	case float64:
		return append(to, strings.TrimPrefix(strings.ReplaceAll(strconv.FormatFloat(v, 'g', -1, 64), "Inf", "Infinity"), "+")...)
	case []byte:
		return append(hex.AppendEncode(append(to, `"\\x`...), v), '"')
	case string:
		if plainItem(v) {
			return append(to, v...)
		}
		to = append(to, '"')
		for i := range len(v) {
			if v[i] == '"' || v[i] == '\\' {
				to = append(to, '\\')
			}
			to = append(to, v[i])
		}
		return append(to, '"')
	}
	return append(to, "NULL"...)
}

// plainItem reports whether the database writes an item without quotes.
func plainItem(text string) bool {
	return text != "" && !strings.EqualFold(text, "NULL") && !strings.ContainsAny(text, "{}\",\\ \t\n\r\v\f")
}

// appendArray writes an array as JSON. ok is false where text is none, and to is
// as it was.
func appendArray(to []byte, c *schema.Column, text string, numbers Numbers) (with []byte, ok bool) {
	start := len(to)
	if strings.HasPrefix(text, "[") { // dimensions that do not begin with 1
		_, text, _ = strings.Cut(text, "=")
	}
	r := &arrayReader{text: text, to: to, item: c.Item, numbers: numbers}
	if !r.array(0) || r.at != len(text) {
		return r.to[:start], false
	}
	return r.to, true
}

type arrayReader struct {
	text    string
	at      int
	to      []byte
	item    *schema.Column
	numbers Numbers
}

func (r *arrayReader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r *arrayReader) array(depth int) bool {
	if r.peek() != '{' || depth > maxDimensions {
		return false
	}
	r.at++
	r.to = append(r.to, '[')
	for first := true; r.peek() != '}'; first = false {
		if !first {
			if r.peek() != ',' {
				return false
			}
			r.at++
			r.to = append(r.to, ',')
		}
		if r.peek() == '{' {
			if !r.array(depth + 1) {
				return false
			}
		} else if !r.value() {
			return false
		}
	}
	r.at++
	r.to = append(r.to, ']')
	return true
}

func (r *arrayReader) value() bool {
	if r.peek() == '"' {
		return r.quoted()
	}
	from := r.at
	for c := r.peek(); c != ',' && c != '}'; c = r.peek() {
		if c == 0 || c == '{' || c == '"' {
			return false
		}
		r.at++
	}
	word := r.text[from:r.at]
	switch word {
	case "":
		return false
	case "NULL":
		r.to = append(r.to, "null"...)
		return true
	}
	r.to = AppendJSON(r.to, r.item, fromNative(r.item, word), r.numbers)
	return true
}

func (r *arrayReader) quoted() bool {
	var word []byte
	for r.at++; r.peek() != '"'; r.at++ {
		if r.peek() == '\\' {
			r.at++
		}
		if r.at >= len(r.text) {
			return false
		}
		word = append(word, r.text[r.at])
	}
	r.at++
	r.to = AppendJSON(r.to, r.item, fromNative(r.item, string(word)), r.numbers)
	return true
}

// fromNative is the value of a text that the database wrote.
func fromNative(c *schema.Column, text string) any {
	switch c.Type {
	case schema.Integer:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case schema.Float:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	case schema.Boolean:
		return text == "t"
	case schema.Bytes:
		if b, err := hex.DecodeString(strings.TrimPrefix(text, `\x`)); err == nil {
			return b
		}
	}
	return text
}
