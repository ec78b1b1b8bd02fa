package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
)

// TestFocus: rows of tables that nobody reads are not listed, but that the
// table was written always is.
func TestFocus(t *testing.T) {
	db, source, err := Open(filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	defer db.Close()
	exec := func(text string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY)`)
	from := source.Position()
	write := `BEGIN; INSERT INTO a DEFAULT VALUES; INSERT INTO b DEFAULT VALUES; INSERT INTO b DEFAULT VALUES; COMMIT`
	exec(write)
	source.Focus([]string{"a"})
	exec(write)
	source.Focus([]string{"a", "b"})
	exec(write)
	kinds := func(set change.Changeset) (a, b []change.Kind) {
		for _, c := range set.Changes {
			if c.Table == "a" {
				a = append(a, c.Kind)
			} else {
				b = append(b, c.Kind)
			}
		}
		return a, b
	}
	n := 0
	for set, err := range source.Stream(t.Context(), from) {
		if err != nil {
			t.Fatal(err)
		}
		a, b := kinds(set)
		wantB := 2
		if n == 1 {
			wantB = 1
		}
		if len(a) != 1 || a[0] != change.Insert || len(b) != wantB || (b[0] == change.Everything) != (n == 1) {
			t.Errorf("transaction %d: a %v, b %v", n, a, b)
		}
		if n++; n == 3 {
			return
		}
	}
}
