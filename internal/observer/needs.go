package observer

import (
	"slices"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/readset"
)

// Understood says how one statement of an evaluation was read.
type Understood struct {
	Statement *readset.Statement
	// Opaque is why it was not understood, "" where it was: then all rows of
	// its tables count.
	Opaque string
	// Needs has a condition for each table; Dropped what is not in them.
	Needs   []query.Need
	Dropped []query.Dropped
	// Ties is why its rows may stand in any order, "" where that is not seen.
	Ties string
}

// Needs says which rows of which tables matter to what was read, and which were
// read, where all of them are known. memory is the observer's own; what it says of
// the arguments counts from this evaluation on.
func Needs(reads *readset.Set, queries *query.Cache, memory *query.Arguments, now time.Time) ([]affected.Dependency, []Understood) {
	uses := reads.Uses()
	runs := make([]query.Run, len(uses))
	for i, use := range uses {
		runs[i] = query.Run{Query: queries.Read(use.Statement), Args: use.Args}
	}
	memory.Learn(runs)
	understood := make([]Understood, len(uses))
	var list []affected.Dependency
	wheres := map[string][]predicate.Condition{}
	sure := make([]bool, len(uses))
	for i, run := range runs {
		u := Understood{Statement: uses[i].Statement, Opaque: run.Query.Opaque, Ties: run.Query.Ties}
		trusted := memory.Trust(run.Query, now)
		u.Needs, u.Dropped = run.Query.Bind(u.Statement, run.Args, trusted)
		sure[i] = run.Query.Filter && run.Query.Steady(run.Args, trusted)
		for _, need := range u.Needs {
			key := need.Table + "\x00" + strings.Join(need.Columns, "\x00")
			if wheres[key] == nil {
				list = append(list, affected.Dependency{Table: need.Table, Columns: need.Columns})
			}
			wheres[key] = append(wheres[key], need.Where)
		}
		understood[i] = u
	}
	for i := range list {
		list[i].Where = predicate.Any(wheres[list[i].Table+"\x00"+strings.Join(list[i].Columns, "\x00")])
	}
	hold(list, uses, sure)
	for _, table := range reads.Declared() {
		list = append(list, affected.Dependency{Table: table, Columns: []string{affected.AnyColumn}})
	}
	slices.SortStableFunc(list, func(a, b affected.Dependency) int {
		if c := strings.Compare(a.Table, b.Table); c != 0 {
			return c
		}
		return slices.Compare(a.Columns, b.Columns)
	})
	return list, understood
}
