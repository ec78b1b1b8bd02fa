package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wakeful-dev/wakeful/postgres/internal/gate"
	"github.com/wakeful-dev/wakeful/postgres/internal/pgoutput"
	"github.com/wakeful-dev/wakeful/postgres/internal/triggerlog"
)

// notes is the connection on which the change log is read that triggers write.
// It holds the lock that has them write: a history lasts as long as it does. The
// probe lock guards it.
type notes struct {
	conn    *pgconn.PgConn
	pid     uint32
	reader  *triggerlog.Reader
	seen    gate.Snapshot // what it shows has been read
	trimmed gate.Snapshot // what it shows has been deleted
	rows    int           // read since
	end     uint64        // where the server's log ended at the last look
	idle    bool          // where it ended at the one before too
	open    bool          // and whether a transaction was open then
	said    uint64        // where it ended when we wrote to it ourselves
}

const (
	layoutsStatement = "wakeful_layouts"
	rowsStatement    = "wakeful_rows"
)

func (n *notes) prepare(ctx context.Context, l triggerlog.Log) error {
	_, err := n.conn.Prepare(ctx, layoutsStatement, l.LayoutQuery(unseen), nil)
	if err == nil {
		_, err = n.conn.Prepare(ctx, rowsStatement, l.RowsQuery(unseen), nil)
	}
	if err != nil {
		return fmt.Errorf("postgres: read the change log: %w", err)
	}
	return nil
}

// unseen are the rows of the log that a snapshot does not show.
const unseen = "(xid >= $1::xid8 OR xid = ANY($2::xid8[]))"

// bounds are what unseen wants.
func bounds(x *gate.Snapshot) [][]byte {
	var list []string
	for _, xid := range x.Xip {
		list = append(list, strconv.FormatUint(xid, 10))
	}
	return [][]byte{strconv.AppendUint(nil, x.Xmax, 10), []byte("{" + strings.Join(list, ",") + "}")}
}

func (n *notes) layout(row [][]byte) error {
	rel, err := strconv.ParseUint(string(row[0]), 10, 32)
	if err != nil {
		return fmt.Errorf("postgres: read the change log: %w", err)
	}
	return n.reader.Layout(uint32(rel), string(row[1]))
}

// readTimeout bounds one look into the change log.
const readTimeout = time.Minute

var errNoNotes = errors.New("postgres: the connection on which the change log is read is lost")

// readNotes takes in what the change log has that was not seen before, and
// returns the snapshot in which it was read. Once that fails the history has no
// future. The probe lock is held.
func (s *Source) readNotes(ctx context.Context, h *history) (seen *gate.Snapshot, err error) {
	n := &s.notes
	if s.history.Load() != h || n.conn == nil || n.conn.IsClosed() {
		return nil, errNoNotes
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout) // half of a look is none
	defer cancel()
	before, x, err := n.read(ctx)
	if err != nil {
		_ = n.conn.Close(ctx)
		s.wakeNotes()
		return nil, errors.Join(errNoNotes, err)
	}
	n.idle = n.end == before
	n.seen, n.end, n.open = x, before, len(x.Xip) > 0
	h.note(n.reader.End(), before, n.open)
	return &x, nil
}

// read reads what has been written, and where the server's log ended just
// before.
func (n *notes) read(ctx context.Context) (end uint64, x gate.Snapshot, err error) {
	n.reader.Begin()
	p := n.conn.StartPipeline(ctx)
	defer func() { err = errors.Join(err, p.Close()) }()
	p.SendQueryParams("SELECT pg_current_wal_insert_lsn()::text", nil, nil, nil, nil)
	_ = p.Sync()
	p.SendQueryParams("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", nil, nil, nil, nil)
	p.SendQueryParams("SELECT pg_current_snapshot()::text", nil, nil, nil, nil)
	p.SendQueryPrepared(layoutsStatement, bounds(&n.seen), nil, nil)
	p.SendQueryPrepared(rowsStatement, bounds(&n.seen), nil, nil)
	p.SendQueryParams("COMMIT", nil, nil, nil, nil)
	if err := p.Sync(); err != nil {
		return 0, x, err
	}
	ignore := func([][]byte) error { return nil }
	for _, take := range []func([][]byte) error{
		func(row [][]byte) (err error) { end, err = parseLSN(string(row[0])); return err },
		nil, ignore,
		func(row [][]byte) (err error) { x, err = gate.Parse(string(row[0])); return err },
		n.layout, n.row, ignore, nil,
	} {
		if err := nextResult(p, take); err != nil {
			return 0, x, err
		}
	}
	return end, x, nil
}

// nextResult takes the rows of the next result of a pipeline; nil for what ends
// a part of it.
func nextResult(p *pgconn.Pipeline, take func([][]byte) error) error {
	results, err := p.GetResults()
	if err != nil {
		return err
	}
	switch r := results.(type) {
	case *pgconn.PipelineSync:
		if take == nil {
			return nil
		}
	case *pgconn.ResultReader:
		for take != nil && r.NextRow() {
			if err = take(r.Values()); err != nil {
				break
			}
		}
		_, closed := r.Close()
		if err = errors.Join(err, closed); err != nil || take != nil {
			return err
		}
	}
	return errors.New("an answer out of order")
}

