package diff

import (
	"bytes"
	"slices"
)

// Between returns the ops that turn old into new, in the order to apply them:
// first every removal, then for each place of new in ascending order the item
// that is added, moved or altered there. Keys are unique within each list.
// Equal lists give nil.
//
// The ops are as few as can be: the longest run of items that keep their order
// stays where it is, and those of them whose Data is equal by bytes are not
// named. The Data of the ops is that of the lists, not a copy. It costs
// O(len(old) + len(new)), and O(m log m) for the m items between the first and
// the last that differ in place.
func Between(old, new []Item) []Op {
	s := script{old: old, new: new}
	s.matchEnds()
	s.matchMiddle()
	s.remove()
	s.inPlace(s.inFront)
	s.place()
	slices.Reverse(s.atBack)
	s.inPlace(s.atBack)
	return s.ops
}

// script is the making of one diff. Items in front and at the back have equal
// keys in both lists; only the middle is matched. Places in the middle count
// from its start.
type script struct {
	old, new        []Item
	front, back     int   // how many
	inFront, atBack []int // those of them with other data, as places of new

	from []int  // middle of new → place in the middle of old, -1 for none
	kept []bool // middle of old: the key is in new
	stay []bool // middle of old: it is not moved
	ops  []Op
}

// matchEnds finds the items that both lists begin and end with.
func (s *script) matchEnds() {
	shorter := min(len(s.old), len(s.new))
	for ; s.front < shorter; s.front++ {
		before, after := &s.old[s.front], &s.new[s.front]
		if before.Key != after.Key {
			break
		}
		if !bytes.Equal(before.Data, after.Data) {
			s.inFront = append(s.inFront, s.front)
		}
	}
	for ; s.back < shorter-s.front; s.back++ {
		i := len(s.new) - 1 - s.back
		before, after := &s.old[len(s.old)-1-s.back], &s.new[i]
		if before.Key != after.Key {
			break
		}
		if !bytes.Equal(before.Data, after.Data) {
			s.atBack = append(s.atBack, i)
		}
	}
}

func (s *script) oldMiddle() []Item { return s.old[s.front : len(s.old)-s.back] }
func (s *script) newMiddle() []Item { return s.new[s.front : len(s.new)-s.back] }

// matchMiddle finds each item of the middle in the other list, and those that
// stay.
func (s *script) matchMiddle() {
	before, after := s.oldMiddle(), s.newMiddle()
	s.from = make([]int, len(after))
	s.kept = make([]bool, len(before))
	s.stay = make([]bool, len(before))
	looseBefore, looseAfter := s.align(before, after)
	if len(looseBefore) > 0 && len(looseAfter) > 0 {
		places := make(map[string]int, len(looseBefore))
		for _, i := range looseBefore {
			places[before[i].Key] = i
		}
		for _, j := range looseAfter {
			if i, ok := places[after[j].Key]; ok {
				s.from[j], s.kept[i] = i, true
			}
		}
	}
	for _, i := range longestIncreasing(s.from) {
		s.stay[i] = true
	}
}

// lookahead is how many items that came or went in a row align steps over.
const lookahead = 4

// align matches the items that follow each other in both lists, which are most
// of them as a rule, and returns the places of the others. It spares these the
// map: a match of keys is right however it was found.
func (s *script) align(before, after []Item) (looseBefore, looseAfter []int) {
	i, j := 0, 0
	for i < len(before) && j < len(after) {
		if before[i].Key == after[j].Key {
			s.from[j], s.kept[i] = i, true
			i++
			j++
			continue
		}
		gone, come := 1, 1
		for k := 1; k <= lookahead; k++ {
			if i+k < len(before) && before[i+k].Key == after[j].Key {
				gone, come = k, 0
				break
			}
			if j+k < len(after) && before[i].Key == after[j+k].Key {
				gone, come = 0, k
				break
			}
		}
		for ; gone > 0; gone-- {
			looseBefore = append(looseBefore, i)
			i++
		}
		for ; come > 0; come-- {
			s.from[j] = -1
			looseAfter = append(looseAfter, j)
			j++
		}
	}
	for ; i < len(before); i++ {
		looseBefore = append(looseBefore, i)
	}
	for ; j < len(after); j++ {
		s.from[j] = -1
		looseAfter = append(looseAfter, j)
	}
	return looseBefore, looseAfter
}

// remove names what is not in new, in the order of old.
func (s *script) remove() {
	gone := 0
	for i, item := range s.oldMiddle() {
		if !s.kept[i] {
			s.ops = append(s.ops, Op{Kind: Removed, Key: item.Key, At: s.front + i - gone, Old: item.Data})
			gone++
		}
	}
}

// inPlace names items of the front or the back by their places in new. Before
// those in front nothing waits to be moved; before those at the back nothing
// does any more.
func (s *script) inPlace(places []int) {
	for _, i := range places {
		j := i
		if i >= s.front {
			j += len(s.old) - len(s.new)
		}
		s.ops = append(s.ops, Op{Kind: Changed, Key: s.new[i].Key, At: i, Data: s.new[i].Data, Old: s.old[j].Data})
	}
}

// place brings the middle into its final order. An item that is to be moved
// stands at its old place until its turn, so indices count those that stand
// ahead of the newest item in place.
func (s *script) place() {
	before, after := s.oldMiddle(), s.newMiddle()
	waiting := make([]bool, len(before))
	for j := range before {
		waiting[j] = s.kept[j] && !s.stay[j]
	}
	seen := 0  // items of old up to the last one that stays and is in place
	ahead := 0 // those among them that wait to be moved
	for i := range after {
		j := s.from[i]
		op := Op{Kind: Changed, Key: after[i].Key, Data: after[i].Data}
		switch {
		case j < 0:
			op.Kind = Added
		case s.stay[j]:
			for ; seen <= j; seen++ {
				if waiting[seen] {
					ahead++
				}
			}
			if bytes.Equal(before[j].Data, after[i].Data) {
				continue
			}
			op.Old = before[j].Data
		default:
			waiting[j] = false
			if j < seen {
				ahead--
			}
			op.Moved = true
			op.Old = before[j].Data
		}
		op.At = s.front + i + ahead
		s.ops = append(s.ops, op)
	}
}

// longestIncreasing returns the values of a longest strictly increasing
// subsequence, last first. Values below 0 do not count.
func longestIncreasing(values []int) []int {
	tails := make([]int, 0, len(values)) // index of the least last value of a run, by its length - 1
	prev := make([]int, len(values))     // index of the value before it in its run
	for i, v := range values {
		if v < 0 {
			continue
		}
		lo, hi := 0, len(tails)
		if hi > 0 && values[tails[hi-1]] < v {
			lo = hi // in order already, the common case
		}
		for lo < hi {
			if mid := int(uint(lo+hi) >> 1); values[tails[mid]] < v {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		prev[i] = -1
		if lo > 0 {
			prev[i] = tails[lo-1]
		}
		if lo == len(tails) {
			tails = append(tails, i)
		} else {
			tails[lo] = i
		}
	}
	if len(tails) == 0 {
		return nil
	}
	run := make([]int, 0, len(tails))
	for i := tails[len(tails)-1]; i >= 0; i = prev[i] {
		run = append(run, values[i])
	}
	return run
}
