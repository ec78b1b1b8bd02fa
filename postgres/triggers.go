package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wakeful-dev/wakeful/postgres/internal/gate"
	"github.com/wakeful-dev/wakeful/postgres/internal/triggerlog"
)

// triggerLog is the change log of a database whose own log cannot be read.
func (s *Source) triggerLog() triggerlog.Log {
	return triggerlog.Log{
		Name: s.cfg.name(), MaxRows: orDefault(s.cfg.MaxRows, 10_000), MaxBytes: orDefault(s.cfg.MaxBytes, 64<<20),
	}
}

// dropTriggerLog takes away the change log and the triggers.
func (s *Source) dropTriggerLog(ctx context.Context) error {
	pid, reads, err := s.lookLock(ctx)
	switch {
	case err != nil:
		return err
	case reads:
		return s.errFollowed(pid, nil)
	}
	for _, statement := range s.triggerLog().Drop() {
		if _, err := s.meta.Exec(ctx, statement); err != nil {
			return &SetupError{What: "the triggers could not be removed", Tried: statement, Err: err, Cure: "run it as their owner"}
		}
	}
	return nil
}

// checkTriggerLog lists what Open would make.
func (s *Source) checkTriggerLog(ctx context.Context) ([]Finding, error) {
	made, err := s.lookTriggerLog(ctx)
	if err != nil || made {
		return nil, err
	}
	l := s.triggerLog()
	return []Finding{{
		What: "there is no change log " + l.Name + ".log of this version yet", Tried: "SELECT obj_description('" + l.Name + ".note'::regproc)",
		Cure: "it is made at the next start", Statements: l.Create(),
	}}, nil
}

// lookTriggerLog reports whether the change log is there as this version has
// it.
func (s *Source) lookTriggerLog(ctx context.Context) (made bool, err error) {
	l := s.triggerLog()
	var have string
	if err := s.meta.QueryRow(ctx, l.VersionQuery()).Scan(&have); err != nil {
		return false, fmt.Errorf("postgres: look at the change log: %w", err)
	}
	return have == l.Version(), nil
}

// setUpTriggers makes the change log and the triggers, and begins a history.
func (s *Source) setUpTriggers(ctx context.Context, v *server) (*history, error) {
	if list := s.cfg.problems(v); len(list) > 0 {
		return nil, list[0]
	}
	s.server.Store(v)
	if err := s.ensureTriggerLog(ctx); err != nil {
		return nil, err
	}
	if err := s.takeLog(ctx); err != nil {
		return nil, err
	}
	if _, err := s.syncTables(ctx); err != nil {
		return nil, err
	}
	if _, err := s.adopt(ctx, false); err != nil {
		return nil, err
	}
	if err := s.printCatalog(ctx); err != nil {
		return nil, err
	}
	return s.beginNotes(ctx)
}

// ensureTriggerLog makes the change log where there is none, or an old one.
func (s *Source) ensureTriggerLog(ctx context.Context) error {
	made, err := s.lookTriggerLog(ctx)
	if err != nil || made {
		return err
	}
	l := s.triggerLog()
	if _, err := s.meta.Exec(ctx, "BEGIN;"+strings.Join(l.Create(), ";\n")+";COMMIT"); err != nil {
		return &SetupError{
			What:  "there is no change log " + l.Name + ".log of this version, and it could not be made",
			Tried: l.Create()[0] + "; …", Err: err,
			Cure:       fmt.Sprintf("as the owner of the tables, who may create schemas in %s, make it; then GRANT that role to %s", quote(s.server.Load().database), quote(s.server.Load().role)),
			Statements: l.Create(),
		}
	}
	return nil
}

// takeLog opens the connection on which the change log is read, and waits for
// the lock that has triggers write: to its end no transaction is open that
// found nobody.
func (s *Source) takeLog(ctx context.Context) error {
	if err := s.lockProbe(ctx); err != nil {
		return err
	}
	defer s.unlockProbe()
	s.endNotes(ctx)
	config := ordinary(s.config).Config.Copy()
	for name, value := range map[string]string{
		"application_name": s.application(), "plan_cache_mode": "force_custom_plan", "enable_seqscan": "off", "client_encoding": "UTF8",
		"jit":                 "off", // a scan that is off counts as dear, and what is dear is compiled: a second for a look at the catalogue
		"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "3", "tcp_keepalives_count": "3",
		"lock_timeout": fmt.Sprint(lockPatience.Milliseconds()), "statement_timeout": "0", "idle_session_timeout": "0",
	} {
		config.RuntimeParams[name] = value
	}
	connecting, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := pgconn.ConnectConfig(connecting, config)
	if err != nil {
		return explainConnect(err)
	}
	for began := time.Now(); ; {
		_, err = conn.Exec(ctx, "SELECT pg_advisory_lock("+s.triggerLog().Lock()+"); SET lock_timeout = 0").ReadAll()
		if err == nil {
			s.notes = notes{conn: conn, pid: conn.PID()}
			return nil
		}
		followed, explained := s.explainLock(ctx, err)
		if followed || !isCode(err, "55P03") || time.Since(began) > slotPatience {
			_ = conn.Close(context.WithoutCancel(ctx))
			return explained
		}
	}
}

