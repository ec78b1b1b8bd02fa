package ivm

import (
	"bytes"
	"slices"
	"sync"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/planted"
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
	s := steppings.Get().(*stepping)
	s.Result = r
	s.touches.list, s.out, s.in = s.touchRoom[:0], s.outRoom[:0], s.inRoom[:0]
	v := s.run(set, hits)
	v.Came, v.Gone = s.came, s.gone
	r.pending = v.Read
	*s = stepping{}
	steppings.Put(s)
	return v
}

// steppings are done with: most steps are small, and there are many.
var steppings = sync.Pool{New: func() any { return &stepping{} }}

// stepping is one step on its way.
type stepping struct {
	*Result
	touches touches
	out, in []placed
	whole   bool // every row that is held stands in the window, before and after

	now        map[string]stood // by key, rows that were touched, where they are found by it
	left       int              // rows behind those held that are no more
	came, gone []string         // keys of rows

	touchRoom       [few]touch // for a few
	outRoom, inRoom [few]placed
	script          scripting
}

func (s *stepping) run(set *change.Changeset, hits []int) Verdict {
	read := s.tooMany(set, hits)
	if read == "" {
		read = s.collect(set, hits)
	}
	if read != "" {
		return Verdict{Read: read}
	}
	if s.touches.sort(); len(s.touches.list) == 0 && s.left == 0 {
		return Verdict{}
	}
	if read = s.locate(); read != "" {
		return Verdict{Read: read}
	}
	s.whole = s.holdsAll()
	old := s.view()
	s.enter()
	if read = s.short(); read == "" {
		read = s.compare(old)
	}
	if read != "" {
		return Verdict{Read: read, UsedUp: read == usedBefore || read == usedBehind}
	}
	ops := s.script.of(s.out, s.in)
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

// A transaction of more changes than this is read: to put a row through the
// plan costs about as much as to read half a one, and a statement as much as
// some hundred.
const (
	manyChanges = 300
	manyPerRow  = 2
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
		if s.beyond(c.Table) {
			return "a row changed that the condition on others looks at"
		}
		if c.Table == s.plan.Table {
			if read := s.change(c); read != "" {
				return read
			}
		}
		for _, nested := range s.nested {
			if c.Table != nested.Table {
				continue
			}
			if s.blind != "" {
				return s.blind
			}
			if read := nested.change(c); read != "" {
				return read
			}
		}
	}
	s.collectNested()
	return ""
}

// beyond reports a table whose rows say what is in the list other than by being
// in it.
func (s *stepping) beyond(table string) bool {
	return slices.Contains(s.plan.Beyond, table) || table != s.plan.Table &&
		!slices.ContainsFunc(s.plan.Nested, func(n Nested) bool { return n.Table == table })
}

// collectNested touches the rows whose nested rows changed.
func (s *stepping) collectNested() {
	for _, nested := range s.nested {
		for _, g := range nested.changed {
			g.changed = false
			for key := range g.parents {
				if s.touches.find(key) < 0 {
					s.touches.add(touch{key: key, was: true, now: true, values: s.rows.get(key).rest.values})
				}
			}
		}
		nested.changed = nested.changed[:0]
	}
}

func (s *stepping) change(c *change.Change) string {
	if c.Kind == change.Everything {
		return "any row of the table may have changed"
	}
	old, new := s.names.image(c.Columns, c.Old, s.plan.Columns), s.names.image(c.Columns, c.New, s.plan.Columns)
	if c.Kind == change.Update && old != nil && new != nil && slices.EqualFunc(old, new, change.Equal) {
		return ""
	}
	if len(s.plan.Key) > 0 && s.blind == "" && !s.keyed.useless && (s.keyed.on || slices.ContainsFunc(old, isUnknown)) {
		return s.changeByKey(c.Kind, old, new)
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
	if was && !(now && planted.Is(planted.OldPlaceKept)) {
		key, known := s.key(old)
		if !known {
			return unplaced
		}
		s.touches.note(key, false, nil, "")
	}
	if now {
		key, known := s.key(new)
		if !known {
			return unplaced
		}
		s.touches.note(key, true, new, "")
	}
	return ""
}

const noFit = "what changed does not fit the rows that are held"

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
	case Null:
		return planted.Is(planted.NullMatches), ""
	case Ask:
		if planted.Is(planted.UnknownFalse) {
			return false, ""
		}
		return false, "only the database can tell whether a changed row is in the result"
	}
	return false, ""
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
				return noFit
			}
			if t.now && slices.ContainsFunc(t.values, isUnknown) {
				return "of a changed row not every value is known"
			}
		}
	}
	return ""
}

func isUnknown(v any) bool { return v == change.Unknown }

// enter alters the tree and the counts.
func (s *stepping) enter() {
	s.enterNested()
	for i := range s.touches.list {
		t := &s.touches.list[i]
		by := t.by()
		if t.where != behind || !planted.Is(planted.CountDrifts) {
			s.total += by
		}
		switch t.where {
		case held:
			s.put(t)
		case inFront:
			if !planted.Is(planted.WindowNotMoved) {
				s.before += by
			}
		}
	}
	s.total -= s.left
	if s.before == 0 {
		s.less = false
	}
	if s.plan.Counted && s.total == s.before+s.rows.len() {
		s.more = false
	}
}

// enterNested holds the rows that come before it lets go of those that leave:
// one that only moves is both.
func (s *stepping) enterNested() {
	for _, nested := range s.nested {
		list := s.touches.list
		for i := range list {
			if t := &list[i]; t.where == held && t.now {
				nested.hold(t.key, t.values)
			}
		}
		for i := range list {
			t := &list[i]
			if t.where != held || !t.was {
				continue
			}
			if old := s.rows.get(t.key).rest.values; !t.now || nested.moves(old, t.values) {
				nested.release(t.key, old)
			}
		}
	}
}

func (s *stepping) put(t *touch) {
	of := row{place: placeOf(t.key)}
	if t.now && !s.lean() {
		of.rest = &rest{values: slices.Clone(t.values)}
	}
	switch {
	case t.was && t.now:
		old := s.rows.get(t.key)
		s.bytes += s.weigh(&of) - s.weigh(old)
		old.rest = of.rest
	case t.was:
		gone := s.rows.remove(t.key)
		s.bytes -= s.weigh(&gone)
		if s.keyed.on && s.keyed.drop(t.row, t.key) {
			s.gone = append(s.gone, t.row)
		}
	default:
		s.bytes += s.weigh(&of)
		s.rows.insert(of)
		if s.keyed.on {
			s.keyed.add(t.row, t.key)
			s.came = append(s.came, t.row)
		}
	}
}

const (
	usedBefore = "the reserve before the window is used up"
	usedBehind = "the reserve behind the window is used up"
)

// short says why the rows held are too few for the window.
func (s *stepping) short() string {
	p := s.plan
	switch need := p.Limit; {
	case s.before < 0 || p.Counted && s.total < s.before+s.rows.len():
		return "what changed does not fit the rows that are counted"
	case s.less && s.before > p.Offset:
		return usedBefore
	case !s.more || p.Limit == 0:
	default:
		if p.Meta != nil && !p.Counted {
			need++ // whether rows follow
		}
		if planted.Is(planted.ReserveOffByOne) {
			need--
		}
		if s.before+s.rows.len() < p.Offset+need {
			return usedBehind
		}
	}
	return ""
}
