package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/postgres/internal/gate"
)

// tables is what is known of the tables that are published.
type tables struct {
	syncing sync.Mutex                        // one at a time sees to the publication
	known   atomic.Pointer[map[string]*table] // by name, as changes have it; never altered
	looked  atomic.Int64                      // when, by syncTables
	due     atomic.Pointer[due]               // nil: nothing waits
	refused sync.Map                          // statements that alter the publication, and could not
	print   atomic.Pointer[print]             // of the catalogue, as it was looked at last
}

// due says what is ready when all transactions have ended that are older than
// one: what was published before that one began.
type due struct {
	own       uint64
	published map[string]string // tables and what added them
}

// table is a relation of the database.
type table struct {
	schema, name string
	kind         string // relkind
	persistence  string // relpersistence
	partition    bool   // of another
	keyed        bool   // its rows have a usable replica identity, and so have those of its partitions
	published    bool
	partly       bool     // the publication has it, and leaves rows, columns or kinds of changes out
	added        string   // the transaction that published it as it is now, "" where that is not known yet
	stamp        string   // of its triggers
	owned        bool     // the role may make triggers
	parts        []string // of a table with triggers: it and its partitions, as SQL
	ready        bool     // every transaction that may have changed it before it was published has ended
}

// sql is the table's name in a statement.
func (t *table) sql() string { return quote(t.schema) + "." + quote(t.name) }

// suits reports whether the table can be published: an update of one without
// a key would fail in the app then.
func (t *table) suits() bool {
	return (t.kind == "r" || t.kind == "p") && t.persistence == "p" && !t.partition && t.keyed
}

// mixed reports whether old rows of a table may hold less than its replica
// identity says.
func (t *tables) mixed(name string) bool {
	if known := t.known.Load(); known != nil {
		if of := (*known)[name]; of != nil {
			return of.kind == "p"
		}
	}
	return true
}

// tablesQuery lists what can be read like a table. The usable replica identity
// is the one that an update of the table needs: of a partitioned table that of
// each partition, and a key of its own, which its next partition has then.
const tablesQuery = `
WITH RECURSIVE identity AS (
	SELECT c.oid, c.relreplident,
	       CASE c.relreplident WHEN 'f' THEN true WHEN 'n' THEN false ELSE EXISTS (
	           SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
	           AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END) END AS keyed,
	       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate AND i.indisprimary) AS primary_key
	FROM pg_class c WHERE c.relkind IN ('r', 'p')
), parts AS (
	SELECT inhparent AS root, inhrelid AS part FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
	UNION ALL
	SELECT p.root, i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.part
)
SELECT n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text, c.relispartition,
       CASE c.relkind
           WHEN 'p' THEN d.primary_key AND NOT EXISTS (
               SELECT FROM parts p JOIN identity i ON i.oid = p.part JOIN pg_class l ON l.oid = p.part
               WHERE p.root = c.oid AND l.relkind <> 'p' AND NOT i.keyed)
               AND NOT EXISTS (SELECT FROM parts p JOIN pg_class l ON l.oid = p.part
               WHERE p.root = c.oid AND (l.relkind NOT IN ('r', 'p') OR l.relpersistence <> 'p'))
           ELSE coalesce(d.keyed, false) END AS keyed,
       CASE WHEN r.prrelid IS NULL OR NOT p.whole THEN '' WHEN age(u.xmin) < age(r.xmin) THEN u.xmin::text ELSE r.xmin::text END,
       r.prrelid IS NOT NULL AND NOT p.whole, coalesce(substring(obj_description(u.oid, 'pg_publication') FROM '^' || $2 || '([0-9]+)$'), '0'),
       pg_snapshot_xmax(pg_current_snapshot())::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN identity d ON d.oid = c.oid
LEFT JOIN pg_publication u ON u.pubname = $1
LEFT JOIN pg_publication_rel r ON r.prpubid = u.oid AND r.prrelid = c.oid
CROSS JOIN LATERAL (SELECT u.pubviaroot AND u.pubinsert AND u.pubupdate AND u.pubdelete AND u.pubtruncate
                    AND to_jsonb(r)->>'prqual' IS NULL AND to_jsonb(r)->>'prattrs' IS NULL AS whole) p
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'`

