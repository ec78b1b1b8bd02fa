package observer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

// List is what a view returned, as a keyed list.
type List struct {
	Items *diff.List
	// Meta is what a page has beside its list, nil for other results.
	Meta    []byte
	KeyType wire.KeyType
	// numbered: the result is one object without a key of its own; it is
	// given the key 1, for the observer's life.
	numbered bool
	// single: the result is one object.
	single bool
}

// Next is the list that a step leads to from this one, by the same view.
func (l *List) Next(items *diff.List, meta []byte) *List {
	next := *l
	next.Items, next.Meta = items, meta
	return &next
}

// ErrTooLarge reports a result of more items than the limit.
var ErrTooLarge = errors.New("observer: result too large")

// parser makes a List of a view's answer. The items' data are parts of the
// body where nothing had to be added to them.
type parser struct {
	body    []byte
	key     []string // fields of the key
	prior   *List    // what the observer held before, nil at first
	limit   int
	compact bool // the body has white space that must go
	list    *List

	items []diff.Item // of list
	old   []diff.Item // of prior
}

// ParseList reads the body of a view's 200 answer. Errors say which item and
// field is at fault; ErrTooLarge where there are more than limit items.
func ParseList(body []byte, key []string, prior *List, limit int) (*List, error) {
	p := &parser{body: bytes.Trim(body, " \t\r\n"), key: key, prior: prior, limit: limit}
	if prior != nil {
		p.old = prior.Items.Slice()
	}
	p.compact = bytes.IndexByte(p.body, '\n') >= 0 || bytes.IndexByte(p.body, '\r') >= 0 || bytes.Contains(p.body, []byte(`": `))
	if err := p.parse(); err != nil {
		return nil, err
	}
	if prior != nil && prior.KeyType != wire.KeyNone && p.list.KeyType != wire.KeyNone &&
		(prior.KeyType == wire.KeyString) != (p.list.KeyType == wire.KeyString) {
		return nil, fmt.Errorf("the key %q changed its type between string and number", p.primaryKey())
	}
	if p.list.KeyType == wire.KeyNone && prior != nil {
		p.list.KeyType = prior.KeyType
	}
	if prior == nil {
		p.list.Items = diff.NewList(pack(p.items))
	} else {
		adopt(p.items, p.old)
		p.list.Items = diff.NewList(p.items)
	}
	return p.list, nil
}

// pack gives the items of a first list exactly the room that they need, in one
// piece: most lists stay as they are for longer than the answer that they were
// read from.
func pack(loose []diff.Item) []diff.Item {
	keys, data := 0, 0
	for i := range loose {
		keys += len(loose[i].Key)
		data += len(loose[i].Data)
	}
	var names strings.Builder
	names.Grow(keys)
	for i := range loose {
		names.WriteString(loose[i].Key)
	}
	text, packed := names.String(), make([]byte, 0, data)
	items := make([]diff.Item, len(loose))
	for i := range loose {
		from, key := len(packed), len(loose[i].Key)
		packed = append(packed, loose[i].Data...)
		items[i] = diff.Item{Key: text[:key], Data: packed[from:len(packed):len(packed)]}
		text = text[key:]
	}
	return items
}

func (p *parser) parse() error {
	if len(p.body) == 0 {
		return errors.New("the answer is empty, not a JSON list or object")
	}
	p.list = &List{}
	if p.unchanged() {
		return nil
	}
	p.list.KeyType = wire.KeyNone
	decoder := newDecoder(p.body)
	switch decoder.PeekKind() {
	case '[':
		if err := p.array(decoder, 0); err != nil {
			return err
		}
	case '{':
		if err := p.object(decoder); err != nil {
			return err
		}
	default:
		return fmt.Errorf("the answer %.40q is not a JSON list or object", p.body)
	}
	if _, err := decoder.ReadToken(); err != io.EOF {
		return errors.New("something follows the JSON value")
	}
	return nil
}

func newDecoder(text []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true))
}

// array reads a list whose text begins at base in the body.
func (p *parser) array(decoder *jsontext.Decoder, base int) error {
	if _, err := decoder.ReadToken(); err != nil {
		return err
	}
	about := 16
	if p.prior != nil {
		about = len(p.old) + 1
	}
	p.items = make([]diff.Item, 0, about)
	for decoder.PeekKind() != ']' {
		if len(p.items) == p.limit {
			return ErrTooLarge
		}
		item, err := p.item(decoder, base)
		if err != nil {
			return fmt.Errorf("item %d: %w", len(p.items), err)
		}
		p.items = append(p.items, item)
	}
	if _, err := decoder.ReadToken(); err != nil {
		return err
	}
	return p.distinct()
}

