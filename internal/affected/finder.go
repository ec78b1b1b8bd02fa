package affected

import (
	"encoding/binary"
	"slices"

	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/predicate"
)

// maxKeys bounds the keys under which one conjunction is filed. What is beyond
// it is checked row by row.
const maxKeys = 4096

// entry is one conjunction of one place: filed by its first atoms, and checked
// by the rest of them.
type entry[ID comparable] struct {
	place *place[ID]
	all   predicate.All
	filed int // atoms of all that the place in the finder answers for
	list  *list[ID]
	slot  int // in list
	node  *span[ID]
	home  *finder[ID]
	row   *equals[ID]
	key   string // in row
}

// list holds entries in no order.
type list[ID comparable] struct {
	entries []*entry[ID]
	round   uint64 // the newest that named all of them
}

func (l *list[ID]) add(e *entry[ID]) {
	e.list, e.slot = l, len(l.entries)
	l.entries = append(l.entries, e)
}

func (l *list[ID]) drop(e *entry[ID]) {
	last := len(l.entries) - 1
	l.entries[e.slot] = l.entries[last]
	l.entries[e.slot].slot = e.slot
	l.entries[last] = nil
	if l.entries = l.entries[:last]; last == 0 {
		l.entries = nil
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

// equals files entries by the values of some columns.
type equals[ID comparable] struct {
	columns []predicate.Column
	finders map[string]*finder[ID]
}

// spans files entries by bounds of one column.
type spans[ID comparable] struct {
	column predicate.Column
	root   *span[ID]
}

// look is one row that is being looked up.
type look[ID comparable] struct {
	columns []string
	row     []any
	round   uint64
	name    func(*place[ID])
}

func (f *finder[ID]) empty() bool {
	return len(f.always.entries) == 0 && len(f.others.entries) == 0 && len(f.equals) == 0 && len(f.spans) == 0
}

// file adds a conjunction, under several keys where it allows several values.
func (f *finder[ID]) file(p *place[ID], all predicate.All) []*entry[ID] {
	all, equal, bounded := arrange(all)
	if equal == 0 {
		e := &entry[ID]{place: p, all: all, filed: 0}
		f.place(e, bounded)
		return []*entry[ID]{e}
	}
	row := f.equalsFor(all[:equal])
	var entries []*entry[ID]
	for _, key := range keysOf(nil, nil, all[:equal]) {
		e := &entry[ID]{place: p, all: all, filed: equal, row: row, key: key}
		home := row.finders[key]
		if home == nil {
			home = &finder[ID]{}
			row.finders[key] = home
		}
		home.place(e, bounded)
		entries = append(entries, e)
	}
	return entries
}

// place puts an entry by the atoms that are left of it.
func (f *finder[ID]) place(e *entry[ID], bounded bool) {
	e.home = f
	switch {
	case bounded:
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
	e.list.drop(e)
	home := e.home
	if e.node != nil && len(e.list.entries) == 0 {
		i := slices.IndexFunc(home.spans, func(s *spans[ID]) bool { return s.column == e.node.atom.Column })
		if home.spans[i].remove(e.node); home.spans[i].root == nil {
			home.spans = slices.Delete(home.spans, i, i+1)
		}
	}
	if e.row == nil || !home.empty() {
		return
	}
	delete(e.row.finders, e.key)
	if len(e.row.finders) == 0 {
		f.equals = slices.DeleteFunc(f.equals, func(r *equals[ID]) bool { return r == e.row })
	}
}

func (f *finder[ID]) equalsFor(atoms predicate.All) *equals[ID] {
	for _, r := range f.equals {
		if slices.EqualFunc(r.columns, atoms, func(c predicate.Column, a predicate.Atom) bool { return c == a.Column }) {
			return r
		}
	}
	r := &equals[ID]{finders: map[string]*finder[ID]{}}
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

// visit names the places whose conditions the row may meet.
func (f *finder[ID]) visit(l *look[ID]) {
	f.always.nameAll(l)
	for _, e := range f.others.entries {
		e.visit(l, e.filed)
	}
	for _, r := range f.equals {
		r.visit(l)
	}
	for _, s := range f.spans {
		s.visit(l)
	}
}

func (e *entry[ID]) visit(l *look[ID], from int) {
	if e.place.observer.round != l.round && e.all[from:].MetBy(l.columns, l.row) {
		l.name(e.place)
	}
}

func (l *list[ID]) nameAll(look *look[ID]) {
	if l.round == look.round {
		return
	}
	l.round = look.round
	for _, e := range l.entries {
		look.name(e.place)
	}
}

// each calls f with every entry.
func (f *finder[ID]) each(visit func(*entry[ID])) {
	for _, e := range f.always.entries {
		visit(e)
	}
	for _, e := range f.others.entries {
		visit(e)
	}
	for _, r := range f.equals {
		for _, f := range r.finders {
			f.each(visit)
		}
	}
	for _, s := range f.spans {
		s.root.each(visit)
	}
}

// visit looks under the row's values. Where one is not known every entry is
// checked by those that are.
func (r *equals[ID]) visit(l *look[ID]) {
	var space [96]byte
	key := space[:0]
	for _, c := range r.columns {
		i := slices.Index(l.columns, c.Name)
		known := predicate.Unknown
		if i >= 0 && i < len(l.row) {
			start := len(key)
			key = append(key, 0, 0, 0, 0)
			key, known = c.Row(key, l.row[i])
			binary.BigEndian.PutUint32(key[start:], uint32(len(key)-start-4))
		}
		if known == predicate.Unknown {
			for _, f := range r.finders {
				f.each(func(e *entry[ID]) { e.visit(l, 0) })
			}
			return
		}
	}
	if f := r.finders[string(key)]; f != nil {
		f.visit(l)
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

// keysOf returns each combination of values that the atoms allow, as visit
// writes them.
func keysOf(keys []string, prefix []byte, atoms predicate.All) []string {
	if len(atoms) == 0 {
		return append(keys, string(prefix))
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
		next := binary.BigEndian.AppendUint32(slices.Clone(prefix), uint32(len(value)))
		keys = keysOf(keys, append(next, value...), atoms[1:])
	}
	return keys
}
