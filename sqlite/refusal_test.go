package sqlite

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/wakeful-dev/wakeful/schema"
)

func TestRefusal(t *testing.T) {
	db, source := open(t, `
		CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, age INT CHECK (age > 0), "a, b" TEXT, c INT CONSTRAINT positive CHECK (c > 0), UNIQUE ("a, b", c));
		CREATE TABLE child (id INTEGER PRIMARY KEY, p INT NOT NULL REFERENCES p (id), word TEXT);
		CREATE UNIQUE INDEX words ON child (lower(word));
		CREATE TABLE "x.y" (n INT UNIQUE);
		CREATE TABLE strict (id INTEGER PRIMARY KEY, n INT) STRICT;
		CREATE TRIGGER unlucky BEFORE INSERT ON strict WHEN NEW.n = 13 BEGIN SELECT RAISE(ABORT, 'thirteen (13) is unlucky'); END;
		CREATE TABLE pair (a TEXT, b TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
		INSERT INTO p (id, name) VALUES (1, 'x')`)
	for _, c := range []struct {
		write string
		want  schema.Refusal
	}{
		{`INSERT INTO p (id, name) VALUES (1, 'y')`, schema.Refusal{Reason: schema.Duplicate, Table: "p", Columns: []string{"id"}}},
		{`INSERT INTO p (name) VALUES ('x')`, schema.Refusal{Reason: schema.Duplicate, Table: "p", Columns: []string{"name"}}},
		{`INSERT INTO p (name, "a, b", c) VALUES ('k', '1', 1), ('l', '1', 1)`, schema.Refusal{Reason: schema.Duplicate, Table: "p", Columns: []string{"a, b", "c"}}},
		{`INSERT INTO pair VALUES ('a', 'b'), ('a', 'b')`, schema.Refusal{Reason: schema.Duplicate, Table: "pair", Columns: []string{"a", "b"}}},
		{`INSERT INTO "x.y" VALUES (1), (1)`, schema.Refusal{Reason: schema.Duplicate, Table: "x.y", Columns: []string{"n"}}},
		{`INSERT INTO child (p, word) VALUES (1, 'A'), (1, 'a')`, schema.Refusal{Reason: schema.Duplicate, Constraint: "words"}},
		{`INSERT INTO p (name) VALUES (NULL)`, schema.Refusal{Reason: schema.Missing, Table: "p", Columns: []string{"name"}}},
		{`INSERT INTO p (name, age) VALUES ('q', -1)`, schema.Refusal{Reason: schema.Checked, Constraint: "age > 0"}},
		{`INSERT INTO p (name, c) VALUES ('q', -1)`, schema.Refusal{Reason: schema.Checked, Constraint: "positive"}},
		{`INSERT INTO child (p) VALUES (9)`, schema.Refusal{Reason: schema.Dangling}},
		{`INSERT INTO strict (n) VALUES ('abc')`, schema.Refusal{Reason: schema.Mistyped, Table: "strict", Columns: []string{"n"}}},
		{`INSERT INTO p (id, name) VALUES ('abc', 'z')`, schema.Refusal{Reason: schema.Mistyped}},
		{`INSERT INTO strict (n) VALUES (13)`, schema.Refusal{Reason: schema.Raised, Constraint: "thirteen (13) is unlucky"}},
	} {
		_, err := db.ExecContext(t.Context(), c.write)
		if err == nil {
			t.Errorf("%s was taken", c.write)
			continue
		}
		got := source.Refusal(fmt.Errorf("in the app: %w", err))
		if got == nil || got.Reason != c.want.Reason || got.Table != c.want.Table || !slices.Equal(got.Columns, c.want.Columns) || got.Constraint != c.want.Constraint {
			t.Errorf("%s: %v: got %+v, want %+v", c.write, err, got, c.want)
		}
	}
	for _, err := range []error{nil, errors.New("another"), func() error { _, err := db.ExecContext(t.Context(), `INSERT INTO nowhere VALUES (1)`); return err }()} {
		if got := source.Refusal(err); got != nil {
			t.Errorf("%v is a refusal: %+v", err, got)
		}
	}
}

func TestRefusalBusy(t *testing.T) {
	db, source := openConfig(t, Config{Path: t.TempDir() + "/busy.db", BusyTimeout: 1}, `CREATE TABLE t (n INT)`)
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec(`INSERT INTO t VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), `INSERT INTO t VALUES (2)`)
	if got := source.Refusal(err); got == nil || got.Reason != schema.Busy {
		t.Errorf("%v: got %+v, want busy", err, got)
	}
}
