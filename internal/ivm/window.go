package ivm

import (
	"slices"
	"sort"
)

// span is where the window lies.
type span struct {
	from, to    int    // places in the tree
	first, last string // sort keys, where it is not empty, and moves
}

func (s *stepping) view() span {
	var now span
	if now.from, now.to = s.window(); now.from < now.to && !s.whole {
		now.first, now.last = s.rows.at(now.from).key, s.rows.at(now.to-1).key
	}
	return now
}

// holdsAll reports whether the window begins with the first row and has room
// for all that are held, whatever is touched.
func (s *stepping) holdsAll() bool {
	p := s.plan
	return p.Offset == 0 && (p.Limit == 0 || s.rows.len()+len(s.touches.list) <= p.Limit)
}

// compare finds the items that leave the window, come into it, or may have
// another place or content in it.
func (s *stepping) compare(old span) string {
	now := s.view()
	for i := range s.touches.list {
		t := &s.touches.list[i]
		if t.where != held {
			continue
		}
		if t.was && t.before >= old.from && t.before < old.to {
			s.leave(t.before - old.from)
		}
		if !t.now {
			continue
		}
		if at, _ := s.rows.rank(t.key); at >= now.from && at < now.to {
			if read := s.come(at-now.from, s.rows.at(at), t); read != "" {
				return read
			}
		}
	}
	if !s.whole {
		if read := s.shift(old, now); read != "" {
			return read
		}
	}
	byPlace := func(a, b placed) int { return a.at - b.at }
	slices.SortFunc(s.out, byPlace)
	slices.SortFunc(s.in, byPlace)
	return ""
}

// shift finds the rows that no change touched and that the window left, or
// reached: its bounds lie between others now. These are no more than rows were
// touched.
func (s *stepping) shift(old, now span) string {
	if old.from == old.to {
		return s.reach(now.from, now.to, now)
	}
	from, _ := s.rows.rank(old.first) // what stands from here to to stood in the window
	to, found := s.rows.rank(old.last)
	if found {
		to++
	}
	s.lose(from, min(now.from, to), old)
	s.lose(max(now.to, from), to, old)
	if read := s.reach(now.from, min(from, now.to), now); read != "" {
		return read
	}
	return s.reach(max(to, now.from), now.to, now)
}

// reach notes the untouched rows of a part of the tree as new in the window.
func (s *stepping) reach(from, to int, now span) string {
	for at := from; at < to; at++ {
		of := s.rows.at(at)
		if _, touched := s.touched(of.key); touched {
			continue
		}
		if read := s.come(at-now.from, of, nil); read != "" {
			return read
		}
	}
	return ""
}

// lose notes the untouched rows of a part of the tree as no longer in the
// window.
func (s *stepping) lose(from, to int, old span) {
	next, more := 0, 0 // touches of lesser keys, and by how many rows fewer there are now for them
	for at := from; at < to; at++ {
		i, touched := s.touched(s.rows.at(at).key)
		if touched {
			continue
		}
		for ; next < i; next++ {
			if t := &s.touches.list[next]; t.where == held {
				more -= t.by()
			}
		}
		s.leave(at + more - old.from)
	}
}

// touched says how many touches are of lesser keys, and whether there is one
// of key.
func (s *stepping) touched(key string) (int, bool) {
	list := s.touches.list
	i := sort.Search(len(list), func(i int) bool { return list[i].key >= key })
	return i, i < len(list) && list[i].key == key
}

func (s *stepping) leave(at int) { s.out = append(s.out, placed{at, s.list.At(at)}) }

// come notes a row that is in the window. Its values are those of t, if that is
// not nil.
func (s *stepping) come(at int, of *row, t *touch) string {
	if of.rest != nil && of.rest.item.Data != nil {
		s.in = append(s.in, placed{at, of.rest.item})
		return ""
	}
	var values []any
	if t != nil {
		values = t.values
	} else {
		values = of.rest.values
	}
	nested := make([][][]any, len(s.nested))
	for i, n := range s.nested {
		var known bool
		if nested[i], known = n.of(values); !known {
			return "rows nested in an item are not known"
		}
	}
	item, err := s.item(values, nested)
	if err != nil {
		return "an item could not be made: " + err.Error()
	}
	if of.rest != nil {
		of.rest.item = item
	}
	s.in = append(s.in, placed{at, item})
	return ""
}

// trim gives up rows that are far from the window.
func (s *stepping) trim() {
	if s.plan.Limit == 0 {
		return
	}
	most := 2 * s.reserve
	from, to := s.window()
	for n := s.rows.len(); n-to > most; n-- {
		s.drop(n - 1)
		s.high, s.more = s.rows.at(n-2).key, true
	}
	for ; from > most; from-- {
		s.drop(0)
		s.low, s.less = s.rows.at(0).key, true
		s.before++
	}
}

func (s *stepping) drop(at int) {
	of := s.rows.at(at)
	s.bytes -= s.weigh(of)
	for _, nested := range s.nested {
		nested.release(of.key, of.rest.values)
	}
	if s.keyed.on {
		if row, known := s.rowKey(of.rest.values); known && s.keyed.drop(row, of.key) {
			s.gone = append(s.gone, row)
		}
	}
	s.rows.remove(of.key)
}
