package change

import (
	"math"
	"testing"
	"time"
)

func TestTouches(t *testing.T) {
	columns := []string{"id", "name", "score"}
	tests := []struct {
		name    string
		change  Change
		columns []string
		want    bool
	}{
		{"insert touches all", Change{Kind: Insert, New: []any{int64(1), "a", nil}}, []string{"score"}, true},
		{"insert touches the mere existence", Change{Kind: Insert, New: []any{int64(1), "a", nil}}, nil, true},
		{"delete touches all", Change{Kind: Delete, Old: []any{int64(1), "a", nil}}, []string{"score"}, true},
		{"delete touches the mere existence", Change{Kind: Delete}, nil, true},
		{"everything touches all", Change{Kind: Everything}, []string{"name"}, true},
		{"everything touches the mere existence", Change{Kind: Everything}, nil, true},
		{
			"update of another column",
			Change{Kind: Update, Old: []any{int64(1), "a", int64(1)}, New: []any{int64(1), "a", int64(2)}},
			[]string{"id", "name"},
			false,
		},
		{
			"update of one of the columns",
			Change{Kind: Update, Old: []any{int64(1), "a", int64(1)}, New: []any{int64(1), "b", int64(1)}},
			[]string{"id", "name"},
			true,
		},
		{
			"update to null",
			Change{Kind: Update, Old: []any{int64(1), "a", int64(1)}, New: []any{int64(1), nil, int64(1)}},
			[]string{"name"},
			true,
		},
		{
			"null stays null",
			Change{Kind: Update, Old: []any{int64(1), nil, int64(1)}, New: []any{int64(1), nil, int64(2)}},
			[]string{"name"},
			false,
		},
		{
			"update in place leaves the existence",
			Change{Kind: Update, Old: []any{int64(1), "a", int64(1)}, New: []any{int64(2), "b", int64(2)}},
			nil,
			false,
		},
		{
			"old value unknown",
			Change{Kind: Update, Old: []any{int64(1), Unknown, int64(1)}, New: []any{int64(1), "a", int64(1)}},
			[]string{"name"},
			true,
		},
		{
			"both values unknown",
			Change{Kind: Update, Old: []any{int64(1), Unknown, int64(1)}, New: []any{int64(1), Unknown, int64(1)}},
			[]string{"name"},
			true,
		},
		{
			"a column that the change does not have",
			Change{Kind: Update, Old: []any{int64(1), "a", int64(1)}, New: []any{int64(1), "a", int64(1)}},
			[]string{"added_later"},
			true,
		},
		{
			"an image that is too short",
			Change{Kind: Update, Old: []any{int64(1)}, New: []any{int64(1), "a", int64(1)}},
			[]string{"name"},
			true,
		},
		{"no old image", Change{Kind: Update, New: []any{int64(1), "a", int64(1)}}, []string{"name"}, true},
		{"no old image, and the mere existence", Change{Kind: Update, New: []any{int64(1), "a", int64(1)}}, nil, true},
		{"no new image", Change{Kind: Update, Old: []any{int64(1), "a", int64(1)}}, []string{"name"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.change.Columns = columns
			if got := tt.change.Touches(tt.columns); got != tt.want {
				t.Errorf("%+v touches %q: %t, want %t", tt.change, tt.columns, got, tt.want)
			}
		})
	}
}

func TestEqual(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	values := []any{
		nil, int64(0), int64(1), 0.0, math.Copysign(0, -1), 1.0, "", "1", "a", []byte{}, []byte("a"), []byte("1"), false, true, now, now.Add(1),
	}
	for i, a := range values {
		for j, b := range values {
			if got := Equal(a, b); got != (i == j) {
				t.Errorf("Equal(%#v, %#v) = %t", a, b, got)
			}
		}
		if Equal(a, Unknown) || Equal(Unknown, a) {
			t.Errorf("%#v equals what is unknown", a)
		}
	}
	if Equal(Unknown, Unknown) {
		t.Error("what is unknown equals what is unknown")
	}
	if Equal(math.NaN(), math.NaN()) {
		t.Error("NaN equals itself")
	}
	if !Equal([]byte("a"), append([]byte(nil), 'a')) {
		t.Error("equal bytes in two places differ")
	}
}

func TestKindString(t *testing.T) {
	for kind, want := range map[Kind]string{
		Insert: "insert", Update: "update", Delete: "delete", Everything: "everything", 0: "unknown", 9: "unknown",
	} {
		if got := kind.String(); got != want {
			t.Errorf("Kind(%d) is %q, want %q", kind, got, want)
		}
	}
}