// lockPatience is how long the lock is waited for before it is looked who holds
// it.
const lockPatience = 2 * time.Second

// endNotes closes the connection on which the change log was read, at the
// server's end too: it holds the lock. The probe lock is held.
func (s *Source) endNotes(ctx context.Context) {
	if s.notes.conn == nil {
		return
	}
	closing, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = s.notes.conn.Close(closing)
	s.notes.conn = nil
	_, _ = s.meta.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND application_name = $2",
		int64(s.notes.pid), s.application())
}

// explainLock says who keeps the change log from being read, and whether it is
// somebody who reads it.
func (s *Source) explainLock(ctx context.Context, err error) (followed bool, explained error) {
	if !isCode(err, "55P03") {
		return false, fmt.Errorf("postgres: take the change log: %w", err)
	}
	pid, reads, lookErr := s.lookLock(ctx)
	switch {
	case lookErr != nil || pid == 0:
		return false, fmt.Errorf("postgres: take the change log: %w", err)
	case reads:
		return true, s.errFollowed(pid, err)
	}
	return false, &SetupError{
		What:  fmt.Sprintf("process %d has a transaction open that began to write while nobody followed", pid),
		Tried: "SELECT pg_advisory_lock", Err: err,
		Cure: fmt.Sprintf("wait for it to end, or end it: SELECT pg_terminate_backend(%d)", pid),
	}
}

// lookLock asks who holds the lock of the change log, 0 for nobody, and whether
// it is who reads it.
func (s *Source) lookLock(ctx context.Context) (pid int64, reads bool, err error) {
	err = s.meta.QueryRow(ctx, `SELECT pid::bigint, mode = 'ExclusiveLock' FROM pg_locks
		WHERE locktype = 'advisory' AND granted AND database = $1 AND (classid, objid)::text = $2 ORDER BY 2 DESC LIMIT 1`,
		s.server.Load().oid, s.triggerLog().LockRow()).Scan(&pid, &reads)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		err = fmt.Errorf("postgres: see who follows the change log: %w", err)
	}
	return pid, reads, err
}

func (s *Source) errFollowed(pid int64, err error) *SetupError {
	return &SetupError{
		What: fmt.Sprintf("the change log of name %s is followed by process %d", s.cfg.name(), pid), Tried: "SELECT pg_advisory_lock", Err: err,
		Cure: fmt.Sprintf("give one of the two another Config.Name, or end the other: SELECT pg_terminate_backend(%d)", pid),
	}
}

// beginNotes begins an order of commits with what the change log's connection
// sees now.
func (s *Source) beginNotes(ctx context.Context) (*history, error) {
	if err := s.lockProbe(ctx); err != nil {
		return nil, err
	}
	defer s.unlockProbe()
	n := &s.notes
	n.reader = triggerlog.New(triggerlog.Config{
		MaxRows: s.triggerLog().MaxRows, MaxBytes: s.triggerLog().MaxBytes, Name: tableName, Wanted: s.wants,
	})
	at := start{page: s.server.Load().page}
	var err error
	if at.server, err = identify(ctx, n.conn); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	l := s.triggerLog()
	results, err := n.conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"+snapshotQuery+";"+l.AllLayoutsQuery()+";COMMIT").ReadAll()
	if err == nil && (len(results) != 4 || len(results[1].Rows) != 1) {
		err = errors.New("an answer out of order")
	}
	if err != nil {
		return nil, fmt.Errorf("postgres: begin to read the change log: %w", err)
	}
	if at.base, err = gate.Parse(string(results[1].Rows[0][0])); err != nil {
		return nil, err
	}
	if at.from, err = parseLSN(string(results[1].Rows[0][1])); err != nil {
		return nil, err
	}
	for _, row := range results[2].Rows {
		if err := n.layout(row); err != nil {
			return nil, err
		}
	}
	n.reader.Begin()
	n.seen, n.trimmed = at.base, gate.Snapshot{}
	if len(at.base.Xip) > 0 {
		at.from-- // one that is being committed may have its record before
	}
	at.until = at.from
	return s.newHistory(at), n.prepare(ctx, l)
}