// readTables asks the database for its tables.
func (s *Source) readTables(ctx context.Context) (map[string]*table, error) {
	if s.cfg.Triggers {
		return s.readTriggers(ctx)
	}
	rows, err := s.meta.Query(ctx, tablesQuery, s.cfg.name(), readyBefore)
	if err != nil {
		return nil, fmt.Errorf("postgres: list the tables: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*table, error) {
		var t table
		var before, xmax string
		err := row.Scan(&t.schema, &t.name, &t.kind, &t.persistence, &t.partition, &t.keyed, &t.added, &t.partly, &before, &xmax)
		t.published = t.added != ""
		t.ready = t.published && isBefore(t.added, before, xmax)
		return &t, err
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: list the tables: %w", err)
	}
	return byName(list), nil
}

// byName has tables under the names that changes have of them.
func byName(list []*table) map[string]*table {
	named := make(map[string]*table, len(list))
	for _, t := range list {
		named[tableName(t.schema, t.name)] = t
	}
	return named
}

// isBefore reports whether a transaction, of which the catalogue has 32 bits, is
// older than another one. A number that is very old may count as new.
func isBefore(narrow, than, xmax string) bool {
	n, err := strconv.ParseUint(narrow, 10, 32)
	before, err2 := strconv.ParseUint(than, 10, 64)
	now, err3 := strconv.ParseUint(xmax, 10, 64)
	x := gate.Snapshot{Xmax: now}
	return err == nil && err2 == nil && err3 == nil && x.Widen(uint32(n)) < before
}

// lookPublication reports whether there is the publication, whether it says all
// that we want, and whether it is of all tables.
func (s *Source) lookPublication(ctx context.Context) (there, whole, all bool, err error) {
	err = s.meta.QueryRow(ctx, `SELECT pubviaroot AND pubinsert AND pubupdate AND pubdelete AND pubtruncate, puballtables
		FROM pg_publication WHERE pubname = $1`, s.cfg.name()).Scan(&whole, &all)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, false, false, nil
	}
	if err != nil {
		return false, false, false, fmt.Errorf("postgres: look at the publication: %w", err)
	}
	return true, whole, all, nil
}

// ensurePublication makes the publication where there is none, and has it say
// all that we want.
func (s *Source) ensurePublication(ctx context.Context) error {
	there, whole, all, err := s.lookPublication(ctx)
	switch {
	case err != nil:
		return err
	case all:
		return s.errAllTables()
	case there && whole:
		return nil
	}
	what, statement := "there is no publication "+s.cfg.name()+", and it could not be made", s.createPublication()
	cure := "as a superuser run " + statement + "; ALTER PUBLICATION " + quote(s.cfg.name()) + " OWNER TO " + quote(s.server.Load().role)
	if there {
		what, statement = "the publication "+s.cfg.name()+" leaves changes out", s.alterPublication()
		cure = "as its owner run " + statement
	}
	if _, err := s.meta.Exec(ctx, statement); err != nil && !isCode(err, "42710") {
		return &SetupError{What: what, Tried: statement, Err: err, Cure: cure}
	}
	return nil
}

const publicationOptions = "(publish = 'insert, update, delete, truncate', publish_via_partition_root = true)"

func (s *Source) createPublication() string {
	return "CREATE PUBLICATION " + quote(s.cfg.name()) + " WITH " + publicationOptions
}

func (s *Source) alterPublication() string {
	return "ALTER PUBLICATION " + quote(s.cfg.name()) + " SET " + publicationOptions
}

func (s *Source) errAllTables() *SetupError {
	drop := "DROP PUBLICATION " + quote(s.cfg.name())
	return &SetupError{
		What:  "the publication " + s.cfg.name() + " is of all tables: an update of a table without a key fails in the app",
		Tried: "SELECT puballtables FROM pg_publication", Cure: "run " + drop + "; it is made again", Statements: []string{drop},
	}
}

// syncTables adds tables to the publication that suit, and takes out what does
// not suit any more, where the role may. It reports whether there are tables in
// it now that are not ready.
func (s *Source) syncTables(ctx context.Context) (fresh bool, err error) {
	s.tables.syncing.Lock()
	defer s.tables.syncing.Unlock()
	former := s.tables.known.Load()
	if s.cfg.Triggers {
		fresh, err = s.syncTriggers(ctx)
	} else {
		fresh, err = s.syncPublication(ctx)
	}
	if err != nil || former == nil {
		return fresh, err
	}
	return fresh, s.sayLost(ctx, *former)
}

// sayLost says of the tables that were ready and are not any more that they may
// have changed.
func (s *Source) sayLost(ctx context.Context, former map[string]*table) error {
	lost := s.tables.lost(former)
	if len(lost) == 0 {
		return nil
	}
	s.forgetSchema()
	return s.say(context.WithoutCancel(ctx), lost) // nobody notices again
}

// lost names the tables that were ready and are not any more.
func (t *tables) lost(former map[string]*table) (names []string) {
	for name, was := range former {
		if now := t.get(name); was.ready && (now == nil || !now.ready) {
			names = append(names, name)
		}
	}
	return names
}

func (s *Source) syncPublication(ctx context.Context) (fresh bool, err error) {
	found, err := s.readTables(ctx)
	if err != nil {
		return false, err
	}
	for _, t := range found {
		switch {
		case t.suits() && !t.published && !t.partly:
			t.published = s.alter(ctx, "ADD TABLE ONLY", t)
		case t.published && !t.suits():
			t.published = !s.alter(ctx, "DROP TABLE ONLY", t)
			t.ready = false
		}
		fresh = fresh || t.published && !t.ready
	}
	s.tables.known.Store(&found)
	s.tables.looked.Store(time.Now().UnixNano())
	return fresh, nil
}

