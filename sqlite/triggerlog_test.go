package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
)

// openLogged opens a database with a trigger log, and has another process
// write it.
func openLogged(t *testing.T, schema string) (*Source, *other) {
	t.Helper()
	_, s := openConfig(t, Config{Path: filepath.Join(t.TempDir(), "test.db"), TriggerLog: true}, schema)
	s.maintainLog(t.Context()) // what a stream does by itself
	return s, startOther(t, s)
}

// TestOutsideCommitsByRow says what a commit of another process is published
// as when there is a trigger log.
func TestOutsideCommitsByRow(t *testing.T) {
	schema := strings.ReplaceAll(hookSchema, "INSERT INTO gen (a, z) VALUES (1, 'z');",
		"INSERT INTO gen (a, z) VALUES (1, 'z'); CREATE TABLE v (id INTEGER PRIMARY KEY, x); CREATE TABLE \"odd \"\"name\" (a, b UNIQUE);")
	s, o := openLogged(t, schema)
	tests := []struct {
		name, text string
		want       []string
	}{
		{"insert", "INSERT INTO t VALUES (3, 'c', 3)", []string{"+t[3 c 3]"}},
		{"update", "UPDATE t SET n = 9 WHERE id = 3", []string{"t[3 c 3]→[3 c 9]"}},
		{"delete", "DELETE FROM t WHERE id = 3", []string{"-t[3 c 9]"}},
		{"replace tells the row that it deletes", "INSERT OR REPLACE INTO t VALUES (5, 'b', 5)", []string{"t[2 b 2]→[] +t[5 b 5]"}},
		{"update or replace", "UPDATE OR REPLACE t SET x = 'a' WHERE id = 5", []string{"t[1 a 1]→[] t[5 b 5]→[5 a 5]"}},
		{"without rowid", "INSERT INTO pair VALUES ('k', 'l', 1)", []string{"+pair[k l 1]"}},
		{"without rowid replace", "INSERT OR REPLACE INTO pair VALUES ('k', 'l', 2)", []string{"pair[k l 1]→[] +pair[k l 2]"}},
		{"cascade", "PRAGMA foreign_keys = 1; DELETE FROM parent", []string{"-child[10 1] -child[11 1] -parent[1]"}},
		{"trigger", "INSERT INTO source VALUES (1)", []string{"+source[1] +target[1]"}},
		{"generated", "UPDATE gen SET a = 2", []string{"gen[1 unknown 3 z]→[2 unknown 6 z]"}},
		{"truncate", "DELETE FROM t", []string{"-t[5 a 5]"}},
		{"odd name", `INSERT INTO "odd ""name" VALUES ('it''s', 1), (NULL, 2)`, []string{`+odd "name[it's 1] +odd "name[<nil> 2]`}},
		{"values", "INSERT INTO v (x) VALUES (NULL), (-5), (2.5), (-1e300), (9e999), (x'00ff2c'), ('a,''b'''), (''), (x''), ('a' || char(0) || 'b')",
			[]string{"+v[1 <nil>] +v[2 -5] +v[3 2.5] +v[4 -1e+300] +v[5 +Inf] +v[6 [0 255 44]] +v[7 a,'b'] +v[8 ] +v[9 []] +v[10 unknown]"}},
		{"no row", "PRAGMA user_version = 7", []string{"everything"}},
		{"schema", "CREATE TABLE more (x); INSERT INTO more VALUES (1)", []string{"everything"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := s.Position()
			o.exec(tt.text)
			pin(t, s)
			if got := render(published(t, s, start)); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tt.want) {
				t.Errorf("published\n%q, want\n%q", got, tt.want)
			}
		})
	}
	t.Run("new table", func(t *testing.T) {
		start := s.Position()
		o.exec("INSERT INTO t VALUES (50, 'x', 1)") // the log is not to be trusted until all tables have triggers
		pin(t, s)
		s.maintainLog(t.Context())
		o.exec("INSERT INTO more VALUES (2)")
		pin(t, s)
		got := render(published(t, s, start))
		if got[0] != "everything" || got[len(got)-1] != "+more[2]" {
			t.Errorf("published %q", got)
		}
	})
}

func TestOwnRowsInTheLogAreSkipped(t *testing.T) {
	c := Config{Path: filepath.Join(t.TempDir(), "test.db"), TriggerLog: true}
	db, s := openConfig(t, c, hookSchema)
	s.maintainLog(t.Context())
	o := startOther(t, s)
	start := s.Position()
	mustExec(t, db, "DELETE FROM child WHERE id = 10")
	o.exec("DELETE FROM child WHERE id = 11")
	mustExec(t, db, "UPDATE t SET n = 7 WHERE id = 1")
	o.exec("UPDATE t SET n = 7 WHERE id = 2")
	pin(t, s)
	got := render(published(t, s, start))
	want := []string{"-child[10 1]", "-child[11 1]", "t[1 a 1]→[1 a 7]", "t[2 b 2]→[2 b 7]"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("published %q, want %q", got, want)
	}
}

