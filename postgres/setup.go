package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// SetupError says why a database cannot be followed, and what mends it.
type SetupError struct {
	What  string // is wrong
	Tried string // what was done when it showed
	Cure  string // what mends it, with the statements
	Err   error  // what the server said, if anything
	// Statements are those of Cure that can be run as they are, and Restart says
	// that the server has to be restarted behind them.
	Statements []string
	Restart    bool
}

func (e *SetupError) Error() string {
	text := "postgres: " + e.What
	if e.Tried != "" {
		text += " (" + e.Tried + ")"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text + "; " + e.Cure
}

// Unwrap returns what the server said.
func (e *SetupError) Unwrap() error { return e.Err }

// oldest is the first version that streams transactions before they commit.
const oldest = 140000

// server is what matters of the server and of the role that we have. It is not
// altered.
type server struct {
	version   int
	recovery  bool
	level     string // wal_level
	keep      int64  // max_slot_wal_keep_size in bytes, -1 for no bound
	page      uint64
	role      string
	database  string
	oid       uint32
	replicate bool // the role may
	senders   int
	standbys  bool // commits may wait for some
}

const serverQuery = `
SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), current_setting('wal_level'),
       CASE WHEN current_setting('max_slot_wal_keep_size') = '-1' THEN -1 ELSE pg_size_bytes(current_setting('max_slot_wal_keep_size')) END,
       current_setting('wal_block_size')::bigint, current_user::text, current_database()::text,
       (SELECT oid FROM pg_database WHERE datname = current_database()),
       rolreplication OR rolsuper OR EXISTS (
           SELECT FROM pg_roles AS r WHERE r.rolname = 'rds_replication' AND pg_has_role(current_user, r.oid, 'MEMBER')), current_setting('max_wal_senders')::int, current_setting('synchronous_standby_names') <> ''
FROM pg_roles WHERE rolname = current_user`

// look asks the server what matters of it.
func (s *Source) look(ctx context.Context) (v server, err error) {
	conn, err := s.meta.Acquire(ctx)
	if err != nil {
		return v, explainConnect(err)
	}
	defer conn.Release()
	var pid uint32
	// Not prepared: behind a pooler another's statement may have the name already.
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid); err != nil {
		return v, fmt.Errorf("postgres: %w", err)
	}
	if pid != conn.Conn().PgConn().PID() {
		return v, errPooled(nil)
	}
	err = conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&v.version)
	if err == nil && v.version >= oldest {
		err = conn.QueryRow(ctx, serverQuery).Scan(&v.version, &v.recovery, &v.level, &v.keep, &v.page, &v.role,
			&v.database, &v.oid, &v.replicate, &v.senders, &v.standbys)
	}
	if err != nil {
		return v, fmt.Errorf("postgres: ask the server for its settings: %w", err)
	}
	return v, nil
}

// problems lists what keeps the database from being followed.
func (c *Config) problems(v *server) []*SetupError {
	if v.version < oldest {
		return []*SetupError{{
			What:  fmt.Sprintf("the server is PostgreSQL %d, which cannot be followed", v.version/10000),
			Tried: "SHOW server_version", Cure: "upgrade it to 14 or later",
		}}
	}
	if v.recovery {
		return []*SetupError{errStandby("SELECT pg_is_in_recovery()")}
	}
	if c.Triggers {
		return nil
	}
	var list []*SetupError
	if v.level != "logical" {
		list = append(list, &SetupError{
			What:       "wal_level is " + v.level + ": the server's log does not say which rows change",
			Tried:      "SHOW wal_level",
			Cure:       "run ALTER SYSTEM SET wal_level = 'logical' and restart the server",
			Statements: []string{"ALTER SYSTEM SET wal_level = 'logical'"}, Restart: true,
		})
	}
	if v.senders == 0 {
		list = append(list, &SetupError{
			What: "max_wal_senders is 0: nobody may read the server's log", Tried: "SHOW max_wal_senders",
			Cure:       "run ALTER SYSTEM SET max_wal_senders = 10 and restart the server",
			Statements: []string{"ALTER SYSTEM SET max_wal_senders = 10"}, Restart: true,
		})
	}
	if !v.replicate {
		list = append(list, &SetupError{
			What: "the role " + v.role + " may not read the server's log", Tried: "SELECT rolreplication FROM pg_roles",
			Cure:       "run ALTER ROLE " + quote(v.role) + " REPLICATION as a superuser",
			Statements: []string{"ALTER ROLE " + quote(v.role) + " REPLICATION"},
		})
	}
	if v.keep < 0 && !c.UnboundedWAL {
		list = append(list, errUnbounded())
	}
	return list
}

