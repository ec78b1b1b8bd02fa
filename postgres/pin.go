package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/postgres/internal/gate"
	"github.com/wakeful-dev/wakeful/source"
)

// Snapshot is a transaction whose place in the order of commits is exactly
// known.
type Snapshot struct {
	source *Source
	pinned *pinned
	at     change.Position
}

// ahead is a Snapshot that shows more than the log had brought when it was
// opened.
type ahead struct {
	Snapshot
	shows   gate.Snapshot
	through change.Position
}

var _ source.Overlapping = (*ahead)(nil)

// Position is the newest commit that the snapshot contains.
func (s *Snapshot) Position() change.Position { return s.at }

// Contains reports whether the snapshot contains a changeset.
func (s *Snapshot) Contains(set *change.Changeset) bool { return s.at.Reaches(set.Position) }

// Close ends the transaction after the calls that are being made in it; rows
// that are still open end with sqldb.ErrSnapshotClosed.
func (s *Snapshot) Close() error { return s.pinned.close() }

func (s *Snapshot) reads(of *Source) *pinned {
	if of != nil && of != s.source {
		return nil
	}
	return s.pinned
}

// Contains reports whether the snapshot contains a changeset. One that may have
// altered the schema counts only once the log has brought it: before that nobody
// has heard of it who says what statements read.
func (a *ahead) Contains(set *change.Changeset) bool {
	if a.at.Reaches(set.Position) {
		return true
	}
	if set.Mark == "" || set.Everything || !a.at.SameHistory(set.Position) {
		return false
	}
	xid, err := strconv.ParseUint(set.Mark, 16, 64)
	return err == nil && a.shows.Sees(xid)
}

// Through is a position that everything in the snapshot is reached by.
func (a *ahead) Through() change.Position { return a.through }

// How long a snapshot waits for the log, and when the server is asked how far
// it is and made to write to disk what it has not yet.
const (
	pinPatience = 250 * time.Millisecond
	askAfter    = time.Millisecond
	flushAfter  = 2 * time.Millisecond
)

// beginSnapshot opens the transaction of a snapshot.
const beginSnapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "

// Pin opens a snapshot, and waits until the log has brought what it shows. What
// it shows is released then, and nothing else. Where the log does not come, the
// snapshot is a source.Overlapping.
func (s *Source) Pin(ctx context.Context) (source.Snapshot, error) {
	s.offers.want()
	for attempt := 0; ; attempt++ {
		r, err := s.takeReader(ctx)
		if err != nil {
			return nil, err
		}
		snapshot, err := s.pinOn(ctx, r)
		if err == nil {
			return snapshot, nil
		}
		err = errors.Join(err, r.Close())
		if ctx.Err() != nil || attempt > maxIdleReaders {
			return nil, err // else it was one that waited, cut meanwhile
		}
	}
}

var errOtherServer = errors.New("postgres: another server answers than the one whose log is read")

// pinOn opens a snapshot on a connection.
func (s *Source) pinOn(ctx context.Context, r *reader) (source.Snapshot, error) {
	if err := s.lockProbe(ctx); err != nil {
		return nil, err
	}
	defer s.unlockProbe()
	h := s.history.Load()
	if r.of != h.server {
		return nil, errOtherServer
	}
	asking, cancel := context.WithTimeout(ctx, connectTimeout) // all others wait for the lock
	defer cancel()
	x, end, flushed, err := snapshotNow(asking, r.pg(), beginSnapshot, savepoint)
	if err != nil {
		return nil, err
	}
	end = gate.End(end, h.page)
	var whole bool
	if s.cfg.Triggers {
		if _, err := s.readNotes(ctx, h); err != nil {
			return nil, err
		}
		h.release(&x)
		whole = true
		s.wakeNotes() // what x does not show may be there now
	} else {
		whole = s.settle(ctx, h, &x, end, flushed)
	}
	at := h.now()
	if s.history.Load() != h || ctx.Err() != nil {
		return nil, errors.Join(errOtherServer, ctx.Err())
	}
	snapshot := Snapshot{source: s, at: at}
	if whole || gate.Hasty() {
		snapshot.pinned = s.pin(r)
		return &snapshot, nil
	}
	if err := s.lead(ctx, h, end); err != nil {
		return nil, err
	}
	snapshot.pinned = s.pin(r)
	return &ahead{snapshot, x, h.position(end, 0)}, nil
}

// settle releases what a snapshot shows as the log brings it, and reports
// whether that is all. The probe lock is held.
func (s *Source) settle(ctx context.Context, h *history, x *gate.Snapshot, end, flushed uint64) bool {
	whole, came := h.has(end)
	h.release(x) // what has come until now
	if whole || s.flow.Load() == nil || gate.Hasty() {
		return whole
	}
	patience := time.NewTimer(pinPatience)
	defer patience.Stop()
	nudge := time.NewTimer(askAfter)
	defer nudge.Stop()
	for nudges := 0; !whole; {
		select {
		case <-came:
		case <-nudge.C:
			nudges++
			s.nudge(h, nudges, end > flushed)
			nudge.Reset(flushAfter << min(nudges, 5))
		case <-patience.C:
			return false
		case <-ctx.Done():
			return false
		}
		whole, came = h.has(end)
		h.release(x)
	}
	return true
}

// nudge asks the server how far its log is sent, and has it write to disk what
// is not there yet: others may commit without waiting for that.
func (s *Source) nudge(h *history, nudges int, flush bool) {
	if f := s.flow.Load(); f != nil && f.history == h {
		_ = f.tell(h.ack(), true) // the reader says what is wrong
	}
	if !flush || nudges != 2 {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), pinPatience)
		defer cancel()
		if err := s.flushLog(ctx); err != nil {
			s.log.Debug("postgres: the log could not be brought to disk", "error", err)
		}
	}()
}

// flushLog brings the server's log to disk as far as it is written.
func (s *Source) flushLog(ctx context.Context) error {
	conn, err := s.meta.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	_, err = conn.Conn().PgConn().Exec(ctx, "BEGIN; SET LOCAL synchronous_commit = local; "+
		"SELECT pg_logical_emit_message(true, '"+prefix+"', '"+sayFlush+"'); COMMIT").ReadAll()
	return err
}

// lead notes that a snapshot is handed out that may show what is before a
// place in the log. The probe lock is held.
func (s *Source) lead(ctx context.Context, h *history, end uint64) error {
	if err := s.witness(ctx, h); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gate.Has(h.ahead) {
		h.seen = s.prober.count
	}
	h.ahead = max(h.ahead, end)
	return nil
}

// checkIdentity refuses a server that is not the one of a history.
func checkIdentity(ctx context.Context, conn *pgconn.PgConn, want identity) error {
	id, err := identify(ctx, conn)
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	if id != want {
		return errOtherServer
	}
	return nil
}
