package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/readset/readsettest"
	"github.com/wakeful-dev/wakeful/source"
)

const recordSchema = `
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER);
INSERT INTO item VALUES (1, 'one'), (2, 'two'), (3, 'three');
INSERT INTO account VALUES (1, 500), (2, 500);
CREATE VIEW dice AS SELECT id, random() AS n FROM item;
CREATE TABLE made (id INTEGER PRIMARY KEY, at TIMESTAMPTZ DEFAULT now(), luck FLOAT DEFAULT random());
CREATE VIEW lately AS SELECT at FROM made WHERE at > CURRENT_TIMESTAMP;
CREATE FUNCTION days(int) RETURNS date LANGUAGE plpgsql AS $$ BEGIN RETURN current_date - $1; END $$;
CREATE FUNCTION harmless(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN $1; END $$;
`

func TestRecorder(t *testing.T) {
	readsettest.Run(t, func(t *testing.T) readsettest.Harness {
		db := pgtest.Database(t)
		db.Exec(t, recordSchema)
		handle, s, err := Open(db.URL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := errors.Join(handle.Close(), s.Close()); err != nil {
				t.Error(err)
			}
		})
		return readsettest.Harness{
			DB: handle, Pin: func(ctx context.Context) (source.Snapshot, error) { return openStandalone(ctx, s) },
			Param: func(n int) string { return fmt.Sprint("$", n) }, Returning: true, Few: true,
			Prelude: "CREATE TEMP TABLE mine (x int)", Undescribed: "SELECT x FROM mine",
			Volatile: map[string]string{
				"SELECT random()":                                   "random",
				"SELECT n FROM dice":                                "random",
				"SELECT now()":                                      "now",
				"SELECT 1 FROM made WHERE at < now()":               "now",
				"SELECT id FROM item LIMIT random() * 5":            "random",
				"SELECT v FROM (VALUES (random())) x (v)":           "random",
				"SELECT age(at) FROM made":                          "current_date",
				"SELECT CURRENT_DATE":                               "current_date",
				"SELECT localtime":                                  "localtime",
				"SELECT clock_timestamp()":                          "clock_timestamp",
				"SELECT gen_random_uuid()":                          "gen_random_uuid",
				"SELECT 'now'::timestamptz":                         "now",
				"SELECT date 'today'":                               "now",
				"SELECT id FROM made WHERE at < 'tomorrow'":         "now",
				"SELECT at FROM lately":                             "current_timestamp",
				"SELECT days(1)":                                    "current_date",
				"SELECT id FROM item TABLESAMPLE BERNOULLI (50)":    "tablesample",
				"SELECT id FROM item WHERE name = 'today'":          "",
				"SELECT date '2020-01-01' + 1":                      "",
				"SELECT to_char(at, 'YYYY') FROM made WHERE id < 0": "",
				"SELECT upper(name) || 'now()' FROM item":           "",
				"SELECT harmless(id) FROM item":                     "",
				"SELECT generate_series(1, 2)":                      "",
				"SELECT at, luck FROM made":                         "",
				"SELECT 'current_date' || name FROM item":           "",
				"SELECT age(at, '2020-01-01') FROM made":            "",
			},
		}
	})
}
