package diff

import (
	"slices"
	"sort"
)

// How many members a node may have: items of a leaf, nodes beneath an inner one.
// All but the root have at least half as many. An edit copies one leaf, whose
// items are five words each, and one node for each level above it.
const (
	mostItems = 16
	mostKids  = 32
)

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

// sparse reports whether a node has fewer members than nodes have.
func (n *node) sparse() bool {
	if n.kids == nil {
		return len(n.items) < mostItems/2
	}
	return len(n.kids) < mostKids/2
}

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
	nodes := gather(l.flat, mostItems, func(items []Item) *node { return leaf(slices.Clone(items)) })
	for len(nodes) > 1 {
		nodes = gather(nodes, mostKids, func(kids []*node) *node { return inner(slices.Clone(kids)) })
	}
	return nodes[0]
}

// gather makes nodes of evenly many members each, about three quarters of what
// they may have.
func gather[T any](members []T, most int, one func([]T) *node) []*node {
	about := most * 3 / 4
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
		return n.with(kid, left), nil
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
	return n.with(kid, n.kids[kid].replace(in, item))
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
	if !less.sparse() || len(n.kids) == 1 {
		return n.with(kid, less)
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

// move returns the node with the item at one index taken out and item inserted
// at another of what is left. It is nil where nodes would have to be joined or
// cut for that.
func (n *node) move(from, to int, item Item) *node {
	if n.kids == nil {
		items := slices.Clone(n.items)
		move(items, from, to)
		items[to] = item
		return leaf(items)
	}
	a, in := n.find(from)
	b, at := n.findWithout(to, a)
	if a == b {
		one := n.kids[a].move(in, at, item)
		if one == nil {
			return nil
		}
		return n.with(a, one)
	}
	less := n.kids[a].remove(in)
	if less.sparse() {
		return nil
	}
	more, cut := n.kids[b].insert(at, item)
	if cut != nil {
		return nil
	}
	one := n.with(a, less)
	one.put(b, more) // nobody else has it yet
	return one
}

// findWithout is find in what is left when a kid has one item less.
func (n *node) findWithout(at, less int) (kid, in int) {
	if kid, in = n.find(at); kid < less {
		return kid, in
	}
	if kid, in = n.find(at + 1); kid == less {
		in--
	}
	return kid, in
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
	left, right := splice(n.items, from, to, others, mostItems)
	if right == nil {
		return leaf(left), nil
	}
	return leaf(left), leaf(right)
}

// with returns an inner node with another kid in the place of one.
func (n *node) with(kid int, other *node) *node {
	one := &node{kids: slices.Clone(n.kids), ends: slices.Clone(n.ends), bytes: n.bytes}
	one.put(kid, other)
	return one
}

// put makes a node that is just being made have another kid in the place of one.
func (n *node) put(kid int, other *node) {
	old := n.kids[kid]
	n.kids[kid] = other
	n.bytes += other.bytes - old.bytes
	if more := other.len() - old.len(); more != 0 {
		for i := kid; i < len(n.ends); i++ {
			n.ends[i] += more
		}
	}
}

// withKids is withItems of an inner node.
func (n *node) withKids(from, to int, others ...*node) (*node, *node) {
	left, right := splice(n.kids, from, to, others, mostKids)
	if right == nil {
		return inner(left), nil
	}
	return inner(left), inner(right)
}

// splice returns old with others in the place of the members from up to to: in
// one new slice of exactly the size, or in two where there are more than most.
func splice[T any](old []T, from, to int, others []T, most int) (left, right []T) {
	all := make([]T, 0, len(old)-(to-from)+len(others))
	all = append(append(append(all, old[:from]...), others...), old[to:]...)
	if len(all) <= most {
		return all, nil
	}
	half := len(all) / 2
	return slices.Clone(all[:half]), slices.Clone(all[half:])
}
