package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
)

const hookSchema = `
CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT UNIQUE, n INTEGER CHECK (n < 100));
CREATE TABLE pair (a TEXT, b TEXT, v, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE parent (id INTEGER PRIMARY KEY);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent REFERENCES parent ON DELETE CASCADE);
CREATE TABLE source (v); CREATE TABLE target (v);
CREATE TRIGGER copy AFTER INSERT ON source BEGIN INSERT INTO target VALUES (NEW.v); END;
CREATE TABLE gen (a INTEGER, v AS (a * 2), s AS (a * 3) STORED, z TEXT);
CREATE TABLE late (id INTEGER PRIMARY KEY); INSERT INTO late VALUES (1); ALTER TABLE late ADD COLUMN more DEFAULT 7;
CREATE VIRTUAL TABLE ft USING fts5(body);
INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2);
INSERT INTO parent VALUES (1); INSERT INTO child VALUES (10, 1), (11, 1);
INSERT INTO gen (a, z) VALUES (1, 'z');
`

// TestCommits says what each way to write is published as. A line is one
// changeset; steps that end with "!" must fail.
func TestCommits(t *testing.T) {
	tests := []struct {
		name  string
		steps []string
		want  []string
	}{
		{"insert", []string{"INSERT INTO t VALUES (3, 'c', 3)"}, []string{"+t[3 c 3]"}},
		{"update", []string{"UPDATE t SET n = 9 WHERE id = 1"}, []string{"t[1 a 1]→[1 a 9]"}},
		{"no-op update", []string{"UPDATE t SET n = n"}, nil},
		{"update after a NUL", []string{"UPDATE t SET x = x || char(0) || 1 WHERE id = 1", "UPDATE t SET x = 'a' || char(0) || 2 WHERE id = 1"},
			[]string{"t[1 a 1]→[1 a\x001 1]", "t[1 a\x001 1]→[1 a\x002 1]"}},
		{"half no-op update", []string{"UPDATE t SET n = 2"}, []string{"t[1 a 1]→[1 a 2]"}},
		{"delete all is no truncate", []string{"DELETE FROM t"}, []string{"-t[1 a 1] -t[2 b 2]"}},
		{"or replace", []string{"INSERT OR REPLACE INTO t VALUES (1, 'b', 5)"}, []string{"-t[1 a 1] -t[2 b 2] +t[1 b 5]"}},
		{"or ignore", []string{"INSERT OR IGNORE INTO t VALUES (1, 'z', 5)"}, nil},
		{"or fail keeps the rows before", []string{"INSERT OR FAIL INTO t VALUES (3, 'c', 3), (4, 'a', 4), (5, 'e', 5)!"}, []string{"+t[3 c 3]"}},
		{"upsert", []string{"INSERT INTO t VALUES (1, 'q', 5) ON CONFLICT DO UPDATE SET n = 6"}, []string{"t[1 a 1]→[1 a 6]"}},
		{"without rowid", []string{"INSERT INTO pair VALUES ('k', 'l', 1)", "UPDATE pair SET v = 2", "DELETE FROM pair"},
			[]string{"+pair[k l 1]", "pair[k l 1]→[k l 2]", "-pair[k l 2]"}},
		{"cascade", []string{"DELETE FROM parent"}, []string{"-parent[1] -child[10 1] -child[11 1]"}},
		{"trigger", []string{"INSERT INTO source VALUES (1)"}, []string{"+source[1] +target[1]"}},
		{"generated", []string{"UPDATE gen SET a = 2"}, []string{"gen[1 unknown 3 z]→[2 unknown 6 z]"}},
		{"generated no-op", []string{"UPDATE gen SET a = 1"}, nil},
		{"added column", []string{"UPDATE late SET more = 8"}, []string{"late[1 7]→[1 8]"}},
		{"temp", []string{"CREATE TEMP TABLE tt (x)", "INSERT INTO tt VALUES (1)"}, nil},
		{"fts", []string{"INSERT INTO ft VALUES ('hello')"}, nil},
		{"transaction", []string{"BEGIN", "INSERT INTO t VALUES (3, 'c', 3)", "DELETE FROM t WHERE id = 1", "COMMIT"},
			[]string{"+t[3 c 3] -t[1 a 1]"}},
		{"rollback", []string{"BEGIN", "INSERT INTO t VALUES (3, 'c', 3)", "ROLLBACK", "DELETE FROM t WHERE id = 1"}, []string{"-t[1 a 1]"}},
		{"failed statement", []string{"BEGIN", "DELETE FROM t WHERE id = 2", "INSERT INTO t VALUES (3, 'c', 3), (4, 'a', 4)!", "END TRANSACTION"},
			[]string{"-t[2 b 2]"}},
		{"failed update", []string{"BEGIN", "UPDATE t SET n = n + 98!", "COMMIT"}, nil},
		{"or fail in a transaction", []string{"BEGIN", "INSERT OR FAIL INTO t VALUES (3, 'c', 3), (4, 'a', 4)!", "COMMIT"}, []string{"*t"}},
		{"or rollback", []string{"BEGIN", "DELETE FROM t WHERE id = 2", "INSERT OR ROLLBACK INTO t VALUES (4, 'a', 4)!", "DELETE FROM child"},
			[]string{"-child[10 1] -child[11 1]"}},
		{"rollback to", []string{"BEGIN", "DELETE FROM t WHERE id = 1", "SAVEPOINT \"A b\"", "DELETE FROM t WHERE id = 2",
			"ROLLBACK TRANSACTION TO SAVEPOINT [a B]", "DELETE FROM child", "COMMIT"},
			[]string{"-t[1 a 1] -child[10 1] -child[11 1]"}},
		{"nested savepoints", []string{"SAVEPOINT a", "DELETE FROM t WHERE id = 1", "SAVEPOINT a", "DELETE FROM t WHERE id = 2", "RELEASE a",
			"ROLLBACK TO a", "DELETE FROM child WHERE id = 10", "RELEASE SAVEPOINT a"}, []string{"-child[10 1]"}},
		{"released outermost", []string{"/* x */ SAVEPOINT a", "DELETE FROM t WHERE id = 1", "RELEASE a"}, []string{"-t[1 a 1]"}},
		{"script of commits", []string{"DELETE FROM t WHERE id = 1; -- ;\n DELETE FROM t WHERE id = 2;; DELETE FROM child WHERE id = 10"},
			[]string{"-t[1 a 1]", "-t[2 b 2]", "-child[10 1]"}},
		{"script that fails", []string{"DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (2, 'x', 1); DELETE FROM t!"}, []string{"-t[1 a 1]"}},
		{"script with a trigger", []string{"CREATE TRIGGER g AFTER DELETE ON t BEGIN DELETE FROM child; DELETE FROM parent; END; DELETE FROM t WHERE id = 1"},
			[]string{"everything", "-t[1 a 1] -child[10 1] -child[11 1] -parent[1]"}},
		{"create", []string{"CREATE TABLE fresh (x)", "INSERT INTO fresh VALUES (1)"}, []string{"everything", "+fresh[1]"}},
		{"create what is there", []string{"CREATE TABLE IF NOT EXISTS t (x)", "DELETE FROM t WHERE id = 1"}, []string{"-t[1 a 1]"}},
		{"create and fill", []string{"BEGIN", "CREATE TABLE fresh AS SELECT * FROM t", "INSERT INTO fresh VALUES (1, 2, 3)", "COMMIT"}, []string{"everything"}},
		{"drop column", []string{"ALTER TABLE t DROP COLUMN n", "DELETE FROM t WHERE id = 1"}, []string{"everything", "-t[1 a]"}},
		{"rename column", []string{"ALTER TABLE parent RENAME COLUMN id TO key", "INSERT INTO parent VALUES (5)"}, []string{"everything", "+parent(key)[5]"}},
		{"drop table", []string{"DROP TABLE source"}, []string{"everything"}},
		{"vacuum", []string{"VACUUM"}, []string{"everything"}},
		{"user version", []string{"PRAGMA user_version = 5"}, []string{"everything"}},
		{"analyze", []string{"ANALYZE", "DELETE FROM child WHERE id = 10"}, []string{"*", "-child[10 1]"}},
		{"nothing written", []string{"BEGIN IMMEDIATE", "COMMIT"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db, s := open(t, hookSchema)
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			start := s.Position()
			for _, step := range tt.steps {
				text, fails := strings.CutSuffix(step, "!")
				if _, err := conn.ExecContext(t.Context(), text); (err != nil) != fails {
					t.Fatalf("%s: %v", step, err)
				}
			}
			pin(t, s) // whatever is not accounted for shows now
			got := render(published(t, s, start))
			if len(tt.want) > 0 && tt.want[0] == "*" { // whatever it is
				tt.want = append(got[:max(0, len(got)-len(tt.want)+1):max(0, len(got)-len(tt.want)+1)], tt.want[1:]...)
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tt.want) {
				t.Errorf("published\n%q, want\n%q", got, tt.want)
			}
		})
	}
}

