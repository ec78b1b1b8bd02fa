package resource

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"

	"github.com/wakeful-dev/wakeful/schema"
)

// patience is how long a write is tried again where the database is busy, or
// where others alter the same row meanwhile.
const patience = 2 * time.Second

// alone runs do in a transaction in which nobody else writes, and commits it
// where do returns nil. What a resource reads with do's context is read in it. What do says is tried again while the database is busy.
// explain is asked, with the transaction still open, what stands behind an
// error of a statement or of the commit.
func (e *endpoint) alone(ctx context.Context, do func(context.Context, *sql.Conn) error, explain func(context.Context, error) error) error {
	until := time.Now().Add(patience)
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err := e.once(ctx, do, explain)
		if r := e.refusal(err); r == nil || r.Reason != schema.Busy || time.Now().Add(wait).After(until) {
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

func (e *endpoint) once(ctx context.Context, do func(context.Context, *sql.Conn) error, explain func(context.Context, error) error) (err error) {
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

// refusal is why the database did not take a write, nil where it does not say.
func (e *endpoint) refusal(err error) *schema.Refusal {
	refuser, ok := e.Catalog.(schema.Refuser)
	if err == nil || !ok {
		return nil
	}
	return refuser.Refusal(err)
}
