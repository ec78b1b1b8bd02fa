package affected

import (
	"slices"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/predicate"
)

// group is the dependencies on one table that a change touches alike: same
// columns, and rows known by the same key or not at all.
type group[ID comparable] struct {
	table   *table[ID]
	shape   string
	columns []string
	any     bool // AnyColumn is among columns

	places []*place[ID]
	stamp  uint64 // none of them is named for changes up to this one
	finder finder[ID]

	key  []string // nil: rows are not known
	held map[string][]holder[ID]
}

// place is one dependency of one observer.
type place[ID comparable] struct {
	observer *observer[ID]
	group    *group[ID]
	slot     int // in group.places

	where   predicate.Condition
	entries []*entry[ID] // of where

	keys  []string // what it holds, sorted, each once
	slots []int    // where in group.held[keys[i]]
}

// holder is one key of a place.
type holder[ID comparable] struct {
	place *place[ID]
	i     int // in place.keys
}

func newGroup[ID comparable](t *table[ID], shape string, d *Dependency) *group[ID] {
	g := &group[ID]{
		table:   t,
		shape:   shape,
		columns: slices.Clone(d.Columns),
		any:     slices.Contains(d.Columns, AnyColumn),
	}
	if d.rowsKnown() {
		g.key = slices.Clone(d.Held.Columns)
		g.held = map[string][]holder[ID]{}
	}
	return g
}

// visit names the observers that a change touches.
func (g *group[ID]) visit(c *change.Change, l *look[ID]) {
	l.columns = c.Columns
	if g.stamp >= l.stamp || !touches(c, g.columns, g.any) {
		return
	}
	if c.Kind == change.Delete && g.key != nil {
		if key, ok := keyOf(c, g.key); ok {
			for _, h := range g.held[key] {
				l.name(h.place.observer)
			}
			return
		}
	}
	if c.Kind == change.Everything || c.Kind != change.Insert && c.Old == nil || c.Kind != change.Delete && c.New == nil {
		g.all(l)
		return
	}
	if c.Old != nil && !planted.Is(planted.OldImageIgnored) {
		l.row = c.Old
		g.finder.visit(l)
	}
	if c.New != nil {
		l.row = c.New
		g.finder.visit(l)
	}
}

func (g *group[ID]) all(l *look[ID]) {
	if g.stamp >= l.stamp {
		return
	}
	g.stamp = l.last
	for _, p := range g.places {
		g.stamp = min(g.stamp, l.name(p.observer))
	}
}

func (g *group[ID]) add(o *observer[ID], where predicate.Condition, keys []string) *place[ID] {
	p := &place[ID]{observer: o, group: g, slot: len(g.places), where: where, keys: keys}
	g.places = append(g.places, p)
	if where == nil {
		p.entries = g.finder.file(o, nil)
	}
	for _, all := range where {
		p.entries = append(p.entries, g.finder.file(o, all)...)
	}
	if len(keys) > 0 {
		p.slots = make([]int, len(keys))
	}
	for i, key := range keys {
		p.slots[i] = len(g.held[key])
		g.held[key] = append(g.held[key], holder[ID]{p, i})
	}
	return p
}

func (g *group[ID]) drop(p *place[ID]) {
	last := len(g.places) - 1
	g.places[p.slot] = g.places[last]
	g.places[p.slot].slot = p.slot
	g.places[last] = nil
	g.places = g.places[:last]
	for _, e := range p.entries {
		g.finder.unfile(e)
	}
	for i, key := range p.keys {
		holders := g.held[key]
		last := len(holders) - 1
		moved := holders[last]
		holders[p.slots[i]] = moved
		moved.place.slots[moved.i] = p.slots[i]
		holders[last] = holder[ID]{}
		if g.held[key] = holders[:last]; last == 0 {
			delete(g.held, key)
		}
	}
}

// stillIs reports whether the dependency is the one that the place stands for.
func (p *place[ID]) stillIs(d *Dependency) bool {
	if p == nil || p.group.table.name != d.Table {
		return false
	}
	shape, keys := d.shape()
	return p.group.shape == shape && slices.Equal(p.keys, keys) && p.where.Equal(d.Where)
}
