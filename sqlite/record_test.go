package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/readset/readsettest"
)

const recordSchema = `
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER);
INSERT INTO item VALUES (1, 'one'), (2, 'two'), (3, 'three');
INSERT INTO account VALUES (1, 500), (2, 500);
CREATE VIRTUAL TABLE ft USING fts5(body);
CREATE VIEW dice AS SELECT id, random() AS n FROM item;
CREATE TABLE made (id INTEGER PRIMARY KEY, at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, luck INTEGER DEFAULT (random()));
CREATE VIEW lately AS SELECT at FROM made WHERE at > CURRENT_TIMESTAMP;
CREATE VIEW today AS SELECT id FROM item WHERE date('now') > '2000-01-01';
`

func TestRecorder(t *testing.T) {
	readsettest.Run(t, func(t *testing.T) readsettest.Harness {
		c := Config{Path: filepath.Join(t.TempDir(), "test.db")}
		db, s := openConfig(t, c, recordSchema)
		return readsettest.Harness{
			DB: db, Pin: s.Pin, Covers: s.Covers,
			Named: true, Returning: true, Few: raceDetector || testing.Short(),
			Uncovered: "SELECT body FROM ft", UncoveredTable: "ft",
			Prelude: "CREATE TEMP TABLE mine (x)", Undescribed: "SELECT x FROM mine",
			Volatile: map[string]string{
				"SELECT random()":                                  "random",
				"SELECT n FROM dice":                               "random",
				"SELECT id FROM today":                             "date",
				"SELECT datetime('now')":                           "datetime",
				"SELECT datetime(\"NOW\")":                         "datetime",
				"SELECT date()":                                    "date",
				"SELECT strftime('%Y')":                            "strftime",
				"SELECT date('subsec')":                            "date",
				"SELECT CURRENT_TIMESTAMP":                         "current_timestamp",
				"SELECT last_insert_rowid()":                       "last_insert_rowid",
				"SELECT changes() + total_changes()":               "changes",
				"SELECT hex(randomblob(4))":                        "randomblob",
				"SELECT date('2020-01-01', '+1 day')":              "",
				"SELECT strftime('%Y', name) FROM item WHERE id<0": "",
				"SELECT upper(name) || 'now' FROM item":            "",
				"SELECT quote(date(name, '+1 day')) FROM item":     "",
				"SELECT value FROM json_each('[1,2]')":             "",
				"SELECT at, luck FROM made":                        "",
				"SELECT at FROM lately":                            "current_timestamp",
				"SELECT at, Random() FROM made":                    "random",
			},
		}
	})
}

func TestNowAsAnArgument(t *testing.T) {
	db, s := open(t, recordSchema)
	snapshot, err := s.Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	for argument, want := range map[string]string{"now": "[date]", "2020-01-01": "[]"} {
		set := &readset.Set{Snapshot: snapshot}
		var day string
		ctx := readset.NewContext(t.Context(), set)
		if err := db.QueryRowContext(ctx, "SELECT date(?)", argument).Scan(&day); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(set.Volatile()); got != want {
			t.Errorf("date(?) of %q: volatile are %s, want %s", argument, got, want)
		}
	}
}
