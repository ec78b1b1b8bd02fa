package demo

import (
	"context"
	"database/sql"
	_ "embed"
	"strconv"
	"strings"
)

// Dialect is the SQL of a database that a board can lie in.
type Dialect struct {
	schema   string
	numbered bool   // arguments are $1, $2, … and not ?
	lock     string // has writers take turns where the database does not
}

//go:embed schema.sql
var sqliteSchema string

//go:embed postgres.sql
var postgresSchema string

// SQLite has writers take turns if its connections begin with BEGIN IMMEDIATE.
var SQLite = Dialect{schema: sqliteSchema}

// Postgres is for a database whose connections find the tables by their
// search_path: Schema stands in it.
var Postgres = Dialect{schema: postgresSchema, numbered: true, lock: `SELECT pg_advisory_xact_lock(hashtext('wakeful_demo'))`}

// Schema is the one that a PostgreSQL database has the board in.
const Schema = "wakeful_demo"

// text is a statement, whose arguments are written as ?, as the database has it.
func (d Dialect) text(statement string) string {
	if !d.numbered {
		return statement
	}
	var b strings.Builder
	n := 0
	for before, rest, found := strings.Cut(statement, "?"); ; before, rest, found = strings.Cut(rest, "?") {
		b.WriteString(before)
		if !found {
			return b.String()
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
	}
}

// transaction is somebody's.
type transaction struct {
	*sql.Tx
	Dialect
}

func (t transaction) ExecContext(ctx context.Context, statement string, args ...any) (sql.Result, error) {
	return t.Tx.ExecContext(ctx, t.text(statement), args...)
}

func (t transaction) QueryRowContext(ctx context.Context, statement string, args ...any) *sql.Row {
	return t.Tx.QueryRowContext(ctx, t.text(statement), args...)
}

// within runs do in a transaction and commits it where do returned no error.
func (b *Board) within(ctx context.Context, do func(transaction) error) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if b.lock != "" {
		if _, err := tx.ExecContext(ctx, b.lock); err != nil {
			return err
		}
	}
	if err := do(transaction{tx, b.Dialect}); err != nil {
		return err
	}
	return tx.Commit()
}
