package change

import (
	"fmt"
	"testing"
)

func TestWrittenAs(t *testing.T) {
	told := Position("aaaaaaaa" + "00000000000000ff" + "0000000000000007")
	tests := []struct {
		name string
		set  Changeset
		want bool
	}{
		{"its position", Changeset{Position: told}, true},
		{"another position", Changeset{Position: "aaaaaaaa" + "00000000000000fe" + "0000000000000007"}, false},
		{"its mark", Changeset{Position: "aaaaaaaa" + "0000000000000100" + "0000000000000001", Mark: "0000000000000007"}, true},
		{"another mark", Changeset{Position: told, Mark: "0000000000000008"}, false},
		{"its mark in another history", Changeset{Position: "bbbbbbbb" + "0000000000000100" + "0000000000000001", Mark: "0000000000000007"}, false},
		{"nothing", Changeset{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.set.WrittenAs(told); got != tt.want {
				t.Errorf("%+v was written as %s: %t", tt.set.Commit(), told, got)
			}
			w := NewWritten(4)
			w.Add(told)
			if got := w.Has(tt.set.Commit()); got != tt.want {
				t.Errorf("%+v is one of %s: %t", tt.set.Commit(), told, got)
			}
		})
	}
}

// TestWrittenIsBounded: the newest are known, and nothing is left of others.
func TestWrittenIsBounded(t *testing.T) {
	w := NewWritten(3)
	at := func(n int) Position { return Position(fmt.Sprintf("aaaaaaaa%016x%016x", n, n)) }
	for n := range 10 {
		w.Add(at(n), at(n))
		for i := range 10 {
			want := i == n || i == n-1
			whole, mark := Commit{Position: at(i)}, Commit{at(99), string(at(i)[HistoryLen+MarkLen:])}
			if w.Has(whole) != want || w.Has(mark) != want {
				t.Errorf("after %d: %d is known: %t and %t, want %t", n, i, w.Has(whole), w.Has(mark), want)
			}
		}
	}
	if len(w.known) > 6 || len(w.order) != 3 {
		t.Errorf("%d texts of %d positions are held", len(w.known), len(w.order))
	}
}
