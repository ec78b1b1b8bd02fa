package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wakeful-dev/wakeful/postgres/internal/gate"
)

// slotName is one for each database of a server, which all share the names.
func (s *Source) slotName() string { return fmt.Sprintf("%s_%d", s.cfg.name(), s.server.Load().oid) }

// slot is what the server says of our replication slot.
type slot struct {
	exists    bool
	plugin    string
	database  string
	lost      bool
	confirmed uint64 // what is before it will not be sent
	pid       uint32 // of who reads it, 0 for nobody
	reader    string // its application_name
}

const slotQuery = `
SELECT s.plugin::text, s.database::text, coalesce(s.wal_status = 'lost', false), coalesce(s.confirmed_flush_lsn, '0/0')::text,
       coalesce(s.active_pid, 0)::bigint, coalesce(a.application_name, '')
FROM pg_replication_slots s LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid
WHERE s.slot_name = $1`

func (s *Source) lookSlot(ctx context.Context) (v slot, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	var confirmed string
	var pid int64
	err = s.meta.QueryRow(ctx, slotQuery, s.slotName()).Scan(&v.plugin, &v.database, &v.lost, &confirmed, &pid, &v.reader)
	if errors.Is(err, pgx.ErrNoRows) {
		return slot{}, nil
	}
	if err == nil {
		v.confirmed, err = parseLSN(confirmed)
	}
	if err != nil {
		return slot{}, fmt.Errorf("postgres: look at the replication slot: %w", err)
	}
	v.exists, v.pid = true, uint32(pid)
	return v, nil
}

// ensureSlot makes the slot, or a new one in place of one that is lost, unless
// it is there. It waits for one that another reads: who was just killed is
// seen to be dead a moment later.
func (s *Source) ensureSlot(ctx context.Context) (v slot, fresh bool, err error) {
	deadline := time.Now().Add(takeover)
	for {
		v, err := s.lookSlot(ctx)
		switch {
		case err != nil:
			return slot{}, false, err
		case !v.exists:
			if err := s.createSlot(ctx); err != nil {
				return slot{}, false, err
			}
			fresh = true
			continue
		case v.plugin != "pgoutput" || v.database != s.server.Load().database:
			return slot{}, false, &SetupError{
				What:  fmt.Sprintf("the replication slot %s is another's: of the plugin %s in the database %s", s.slotName(), v.plugin, v.database),
				Tried: "SELECT * FROM pg_replication_slots", Cure: "choose another Config.Name",
			}
		case v.lost && v.pid == 0:
			if _, err := s.meta.Exec(ctx, "SELECT pg_drop_replication_slot($1)", s.slotName()); err != nil && !isCode(err, "42704") {
				return slot{}, false, fmt.Errorf("postgres: drop the replication slot, which is lost: %w", err)
			}
			continue
		case v.pid == 0:
			return v, fresh, nil
		case v.reader == s.application():
			s.endStale(ctx, v)
		case time.Now().After(deadline):
			return slot{}, false, s.errTaken(v)
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return slot{}, false, s.errTaken(v)
		}
	}
}

// takeover is how long to wait for a slot that is read: longer than a server
// takes to see that its reader is gone.
const takeover = senderTimeout + 2*time.Second

func (s *Source) errTaken(v slot) error {
	return &SetupError{
		What: fmt.Sprintf("the replication slot %s is read by another program: process %d of the server, application_name %q",
			s.slotName(), v.pid, v.reader),
		Tried: "START_REPLICATION",
		Cure: fmt.Sprintf("stop that program, or run SELECT pg_terminate_backend(%d) if it hangs; "+
			"two servers that follow one database need two values of Config.Name", v.pid),
	}
}

// endStale ends a connection of this process that was cut: nobody reads it.
func (s *Source) endStale(ctx context.Context, v slot) {
	if _, err := s.meta.Exec(ctx, "SELECT pg_terminate_backend($1)", v.pid); err != nil {
		s.log.Warn("postgres: a connection of ours that was cut could not be ended", "pid", v.pid, "error", err)
	}
}

