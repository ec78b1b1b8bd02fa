package checker_test

import (
	"context"
	"database/sql"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/wakeful-dev/wakeful/internal/checker"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

const postgresSchema = `
CREATE TABLE parent (a int, b text, note text, PRIMARY KEY (b, a));
CREATE TABLE "Odd ""child" (id int PRIMARY KEY, a int, b text, f float8, raw bytea, at timestamptz, doc jsonb,
	twice int GENERATED ALWAYS AS (id * 2) STORED, many text[],
	FOREIGN KEY (a, b) REFERENCES parent (a, b) ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO parent VALUES (1, 'x', NULL), (2, 'it''s \ here', 'n');
`

// TestReplayPostgres: the log makes the same tables again, whatever is in them
// and whatever the database did by itself.
func TestReplayPostgres(t *testing.T) {
	ctx := context.Background()
	open := func() *sql.DB {
		db, err := sql.Open("pgx", pgtest.Database(t).URL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		if _, err := db.Exec(postgresSchema); err != nil {
			t.Fatal(err)
		}
		return db
	}
	db, replay := open(), open()
	if err := checker.InstallPostgres(ctx, db); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`INSERT INTO "Odd ""child" (id, a, b, f, raw, at, doc, many) VALUES (1, 1, 'x', 0.1::float8 + 0.2, '\x00ff27', '2026-02-03 04:05:06.789+05', '{"a": ["it''s"]}', '{"a,b",NULL,"\\"}')`,
		`INSERT INTO "Odd ""child" (id, a, b, f) SELECT i, 2, 'it''s \ here', 'NaN' FROM generate_series(2, 5) i`,
		`UPDATE parent SET a = 7 WHERE a = 2`,
		`UPDATE "Odd ""child" SET id = -id, doc = 'null' WHERE id > 3`,
		`SAVEPOINT s; DELETE FROM parent; ROLLBACK TO s; UPDATE parent SET note = note || E'\n'`,
		`DELETE FROM parent WHERE a = 1`,
	} {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := checker.Begin(ctx, tx); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		if err := checker.End(ctx, tx); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	log, err := checker.ReadLog(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	if len(log) != 6 {
		t.Errorf("%d transactions in the log, want 6", len(log))
	}
	if err := checker.OpenReplayPostgres(ctx, replay); err != nil {
		t.Fatal(err)
	}
	if _, err := checker.New().Check(ctx, log, replay); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"parent", `"Odd ""child"`} {
		var got, want string
		text := "SELECT coalesce(string_agg(t::text, E'\n' ORDER BY t::text), '') FROM " + table + " t"
		if err := db.QueryRow(text).Scan(&want); err != nil {
			t.Fatal(err)
		}
		if err := replay.QueryRow(text).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want || want == "" {
			t.Errorf("%s:\n%s\nwas replayed as\n%s", table, want, got)
		}
	}
}
