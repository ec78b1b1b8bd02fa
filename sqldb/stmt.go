package sqldb

//lint:file-ignore SA1019 database/sql still honours ColumnConverter, so a wrapper must

import (
	"context"
	"database/sql/driver"

	"github.com/wakeful-dev/wakeful/readset"
)

// Prepare is PrepareContext without a context.
func (c *conn) Prepare(text string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), text)
}

// PrepareContext prepares a statement on this connection. What it reads is
// noted when it runs, by the context that it runs under.
func (c *conn) PrepareContext(ctx context.Context, text string) (s driver.Stmt, err error) {
	c.before("")
	err = errUnfinished
	defer func() { c.after(&err) }()
	raw, err := prepare(ctx, c.raw, text)
	if err != nil {
		return nil, err
	}
	prepared := &stmt{conn: c, raw: raw, text: text}
	if c.execer != nil && c.queryer != nil {
		prepared.script = c.database.Split(text) != nil
	}
	prepared.checker, _ = raw.(driver.NamedValueChecker)
	if converter, ok := raw.(driver.ColumnConverter); ok {
		return &convertingStmt{prepared, converter}, nil
	}
	return prepared, nil
}

// stmt is a statement prepared on a connection of the pool.
type stmt struct {
	conn    *conn
	raw     driver.Stmt
	text    string
	script  bool // several statements, run one by one
	checker driver.NamedValueChecker
}

// convertingStmt is the statement of a driver that converts by column.
type convertingStmt struct {
	*stmt
	converter driver.ColumnConverter
}

func (s *convertingStmt) ColumnConverter(i int) driver.ValueConverter {
	return s.converter.ColumnConverter(i)
}

func (s *stmt) NumInput() int { return s.raw.NumInput() }

func (s *stmt) Close() (err error) {
	s.conn.before("")
	err = errUnfinished
	defer func() { s.conn.after(&err) }()
	return s.raw.Close()
}

// CheckNamedValue asks the statement, then the connection, as database/sql
// does.
func (s *stmt) CheckNamedValue(v *driver.NamedValue) error {
	if s.checker != nil {
		return s.checker.CheckNamedValue(v)
	}
	return s.conn.CheckNamedValue(v)
}

// Exec is there for the interface only.
func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.ExecContext(context.Background(), namedValues(args))
}

// Query is there for the interface only.
func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.QueryContext(context.Background(), namedValues(args))
}

// ExecContext runs the statement and returns no rows.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.conn.writing.Writer = readset.WritesFrom(ctx)
	set := readset.From(ctx)
	readset.Look(set, s.text)
	if set != nil {
		return s.conn.noteExec(ctx, set, s.text, args, func() (driver.Result, error) { return s.exec(ctx, args) })
	}
	return s.exec(ctx, args)
}

// QueryContext runs the statement and returns its rows.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.conn.writing.Writer = readset.WritesFrom(ctx)
	set := readset.From(ctx)
	readset.Look(set, s.text)
	if set != nil {
		return s.conn.noteQuery(ctx, set, s.text, args, func() (driver.Rows, error) { return s.query(ctx, args) })
	}
	return s.query(ctx, args)
}

func (s *stmt) exec(ctx context.Context, args []driver.NamedValue) (result driver.Result, err error) {
	if s.script {
		return s.conn.exec(ctx, s.text, args)
	}
	if err := s.conn.under(ctx, s.text); err != nil {
		return nil, err
	}
	s.conn.before(s.text)
	err = errUnfinished
	defer func() { s.conn.after(&err) }()
	return stmtExec(ctx, s.raw, args)
}

func (s *stmt) query(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if s.script {
		return s.conn.query(ctx, s.text, args)
	}
	return s.conn.watched(ctx, s.text, func() (driver.Rows, error) { return stmtQuery(ctx, s.raw, args) })
}