// createSlot makes the slot. The server waits with that for every transaction
// that is open now.
func (s *Source) createSlot(ctx context.Context) error {
	conn, err := s.meta.Acquire(ctx)
	if err != nil {
		return explainConnect(err)
	}
	defer conn.Release()
	pid := conn.Conn().PgConn().PID()
	making, cancel := context.WithTimeout(ctx, s.slotPatience)
	defer cancel()
	_, err = conn.Exec(making, "SELECT pg_create_logical_replication_slot($1, 'pgoutput')", s.slotName())
	switch {
	case err == nil || isCode(err, "42710"):
		return nil
	case making.Err() != nil && ctx.Err() == nil:
		return s.errBlocked(ctx, pid, err)
	}
	e := &SetupError{What: "the replication slot could not be made", Tried: "SELECT pg_create_logical_replication_slot", Err: err, Cure: "see what the server says"}
	switch {
	case isCode(err, "53400"):
		e.What = "all replication slots of the server are taken"
		e.Cure = "drop one that is not needed (SELECT slot_name, active FROM pg_replication_slots), " +
			"or run ALTER SYSTEM SET max_replication_slots = … with a greater number and restart the server"
	case isCode(err, "42501"):
		e.Cure = "run ALTER ROLE … REPLICATION as a superuser"
	}
	return e
}

// slotPatience is how long to wait for transactions that are open while the
// slot is made.
const slotPatience = 10 * time.Second

// errBlocked names who keeps the slot from being made.
func (s *Source) errBlocked(ctx context.Context, pid uint32, err error) error {
	who := "a transaction that is open"
	var list []string
	rows, queryErr := s.meta.Query(ctx, `SELECT format('process %s (application_name %L, %s since %s)', pid, application_name, state, xact_start)
		FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> $1 AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 3`, pid)
	if queryErr == nil {
		list, queryErr = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if queryErr == nil && len(list) > 0 {
		who = strings.Join(list, ", ")
	}
	return &SetupError{
		What:  fmt.Sprintf("the replication slot cannot be made while older transactions are open, and %v have passed: %s", s.slotPatience, who),
		Tried: "SELECT pg_create_logical_replication_slot", Err: err,
		Cure: "end that transaction, or SELECT pg_terminate_backend of its process, and start again",
	}
}

// isCode reports whether the server refused with a code.
func isCode(err error, codes ...string) bool {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return false
	}
	for _, code := range codes {
		if refused.Code == code {
			return true
		}
	}
	return false
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// beginHistory begins an order of commits where the slot is. Of a slot that was
// there before it may be that commits were set aside which nobody sees yet.
func (s *Source) beginHistory(ctx context.Context, v slot, fresh bool) (*history, error) {
	conn, err := s.meta.Acquire(ctx)
	if err != nil {
		return nil, explainConnect(err)
	}
	defer conn.Release()
	at := start{page: s.server.Load().page, from: v.confirmed}
	if at.server, err = identify(ctx, conn.Conn().PgConn()); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if at.base, at.until, _, err = snapshotNow(ctx, conn.Conn().PgConn(), ""); err != nil {
		return nil, err
	}
	at.until = gate.End(at.until, at.page)
	if fresh || !s.server.Load().standbys {
		return s.newHistory(at), nil
	}
	var next string
	if err := conn.QueryRow(ctx, "SELECT pg_current_xact_id()::text").Scan(&next); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	own, err := strconv.ParseUint(next, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if at.base.Xmin < own { // somebody is not seen
		at.doubt = own
	}
	return s.newHistory(at), nil
}

// snapshotQuery says what a snapshot shows, and then where the log ends and how
// far it is on disk.
const snapshotQuery = "SELECT pg_current_snapshot()::text, pg_current_wal_insert_lsn()::text, pg_current_wal_flush_lsn()::text"

// snapshotNow asks what a statement on a connection sees now. What is in front
// of the question runs first, in the same round trip.
func snapshotNow(ctx context.Context, conn *pgconn.PgConn, front string, behind ...string) (x gate.Snapshot, end, flushed uint64, err error) {
	text := front + snapshotQuery
	for _, b := range behind {
		text += "; " + b
	}
	results, err := conn.Exec(ctx, text).ReadAll()
	if err != nil {
		return x, 0, 0, fmt.Errorf("postgres: take a snapshot: %w", err)
	}
	for _, r := range results {
		if len(r.Rows) != 1 || len(r.Rows[0]) != 3 {
			continue
		}
		row := r.Rows[0]
		if x, err = gate.Parse(string(row[0])); err == nil {
			end, err = parseLSN(string(row[1]))
		}
		if err == nil {
			flushed, err = parseLSN(string(row[2]))
		}
		return x, end, flushed, err
	}
	return x, 0, 0, errors.New("postgres: the server does not say what a snapshot shows")
}
