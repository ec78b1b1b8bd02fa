package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"
	"sync"

	"github.com/wakeful-dev/wakeful/readset"
)

// ErrSnapshotClosed reports a read in a snapshot that has been given back.
var ErrSnapshotClosed = errors.New("sqldb: the snapshot of this evaluation is closed")

// maxPrepared bounds the statements that a Reader keeps prepared.
const maxPrepared = 256

// Reader is a raw connection on which snapshots are pinned, one after the
// other. It keeps the statements that run on it prepared.
type Reader struct {
	mu       sync.Mutex // one driver call at a time
	conn     driver.Conn
	prepared map[string]*readerStmt
	pinned   *Shared // the snapshot that it stands in, nil between two
}

type readerStmt struct {
	driver.Stmt
	busy bool // rows of it are open
}

// NewReader takes over a connection.
func NewReader(conn driver.Conn) *Reader {
	return &Reader{conn: conn, prepared: map[string]*readerStmt{}}
}

// Do runs f while no other call is made on the connection.
func (r *Reader) Do(f func(driver.Conn) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return f(r.conn)
}

// Close closes the connection. No snapshot may be pinned on it.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget()
	return r.conn.Close()
}

// Pin hands the connection to a snapshot that has been opened on it.
func (r *Reader) Pin() *Shared {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pinned = &Shared{reader: r, rows: map[*pinnedRows]struct{}{}}
	return r.pinned
}

// forget closes the prepared statements that no rows are open of.
func (r *Reader) forget() {
	for text, s := range r.prepared {
		if !s.busy {
			_ = s.Close()
			delete(r.prepared, text)
		}
	}
}

// take returns the text prepared, and whether it stays so afterwards.
func (r *Reader) take(ctx context.Context, text string) (s *readerStmt, kept bool, err error) {
	s = r.prepared[text]
	if s != nil && !s.busy {
		s.busy = true
		return s, true, nil
	}
	raw, err := prepare(ctx, r.conn, text)
	if err != nil {
		return nil, false, err
	}
	kept = s == nil
	s = &readerStmt{raw, true}
	if kept {
		if len(r.prepared) >= maxPrepared {
			r.forget()
		}
		r.prepared[text] = s
	}
	return s, kept, nil
}

// Shared is a connection that stands in one snapshot. All reads of the
// evaluations in that snapshot share it, from any number of goroutines and
// with any number of rows open at once.
type Shared struct {
	reader *Reader
	rows   map[*pinnedRows]struct{} // open ones, guarded by reader.mu
}

// Closed stands for the connection of a snapshot that has been given back.
var Closed = &Shared{reader: &Reader{}}

// Close ends the rows that are still open, after the call that is being made,
// and then runs end on the connection while no other call is made. Later calls
// do nothing.
func (p *Shared) Close(end func(driver.Conn) error) error {
	p.reader.mu.Lock()
	defer p.reader.mu.Unlock()
	if p.reader.pinned != p {
		return nil
	}
	for rows := range p.rows {
		_ = rows.end()
	}
	p.reader.pinned = nil
	return end(p.reader.conn)
}

// Do runs f on the connection while no other call is made, and the snapshot is
// open.
func (p *Shared) Do(f func(driver.Conn) error) error {
	p.reader.mu.Lock()
	defer p.reader.mu.Unlock()
	if p.reader.pinned != p {
		return ErrSnapshotClosed
	}
	return f(p.reader.conn)
}

// Query runs a statement in the snapshot.
func (p *Shared) Query(ctx context.Context, _ *readset.Set, _ *readset.Statement, text string, args []driver.NamedValue) (driver.Rows, error) {
	p.reader.mu.Lock()
	defer p.reader.mu.Unlock()
	if p.reader.pinned != p {
		return nil, ErrSnapshotClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, kept, err := p.reader.take(ctx, text)
	if err != nil {
		return nil, err
	}
	raw, err := stmtQuery(ctx, s.Stmt, args)
	if err != nil {
		s.busy = false
		if !kept {
			_ = s.Close()
		}
		return nil, err
	}
	rows := &pinnedRows{fullRows: rowsOf(raw), pinned: p, stmt: s, kept: kept, columns: raw.Columns()}
	p.rows[rows] = struct{}{}
	return rows, nil
}

// pinnedRows are rows on a shared connection: each call takes its turn.
type pinnedRows struct {
	fullRows
	pinned  *Shared
	stmt    *readerStmt
	kept    bool
	columns []string
	ended   bool
}

// end closes the rows; the connection is locked.
func (r *pinnedRows) end() error {
	if r.ended {
		return nil
	}
	r.ended = true
	delete(r.pinned.rows, r)
	err := r.fullRows.Close()
	r.stmt.busy = false
	if !r.kept {
		err = errors.Join(err, r.stmt.Close())
	}
	return err
}

func (r *pinnedRows) Columns() []string { return r.columns }

func (r *pinnedRows) Close() error {
	r.pinned.reader.mu.Lock()
	defer r.pinned.reader.mu.Unlock()
	return r.end()
}

func (r *pinnedRows) Next(dest []driver.Value) error {
	r.pinned.reader.mu.Lock()
	defer r.pinned.reader.mu.Unlock()
	if r.ended {
		return ErrSnapshotClosed
	}
	return r.fullRows.Next(dest)
}

func (r *pinnedRows) NextResultSet() error {
	r.pinned.reader.mu.Lock()
	defer r.pinned.reader.mu.Unlock()
	if r.ended {
		return io.EOF
	}
	return r.fullRows.NextResultSet()
}

// ask runs f on the rows, unless they have ended: the driver's rows must not
// be touched then.
func ask[T any](r *pinnedRows, f func() T) (answer T) {
	r.pinned.reader.mu.Lock()
	defer r.pinned.reader.mu.Unlock()
	if !r.ended {
		answer = f()
	}
	return answer
}

func (r *pinnedRows) HasNextResultSet() bool { return ask(r, r.fullRows.HasNextResultSet) }

func (r *pinnedRows) ColumnTypeScanType(i int) reflect.Type {
	if t := ask(r, func() reflect.Type { return r.fullRows.ColumnTypeScanType(i) }); t != nil {
		return t
	}
	return reflect.TypeFor[any]()
}

func (r *pinnedRows) ColumnTypeDatabaseTypeName(i int) string {
	return ask(r, func() string { return r.fullRows.ColumnTypeDatabaseTypeName(i) })
}

func (r *pinnedRows) ColumnTypeLength(i int) (length int64, ok bool) {
	ok = ask(r, func() (known bool) { length, known = r.fullRows.ColumnTypeLength(i); return known })
	return length, ok
}

func (r *pinnedRows) ColumnTypeNullable(i int) (nullable, ok bool) {
	ok = ask(r, func() (known bool) { nullable, known = r.fullRows.ColumnTypeNullable(i); return known })
	return nullable, ok
}

func (r *pinnedRows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	ok = ask(r, func() (known bool) {
		precision, scale, known = r.fullRows.ColumnTypePrecisionScale(i)
		return known
	})
	return precision, scale, ok
}
