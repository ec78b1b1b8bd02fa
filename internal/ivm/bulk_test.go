package ivm_test

import (
	"fmt"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/ivm"
)

// BenchmarkBulk is what one transaction of many rows costs a window, and what
// it costs to load rows in place of it, without the reading of them.
func BenchmarkBulk(b *testing.B) {
	plan := benchPlan(0, 50)
	row := func(i int) []any { return []any{int64(i), "the ware of a number", int64(20_000-i) * 10} }
	rows := &ivm.Rows{Total: 20_000, More: true}
	for i := range 50 + ivm.Reserve(50) {
		rows.List = append(rows.List, ivm.Row{Values: row(i)})
	}
	for _, changes := range []int{125, 500} {
		set, hits := &change.Changeset{}, []int(nil)
		for i := range changes {
			old := row(19_999 - i)
			after := []any{old[0], old[1], old[2].(int64) + 1}
			set.Changes = append(set.Changes, change.Change{Kind: change.Update, Table: "ware", Columns: benchColumns, Old: old, New: after})
			hits = append(hits, i)
		}
		b.Run(fmt.Sprintf("step of %d", changes), func(b *testing.B) {
			for b.Loop() {
				result, err := ivm.New(plan, rows)
				if err != nil {
					b.Fatal(err)
				}
				if v := result.Step(set, hits); v.Read != "" {
					b.Fatal(v.Read)
				}
			}
		})
	}
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if _, err := ivm.New(plan, rows); err != nil {
				b.Fatal(err)
			}
		}
	})
}
