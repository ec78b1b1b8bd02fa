package ivm

import (
	"bytes"
	"slices"
	"sort"
	"strings"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/predicate"
)

func (t *Term) append(to []byte, values []any) ([]byte, bool) {
	return predicate.AppendSortKey(to, values[t.Column], t.As, t.Desc, t.NullsLast)
}

// Step takes in one transaction. hits are the places in its Changes of those
// that may touch the result, in their order; none that does may be missing.
// Where the verdict asks for a Read, the transaction and all further ones are
// in the list only when rows that were read after them are loaded.
func (r *Result) Step(set *change.Changeset, hits []int) Verdict {
	if r.pending != "" {
		return Verdict{Read: r.pending}
	}
	s := stepping{Result: r}
	v := s.run(set, hits)
	r.pending = v.Read
	return v
}

// stepping is one step on its way.
type stepping struct {
	*Result
	touches touches
	out, in []placed
}

func (s *stepping) run(set *change.Changeset, hits []int) Verdict {
	read := s.tooMany(set, hits)
	if read == "" {
		read = s.collect(set, hits)
	}
	if read != "" {
		return Verdict{Read: read}
	}
	if s.touches.sort(); len(s.touches.list) == 0 {
		return Verdict{}
	}
	if read = s.locate(); read != "" {
		return Verdict{Read: read}
	}
	old := s.view()
	s.enter()
	if read = s.short(); read == "" {
		read = s.compare(old)
	}
	if read != "" {
		return Verdict{Read: read}
	}
	ops := script(s.out, s.in)
	list, _, err := s.list.Apply(ops)
	if err != nil {
		return Verdict{Read: err.Error()}
	}
	s.list = list
	meta := s.meta
	s.meta = s.page()
	s.trim()
	return Verdict{Ops: ops, Meta: !bytes.Equal(meta, s.meta)}
}

// A transaction of more changes than this is read: putting a row through the
// plan costs about a fifth of reading one, and a statement as much as some
// hundred rows.
const (
	manyChanges = 500
	manyPerRow  = 5
)

func (s *stepping) tooMany(set *change.Changeset, hits []int) string {
	switch {
	case set.Everything:
		return "anything may have changed"
	case len(hits) > manyChanges+manyPerRow*s.rows.len():
		return "so many rows changed that reading them costs less"
	}
	return ""
}

// collect puts the changes through the plan, in their order.
func (s *stepping) collect(set *change.Changeset, hits []int) string {
	for _, i := range hits {
		c := &set.Changes[i]
		if c.Table != s.plan.Table {
			continue
		}
		if c.Kind == change.Everything {
			return "any row of the table may have changed"
		}
		if read := s.change(c); read != "" {
			return read
		}
	}
	return ""
}

func (s *stepping) change(c *change.Change) string {
	old, new := s.image(c.Columns, c.Old), s.image(c.Columns, c.New)
	if c.Kind == change.Update && old != nil && new != nil && slices.EqualFunc(old, new, change.Equal) {
		return ""
	}
	was, read := s.meets(c.Kind != change.Insert, old)
	if read != "" {
		return read
	}
	now, read := s.meets(c.Kind != change.Delete, new)
	if read != "" || !was && !now {
		return read
	}
	if s.blind != "" {
		return s.blind
	}
	if was {
		key, known := s.key(old)
		if !known {
			return unplaced
		}
		s.touches.note(key, false, nil)
	}
	if now {
		key, known := s.key(new)
		if !known {
			return unplaced
		}
		s.touches.note(key, true, new)
	}
	return ""
}

const unplaced = "where a changed row stands among others is not known"

// meets says whether a row was, or is, in the result, if there is one.
func (s *stepping) meets(there bool, values []any) (in bool, read string) {
	if !there {
		return false, ""
	}
	if values == nil {
		return false, "of a changed row nothing is known"
	}
	switch s.match(values) {
	case True:
		return true, ""
	case Ask:
		return false, "only the database can tell whether a changed row is in the result"
	}
	return false, ""
}

// touch is what a transaction did, all in all, to the row of one sort key.
type touch struct {
	key      string
	was, now bool  // it was in the result before, it is in it now
	values   []any // now
	where    where
	before   int // place in the tree before
}

// by is how many rows there are more than before.
func (t *touch) by() int {
	switch {
	case t.was == t.now:
		return 0
	case t.now:
		return 1
	}
	return -1
}

// where a row stands in the whole result.
type where uint8

const (
	held where = iota
	inFront
	behind
)

