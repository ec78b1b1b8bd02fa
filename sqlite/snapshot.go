package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/sqldb"
)

// maxIdleReaders bounds the raw connections that wait for the next snapshot.
const maxIdleReaders = 4

// reader is a raw connection for snapshots.
type reader struct {
	*sqldb.Reader
	auth    *authorizer
	history *history // whose file it has open
}

// Snapshot is a read transaction whose place in the commit order is exactly
// known. Closed it is asked for that place only, for as long as somebody has a
// list of it: then it holds no connection.
type Snapshot struct {
	source  *Source
	open    atomic.Pointer[opened] // nil when it is closed
	version int64                  // of the schema
	history *history
	number  uint64
	once    sync.Once
	err     error
}

// opened is the connection that a snapshot stands in.
type opened struct {
	reader *reader
	pinned *sqldb.Shared
}

// Position is the newest commit that the snapshot contains.
func (s *Snapshot) Position() change.Position { return s.history.position(s.number) }

// Contains reports whether the snapshot contains a changeset.
func (s *Snapshot) Contains(set *change.Changeset) bool { return s.Position().Reaches(set.Position) }

// Close ends the read transaction after the call that is being made in it;
// rows that are still open end with sqldb.ErrSnapshotClosed.
func (s *Snapshot) Close() error {
	s.once.Do(func() {
		in := s.open.Load()
		s.err = in.pinned.Close(func(conn driver.Conn) error { return run(conn, "ROLLBACK") })
		s.open.Store(nil)
		s.source.giveBack(in.reader, s.err)
	})
	return s.err
}

// errContended reports that others commit so fast that no snapshot could be
// opened between two of their commits.
var errContended = errors.New("sqlite: others commit too fast to open a snapshot")

// Pin opens a snapshot. What others committed before it has been published
// when Pin returns.
func (s *Source) Pin(ctx context.Context) (source.Snapshot, error) {
	s.checkFile()
	for attempt := 0; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r, err := s.takeReader(ctx)
		if err != nil {
			return nil, fmt.Errorf("sqlite: open a connection for a snapshot: %w", err)
		}
		var snapshot *Snapshot
		if attempt == 0 {
			snapshot, err = s.pin(r)
		} else {
			snapshot, err = s.pinFenced(ctx, r)
		}
		if err == nil {
			return snapshot, nil
		}
		s.giveBack(r, err)
		if attempt > 10 || !isBusy(err) && err != errContended {
			return nil, fmt.Errorf("sqlite: open a snapshot: %w", err)
		}
	}
}

// pin opens a snapshot between two commits: own ones wait for the lock, those
// of others are seen by the header before and after.
func (s *Source) pin(r *reader) (*Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range 8 {
		before, known := s.absorb()
		h := s.history.Load()
		if r.history != h {
			return nil, errContended
		}
		var version int64
		err := r.Do(func(conn driver.Conn) (err error) {
			if err = run(conn, "BEGIN"); err == nil {
				version, err = schemaVersion(conn)
			}
			return err
		})
		if err != nil {
			_ = r.Do(func(conn driver.Conn) error { return run(conn, "ROLLBACK") })
			return nil, err
		}
		after, ok := s.index.read()
		if !known || ok && after.same(before) {
			h.press()
			snapshot := &Snapshot{source: s, version: version, history: h, number: h.last()}
			snapshot.open.Store(&opened{r, r.Pin()})
			return snapshot, nil
		}
		if err := r.Do(func(conn driver.Conn) error { return run(conn, "ROLLBACK") }); err != nil {
			return nil, err
		}
	}
	return nil, errContended
}

// pinFenced keeps everybody from committing while the snapshot is opened. The
// write lock is taken before the commit lock, as a commit does.
func (s *Source) pinFenced(ctx context.Context, r *reader) (*Snapshot, error) {
	fence, err := s.connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer fence.Close()
	if err := run(fence, "BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	defer func() { _ = run(fence, "ROLLBACK") }()
	return s.pin(r)
}

func (s *Source) takeReader(ctx context.Context) (*reader, error) {
	h := s.history.Load()
	s.readersMu.Lock()
	for len(s.readers) > 0 {
		r := s.readers[len(s.readers)-1]
		s.readers = s.readers[:len(s.readers)-1]
		if r.history == h {
			s.readersMu.Unlock()
			return r, nil
		}
		_ = r.Close()
	}
	closed := s.closed
	s.readersMu.Unlock()
	if closed {
		return nil, errClosed
	}
	conn, err := s.connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	auth, err := authorize(conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &reader{sqldb.NewReader(conn), auth, h}, nil
}

// giveBack keeps a reader for the next snapshot, unless it failed.
func (s *Source) giveBack(r *reader, err error) {
	s.readersMu.Lock()
	defer s.readersMu.Unlock()
	if err == nil && !s.closed && len(s.readers) < maxIdleReaders && r.history == s.history.Load() {
		s.readers = append(s.readers, r)
		return
	}
	_ = r.Close()
}

// Pinned returns the connection of a snapshot of this source.
func (s *Source) Pinned(snapshot source.Snapshot) sqldb.Pinned {
	if own, ok := snapshot.(*Snapshot); ok && own.source == s {
		if in := own.open.Load(); in != nil {
			return in.pinned
		}
		return sqldb.Closed
	}
	return nil
}
