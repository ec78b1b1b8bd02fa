package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/sqldb"
)

// Tx returns the snapshot of the evaluation that a context is of, as a
// transaction: all statements on it see one state of the database, that of the
// evaluation. It reads only, and takes calls from several goroutines; to commit
// it or to roll it back does nothing. Types that an app registers on the
// connections of its pool are not known on it. ok is false where there is none:
// then a handler takes its pool.
//
//	var db interface{ Query(context.Context, string, ...any) (pgx.Rows, error) } = pool
//	if tx, ok := postgres.Tx(r.Context()); ok {
//		db = tx
//	}
//
// Statements of the handle that Open returns share the snapshot without it.
func Tx(ctx context.Context) (tx pgx.Tx, ok bool) {
	set := readset.From(ctx)
	if set == nil {
		return nil, false
	}
	own, ok := set.Snapshot.(pinner)
	if !ok {
		return nil, false
	}
	p := own.reads(nil)
	if p == nil {
		return nil, false
	}
	return &snapshotTx{p, set, actingOf(ctx)}, true
}

// snapshotTx is a snapshot as pgx has transactions.
type snapshotTx struct {
	pinned *pinned
	set    *readset.Set
	role   *acting // of the evaluation
}

var errReadsOnly = errors.New("postgres: the snapshot of an evaluation only reads: take the pool for what writes")

func (t *snapshotTx) Begin(context.Context) (pgx.Tx, error) { return t, nil }

func (t *snapshotTx) Commit(context.Context) error { return nil }

func (t *snapshotTx) Rollback(context.Context) error { return nil }

func (t *snapshotTx) CopyFrom(context.Context, pgx.Identifier, []string, pgx.CopyFromSource) (int64, error) {
	return 0, errReadsOnly
}

func (t *snapshotTx) LargeObjects() pgx.LargeObjects { return pgx.LargeObjects{} }

func (t *snapshotTx) Prepare(context.Context, string, string) (*pgconn.StatementDescription, error) {
	return nil, errors.New("postgres: a statement of a snapshot is prepared when it runs: send its text")
}

// Conn is nil: the connections are shared by all evaluations in the snapshot.
func (t *snapshotTx) Conn() *pgx.Conn { return nil }

func (t *snapshotTx) Exec(ctx context.Context, text string, args ...any) (pgconn.CommandTag, error) {
	rows, err := t.Query(ctx, text, args...)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	rows.Close()
	return rows.CommandTag(), rows.Err()
}

func (t *snapshotTx) QueryRow(ctx context.Context, text string, args ...any) pgx.Row {
	rows, err := t.Query(ctx, text, args...)
	return &snapshotRow{rows, err}
}

// Query runs a statement and reads its result whole.
func (t *snapshotTx) Query(ctx context.Context, text string, args ...any) (pgx.Rows, error) {
	rows := &snapshotRows{done: t.pinned.done}
	rows.err = t.query(ctx, text, args, rows)
	return rows, rows.err
}

func (t *snapshotTx) query(ctx context.Context, text string, args []any, rows *snapshotRows) error {
	if ctx.Value(roleKey{}) == nil { // what is read is shared by who has the evaluation's
		ctx = context.WithValue(ctx, roleKey{}, t.role)
	}
	readset.Look(t.set, text)
	s := t.pinned.source
	one := (&traced{}).sent(ctx, nil, text, args)[0]
	d, err := s.describe(ctx, one.text)
	if err != nil {
		return err
	}
	if d.statement.Writes {
		return fmt.Errorf("%w: %.200q", errReadsOnly, text)
	}
	t.set.Add(s.Refine(d.statement, ordinals(one.args)), frozen(one.args))
	err = t.pinned.run(ctx, t.set, d.statement, one.text, func(r *reader) error {
		from, err := r.Conn.Conn().Query(ctx, text, args...)
		if err != nil {
			return err
		}
		return rows.read(from)
	})
	if errors.Is(err, sqldb.ErrWrites) {
		err = fmt.Errorf("%w: %.200q", errReadsOnly, text)
	}
	if err == nil {
		t.set.Hold(d.statement, func() *readset.Held { return d.key.ofRaw(rows.fields, rows.rows) })
	}
	return err
}

// SendBatch runs the statements one after the other.
func (t *snapshotTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return &snapshotBatch{tx: t, ctx: ctx, queued: b.QueuedQueries}
}

type snapshotBatch struct {
	tx     *snapshotTx
	ctx    context.Context
	queued []*pgx.QueuedQuery
	err    error
}

