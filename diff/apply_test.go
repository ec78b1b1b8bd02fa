package diff

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestApplyRefuses(t *testing.T) {
	tests := []struct {
		name string
		op   Op
		want string
	}{
		{"added twice", Op{Kind: Added, Key: "a", At: 0}, "there already"},
		{"added beyond the end", Op{Kind: Added, Key: "x", At: 4}, "at 4 of 3"},
		{"added before the start", Op{Kind: Added, Key: "x", At: -1}, "at -1 of 3"},
		{"removed unknown", Op{Kind: Removed, Key: "x", At: 0}, "not there"},
		{"removed elsewhere", Op{Kind: Removed, Key: "a", At: 1}, "not there"},
		{"removed out of bounds", Op{Kind: Removed, Key: "a", At: 3}, "at 3 of 3"},
		{"changed unknown", Op{Kind: Changed, Key: "x", At: 0}, "not there"},
		{"changed elsewhere", Op{Kind: Changed, Key: "a", At: 2}, "not there"},
		{"changed out of bounds", Op{Kind: Changed, Key: "a", At: -1}, "at -1 of 3"},
		{"moved unknown", Op{Kind: Changed, Key: "x", At: 0, Moved: true}, "not there"},
		{"moved beyond the end", Op{Kind: Changed, Key: "a", At: 3, Moved: true}, "at 3 of 3"},
		{"no kind", Op{Key: "a"}, "unknown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list := items("a1 b2 c3")
			got, err := Apply(list, []Op{tt.op})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Apply = %v, %v; want an error with %q", got, err, tt.want)
			}
		})
	}
}

func TestApplyLeavesItsListAlone(t *testing.T) {
	old, new := items("a1 b2 c3 d4"), items("d5 x1 a1 c9")
	got, err := Apply(old, Between(old, new))
	if err != nil || !equal(got, new) {
		t.Fatalf("Apply = %s, %v; want %s", show(got), err, show(new))
	}
	if want := items("a1 b2 c3 d4"); !equal(old, want) {
		t.Errorf("Apply left its list as %s, want %s", show(old), show(want))
	}
}

// TestMergeIsApply plays random scripts, most of which do not fit, both ways:
// where the walk has an answer it is that of the steps.
func TestMergeIsApply(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	fit, walked := 0, 0
	for range 50_000 {
		list := items("a1 b2 c3 d4")[:random.IntN(5)]
		ops := make([]Op, random.IntN(4))
		for i := range ops {
			ops[i] = Op{
				Kind: Kind(random.IntN(3) + 1), Key: string(rune('a' + random.IntN(6))),
				At: random.IntN(5), Moved: random.IntN(2) == 0, Data: []byte("9"),
			}
			if ops[i].Kind != Changed {
				ops[i].Moved = false
			}
		}
		want, err := stepwise(list, ops)
		got, ok := merge(list, ops)
		if err == nil {
			fit++
		}
		if ok {
			walked++
		}
		if ok && (err != nil || !equal(got, want)) {
			t.Fatalf("%s on %s: in one walk %s, step by step %s, %v", text(ops), show(list), show(got), show(want), err)
		}
	}
	t.Logf("%d scripts fit, %d were walked", fit, walked)
}

func TestFill(t *testing.T) {
	old, new := items("a1 b2 c3 d4"), items("d5 x1 a1 c9")
	want := Between(old, new)
	bare := make([]Op, len(want))
	for i, op := range want {
		op.Old = nil
		bare[i] = op
	}
	got, err := fill(old, bare)
	if err != nil {
		t.Fatal(err)
	}
	if text(got) != text(want) {
		t.Errorf("fill\n got %s\nwant %s", text(got), text(want))
	}
	for i := range got {
		if string(got[i].Old) != string(want[i].Old) {
			t.Errorf("op %d has old %q, want %q", i, got[i].Old, want[i].Old)
		}
		if bare[i].Old != nil {
			t.Errorf("op %d of the argument was altered", i)
		}
	}
	if again, err := fill(nil, got); err != nil || &again[0] != &got[0] {
		t.Errorf("fill of filled ops = %p, %v; want the same ops", again, err)
	}
	if _, err := fill(items("a1"), bare); err == nil {
		t.Error("fill found old items in a list that lacks them")
	}
}
