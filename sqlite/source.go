package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/sqldb"
)

// Source yields the commits of one database file and pins snapshots of it. It
// implements source.Source, readset.Describer and sqldb.Database.
type Source struct {
	path      string // absolute, links resolved
	maxRows   int    // of a table and a transaction
	maxBytes  int    // of a transaction
	keep      int    // changes in the log
	keepBytes int    // and what they take
	log       *slog.Logger
	connector driver.Connector // raw connections
	history   atomic.Pointer[history]
	streaming atomic.Bool
	schema    atomic.Pointer[layout] // nil: read it again
	schemaAge atomic.Uint64          // counts how often it was forgotten
	focus     source.Focus           // tables whose rows are wanted; nil: all

	// mu is the commit lock. From its commit hook until its driver call has
	// returned, the transaction that commits holds it. It is taken after
	// SQLite's write lock, never before.
	mu    sync.Mutex
	index *walIndex
	file  os.FileInfo // of the database, to tell when it is replaced
	seen  header      // the newest commit that is in the history

	logged triggerLog
	copier copier

	catalog catalog

	// meta is a raw connection for questions about the schema. It also keeps
	// the wal-index alive. Locked after mu.
	metaMu       sync.Mutex
	meta         driver.Conn
	metaAuth     *authorizer
	descriptions descriptions

	readersMu sync.Mutex
	readers   []*reader
	closed    bool
}

var (
	_ source.Source  = (*Source)(nil)
	_ source.Sized   = (*Source)(nil)
	_ sqldb.Database = (*Source)(nil)
)

var errClosed = errors.New("sqlite: the source is closed")

// Close gives back the source's own connections. Close the *sql.DB first; open
// snapshots are closed when their users close them. It is idempotent.
func (s *Source) Close() error {
	s.readersMu.Lock()
	readers, closed := s.readers, s.closed
	s.readers, s.closed = nil, true
	s.readersMu.Unlock()
	if closed {
		return nil
	}
	var errs []error
	for _, r := range readers {
		errs = append(errs, r.Close())
	}
	s.metaMu.Lock()
	defer s.metaMu.Unlock()
	errs = append(errs, s.meta.Close())
	s.meta = closedConn{}
	return errors.Join(errs...)
}

// closedConn answers for the source's connection after Close: commits on a
// handle that is still open go on, and are published as changes of everything.
type closedConn struct{}

func (closedConn) Prepare(string) (driver.Stmt, error) { return nil, errClosed }
func (closedConn) Begin() (driver.Tx, error)           { return nil, errClosed }
func (closedConn) Close() error                        { return nil }

func (closedConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return nil, errClosed
}

func (closedConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return nil, errClosed
}

// publish gives a changeset the next number; mu is held.
func (s *Source) publish(set change.Changeset) { s.history.Load().append(set) }

// absorb publishes what others committed since the last look, and returns the
// header that all published commits reach. ok is false when the wal-index says
// nothing that can be trusted: then anything may have happened, also again
// after the next look. mu is held.
func (s *Source) absorb() (h header, ok bool) {
	h, ok = s.index.read()
	if ok && h.same(s.seen) {
		s.seen = h
		return h, true
	}
	return s.outside()
}

// checkSchema forgets the schema if it has changed; mu is held.
func (s *Source) checkSchema() {
	sch := s.schema.Load()
	if sch == nil {
		s.forgetSchema() // it may be being read
		s.logged.stale = true
		return
	}
	s.metaMu.Lock()
	version, err := schemaVersion(s.meta)
	s.metaMu.Unlock()
	if err != nil || version != sch.version {
		s.forgetSchema()
		s.logged.stale = true
	}
}

// forgetSchema makes the next user of the schema read it again, also one who
// is reading it now.
func (s *Source) forgetSchema() {
	s.schemaAge.Add(1)
	s.schema.Store(nil)
}

// currentSchema returns the schema, read again after it changed.
func (s *Source) currentSchema() (*layout, error) {
	if sch := s.schema.Load(); sch != nil {
		return sch, nil
	}
	s.metaMu.Lock()
	defer s.metaMu.Unlock()
	age := s.schemaAge.Load()
	sch, err := loadSchema(s.meta)
	if err != nil {
		return nil, err
	}
	s.schema.Store(sch)
	if s.schemaAge.Load() != age {
		s.schema.CompareAndSwap(sch, nil)
	}
	return sch, nil
}

// mayFail reports whether a failed statement may leave rows behind though its
// text does not say so.
func (s *Source) mayFail() bool {
	sch, err := s.currentSchema()
	return err != nil || sch.mayFail
}
