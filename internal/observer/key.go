package observer

import (
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/wakeful-dev/wakeful/wire"
)

// maxKeyParts bounds the fields of a composite key.
const maxKeyParts = 8

// keyParts collects the key fields of one item as its object is read.
type keyParts struct {
	text      [maxKeyParts]string
	types     [maxKeyParts]wire.KeyType // KeyNone: not seen
	composite bool                      // the item has a field _key already
}

// read takes the next value as the part of the key at place.
func (k *keyParts) read(decoder *jsontext.Decoder, place int, key []string) error {
	if place == len(key) {
		k.composite = true
		return decoder.SkipValue()
	}
	kind := decoder.PeekKind()
	if kind != '"' && kind != '0' {
		value, err := decoder.ReadValue()
		if err != nil {
			return notJSON(err)
		}
		return fmt.Errorf("the key %q is %.40s, not a string or a number", key[place], value)
	}
	token, err := decoder.ReadToken()
	if err != nil {
		return notJSON(err)
	}
	k.text[place] = token.String()
	k.types[place] = wire.KeyString
	if kind == '0' {
		k.types[place] = numberType(k.text[place])
	}
	return nil
}

// maxExactInteger is the largest integer up to which a client that parses
// numbers to floats tells all of them apart.
const maxExactInteger = 1 << 53

func numberType(literal string) wire.KeyType {
	n, err := strconv.ParseInt(literal, 10, 64)
	if err != nil || n > maxExactInteger || n < -maxExactInteger || literal == "-0" {
		return wire.KeyNumber
	}
	return wire.KeyInteger
}
