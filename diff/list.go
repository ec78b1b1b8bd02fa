package diff

import (
	"encoding/json"
	"iter"
	"slices"
)

// List is a list of items that is never altered: an edit gives another list,
// which shares with this one all but a few small pieces. One edit of a list of
// any length costs O(log n). A nil *List is an empty one.
//
// Its places are counted, its keys are not looked up: that two items have one
// key is for the caller to prevent.
type List struct {
	// A list lies in one slice until it is edited, or is cut into leaves.
	flat []Item
	root *node
}

// NewList makes a list of the items, which it takes over: they are not copied,
// and must not be altered any more.
func NewList(items []Item) *List { return &List{flat: items} }

// Len is the number of items.
func (l *List) Len() int {
	switch {
	case l == nil:
		return 0
	case l.root != nil:
		return l.root.len()
	}
	return len(l.flat)
}

// Bytes is what the content of the items takes, keys and data together. It is
// known of a list that was edited, and counted of any other.
func (l *List) Bytes() int {
	switch {
	case l == nil:
		return 0
	case l.root != nil:
		return l.root.bytes
	}
	return sizeOf(l.flat)
}

// At is the item at an index, which must be in bounds.
func (l *List) At(i int) Item {
	if l.root == nil {
		return l.flat[i]
	}
	n := l.root
	for n.kids != nil {
		var kid int
		kid, i = n.find(i)
		n = n.kids[kid]
	}
	return n.items[i]
}

// All yields the items in order, each with its index.
func (l *List) All() iter.Seq2[int, Item] {
	return func(yield func(int, Item) bool) {
		switch {
		case l == nil:
		case l.root == nil:
			each(l.flat, 0, yield)
		default:
			l.root.each(0, yield)
		}
	}
}

// Slice returns all items in one slice, which is shared: never alter it. It
// costs nothing where the list was made of one and not edited since.
func (l *List) Slice() []Item {
	switch {
	case l == nil:
		return nil
	case l.root == nil:
		return l.flat
	}
	all := make([]Item, 0, l.Len())
	for _, item := range l.All() {
		all = append(all, item)
	}
	return all
}

// Insert returns the list with an item more, which stands at index at.
func (l *List) Insert(at int, item Item) *List {
	if n := l.Len(); l.short(n + 1) {
		items := make([]Item, 0, n+1)
		items = append(append(items, l.front(at)...), item)
		return &List{flat: append(items, l.back(at)...)}
	}
	root, rest := l.tree().insert(at, item)
	if rest != nil {
		root = inner([]*node{root, rest})
	}
	return &List{root: root}
}

// Remove returns the list without the item at an index.
func (l *List) Remove(at int) *List {
	if n := l.Len(); l.short(n) {
		items := make([]Item, 0, n-1)
		return &List{flat: append(append(items, l.front(at)...), l.back(at+1)...)}
	}
	root := l.tree().remove(at)
	for len(root.kids) == 1 {
		root = root.kids[0]
	}
	if root.kids == nil {
		return &List{flat: root.items}
	}
	return &List{root: root}
}

// Replace returns the list with another item in the place of the one at an
// index.
func (l *List) Replace(at int, item Item) *List {
	if l.short(l.Len()) {
		items := slices.Clone(l.flat)
		items[at] = item
		return &List{flat: items}
	}
	return &List{root: l.tree().replace(at, item)}
}

// Move returns the list with the item at index from taken out and item, which
// is that one or takes its place, inserted at index to of what is left.
func (l *List) Move(from, to int, item Item) *List {
	if from == to {
		return l.Replace(to, item)
	}
	if !l.short(l.Len()) {
		if root := l.tree().move(from, to, item); root != nil {
			return &List{root: root}
		}
	}
	return l.Remove(from).Insert(to, item)
}

// shortest is how many items are always kept in one slice, once edited.
const shortest = 2 * mostItems

// short reports whether a list, of n items after the edit, is kept in one
// slice.
func (l *List) short(n int) bool { return n <= shortest && (l == nil || l.root == nil) }

func (l *List) front(at int) []Item {
	if l == nil {
		return nil
	}
	return l.flat[:at]
}

func (l *List) back(at int) []Item {
	if l == nil {
		return nil
	}
	return l.flat[at:]
}

// MarshalJSON writes the items as an array.
func (l *List) MarshalJSON() ([]byte, error) { return json.Marshal(l.Slice()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (l *List) UnmarshalJSON(text []byte) error {
	l.root = nil
	return json.Unmarshal(text, &l.flat)
}
