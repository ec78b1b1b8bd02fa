package memory

import (
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

// What Go keeps beside the content of a thing, about.
const (
	itemBeside   = 48
	opBeside     = 100
	diffBeside   = 200
	stringBeside = 16
)

// OfList is what a list takes. What versions of one list share counts for each
// of them, for the moment that two are held.
func OfList(list *diff.List) int { return itemBeside*list.Len() + list.Bytes() }

// ListKey names a list, nil where there is nothing in it.
func ListKey(list *diff.List) any {
	if list.Len() == 0 {
		return nil
	}
	return list
}

// OfChanges is what a diff takes, without the list that it led to.
func OfChanges(c *wire.Changes) int {
	n := diffBeside + len(c.Meta)
	for i := range c.Ops {
		n += opBeside + len(c.Ops[i].Key) + len(c.Ops[i].Data)
	}
	return n
}

// ChangesKey names a diff, nil where there is nothing in it.
func ChangesKey(c *wire.Changes) any {
	switch {
	case len(c.Ops) > 0:
		return &c.Ops[0]
	case len(c.Meta) > 0:
		return &c.Meta[0]
	}
	return nil
}

// OfKeys is what some keys take.
func OfKeys(keys []string) int {
	n := 0
	for _, key := range keys {
		n += stringBeside + len(key)
	}
	return n
}