// item reads one object and finds its key.
func (p *parser) item(decoder *jsontext.Decoder, base int) (diff.Item, error) {
	if kind := decoder.PeekKind(); kind != '{' {
		if kind == 0 {
			_, err := decoder.ReadToken()
			return diff.Item{}, notJSON(err)
		}
		return diff.Item{}, fmt.Errorf("it is not an object, so it has no key %q", p.primaryKey())
	}
	if _, err := decoder.ReadToken(); err != nil {
		return diff.Item{}, notJSON(err)
	}
	start := base + int(decoder.InputOffset()) - 1
	var parts keyParts
	for decoder.PeekKind() != '}' {
		name, err := decoder.ReadToken()
		if err != nil {
			return diff.Item{}, notJSON(err)
		}
		place := p.part(name)
		if place < 0 {
			if err := decoder.SkipValue(); err != nil {
				return diff.Item{}, notJSON(err)
			}
			continue
		}
		if err := parts.read(decoder, place, p.key); err != nil {
			return diff.Item{}, err
		}
	}
	if _, err := decoder.ReadToken(); err != nil {
		return diff.Item{}, notJSON(err)
	}
	return p.keyed(p.body[start:base+int(decoder.InputOffset())], &parts)
}

func notJSON(err error) error { return fmt.Errorf("the answer is not valid JSON: %w", err) }

// part tells which part of the key a field is, -1 for none. The field _key of
// a composite key counts as part len(key).
func (p *parser) part(name jsontext.Token) int {
	text := name.String()
	for i, field := range p.key {
		if field == text {
			return i
		}
	}
	if len(p.key) > 1 && text == wire.CompositeKey {
		return len(p.key)
	}
	return -1
}

// keyed makes the item of an object's text and the key fields found in it.
func (p *parser) keyed(data []byte, parts *keyParts) (diff.Item, error) {
	data = p.tidy(data)
	if len(p.key) == 1 {
		text, keyType := parts.text[0], parts.types[0]
		if keyType == wire.KeyNone {
			return diff.Item{}, fmt.Errorf("it has no key: the field %q is missing", p.key[0])
		}
		return diff.Item{Key: text, Data: data}, p.typed(keyType)
	}
	if parts.composite {
		return diff.Item{}, fmt.Errorf("the field %q is reserved for the composite key", wire.CompositeKey)
	}
	for i, field := range p.key {
		if parts.types[i] == wire.KeyNone {
			return diff.Item{}, fmt.Errorf("it has no key: the field %q is missing", field)
		}
	}
	text := wire.Key(parts.text[:len(p.key)]...)
	return diff.Item{Key: text, Data: addField(data, wire.CompositeKey, strconv.Quote(text))}, p.typed(wire.KeyString)
}

// typed notes the type of one more key.
func (p *parser) typed(t wire.KeyType) error {
	have := p.list.KeyType
	if have != wire.KeyNone && (have == wire.KeyString) != (t == wire.KeyString) {
		return fmt.Errorf("the key %q is a string in some items and a number in others", p.primaryKey())
	}
	p.list.KeyType = max(have, t)
	return nil
}

func (p *parser) primaryKey() string { return PrimaryKey(p.key) }

// PrimaryKey names the field by which clients tell items apart.
func PrimaryKey(key []string) string {
	if len(key) == 1 {
		return key[0]
	}
	return wire.CompositeKey
}

// distinct finds two items with one key. Lists that did not change much are
// in the order of the prior one, so the map is often not needed.
func (p *parser) distinct() error {
	items := p.items
	if p.prior != nil && sameKeys(items, p.old) {
		return nil
	}
	if len(items) <= 16 { // a map would cost more
		for i := range items {
			for j := range i {
				if items[i].Key == items[j].Key {
					return p.twice(&items[i])
				}
			}
		}
		return nil
	}
	seen := make(map[string]struct{}, len(items))
	for i := range items {
		if _, twice := seen[items[i].Key]; twice {
			return p.twice(&items[i])
		}
		seen[items[i].Key] = struct{}{}
	}
	return nil
}

func (p *parser) twice(item *diff.Item) error {
	return fmt.Errorf("two items have the key %q = %.60q", p.primaryKey(), item.Key)
}

func sameKeys(a, b []diff.Item) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Key != b[i].Key {
			return false
		}
	}
	return true
}

// tidy takes the white space out of an item's text.
func (p *parser) tidy(data []byte) []byte {
	if !p.compact {
		return data
	}
	value := jsontext.Value(bytes.Clone(data))
	if value.Compact() != nil {
		return data
	}
	return value
}

// addField returns the object with one field more at its end.
func addField(object []byte, name, value string) []byte {
	with := make([]byte, 0, len(object)+len(name)+len(value)+4)
	with = append(with, object[:len(object)-1]...)
	if len(bytes.TrimSpace(object[1:len(object)-1])) > 0 {
		with = append(with, ',')
	}
	with = strconv.AppendQuote(with, name)
	with = append(with, ':')
	with = append(with, value...)
	return append(with, '}')
}

// adopt lets the items of a list that equal one of the prior list share its
// data, and copies the data of the others, so that an old list never keeps the
// body of a later answer alive.
func adopt(items, prior []diff.Item) {
	if len(prior) == 0 {
		return
	}
	byKey := map[string][]byte(nil)
	for i := range items {
		item := &items[i]
		var old []byte
		if i < len(prior) && prior[i].Key == item.Key {
			old = prior[i].Data
		} else {
			if byKey == nil {
				byKey = make(map[string][]byte, len(prior))
				for _, p := range prior {
					byKey[p.Key] = p.Data
				}
			}
			old = byKey[item.Key]
		}
		if old != nil && bytes.Equal(old, item.Data) {
			item.Data = old
			continue
		}
		item.Data = bytes.Clone(item.Data)
	}
}
