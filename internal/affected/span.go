package affected

import (
	"math"
	"math/rand/v2"
	"strings"

	"github.com/wakeful-dev/wakeful/predicate"
)

// span is a node of an interval tree: a treap by where the intervals begin, in
// which each node knows how far those below it reach.
//
// Where texts are compared on the way down, their first bytes mostly decide:
// these lie in the node, so that a node costs one line of the cache.
type span[ID comparable] struct {
	low, high   uint64 // how the bounds begin
	leftReach   uint64 // how the reach of left begins
	left, right *span[ID]
	atom        *predicate.Atom // its bounds are the interval
	list        list[ID]        // entries with this interval
	reach       string          // the highest bound in this subtree, "" for none
	priority    uint32
}

// start is the first bytes of a canonical form as a number: that of a lesser
// form is not greater.
func start[T string | []byte](key T) (n uint64) {
	for i := range min(len(key), 8) {
		n |= uint64(key[i]) << (56 - 8*i)
	}
	return n
}

// startOfEnd is start of an upper bound, "" for none.
func startOfEnd(key string) uint64 {
	if key == "" {
		return math.MaxUint64
	}
	return start(key)
}

// compareBounds orders intervals by their beginning, and then in any one way.
func compareBounds(a, b *predicate.Atom) int {
	if c := strings.Compare(a.Low, b.Low); c != 0 {
		return c
	}
	if c := strings.Compare(a.High, b.High); c != 0 {
		return c
	}
	if a.LowOpen != b.LowOpen {
		return order(b.LowOpen)
	}
	if a.HighOpen != b.HighOpen {
		return order(b.HighOpen)
	}
	if a.Op != b.Op {
		return int(a.Op) - int(b.Op)
	}
	return strings.Compare(a.Pattern, b.Pattern)
}

func order(less bool) int {
	if less {
		return -1
	}
	return 1
}

func compareColumns(a, b predicate.Column) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return int(a.Kind)<<8 + int(a.Collation) - int(b.Kind)<<8 - int(b.Collation)
}

func (s *spans[ID]) insert(e *entry[ID]) {
	s.root = s.root.insert(e, &e.all[e.filed])
}

func (n *span[ID]) insert(e *entry[ID], a *predicate.Atom) *span[ID] {
	if n == nil {
		n = &span[ID]{low: start(a.Low), high: startOfEnd(a.High), atom: a, reach: a.High, priority: rand.Uint32()}
		n.list.add(e)
		e.node = n
		return n
	}
	switch c := compareBounds(a, n.atom); {
	case c == 0:
		n.list.add(e)
		e.node = n
		return n
	case c < 0:
		n.left = n.left.insert(e, a)
		if n.left.priority > n.priority {
			return n.rotateRight()
		}
	default:
		n.right = n.right.insert(e, a)
		if n.right.priority > n.priority {
			return n.rotateLeft()
		}
	}
	n.measure()
	return n
}

func (s *spans[ID]) remove(gone *span[ID]) { s.root = s.root.remove(gone) }

func (n *span[ID]) remove(gone *span[ID]) *span[ID] {
	switch {
	case n == gone:
		return join(n.left, n.right)
	case compareBounds(gone.atom, n.atom) < 0:
		n.left = n.left.remove(gone)
	default:
		n.right = n.right.remove(gone)
	}
	n.measure()
	return n
}

// join makes one tree of two of which one lies before the other.
func join[ID comparable](a, b *span[ID]) *span[ID] {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority > b.priority:
		a.right = join(a.right, b)
		a.measure()
		return a
	}
	b.left = join(a, b.left)
	b.measure()
	return b
}

func (n *span[ID]) rotateRight() *span[ID] {
	up := n.left
	n.left, up.right = up.right, n
	n.measure()
	up.measure()
	return up
}

func (n *span[ID]) rotateLeft() *span[ID] {
	up := n.right
	n.right, up.left = up.left, n
	n.measure()
	up.measure()
	return up
}

// measure sets how far the subtree reaches.
func (n *span[ID]) measure() {
	n.reach = n.atom.High
	if n.left != nil {
		n.leftReach = startOfEnd(n.left.reach)
	}
	for _, below := range [...]*span[ID]{n.left, n.right} {
		if below != nil && n.reach != "" && (below.reach == "" || below.reach > n.reach) {
			n.reach = below.reach
		}
	}
}

// visit names the places whose interval holds the value, which begins with at.
func (n *span[ID]) visit(key []byte, at uint64, l *look[ID]) {
	for n != nil {
		if n.left != nil && at <= n.leftReach {
			n.left.visit(key, at, l)
		}
		if at < n.low || at == n.low && string(key) < n.atom.Low {
			return
		}
		if at <= n.high && n.atom.Holds(key) {
			for _, e := range n.list.entries {
				e.visit(l, e.checked())
			}
		}
		n = n.right
	}
}

// checked is how many atoms need no look once an interval holds the value: of
// a pattern the interval is only a part.
func (e *entry[ID]) checked() int {
	if e.node.atom.Op == predicate.Like {
		return e.filed - 1
	}
	return e.filed
}

func (n *span[ID]) each(visit func(*entry[ID])) {
	if n == nil {
		return
	}
	n.left.each(visit)
	for _, e := range n.list.entries {
		visit(e)
	}
	n.right.each(visit)
}
