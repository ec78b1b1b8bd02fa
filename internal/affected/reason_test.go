package affected

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/predicate"
)

// checkReasons is the law of Explain: it says that a changeset touches exactly
// where the index names the observer, its reasons agree with that, and what it
// says of the rows agrees with what decided.
func checkReasons(t *testing.T, reads []Dependency, set *change.Changeset, named bool) {
	t.Helper()
	touches, reasons, _ := Explain(reads, set, true)
	if touches != named {
		t.Fatalf("Explain says %t, the index %t: %s of %+v", touches, named, show(*set), reads)
	}
	any := false
	for _, r := range reasons {
		any = any || r.Touches
		if r.Touches != r.Cause.Touches() {
			t.Fatalf("%s: touches %t", r.Cause, r.Touches)
		}
		meets := false
		for _, image := range r.Images {
			meets = meets || image.Meets
		}
		if len(r.Images) > 0 && meets != r.Touches {
			t.Fatalf("%s: its images say %t", r, meets)
		}
	}
	if any != named {
		t.Fatalf("the reasons say %t, the index %t: %v", any, named, reasons)
	}
}

// TestReasons: what a person is told.
func TestReasons(t *testing.T) {
	read := []string{"id", "name", "owner", "price"}
	owner := predicate.Of(in(ownerColumn, int64(7)))
	prices := predicate.Of(between(priceColumn, int64(10), int64(20)))
	row := func(owner, price any) []any { return []any{int64(1), owner, price, "a secret"} }
	update := func(old, new []any) change.Change {
		return change.Change{Table: "goods", Kind: change.Update, Columns: goodsColumns, Old: old, New: new}
	}
	insert := func(new []any) change.Change {
		return change.Change{Table: "goods", Kind: change.Insert, Columns: goodsColumns, New: new}
	}
	tests := []struct {
		name            string
		where           predicate.Condition
		columns         []string
		c               change.Change
		values, without string
	}{
		{"old row", prices, read, update(row(int64(1), int64(15)), row(int64(1), int64(25))),
			"goods: update of price touches: the old row (price 15) meets price BETWEEN 10 AND 20",
			"goods: update of price touches: the old row meets price BETWEEN ? AND ?"},
		{"both rows", prices, read, update(row(int64(1), int64(15)), row(int64(1), int64(16))),
			"goods: update of price touches: the old row (price 15) and the new row (price 16) meet price BETWEEN 10 AND 20", ""},
		{"no row", owner, read, update(row(int64(3), int64(1)), row(int64(3), int64(2))),
			"goods: update of price does not touch: owner = 7 is not met by the old row (owner 3) or the new row (owner 3)",
			"goods: update of price does not touch: owner = ? is not met by the old row or the new row"},
		{"the part that fails", predicate.And(owner, prices), read, insert(row(int64(7), int64(1))),
			"goods: insert does not touch: price BETWEEN 10 AND 20 is not met by the new row (owner 7, price 1)", ""},
		{"one of two", append(owner, prices...), read, insert(row(int64(1), int64(12))),
			"goods: insert touches: the new row (owner 1, price 12) meets price BETWEEN 10 AND 20", ""},
		{"a value that is not known", owner, read, insert(row(change.Unknown, int64(12))),
			"goods: insert touches: the new row (owner unknown) may meet owner = 7", ""},
		{"no image", owner, read, update(nil, row(int64(1), int64(1))),
			"goods: update touches: the database did not give the whole row, so it may meet owner = 7", ""},
		{"other columns", nil, []string{"id", "name"}, update(row(int64(1), int64(1)), row(int64(1), int64(2))),
			"goods: update of price does not touch: it alters none of the columns read (id, name)", ""},
		{"a count", nil, nil, update(row(int64(1), int64(1)), row(int64(1), int64(2))),
			"goods: update of price does not touch: only rows that come and go count", ""},
		{"every row", nil, read, insert(row(int64(1), int64(1))), "goods: insert touches: every row counts", ""},
		{"everything", owner, read, change.Change{Table: "goods", Kind: change.Everything}, "goods: any row may have changed", ""},
		{"another table", owner, read, change.Change{Table: "other", Kind: change.Insert}, "other: insert does not touch: the table is not read", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reads := []Dependency{{Table: "goods", Columns: tt.columns, Where: tt.where}}
			set := &change.Changeset{Changes: []change.Change{tt.c}}
			_, reasons, _ := Explain(reads, set, true)
			if len(reasons) != 1 || reasons[0].String() != tt.values {
				t.Errorf("got  %v\nwant %s", reasons, tt.values)
			}
			_, reasons, _ = Explain(reads, set, false)
			if got := reasons[0].String(); tt.without != "" && got != tt.without {
				t.Errorf("without values\ngot  %s\nwant %s", got, tt.without)
			}
			text, err := json.Marshal(reasons)
			if err != nil || strings.ContainsAny(string(text), "0123456789") || strings.Contains(string(text), "secret") {
				t.Errorf("without values it shows one: %s %v", text, err)
			}
		})
	}
}

// TestManyReasons: a changeset of any size has few reasons, and what touches
// is among them wherever it stands.
func TestManyReasons(t *testing.T) {
	reads := []Dependency{{Table: "goods", Columns: goodsColumns, Where: predicate.Of(in(ownerColumn, int64(7)))}}
	set := &change.Changeset{}
	for i := range 10_000 {
		owner := int64(1)
		if i == 9_000 {
			owner = 7
		}
		set.Changes = append(set.Changes,
			change.Change{Table: "goods", Kind: change.Insert, Columns: goodsColumns, New: []any{int64(i), owner, nil, nil}},
			change.Change{Table: "other", Kind: change.Insert})
	}
	touches, reasons, more := Explain(reads, set, true)
	if !touches || len(reasons) != maxReasons || !reasons[0].Touches || more != 20_000-maxReasons {
		t.Errorf("%t, %d reasons, %d more, first %v", touches, len(reasons), more, reasons[0])
	}
}
