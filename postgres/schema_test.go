package postgres

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// changesOf lists what has come of a table, a line for each change.
func (f *follower) changesOf(table string) (lines []string) {
	sets, _ := f.all()
	for i := range sets {
		for j := range sets[i].Changes {
			if c := &sets[i].Changes[j]; c.Table == table {
				lines = append(lines, c.Kind.String())
			}
		}
	}
	return lines
}

// everything counts the changesets that say that anything may have changed.
func (f *follower) everything() (n int) {
	sets, _ := f.all()
	for i := range sets {
		if sets[i].Everything {
			n++
		}
	}
	return n
}

// TestPublishedInMidTransaction: of a transaction that wrote a table before that
// was published and after, no part is shown as all of it: the table is not
// covered before the transaction has ended, and then counts as changed.
func TestPublishedInMidTransaction(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, itemTable, "CREATE TABLE late (id int)")
	_, s := open(t, Config{URL: db.URL})
	f := follow(t, s)
	f.connected()
	conn := db.Connect(t)
	step := func(text string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	step("CREATE TABLE fresh (id int PRIMARY KEY)")
	step("BEGIN; INSERT INTO fresh VALUES (1)")
	eventually(t, func() bool {
		return db.Value(t, "SELECT count(*) FROM pg_publication_tables WHERE tablename = 'fresh'") == "1"
	})
	step("INSERT INTO fresh VALUES (2)")
	if err := s.Covers(t.Context(), "fresh"); err == nil || !strings.Contains(err.Error(), "older transactions") {
		t.Errorf("Covers in mid-transaction: %v", err)
	}
	step("COMMIT")
	f.until(func() bool { return s.Covers(t.Context(), "fresh") == nil })
	f.until(func() bool { return slices.Contains(f.changesOf("fresh"), "everything") })
	step("INSERT INTO fresh VALUES (3)")
	f.until(func() bool {
		lines := f.changesOf("fresh")
		return lines[len(lines)-1] == "insert"
	})
}

// TestUnfollowedAcrossStart: a table that was published while a transaction was
// open is not covered after a restart either, as long as that is open.
func TestUnfollowedAcrossStart(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, itemTable)
	_, s := open(t, Config{URL: db.URL})
	if err := s.Covers(t.Context(), "item"); err != nil {
		t.Fatal(err)
	}
	conn := db.Connect(t)
	db.Exec(t, "CREATE TABLE fresh (id int PRIMARY KEY)")
	if _, err := conn.Exec(t.Context(), "BEGIN; INSERT INTO fresh VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	db.Exec(t, "ALTER PUBLICATION wakeful ADD TABLE ONLY fresh")
	_, again := open(t, Config{URL: db.URL})
	if err := again.Covers(t.Context(), "item"); err != nil {
		t.Errorf("Covers of a table that was followed before: %v", err)
	}
	if err := again.Covers(t.Context(), "fresh"); err == nil {
		t.Error("it covers a table that an open transaction changed before it was published")
	}
	if _, err := conn.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := again.Covers(t.Context(), "fresh"); err != nil {
		t.Errorf("Covers: %v", err)
	}
}

