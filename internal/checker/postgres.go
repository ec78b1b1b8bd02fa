package checker

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// engine is what differs between databases.
type engine struct {
	// insert begins a statement that puts a row in.
	insert string
	// layout returns the columns of a table that make a row again, and those
	// that name it.
	layout func(ctx context.Context, db *sql.DB, table string) (columns, key []string, err error)
	// exact says that a writer is told the place of its own commit; else one
	// that is behind it, and perhaps behind others.
	exact bool
}

var (
	sqliteEngine   = engine{"INSERT OR REPLACE INTO ", layout, true}
	postgresEngine = engine{"INSERT INTO ", layoutPostgres, false}
)

// engineOf tells which database it is.
func engineOf(ctx context.Context, db *sql.DB) engine {
	if _, err := names(ctx, db, "SELECT sqlite_version()"); err == nil {
		return sqliteEngine
	}
	return postgresEngine
}

// clockPostgres is logSchema for PostgreSQL. Who updates the clock holds it
// until the transaction has ended and everybody sees it, so its numbers are in
// the order in which transactions become visible.
const clockPostgres = `
CREATE TABLE checker_clock (id int PRIMARY KEY DEFAULT 1, n bigint NOT NULL);
INSERT INTO checker_clock (n) VALUES (1);
CREATE TABLE checker_log (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n bigint NOT NULL, tbl text NOT NULL,
	old text NOT NULL, new text NOT NULL);
`

// InstallPostgres makes the log in the schema public of a PostgreSQL database,
// as Install does. The database for the replay is made by the caller, with the
// same tables in the same state; OpenReplayPostgres readies it.
func InstallPostgres(ctx context.Context, db *sql.DB) error {
	tables, err := names(ctx, db, "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname")
	if err != nil {
		return err
	}
	statements := []string{clockPostgres}
	for _, table := range tables {
		columns, key, err := layoutPostgres(ctx, db, table)
		if err != nil {
			return err
		}
		statements = append(statements, fmt.Sprintf(`
CREATE FUNCTION %[1]s() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE before text := ''; after text := '';
BEGIN
	IF TG_OP <> 'INSERT' THEN before := %[2]s; END IF;
	IF TG_OP <> 'DELETE' THEN after := %[3]s; END IF;
	INSERT INTO checker_log (n, tbl, old, new) SELECT n, %[4]s, before, after FROM checker_clock;
	RETURN NULL;
END $$;
CREATE TRIGGER %[1]s AFTER INSERT OR UPDATE OR DELETE ON %[5]s FOR EACH ROW EXECUTE FUNCTION %[1]s();`,
			quote("checker_"+table), imagePostgres("OLD", key), imagePostgres("NEW", columns), literal(table), quote(table)))
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("checker: %w", err)
		}
	}
	return nil
}

// imagePostgres writes a row as a list of literals.
func imagePostgres(row string, columns []string) string {
	parts := make([]string, len(columns))
	for i, column := range columns {
		parts[i] = "quote_nullable(" + row + "." + quote(column) + "::text)"
	}
	return strings.Join(parts, "||','||")
}

// OpenReplayPostgres readies a database for the replay: its triggers and foreign keys
// are out of force, since the log has what these did.
func OpenReplayPostgres(ctx context.Context, db *sql.DB) error {
	db.SetMaxOpenConns(1)
	for _, statement := range []string{"SET session_replication_role = replica", "SET synchronous_commit = off"} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("checker: %w", err)
		}
	}
	return nil
}

func layoutPostgres(ctx context.Context, db *sql.DB, table string) (columns, key []string, err error) {
	columns, err = names(ctx, db, `SELECT attname FROM pg_attribute
		WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`, quote(table))
	if err != nil {
		return nil, nil, err
	}
	key, err = names(ctx, db, `SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
		WHERE indrelid = to_regclass($1) AND indisprimary ORDER BY array_position(indkey::int[], attnum::int)`, quote(table))
	return columns, key, err
}
