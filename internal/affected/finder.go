package affected

import (
	"encoding/binary"
	"hash/maphash"
	"slices"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/predicate"
)

// maxKeys bounds the keys under which one conjunction is filed. What is beyond
// it is checked row by row.
const maxKeys = 4096

// entry is one conjunction of one observer: filed by its first atoms, and
// checked by the rest of them.
type entry[ID comparable] struct {
	observer *observer[ID]
	all      predicate.All
	filed    int  // atoms of all that the place in the finder answers for
	bounded  bool // the atom after those that compare for equality has bounds
	slot     int  // in list
	list     *list[ID]
	span     *span[ID] // of list, where it is in a tree
	home     *finder[ID]
	row      *equals[ID]
	hash     uint64 // in row
}

func (e *entry[ID]) visit(l *look[ID], from int) {
	if e.observer.stamp < l.stamp && e.all[from:].MetBy(l.columns, l.row) {
		l.name(e.observer)
	}
}

// list holds entries in no order. Most have one, which costs no second look
// into memory.
type list[ID comparable] struct {
	first *entry[ID]
	rest  []*entry[ID]
	stamp uint64 // none of them is named for changes up to this one
}

func (l *list[ID]) len() int {
	if l.first == nil {
		return 0
	}
	return 1 + len(l.rest)
}

func (l *list[ID]) add(e *entry[ID]) {
	e.list, e.slot = l, l.len()
	if e.slot == 0 {
		l.first = e
		return
	}
	l.rest = append(l.rest, e)
}

func (l *list[ID]) drop(e *entry[ID]) {
	last := l.first
	if n := len(l.rest); n > 0 {
		last, l.rest[n-1] = l.rest[n-1], nil
		if l.rest = l.rest[:n-1]; n == 1 {
			l.rest = nil
		}
	} else {
		l.first = nil
	}
	e.list = nil
	if last == e {
		return
	}
	if last.slot = e.slot; e.slot == 0 {
		l.first = last
	} else {
		l.rest[e.slot-1] = last
	}
}

func (l *list[ID]) nameAll(look *look[ID]) {
	if l.first == nil || l.stamp >= look.stamp {
		return
	}
	l.stamp = look.name(l.first.observer)
	for _, e := range l.rest {
		l.stamp = min(l.stamp, look.name(e.observer))
	}
}

// check names those of the list whose atoms the row meets, but for the first
// so many: these it is known to meet.
func (l *list[ID]) check(look *look[ID], met func(*entry[ID]) int) {
	if l.first == nil {
		return
	}
	l.first.visit(look, met(l.first))
	for _, e := range l.rest {
		e.visit(look, met(e))
	}
}

func (l *list[ID]) each(visit func(*entry[ID])) {
	if l.first == nil {
		return
	}
	visit(l.first)
	for _, e := range l.rest {
		visit(e)
	}
}

// finder files entries by what their conditions compare: those that compare
// columns by equality under the values, those that compare one by bounds in a
// tree, and the others in lists.
type finder[ID comparable] struct {
	always list[ID] // no atoms left
	others list[ID] // atoms to be checked
	equals []*equals[ID]
	spans  []*spans[ID]
}

// equals files entries by the values of some columns. Two combinations of
// values with one hash share a cell: then more is named than need be.
type equals[ID comparable] struct {
	columns []predicate.Column
	cells   map[uint64]cell[ID]
}

// cell is what is filed under one combination of values: one entry, or more.
type cell[ID comparable] struct {
	one  *entry[ID]
	more *finder[ID]
}

// look is one row that is being looked up. The changes of a changeset have
// stamps that follow each other; what shall not be named again for any of them
// has the last.
type look[ID comparable] struct {
	set     *change.Changeset
	earlier map[*group[ID]]map[string]int // by key: the newest change so far of rows that holders are asked for
	columns []string
	row     []any
	change  int    // place of the change
	stamp   uint64 // its own
	last    uint64 // of the changeset, above those of its changes
	once    func(ID)
	visit   func(ID, int) bool // where once is nil
}

