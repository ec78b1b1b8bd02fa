package sqldb

import (
	"context"
	"database/sql/driver"
	"strings"

	"github.com/wakeful-dev/wakeful/readset"
)

// conn is one connection of the pool. database/sql never makes two calls on it
// at once, so its fields need no lock.
type conn struct {
	raw      driver.Conn
	database Database
	watch    Watcher
	attend   Attendant // the watcher, where it is one
	teller   Teller    // the same

	queryer driver.QueryerContext // nil where the driver has none
	execer  driver.ExecerContext
	checker driver.NamedValueChecker

	// tx says that a transaction is open, by BeginTx or by a text; wrote that
	// a statement of it may have written.
	tx, wrote bool

	writing Writing
}

func newConn(raw driver.Conn, database Database, watch Watcher) *conn {
	c := &conn{raw: raw, database: database, watch: watch}
	c.queryer = queryerOf(raw)
	c.execer = execerOf(raw)
	c.checker, _ = raw.(driver.NamedValueChecker)
	c.attend, _ = watch.(Attendant)
	c.teller, _ = watch.(Teller)
	return c
}

// Raw returns the driver's own connection. What is committed through it is
// not seen as this process's own.
func (c *conn) Raw() driver.Conn { return c.raw }

func (c *conn) before(text string) {
	if c.watch != nil {
		c.watch.Before(text)
	}
}

// under tells the watcher what the next statement is run for.
func (c *conn) under(ctx context.Context, text string) error {
	if c.attend == nil {
		return nil
	}
	return c.attend.Attend(ctx, text)
}

// after ends what before began. It may add an error to that of the call.
func (c *conn) after(err *error) bool {
	if c.watch == nil {
		return false
	}
	open := c.watch.After(*err)
	if c.attend != nil && !open {
		if settled := c.attend.Settle(); *err == nil {
			*err = settled
		}
	}
	c.writing.Note(c.watch)
	return open
}

// Close gives the connection back to the driver.
func (c *conn) Close() (err error) {
	c.before("")
	err = errUnfinished
	defer func() { c.after(&err) }()
	return c.raw.Close()
}

// Ping does nothing where the driver cannot.
func (c *conn) Ping(ctx context.Context) error {
	if p, ok := c.raw.(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

// ResetSession is called before the connection is used again.
func (c *conn) ResetSession(ctx context.Context) error {
	if c.watch != nil && !c.watch.Valid() {
		return driver.ErrBadConn
	}
	c.tx, c.wrote = false, false
	if r, ok := c.raw.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

// IsValid is called before the connection goes back into the pool.
func (c *conn) IsValid() bool {
	if c.watch != nil && !c.watch.Valid() {
		return false
	}
	v, ok := c.raw.(driver.Validator)
	return !ok || v.IsValid()
}

// CheckNamedValue leaves to database/sql what the driver does not check.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if c.checker == nil {
		return driver.ErrSkip
	}
	return c.checker.CheckNamedValue(v)
}

// Begin is BeginTx without options.
func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx opens a transaction on this connection.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (t driver.Tx, err error) {
	c.writing.Writer = readset.WritesFrom(ctx)
	if err := c.under(ctx, "BEGIN"); err != nil {
		return nil, err
	}
	c.before("BEGIN")
	err = errUnfinished
	defer func() { c.after(&err) }()
	raw, err := beginTx(ctx, c.raw, opts)
	if err != nil {
		return nil, err
	}
	c.tx, c.wrote = true, false
	return &tx{c, raw}, nil
}

type tx struct {
	conn *conn
	raw  driver.Tx
}

func (t *tx) Commit() error   { return t.end("COMMIT", t.raw.Commit) }
func (t *tx) Rollback() error { return t.end("ROLLBACK", t.raw.Rollback) }

func (t *tx) end(text string, call func() error) (err error) {
	t.conn.before(text)
	err = errUnfinished
	defer func() { t.conn.after(&err) }()
	t.conn.tx, t.conn.wrote = false, false
	return call()
}

// A connection has the shortcuts past Prepare that the driver has: database/sql
// converts arguments by other rules where they are absent.
type (
	queryPart struct{ c *conn }
	execPart  struct{ c *conn }
	queryConn struct {
		*conn
		queryPart
	}
	execConn struct {
		*conn
		execPart
	}
	fullConn struct {
		*conn
		queryPart
		execPart
	}
)

// offer returns the connection with the shortcuts that its driver has.
func (c *conn) offer() driver.Conn {
	switch {
	case c.queryer != nil && c.execer != nil:
		return &fullConn{c, queryPart{c}, execPart{c}}
	case c.queryer != nil:
		return &queryConn{c, queryPart{c}}
	case c.execer != nil:
		return &execConn{c, execPart{c}}
	}
	return c
}

// QueryContext runs a statement that returns rows.
func (q queryPart) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	c := q.c
	c.writing.Writer = readset.WritesFrom(ctx)
	set := readset.From(ctx)
	readset.Look(set, text)
	if set != nil {
		return c.noteQuery(ctx, set, text, args, func() (driver.Rows, error) { return c.query(ctx, text, args) })
	}
	return c.query(ctx, text, args)
}

