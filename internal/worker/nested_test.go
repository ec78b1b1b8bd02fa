package worker

import (
	"testing"

	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/predicate"
)

// TestNestedRowsAllCount: a row that belongs to none that the list had when it
// was read may belong to one that a step brings.
func TestNestedRowsAllCount(t *testing.T) {
	owner := predicate.Column{Name: "post", Kind: predicate.Number, Collation: predicate.Binary}
	key, _ := owner.Argument(nil, int64(1))
	ofFirst := predicate.Of(predicate.Atom{Column: owner, Op: predicate.In, Keys: []string{string(key)}})
	plan := &ivm.Plan{Table: "post", Nested: []ivm.Nested{{Table: "tag", Columns: []string{"id", "post", "text"}}}}
	reads := withNested([]affected.Dependency{
		{Table: "post", Columns: []string{"id"}, Where: ofFirst},
		{Table: "tag", Columns: []string{"post", "text"}, Where: ofFirst},
		{Table: "tag", Columns: []string{"color"}, Where: ofFirst},
	}, plan)
	want := []affected.Dependency{
		{Table: "post", Columns: []string{"id"}, Where: ofFirst},
		{Table: "tag", Columns: []string{"color"}},
		{Table: "tag", Columns: []string{"id", "post", "text"}},
	}
	if !affected.Same(reads, want) {
		t.Errorf("got %+v, want %+v", reads, want)
	}
	// The list had no row, so nothing nested was read at all.
	if reads := withNested(nil, plan); !affected.Same(reads, want[2:]) {
		t.Errorf("of nothing: got %+v", reads)
	}
}
