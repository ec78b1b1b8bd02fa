package resource_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"iter"
	"net/http"
	"path/filepath"
	"slices"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/sqlite"
)

// oddTables have what images and rows that are read may have in two ways:
// foreign keys of another type than what they lead to, columns that are younger
// than the rows, zeros with a sign, keys that change, rows that others take along.
const oddTables = `
CREATE TABLE writers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE texts (
	id INTEGER PRIMARY KEY, writer TEXT REFERENCES writers(id) ON UPDATE CASCADE, share REAL, amount NUMERIC, code TEXT, any_of
);
CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT REFERENCES texts(id) ON DELETE CASCADE, body TEXT);
CREATE TABLE rows (kind TEXT COLLATE NOCASE, n INTEGER, share REAL, owner INTEGER REFERENCES writers(id) ON DELETE CASCADE ON UPDATE CASCADE, PRIMARY KEY (kind, n)) WITHOUT ROWID;
CREATE TRIGGER paid AFTER UPDATE OF share ON texts BEGIN UPDATE texts SET amount = NEW.share WHERE id = NEW.id + 1; END;
INSERT INTO writers VALUES (1, 'ann'), (2, 'bob'), (11, 'eve');
INSERT INTO texts VALUES (1, '1', 1, 1, 'a', 1), (2, 2, 2.5, 'x', 'b', '1'), (3, NULL, -0.0, NULL, NULL, 2.0);
INSERT INTO notes VALUES (1, 1, 'one'), (2, '2', 'two');
INSERT INTO rows VALUES ('a', 1, 1, 1), ('B', 2, -0.0, 2), ('d', 4, 3, 11);
ALTER TABLE texts ADD COLUMN state INTEGER DEFAULT 7;
ALTER TABLE rows ADD COLUMN mark TEXT DEFAULT 'new';
`

var oddWrites = []string{
	`UPDATE writers SET name = 'ann the first' WHERE id = 1`,
	`UPDATE writers SET name = 'bob the second' WHERE id = 2`,
	`UPDATE notes SET body = 'uno' WHERE id = 1`,
	`INSERT INTO notes VALUES (3, 3, 'three'), (4, '3', 'four')`,
	`INSERT INTO texts (id, writer, share, amount, code, any_of) VALUES (4, '1', 5, '7', 8, -0.0)`,
	`UPDATE texts SET share = -0.0 WHERE id = 4`,
	`UPDATE texts SET share = 3 WHERE id = 4`,
	`UPDATE texts SET share = -0.0, amount = -0.0, any_of = -0.0, code = -0.0 WHERE id = 3`,
	`INSERT INTO texts (id, share, amount, any_of) VALUES (5, -0.0, -0.0, -0.0)`,
	`UPDATE texts SET code = 'seen' WHERE id = 1`,
	`UPDATE texts SET state = 8 WHERE id = 1`,
	`REPLACE INTO texts (id, share) VALUES (5, 12)`,
	`INSERT INTO texts (id, share) VALUES (5, 1) ON CONFLICT DO UPDATE SET share = 9, code = NULL`,
	`UPDATE texts SET id = 9 WHERE id = 5`,
	`UPDATE writers SET id = 12 WHERE id = 1`,
	`BEGIN; SAVEPOINT a; UPDATE texts SET share = 77; DELETE FROM rows; ROLLBACK TO a; UPDATE texts SET code = 'z' WHERE id = 2; COMMIT`,
	`UPDATE rows SET share = 4 WHERE kind = 'B'`,
	`UPDATE rows SET kind = 'A' WHERE kind = 'a'`,
	`REPLACE INTO rows (kind, n, share, owner) VALUES ('a', 1, -0.0, 2)`,
	`INSERT INTO rows (kind, n, share) VALUES ('c', 1, 2)`,
	`UPDATE rows SET mark = NULL WHERE kind = 'C'`,
	`UPDATE texts SET writer = NULL`,
	`DELETE FROM writers WHERE id = 2`,
	`REPLACE INTO writers VALUES (11, 'eve')`,
	`DELETE FROM texts WHERE id = 2`,
	`DELETE FROM texts WHERE id = 3`,
	`DELETE FROM texts`,
}

// followed is a list that is kept by steps alone.
type followed struct {
	target string
	plan   *ivm.Plan
	result *ivm.Result
}