// name names an observer, unless it was for this change or is not to be again.
// It returns the stamp up to which it will not be.
func (l *look[ID]) name(o *observer[ID]) uint64 {
	if o.stamp >= l.stamp {
		return o.stamp
	}
	o.stamp = l.last
	if l.once != nil {
		l.once(o.id)
	} else if l.visit(o.id, l.change) {
		o.stamp = l.stamp
	}
	return o.stamp
}

func (f *finder[ID]) empty() bool {
	return f.always.first == nil && f.others.first == nil && len(f.equals) == 0 && len(f.spans) == 0
}

// file adds a conjunction, under several keys where it allows several values.
func (f *finder[ID]) file(o *observer[ID], all predicate.All) []*entry[ID] {
	all, equal, bounded := arrange(all)
	if equal == 0 {
		e := &entry[ID]{observer: o, all: all, bounded: bounded}
		f.place(e)
		return []*entry[ID]{e}
	}
	row := f.equalsFor(all[:equal])
	keys := keysOf(nil, nil, all[:equal])
	entries := make([]*entry[ID], len(keys))
	for i, key := range keys {
		entries[i] = &entry[ID]{observer: o, all: all, filed: equal, bounded: bounded, row: row, hash: key}
		row.add(entries[i])
	}
	return entries
}

func (r *equals[ID]) add(e *entry[ID]) {
	c := r.cells[e.hash]
	switch {
	case c.more != nil:
		c.more.place(e)
	case c.one != nil:
		more := &finder[ID]{}
		more.place(c.one)
		more.place(e)
		r.cells[e.hash] = cell[ID]{more: more}
	default:
		r.cells[e.hash] = cell[ID]{one: e}
	}
}

// place puts an entry by the atoms that are left of it.
func (f *finder[ID]) place(e *entry[ID]) {
	e.home = f
	switch {
	case e.bounded:
		f.spansFor(e.all[e.filed].Column).insert(e)
		e.filed++
	case len(e.all) > e.filed:
		f.others.add(e)
	default:
		f.always.add(e)
	}
}

// unfile takes an entry out, and what is empty without it.
func (f *finder[ID]) unfile(e *entry[ID]) {
	if e.home != nil {
		e.home.take(e)
	}
	if e.row == nil || e.home != nil && !e.home.empty() {
		return
	}
	delete(e.row.cells, e.hash)
	if len(e.row.cells) == 0 {
		f.equals = slices.DeleteFunc(f.equals, func(r *equals[ID]) bool { return r == e.row })
	}
}

// take is the reverse of place.
func (f *finder[ID]) take(e *entry[ID]) {
	e.list.drop(e)
	if e.span == nil || e.span.list.first != nil {
		return
	}
	i := slices.IndexFunc(f.spans, func(s *spans[ID]) bool { return s.column == e.span.atom.Column })
	if f.spans[i].remove(e.span); f.spans[i].root == nil {
		f.spans = slices.Delete(f.spans, i, i+1)
	}
}

func (f *finder[ID]) equalsFor(atoms predicate.All) *equals[ID] {
	for _, r := range f.equals {
		if slices.EqualFunc(r.columns, atoms, func(c predicate.Column, a predicate.Atom) bool { return c == a.Column }) {
			return r
		}
	}
	r := &equals[ID]{cells: map[uint64]cell[ID]{}}
	for _, a := range atoms {
		r.columns = append(r.columns, a.Column)
	}
	f.equals = append(f.equals, r)
	return r
}

func (f *finder[ID]) spansFor(c predicate.Column) *spans[ID] {
	for _, s := range f.spans {
		if s.column == c {
			return s
		}
	}
	s := &spans[ID]{column: c}
	f.spans = append(f.spans, s)
	return s
}

// visit names the observers whose conditions the row may meet.
func (f *finder[ID]) visit(l *look[ID]) {
	f.always.nameAll(l)
	f.others.check(l, (*entry[ID]).known)
	for _, r := range f.equals {
		r.visit(l)
	}
	for _, s := range f.spans {
		s.visit(l)
	}
}

// known is how many atoms need no look where an entry is found by its place.
func (e *entry[ID]) known() int { return e.filed }

// each calls f with every entry.
func (f *finder[ID]) each(visit func(*entry[ID])) {
	f.always.each(visit)
	f.others.each(visit)
	for _, r := range f.equals {
		r.each(visit)
	}
	for _, s := range f.spans {
		s.root.each(visit)
	}
}