// touches has one touch for each sort key.
type touches struct {
	list   []touch
	places map[string]int // nil for a few
}

const few = 8

// note puts a row in, or takes it out.
func (t *touches) note(key string, now bool, values []any) {
	i := t.find(key)
	if i < 0 {
		if t.places == nil && len(t.list) == few {
			t.places = map[string]int{}
			for i := range t.list {
				t.places[t.list[i].key] = i
			}
		}
		if t.places != nil {
			t.places[key] = len(t.list)
		}
		t.list = append(t.list, touch{key: key, was: !now})
		i = len(t.list) - 1
	}
	t.list[i].now, t.list[i].values = now, values
}

func (t *touches) find(key string) int {
	if t.places == nil {
		return slices.IndexFunc(t.list, func(of touch) bool { return of.key == key })
	}
	if i, ok := t.places[key]; ok {
		return i
	}
	return -1
}

// sort brings the touches in the order of their keys, without those that came
// to nothing.
func (t *touches) sort() {
	t.list = slices.DeleteFunc(t.list, func(of touch) bool { return !of.was && !of.now })
	slices.SortFunc(t.list, func(a, b touch) int { return strings.Compare(a.key, b.key) })
}

// locate finds where the touched rows stand.
func (s *stepping) locate() string {
	for i := range s.touches.list {
		t := &s.touches.list[i]
		switch {
		case s.less && t.key < s.low:
			t.where = inFront
		case s.more && t.key > s.high:
			t.where = behind
		default:
			var found bool
			if t.before, found = s.rows.rank(t.key); found != t.was {
				return "what changed does not fit the rows that are held"
			}
			if t.now && slices.ContainsFunc(t.values, isUnknown) {
				return "of a changed row not every value is known"
			}
		}
	}
	return ""
}

func isUnknown(v any) bool { return v == change.Unknown }

// span is where the window lies.
type span struct {
	from, to    int    // places in the tree
	first, last string // sort keys, where it is not empty
}

func (r *Result) view() span {
	var s span
	if s.from, s.to = r.window(); s.from < s.to {
		s.first, s.last = r.rows.at(s.from).key, r.rows.at(s.to-1).key
	}
	return s
}

// enter alters the tree and the counts.
func (s *stepping) enter() {
	for i := range s.touches.list {
		t := &s.touches.list[i]
		by := t.by()
		s.total += by
		switch t.where {
		case held:
			s.put(t)
		case inFront:
			s.before += by
		}
	}
	if s.before == 0 {
		s.less = false
	}
	if s.plan.Counted && s.total == s.before+s.rows.len() {
		s.more = false
	}
}

func (s *stepping) put(t *touch) {
	of := row{key: t.key}
	if t.now && !s.lean() {
		of.rest = &rest{values: slices.Clone(t.values)}
	}
	switch {
	case t.was && t.now:
		old := s.rows.get(t.key)
		s.bytes += s.weigh(&of) - s.weigh(old)
		old.rest = of.rest
	case t.was:
		s.bytes -= s.weigh(s.rows.get(t.key))
		s.rows.remove(t.key)
	default:
		s.bytes += s.weigh(&of)
		s.rows.insert(of)
	}
}

// short says why the rows held are too few for the window.
func (s *stepping) short() string {
	p := s.plan
	switch need := p.Limit; {
	case s.before < 0 || p.Counted && s.total < s.before+s.rows.len():
		return "what changed does not fit the rows that are counted"
	case s.less && s.before > p.Offset:
		return "the reserve before the window is used up"
	case !s.more || p.Limit == 0:
	default:
		if p.Meta != nil && !p.Counted {
			need++ // whether rows follow
		}
		if s.before+s.rows.len() < p.Offset+need {
			return "the reserve behind the window is used up"
		}
	}
	return ""
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
	if read := s.shift(old, now); read != "" {
		return read
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
	item, err := s.plan.Item(values, nil)
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
	most := 2 * Reserve(s.plan.Limit)
	from, to := s.window()
	for n := s.rows.len(); n-to > most; n-- {
		last := s.rows.at(n - 1)
		s.bytes -= s.weigh(last)
		s.rows.remove(last.key)
		s.high, s.more = s.rows.at(n-2).key, true
	}
	for ; from > most; from-- {
		first := s.rows.at(0)
		s.bytes -= s.weigh(first)
		s.rows.remove(first.key)
		s.low, s.less = s.rows.at(0).key, true
		s.before++
	}
}