// TestSchemaChanges: DDL of every kind, in the midst of writes, is told: in the
// transaction that it is part of where there are event triggers, else soon.
func TestSchemaChanges(t *testing.T) {
	for name, triggers := range map[string]bool{"EventTriggers": true, "Fingerprint": false} {
		t.Run(name, func(t *testing.T) {
			db := pgtest.Database(t)
			db.Exec(t, itemTable, "CREATE TYPE mood AS ENUM ('a')", "CREATE ROLE "+db.Name+"_r", "CREATE VIEW v AS SELECT id FROM item")
			t.Cleanup(func() { db.Exec(t, "DROP OWNED BY "+db.Name+"_r", "DROP ROLE "+db.Name+"_r") })
			_, s := open(t, Config{URL: db.URL})
			s.catalogEvery = 50 * time.Millisecond
			if !triggers {
				db.Exec(t, s.dropTriggers()...)
				db.Exec(t, "CREATE TABLE settled (id int PRIMARY KEY)")
			}
			f := follow(t, s)
			f.connected()
			f.until(func() bool { return s.Covers(t.Context(), "item") == nil })
			for _, ddl := range []string{
				"ALTER TABLE item ADD COLUMN score int DEFAULT 7",
				"ALTER TABLE item RENAME COLUMN score TO points",
				"ALTER TABLE item ALTER COLUMN points TYPE bigint",
				"ALTER TABLE item DROP COLUMN points",
				"CREATE OR REPLACE VIEW v AS SELECT id, name FROM item",
				"CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1'",
				"CREATE OR REPLACE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT 3 * $1'",
				"ALTER TABLE item ENABLE ROW LEVEL SECURITY",
				"CREATE POLICY p ON item USING (id > 1)",
				"ALTER POLICY p ON item USING (id > 2)",
				"ALTER TYPE mood ADD VALUE 'b'",
				"GRANT SELECT ON item TO " + db.Name + "_r",
				"ALTER TABLE item REPLICA IDENTITY FULL",
				"ALTER TABLE item RENAME TO thing",
				"ALTER TABLE thing RENAME TO item",
				"DROP VIEW v",
				"DROP TABLE item",
				itemTable,
			} {
				before := f.everything()
				db.Exec(t, ddl)
				f.until(func() bool { return f.everything() > before })
			}
			before := f.everything()
			db.Exec(t, "GRANT pg_read_all_data TO "+db.Name+"_r") // which no event trigger sees
			f.until(func() bool { return f.everything() > before })
			f.until(func() bool { return s.Covers(t.Context(), "item") == nil })
			db.Exec(t, insert(1))
			f.until(func() bool { return slices.Contains(f.ids(), 1) })
		})
	}
}

// TestTemporaryTables: what is not kept is no change of the schema.
func TestTemporaryTables(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, itemTable)
	_, s := open(t, Config{URL: db.URL})
	f := follow(t, s)
	f.connected()
	db.Exec(t, "CREATE TEMP TABLE scratch (id int PRIMARY KEY, a text); ALTER TABLE scratch ADD b int; DROP TABLE scratch",
		"ANALYZE", "VACUUM", "COMMENT ON TABLE item IS 'x'", insert(1))
	f.wantIDs(1)
	if err := s.lookCatalog(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := f.everything(); n > 0 {
		t.Errorf("%d changesets say that anything may have changed", n)
	}
}

// TestKeyIsLost: a table that loses its key is taken out of the publication, so
// that updates of it do not fail in the app, and is not covered any more.
func TestKeyIsLost(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, itemTable, insert(1))
	_, s := open(t, Config{URL: db.URL})
	f := follow(t, s)
	f.connected()
	db.Exec(t, "ALTER TABLE item DROP CONSTRAINT item_pkey")
	eventually(t, func() bool { return db.Try("UPDATE item SET name = 'y'") == nil })
	f.until(func() bool { return s.Covers(t.Context(), "item") != nil })
	db.Exec(t, "ALTER TABLE item ADD PRIMARY KEY (id)")
	f.until(func() bool { return s.Covers(t.Context(), "item") == nil })
	f.until(func() bool { return slices.Contains(f.changesOf("item"), "everything") })
}