func (b *snapshotBatch) Query() (pgx.Rows, error) {
	if b.err == nil && len(b.queued) == 0 {
		b.err = errors.New("postgres: no result is left of the batch")
	}
	if b.err != nil {
		return &snapshotRows{err: b.err}, b.err
	}
	q := b.queued[0]
	b.queued = b.queued[1:]
	rows, err := b.tx.Query(b.ctx, q.SQL, q.Arguments...)
	b.err = err
	return rows, err
}

func (b *snapshotBatch) Exec() (pgconn.CommandTag, error) {
	rows, err := b.Query()
	rows.Close()
	return rows.CommandTag(), err
}

func (b *snapshotBatch) QueryRow() pgx.Row {
	rows, err := b.Query()
	return &snapshotRow{rows, err}
}

// Tx is nil: a batch in a snapshot begins none.
func (b *snapshotBatch) Tx() pgx.Tx { return nil }

func (b *snapshotBatch) Close() error {
	for b.err == nil && len(b.queued) > 0 {
		if fn := b.queued[0].Fn; fn != nil {
			if err := fn(b); err != nil {
				b.err = err
			}
			continue
		}
		_, _ = b.Exec()
	}
	return b.err
}

// snapshotRows are rows that have been read from the connection.
type snapshotRows struct {
	fields []pgconn.FieldDescription
	rows   [][][]byte
	types  *pgtype.Map
	tag    pgconn.CommandTag
	now    [][]byte
	err    error
	closed bool
	done   <-chan struct{} // closed with the snapshot
}

// read takes all rows.
func (r *snapshotRows) read(from pgx.Rows) error {
	defer from.Close()
	*r = snapshotRows{done: r.done, fields: slices.Clone(from.FieldDescriptions())}
	r.types = pgtype.NewMap() // the connection's is for one user at a time
	size := 0
	for from.Next() {
		raw := from.RawValues()
		row := make([][]byte, len(raw))
		for i, value := range raw {
			if value != nil {
				row[i] = append(make([]byte, 0, len(value)), value...)
			}
			size += valueBeside + len(value)
		}
		if size > maxResult {
			return errTooLarge
		}
		r.rows = append(r.rows, row)
	}
	from.Close()
	r.tag = from.CommandTag()
	return from.Err()
}

func (r *snapshotRows) Close() { r.closed, r.rows = true, nil }

func (r *snapshotRows) Err() error { return r.err }

func (r *snapshotRows) CommandTag() pgconn.CommandTag { return r.tag }

func (r *snapshotRows) FieldDescriptions() []pgconn.FieldDescription { return r.fields }

func (r *snapshotRows) Next() bool {
	if r.closed || r.err != nil {
		return false
	}
	select {
	case <-r.done:
		r.fail(sqldb.ErrSnapshotClosed)
		return false
	default:
	}
	if len(r.rows) == 0 {
		r.Close()
		return false
	}
	r.now, r.rows = r.rows[0], r.rows[1:]
	return true
}

func (r *snapshotRows) fail(err error) error {
	if r.err == nil {
		r.err = err
	}
	r.Close()
	return err
}

func (r *snapshotRows) Scan(dest ...any) error {
	if len(dest) == 1 {
		if scanner, ok := dest[0].(pgx.RowScanner); ok {
			if err := scanner.ScanRow(r); err != nil {
				return r.fail(err)
			}
			return nil
		}
	}
	if err := pgx.ScanRow(r.types, r.fields, r.now, dest...); err != nil {
		return r.fail(err)
	}
	return nil
}

func (r *snapshotRows) Values() ([]any, error) {
	if r.closed {
		return nil, errors.New("postgres: the rows are closed")
	}
	values := make([]any, len(r.fields))
	for i, raw := range r.now {
		f := &r.fields[i]
		known, ok := r.types.TypeForOID(f.DataTypeOID)
		var err error
		switch {
		case raw == nil:
		case ok:
			values[i], err = known.Codec.DecodeValue(r.types, f.DataTypeOID, f.Format, raw)
		case f.Format == pgx.TextFormatCode:
			values[i] = string(raw)
		default:
			values[i] = slices.Clone(raw)
		}
		if err != nil {
			return nil, r.fail(err)
		}
	}
	return values, nil
}

func (r *snapshotRows) RawValues() [][]byte { return r.now }

func (r *snapshotRows) Conn() *pgx.Conn { return nil }

func (r *snapshotRows) TypeMap() *pgtype.Map { return r.types }

// snapshotRow is the first of rows.
type snapshotRow struct {
	rows pgx.Rows
	err  error
}

func (r *snapshotRow) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}
