package ivm_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/predicate"
)

var benchColumns = []string{"id", "name", "score"}

// benchPlan is a list by score, descending, from an offset on.
func benchPlan(offset, limit int) *ivm.Plan {
	number := predicate.Column{Kind: predicate.Number}
	return &ivm.Plan{
		Table: "ware", Columns: benchColumns, Offset: offset, Limit: limit, Counted: true,
		Order: []ivm.Term{{Column: 2, Desc: true, NullsLast: true, As: number}, {Column: 0, As: number}},
		Item: func(row []any, _ [][][]any) (diff.Item, error) {
			key := strconv.FormatInt(row[0].(int64), 10)
			return diff.Item{Key: key, Data: fmt.Appendf(nil, `{"id":%s,"name":%q,"score":%d}`, key, row[1], row[2])}, nil
		},
		Meta: func(s ivm.State) []byte { return strconv.AppendInt(nil, int64(s.Total), 10) },
	}
}

// BenchmarkStep is one row that gets another score, anywhere in its list, or out
// of a window and back. Lists of two lengths, windows at three places.
func BenchmarkStep(b *testing.B) {
	for _, rows := range []int{100, 100_000} {
		b.Run(fmt.Sprintf("list of %d", rows), func(b *testing.B) {
			benchStep(b, benchPlan(0, 0), rows, func(i int) int { return i * 7919 % rows })
		})
	}
	for _, at := range []int{0, 50_000, 99_000} {
		b.Run(fmt.Sprintf("window at %d", at), func(b *testing.B) {
			benchStep(b, benchPlan(at, 50), 100_000, func(i int) int { return at + i/2%50 })
		})
	}
}

// benchStep changes the score of the row that was at a place to begin with, in
// turn to any other and back.
func benchStep(b *testing.B, plan *ivm.Plan, rows int, place func(int) int) {
	row := func(i int) []any { return []any{int64(i + 1), "the ware of a number", int64(rows-i) * 1000} }
	from, to := 0, rows
	if plan.Limit > 0 {
		from = max(0, plan.Offset-ivm.Reserve(plan.Limit))
		to = min(rows, plan.Offset+plan.Limit+ivm.Reserve(plan.Limit))
	}
	read := &ivm.Rows{Before: from, Total: rows, More: to < rows}
	for i := from; i < to; i++ {
		read.List = append(read.List, ivm.Row{Values: row(i)})
	}
	result, err := ivm.New(plan, read)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	hits := []int{0}
	var away, home []any
	i := 0
	for b.Loop() {
		set := &change.Changeset{Changes: []change.Change{{Table: "ware", Kind: change.Update, Columns: benchColumns}}}
		if i%2 == 0 {
			home = row(place(i))
			away = []any{home[0], home[1], rand.Int64N(int64(rows))*1000 + 1}
			set.Changes[0].Old, set.Changes[0].New = home, away
		} else {
			set.Changes[0].Old, set.Changes[0].New = away, home
		}
		i++
		if v := result.Step(set, hits); v.Read != "" {
			b.Fatal(v.Read)
		}
	}
}