func TestLogIsTrimmed(t *testing.T) {
	s, o := openLogged(t, "CREATE TABLE n (i)")
	o.exec("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 5000) INSERT INTO n SELECT i FROM c")
	pin(t, s)
	start := s.Position()
	s.maintainLog(t.Context())
	pin(t, s)
	if got := published(t, s, start); len(got) != 0 {
		t.Errorf("trimming was published: %v", render(got))
	}
	kept := int64(0)
	s.metaMu.Lock()
	defer s.metaMu.Unlock()
	if err := each(s.meta, "SELECT count(*) FROM "+logTable, func(row []driver.Value) { kept = row[0].(int64) }); err != nil {
		t.Fatal(err)
	}
	if kept != keptLogged {
		t.Errorf("%d rows are kept, want %d", kept, keptLogged)
	}
}

// TestTrimmedByAnotherReader: rows that are gone before they were read make
// the commit a change of everything.
func TestTrimmedByAnotherReader(t *testing.T) {
	s, o := openLogged(t, "CREATE TABLE n (i)")
	start := s.Position()
	o.exec("INSERT INTO n VALUES (1)")
	o.exec("INSERT INTO n VALUES (2)")
	o.exec("DELETE FROM " + logTable + " WHERE id = (SELECT min(id) FROM " + logTable + ")")
	pin(t, s)
	if got := render(published(t, s, start)); fmt.Sprint(got) != "[everything]" {
		t.Errorf("published %q", got)
	}
}

func TestInstallAndRemoveLog(t *testing.T) {
	db, s := open(t, hookSchema)
	if err := InstallLog(context.Background(), db); err != nil {
		t.Fatal(err)
	}
	s.maintainLog(t.Context())
	start := s.Position()
	startOther(t, s).exec("DELETE FROM t WHERE id = 1")
	pin(t, s)
	if got := render(published(t, s, start)); fmt.Sprint(got) != "[-t[1 a 1]]" {
		t.Errorf("published %q", got)
	}
	if err := s.Covers(t.Context(), logTable); err == nil {
		t.Error("the log itself is covered")
	}
	if err := RemoveLog(context.Background(), db); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.QueryRow("SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_wakeful%' ESCAPE '\\'").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d objects are left, %v", n, err)
	}
}

// TestLoggedCommitsLeadToTheTable: with two processes that write at once, the
// changesets in their order lead to what the table holds.
func TestLoggedCommitsLeadToTheTable(t *testing.T) {
	times := 1000
	if raceDetector || testing.Short() {
		times = 100
	}
	c := Config{Path: filepath.Join(t.TempDir(), "test.db"), TriggerLog: true}
	db, s := openConfig(t, c, "CREATE TABLE kv (id INTEGER PRIMARY KEY, who TEXT, n INTEGER)")
	s.maintainLog(t.Context())
	o := startOther(t, s)
	start := s.Position()
	const write = "INSERT INTO kv VALUES (abs(random() % 50), 'who', 1) ON CONFLICT DO UPDATE SET n = n + 1, who = 'who'"
	const remove = "DELETE FROM kv WHERE id = (SELECT abs(random() % 50))"
	theirs := strings.ReplaceAll(write, "who'", "other'")
	var all sync.WaitGroup
	all.Go(func() {
		o.exec(fmt.Sprint(times, " TIMES ", theirs))
		o.exec(fmt.Sprint(times/10, " TIMES ", remove))
		o.exec(fmt.Sprint(times, " TIMES ", theirs))
	})
	for range times {
		mustExec(t, db, write)
		mustExec(t, db, remove)
	}
	all.Wait()
	pin(t, s)
	rows, everything := map[int64]string{}, 0
	for _, set := range published(t, s, start) {
		if set.Everything {
			everything++
		}
		for _, c := range set.Changes {
			switch {
			case c.New != nil:
				rows[c.New[0].(int64)] = fmt.Sprint(c.New)
			case c.Kind == change.Delete:
				delete(rows, c.Old[0].(int64))
			}
		}
	}
	held := map[int64]string{}
	s.metaMu.Lock()
	defer s.metaMu.Unlock()
	if err := each(s.meta, "SELECT id, who, n FROM kv", func(row []driver.Value) {
		held[row[0].(int64)] = fmt.Sprint(row)
	}); err != nil {
		t.Fatal(err)
	}
	if everything > 0 || !maps.Equal(rows, held) {
		t.Errorf("%d changes of everything; the rest leads to\n%v, the table holds\n%v", everything, rows, held)
	}
}

// FuzzLiteral: whatever stands in a log, reading it ends, and what SQLite
// writes is read as it was.
func FuzzLiteral(f *testing.F) {
	for _, text := range []string{"NULL,1", "'a''b',X'00'", "-1.5e+10", "U", "'", "X'", "9.0e+999"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tb := &table{columns: []string{"a", "b"}}
		if got := tb.parse(text); got != nil && len(got) != 2 {
			t.Errorf("an image of %d values", len(got))
		}
		image := quoteText(text) + ",NULL"
		if got := tb.parse(image); len(got) != 2 || got[0] != text || got[1] != nil {
			t.Errorf("%q was read as %v", image, got)
		}
	})
}
