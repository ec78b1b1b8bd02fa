package sqlite

import (
	"errors"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/source"
)

// TestTransactionBytes: a transaction whose rows take more than allowed is
// reported without rows; one that takes less is listed.
func TestTransactionBytes(t *testing.T) {
	text := strings.Repeat("x", 10_000)
	for rows, want := range map[int]string{9: "+t[", 12: "*t"} {
		c := Config{Path: t.TempDir() + "/test.db", MaxBytes: 100_000}
		db, s := openConfig(t, c, "CREATE TABLE t (id INTEGER PRIMARY KEY, x)")
		start := s.Position()
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			if _, err := tx.Exec("INSERT INTO t VALUES (?, ?)", i+1, text); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		got := render(published(t, s, start))
		if len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%d rows: published %.60q, want %s…", rows, got, want)
		}
	}
}

// TestLoggedBytes: the same for rows of another process, read from the trigger
// log.
func TestLoggedBytes(t *testing.T) {
	s, o := openLogged(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, x)")
	s.maxBytes = 100_000
	for rows, want := range map[string]string{"9": "+t[", "12": "*t"} {
		o.exec("DELETE FROM t")
		pin(t, s)
		start := s.Position()
		o.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + rows + ") " +
			"INSERT INTO t SELECT i, hex(zeroblob(5000)) FROM n")
		pin(t, s)
		got := render(published(t, s, start))
		if len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s rows: published %.60q, want %s…", rows, got, want)
		}
	}
}

// TestLogBytes: the log keeps what fits. Who is further back is told that it is
// gone, never a part of it.
func TestLogBytes(t *testing.T) {
	c := Config{Path: t.TempDir() + "/test.db", LogBytes: 50_000}
	db, s := openConfig(t, c, "CREATE TABLE t (id INTEGER PRIMARY KEY, x)")
	start := s.Position()
	text := strings.Repeat("x", 10_000)
	mustExec(t, db, "INSERT INTO t VALUES (1, ?)", text)
	one := s.LogBytes()
	for i := range 3 {
		mustExec(t, db, "INSERT INTO t VALUES (?, ?)", i+2, text)
	}
	if n := len(published(t, s, start)); n != 4 {
		t.Errorf("%d changesets are kept, want all 4", n)
	}
	mustExec(t, db, "INSERT INTO t VALUES (9, ?)", text)
	h := s.history.Load()
	if _, _, err := h.since(0); !errors.Is(err, source.ErrPositionGone) {
		t.Errorf("from before the log: %v", err)
	}
	if n := s.LogBytes(); n > 50_000 || n < 3*one {
		t.Errorf("the log takes %d bytes", n)
	}
	mustExec(t, db, "INSERT INTO t VALUES (10, ?)", strings.Repeat(text, 10))
	if n := len(published(t, s, h.position(h.last()-1))); n != 1 {
		t.Error("a changeset that is larger than the log is not handed on")
	}
}