// triggersQuery lists what can be read like a table. Followed is what has both
// triggers, and of which each partition has them; its stamp is another one when
// they were made or switched meanwhile.
const triggersQuery = `
WITH RECURSIVE parts AS (
	SELECT oid AS root, oid AS part FROM pg_class WHERE relkind IN ('r', 'p')
	UNION ALL
	SELECT p.root, i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.part JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
), triggers AS (
	SELECT tgrelid, count(*) FILTER (WHERE tgenabled = 'A') AS n, string_agg(oid || ' ' || xmin, ',' ORDER BY tgname) AS stamp
	FROM pg_trigger WHERE tgfoid = to_regproc($1) GROUP BY tgrelid
), trees AS (
	SELECT p.root, bool_and(coalesce(t.n, 0) = 2) AS followed, bool_and(l.relkind IN ('r', 'p') AND l.relpersistence = 'p') AS suits,
	       string_agg(t.stamp, ';' ORDER BY p.part) AS stamp, array_agg(p.part::regclass::text) AS parts
	FROM parts p JOIN pg_class l ON l.oid = p.part LEFT JOIN triggers t ON t.tgrelid = p.part GROUP BY p.root
)
SELECT n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text, c.relispartition,
       coalesce(t.suits, false), coalesce(t.followed, false), coalesce(t.stamp, ''), coalesce(t.parts, '{}'),
       pg_has_role(c.relowner, 'USAGE')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN trees t ON t.root = c.oid
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
  AND obj_description(n.oid, 'pg_namespace') IS DISTINCT FROM $2`

// readTriggers asks the database for its tables and their triggers.
func (s *Source) readTriggers(ctx context.Context) (map[string]*table, error) {
	var list []*table
	err := pgx.BeginTxFunc(ctx, s.meta, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL search_path = pg_catalog"); err != nil { // names of partitions come with their schemas
			return err
		}
		rows, err := tx.Query(ctx, triggersQuery, s.cfg.name()+".note", triggerlog.Comment)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*table, error) {
			var t table
			err := row.Scan(&t.schema, &t.name, &t.kind, &t.persistence, &t.partition, &t.keyed, &t.published, &t.stamp, &t.parts, &t.owned)
			return &t, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: list the tables: %w", err)
	}
	return byName(list), nil
}

// syncTriggers makes the triggers of tables that have none, where the role
// may, and reports whether there are tables whose triggers are not those that
// were there before. Making one waits for those who are writing to the table.
func (s *Source) syncTriggers(ctx context.Context) (fresh bool, err error) {
	found, err := s.readTriggers(ctx)
	if err != nil {
		return false, err
	}
	made := false
	for _, t := range found {
		if t.suits() && t.owned && !t.published {
			made = s.makeTriggers(ctx, t) || made
		}
	}
	if made {
		if found, err = s.readTriggers(ctx); err != nil {
			return false, err
		}
	}
	for name, t := range found {
		before := s.tables.get(name)
		t.published = t.published && t.suits()
		t.ready = t.published && before != nil && before.ready && before.stamp == t.stamp
		fresh = fresh || t.published && !t.ready
	}
	s.tables.known.Store(&found)
	return fresh, nil
}

// triggerPatience is how long writers may hold up a trigger that is to be made,
// and it them.
const triggerPatience = 2 * time.Second

// triggersOf lists the statements that make the triggers of a table.
func (s *Source) triggersOf(t *table) []string {
	l := s.triggerLog()
	statements := l.FollowRows(t.sql(), t.parts)
	for _, part := range t.parts {
		statements = append(statements, l.FollowTruncate(part)...)
	}
	return statements
}

// makeTriggers makes the triggers of a table.
func (s *Source) makeTriggers(ctx context.Context, t *table) (done bool) {
	statements := append([]string{fmt.Sprintf("SET LOCAL lock_timeout = %d", triggerPatience.Milliseconds())}, s.triggersOf(t)...)
	_, err := s.meta.Exec(ctx, "BEGIN;"+strings.Join(statements, ";")+";COMMIT")
	if err != nil {
		s.log.Warn("postgres: the triggers of a table could not be made; they are tried again",
			"table", t.sql(), "statement", strings.Join(statements[1:], "; "), "error", err)
	}
	return err == nil
}
