package affected

import (
	"fmt"
	"slices"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/readset"
)

var ticketColumns = []string{"id", "title", "score"}

// insert, update and remove are changes of the table ticket.
func insert(values ...any) change.Change {
	return change.Change{Table: "ticket", Kind: change.Insert, Columns: ticketColumns, New: values}
}

func remove(values ...any) change.Change {
	return change.Change{Table: "ticket", Kind: change.Delete, Columns: ticketColumns, Old: values}
}

func update(old, new []any) change.Change {
	return change.Change{Table: "ticket", Kind: change.Update, Columns: ticketColumns, Old: old, New: new}
}

func row(values ...any) []any { return values }

func hits(x *Index[string], set change.Changeset) []string {
	var ids []string
	x.Affected(&set, func(id string) { ids = append(ids, id) })
	slices.Sort(ids)
	return ids
}

func held(keys ...int64) *Held {
	h := &Held{Columns: []string{"id"}}
	for _, key := range keys {
		h.Keys = append(h.Keys, keyOf(key))
	}
	slices.Sort(h.Keys)
	return h
}

// keyOf is a key as Held has it.
func keyOf(values ...any) string {
	key, ok := change.AppendKey(nil, values...)
	if !ok {
		panic(fmt.Sprintf("no key: %v", values))
	}
	return string(key)
}

// readers are observers and what they depend on.
var readers = map[string][]Dependency{
	"titles":   {{Table: "ticket", Columns: []string{"id", "title"}}},
	"titles 2": {{Table: "ticket", Columns: []string{"title", "id", "title"}}},
	"scores":   {{Table: "ticket", Columns: []string{"score"}}},
	"count":    {{Table: "ticket"}},
	"declared": {{Table: "ticket", Columns: []string{AnyColumn}}},
	"holds 1":  {{Table: "ticket", Columns: []string{"id", "title"}, Held: held(1)}},
	"holds 12": {{Table: "ticket", Columns: []string{"id", "title"}, Held: held(1, 2, 1)}},
	"holds 0":  {{Table: "ticket", Columns: []string{"id", "title"}, Held: held()}},
	"join":     {{Table: "project", Columns: []string{"name"}}, {Table: "ticket", Columns: []string{"score"}}},
	"project":  {{Table: "project", Columns: []string{"name"}}},
	"nothing":  nil,
}

var (
	everybody = []string{"count", "declared", "holds 0", "holds 1", "holds 12", "join", "project", "scores", "titles", "titles 2"}
	ofTicket  = without(everybody, "project")
	ofTitle   = without(ofTicket, "count", "join", "scores")
)

func without(ids []string, some ...string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(some, id) })
}

func changes(c ...change.Change) change.Changeset { return change.Changeset{Changes: c} }

func TestAffected(t *testing.T) {
	x := New[string]()
	for id, reads := range readers {
		x.Replace(id, reads)
	}
	one, zero := int64(1), int64(0)
	tests := []struct {
		name string
		set  change.Changeset
		want []string
	}{
		{"nothing happened", changes(), nil},
		{"a table that nobody reads", changes(change.Change{Table: "other", Kind: change.Insert}), nil},
		{"insert", changes(insert(int64(3), "c", zero)), ofTicket},
		{"update of a title", changes(update(row(one, "a", zero), row(one, "b", zero))), ofTitle},
		{
			"update of a score",
			changes(update(row(one, "a", zero), row(one, "a", one))),
			[]string{"declared", "join", "scores"},
		},
		{"update to the same", changes(update(row(one, "a", zero), row(one, "a", zero))), []string{"declared"}},
		{
			"update of a value that the log leaves out",
			changes(update(row(one, change.Unknown, zero), row(one, "a", zero))),
			ofTitle,
		},
		{"update without an old image", changes(update(nil, row(int64(3), "a", zero))), ofTicket},
		{"update of a key", changes(update(row(one, "a", zero), row(int64(3), "a", zero))), ofTitle},
		{"delete of a row that one holds", changes(remove(int64(2), "b", zero)), without(ofTicket, "holds 0", "holds 1")},
		{"delete that tells the key only", changes(remove(one, change.Unknown, change.Unknown)), without(ofTicket, "holds 0")},
		{
			"delete of a row that none holds",
			changes(remove(int64(3), "c", zero)),
			without(ofTicket, "holds 0", "holds 1", "holds 12"),
		},
		{"delete without an image", changes(remove()), ofTicket},
		{"delete of an unknown key", changes(remove(change.Unknown, "c", zero)), ofTicket},
		{"everything in a table", changes(change.Change{Table: "ticket", Kind: change.Everything}), ofTicket},
		{"everything", change.Changeset{Everything: true}, everybody},
		{
			"several changes name each once",
			changes(
				remove(one, "a", zero),
				update(row(int64(2), "a", zero), row(int64(2), "b", one)),
				change.Change{Table: "project", Kind: change.Insert},
			),
			everybody,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := hits(x, tt.set); !slices.Equal(got, tt.want) {
				t.Errorf("Affected\n got %q\nwant %q", got, tt.want)
			}
			for id, reads := range readers {
				if got := Touches(reads, &tt.set); got != slices.Contains(tt.want, id) {
					t.Errorf("Touches for %q = %t", id, got)
				}
			}
		})
	}
}

