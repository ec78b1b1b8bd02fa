package ivm_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
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

// BenchmarkFanOut is one row that gets another score, in each of 25 lists of 500
// that overlap.
func BenchmarkFanOut(b *testing.B) {
	const lists, length, seen = 500, 250, 25
	owners := length / 10
	row := func(i int, score int64) []any { return []any{int64(i + 1), "the ware of a number", score} }
	scores := make([]int64, lists*10)
	for i := range scores {
		scores[i] = rand.Int64N(1 << 40)
	}
	results := make([]*ivm.Result, lists)
	for l := range results {
		read := &ivm.Rows{Total: length}
		for i := range owners * 10 {
			at := (l*10 + i) % len(scores)
			read.List = append(read.List, ivm.Row{Values: row(at, scores[at])})
		}
		slices.SortFunc(read.List, func(a, b ivm.Row) int { return cmp.Compare(b.Values[2].(int64), a.Values[2].(int64)) })
		var err error
		if results[l], err = ivm.New(benchPlan(0, 500), read); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	hits := []int{0}
	for i := 0; b.Loop(); i++ {
		at := i * 7919 % len(scores)
		set := &change.Changeset{Changes: []change.Change{{Table: "ware", Kind: change.Update, Columns: benchColumns}}}
		set.Changes[0].Old = row(at, scores[at])
		scores[at] = rand.Int64N(1 << 40)
		set.Changes[0].New = row(at, scores[at])
		for j := range seen {
			l := (at/10 - j + lists) % lists
			if v := results[l].Step(set, hits); v.Read != "" || len(v.Ops) == 0 {
				b.Fatal(v.Read)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*seen), "ns/list")
}
