package diff

// merge is Apply in one walk along the list, for scripts of many ops in the
// order in which Between makes them. It is false for any other script, and for
// one that does not fit; Apply then goes step by step.
func merge(list []Item, ops []Op) ([]Item, bool) {
	m := merger{ops: ops, named: make(map[string]int, len(ops)), state: make([]moving, len(ops))}
	for i := range ops {
		m.named[ops[i].Key] = i
	}
	if len(m.named) < len(ops) {
		return nil, false
	}
	gone, ok := m.remove(list)
	if !ok {
		return nil, false
	}
	m.out = make([]Item, 0, len(list)+len(ops))
	for i := gone; i < len(ops); i++ {
		if !m.place(i) {
			return nil, false
		}
	}
	return m.finish()
}

// moving is how far an item that moves has come.
type moving struct {
	met  bool // the walk has passed the place that it leaves
	done bool // it stands at its new place
}

type merger struct {
	ops   []Op
	named map[string]int // key → op
	state []moving       // by op

	rest  []Item // what is left to walk along
	out   []Item // the list so far, without the items that wait to be moved
	ahead int    // those that wait and were met
	lost  int    // those that are done and were not met yet
}

// remove does the removals, which come first and in the order of the list, and
// returns how many there are.
func (m *merger) remove(list []Item) (int, bool) {
	n, start := 0, 0
	for ; n < len(m.ops) && m.ops[n].Kind == Removed; n++ {
		at := m.ops[n].At + n
		if at < start || at >= len(list) || list[at].Key != m.ops[n].Key {
			return 0, false
		}
		m.rest = append(m.rest, list[start:at]...)
		start = at + 1
	}
	if n == 0 {
		m.rest = list
	} else {
		m.rest = append(m.rest, list[start:]...)
	}
	return n, true
}

// place does an op after the removals.
func (m *merger) place(i int) bool {
	op := &m.ops[i]
	switch {
	case op.Kind == Added:
	case op.Kind == Changed && op.Moved:
		m.state[i].done = true
		if m.state[i].met {
			m.ahead--
		} else {
			m.lost++
		}
	case op.Kind == Changed:
		if !m.walk(op.At) || !m.skipDone() || m.rest[0].Key != op.Key {
			return false
		}
		m.rest = m.rest[1:]
	default:
		return false
	}
	if !m.walk(op.At) {
		return false
	}
	m.out = append(m.out, Item{op.Key, op.Data})
	return true
}

// walk goes on until n items stand before the place reached.
func (m *merger) walk(n int) bool {
	for len(m.out)+m.ahead < n {
		if len(m.rest) == 0 || !m.step() {
			return false
		}
	}
	return len(m.out)+m.ahead == n
}

// step passes one item. It is false for one that is named and does not move.
func (m *merger) step() bool {
	i, named := m.named[m.rest[0].Key]
	switch {
	case !named:
		m.out = append(m.out, m.rest[0])
	case !m.ops[i].Moved || m.ops[i].Kind != Changed:
		return false
	case m.state[i].done:
		m.lost--
	default:
		m.state[i].met = true
		m.ahead++
	}
	m.rest = m.rest[1:]
	return true
}

// skipDone passes items that have moved away, and reports whether one follows.
func (m *merger) skipDone() bool {
	for len(m.rest) > 0 {
		if i, named := m.named[m.rest[0].Key]; !named || !m.state[i].done {
			return true
		}
		m.lost--
		m.rest = m.rest[1:]
	}
	return false
}

// finish takes what is left as it is.
func (m *merger) finish() ([]Item, bool) {
	for len(m.rest) > 0 {
		if !m.step() {
			return nil, false
		}
	}
	return m.out, m.ahead == 0 && m.lost == 0
}