// TestRowsNotKnown: what is said of rows does not count where it cannot be
// compared.
func TestRowsNotKnown(t *testing.T) {
	tests := []struct {
		name string
		held *Held
	}{
		{"no key columns", &Held{Keys: []string{""}}},
		{"a column that images lack", &Held{Columns: []string{"rowid"}, Keys: []string{keyOf(int64(1))}}},
		{"a column that this one lacks", &Held{Columns: []string{"id", "more"}, Keys: []string{keyOf(int64(1), int64(1))}}},
		{"a number that is no integer", &Held{Columns: []string{"score"}, Keys: []string{keyOf(int64(1))}}},
		{"a value that is not known", &Held{Columns: []string{"title"}, Keys: []string{keyOf("a")}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := New[string]()
			reads := []Dependency{{Table: "ticket", Columns: []string{"id"}, Held: tt.held}}
			x.Replace("a", reads)
			set := change.Changeset{Changes: []change.Change{remove(int64(3), change.Unknown, 1.5)}}
			if got := hits(x, set); len(got) != 1 || !Touches(reads, &set) {
				t.Errorf("Affected = %q, Touches = %t; want the observer", got, Touches(reads, &set))
			}
		})
	}
}

// TestKeysOfSeveralColumns: ("a", "bc") is not ("ab", "c"), 1 is not "1".
func TestKeysOfSeveralColumns(t *testing.T) {
	x := New[int]()
	keys := [][]any{{"a", "bc"}, {"ab", "c"}, {int64(1), "x"}, {"1", "x"}}
	for i, key := range keys {
		x.Replace(i, []Dependency{{Table: "t", Columns: []string{"p"}, Held: &Held{Columns: []string{"p", "q"}, Keys: []string{keyOf(key...)}}}})
	}
	for i, key := range keys {
		var got []int
		x.Affected(&change.Changeset{Changes: []change.Change{
			{Table: "t", Kind: change.Delete, Columns: []string{"q", "p"}, Old: []any{key[1], key[0]}},
		}}, func(id int) { got = append(got, id) })
		if !slices.Equal(got, []int{i}) {
			t.Errorf("delete of %v touches %v, want %d alone", key, got, i)
		}
	}
}

func TestReplaceAndRemove(t *testing.T) {
	x := New[string]()
	ticket := change.Changeset{Changes: []change.Change{insert(int64(3), "c", int64(0))}}
	x.Replace("a", []Dependency{{Table: "ticket"}, {Table: "project"}})
	x.Replace("b", []Dependency{{Table: "ticket"}})
	x.Replace("a", []Dependency{{Table: "project"}})
	if got := hits(x, ticket); !slices.Equal(got, []string{"b"}) {
		t.Errorf("after Replace: %q, want b", got)
	}
	x.Remove("b")
	x.Remove("nobody")
	if got := hits(x, ticket); got != nil || len(x.tables) != 1 {
		t.Errorf("after Remove: %q in %d tables, want nobody in one", got, len(x.tables))
	}
	x.Remove("a")
	if x.Len() != 0 || len(x.tables) != 0 {
		t.Errorf("an index without observers has %d, and %d tables", x.Len(), len(x.tables))
	}
}

// TestReplaceTheSame: an evaluation that reads what the one before read leaves
// the index as it is.
func TestReplaceTheSame(t *testing.T) {
	x := New[string]()
	reads := func() []Dependency {
		return []Dependency{
			{Table: "ticket", Columns: []string{"id"}, Held: &Held{Columns: []string{"id"}, Keys: []string{keyOf(int64(2)), keyOf(int64(1))}}},
			{Table: "project", Columns: []string{"name", "id"}},
		}
	}
	x.Replace("a", reads())
	before := slices.Clone(x.observers["a"].places)
	x.Replace("a", reads())
	if !slices.Equal(x.observers["a"].places, before) {
		t.Error("Replace with the same made new places")
	}
	if !Same(reads(), reads()) || Same(reads(), reads()[:1]) {
		t.Error("Same is wrong")
	}
	other := reads()
	other[0].Held.Keys[0] = keyOf(int64(3))
	if Same(reads(), other) {
		t.Error("Same overlooks a key")
	}
	if x.Replace("a", other); slices.Equal(x.observers["a"].places, before) {
		t.Error("Replace with another key kept the places")
	}
}

// TestArgumentsStay: Replace neither keeps nor sorts what it is given.
func TestArgumentsStay(t *testing.T) {
	x := New[string]()
	columns := []string{"b", "a", "a"}
	x.Replace("a", []Dependency{{Table: "t", Columns: columns}})
	if !slices.Equal(columns, []string{"b", "a", "a"}) {
		t.Errorf("Replace left the columns as %q", columns)
	}
	columns[0], columns[1] = "x", "x"
	set := change.Changeset{Changes: []change.Change{
		{Table: "t", Kind: change.Update, Columns: []string{"a", "b"}, Old: row(int64(1), int64(1)), New: row(int64(1), int64(2))},
	}}
	if got := hits(x, set); len(got) != 1 {
		t.Error("Replace kept the columns it was given")
	}
}

func TestAnyColumnIsTheReadSets(t *testing.T) {
	if AnyColumn != readset.AnyColumn {
		t.Errorf("AnyColumn is %q, that of the read set %q", AnyColumn, readset.AnyColumn)
	}
}
