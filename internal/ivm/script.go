package ivm

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/planted"
)

// placed is an item at an index of a list.
type placed struct {
	at   int
	item diff.Item
}

// of returns the ops from one list to the next, in the order and with the
// promises of diff.Between. out are the items of the old list that are not in
// the new one, or may stand elsewhere in it or be other than before; in are
// those of the new list. Each is in the order of its list. All other items are
// in both lists, the same and in the same order; they stay where they are.
func (s *scripting) of(out, in []placed) []diff.Op {
	s.out, s.in = out, in
	s.make()
	s.match()
	s.keep()
	s.remove()
	s.place()
	if len(s.ops) == 0 {
		return nil
	}
	return s.ops
}

// scripting is the making of one script. An item's gap is how many of the items
// that are in neither out nor in stand before it.
type scripting struct {
	out, in []placed
	from    []int   // in → place in out, -1 for none
	kept    []bool  // of out: the item is in in
	stay    []bool  // of out: it is not moved
	waiting fenwick // those of out that are still to be moved
	stays   []int   // out → how many before it stay
	came    []int   // out → how many were put in ahead of it when it was passed
	ops     []diff.Op

	ints  [4*few + 1]int // room for a few
	bools [2 * few]bool
}

// make makes room for what is noted of each item.
func (s *scripting) make() {
	out, in := len(s.out), len(s.in)
	ints, bools := s.ints[:], s.bools[:]
	if out > few || in > few {
		ints, bools = make([]int, in+3*out+1), make([]bool, 2*out)
	}
	s.from, ints = ints[:in], ints[in:]
	s.stays, ints = ints[:out], ints[out:]
	s.came, ints = ints[:out], ints[out:]
	s.waiting = ints[:out+1]
	s.kept, s.stay = bools[:out], bools[out:2*out]
}

func (s *scripting) match() {
	if len(s.out) == 1 && len(s.in) == 1 {
		if s.from[0] = -1; s.out[0].item.Key == s.in[0].item.Key {
			s.from[0], s.kept[0] = 0, true
		}
		return
	}
	if len(s.out) <= few {
		for j := range s.in {
			i := slices.IndexFunc(s.out, func(p placed) bool { return p.item.Key == s.in[j].item.Key })
			if s.from[j] = i; i >= 0 {
				s.kept[i] = true
			}
		}
		return
	}
	places := make(map[string]int, len(s.out))
	for i := range s.out {
		places[s.out[i].item.Key] = i
	}
	for j := range s.in {
		i, ok := places[s.in[j].item.Key]
		if !ok {
			i = -1
		} else {
			s.kept[i] = true
		}
		s.from[j] = i
	}
}

func (s *scripting) gapOut(i int) int { return s.out[i].at - i }
func (s *scripting) gapIn(j int) int  { return s.in[j].at - j }

// keep finds the items that stay: of those that stand in the gap where they
// stood, a longest run in the same order.
func (s *scripting) keep() {
	var run []int // of out, those of one gap in the order of in
	gap := -1
	for j, i := range s.from {
		if i < 0 || s.gapOut(i) != s.gapIn(j) {
			continue
		}
		if g := s.gapIn(j); g != gap {
			s.keepLongest(run)
			run, gap = run[:0], g
		}
		run = append(run, i)
	}
	s.keepLongest(run)
}

func (s *scripting) keepLongest(run []int) {
	if slices.IsSorted(run) {
		for _, i := range run {
			s.stay[i] = true
		}
		return
	}
	var tails []int // place in run of the least last value of a rising part, by its length - 1
	prev := make([]int, len(run))
	for i, v := range run {
		at, _ := slices.BinarySearchFunc(tails, v, func(tail, v int) int { return cmp.Compare(run[tail], v) })
		prev[i] = -1
		if at > 0 {
			prev[i] = tails[at-1]
		}
		if at == len(tails) {
			tails = append(tails, i)
		} else {
			tails[at] = i
		}
	}
	for i := tails[len(tails)-1]; i >= 0; i = prev[i] {
		s.stay[run[i]] = true
	}
}

func (s *scripting) remove() {
	gone, most := 0, len(s.out)+len(s.in)
	for _, kept := range s.kept {
		if kept {
			most--
		}
	}
	if most > 0 {
		s.ops = make([]diff.Op, 0, most)
	}
	for i := range s.out {
		if !s.kept[i] {
			item := s.out[i].item
			s.ops = append(s.ops, diff.Op{Kind: diff.Removed, Key: item.Key, At: s.out[i].at - gone, Old: item.Data})
			gone++
		}
	}
}

// place brings the items of in to their places, in ascending order. An item
// that is to be moved stands where it stood until its turn, so indices count
// those that stand ahead of the newest item in place.
func (s *scripting) place() {
	stays := 0
	for i := range s.out {
		s.stays[i] = stays
		if s.stay[i] {
			stays++
		} else if s.kept[i] {
			s.waiting.add(i, 1)
		}
	}
	passed := 0 // items of out up to the newest item in place
	stayed := -1
	ahead := 0 // those among them that wait
	put := 0   // items that were put in so far
	for j := range s.in {
		i, gap := s.from[j], s.gapIn(j)
		if i >= 0 && s.stay[i] {
			stayed = i
		}
		for ; passed < len(s.out) && (s.gapOut(passed) < gap || passed <= stayed); passed++ {
			s.came[passed] = put
			if !planted.Is(planted.WaitingIgnored) {
				ahead += s.waiting.at(passed)
			}
		}
		op := diff.Op{Kind: diff.Changed, Key: s.in[j].item.Key, Data: s.in[j].item.Data}
		switch {
		case i < 0:
			op.Kind = diff.Added
			put++
		case s.stay[i]:
			if op.Old = s.out[i].item.Data; bytes.Equal(op.Old, op.Data) {
				continue
			}
		default:
			op.Old, op.Moved = s.out[i].item.Data, true
			if i < passed {
				ahead--
			} else {
				s.came[i] = put
			}
			op.From = s.gapOut(i) + s.stays[i] + s.waiting.before(i) + s.came[i] + 1
			s.waiting.add(i, -1)
			put++
		}
		op.At = s.in[j].at + ahead
		s.ops = append(s.ops, op)
	}
}

// fenwick counts by place, and sums the counts before one, in O(log n).
type fenwick []int

func (f fenwick) add(i, by int) {
	for i++; i < len(f); i += i & -i {
		f[i] += by
	}
}

func (f fenwick) before(i int) (sum int) {
	for ; i > 0; i -= i & -i {
		sum += f[i]
	}
	return sum
}

func (f fenwick) at(i int) int { return f.before(i+1) - f.before(i) }