// TestStepsSeeWhatIsStored: whatever writes a row, and whoever, a step gives the
// bytes that reading the list gives.
func TestStepsSeeWhatIsStored(t *testing.T) {
	for _, outside := range []bool{false, true} {
		t.Run(fmt.Sprintf("outside %t", outside), func(t *testing.T) { followOdd(t, outside) })
	}
}

func followOdd(t *testing.T, outside bool) {
	path := filepath.Join(t.TempDir(), "odd.db")
	writer, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(wal)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = writer.Close() })
	if _, err := writer.Exec(oddTables); err != nil {
		t.Fatal(err)
	}
	db, source, err := sqlite.Config{Path: path, TriggerLog: outside}.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = db.Close(), source.Close() })
	texts, lines := whole(db, source, "texts"), whole(db, source, "rows")
	texts.Nested = []resource.Nested{{Name: "by", Via: "writer", Columns: []string{"name"}}, {Name: "notes", Table: "notes", By: "text"}}
	mux := http.NewServeMux()
	make1(t, texts).Mount(mux, "/nested")
	texts.Nested = nil
	make1(t, texts).Mount(mux, "/texts")
	make1(t, lines).Mount(mux, "/rows")
	source.Focus([]string{"writers", "texts", "notes", "rows"})
	var lists []*followed
	for _, target := range []string{
		"/nested", "/texts", "/texts?state=7", "/texts?share=0", "/texts?share__gte=0&ordering=-share", "/texts?ordering=amount", "/texts?code__isnull=true",
		"/texts?limit=2&ordering=share", "/texts/2", "/nested/1", "/rows", "/rows?mark=new&ordering=-share", "/rows?kind=A",
	} {
		e := evaluate(mux, target)
		kept := e.mark.Kept()
		if kept == nil {
			t.Fatalf("%s: no plan: %s", target, e.body)
		}
		result, err := ivm.New(kept.Plan, kept.Rows)
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		lists = append(lists, &followed{target, kept.Plan, result})
	}
	if !outside {
		writer = db
	}
	writer.SetMaxOpenConns(1)
	if _, err := writer.Exec("PRAGMA foreign_keys = ON"); err != nil {
		t.Fatal(err)
	}
	next, steps := changesets(t, source), 0
	for _, statement := range oddWrites {
		if _, err := writer.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		set := next()
		for _, l := range lists {
			if l.follow(t, statement, &set) {
				steps++
			}
		}
	}
	if most := len(oddWrites) * len(lists); steps < most/2 {
		t.Errorf("%d of %d were steps", steps, most)
	}
}

// changesets returns what returns the next one that a source tells of.
func changesets(t *testing.T, source *sqlite.Source) func() change.Changeset {
	next, stop := iter.Pull2(source.Stream(t.Context(), source.Position()))
	t.Cleanup(stop)
	return func() change.Changeset {
		set, err, ok := next()
		if err != nil || !ok {
			t.Fatal("the stream ended: ", err)
		}
		return set
	}
}

// follow steps a list and holds it against what is read. stepped: it did not have
// to be read.
func (l *followed) follow(t *testing.T, statement string, set *change.Changeset) (stepped bool) {
	t.Helper()
	var hits []int
	tables := append([]string{l.plan.Table}, l.plan.Beyond...)
	for i := range l.plan.Nested {
		tables = append(tables, l.plan.Nested[i].Table)
	}
	for i := range set.Changes {
		if slices.Contains(tables, set.Changes[i].Table) {
			hits = append(hits, i)
		}
	}
	verdict := l.result.Step(set, hits)
	rows, err := l.plan.Reader.Read(t.Context(), []*ivm.Plan{l.plan})
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := ivm.New(l.plan, rows[0])
	if err != nil {
		t.Fatalf("%s after %s: %v", l.target, statement, err)
	}
	if verdict.Read == "" {
		if got, want := fmt.Sprintf("%q", l.result.Items().Slice()), fmt.Sprintf("%q", fresh.Items().Slice()); got != want {
			t.Errorf("%s after %s: stepped\n%s\nread\n%s", l.target, statement, got, want)
		} else if !bytes.Equal(l.result.Meta(), fresh.Meta()) {
			t.Errorf("%s after %s: beside the list stepped %s, read %s", l.target, statement, l.result.Meta(), fresh.Meta())
		}
	}
	if _, err := l.result.Load(rows[0]); err != nil {
		t.Fatal(err)
	}
	return verdict.Read == ""
}
