package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/source"
)

// standalone is a snapshot whose place among the commits nobody knows.
type standalone struct {
	source.Snapshot
	of     *Source
	pinned *pinned
}

func (s *standalone) reads(of *Source) *pinned {
	if of != nil && of != s.of {
		return nil
	}
	return s.pinned
}

func (s *standalone) Position() change.Position { return "" }

func (s *standalone) Close() error { return s.pinned.close() }

// openStandalone opens a snapshot without following the log.
func openStandalone(ctx context.Context, s *Source) (source.Snapshot, error) {
	r, err := s.takeReader(ctx)
	if err != nil {
		return nil, err
	}
	err = r.do(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_current_snapshot(); "+savepoint)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return &standalone{of: s, pinned: s.pin(r)}, nil
}

// opened is a source of a database of its own in which these have run.
func opened(t *testing.T, text ...string) (*Source, *pgtest.DB) {
	t.Helper()
	db := pgtest.Database(t)
	db.Exec(t, text...)
	handle, s, err := Open(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(handle.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return s, db
}

func pin(t *testing.T, s *Source) *pinned {
	t.Helper()
	snapshot, err := openStandalone(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := snapshot.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return snapshot.(*standalone).pinned
}

// one reads the first column of all rows.
func (p *pinned) all(ctx context.Context, text string, args ...any) (string, error) {
	var named []driver.NamedValue
	for i, arg := range args {
		named = append(named, driver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	rows, err := p.Query(ctx, nil, nil, text, named)
	if err != nil {
		return "", err
	}
	var values []string
	row := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(row); err {
		case nil:
			values = append(values, fmt.Sprint(row[0]))
		case io.EOF:
			return strings.Join(values, " "), rows.Close()
		default:
			return "", err
		}
	}
}

// TestOneBadStatementHarmsItselfOnly: after each kind of failure the snapshot
// is read as before.
func TestOneBadStatementHarmsItselfOnly(t *testing.T) {
	s, db := opened(t, "CREATE TABLE item (id int PRIMARY KEY)", "INSERT INTO item VALUES (1)")
	p := pin(t, s)
	db.Exec(t, "INSERT INTO item VALUES (2)")
	good := func(after string) {
		if got, err := p.all(t.Context(), "SELECT id FROM item ORDER BY id"); err != nil || got != "1" {
			t.Errorf("after %s: read %q, %v", after, got, err)
		}
	}
	for range 2 {
		good("nothing")
		for _, text := range []string{"SELECT 1/0", "SELECT nonsense", "SELECT id FROM absent", "SELECT id / 0 FROM item"} {
			if _, err := p.all(t.Context(), text); err == nil {
				t.Errorf("%s succeeds", text)
			}
			good(text)
		}
		if _, err := p.all(t.Context(), "SELECT $1::int", "x"); err == nil {
			t.Error("a text is taken for a number")
		}
		good("a bad argument")
		ctx, cancel := context.WithCancel(t.Context())
		together := make(chan error)
		go func() {
			_, err := p.all(ctx, "SELECT pg_sleep(100)")
			together <- err
		}()
		cancel()
		if err := <-together; !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled call: %v", err)
		}
		good("a cancelled call")
	}
}

// TestPreparedBeforeDDL: what was prepared on a connection in one snapshot runs
// in the next one though the table is another.
func TestPreparedBeforeDDL(t *testing.T) {
	s, db := opened(t, "CREATE TABLE item (id int PRIMARY KEY)", "INSERT INTO item VALUES (1)")
	for i := range 3 {
		p := pin(t, s)
		if got, err := p.all(t.Context(), "SELECT * FROM item"); err != nil || got != "1" {
			t.Errorf("read %q, %v", got, err)
		}
		if err := p.close(); err != nil {
			t.Fatal(err)
		}
		db.Exec(t, fmt.Sprintf("ALTER TABLE item ADD COLUMN c%d text", i))
	}
}

// TestTogether: where several want to read at once, further connections stand
// in the very same snapshot.
func TestTogether(t *testing.T) {
	s, db := opened(t, "CREATE TABLE item (id int PRIMARY KEY)", "INSERT INTO item VALUES (1)")
	p := pin(t, s)
	db.Exec(t, "INSERT INTO item VALUES (2)")
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			for range 20 {
				if got, err := p.all(t.Context(), "SELECT id FROM item, pg_sleep(0.002)"); err != nil || got != "1" {
					t.Errorf("read %q, %v", got, err)
					return
				}
			}
		})
	}
	all.Wait()
	if p.opened < 2 {
		t.Errorf("%d connection read for 12", p.opened)
	}
	if p.opened > maxTogether {
		t.Errorf("%d connections stand in one snapshot", p.opened)
	}
}

// TestLostConnection: a snapshot whose connection is gone says so.
func TestLostConnection(t *testing.T) {
	s, db := opened(t)
	p := pin(t, s)
	pid, err := p.all(t.Context(), "SELECT pg_backend_pid()")
	if err != nil {
		t.Fatal(err)
	}
	db.Exec(t, "SELECT pg_terminate_backend("+pid+", 10000)")
	for range 2 {
		if _, err := p.all(t.Context(), "SELECT 1"); err == nil || errors.Is(err, driver.ErrBadConn) {
			t.Errorf("a read on a connection that is gone: %v", err)
		}
	}
	if got, err := pin(t, s).all(t.Context(), "SELECT 1"); err != nil || got != "1" {
		t.Errorf("the next snapshot: %q, %v", got, err)
	}
}

// TestLostTogether: who wants a snapshot that has lost each of its connections
// is told so, however often it is asked for.
func TestLostTogether(t *testing.T) {
	s, db := opened(t)
	p := pin(t, s)
	if err := p.share(t.Context()); err != nil {
		t.Fatal(err)
	}
	pid, err := p.all(t.Context(), "SELECT pg_backend_pid()")
	if err != nil {
		t.Fatal(err)
	}
	db.Exec(t, "SELECT pg_terminate_backend("+pid+", 10000)")
	for range 20 {
		if _, err := p.all(t.Context(), "SELECT 1"); err == nil {
			t.Fatal("a read in a snapshot that is gone")
		}
	}
}