func errStandby(tried string) *SetupError {
	return &SetupError{
		What: "the server is a standby, which does not say what is committed where", Tried: tried,
		Cure: "give the primary's address, or all addresses, as in postgres://a,b/name: the primary is found among them",
	}
}

func errUnbounded() *SetupError {
	return &SetupError{
		What:  "max_slot_wal_keep_size is -1: while this program does not run the server keeps its log until the disk is full",
		Tried: "SHOW max_slot_wal_keep_size",
		Cure: "run ALTER SYSTEM SET max_slot_wal_keep_size = '10GB' (what the disk can spare) and SELECT pg_reload_conf(), " +
			"or accept it by Config.UnboundedWAL",
		Statements: []string{"ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'", "SELECT pg_reload_conf()"},
	}
}

func errPooled(err error) *SetupError {
	return &SetupError{
		What:  "a pooler stands between this program and the server, and hands out connections that are not its own",
		Tried: "SELECT pg_backend_pid()", Err: err,
		Cure: "give the server's own address in Config.URL; requests of the app may go on through the pooler",
	}
}

// explainConnect says what is wrong when no connection can be had.
func explainConnect(err error) error {
	var refused *pgconn.PgError
	switch {
	case errors.Is(err, errIsStandby):
		return errStandby("SELECT pg_is_in_recovery()")
	case !errors.As(err, &refused):
		return fmt.Errorf("postgres: connect: %w", err)
	case strings.Contains(refused.Message, "unsupported startup parameter"):
		return errPooled(err)
	}
	return fmt.Errorf("postgres: connect: %w", err)
}

// explainReplication says what is wrong when no connection can be had that
// reads the log.
func explainReplication(err error) error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return explainConnect(err)
	}
	e := &SetupError{Tried: "connect with replication=database", Err: err}
	switch {
	case strings.Contains(refused.Message, "unsupported startup parameter"):
		return errPooled(err)
	case refused.Code == "42501":
		e.What, e.Cure = "the role may not read the server's log", "run ALTER ROLE … REPLICATION as a superuser"
	case refused.Code == "28000":
		e.What, e.Cure = "the server lets nobody in from here who reads its log", "allow it in pg_hba.conf and run SELECT pg_reload_conf()"
	case refused.Code == "53300":
		e.What, e.Cure = "all connections that may read the server's log are taken",
			"run ALTER SYSTEM SET max_wal_senders = … with a greater number and restart the server"
	default:
		return explainConnect(err)
	}
	return e
}

// name begins the names of what is made in the database.
func (c *Config) name() string { return cmp.Or(c.Name, "wakeful") }

// checkName keeps names from needing quotes anywhere.
func (c *Config) checkName() error {
	name := c.name()
	for i, r := range name {
		if !(r >= 'a' && r <= 'z' || r == '_' || r >= '0' && r <= '9' && i > 0) || len(name) > 40 {
			return fmt.Errorf("postgres: Config.Name is %q: want at most 40 lower-case letters, digits and _, a letter first", name)
		}
	}
	return nil
}

// setUp makes what has to be in the database, and begins a history.
func (s *Source) setUp(ctx context.Context) (*history, error) {
	v, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	if s.cfg.Triggers {
		return s.setUpTriggers(ctx, &v)
	}
	if list := s.cfg.problems(&v); len(list) > 0 {
		return nil, list[0]
	}
	s.server.Store(&v)
	if err := s.ensurePublication(ctx); err != nil {
		return nil, err
	}
	unready, err := s.syncTables(ctx)
	if err == nil {
		err = s.ensureTriggers(ctx)
	}
	if err != nil {
		return nil, err
	}
	slot, fresh, err := s.ensureSlot(ctx)
	if err != nil {
		return nil, err
	}
	if fresh && unready { // making the slot waited for older transactions
		_, err = s.adopt(ctx, false)
	}
	if err == nil {
		err = s.printCatalog(ctx)
	}
	if err != nil {
		return nil, err
	}
	return s.beginHistory(ctx, slot, fresh)
}