// TestTablesOfEveryKind: what is covered and what is not, and why.
func TestTablesOfEveryKind(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t,
		`CREATE TABLE "Odd""Name" (id int PRIMARY KEY)`, `CREATE SCHEMA app`, `CREATE TABLE app."a.b" (id int PRIMARY KEY)`,
		"CREATE TABLE parted (id int, at int, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)",
		"CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10)",
		"CREATE TABLE keyless_parted (id int) PARTITION BY RANGE (id)",
		"CREATE TABLE keyless (a int)", "CREATE TABLE wide (a int)", "ALTER TABLE wide REPLICA IDENTITY FULL",
		"CREATE TABLE byindex (a int NOT NULL)", "CREATE UNIQUE INDEX byindex_a ON byindex (a)", "ALTER TABLE byindex REPLICA IDENTITY USING INDEX byindex_a",
		"CREATE TABLE nothing (id int PRIMARY KEY)", "ALTER TABLE nothing REPLICA IDENTITY NOTHING",
		"CREATE TABLE deferred (id int PRIMARY KEY DEFERRABLE)",
		"CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY)", "CREATE MATERIALIZED VIEW mat AS SELECT 1",
		"CREATE EXTENSION IF NOT EXISTS file_fdw", "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw",
		"CREATE FOREIGN TABLE elsewhere (a text) SERVER files OPTIONS (filename '/dev/null')",
	)
	_, s := open(t, Config{URL: db.URL})
	for name, want := range map[string]string{
		`Odd"Name`: "", `"Odd""Name"`: "", `app."a.b"`: "", "parted": "", "parted_1": "", "wide": "", "byindex": "",
		"keyless": "has no key", "keyless_parted": "has no key", "nothing": "has no key", "deferred": "has no key",
		"fleeting": "is unlogged", "mat": "is a materialized view", "elsewhere": "is a foreign table",
		"pg_catalog.pg_class": "system catalogue", "nowhere": "is no table", "Parted": "is no table",
	} {
		if strings.Contains(name, `"Name`) && name != tableName("public", `Odd"Name`) {
			continue
		}
		err := s.Covers(t.Context(), name)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Covers(%s): %v, want %q", name, err, want)
		}
	}
}

// TestRowsOfEveryKind: truncation with what it takes along, keys that change
// places, rows that move between partitions.
func TestRowsOfEveryKind(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, itemTable, "CREATE TABLE child (id int PRIMARY KEY, item bigint REFERENCES item)",
		"CREATE TABLE parted (id int, at int, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)",
		"CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10)",
		"CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20)")
	_, s := open(t, Config{URL: db.URL})
	f := follow(t, s)
	for _, tt := range []struct{ text, table, want string }{
		{"INSERT INTO item VALUES (1, 'a'), (2, 'b')", "item", "insert insert"},
		{"BEGIN; UPDATE item SET id = 3 WHERE id = 1; UPDATE item SET id = 1 WHERE id = 2; UPDATE item SET id = 2 WHERE id = 3; COMMIT", "item", "update update update"},
		{"INSERT INTO parted VALUES (1, 5)", "parted", "insert"},
		{"UPDATE parted SET at = 15", "parted", "delete insert"},
		{"DELETE FROM parted_2", "parted", "delete"},
		{"TRUNCATE item CASCADE", "item", "everything"},
		{"", "child", "everything"},
		{"TRUNCATE parted", "parted", "everything"},
	} {
		before := 0
		if tt.text != "" {
			before = len(f.changesOf(tt.table))
			db.Exec(t, tt.text)
		}
		want := strings.Fields(tt.want)
		f.until(func() bool { return len(f.changesOf(tt.table)) >= before+len(want) })
		if got := f.changesOf(tt.table)[before:]; !slices.Equal(got, want) {
			t.Errorf("%s: %s has %v, want %v", tt.text, tt.table, got, want)
		}
	}
	sets, _ := f.all()
	at := map[int64]string{}
	for i := range sets {
		for _, c := range sets[i].Changes {
			if c.Table != "item" || c.Kind == change.Everything {
				continue
			}
			if c.Old != nil {
				delete(at, c.Old[0].(int64))
			}
			at[c.New[0].(int64)] = c.New[1].(string)
		}
	}
	if at[1] != "b" || at[2] != "a" || len(at) != 2 {
		t.Errorf("two keys that change places lead to %v", at)
	}
}

// TestPreparedTransaction: what is prepared counts when it is committed.
func TestPreparedTransaction(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, itemTable)
	_, s := open(t, Config{URL: db.URL})
	f := follow(t, s)
	f.connected()
	conn := db.Connect(t)
	for _, text := range []string{"BEGIN", insert(2), "PREPARE TRANSACTION '" + db.Name + "'"} {
		if _, err := conn.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	db.Exec(t, insert(1))
	f.wantIDs(1)
	if _, ids := pinIDs(t, s); !slices.Equal(ids, []int64{1}) {
		t.Errorf("a snapshot shows %v", ids)
	}
	db.Exec(t, "COMMIT PREPARED '"+db.Name+"'")
	f.wantIDs(2)
}