func (r *equals[ID]) each(visit func(*entry[ID])) {
	for _, c := range r.cells {
		if c.one != nil {
			visit(c.one)
		} else {
			c.more.each(visit)
		}
	}
}

// visit looks under the row's values. Where one is not known every entry is
// checked by those that are.
func (r *equals[ID]) visit(l *look[ID]) {
	var space [96]byte
	key := space[:0]
	for i := range r.columns {
		c := &r.columns[i]
		at := slices.Index(l.columns, c.Name)
		known := predicate.Unknown
		if at >= 0 && at < len(l.row) {
			start := len(key)
			key = append(key, 0, 0, 0, 0)
			key, known = c.Row(key, l.row[at])
			binary.BigEndian.PutUint32(key[start:], uint32(len(key)-start-4))
		}
		if known == predicate.Unknown {
			r.each(func(e *entry[ID]) { e.visit(l, 0) })
			return
		}
	}
	switch c := r.cells[maphash.Bytes(seed, key)]; {
	case c.one != nil:
		c.one.visit(l, c.one.filed)
	case c.more != nil:
		c.more.visit(l)
	}
}

func (s *spans[ID]) visit(l *look[ID]) {
	var space [64]byte
	known := predicate.Unknown
	var key []byte
	if i := slices.Index(l.columns, s.column.Name); i >= 0 && i < len(l.row) {
		key, known = s.column.Row(space[:0], l.row[i])
	}
	switch known {
	case predicate.Unknown:
		s.root.each(func(e *entry[ID]) { e.visit(l, 0) })
	case predicate.IsKey:
		s.root.visit(key, start(key), l)
	}
}

// arrange puts the atoms in the order in which they are filed: equal of them
// compare for equality, and if bounded the next one by bounds.
func arrange(all predicate.All) (arranged predicate.All, equal int, bounded bool) {
	if len(all) == 1 { // most have one
		switch a := &all[0]; {
		case isEqual(a) && len(a.Keys) <= maxKeys:
			return all, 1, false
		default:
			return all, 0, a.Op == predicate.Range || a.Op == predicate.Like
		}
	}
	keys := 1
	var equals, ranges, rest predicate.All
	for _, a := range all {
		switch {
		case isEqual(&a) && keys*max(len(a.Keys), 1) <= maxKeys && !slices.ContainsFunc(equals, sameColumn(a)):
			keys *= max(len(a.Keys), 1)
			equals = append(equals, a)
		case len(ranges) == 0 && (a.Op == predicate.Range || a.Op == predicate.Like):
			ranges = append(ranges, a)
		default:
			rest = append(rest, a)
		}
	}
	slices.SortStableFunc(equals, func(a, b predicate.Atom) int { return compareColumns(a.Column, b.Column) })
	return append(append(equals, ranges...), rest...), len(equals), len(ranges) > 0
}

func sameColumn(a predicate.Atom) func(predicate.Atom) bool {
	return func(b predicate.Atom) bool { return a.Column.Name == b.Column.Name }
}

func isEqual(a *predicate.Atom) bool { return a.Op == predicate.In || a.Op == predicate.Null }

// seed is that of the hashes of values. Nobody outside knows it, so nobody can
// choose values that share one.
var seed = maphash.MakeSeed()

// keysOf returns the hash of each combination of values that the atoms allow,
// as visit writes them.
func keysOf(keys []uint64, prefix []byte, atoms predicate.All) []uint64 {
	if len(atoms) == 0 {
		return append(keys, maphash.Bytes(seed, prefix))
	}
	a := &atoms[0]
	if a.Op == predicate.Null {
		return keysOf(keys, append(prefix, 0, 0, 0, 0), atoms[1:])
	}
	values := a.Keys
	if planted.Is(planted.InLosesOne) && len(values) > 1 {
		values = values[1:]
	}
	for _, value := range values {
		next := binary.BigEndian.AppendUint32(slices.Clip(prefix), uint32(len(value)))
		keys = keysOf(keys, append(next, value...), atoms[1:])
	}
	return keys
}
