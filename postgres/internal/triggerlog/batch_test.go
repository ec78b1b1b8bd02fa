package triggerlog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
)

// described is a table of a key and a text, as LayoutQuery has it.
func described(table, column string) string {
	return fmt.Sprintf(`["public", %q, [["id", "", "7", 23], [%q, "", "7", 25]], ["id", %q]]`, table, column, column)
}

func newReader(t *testing.T, c Config) *Reader {
	t.Helper()
	c.Name = func(_, table string) string { return table }
	if c.MaxRows == 0 {
		c.MaxRows, c.MaxBytes = 1000, 1<<20
	}
	r := New(c)
	tell(t, r, 1, described("a", "x"))
	tell(t, r, 2, described("b", "x"))
	r.Begin()
	tell(t, r, 1, described("a", "x"))
	tell(t, r, 2, described("b", "x"))
	return r
}

func tell(t *testing.T, r *Reader, rel uint32, layout string) {
	t.Helper()
	if err := r.Layout(rel, layout); err != nil {
		t.Fatal(err)
	}
}

// take takes rows, each "xid rel op old new", and says what transactions they
// make.
func take(t *testing.T, r *Reader, rows ...string) string {
	t.Helper()
	for i, row := range rows {
		var xid uint64
		var rel uint32
		var op, old, new string
		if _, err := fmt.Sscan(row, &xid, &rel, &op, &old, &new); err != nil {
			t.Fatal(err)
		}
		if err := r.Row(int64(i), xid, rel, op, old, new); err != nil {
			t.Fatal(err)
		}
	}
	var all []string
	for _, tx := range r.End() {
		text := fmt.Sprint(tx.Xid)
		if tx.Everything {
			text += " everything"
		}
		if tx.Altered != nil {
			text += fmt.Sprint(" altered ", tx.Altered)
		}
		for _, c := range tx.Changes {
			if c.Kind == change.Everything {
				text += " " + c.Table
			} else {
				text += fmt.Sprintf(" %s%v%v", c.Table, c.Old, c.New)
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func TestReader(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Config
		rows []string
		want string
	}{
		{"the order of the greatest ids", Config{}, []string{"9 1 i . (1,a)", "7 2 i . (5,z)", "8 1 u (1,a) (1,b)", "9 2 i . (6,y)"},
			"7 b[][5 z]; 8 a[1 a][1 b]; 9 a[][1 a] b[][6 y]"},
		{"there and back", Config{}, []string{"9 1 u (1,a) (1,b)", "9 1 u (1,b) (1,a)"}, "9 a[1 a][1 b] a[1 b][1 a]"},
		{"there and back inside of a statement", Config{}, []string{"9 1 U (1,b) (1,c)", "9 1 u (1,a) (1,b)", "9 2 i . (1,a)"}, "9 b[][1 a] a"},
		{"an insert whose row has gone on", Config{}, []string{"9 1 U (1,b) (1,c)", "9 1 i . (1,b)"}, "9 a"},
		{"inside of a statement, in order", Config{}, []string{"9 1 U (1,b) (1,c)", "9 1 u (2,a) (2,b)", "9 1 D (1,c) ."}, "9 a[1 b][1 c] a[2 a][2 b] a[1 c][]"},
		{"anything", Config{}, []string{"9 1 i . (1,a)", "9 1 e . .", "9 1 i . (1,a)", "9 2 d (1,a) ."}, "9 b[1 a][] a"},
		{"many rows", Config{MaxRows: 2, MaxBytes: 1 << 20}, []string{"9 1 i . (1,a)", "9 2 i . (1,a)", "9 1 i . (2,a)", "9 1 i . (3,a)", "8 1 i . (3,a)"},
			"9 b[][1 a] a; 8 a[][3 a]"},
		{"many bytes", Config{MaxRows: 9, MaxBytes: 1000}, []string{"9 1 i . (1,a)", "9 2 i . (1," + strings.Repeat("b", 1000) + ")"}, "9 a[][1 a] b"},
		{"many transactions", Config{MaxRows: 9, MaxBytes: 600}, []string{"1 1 i . (1,a)", "2 1 i . (1," + strings.Repeat("b", 290) + ")",
			"3 1 i . (1," + strings.Repeat("b", 300) + ")", "4 1 i . (1,a)"}, "1 a[][1 a]; 2 a[][1 " + strings.Repeat("b", 290) + "]; 3 a; 4 a[][1 a]"},
		{"unwanted", Config{Wanted: func(table string) bool { return table == "b" }}, []string{"9 1 i . (1,a)", "9 2 i . (1,a)"}, "9 b[][1 a] a"},
		{"not as described", Config{}, []string{"9 1 i . (1,a,b)", "9 2 i . (1,a)"}, "9 altered [a] b[][1 a] a"},
		{"gone", Config{}, []string{"9 3 i . (1,a)"}, "9 everything"},
	} {
		if tt.c.MaxRows == 0 && tt.c.MaxBytes != 0 {
			t.Fatal("a bound without the other")
		}
		if got := take(t, newReader(t, tt.c), tt.rows...); got != tt.want {
			t.Errorf("%s: %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// TestReaderAltered: a table that is another one since the last read stands for
// all of it, once.
func TestReaderAltered(t *testing.T) {
	r := newReader(t, Config{})
	if got := take(t, r, "1 1 i . (1,a)"); got != "1 a[][1 a]" {
		t.Error(got)
	}
	tell(t, r, 1, described("a", "y"))
	tell(t, r, 3, described("c", "x"))
	if got := take(t, r, "1 1 i . (1,a)", "1 3 i . (1,a)", "1 2 i . (1,a)"); got != "1 altered [a b] a c b" {
		t.Error(got) // b was not told of: it is gone
	}
	tell(t, r, 1, described("a", "y"))
	tell(t, r, 3, described("c", "x"))
	if got := take(t, r, "1 1 i . (1,a)", "1 3 i . (1,a)"); got != "1 a[][1 a] c[][1 a]" {
		t.Error(got)
	}
	tell(t, r, 1, described("z", "y"))
	if got := take(t, r, "1 1 i . (1,a)"); got != "1 altered [a z] a z" {
		t.Error(got)
	}
	if err := r.Layout(1, "{"); err == nil {
		t.Error("half a description is taken")
	}
}
