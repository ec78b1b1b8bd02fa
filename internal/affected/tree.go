package affected

import "github.com/wakeful-dev/wakeful/predicate"

// spans files entries by bounds of one column: a B+ tree of intervals by where
// they begin, in which each node knows how far those below it reach. Of the
// nodes below one that begin before a value all but the last begin and end
// with one of theirs that does, so each that reaches the value has a hit: a
// look-up costs O(log n + hits).
type spans[ID comparable] struct {
	column predicate.Column
	root   *node[ID]
}

// fanout is how much one node has. How bounds begin lies side by side, so that
// a look into a node touches few lines of the cache, and follows no pointer
// but to where it goes on.
const fanout = 32

// node is one node: of spans, or of nodes where kids is not nil.
type node[ID comparable] struct {
	n     int
	kids  []*node[ID]
	low   [fanout]uint64 // how each begins
	far   [fanout]uint64 // how the end of each begins
	best  [fanout]uint8  // which of all up to each reaches farthest
	spans [fanout]*span[ID]
	first *predicate.Atom // begins first
	last  *predicate.Atom // ends last
}

func (s *spans[ID]) insert(e *entry[ID]) {
	if s.root == nil {
		s.root = &node[ID]{}
	}
	right := s.root.insert(e, &e.all[e.filed])
	if right == nil {
		return
	}
	root := &node[ID]{kids: make([]*node[ID], fanout)}
	root.put(0, nil, s.root)
	root.put(1, nil, right)
	root.measure()
	s.root = root
}

// insert adds an entry. Where the node is full it leaves a part of it to
// another one, which comes after it.
func (n *node[ID]) insert(e *entry[ID], a *predicate.Atom) (right *node[ID]) {
	i, found := n.search(a)
	if found {
		n.spans[i].list.add(e)
		e.span = n.spans[i]
		return nil
	}
	var made *span[ID]
	var kid *node[ID]
	if n.kids == nil {
		made = &span[ID]{atom: a}
		made.list.add(e)
		e.span = made
	} else {
		kid = n.kids[i].insert(e, a)
		n.refresh(i)
		if kid == nil {
			n.measure()
			return nil
		}
		i++
	}
	at := n
	if n.n == fanout {
		right = n.split(i)
		if i > n.n || n.n == fanout {
			at, i = right, i-n.n
		}
	}
	at.put(i, made, kid)
	n.measure()
	if right != nil {
		right.measure()
	}
	return right
}

// split moves the second half to a new node: nothing of it where the next one
// comes at the end, as it does while values grow.
func (n *node[ID]) split(at int) *node[ID] {
	half := fanout / 2
	if at == fanout {
		half = fanout
	}
	right := &node[ID]{}
	if n.kids != nil {
		right.kids = make([]*node[ID], fanout)
		copy(right.kids, n.kids[half:])
		clear(n.kids[half:])
	}
	right.n = copy(right.low[:], n.low[half:])
	copy(right.far[:], n.far[half:])
	copy(right.spans[:], n.spans[half:])
	clear(n.spans[half:])
	n.n = half
	return right
}

// put makes room at i for a span or a kid.
func (n *node[ID]) put(i int, s *span[ID], kid *node[ID]) {
	copy(n.low[i+1:], n.low[i:n.n])
	copy(n.far[i+1:], n.far[i:n.n])
	if kid != nil {
		copy(n.kids[i+1:], n.kids[i:n.n])
		n.kids[i] = kid
	} else {
		copy(n.spans[i+1:], n.spans[i:n.n])
		n.spans[i] = s
	}
	n.n++
	n.refresh(i)
}

// refresh sets how what is at i begins and ends.
func (n *node[ID]) refresh(i int) {
	first, last := n.at(i)
	n.low[i], n.far[i] = start(first.Low), startOfEnd(last.High)
}

func (n *node[ID]) at(i int) (first, last *predicate.Atom) {
	if n.kids != nil {
		return n.kids[i].first, n.kids[i].last
	}
	return n.spans[i].atom, n.spans[i].atom
}

// measure sets how the node begins and how far it reaches.
func (n *node[ID]) measure() {
	best := 0
	for i := range n.n {
		if n.far[i] > n.far[best] || n.far[i] == n.far[best] && n.farther(i, best) {
			best = i
		}
		n.best[i] = uint8(best)
	}
	n.first, _ = n.at(0)
	_, n.last = n.at(best)
}

