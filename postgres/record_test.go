package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/readset/readsettest"
)

const recordSchema = `
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER);
CREATE VIEW dice AS SELECT id, random() AS n FROM item;
CREATE TABLE made (id INTEGER PRIMARY KEY, at TIMESTAMPTZ DEFAULT now(), luck FLOAT DEFAULT random());
CREATE VIEW lately AS SELECT at FROM made WHERE at > CURRENT_TIMESTAMP;
CREATE TABLE keyless (n int);
CREATE FUNCTION days(int) RETURNS date LANGUAGE plpgsql AS $$ BEGIN RETURN current_date - $1; END $$;
CREATE FUNCTION harmless(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN $1; END $$;
`

const recordRows = `
INSERT INTO item VALUES (1, 'one'), (2, 'two'), (3, 'three');
INSERT INTO account VALUES (1, 500), (2, 500)`

// promises runs the tests of a recorder on one database, whose rows are as at
// first for each.
func promises(t *testing.T, db *pgtest.DB, s *Source, h readsettest.Harness) {
	ctx, stop := context.WithCancel(t.Context())
	var follower sync.WaitGroup
	defer follower.Wait()
	defer stop()
	follower.Go(func() {
		for _, err := range s.Stream(ctx, "") {
			if err != nil && ctx.Err() == nil {
				t.Errorf("the stream ended: %v", err)
			}
		}
	})
	h.Pin, h.Covers = s.Pin, s.Covers
	h.Uncovered, h.UncoveredTable = "SELECT n FROM keyless", "keyless"
	h.Param = func(n int) string { return fmt.Sprint("$", n) }
	h.Returning, h.Few, h.Volatile = true, true, volatileTexts
	h.Prelude, h.Undescribed = "CREATE TEMP TABLE mine (x int)", "SELECT x FROM mine"
	readsettest.Run(t, func(t *testing.T) readsettest.Harness {
		db.Exec(t, "TRUNCATE item, account", recordRows)
		return h
	})
}

func TestRecorder(t *testing.T) {
	handle, s, db := handled(t, recordSchema)
	promises(t, db, s, readsettest.Harness{DB: handle})
}

// TestPoolRecorder: the promises of a recorder hold for a pool of pgx.
func TestPoolRecorder(t *testing.T) {
	pool, s, db := pooled(t, recordSchema)
	handle := stdlib.OpenDBFromPool(pool)
	defer handle.Close()
	promises(t, db, s, readsettest.Harness{DB: handle, One: &sql.TxOptions{ReadOnly: true}, Streams: true})
}

// volatileTexts maps texts to the function in them whose result changes by itself.
var volatileTexts = map[string]string{
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
}