func pin(t *testing.T, s *Source) {
	t.Helper()
	snapshot, err := s.Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := snapshot.Close(); err != nil {
		t.Fatal(err)
	}
}

// render writes changesets as short text.
func render(sets []change.Changeset) []string {
	var lines []string
	for _, set := range sets {
		if set.Everything {
			lines = append(lines, "everything")
			continue
		}
		var words []string
		for _, c := range set.Changes {
			name := c.Table
			if c.Table == "parent" && c.Columns[0] != "id" {
				name += fmt.Sprint("(", strings.Join(c.Columns, " "), ")")
			}
			switch c.Kind {
			case change.Insert:
				words = append(words, fmt.Sprint("+", name, c.New))
			case change.Delete:
				words = append(words, fmt.Sprint("-", name, c.Old))
			case change.Update:
				words = append(words, fmt.Sprint(name, c.Old, "→", c.New))
			default:
				words = append(words, "*"+name)
			}
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return lines
}

func TestReturningCommitsWhenItsRowsEnd(t *testing.T) {
	for _, all := range []bool{true, false} {
		db, s := open(t, hookSchema)
		start := s.Position()
		rows, err := db.Query("UPDATE t SET n = 50 RETURNING id")
		if err != nil {
			t.Fatal(err)
		}
		if got := published(t, s, start); len(got) != 0 {
			t.Fatalf("published before the commit: %v", render(got))
		}
		for all && rows.Next() {
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		if got := render(published(t, s, start)); len(got) != 1 || got[0] != "t[1 a 1]→[1 a 50] t[2 b 2]→[2 b 50]" {
			t.Errorf("read to the end %v: published %v", all, got)
		}
	}
}

func TestCancelledCommitsAreAccountedFor(t *testing.T) {
	db, s := open(t, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	rounds := 2000
	if raceDetector || testing.Short() {
		rounds = 100
	}
	start := s.Position()
	for i := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		_, err := db.ExecContext(ctx, "INSERT INTO t VALUES (?)", i)
		_ = err // committed or not: that is the question
		cancel()
	}
	var n int
	if err := db.QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil {
		t.Fatal(err)
	}
	pin(t, s)
	sets := published(t, s, start)
	for _, set := range sets {
		if set.Everything || len(set.Changes) != 1 {
			t.Fatalf("a cancelled insert came as %v", set)
		}
	}
	if len(sets) != n {
		t.Errorf("%d rows are there, %d were published", n, len(sets))
	}
	t.Logf("%d of %d inserts committed", n, rounds)
}

func TestBusyPublishesNothing(t *testing.T) {
	c := Config{Path: t.TempDir() + "/test.db", BusyTimeout: 1}
	db, s := openConfig(t, c, hookSchema)
	reader, err := db.Begin() // its snapshot grows old
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := reader.QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil {
		t.Fatal(err)
	}
	start := s.Position()
	mustExec(t, db, "DELETE FROM child WHERE id = 10")
	if _, err := reader.Exec("DELETE FROM t"); !isBusy(err) {
		t.Errorf("an old snapshot wrote: %v", err)
	}
	if err := reader.Rollback(); err != nil {
		t.Error(err)
	}
	if got := render(published(t, s, start)); len(got) != 1 || got[0] != "-child[10 1]" {
		t.Errorf("published %v", got)
	}
}

func TestBareConnectionCountsAsOutside(t *testing.T) {
	db, s := open(t, hookSchema)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	start := s.Position()
	err = conn.Raw(func(c any) error {
		return run(c.(interface{ Raw() driver.Conn }).Raw(), "DELETE FROM child")
	})
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, db, "DELETE FROM parent")
	if got := render(published(t, s, start)); len(got) != 2 || got[0] != "everything" || got[1] != "-parent[1]" {
		t.Errorf("published %v", got)
	}
}

func TestLargeTransactionIsBounded(t *testing.T) {
	c := Config{Path: t.TempDir() + "/test.db", MaxRows: 10}
	db, s := openConfig(t, c, hookSchema)
	start := s.Position()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 11 {
		if _, err := tx.Exec("INSERT INTO target VALUES (?)", i); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tx.Exec("DELETE FROM child WHERE id = 10"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := render(published(t, s, start)); len(got) != 1 || got[0] != "-child[10 1] *target" {
		t.Errorf("published %v", got)
	}
}
