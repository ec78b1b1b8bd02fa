package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

//lint:file-ignore SA1019 database/sql still honours the interfaces of its first days, so a wrapper must

// What a driver does not implement is done here as database/sql documents it,
// so that a wrapped driver behaves as the bare one.

var (
	errNamed     = errors.New("sql: driver does not support the use of Named Parameters")
	errIsolation = errors.New("sql: driver does not support non-default isolation level")
	errReadOnly  = errors.New("sql: driver does not support read-only transactions")
)

func prepare(ctx context.Context, c driver.Conn, text string) (driver.Stmt, error) {
	if p, ok := c.(driver.ConnPrepareContext); ok {
		return p.PrepareContext(ctx, text)
	}
	s, err := c.Prepare(text)
	if err == nil && ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), s.Close())
	}
	return s, err
}

func beginTx(ctx context.Context, c driver.Conn, opts driver.TxOptions) (driver.Tx, error) {
	if b, ok := c.(driver.ConnBeginTx); ok {
		return b.BeginTx(ctx, opts)
	}
	if opts.Isolation != driver.IsolationLevel(sql.LevelDefault) {
		return nil, errIsolation
	}
	if opts.ReadOnly {
		return nil, errReadOnly
	}
	t, err := c.Begin()
	if err == nil && ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), t.Rollback())
	}
	return t, err
}

func stmtExec(ctx context.Context, s driver.Stmt, args []driver.NamedValue) (driver.Result, error) {
	if e, ok := s.(driver.StmtExecContext); ok {
		return e.ExecContext(ctx, args)
	}
	plain, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return s.Exec(plain)
}

func stmtQuery(ctx context.Context, s driver.Stmt, args []driver.NamedValue) (driver.Rows, error) {
	if q, ok := s.(driver.StmtQueryContext); ok {
		return q.QueryContext(ctx, args)
	}
	plain, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return s.Query(plain)
}

// unnamed turns arguments into what a driver without contexts takes.
func unnamed(ctx context.Context, args []driver.NamedValue) ([]driver.Value, error) {
	plain := make([]driver.Value, len(args))
	for i, arg := range args {
		if arg.Name != "" {
			return nil, errNamed
		}
		plain[i] = arg.Value
	}
	return plain, ctx.Err()
}

func namedValues(args []driver.Value) []driver.NamedValue {
	named := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	return named
}

// queryerOf returns the connection as a QueryerContext, also where the driver
// knows only the older Queryer, and nil where it knows neither.
func queryerOf(c driver.Conn) driver.QueryerContext {
	if q, ok := c.(driver.QueryerContext); ok {
		return q
	}
	if q, ok := c.(driver.Queryer); ok {
		return oldQueryer{q}
	}
	return nil
}

func execerOf(c driver.Conn) driver.ExecerContext {
	if e, ok := c.(driver.ExecerContext); ok {
		return e
	}
	if e, ok := c.(driver.Execer); ok {
		return oldExecer{e}
	}
	return nil
}

type oldQueryer struct {
	driver.Queryer
}

func (q oldQueryer) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	plain, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return q.Query(text, plain)
}

type oldExecer struct {
	driver.Execer
}

func (e oldExecer) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	plain, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return e.Exec(text, plain)
}
