package diff

import (
	"slices"
	"sort"
)

// most is how many members a node may have: items of a leaf, nodes beneath an
// inner one. All but the root have at least half as many.
const most = 32

// node is a part of a List: a leaf with items, or an inner one with nodes. It
// is never altered.
type node struct {
	items []Item
	kids  []*node
	ends  []int // ends[i]: items in kids[:i+1]
	bytes int   // content of all items
}

func leaf(items []Item) *node { return &node{items: items, bytes: sizeOf(items)} }

func inner(kids []*node) *node {
	n := &node{kids: kids, ends: make([]int, len(kids))}
	end := 0
	for i, kid := range kids {
		end += kid.len()
		n.ends[i] = end
		n.bytes += kid.bytes
	}
	return n
}

func sizeOf(items []Item) int {
	n := 0
	for i := range items {
		n += len(items[i].Key) + len(items[i].Data)
	}
	return n
}

func (n *node) len() int {
	if n.kids == nil {
		return len(n.items)
	}
	return n.ends[len(n.ends)-1]
}

// size is how full a node is.
func (n *node) size() int { return len(n.items) + len(n.kids) }

// find returns which kid has the item at an index, and its index there.
func (n *node) find(at int) (kid, in int) {
	kid = sort.SearchInts(n.ends, at+1)
	if kid == len(n.ends) {
		kid-- // behind the last item
	}
	if kid > 0 {
		at -= n.ends[kid-1]
	}
	return kid, at
}

func each(items []Item, from int, yield func(int, Item) bool) bool {
	for i := range items {
		if !yield(from+i, items[i]) {
			return false
		}
	}
	return true
}

func (n *node) each(from int, yield func(int, Item) bool) bool {
	if n.kids == nil {
		return each(n.items, from, yield)
	}
	for _, kid := range n.kids {
		if !kid.each(from, yield) {
			return false
		}
		from += kid.len()
	}
	return true
}

// tree is the list as nodes. Leaves have room for some items more before they
// are cut in two, and each has its items for itself: what is edited away is
// garbage though the rest of the list stays.
func (l *List) tree() *node {
	switch {
	case l == nil:
		return leaf(nil)
	case l.root != nil:
		return l.root
	}
	nodes := gather(l.flat, func(items []Item) *node { return leaf(slices.Clone(items)) })
	for len(nodes) > 1 {
		nodes = gather(nodes, func(kids []*node) *node { return inner(slices.Clone(kids)) })
	}
	return nodes[0]
}

// gather makes nodes of evenly many members each, about three quarters of what
// they may have.
func gather[T any](members []T, one func([]T) *node) []*node {
	const about = most * 3 / 4
	count := 1
	if len(members) > most {
		count = (len(members) + about - 1) / about
	}
	nodes := make([]*node, 0, count)
	for i := range count {
		nodes = append(nodes, one(members[i*len(members)/count:(i+1)*len(members)/count]))
	}
	return nodes
}

// insert returns the node with an item more, as two where one would be too
// large.
func (n *node) insert(at int, item Item) (*node, *node) {
	if n.kids == nil {
		return n.withItems(at, at, item)
	}
	kid, in := n.find(at)
	left, right := n.kids[kid].insert(in, item)
	if right == nil {
		return n.withKids(kid, kid+1, left)
	}
	return n.withKids(kid, kid+1, left, right)
}

// replace returns the node with another item at an index.
func (n *node) replace(at int, item Item) *node {
	if n.kids == nil {
		one, _ := n.withItems(at, at+1, item)
		return one
	}
	kid, in := n.find(at)
	one, _ := n.withKids(kid, kid+1, n.kids[kid].replace(in, item))
	return one
}

// remove returns the node without the item at an index. It may be smaller than
// nodes are.
func (n *node) remove(at int) *node {
	if n.kids == nil {
		one, _ := n.withItems(at, at+1)
		return one
	}
	kid, in := n.find(at)
	less := n.kids[kid].remove(in)
	if less.size() >= most/2 || len(n.kids) == 1 {
		one, _ := n.withKids(kid, kid+1, less)
		return one
	}
	from, left, right := kid, less, (*node)(nil)
	if kid > 0 {
		from, left, right = kid-1, n.kids[kid-1], less
	} else {
		right = n.kids[1]
	}
	if left, right = join(left, right); right == nil {
		one, _ := n.withKids(from, from+2, left)
		return one
	}
	one, _ := n.withKids(from, from+2, left, right)
	return one
}

// join makes one node of two neighbours, or two of equal size.
func join(a, b *node) (*node, *node) {
	if a.kids == nil {
		return a.withItems(len(a.items), len(a.items), b.items...)
	}
	return a.withKids(len(a.kids), len(a.kids), b.kids...)
}

// withItems returns a leaf with others in the place of the items from up to
// to, as two where one would be too large.
func (n *node) withItems(from, to int, others ...Item) (*node, *node) {
	left, right := splice(n.items, from, to, others)
	if right == nil {
		return leaf(left), nil
	}
	return leaf(left), leaf(right)
}

// withKids is withItems of an inner node.
func (n *node) withKids(from, to int, others ...*node) (*node, *node) {
	left, right := splice(n.kids, from, to, others)
	if right == nil {
		return inner(left), nil
	}
	return inner(left), inner(right)
}

// splice returns old with others in the place of the members from up to to: in
// one new slice of exactly the size, or in two where there are more than most.
func splice[T any](old []T, from, to int, others []T) (left, right []T) {
	all := make([]T, 0, len(old)-(to-from)+len(others))
	all = append(append(append(all, old[:from]...), others...), old[to:]...)
	if len(all) <= most {
		return all, nil
	}
	half := len(all) / 2
	return slices.Clone(all[:half]), slices.Clone(all[half:])
}
