package observer

import (
	"bytes"

	"github.com/wakeful-dev/wakeful/diff"
)

// unchanged reads a list most of whose items stand in it byte for byte as in
// the prior one: those before the first and behind the last difference are
// taken over without being parsed. It reports false where that does not work
// out, and leaves no trace then.
//
// It is sound although the back is matched from the end: the front is matched
// at item boundaries, the middle is parsed and has to be whole items, so what
// follows it begins at an item boundary too.
func (p *parser) unchanged() bool {
	if p.prior == nil || len(p.old) == 0 || p.prior.single || p.compact || len(p.key) > 1 ||
		len(p.body) < 2 || p.body[0] != '[' || p.body[len(p.body)-1] != ']' {
		return false
	}
	front, rest := p.front()
	back, rest := p.back(front, rest)
	middle, ok := p.middle(rest, front+back)
	if !ok {
		return false
	}
	old := p.old
	replaced := old[front : len(old)-back]
	if !sameKeys(replaced, middle) && !newKeysDistinct(old[:front], middle, replaced, old[len(old)-back:]) {
		return false // the whole parse says what is wrong, if anything is
	}
	p.items = join(old[:front], middle, old[len(old)-back:])
	return true
}

// front counts the items that stand at the beginning as before. rest is what
// follows them up to the bracket at the end, nil if they are all there is.
func (p *parser) front() (count int, rest []byte) {
	rest = p.body[1 : len(p.body)-1]
	for _, item := range p.old {
		if !bytes.HasPrefix(rest, item.Data) {
			break
		}
		if len(rest) == len(item.Data) {
			return count + 1, nil
		}
		if rest[len(item.Data)] != ',' {
			break
		}
		count++
		rest = rest[len(item.Data)+1:]
	}
	return count, rest
}

// back counts the items that stand at the end of text as before, those that
// the front has taken left out. rest is what stands before them, nil if they
// are all there is.
func (p *parser) back(front int, text []byte) (count int, rest []byte) {
	for i := len(p.old) - 1; i >= front && text != nil; i-- {
		data := p.old[i].Data
		if !bytes.HasSuffix(text, data) {
			break
		}
		if len(text) == len(data) {
			return count + 1, nil
		}
		before := len(text) - len(data) - 1
		if text[before] != ',' {
			break
		}
		count++
		text = text[:before]
	}
	return count, text
}

// middle parses what neither front nor back, taken items together, has taken.
func (p *parser) middle(text []byte, taken int) ([]diff.Item, bool) {
	p.list.KeyType = p.prior.KeyType
	if text == nil {
		return nil, taken <= p.limit
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, false // a comma too many, or an empty list
	}
	body := append(append([]byte{'['}, text...), ']')
	sub := &parser{body: body, key: p.key, limit: p.limit - taken, list: &List{KeyType: p.prior.KeyType}}
	decoder := newDecoder(body)
	if sub.array(decoder, 0) != nil || len(decoder.UnreadBuffer()) > 0 {
		return nil, false
	}
	p.list.KeyType = sub.list.KeyType
	return sub.items, true
}

// newKeysDistinct reports whether no item of the middle has the key of one of
// the front or the back. Keys of items that the middle replaces are free.
func newKeysDistinct(front, middle, replaced, back []diff.Item) bool {
	free := make(map[string]struct{}, len(replaced))
	for i := range replaced {
		free[replaced[i].Key] = struct{}{}
	}
	fresh := make(map[string]struct{})
	for i := range middle {
		if _, ok := free[middle[i].Key]; !ok {
			fresh[middle[i].Key] = struct{}{}
		}
	}
	if len(fresh) == 0 {
		return true
	}
	for _, part := range [...][]diff.Item{front, back} {
		for i := range part {
			if _, taken := fresh[part[i].Key]; taken {
				return false
			}
		}
	}
	return true
}

func join(parts ...[]diff.Item) []diff.Item {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	all := make([]diff.Item, 0, n)
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}
