package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/sqldb"
)

// maxTogether bounds the connections that stand in one snapshot.
const maxTogether = 4

// pinned is where the reads of one snapshot run. A connection makes one call at
// a time, and a result is read whole before the next: all evaluations in the
// snapshot take turns on the connection that opened it. Where one has to wait,
// the snapshot is exported, and from then on others stand in it too.
type pinned struct {
	source *Source
	turns  chan *reader  // that are free
	done   chan struct{} // closed by close
	lost   chan struct{} // closed when no connection is left
	shared chan struct{} // closed when it is exported
	name   string        // of the exported snapshot, once shared is closed
	apart  chan struct{} // holds one for each transaction of a single statement

	waiting atomic.Int32
	calls   sync.WaitGroup // that are being made; none begins once done is closed

	mu     sync.Mutex
	opened int // connections that stand in it
	closed bool
}

// pinner is a snapshot that reads can run in.
type pinner interface {
	// reads returns where, nil when the snapshot is not of this source. To ask
	// for nil is to ask of any.
	reads(of *Source) *pinned
}

// pin takes over a connection with a snapshot and the savepoint.
func (s *Source) pin(r *reader) *pinned {
	p := &pinned{
		source: s, turns: make(chan *reader, maxTogether), opened: 1,
		done: make(chan struct{}), lost: make(chan struct{}), shared: make(chan struct{}), apart: make(chan struct{}, maxTogether),
	}
	r.base = r.now
	p.turns <- r
	return p
}

// Pinned returns where the reads of a snapshot of this source run.
func (s *Source) Pinned(snapshot source.Snapshot) sqldb.Pinned {
	if own, ok := snapshot.(pinner); ok {
		if p := own.reads(s); p != nil {
			return p
		}
	}
	return nil
}

// close ends the transactions after the calls that are being made. Rows that
// are still open end with sqldb.ErrSnapshotClosed.
func (p *pinned) close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	close(p.done)
	p.mu.Unlock()
	p.calls.Wait()
	var errs []error
	for len(p.turns) > 0 {
		errs = append(errs, p.source.giveBack(<-p.turns))
	}
	return errors.Join(errs...)
}

// begin notes a call, unless the snapshot is closed.
func (p *pinned) begin() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return sqldb.ErrSnapshotClosed
	}
	p.calls.Add(1)
	return nil
}

var errLost = errors.New("postgres: the connection of this evaluation's snapshot is lost")

// take waits for a connection that stands in the snapshot.
func (p *pinned) take(ctx context.Context) (*reader, error) {
	select {
	case r := <-p.turns:
		return r, nil
	default:
	}
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	for shared := p.shared; ; {
		select {
		case r := <-p.turns:
			return r, nil
		case <-p.done:
			return nil, sqldb.ErrSnapshotClosed
		case <-p.lost:
			return nil, errLost
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-shared:
			shared = nil
			if r := p.another(ctx); r != nil {
				return r, nil
			}
		}
	}
}

// put gives a connection back after a call.
func (p *pinned) put(r *reader) {
	r.settle()
	if p.waiting.Load() > 0 {
		p.export(r)
	}
	if r.pg().IsClosed() {
		p.lose()
		return
	}
	p.turns <- r
}

func (p *pinned) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opened--; p.opened == 0 {
		close(p.lost)
	}
}

// export gives the snapshot a name. Before that only the connection that opened
// it stands in it. Where it fails, the connection is closed.
func (p *pinned) export(r *reader) {
	if p.isShared() || r.pg().IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	results, err := r.pg().Exec(ctx, "RELEASE "+savepoint+"; SELECT pg_export_snapshot(); "+savepoint).ReadAll()
	if err != nil {
		p.source.log.Warn("a snapshot could not be exported", "error", err)
		_ = r.Close()
		return
	}
	r.base = r.now
	p.name = string(results[1].Rows[0][0])
	close(p.shared)
}

func (p *pinned) isShared() bool {
	select {
	case <-p.shared:
		return true
	default:
		return false
	}
}

// another has one more connection stand in the snapshot, nil where there are
// enough, or none can be had.
func (p *pinned) another(ctx context.Context) *reader {
	p.mu.Lock()
	if p.opened == 0 || p.opened >= maxTogether { // it is lost, or that is enough
		p.mu.Unlock()
		return nil
	}
	p.opened++
	p.mu.Unlock()
	r, err := p.stand(ctx)
	if err != nil {
		if ctx.Err() == nil {
			p.source.log.Debug("no further connection for a snapshot", "error", err)
		}
		p.lose()
		return nil
	}
	return r
}

// stand opens a transaction in the exported snapshot, with the savepoint.
func (p *pinned) stand(ctx context.Context) (*reader, error) {
	r, err := p.source.takeReader(ctx)
	if err != nil {
		return nil, err
	}
	text := "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '" + p.name + "'; " + savepoint
	if err := r.do(ctx, text); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Query runs a statement in the snapshot and reads its result whole.
func (p *pinned) Query(ctx context.Context, set *readset.Set, statement *readset.Statement, text string, args []driver.NamedValue,
) (driver.Rows, error) {
	var whole *wholeRows
	err := p.run(ctx, set, statement, text, func(r *reader) error {
		rows, err := r.QueryContext(ctx, text, args)
		if err == nil {
			whole, err = readWhole(rows, p.done)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	set.Hold(statement, func() *readset.Held { return p.source.keyBehind(statement).ofValues(whole.columns, whole.rows) })
	return whole, nil
}

// run has a statement run on a connection that stands in the snapshot: on any,
// or where its locks are to be told in a transaction of its own.
func (p *pinned) run(ctx context.Context, set *readset.Set, statement *readset.Statement, text string, call func(*reader) error) error {
	if err := p.begin(); err != nil {
		return err
	}
	defer p.calls.Done()
	if statement != nil {
		if d := p.source.knowledge.behind(statement); d == nil || d.late {
			return p.late(ctx, set, d, text, call)
		}
	}
	r, err := p.take(ctx)
	if err != nil {
		return err
	}
	defer p.put(r)
	return r.try(ctx, text, call)
}

// try runs a statement. What has been prepared on the connection may have
// changed meanwhile, and a cancellation that came too late may hit what comes
// next: both are tried again.
func (r *reader) try(ctx context.Context, text string, call func(*reader) error) error {
	for attempt := 0; ; attempt++ {
		err := r.now.as(ctx, r.pg())
		if err == nil {
			err = call(r)
		}
		var refused *pgconn.PgError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, driver.ErrBadConn):
			return errLost // and not another attempt on another connection
		case errors.Is(err, errTooLarge):
			return fmt.Errorf("%w: %.200q", err, text)
		case !errors.As(err, &refused):
			return err
		case refused.Code == "25006":
			return sqldb.ErrWrites
		case attempt > 2 || !slices.Contains([]string{"0A000", "26000", "57014"}, refused.Code):
			return err
		}
		r.settle()
	}
}