// row takes in a row of the change log.
func (n *notes) row(row [][]byte) error {
	id, err := strconv.ParseInt(string(row[0]), 10, 64)
	xid, err2 := strconv.ParseUint(string(row[1]), 10, 64)
	rel, err3 := strconv.ParseUint(string(row[2]), 10, 32)
	if err := errors.Join(err, err2, err3); err != nil {
		return err
	}
	n.rows++
	return n.reader.Row(id, xid, uint32(rel), string(row[3]), string(row[4]), string(row[5]))
}

// note takes in transactions, and that everything is known of which the writer
// was told a place before end; of a transaction that is still open the record may
// be just there.
func (h *history) note(list []*pgoutput.Transaction, end uint64, open bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.gate.Frontier()
	for _, tx := range list {
		if tells(tx) {
			h.gate.Add(gate.Commit[*pgoutput.Transaction]{Xid: tx.Xid, Record: at, End: at, Since: time.Now(), What: tx})
		}
	}
	if open {
		end--
	}
	h.gate.Received(end)
	h.more()
}

// How long it is until the change log is looked at where nobody wakes us, and
// how much is read of it before that is deleted.
const (
	notesEvery = time.Second
	trimRows   = 1000
	trimEvery  = 10 * time.Second
)

// followNotes reads the change log into a history until ctx is done or its
// connection is lost.
func (s *Source) followNotes(ctx context.Context, h *history) error {
	tick := time.NewTicker(notesEvery)
	defer tick.Stop()
	trimmed := time.Now()
	for {
		rows, short, err := s.lookNotes(ctx, h)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return s.renewNotes(ctx, h, err)
		}
		if rows >= trimRows || rows > 0 && time.Since(trimmed) > trimEvery {
			trimmed = time.Now()
			s.trimNotes(ctx)
		}
		var soon <-chan time.Time
		if short {
			soon = time.After(idle)
		}
		select {
		case <-tick.C:
		case <-soon:
		case <-s.noted:
		case <-ctx.Done():
			return nil
		}
	}
}

// lookNotes takes in what the change log has, and releases it. It returns how
// many rows it has that have been read, and whether the frontier is short of
// where the server's log ends: while a transaction is open that may be its
// commit.
func (s *Source) lookNotes(ctx context.Context, h *history) (rows int, short bool, err error) {
	if err := s.lockProbe(ctx); err != nil {
		return 0, false, err
	}
	defer s.unlockProbe()
	seen, err := s.readNotes(ctx, h)
	if err != nil {
		return 0, false, err
	}
	h.release(seen)
	n := &s.notes
	short = n.open && n.end > n.said
	if short && n.idle {
		err = n.write(ctx)
	}
	return n.rows, short, err
}

// write writes something to the server's log, so that what was its end is not
// any more.
func (n *notes) write(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	results, err := n.conn.Exec(ctx, "SELECT pg_logical_emit_message(false, '"+prefix+"', '')::text").ReadAll()
	if err == nil && len(results) == 1 && len(results[0].Rows) == 1 {
		n.said, err = parseLSN(string(results[0].Rows[0][0]))
	}
	return err
}

// renewNotes begins another history when the connection was lost.
func (s *Source) renewNotes(ctx context.Context, h *history, reason error) error {
	wait, lost := firstPause, time.Now()
	for {
		if s.history.Load() != h {
			return nil
		}
		err := s.renew(ctx, h, reason)
		if err == nil || ctx.Err() != nil || h.isGone() {
			return nil // the stream says it
		}
		if isFinal(err) || time.Since(lost) > reconnectFor {
			return err
		}
		if pause(ctx, wait) != nil {
			return nil
		}
		wait = min(2*wait, longestPause)
	}
}

// trimNotes deletes what has been read from the change log.
func (s *Source) trimNotes(ctx context.Context) {
	if s.lockProbe(ctx) != nil {
		return
	}
	from, to, rows := s.notes.trimmed, s.notes.seen, s.notes.rows
	s.unlockProbe()
	old, now := bounds(&from), bounds(&to)
	statement := fmt.Sprintf(s.triggerLog().TrimStatement(), old[0], old[1], now[0], now[1])
	if _, err := s.meta.Exec(ctx, statement); err != nil {
		if ctx.Err() == nil {
			s.log.Warn("postgres: the change log could not be trimmed", "error", err)
		}
		return
	}
	if s.lockProbe(ctx) != nil {
		return
	}
	defer s.unlockProbe()
	s.notes.trimmed = to
	s.notes.rows -= rows
}

// wakeNotes has the change log looked at soon.
func (s *Source) wakeNotes() {
	select {
	case s.noted <- struct{}{}:
	default:
	}
}

// listen waits for triggers to say that they wrote. What it misses is found a
// little later.
func (s *Source) listen(ctx context.Context, _ *history) error {
	for wait := firstPause; ctx.Err() == nil; wait = min(2*wait, longestPause) {
		if err := s.listenOnce(ctx); err != nil && ctx.Err() == nil {
			s.log.Debug("postgres: nobody says when the change log is written", "error", err)
		}
		if pause(ctx, wait) != nil {
			return nil
		}
	}
	return nil
}

func (s *Source) listenOnce(ctx context.Context) error {
	config := ordinary(s.config).Config.Copy()
	config.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) { s.wakeNotes() }
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN "+quote(s.cfg.name())).ReadAll(); err != nil {
		return err
	}
	s.wakeNotes()
	for {
		if err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}