// adopt makes ready what is in the publication. Where older says so, it waits
// until every transaction has ended that is older than the newest of these
// tables in the publication; a wait that ctx cuts short goes on with the next
// call. It returns what was not ready before.
func (s *Source) adopt(ctx context.Context, older bool) (fresh []string, err error) {
	if s.cfg.Triggers { // to make a trigger was to wait for those who write
		return s.adoptTriggered(), nil
	}
	wait := s.tables.due.Load()
	if wait == nil {
		if wait, err = s.newDue(ctx); err != nil {
			return nil, fmt.Errorf("postgres: wait for older transactions: %w", err)
		}
		s.tables.due.Store(wait)
	}
	if older {
		if err := s.outlive(ctx, wait.own); err != nil {
			return nil, fmt.Errorf("postgres: wait for older transactions: %w", err)
		}
	}
	s.tables.syncing.Lock()
	defer s.tables.syncing.Unlock()
	s.tables.due.CompareAndSwap(wait, nil)
	found, err := s.readTables(ctx)
	if err != nil {
		return nil, err
	}
	before, known, all := strconv.FormatUint(wait.own, 10), *s.tables.known.Load(), true
	for name, t := range found {
		if former := known[name]; former != nil && former.ready && former.added == t.added {
			t.ready = true
		}
		switch {
		case !t.published || t.ready || !isBefore(t.added, before, before):
		case wait.published[name] != t.added:
			all = false // its addition was open when the wait began
		default:
			t.ready = true
			fresh = append(fresh, name)
		}
	}
	if all {
		_, err := s.meta.Exec(ctx, fmt.Sprintf("COMMENT ON PUBLICATION %s IS '%s%s'", quote(s.cfg.name()), readyBefore, before))
		if err != nil {
			s.log.Debug("postgres: which tables are ready could not be noted", "error", err) // the next start waits again
		}
	}
	s.tables.known.Store(&found)
	return fresh, s.sayLost(ctx, known)
}

// newDue begins to wait for what is published now.
func (s *Source) newDue(ctx context.Context) (*due, error) {
	found, err := s.readTables(ctx)
	if err != nil {
		return nil, err
	}
	wait := &due{published: map[string]string{}}
	for name, t := range found {
		wait.published[name] = t.added
	}
	var text string
	if err := s.meta.QueryRow(ctx, "SELECT pg_current_xact_id()::text").Scan(&text); err != nil {
		return nil, err
	}
	wait.own, err = strconv.ParseUint(text, 10, 64)
	return wait, err
}

// adoptTriggered makes ready what has triggers.
func (s *Source) adoptTriggered() (fresh []string) {
	s.tables.syncing.Lock()
	defer s.tables.syncing.Unlock()
	known := *s.tables.known.Load()
	ready := make(map[string]*table, len(known))
	for name, t := range known {
		if t.published && !t.ready {
			fresh = append(fresh, name)
			whole := *t
			whole.ready, t = true, &whole
		}
		ready[name] = t
	}
	s.tables.known.Store(&ready)
	return fresh
}

// readyBefore is how the publication's comment begins: of the tables that were
// added before that transaction the changes are followed, because no transaction
// is open any more that is older than their addition.
const readyBefore = "followed: tables that were added before transaction "

// alter adds a table to the publication or takes it out.
func (s *Source) alter(ctx context.Context, how string, t *table) (done bool) {
	statement := "ALTER PUBLICATION " + quote(s.cfg.name()) + " " + how + " " + t.sql()
	_, err := s.meta.Exec(ctx, statement)
	if err != nil && !isCode(err, "42710", "42704") {
		if _, told := s.tables.refused.Swap(statement, true); !told {
			s.log.Warn("postgres: the publication could not be altered", "statement", statement, "error", err)
		}
		return false
	}
	if was := s.tables.print.Load(); was != nil { // somebody may undo this before the next look
		s.tables.print.Store(&print{schema: was.schema})
	}
	return true
}

// outlive waits until every transaction has ended that is older than one.
func (s *Source) outlive(ctx context.Context, own uint64) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		var text string
		if err := s.meta.QueryRow(ctx, "SELECT pg_current_snapshot()::text").Scan(&text); err != nil {
			return err
		}
		x, err := gate.Parse(text)
		if err != nil || x.Xmin >= own {
			return err
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// say publishes that tables may have changed altogether, all where none is named.
func (s *Source) say(ctx context.Context, names []string) error {
	if err := s.lockProbe(ctx); err != nil {
		return err
	}
	defer s.unlockProbe()
	set := change.Changeset{Everything: names == nil}
	for _, name := range names {
		set.Changes = append(set.Changes, change.Change{Table: name, Kind: change.Everything})
	}
	if h := s.history.Load(); h != nil { // else nobody has seen anything
		h.say(set)
	}
	return nil
}
