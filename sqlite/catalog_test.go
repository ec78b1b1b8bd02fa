package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/schema"
)

const oddSchema = `
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE UNIQUE, born DATE, note);
CREATE TABLE "order" ("select" INTEGER PRIMARY KEY DESC, "a ""b""" VARCHAR(20) NOT NULL DEFAULT 'x', "größe" DOUBLE PRECISION,
	person REFERENCES PERSON, b DECIMAL(10, 2) DEFAULT NULL, made TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP,
	v AS (b + 1), s INT GENERATED ALWAYS AS (b + 2) STORED);
CREATE UNIQUE INDEX part ON "order" (b) WHERE b > 1;
CREATE UNIQUE INDEX expression ON "order" (b + 1);
CREATE UNIQUE INDEX two ON "order" (person, "größe");
CREATE INDEX plain ON "order" (made);
CREATE TABLE pair (b TEXT COLLATE RTRIM, a UUID, c JSON, d BLOB, e BOOLEAN, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE child (x TEXT, y GUID, z TEXT, FOREIGN KEY (y, x) REFERENCES pair, FOREIGN KEY (z) REFERENCES person (NAME),
	FOREIGN KEY (z) REFERENCES missing (id), FOREIGN KEY (z) REFERENCES pair);
CREATE TABLE strict (k TEXT PRIMARY KEY, i INT, r REAL, b BLOB NOT NULL, w ANY) STRICT;
CREATE TABLE odd_types (a STRING, b "", c FLOATING POINT, d CLOB, e BIGINT UNSIGNED, f DATETIME2, g NCHAR(3) COLLATE "nocase", h TIME);
CREATE VIEW over AS SELECT p.id, p.name AS who, 1 AS one FROM person p;
CREATE VIEW over_over AS SELECT who FROM over;
CREATE VIEW broken AS SELECT a FROM nowhere;
CREATE VIRTUAL TABLE words USING fts5(body);
CREATE TABLE auto (id INTEGER PRIMARY KEY AUTOINCREMENT);
`

const oddTold = `auto [id]
  id INTEGER=integer strict auto BINARY
child []
  x TEXT=text null BINARY
  y GUID=uuid null BINARY
  z TEXT=text null BINARY
  [y x]→pair[a b]
  [z]→person[name]
odd_types []
  a STRING=any null BINARY
  b =any null BINARY
  c FLOATING POINT=integer null BINARY
  d CLOB=text null BINARY
  e BIGINT UNSIGNED=integer null BINARY
  f DATETIME2=timestamp null BINARY
  g NCHAR(3)=text null nocase
  h TIME=time null BINARY
order [select]
  select INTEGER=integer null BINARY
  a "b" VARCHAR(20)=text default BINARY
  größe DOUBLE PRECISION=float null BINARY
  person =any null BINARY
  b DECIMAL(10, 2)=decimal null BINARY
  made TIMESTAMP(6)=timestamp null default BINARY
  v =any null generated unstored BINARY
  s INT=integer null generated BINARY
  unique [person größe]
  [person]→person[id]
over view []
  id INTEGER=integer null 
  who TEXT=text null 
  one =any null 
over_over view []
  who TEXT=text null 
pair [a b]
  b TEXT=text RTRIM
  a UUID=uuid BINARY
  c JSON=json null BINARY
  d BLOB=bytes null BINARY
  e BOOLEAN=boolean null BINARY
person [id]
  id INTEGER=integer strict auto BINARY
  name TEXT=text NOCASE
  born DATE=date null BINARY
  note =any null BINARY
  unique [name]
strict [k]
  k TEXT=text strict BINARY
  i INT=integer strict null BINARY
  r REAL=float strict null BINARY
  b BLOB=bytes strict BINARY
  w ANY=any null BINARY
words []
  body =any null BINARY
  is a virtual table
`

// tell writes a schema for people to compare.
func tell(s *schema.Schema) string {
	var text strings.Builder
	for _, t := range s.Tables {
		fmt.Fprintf(&text, "%s%s %s\n", t.Name, said(t.View, " view"), t.Key)
		for _, c := range t.Columns {
			fmt.Fprintf(&text, "  %s %s=%s%s%s%s%s%s%s %s\n", c.Name, c.Declared, c.Type, said(c.Strict, " strict"), said(c.Nullable, " null"),
				said(c.Default, " default"), said(c.Auto, " auto"), said(c.Generated, " generated"), said(c.Unstored, " unstored"), c.Collation)
		}
		for _, set := range t.Unique {
			fmt.Fprintf(&text, "  unique %s\n", set)
		}
		for _, key := range t.Foreign {
			fmt.Fprintf(&text, "  %s→%s%s\n", key.Columns, key.Table, key.To)
		}
		if t.Unobserved != "" {
			fmt.Fprintf(&text, "  %s\n", t.Unobserved)
		}
		if (t.Unobserved == "") != (t.Cure == "") {
			fmt.Fprintf(&text, "  cure: %q\n", t.Cure)
		}
	}
	return text.String()
}

func said(yes bool, word string) string {
	if yes {
		return word
	}
	return ""
}

