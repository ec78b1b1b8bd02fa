// Package affected answers which observers a changeset may touch.
//
// An Index holds what each observer read of each table. It may name an
// observer whose list stays the same; it never leaves out one whose list does
// not, as long as the dependencies it was given are true. A change costs
// O(log n + hits) for each different set of columns that somebody reads or
// compares, however many observers there are, and so does adding, replacing
// and removing one. Conditions that compare nothing but <> and the like are
// checked one by one, and a value that the database did not give is checked
// against all who compare it, but for those who know which rows they hold.
//
// An Index belongs to one goroutine: it takes no concurrent use.
//
// Pipeline: source → [affected] → observer.
package affected

import (
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/predicate"
)

// AnyColumn stands among a dependency's columns for all of them: every change
// of the table counts.
const AnyColumn = "*"

// Dependency is what an observer read of one table.
type Dependency struct {
	Table string
	// Columns are those whose values matter. None: only rows that come or go
	// do.
	Columns []string
	// Where is met by every row that matters: one that does not meet it may
	// come, go and change unnoticed. Nil: every row matters.
	Where predicate.Condition
	// Held lists the rows of Table that the observer read, where it knows all
	// of them; nil where it may have read others too.
	Held *Held
}

// Held names rows by their keys: the rows that went into a list, those that it
// skipped (an offset) or only counted included. What a row was before that is
// not held does not matter then: it may leave the table, and be altered to one
// that does not meet Where.
type Held struct {
	// Columns are the table's key.
	Columns []string
	// Keys are change.AppendKey of the values of Columns, as the images of
	// changes have them, sorted.
	Keys []string
	// By is equal for rows that were read by the same statements, 0 where nobody
	// asks.
	By uint64
}

// Index finds the observers that depend on what changed. ID names an observer.
type Index[ID comparable] struct {
	observers map[ID]*observer[ID]
	tables    map[string]*table[ID]
	stamp     uint64 // the newest: one for each change that was looked up
}

// New makes an empty index.
func New[ID comparable]() *Index[ID] {
	return &Index[ID]{observers: map[ID]*observer[ID]{}, tables: map[string]*table[ID]{}}
}

// observer is one observer and its places in the index.
type observer[ID comparable] struct {
	id     ID
	places []*place[ID]
	stamp  uint64 // it is not named for changes up to this one
}

// table is all that is known about the readers of one table.
type table[ID comparable] struct {
	name   string
	groups map[string]*group[ID]
	order  []*group[ID] // the same, for a walk
}

// Len returns the number of observers.
func (x *Index[ID]) Len() int { return len(x.observers) }

// Replace sets what an observer depends on, in place of what it did before.
// Nothing of reads is kept. It is cheap where nothing is different.
func (x *Index[ID]) Replace(id ID, reads []Dependency) {
	o := x.observers[id]
	if o == nil {
		o = &observer[ID]{id: id}
		x.observers[id] = o
	}
	before := o.places
	o.places = make([]*place[ID], 0, len(reads))
	for i := range reads {
		if i < len(before) && before[i].stillIs(&reads[i]) {
			o.places = append(o.places, before[i])
			before[i] = nil
			continue
		}
		o.places = append(o.places, x.add(o, &reads[i]))
	}
	for _, p := range before {
		x.drop(p)
	}
}

// Remove forgets an observer. One that is not there is no error.
func (x *Index[ID]) Remove(id ID) {
	o := x.observers[id]
	if o == nil {
		return
	}
	for _, p := range o.places {
		x.drop(p)
	}
	delete(x.observers, id)
}

// Hold adds rows to those that an observer holds of a table, by their keys: to
// each of its dependencies on it that has Held. One that is there is no error.
func (x *Index[ID]) Hold(id ID, table string, keys ...string) {
	for _, p := range x.placesOf(id) {
		if p.group.table.name == table && p.group.held != nil {
			for _, key := range keys {
				p.hold(key)
			}
		}
	}
}

// Release takes rows out again. One that is not there is no error.
func (x *Index[ID]) Release(id ID, table string, keys ...string) {
	for _, p := range x.placesOf(id) {
		if p.group.table.name == table && p.group.held != nil {
			for _, key := range keys {
				p.release(key)
			}
		}
	}
}

func (x *Index[ID]) placesOf(id ID) []*place[ID] {
	if o := x.observers[id]; o != nil {
		return o.places
	}
	return nil
}

// Affected calls visit once for each observer that the changeset may touch, in
// no order. visit must not use the index.
func (x *Index[ID]) Affected(set *change.Changeset, visit func(ID)) {
	x.walk(set, &look[ID]{once: visit})
}

// Hits calls visit for each observer that the changeset may touch with each of
// the changes that may do so: its place in set.Changes, in their order; −1 for
// a changeset of everything. An observer for which visit returns false is not
// named again. visit must not use the index.
func (x *Index[ID]) Hits(set *change.Changeset, visit func(id ID, change int) (more bool)) {
	x.walk(set, &look[ID]{visit: visit})
}

func (x *Index[ID]) walk(set *change.Changeset, l *look[ID]) {
	l.set, l.stamp, l.change = set, x.stamp, -1
	l.last = x.stamp + uint64(len(set.Changes)) + 1
	x.stamp = l.last
	if set.Everything {
		l.stamp++
		for _, t := range x.tables {
			for _, g := range t.order {
				g.all(l)
			}
		}
		return
	}
	for i := range set.Changes {
		c := &set.Changes[i]
		l.stamp++
		l.change = i
		t := x.tables[c.Table]
		if t == nil {
			continue
		}
		for _, g := range t.order {
			g.visit(c, l)
		}
	}
}

func (x *Index[ID]) add(o *observer[ID], d *Dependency) *place[ID] {
	t := x.tables[d.Table]
	if t == nil {
		t = &table[ID]{name: d.Table, groups: map[string]*group[ID]{}}
		x.tables[d.Table] = t
	}
	shape, keys := d.shape()
	g := t.groups[shape]
	if g == nil {
		g = newGroup[ID](t, shape, d)
		t.groups[shape] = g
		t.order = append(t.order, g)
	}
	return g.add(o, d.Where, keys)
}

// drop takes a place out, and what is empty without it. Nil is no place.
func (x *Index[ID]) drop(p *place[ID]) {
	if p == nil {
		return
	}
	g := p.group
	g.drop(p)
	if len(g.places) > 0 {
		return
	}
	t := g.table
	delete(t.groups, g.shape)
	for i := range t.order {
		if t.order[i] == g {
			t.order[i] = t.order[len(t.order)-1]
			t.order = t.order[:len(t.order)-1]
			break
		}
	}
	if len(t.order) == 0 {
		delete(x.tables, t.name)
	}
}
