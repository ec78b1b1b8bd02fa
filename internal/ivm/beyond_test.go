package ivm_test

import (
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/ivm"
)

// TestBeyond: a change of a row that the condition on others looks at is not
// looked for among the rows that are held.
func TestBeyond(t *testing.T) {
	for _, tt := range []struct {
		name, table string
		beyond      []string
		read        bool
	}{
		{"another table", "team", nil, true},
		{"another table that is named", "team", []string{"team"}, true},
		{"the own table", "t", nil, false},
		{"the own table, looked at by others' conditions", "t", []string{"t"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newModel(1)
			m.plan.Match = func([]any) ivm.Truth { return ivm.False }
			m.plan.Beyond = tt.beyond
			result, err := ivm.New(m.plan, &ivm.Rows{})
			if err != nil {
				t.Fatal(err)
			}
			set := &change.Changeset{Changes: []change.Change{{Table: tt.table, Kind: change.Insert, Columns: modelColumns, New: []any{int64(1), int64(1), int64(1)}}}}
			if v := result.Step(set, []int{0}); (v.Read != "") != tt.read || len(v.Ops) > 0 {
				t.Errorf("verdict %+v", v)
			}
		})
	}
}
