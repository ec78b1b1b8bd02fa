package checker

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Transaction is one committed transaction of the log.
type Transaction struct {
	Number int64 // ascends in commit order, with gaps
	rows   []row
}

// row is one row that a transaction changed. Images are lists of SQL literals.
type row struct {
	table string
	old   string // rowid or key, what names the row; "" for an insert
	new   string // all columns; "" for a delete
}

// touches reports whether the transaction changed a table of the view.
func (t *Transaction) touches(v *View) bool {
	return slices.ContainsFunc(t.rows, func(r row) bool { return v.reads(r.table) })
}

// logSchema is what the log needs. The number in checker_clock ascends before
// and after each transaction, under the write lock, so no two share one.
const logSchema = `
CREATE TABLE checker_clock (n INTEGER NOT NULL);
INSERT INTO checker_clock VALUES (1);
CREATE TABLE checker_log (
	id INTEGER PRIMARY KEY, n INTEGER NOT NULL, tbl TEXT NOT NULL,
	old TEXT NOT NULL, new TEXT NOT NULL);
`

// Install makes the log in a SQLite database and writes the state in which it
// begins to the file replay, which must not exist. Every table that there is
// is logged; a table made later is not. Triggers of the application are not
// replayed, what they did is.
func Install(ctx context.Context, db *sql.DB, replay string) error {
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", replay); err != nil {
		return fmt.Errorf("checker: %w", err)
	}
	tables, err := names(ctx, db, `SELECT name FROM sqlite_schema
		WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`)
	if err != nil {
		return err
	}
	statements := []string{logSchema}
	for _, table := range tables {
		triggers, err := triggersOf(ctx, db, table)
		if err != nil {
			return err
		}
		statements = append(statements, triggers...)
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("checker: %w", err)
		}
	}
	return nil
}

// OpenReplay readies the database that Install wrote: it loses its triggers and
// its foreign keys are not enforced, since the log has what these did.
func OpenReplay(ctx context.Context, db *sql.DB) error {
	db.SetMaxOpenConns(1)
	triggers, err := names(ctx, db, "SELECT name FROM sqlite_schema WHERE type = 'trigger'")
	if err != nil {
		return err
	}
	statements := []string{"PRAGMA foreign_keys = OFF", "PRAGMA synchronous = OFF", "PRAGMA journal_mode = MEMORY"}
	for _, name := range triggers {
		statements = append(statements, "DROP TRIGGER "+quote(name))
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("checker: %w", err)
		}
	}
	return nil
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// layout returns the columns of a table that make a row again, and those that
// name it: its rowid, or its key where it has none.
func layout(ctx context.Context, db *sql.DB, table string) (columns, key []string, err error) {
	columns, err = names(ctx, db, "SELECT name FROM pragma_table_info(?)", table)
	if err != nil {
		return nil, nil, err
	}
	rowid, err := names(ctx, db, "SELECT name FROM pragma_table_list WHERE name = ? AND wr = 0", table)
	if err != nil {
		return nil, nil, err
	}
	if len(rowid) == 1 {
		return append([]string{"rowid"}, columns...), []string{"rowid"}, nil
	}
	key, err = names(ctx, db, "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", table)
	return columns, key, err
}

func triggersOf(ctx context.Context, db *sql.DB, table string) ([]string, error) {
	columns, key, err := layout(ctx, db, table)
	if err != nil {
		return nil, err
	}
	images := map[string]string{"": "''"}
	for _, which := range []string{"OLD", "NEW"} {
		parts := columns
		if which == "OLD" {
			parts = key
		}
		var quoted []string
		for _, column := range parts {
			quoted = append(quoted, "quote("+which+"."+quote(column)+")")
		}
		images[which] = strings.Join(quoted, "||','||")
	}
	var triggers []string
	for _, t := range []struct{ event, old, new string }{{"INSERT", "", "NEW"}, {"UPDATE", "OLD", "NEW"}, {"DELETE", "OLD", ""}} {
		triggers = append(triggers, fmt.Sprintf(
			"CREATE TRIGGER %s AFTER %s ON %s BEGIN INSERT INTO checker_log (n, tbl, old, new) VALUES ((SELECT n FROM checker_clock), %s, %s, %s); END",
			quote("checker_"+table+"_"+t.event), t.event, quote(table), literal(table), images[t.old], images[t.new]))
	}
	return triggers, nil
}

func names(ctx context.Context, db *sql.DB, text string, args ...any) (list []string, err error) {
	rows, err := db.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, fmt.Errorf("checker: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("checker: %w", err)
		}
		list = append(list, name)
	}
	return list, rows.Err()
}

// Executor is a *sql.Tx, *sql.Conn or *sql.DB.
type Executor interface {
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
}

// Begin stamps what follows in a transaction, as its first statement, with a
// number of its own. A lone statement that commits by itself is stamped by a
// Begin that commits by itself before it, if nobody else does that meanwhile.
func Begin(ctx context.Context, tx Executor) (n int64, err error) {
	if _, err := tx.ExecContext(ctx, "UPDATE checker_clock SET n = n + 1"); err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, "SELECT n FROM checker_clock").Scan(&n)
	return n, err
}

// End is the last statement of a transaction that Begin opened.
func End(ctx context.Context, tx Executor) error {
	_, err := tx.ExecContext(ctx, "UPDATE checker_clock SET n = n + 1")
	return err
}

// ReadLog returns the committed transactions, in commit order.
func ReadLog(ctx context.Context, db *sql.DB) (log []Transaction, err error) {
	rows, err := db.QueryContext(ctx, "SELECT n, tbl, old, new FROM checker_log ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("checker: %w", err)
	}
	for rows.Next() {
		var n int64
		var r row
		if err := rows.Scan(&n, &r.table, &r.old, &r.new); err != nil {
			return nil, errors.Join(fmt.Errorf("checker: %w", err), rows.Close())
		}
		if len(log) == 0 || log[len(log)-1].Number != n {
			if len(log) > 0 && n < log[len(log)-1].Number {
				return nil, errors.Join(fmt.Errorf("checker: transaction %d is logged after %d", n, log[len(log)-1].Number), rows.Close())
			}
			log = append(log, Transaction{Number: n})
		}
		t := &log[len(log)-1]
		t.rows = append(t.rows, r)
	}
	return log, errors.Join(rows.Err(), rows.Close())
}
