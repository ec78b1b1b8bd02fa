package ivm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/ivm"
)

// TestItemsThatFail: where no item can be made of a row the step asks for a
// read, and the read says why; the list stands as it was.
func TestItemsThatFail(t *testing.T) {
	for name, fail := range map[string]func() error{
		"an error": func() error { return errors.New("no such luck") },
		"a panic":  func() error { panic("no such luck") },
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(1)
			m.plan.Match, m.plan.Offset, m.plan.Limit, m.plan.Counted = nil, 0, 0, false
			make := m.plan.Item
			m.plan.Item = func(row []any, nested [][][]any) (diff.Item, error) {
				if row[1] == int64(3) {
					if err := fail(); err != nil {
						return diff.Item{}, err
					}
				}
				return make(row, nested)
			}
			good, bad := []any{int64(1), int64(1), nil}, []any{int64(2), int64(3), nil}
			result, err := ivm.New(m.plan, &ivm.Rows{List: []ivm.Row{{Values: good}}})
			if err != nil {
				t.Fatal(err)
			}
			set := &change.Changeset{Changes: []change.Change{{Table: "t", Kind: change.Insert, Columns: modelColumns, New: bad}}}
			if v := result.Step(set, []int{0}); !strings.Contains(v.Read, "no such luck") || result.Items().Len() != 1 {
				t.Errorf("verdict %+v, %d items", v, result.Items().Len())
			}
			if v := result.Step(&change.Changeset{}, nil); v.Read == "" {
				t.Error("it steps on from what it does not know")
			}
			if _, err := result.Load(&ivm.Rows{List: []ivm.Row{{Values: bad}}}); err == nil || !strings.Contains(err.Error(), "no such luck") {
				t.Errorf("loaded: %v", err)
			}
		})
	}
}
