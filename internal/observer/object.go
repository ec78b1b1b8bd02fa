package observer

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

// span is a part of the body.
type span struct{ from, to int }

// object reads a result that is one object: a page, or a list of one.
func (p *parser) object(decoder *jsontext.Decoder) error {
	page, meta, err := p.survey(decoder)
	if err != nil {
		return err
	}
	if page != nil {
		p.list.Meta = meta
		return p.array(newDecoder(p.body[page.from:page.to]), page.from)
	}
	return p.one()
}

// survey walks over the object. page is where its list stands if it is a page
// (an object whose results is a list and that has a count, next or previous);
// meta is then the rest of it.
func (p *parser) survey(decoder *jsontext.Decoder) (page *span, meta []byte, err error) {
	if _, err := decoder.ReadToken(); err != nil {
		return nil, nil, notJSON(err)
	}
	var results *span
	paged := false
	rest := []byte{'{'}
	for decoder.PeekKind() != '}' {
		name, err := decoder.ReadToken()
		if err != nil {
			return nil, nil, notJSON(err)
		}
		field := name.String()
		value, err := decoder.ReadValue()
		if err != nil {
			return nil, nil, notJSON(err)
		}
		end := int(decoder.InputOffset())
		if field == "results" && value.Kind() == '[' {
			results = &span{end - len(value), end}
			continue
		}
		paged = paged || field == "count" || field == "next" || field == "previous"
		rest = appendField(rest, field, p.tidy(value))
	}
	if _, err := decoder.ReadToken(); err != nil {
		return nil, nil, notJSON(err)
	}
	if results == nil || !paged {
		return nil, nil, nil
	}
	return results, append(rest, '}'), nil
}

func appendField(object []byte, name string, value []byte) []byte {
	if len(object) > 1 {
		object = append(object, ',')
	}
	object, err := jsontext.AppendQuote(object, name)
	if err != nil {
		panic("observer: a name that was read cannot be quoted: " + err.Error())
	}
	object = append(object, ':')
	return append(object, value...)
}

// one makes a list of the single object. Its key is its own, or 1; which of
// the two stays for the observer's life.
func (p *parser) one() error {
	p.list.single = true
	numbered := p.prior != nil && p.prior.numbered
	if p.prior != nil && p.prior.single && len(p.old) > 0 && !numbered {
		return p.ownKey()
	}
	if !numbered && p.ownKey() == nil {
		return nil
	}
	return p.numberOne()
}

func (p *parser) ownKey() error {
	item, err := p.item(newDecoder(p.body), 0)
	if err != nil {
		return fmt.Errorf("the object: %w", err)
	}
	p.items = []diff.Item{item}
	return nil
}

// numberOne gives the object the key 1, in the field that clients look at.
func (p *parser) numberOne() error {
	p.list.numbered = true
	p.list.KeyType = wire.KeyInteger
	value := "1"
	if len(p.key) > 1 {
		p.list.KeyType, value = wire.KeyString, `"1"`
	}
	data, err := withoutField(p.tidy(p.body), p.primaryKey())
	if err != nil {
		return err
	}
	p.items = []diff.Item{{Key: "1", Data: addField(data, p.primaryKey(), value)}}
	return nil
}

// withoutField returns the object without one of its fields.
func withoutField(object []byte, name string) ([]byte, error) {
	decoder := newDecoder(object)
	if _, err := decoder.ReadToken(); err != nil {
		return nil, notJSON(err)
	}
	rest := []byte{'{'}
	for decoder.PeekKind() != '}' {
		token, err := decoder.ReadToken()
		if err != nil {
			return nil, notJSON(err)
		}
		field := token.String()
		value, err := decoder.ReadValue()
		if err != nil {
			return nil, notJSON(err)
		}
		if field != name {
			rest = appendField(rest, field, value)
		}
	}
	return append(rest, '}'), nil
}
