package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
)

const describeSchema = `
CREATE TABLE a (id INTEGER PRIMARY KEY, x, y);
CREATE TABLE b (id INTEGER PRIMARY KEY, a, z);
CREATE VIEW joined AS SELECT a.id, b.z FROM a JOIN b ON b.a = a.id;
CREATE VIEW over AS SELECT z FROM joined;
CREATE VIRTUAL TABLE ft USING fts5(body);
CREATE TABLE nr (k PRIMARY KEY, v) WITHOUT ROWID;
CREATE TRIGGER tr AFTER UPDATE ON a BEGIN INSERT INTO nr SELECT z, 1 FROM b; END;
`

func TestDescribe(t *testing.T) {
	_, s := open(t, describeSchema)
	tests := []struct{ text, reads string }{
		{"SELECT x FROM a", "[{a [x]}]"},
		{"SELECT * FROM a WHERE id = ?", "[{a [id x y]}]"},
		{"SELECT 1", "[]"},
		{"SELECT count(*) FROM a", "[{a []}]"},
		{"SELECT z FROM joined", "[{a [id]} {b [a z]}]"},
		{"SELECT count(*) FROM over", "[{a [id]} {b [a z]}]"},
		{"WITH c AS (SELECT x FROM a) SELECT * FROM c", "[{a [x]}]"},
		{"WITH c AS (SELECT x FROM a) SELECT count(*) FROM c", "[{a [x]}]"},
		{"WITH RECURSIVE n(i) AS NOT MATERIALIZED (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT count(*) FROM n", "[]"},
		{"SELECT count(*) FROM pragma_table_list", "[{pragma_table_list []}]"},
		{"SELECT x FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.a = a.id)", "[{a [id x]} {b [a]}]"},
		{"SELECT x FROM a UNION SELECT z FROM b ORDER BY 1", "[{a [x]} {b [z]}]"},
		{"SELECT v FROM nr; SELECT y FROM a", "[{a [y]} {nr [v]}]"},
		{"SELECT body FROM ft", "[{ft [body]}]"},
		{"SELECT value FROM json_each('[1]'), a WHERE a.id = value", "[{a [id]}]"},
		{"SELECT name FROM sqlite_schema", "[{sqlite_master [name]}]"},
		{"SELECT name FROM pragma_table_info('a')", "[{pragma_table_info [name]}]"},
		{"UPDATE a SET x = 1 WHERE y = 2", "writes [{a [y]} {b [z]}]"},
		{"INSERT INTO a (x) VALUES (1) RETURNING id", "writes [{a [id]}]"},
		{"PRAGMA cache_size", "writes []"},
		{"CREATE TABLE fresh (x)", "writes"},
		{"BEGIN", "writes []"},
	}
	for _, tt := range tests {
		statement, err := s.Describe(t.Context(), tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		got := fmt.Sprint(statement.Reads)
		if statement.Writes {
			got = "writes " + got
		}
		if !strings.HasPrefix(got, tt.reads) {
			t.Errorf("%s: %s, want %s", tt.text, got, tt.reads)
		}
	}
}

// TestDescriptionsFollowTheSchema: a description holds in the schema of its
// snapshot, and is asked for again after any DDL, also another's.
func TestDescriptionsFollowTheSchema(t *testing.T) {
	db, s := open(t, describeSchema)
	o := startOther(t, s)
	const text = "SELECT * FROM over"
	reads := func(snapshot source.Snapshot) string {
		t.Helper()
		set := &readset.Set{Snapshot: snapshot}
		statement, err := s.Describe(readset.NewContext(t.Context(), set), text)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(statement.Reads)
	}
	first, err := s.Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	before := reads(first)
	mustExec(t, db, "DROP VIEW over; CREATE VIEW over AS SELECT x FROM a")
	if got := reads(nil); got != "[{a [x]}]" {
		t.Errorf("after an own DDL: %s", got)
	}
	if got := reads(first); got != before {
		t.Errorf("in a snapshot from before: %s, want %s", got, before)
	}
	o.exec("DROP VIEW over; CREATE VIEW over AS SELECT y FROM a")
	if got := reads(nil); got != "[{a [y]}]" {
		t.Errorf("after another's DDL: %s", got)
	}
}

func TestCovers(t *testing.T) {
	_, s := open(t, describeSchema)
	for table, reason := range map[string]string{
		"a": "", "nr": "", "ft": "virtual", "ft_content": "virtual", "over": "view", "sqlite_master": "SQLite's own",
		"temp.x": "temporary", "aux.x": "attached", "pragma_table_info": "function", "none": "not exist", "A": "otherwise",
	} {
		err := s.Covers(t.Context(), table)
		var uncovered *source.UncoveredError
		switch {
		case reason == "" && err != nil:
			t.Errorf("Covers(%q) = %v", table, err)
		case reason != "" && (!errors.As(err, &uncovered) || !strings.Contains(uncovered.Reason, reason) || uncovered.Cure == ""):
			t.Errorf("Covers(%q) = %v, want one that says %q", table, err, reason)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	locked := filepath.Join(dir, "locked.db")
	holder, _ := openConfig(t, Config{Path: locked}, "CREATE TABLE t (x)")
	mustExec(t, holder, "INSERT INTO t VALUES (1)")
	tests := []struct {
		name string
		Config
		want string
	}{
		{"none", Config{}, "Path is empty"},
		{"memory", Config{Path: ":memory:"}, "t.TempDir()"},
		{"memory URI", Config{Path: "file:x?mode=memory"}, "t.TempDir()"},
		{"URI", Config{Path: "file:x.db"}, "plain path"},
		{"no directory", Config{Path: filepath.Join(dir, "none", "x.db")}, "no such file"},
		{"a directory", Config{Path: dir}, "cannot be opened"},
		{"text", Config{Path: file("text.db", strings.Repeat("not a database ", 100), 0o600)}, "not an SQLite database"},
		{"journal mode", Config{Path: filepath.Join(dir, "j.db"), Pragmas: []string{"journal_mode(DELETE)"}}, "WAL is needed"},
		{"bad pragma", Config{Path: filepath.Join(dir, "p.db"), Pragmas: []string{"x y z"}}, "syntax"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db, s, err := tt.Open()
			if err == nil {
				db.Close()
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open = %v, want an error that says %q", err, tt.want)
			}
		})
	}
	t.Run("odd path", func(t *testing.T) {
		db, s := openConfig(t, Config{Path: filepath.Join(dir, "a b?c#d%20é.db")}, "CREATE TABLE t (x)")
		mustExec(t, db, "INSERT INTO t VALUES (1)")
		if _, err := os.Stat(s.path); err != nil {
			t.Error(err)
		}
	})
}

func TestSplit(t *testing.T) {
	tests := []struct {
		text string
		want []string
	}{
		{"SELECT 1", nil},
		{"SELECT 1;", nil},
		{"SELECT 1; -- done\n /* ; */ ;", nil},
		{"SELECT ';'; SELECT \";\" ", []string{"SELECT ';';", "SELECT \";\" "}},
		{"a; ;b", []string{"a;", "b"}},
		{"SELECT '; ", nil},
		{"CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT CASE 1 WHEN 1 THEN 2 END; END; SELECT 1",
			[]string{"CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT CASE 1 WHEN 1 THEN 2 END; END;", "SELECT 1"}},
		{"CREATE TABLE trigger (x); SELECT 1", []string{"CREATE TABLE trigger (x);", "SELECT 1"}},
	}
	for _, tt := range tests {
		if got := split(tt.text); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tt.want) {
			t.Errorf("split(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

// FuzzSplit: cutting loses nothing but space, comments and empty statements.
func FuzzSplit(f *testing.F) {
	for _, text := range []string{"a;b;c", "';';\"", "[;];`;`--;\n;/*;", "CREATE TRIGGER;END;x;", "$;@;:a;?1;\ufeff;"} {
		f.Add(text)
	}
	tokens := func(text string) []string {
		var all []string
		for l := (lexer{text: text}); ; {
			t := l.next()
			if t.kind == tokenEnd {
				return all
			}
			if !t.is(";") {
				all = append(all, t.text)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		parts := split(text)
		if parts == nil {
			return
		}
		var joined []string
		for _, part := range parts {
			joined = append(joined, tokens(part)...)
		}
		if want := tokens(text); fmt.Sprintf("%q", joined) != fmt.Sprintf("%q", want) {
			t.Errorf("split(%q) = %q", text, parts)
		}
	})
}
