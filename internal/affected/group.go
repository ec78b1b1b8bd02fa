package affected

import (
	"slices"
	"strings"

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
	held map[string][]*hold[ID]
}

// place is one dependency of one observer.
type place[ID comparable] struct {
	observer *observer[ID]
	group    *group[ID]
	slot     int // in group.places

	where   predicate.Condition
	entries []*entry[ID] // of where

	holds []*hold[ID] // the rows that it holds, by their keys, each once
}

// hold is one row that one place holds.
type hold[ID comparable] struct {
	place *place[ID]
	key   string
	slot  int // in group.held[key]
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
		g.held = map[string][]*hold[ID]{}
	}
	return g
}

// visit names the observers that a change touches.
func (g *group[ID]) visit(c *change.Change, l *look[ID]) {
	l.columns = c.Columns
	if g.stamp >= l.stamp || !touches(c, g.columns, g.any) {
		return
	}
	if g.key != nil {
		earlier := g.earlier(l)
		known := c.Kind != change.Insert && g.visitHolders(c, l, earlier)
		if row, ok := c.NewKey(g.key); ok && earlier != nil {
			earlier[row] = l.change
		}
		if known {
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

// visitHolders names those who hold the row that there was before a change, and
// those to whose condition the row now may matter, or did as the transaction had
// made it before. It is false where the row is not known.
func (g *group[ID]) visitHolders(c *change.Change, l *look[ID], earlier map[string]int) bool {
	if c.Kind == change.Everything || c.Kind == change.Update && c.New == nil {
		return false
	}
	key, known := c.OldKey(g.key)
	if !known {
		return false
	}
	if !planted.Is(planted.HoldersForgotten) {
		for _, h := range g.held[key] {
			l.name(h.place.observer)
		}
	}
	if i, there := earlier[key]; there && !planted.Is(planted.EarlierForgotten) {
		before := &l.set.Changes[i]
		l.columns, l.row = before.Columns, before.New
		g.finder.visit(l)
		l.columns = c.Columns
	}
	if c.Kind == change.Update {
		l.row = c.New
		g.finder.visit(l)
	}
	return true
}

// earlier has the newest change so far of each row of a transaction that is being
// looked up, nil where there is one change alone. Who holds a row that it has
// altered is not known before all of it is taken in.
func (g *group[ID]) earlier(l *look[ID]) map[string]int {
	if len(l.set.Changes) == 1 {
		return nil
	}
	if l.earlier == nil {
		l.earlier = map[*group[ID]]map[string]int{}
	}
	if l.earlier[g] == nil {
		l.earlier[g] = map[string]int{}
	}
	return l.earlier[g]
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
	p := &place[ID]{observer: o, group: g, slot: len(g.places), where: where}
	g.places = append(g.places, p)
	if where == nil {
		p.entries = g.finder.file(o, nil)
	}
	for _, all := range where {
		p.entries = append(p.entries, g.finder.file(o, all)...)
	}
	if len(keys) > 0 {
		p.holds = make([]*hold[ID], 0, len(keys))
	}
	for _, key := range keys { // sorted
		p.holds = append(p.holds, g.take(p, key))
	}
	return p
}

// take files a row that a place holds.
func (g *group[ID]) take(p *place[ID], key string) *hold[ID] {
	holders := g.held[key]
	if len(holders) > 0 {
		key = holders[0].key // one text for all
	}
	h := &hold[ID]{p, key, len(holders)}
	g.held[key] = append(holders, h)
	return h
}

// leave is the reverse of take.
func (g *group[ID]) leave(h *hold[ID]) {
	holders := g.held[h.key]
	last := len(holders) - 1
	moved := holders[last]
	holders[h.slot], moved.slot = moved, h.slot
	holders[last] = nil
	if g.held[h.key] = holders[:last]; last == 0 {
		delete(g.held, h.key)
	}
}

func (p *place[ID]) find(key string) (int, bool) {
	return slices.BinarySearchFunc(p.holds, key, func(h *hold[ID], key string) int { return strings.Compare(h.key, key) })
}

func (p *place[ID]) hold(key string) {
	if i, there := p.find(key); !there {
		p.holds = slices.Insert(p.holds, i, p.group.take(p, key))
	}
}

func (p *place[ID]) release(key string) {
	if i, there := p.find(key); there {
		p.group.leave(p.holds[i])
		p.holds = slices.Delete(p.holds, i, i+1)
	}
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
	for _, h := range p.holds {
		g.leave(h)
	}
}

// stillIs reports whether the dependency is the one that the place stands for.
func (p *place[ID]) stillIs(d *Dependency) bool {
	if p == nil || p.group.table.name != d.Table {
		return false
	}
	shape, keys := d.shape()
	return p.group.shape == shape && p.where.Equal(d.Where) &&
		slices.EqualFunc(p.holds, keys, func(h *hold[ID], key string) bool { return h.key == key })
}
