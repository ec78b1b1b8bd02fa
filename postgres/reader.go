package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/stdlib"
)

// maxIdleReaders bounds the raw connections that wait for the next snapshot.
const maxIdleReaders = 4

// savepoint is set when a snapshot has been opened, in the same round trip: a
// statement that fails takes back nothing but itself.
const savepoint = "SAVEPOINT wakeful"

// reader is a raw connection for snapshots. One call is made on it at a time.
type reader struct {
	*stdlib.Conn
	of   identity // the server
	now  standing // what statements run as
	base standing // what they run as after the savepoint
}

func (r *reader) pg() *pgconn.PgConn { return r.Conn.Conn().PgConn() }

// do runs statements that have no results.
func (r *reader) do(ctx context.Context, text string) error {
	_, err := r.pg().Exec(ctx, text).ReadAll()
	return err
}

// settle has the transaction go on after a statement that failed. Where it
// cannot, the connection is closed.
func (r *reader) settle() {
	if r.pg().IsClosed() || r.pg().TxStatus() != 'E' {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	if err := r.do(ctx, "ROLLBACK TO "+savepoint); err != nil {
		_ = r.Close()
		return
	}
	r.now = r.base
}

// settleTimeout bounds what is done on a connection after a call.
const settleTimeout = 5 * time.Second

// readers are the raw connections that wait for the next snapshot.
type readers struct {
	mu     sync.Mutex
	idle   []*reader
	closed bool
}

var errClosed = errors.New("postgres: the source is closed")

// takeReader returns a connection without a transaction.
func (s *Source) takeReader(ctx context.Context) (*reader, error) {
	if r := s.idleReader(); r != nil {
		return r, nil
	}
	s.readers.mu.Lock()
	closed := s.readers.closed
	s.readers.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	config := ordinary(s.config)
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: settleTimeout}
	}
	conn, err := stdlib.GetConnector(*config).Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("postgres: open a connection for a snapshot: %w", err)
	}
	r := &reader{Conn: conn.(*stdlib.Conn)}
	if r.of, err = identify(ctx, r.pg()); err != nil {
		return nil, errors.Join(fmt.Errorf("postgres: open a connection for a snapshot: %w", err), r.Close())
	}
	return r, nil
}

// idleReader returns one that waits, nil for none.
func (s *Source) idleReader() *reader {
	s.readers.mu.Lock()
	defer s.readers.mu.Unlock()
	for len(s.readers.idle) > 0 {
		r := s.readers.idle[len(s.readers.idle)-1]
		s.readers.idle = s.readers.idle[:len(s.readers.idle)-1]
		if !r.pg().IsClosed() {
			return r
		}
	}
	return nil
}

// giveBack ends the transaction and keeps the connection for the next snapshot.
func (s *Source) giveBack(r *reader) error {
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	if r.pg().IsClosed() {
		return nil
	}
	if err := r.do(ctx, "ROLLBACK"); err != nil {
		return errors.Join(fmt.Errorf("postgres: close a snapshot: %w", err), r.Close())
	}
	r.now, r.base = standing{}, standing{}
	s.readers.mu.Lock()
	defer s.readers.mu.Unlock()
	if s.readers.closed || len(s.readers.idle) >= maxIdleReaders {
		return r.Close()
	}
	s.readers.idle = append(s.readers.idle, r)
	return nil
}

// closeReaders closes the connections that wait, and each of the others when
// it is given back.
func (s *Source) closeReaders() {
	s.readers.mu.Lock()
	defer s.readers.mu.Unlock()
	s.readers.closed = true
	for _, r := range s.readers.idle {
		_ = r.Close()
	}
	s.readers.idle = nil
}

// dropIdleReaders closes the connections that wait, which may be dead.
func (s *Source) dropIdleReaders() {
	s.readers.mu.Lock()
	idle := s.readers.idle
	s.readers.idle = nil
	s.readers.mu.Unlock()
	for _, r := range idle {
		_ = r.Close()
	}
}

// sameEverywhere are the settings by which values and statements mean the same
// on every connection of ours: the texts of values are those that changes have.
var sameEverywhere = map[string]string{
	"datestyle": "ISO, MDY", "timezone": "UTC", "intervalstyle": "postgres", "extra_float_digits": "1",
	"standard_conforming_strings": "on", "transform_null_equals": "off",
}

// checkSettings refuses others that a URL asks for.
func checkSettings(config *pgx.ConnConfig) error {
	for name, given := range config.RuntimeParams {
		if want, ours := sameEverywhere[strings.ToLower(name)]; ours && !strings.EqualFold(given, want) {
			return fmt.Errorf("postgres: the URL sets %s to %q, but values are compared with those in the server's log, which are written with %q: "+
				"leave it out, and convert where a value is shown (AT TIME ZONE, to_char) or use a handle of another kind for those statements", name, given, want)
		}
	}
	return nil
}

// ordinary is what connections for statements of the app are opened with.
func ordinary(config *pgx.ConnConfig) *pgx.ConnConfig {
	config = config.Copy()
	for name := range config.RuntimeParams {
		if _, ours := sameEverywhere[strings.ToLower(name)]; ours {
			delete(config.RuntimeParams, name)
		}
	}
	maps.Copy(config.RuntimeParams, sameEverywhere)
	return config
}