func (n *node[ID]) farther(i, than int) bool {
	_, a := n.at(i)
	_, b := n.at(than)
	return b.High != "" && (a.High == "" || a.High > b.High)
}

// search finds where an interval is, or in which place it would be: in a node
// of nodes the kid to which it belongs.
func (n *node[ID]) search(a *predicate.Atom) (at int, found bool) {
	low := start(a.Low)
	from, to := 0, n.n
	for from < to {
		mid := int(uint(from+to) >> 1)
		c := 1
		switch {
		case low < n.low[mid]:
			c = -1
		case low == n.low[mid]:
			first, _ := n.at(mid)
			c = compareBounds(a, first)
		}
		switch {
		case c < 0:
			to = mid
		case c == 0 && n.kids == nil:
			return mid, true
		default:
			from = mid + 1
		}
	}
	if n.kids != nil {
		from = max(from-1, 0)
	}
	return from, false
}

func (s *spans[ID]) remove(gone *span[ID]) {
	s.root.remove(gone)
	for s.root.kids != nil && s.root.n == 1 {
		s.root = s.root.kids[0]
	}
	if s.root.n == 0 {
		s.root = nil
	}
}

func (n *node[ID]) remove(gone *span[ID]) {
	i, _ := n.search(gone.atom)
	if n.kids == nil {
		n.cut(i)
	} else {
		n.kids[i].remove(gone)
		n.settle(i)
	}
	if n.n > 0 {
		n.measure()
	}
}

// settle takes in that a kid has less: one with few goes into its neighbour.
func (n *node[ID]) settle(i int) {
	kid := n.kids[i]
	if kid.n > 0 {
		n.refresh(i)
	}
	switch {
	case kid.n == 0:
		n.cut(i)
	case kid.n > fanout/4:
	case i > 0 && n.kids[i-1].n+kid.n <= fanout*3/4:
		n.join(i - 1)
	case i+1 < n.n && n.kids[i+1].n+kid.n <= fanout*3/4:
		n.join(i)
	}
}

// join puts the kid after i into that at i.
func (n *node[ID]) join(i int) {
	a, b := n.kids[i], n.kids[i+1]
	copy(a.low[a.n:], b.low[:b.n])
	copy(a.far[a.n:], b.far[:b.n])
	copy(a.spans[a.n:], b.spans[:b.n])
	if a.kids != nil {
		copy(a.kids[a.n:], b.kids[:b.n])
	}
	a.n += b.n
	a.measure()
	n.cut(i + 1)
	n.refresh(i)
}

// cut closes the gap of what was at i.
func (n *node[ID]) cut(i int) {
	copy(n.low[i:], n.low[i+1:n.n])
	copy(n.far[i:], n.far[i+1:n.n])
	n.n--
	if n.kids != nil {
		copy(n.kids[i:], n.kids[i+1:])
		n.kids[n.n] = nil
		return
	}
	copy(n.spans[i:], n.spans[i+1:])
	n.spans[n.n] = nil
}

// visit names the observers whose interval holds the value, which begins with
// at.
func (n *node[ID]) visit(key []byte, at uint64, l *look[ID]) {
	if n == nil {
		return
	}
	for i := n.begun(key, at) - 1; i >= 0 && n.reaches(int(n.best[i]), key, at); i-- {
		switch {
		case !n.reaches(i, key, at):
		case n.kids != nil:
			n.kids[i].visit(key, at, l)
		default:
			s := n.spans[i]
			if n.low[i] < at && at < n.far[i] || s.atom.Holds(key) {
				s.list.check(l, (*entry[ID]).found)
			}
		}
	}
}

// begun counts those that do not begin after the value.
func (n *node[ID]) begun(key []byte, at uint64) int {
	from, to := 0, n.n
	for from < to {
		mid := int(uint(from+to) >> 1)
		after := n.low[mid] > at
		if n.low[mid] == at {
			first, _ := n.at(mid)
			after = first.Low > string(key)
		}
		if after {
			to = mid
		} else {
			from = mid + 1
		}
	}
	return from
}

// reaches reports whether what is at i does not end before the value.
func (n *node[ID]) reaches(i int, key []byte, at uint64) bool {
	if n.far[i] != at {
		return n.far[i] > at
	}
	_, last := n.at(i)
	return last.High == "" || last.High >= string(key)
}

func (n *node[ID]) each(visit func(*entry[ID])) {
	if n == nil {
		return
	}
	for i := range n.n {
		if n.kids != nil {
			n.kids[i].each(visit)
		} else {
			n.spans[i].list.each(visit)
		}
	}
}
