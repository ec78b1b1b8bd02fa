package ivm

import (
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/planted"
)

// touch is what a transaction did, all in all, to the row of one sort key.
type touch struct {
	key      string
	row      string // its key, where rows are found by it
	was, now bool   // it was in the result before, it is in it now
	values   []any  // now
	where    where
	before   int // place in the tree before
}

// by is how many rows there are more than before.
func (t *touch) by() int {
	switch {
	case t.was == t.now:
		return 0
	case t.now:
		return 1
	}
	return -1
}

// where a row stands in the whole result.
type where uint8

const (
	held where = iota
	inFront
	behind
)

// touches has one touch for each sort key.
type touches struct {
	list   []touch
	places map[string]int // nil for a few
}

const few = 8

// note puts a row in, or takes it out.
func (t *touches) note(key string, now bool, values []any, row string) {
	i := t.find(key)
	if i < 0 {
		i = t.add(touch{key: key, row: row, was: !now})
	} else if planted.Is(planted.FoldedTwice) {
		return
	}
	t.list[i].now, t.list[i].values = now, values
}

func (t *touches) add(of touch) (at int) {
	if t.places == nil && len(t.list) == few {
		t.places = map[string]int{}
		for i := range t.list {
			t.places[t.list[i].key] = i
		}
	}
	if t.places != nil {
		t.places[of.key] = len(t.list)
	}
	t.list = append(t.list, of)
	return len(t.list) - 1
}

func (t *touches) find(key string) int {
	if t.places == nil {
		return slices.IndexFunc(t.list, func(of touch) bool { return of.key == key })
	}
	if i, ok := t.places[key]; ok {
		return i
	}
	return -1
}

// sort brings the touches in the order of their keys, without those that came
// to nothing.
func (t *touches) sort() {
	t.list = slices.DeleteFunc(t.list, func(of touch) bool { return !of.was && !of.now })
	slices.SortFunc(t.list, func(a, b touch) int { return strings.Compare(a.key, b.key) })
}
