package observer

import (
	"hash/maphash"
	"slices"

	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/readset"
)

// hold tells of each table which rows an evaluation has read, where that is known
// of all statements that read it. sure says of each that it takes rows by itself
// (query.Query.Filter), and that the next evaluation would send it again.
func hold(list []affected.Dependency, uses []readset.Use, sure []bool) {
	known := map[string]*affected.Held{}
	for i := range list {
		d := &list[i]
		held, asked := known[d.Table]
		if !asked {
			held = heldOf(d.Table, uses, sure)
			known[d.Table] = held
		}
		d.Held = held
	}
}

// seed is that of the hashes of statements.
var seed = maphash.MakeSeed()

// heldOf are the rows of a table, nil where they are not known.
func heldOf(table string, uses []readset.Use, sure []bool) *affected.Held {
	var held *affected.Held
	for i, use := range uses {
		if !slices.ContainsFunc(use.Statement.Reads, func(r readset.Read) bool { return r.Table == table }) {
			continue
		}
		h := use.Held
		if !sure[i] || h == nil || h.Table != table {
			if planted.Is(planted.OthersTrusted) {
				continue
			}
			return nil
		}
		if held == nil {
			held = &affected.Held{Columns: h.Columns}
		}
		if len(held.Keys)+len(h.Keys) > readset.MaxHeld || !slices.Equal(held.Columns, h.Columns) {
			return nil
		}
		held.Keys = append(held.Keys, h.Keys...)
		held.By += maphash.String(seed, use.Statement.Text)
	}
	if held != nil {
		slices.Sort(held.Keys)
		held.Keys = slices.Clip(slices.Compact(held.Keys))
	}
	return held
}
