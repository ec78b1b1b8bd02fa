package sqlite

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/readset"
)

// open opens a fresh database with a schema.
func open(t testing.TB, schema string) (*sql.DB, *Source) {
	t.Helper()
	return openConfig(t, Config{Path: filepath.Join(t.TempDir(), "test.db")}, schema)
}

func openConfig(t testing.TB, c Config, schema string) (*sql.DB, *Source) {
	t.Helper()
	db, s, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error("db.Close:", err)
		}
		if err := s.Close(); err != nil {
			t.Error("Source.Close:", err)
		}
	})
	mustExec(t, db, "BEGIN; "+schema+"; COMMIT")
	return db, s
}

type execer interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}

func mustExec(t testing.TB, db execer, text string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), text, args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// published returns the changesets after a position, without waiting.
func published(t testing.TB, s *Source, after change.Position) []change.Changeset {
	t.Helper()
	h := s.history.Load()
	n, err := h.number(after)
	if err != nil {
		t.Fatal(err)
	}
	sets, _, err := h.since(n)
	if err != nil {
		t.Fatal(err)
	}
	return sets
}

func TestFirst(t *testing.T) {
	db, s := open(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)")
	p := s.Position()
	mustExec(t, db, "INSERT INTO t (x) VALUES (?), (?)", "a", "b")
	mustExec(t, db, "UPDATE t SET x = 'c' WHERE id = 1")
	sets := published(t, s, p)
	t.Logf("%+v", sets)
	if len(sets) != 2 {
		t.Fatal(len(sets))
	}
	snap, err := s.Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, db, "UPDATE t SET x = 'd' WHERE id = 1")
	set := &readset.Set{Snapshot: snap}
	ctx := readset.NewContext(t.Context(), set)
	var x string
	if err := db.QueryRowContext(ctx, "SELECT x FROM t WHERE id = ?", 1).Scan(&x); err != nil {
		t.Fatal(err)
	}
	if x != "c" {
		t.Fatal(x)
	}
	t.Logf("%+v %v", set.Tables(), set.Uses()[0].Args)
	if err := set.Err(); err != nil {
		t.Fatal(err)
	}
	if err := snap.Close(); err != nil {
		t.Fatal(err)
	}
}
