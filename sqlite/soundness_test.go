package sqlite

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
)

// Every column that decides about the result counts as read, whether or not
// the text names it.
func TestColumnsReadWithoutBeingNamed(t *testing.T) {
	db, s, err := Open(filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.Exec(`CREATE TABLE post (id INTEGER PRIMARY KEY, title TEXT, uid INTEGER, deleted INTEGER DEFAULT 0);
		CREATE TABLE person (uid INTEGER, name TEXT, deleted INTEGER DEFAULT 0);
		CREATE VIEW joined AS SELECT title, name FROM post JOIN person USING (uid);
		CREATE VIEW nested AS SELECT title FROM joined`); err != nil {
		t.Fatal(err)
	}
	tests := map[string][]string{
		`SELECT title, name FROM post JOIN person USING (uid)`:                           {"post.uid", "person.uid", "post.title", "person.name"},
		`SELECT title, name FROM post left join person using(uid)`:                       {"post.uid", "person.uid"},
		`SELECT title, name FROM post FULL JOIN person USING (uid)`:                      {"post.uid", "person.uid"},
		`SELECT title, name FROM post NATURAL JOIN person`:                               {"post.uid", "person.uid", "post.deleted", "person.deleted"},
		`SELECT title, name FROM joined`:                                                 {"post.uid", "person.uid"},
		`SELECT title FROM nested`:                                                       {"post.uid", "person.uid"},
		`SELECT count(*) FROM joined`:                                                    {"post.uid", "person.uid"},
		`SELECT count(*) FROM nested`:                                                    {"post.uid", "person.uid"},
		`SELECT count(*) FROM post JOIN person USING (uid)`:                              {"post.uid", "person.uid"},
		`SELECT p.title FROM post p JOIN person a USING (uid) JOIN person b USING (uid)`: {"post.uid", "person.uid"},
		`SELECT title FROM post WHERE uid IN (SELECT uid FROM person)`:                   {"post.uid", "person.uid"},
		`SELECT title FROM post WHERE EXISTS (SELECT 1 FROM person NATURAL JOIN joined)`: {"post.uid", "person.uid"},
		`SELECT title FROM post ORDER BY deleted`:                                        {"post.deleted"},
		`SELECT count(*) FROM post GROUP BY deleted`:                                     {"post.deleted"},
		`SELECT title, row_number() OVER (PARTITION BY uid ORDER BY deleted) FROM post`:  {"post.uid", "post.deleted"},
		`SELECT title, count(*) FILTER (WHERE deleted = 0) FROM post`:                    {"post.deleted"},
	}
	for text, want := range tests {
		statement, err := s.Describe(context.Background(), text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got []string
		for _, r := range statement.Reads {
			for _, c := range r.Columns {
				got = append(got, r.Table+"."+c)
			}
		}
		for _, column := range want {
			if !slices.Contains(got, column) {
				t.Errorf("%s\n\tlacks %s: %v", text, column, got)
			}
		}
	}
}

// The key that a table without one of its own has can be changed too, and
// lists show it.
func TestRowidChanged(t *testing.T) {
	db, s, err := Open(filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.Exec(`CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('x')`); err != nil {
		t.Fatal(err)
	}
	statement, err := s.Describe(context.Background(), `SELECT rowid, a FROM t`)
	if err != nil {
		t.Fatal(err)
	}
	h := s.history.Load()
	before := h.last()
	if _, err := db.Exec(`UPDATE t SET rowid = 7`); err != nil {
		t.Fatal(err)
	}
	sets, _, err := h.since(before)
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range sets {
		for i := range set.Changes {
			if set.Changes[i].Touches(statement.Reads[0].Columns) {
				return
			}
		}
	}
	t.Errorf("the rowid changed; reads %+v, changes %+v", statement.Reads, sets)
}