func mustSchema(t testing.TB, s *Source) *schema.Schema {
	t.Helper()
	found, err := s.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSchema(t *testing.T) {
	db, s := open(t, oddSchema)
	mustExec(t, db, "CREATE TEMP TABLE passing (x)")
	mustExec(t, db, "ATTACH ':memory:' AS other")
	found := mustSchema(t, s)
	if found.Dialect != "sqlite" || found.Encoding != "UTF-8" {
		t.Errorf("dialect %q, encoding %q", found.Dialect, found.Encoding)
	}
	got := tell(found)
	if got != oddTold {
		for i, line := range strings.Split(got, "\n") {
			if want := strings.Split(oddTold, "\n"); i >= len(want) || line != want[i] {
				t.Fatalf("line %d is %q\n%s", i, line, got)
			}
		}
		t.Fatalf("too short:\n%s", got)
	}
}

// TestSchemaTables: a log of changes is nothing of the application's.
func TestSchemaTables(t *testing.T) {
	db, s := open(t, "CREATE TABLE a (x); CREATE TABLE b (id INTEGER PRIMARY KEY AUTOINCREMENT)")
	if err := InstallLog(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	mustExec(t, db, "ANALYZE")
	var names []string
	for _, table := range mustSchema(t, s).Tables {
		names = append(names, table.Name)
	}
	if !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("tables: %q", names)
	}
}

// TestSchemaVersion: another version wherever something is different, nowhere else.
func TestSchemaVersion(t *testing.T) {
	db, s := open(t, "CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT)")
	another, foreign, err := Open(s.path) // of another process, as far as this one can tell
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	defer another.Close()
	steps := []struct {
		text    string
		changes bool
	}{
		{"INSERT INTO a VALUES (1, 'x')", false},
		{"CREATE INDEX ax ON a (x)", false},
		{"ANALYZE", false},
		{"VACUUM", false},
		{"CREATE TABLE b (id INTEGER PRIMARY KEY, a REFERENCES a)", true},
		{"CREATE TRIGGER tr AFTER INSERT ON a BEGIN SELECT 1; END", false},
		{"ALTER TABLE a ADD COLUMN y INT", true},
		{"ALTER TABLE a ADD COLUMN z INT NOT NULL DEFAULT 1", true},
		{"ALTER TABLE a RENAME COLUMN z TO w", true},
		{"CREATE UNIQUE INDEX ay ON a (y)", true},
		{"DROP INDEX ay", true},
		{"CREATE VIEW v AS SELECT x FROM a", true},
		{"DROP VIEW v", true},
		{"CREATE VIEW v AS SELECT x FROM nowhere", false},
		{"ALTER TABLE b RENAME TO c", false}, // the view is in its way
		{"DROP VIEW v", false},
		{"ALTER TABLE b RENAME TO c", true},
		{"DROP TABLE c", true},
	}
	for _, handle := range []*sql.DB{db, another} {
		for _, step := range steps {
			before := mustSchema(t, s)
			if _, err := handle.ExecContext(t.Context(), step.text); err != nil && step.changes {
				t.Fatalf("%s: %v", step.text, err)
			}
			after := mustSchema(t, s)
			if changed := before.Version != after.Version; changed != step.changes {
				t.Errorf("%s: another version: %t, want %t", step.text, changed, step.changes)
			}
			if same := before == after; same == step.changes {
				t.Errorf("%s: the same pointer: %t", step.text, same)
			}
			if again := mustSchema(t, foreign); again.Version != after.Version {
				t.Errorf("%s: two sources tell different versions of one schema", step.text)
			}
		}
		mustExec(t, handle, "DROP TABLE a; CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT); DROP TABLE IF EXISTS b")
	}
}

// TestSchemaInSnapshot: an evaluation is told the schema of its own snapshot.
func TestSchemaInSnapshot(t *testing.T) {
	db, s := open(t, "CREATE TABLE a (x)")
	snapshot, err := s.Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	ctx := readset.NewContext(t.Context(), &readset.Set{Snapshot: snapshot})
	mustExec(t, db, "ALTER TABLE a ADD COLUMN y")
	in, err := s.Schema(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(in.Table("a").Columns); n != 1 {
		t.Errorf("in the snapshot the table has %d columns", n)
	}
	if n := len(mustSchema(t, s).Table("a").Columns); n != 2 {
		t.Errorf("now the table has %d columns", n)
	}
	if again, _ := s.Schema(ctx); again != in {
		t.Error("the schema of the snapshot was read twice")
	}
}

// TestSchemaInTransaction: asking does not wait for an open transaction of one's own.
func TestSchemaInTransaction(t *testing.T) {
	db, s := open(t, "CREATE TABLE a (x)")
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, tx, "INSERT INTO a VALUES (1)")
	rows, err := tx.QueryContext(t.Context(), "INSERT INTO a VALUES (2), (3) RETURNING x")
	if err != nil {
		t.Fatal(err)
	}
	rows.Next()
	mustSchema(t, s)
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	mustExec(t, tx, "CREATE TABLE b (x)")
	if mustSchema(t, s).Table("b") != nil {
		t.Error("a table that is not committed is told")
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if mustSchema(t, s).Table("b") == nil {
		t.Error("a committed table is not told")
	}
}

func TestSchemaEncoding(t *testing.T) {
	_, s := openConfig(t, Config{Path: t.TempDir() + "/16.db", Pragmas: []string{"encoding('UTF-16le')"}}, "CREATE TABLE a (x)")
	if found := mustSchema(t, s); found.Encoding != "UTF-16le" {
		t.Errorf("encoding %q", found.Encoding)
	}
}

func BenchmarkSchema(b *testing.B) {
	_, s := open(b, oddSchema)
	ctx := context.Background()
	for b.Loop() {
		if _, err := s.Schema(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
