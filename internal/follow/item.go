package follow

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
)

// Item is one element of a list. It is never altered once made.
type Item struct {
	// Key is the literal of the primary key field as JSON: "a" with its quotes,
	// 17 without.
	Key string
	// Data is the item as Canonical writes it.
	Data []byte
	// Sum is a hash of Data.
	Sum uint64
}

// NewItem makes an item of one JSON object whose key stands in primaryKey.
func NewItem(data []byte, primaryKey string) (Item, error) {
	canonical, err := Canonical(data)
	if err != nil {
		return Item{}, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(canonical, &fields); err != nil {
		return Item{}, fmt.Errorf("follow: item is not an object: %.80s", data)
	}
	key, ok := fields[primaryKey]
	if !ok || bytes.Equal(key, []byte("null")) {
		return Item{}, fmt.Errorf("follow: item without its key %q: %.80s", primaryKey, data)
	}
	return Item{Key: string(key), Data: canonical, Sum: sum(canonical)}, nil
}

// KeyText is the key as version 2 names it: without the quotes of JSON.
func (i *Item) KeyText() string { return keyText(i.Key) }

func keyText(literal string) string {
	if len(literal) == 0 || literal[0] != '"' {
		return literal
	}
	var text string
	if err := json.Unmarshal([]byte(literal), &text); err != nil {
		return literal
	}
	return text
}

// Canonical writes a JSON value in the one form that equal values share:
// fields sorted by name, no white space, numbers as they were written.
func Canonical(data []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("follow: not JSON: %w: %.80s", err, data)
	}
	return json.Marshal(value)
}

func sum(data []byte) uint64 {
	h := fnv.New64a()
	h.Write(data)
	return h.Sum64()
}

// Sum is a hash of a whole list, its order and the object beside it. Meta
// counts as it is written: Canonical first.
func Sum(items []Item, meta []byte) uint64 {
	h := fnv.New64a()
	var word [8]byte
	for i := range items {
		binary.LittleEndian.PutUint64(word[:], items[i].Sum)
		h.Write(word[:])
	}
	h.Write(meta)
	return h.Sum64()
}

// JSON writes items as a JSON array.
func JSON(items []Item) []byte {
	out := []byte{'['}
	for i := range items {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, items[i].Data...)
	}
	return append(out, ']')
}

func indexOfKey(items []Item, text string) int {
	return slices.IndexFunc(items, func(i Item) bool { return i.KeyText() == text })
}

func indexOfLiteral(items []Item, literal string) int {
	return slices.IndexFunc(items, func(i Item) bool { return i.Key == literal })
}
