package resource

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"

	"github.com/wakeful-dev/wakeful/internal/dialect"
	"github.com/wakeful-dev/wakeful/schema"
)

// writer runs what writes.
type writer interface {
	querier
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
}

// patience is how long a write is tried again where the database is busy, or
// where others alter the same row meanwhile.
const patience = 2 * time.Second

// alone runs do as if nobody else wrote meanwhile, and commits it where do
// returns nil: nobody else can, or a row that another one has altered since the
// transaction began is not written. What a resource reads with do's context is
// read in it. What do says is tried again while the database is busy. explain is
// asked what stands behind an error of a statement or of the commit, before the
// transaction ends; it may read only where a statement that failed leaves the
// transaction as it was.
func (l *layout) alone(ctx context.Context, do func(context.Context, writer) error, explain func(context.Context, error) error) error {
	once := l.once
	if dialect.Of(l.schema).Typed() {
		once = l.inSnapshot
	}
	until := time.Now().Add(patience)
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err := once(ctx, do, explain)
		if r := l.refusal(err); r == nil || r.Reason != schema.Busy || time.Now().Add(wait).After(until) {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

// beginWriting takes the right to write at once: a transaction that reads first and
// writes then would have to be given up where another one wrote in between.
const beginWriting = "BEGIN IMMEDIATE"

func (e *endpoint) once(ctx context.Context, do func(context.Context, writer) error, explain func(context.Context, error) error) (err error) {
	conn, err := e.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, beginWriting); err != nil {
		return err
	}
	committed := false
	defer func() {
		if committed {
			return
		}
		if _, failed := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); failed != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // nobody is to get it as it is
		}
	}()
	within := through(ctx, conn)
	if err := do(within, conn); err != nil {
		return explain(within, err)
	}
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), "COMMIT"); err != nil {
		return explain(within, err)
	}
	committed = true
	return nil
}

// inSnapshot writes where a row that others have altered since the transaction
// began cannot be written: the database is busy then, and it is begun anew.
func (e *endpoint) inSnapshot(ctx context.Context, do func(context.Context, writer) error, explain func(context.Context, error) error) error {
	tx, err := e.DB.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // where it is not committed
	within := through(ctx, tx)
	if err := do(within, tx); err != nil {
		return explain(within, err)
	}
	if err := tx.Commit(); err != nil {
		return explain(within, err)
	}
	return nil
}

// refusal is why the database did not take a write, nil where it does not say.
func (e *endpoint) refusal(err error) *schema.Refusal {
	refuser, ok := e.Catalog.(schema.Refuser)
	if err == nil || !ok {
		return nil
	}
	return refuser.Refusal(err)
}