// ExecContext runs a statement and returns no rows.
func (e execPart) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	c := e.c
	c.writing.Writer = readset.WritesFrom(ctx)
	set := readset.From(ctx)
	readset.Look(set, text)
	if set != nil {
		return c.noteExec(ctx, set, text, args, func() (driver.Result, error) { return c.exec(ctx, text, args) })
	}
	return c.exec(ctx, text, args)
}

// query runs a text on this connection. Several statements in one text run one
// by one, so that each commit among them is seen when it is done.
func (c *conn) query(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	var parts []string
	if c.execer != nil {
		parts = c.database.Split(text)
	}
	for len(parts) > 1 {
		if _, err := c.exec(ctx, parts[0], args); err != nil {
			return nil, err
		}
		parts = parts[1:]
	}
	if len(parts) == 1 {
		text = parts[0]
	}
	return c.watched(ctx, text, func() (driver.Rows, error) { return c.queryer.QueryContext(ctx, text, args) })
}

// watched brackets a call that returns rows, and the calls of the rows where
// the statement may yet commit.
func (c *conn) watched(ctx context.Context, text string, call func() (driver.Rows, error)) (rows driver.Rows, err error) {
	if c.watch == nil {
		return call()
	}
	if err := c.under(ctx, text); err != nil {
		return nil, err
	}
	c.watch.Before(text)
	err = errUnfinished
	defer func() {
		open := c.after(&err)
		if err != nil && rows != nil {
			_ = rows.Close()
			rows = nil
		}
		if open && err == nil {
			rows = &watchedRows{rowsOf(rows), c}
		}
	}()
	return call()
}

func (c *conn) exec(ctx context.Context, text string, args []driver.NamedValue) (result driver.Result, err error) {
	parts := c.database.Split(text)
	if parts == nil {
		return c.execOne(ctx, text, args)
	}
	for _, part := range parts {
		if result, err = c.execOne(ctx, part, args); err != nil {
			return nil, err
		}
	}
	return result, nil
}

func (c *conn) execOne(ctx context.Context, text string, args []driver.NamedValue) (result driver.Result, err error) {
	if c.watch == nil {
		return c.execer.ExecContext(ctx, text, args)
	}
	if err := c.under(ctx, text); err != nil {
		return nil, err
	}
	c.watch.Before(text)
	err = errUnfinished
	defer func() { c.after(&err) }()
	return c.execer.ExecContext(ctx, text, args)
}

// control notes transactions that are begun and ended by a text.
func (c *conn) control(text string) {
	word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	switch strings.ToUpper(strings.TrimRight(word, ";")) {
	case "BEGIN", "START", "SAVEPOINT":
		c.tx = true
	case "COMMIT", "END":
		c.tx, c.wrote = false, false
	}
}
