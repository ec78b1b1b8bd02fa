package ivm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/predicate"
)

// nesting holds the rows of one other table that belong to rows of the tree.
type nesting struct {
	*Nested
	// blind is why rows cannot be told apart or placed in memory, "" where they
	// can.
	blind  string
	names  naming
	space  []byte
	groups map[string]*group // by the values that parents and children share
	// changed are those that a step changed.
	changed []*group
	bytes   int
}

// group is the rows that belong to all parents with the same values.
type group struct {
	parents map[string]struct{} // sort keys of rows of the tree
	known   bool                // rows are all there are
	changed bool                // in this step
	rows    []child
}

type child struct {
	key    string
	values []any
}

const groupBeside = 200

func newNesting(n *Nested, names naming) *nesting {
	return &nesting{Nested: n, names: names, groups: map[string]*group{}}
}

// share is what a row shares with those that belong to it. It belongs to
// nobody, and nobody to it, where a value is NULL.
func (n *nesting) share(values []any, places []int) (key string, shared, known bool) {
	to := n.space[:0]
	for i, place := range places {
		if values[place] == nil {
			return "", false, true
		}
		if to, known = predicate.AppendSortKey(to, values[place], n.Compare[i], false, false); !known {
			return "", false, false
		}
	}
	n.space = to
	return string(to), true, true
}

func (n *nesting) key(values []any) (key string, known bool) {
	to := n.space[:0]
	for i := range n.Order {
		if to, known = n.Order[i].append(to, values); !known {
			return "", false
		}
	}
	n.space = to
	return string(to), len(n.Order) > 0
}

// hold takes in a row of the tree. Rows that belong to it are known where they
// belong to another row too.
func (n *nesting) hold(key string, values []any) *group {
	share, shared, known := n.share(values, n.Parent)
	if !known {
		n.blind = "which rows are nested in an item is not known"
	}
	if !shared {
		return nil
	}
	g := n.groups[share]
	if g == nil {
		g = &group{parents: map[string]struct{}{}}
		n.groups[share] = g
		n.bytes += groupBeside + len(share)
	}
	if _, held := g.parents[key]; !held {
		g.parents[key] = struct{}{}
		n.bytes += valueBeside + len(key)
	}
	return g
}

// release lets go of a row of the tree.
func (n *nesting) release(key string, values []any) {
	share, _, _ := n.share(values, n.Parent)
	g := n.groups[share]
	if g == nil {
		return
	}
	delete(g.parents, key)
	n.bytes -= valueBeside + len(key)
	if len(g.parents) == 0 {
		delete(n.groups, share)
		n.bytes -= groupBeside + len(share)
		for i := range g.rows {
			n.bytes -= g.rows[i].weigh()
		}
	}
}

// moves reports whether two images of a row have other rows nested in them.
func (n *nesting) moves(old, new []any) bool {
	from, _, _ := n.share(old, n.Parent)
	to, _, _ := n.share(new, n.Parent)
	return from != to
}

// load takes in a row that was read, with those that belong to it.
func (n *nesting) load(key string, values []any, rows [][]any) error {
	g := n.hold(key, values)
	if g == nil || g.known || n.blind != "" {
		return nil
	}
	g.known = true
	for _, row := range rows {
		if len(row) != len(n.Columns) {
			return fmt.Errorf("ivm: a nested row has %d values for %d columns", len(row), len(n.Columns))
		}
		key, known := n.key(row)
		if !known {
			n.blind = "where a nested row stands among others is not known"
			return nil
		}
		if last := len(g.rows) - 1; last >= 0 && g.rows[last].key >= key {
			return fmt.Errorf("ivm: nested rows of %s are in another order to the database than to the plan", n.Table)
		}
		g.rows = append(g.rows, child{key, row})
		n.bytes += g.rows[len(g.rows)-1].weigh()
	}
	return nil
}

// change takes in a change of the nested table.
func (n *nesting) change(c *change.Change) string {
	switch {
	case n.blind != "":
		return n.blind
	case c.Kind == change.Everything:
		return "any row of a nested table may have changed"
	}
	old, new := n.names.image(c.Columns, c.Old, n.Columns), n.names.image(c.Columns, c.New, n.Columns)
	if c.Kind == change.Update && old != nil && new != nil && slices.EqualFunc(old, new, change.Equal) {
		return ""
	}
	if c.Kind != change.Insert {
		if read := n.alter(old, false); read != "" {
			return read
		}
	}
	if c.Kind != change.Delete {
		return n.alter(new, true)
	}
	return ""
}

// alter puts a nested row in, or takes it out.
func (n *nesting) alter(values []any, put bool) string {
	if values == nil {
		return "of a nested row nothing is known"
	}
	share, shared, known := n.share(values, n.Child)
	if !known {
		return "to which item a nested row belongs is not known"
	}
	g := n.groups[share]
	if !shared || g == nil || !g.known {
		return ""
	}
	key, known := n.key(values)
	if !known || put && slices.ContainsFunc(values, isUnknown) {
		return "of a nested row not every value is known"
	}
	i, found := slices.BinarySearchFunc(g.rows, key, func(c child, key string) int { return strings.Compare(c.key, key) })
	if found == put {
		return "what changed does not fit the nested rows that are held"
	}
	if !g.changed && !planted.Is(planted.NestedStale) {
		g.changed = true
		n.changed = append(n.changed, g)
	}
	if put {
		g.rows = slices.Insert(g.rows, i, child{key, slices.Clone(values)})
		n.bytes += g.rows[i].weigh()
	} else {
		n.bytes -= g.rows[i].weigh()
		g.rows = slices.Delete(g.rows, i, i+1)
	}
	return ""
}

// of returns the rows that belong to a row of the tree.
func (n *nesting) of(values []any) (rows [][]any, known bool) {
	share, shared, known := n.share(values, n.Parent)
	if !shared {
		return nil, known
	}
	g := n.groups[share]
	if n.blind != "" || g == nil || !g.known {
		return nil, planted.Is(planted.NestedGuessed)
	}
	rows = make([][]any, len(g.rows))
	for i := range g.rows {
		rows[i] = g.rows[i].values
	}
	return rows, true
}

func (c *child) weigh() int { return rowBeside + len(c.key) + weighValues(c.values) }
