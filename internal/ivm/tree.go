package ivm

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
	"strings"
)

// tree holds rows in the order of their sort keys and counts them: finding a
// row's place, the row at a place, putting one in and taking one out cost
// O(log n).
type tree struct{ root *node }

// row is one row of the result. What the list of items does not have of it is
// in rest, nil where that is nothing.
type row struct {
	place
	rest *rest
}

// place is a sort key, and its first bytes where no pointer has to be followed:
// they decide nearly always, and the keys of a crowd of lists are in no cache.
type place struct {
	lead uint64
	key  string
}

func placeOf(key string) place {
	var lead [8]byte
	copy(lead[:], key)
	return place{binary.BigEndian.Uint64(lead[:]), key}
}

func (p *place) compare(q *place) int {
	if p.lead != q.lead {
		return cmp.Compare(p.lead, q.lead)
	}
	return strings.Compare(p.key, q.key)
}

// node has rows, or other nodes.
type node struct {
	low  place // no key of it is less, and each in the node before it is
	n    int   // rows
	kids []*node
	rows []row
}

const (
	fanout = 64
	sparse = fanout / 4
)

// newTree makes a tree of rows in the order of their keys.
func newTree(rows []row) tree {
	const full = fanout * 3 / 4
	var level []*node
	for part := range slices.Chunk(rows, full) {
		level = append(level, &node{low: part[0].place, n: len(part), rows: slices.Clone(part)})
	}
	for len(level) > 1 {
		var above []*node
		for part := range slices.Chunk(level, full) {
			above = append(above, inner(slices.Clone(part)))
		}
		level = above
	}
	if len(level) == 0 {
		return tree{&node{}}
	}
	return tree{level[0]}
}

func inner(kids []*node) *node {
	n := &node{low: kids[0].low, kids: kids}
	for _, kid := range kids {
		n.n += kid.n
	}
	return n
}

func (t *tree) len() int { return t.root.n }

// rank returns how many rows have lesser keys, and whether there is one of key.
func (t *tree) rank(key string) (before int, found bool) {
	n, of := t.root, placeOf(key)
	for n.kids != nil {
		kid := n.kid(&of)
		for _, left := range n.kids[:kid] {
			before += left.n
		}
		n = n.kids[kid]
	}
	i, found := n.find(&of)
	return before + i, found
}

// at returns the row at a place, which must be in bounds.
func (t *tree) at(i int) *row {
	n := t.root
	for n.kids != nil {
		kid := 0
		for ; i >= n.kids[kid].n; kid++ {
			i -= n.kids[kid].n
		}
		n = n.kids[kid]
	}
	return &n.rows[i]
}

// get returns the row of a key, nil for none.
func (t *tree) get(key string) *row {
	n, of := t.root, placeOf(key)
	for n.kids != nil {
		n = n.kids[n.kid(&of)]
	}
	if i, found := n.find(&of); found {
		return &n.rows[i]
	}
	return nil
}

// insert puts a row in whose key is not there.
func (t *tree) insert(r row) {
	if right := t.root.insert(r); right != nil {
		t.root = inner([]*node{t.root, right})
	}
}

// remove takes out the row of a key that is there, and returns it.
func (t *tree) remove(key string) row {
	of := placeOf(key)
	gone := t.root.remove(&of)
	for len(t.root.kids) == 1 {
		t.root = t.root.kids[0]
	}
	if t.root.n == 0 {
		t.root = &node{}
	}
	return gone
}

// kid is the place of the node that has a key, or would have it.
func (n *node) kid(of *place) int {
	return max(0, sort.Search(len(n.kids), func(i int) bool { return n.kids[i].low.compare(of) > 0 })-1)
}

func (n *node) find(of *place) (int, bool) {
	i := sort.Search(len(n.rows), func(i int) bool { return n.rows[i].compare(of) >= 0 })
	return i, i < len(n.rows) && n.rows[i].key == of.key
}

func (n *node) insert(r row) (right *node) {
	if n.n == 0 || r.compare(&n.low) < 0 {
		n.low = r.place
	}
	n.n++
	if n.kids == nil {
		i, _ := n.find(&r.place)
		n.rows = slices.Insert(n.rows, i, r)
		if len(n.rows) <= fanout {
			return nil
		}
		rest := slices.Clone(n.rows[fanout/2:])
		clear(n.rows[fanout/2:])
		n.rows = n.rows[:fanout/2]
		n.n -= len(rest)
		return &node{low: rest[0].place, n: len(rest), rows: rest}
	}
	i := n.kid(&r.place)
	split := n.kids[i].insert(r)
	if split == nil {
		return nil
	}
	if n.kids = slices.Insert(n.kids, i+1, split); len(n.kids) <= fanout {
		return nil
	}
	right = inner(slices.Clone(n.kids[fanout/2:]))
	clear(n.kids[fanout/2:])
	n.kids = n.kids[:fanout/2]
	n.n -= right.n
	return right
}

func (n *node) remove(of *place) row {
	n.n--
	if n.kids == nil {
		i, _ := n.find(of)
		gone := n.rows[i]
		n.rows = slices.Delete(n.rows, i, i+1)
		return gone
	}
	i := n.kid(of)
	gone := n.kids[i].remove(of)
	switch {
	case n.kids[i].n == 0:
		n.kids = slices.Delete(n.kids, i, i+1)
	case n.kids[i].size() >= sparse || len(n.kids) == 1:
	case i > 0:
		n.merge(i - 1)
	default:
		n.merge(i)
	}
	return gone
}

func (n *node) size() int { return len(n.kids) + len(n.rows) }

// merge makes two neighbours one, where that is not too large.
func (n *node) merge(i int) {
	left, right := n.kids[i], n.kids[i+1]
	if left.size()+right.size() > fanout*3/4 {
		return
	}
	left.n += right.n
	left.rows = append(left.rows, right.rows...)
	left.kids = append(left.kids, right.kids...)
	n.kids = slices.Delete(n.kids, i+1, i+2)
}
