package postgres

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/postgres/internal/gate"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/sqldb"
)

var (
	_ sqldb.Attendant = (*watcher)(nil)
	_ sqldb.Teller    = (*watcher)(nil)
)

// Watch has statements of a connection run as the role of their context, and
// finds the positions of commits for those who ask.
func (s *Source) Watch(conn driver.Conn) (sqldb.Watcher, error) {
	own, ok := conn.(*stdlib.Conn)
	if !ok {
		return nil, fmt.Errorf("postgres: a connection of %T is none of pgx", conn)
	}
	return &watcher{source: s, conn: own.Conn().PgConn()}, nil
}

// watcher accompanies the statements of one connection. A statement on its own
// gets a transaction around it where a role is to end with it, or where
// somebody wants to know its number or its locks.
type watcher struct {
	source *Source
	conn   *pgconn.PgConn

	asked   bool   // somebody wants to know positions
	telling bool   // or which locks the next statement takes
	opening string // what a transaction around the next statement begins with, "" where none is needed
	wrapped bool   // the transaction is ours
	wrote   bool   // the statement may write
	ends    bool   // it ends the app's transaction
	undoes  bool   // where a transaction is open after it, nobody knows what that runs as
	failed  bool
	altered bool // the session is not as it was opened

	within    *readset.Set // the evaluation in which the transaction was begun
	standing  standing
	settings  []roleSetting // that the transaction has had
	xid       uint64        // of the transaction that ends
	locks     []uint32
	committed change.Position
}

// ask runs a statement of ours, one that is quick, and returns its first value.
func (w *watcher) ask(text string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	results, err := w.conn.Exec(ctx, text).ReadAll()
	if err != nil || len(results) == 0 || len(results[0].Rows) == 0 {
		return "", err
	}
	return string(results[0].Rows[0][0]), nil
}

func (w *watcher) inTransaction() bool { return w.conn.TxStatus() != 'I' }

// Attend has the next statement run as the context says.
func (w *watcher) Attend(ctx context.Context, text string) error {
	if w.conn.IsClosed() || w.conn.IsBusy() {
		return nil // the driver says so
	}
	w.committed, w.failed = "", false
	first := firstWord(text)
	if !w.inTransaction() {
		w.asked, w.standing, w.settings = false, standing{}, nil
		w.within = readset.From(ctx)
	}
	if set := readset.From(ctx); set != nil && set != w.within {
		set.Unstamp("it reads in a transaction that was begun before its view ran: begin it with the request's context")
	}
	w.asked = w.asked || readset.WritesFrom(ctx) != nil
	w.wrote = w.asked && w.source.mayWrite(text)
	w.ends = slices.Contains([]string{"commit", "end", "prepare"}, first)
	w.undoes = slices.Contains([]string{"rollback", "abort", "commit", "end"}, first)
	w.noteAltered(first, text)
	if strings.Contains(text, ";") {
		for _, part := range split(text) {
			w.noteAltered(firstWord(part), part)
		}
	}
	role := actingOf(ctx)
	if role != nil && slices.ContainsFunc(split(text), func(part string) bool { return part != text && slices.Contains(controls, firstWord(part)) }) {
		return fmt.Errorf("postgres: %.200q has transactions begin or end within one text, which no role can be set for: send its statements one by one", text)
	}
	if slices.Contains(controls, first) {
		return nil
	}
	if !w.inTransaction() {
		if role == nil && !w.telling && w.opening == "" && !(w.wrote && readset.From(ctx) != nil) {
			return nil
		}
		if _, err := w.ask(cmp.Or(w.opening, "BEGIN")); err != nil {
			return err
		}
		w.wrapped = true
	}
	err := w.as(ctx)
	if err != nil && w.wrapped {
		w.wrapped = false
		_, undone := w.ask("ROLLBACK")
		err = errors.Join(err, undone)
	}
	return err
}

// controls are the statements that have a transaction begin or end, which no
// role is needed for.
var controls = []string{"begin", "start", "commit", "end", "abort", "rollback", "savepoint", "release", "prepare"}

// as has the transaction go on as the role of the context.
func (w *watcher) as(ctx context.Context) error {
	if role := actingOf(ctx); role != nil {
		w.settings = append(w.settings, role.settings...)
	}
	if w.conn.TxStatus() == 'E' {
		return nil // nothing runs in it any more
	}
	return w.standing.as(ctx, w.conn)
}

// harmlessSettings alter no result.
var harmlessSettings = []string{
	"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout", "application_name",
	"work_mem", "client_min_messages", "synchronous_commit", "constraints", "transaction",
}

// noteAltered notes statements that alter what others mean.
func (w *watcher) noteAltered(first, text string) {
	switch {
	case first == "set":
		words := strings.Fields(lower(text))
		w.altered = w.altered || !slices.ContainsFunc(words[1:min(len(words), 4)], func(word string) bool { return slices.Contains(harmlessSettings, word) })
	case first == "reset", first == "discard":
		w.altered = true
	case strings.Contains(lower(text), "set_config"):
		w.altered = true
	}
}

// Apart reports that statements mean something else on this connection than on
// one that has just been opened.
func (w *watcher) Apart() bool { return w.altered }

// Before notes what the transaction is called before it ends.
func (w *watcher) Before(text string) {
	if text != "" {
		w.failed = false
	}
	if first := firstWord(text); w.asked && w.inTransaction() && (first == "commit" || first == "end") {
		w.ends = true
		w.number()
	}
}

// number finds the number of the transaction, 0 where it has written nothing.
func (w *watcher) number() {
	w.xid = 0
	if w.conn.TxStatus() != 'T' {
		return
	}
	text, err := w.ask("SELECT pg_catalog.pg_current_xact_id_if_assigned()")
	if err != nil {
		w.source.log.Warn("the number of a transaction is not known", "error", err)
		w.xid = math.MaxUint64
		return
	}
	w.xid, _ = strconv.ParseUint(text, 10, 64) // "" for none
}

// After reports that rows are open: until they are read nothing else runs on
// the connection.
func (w *watcher) After(err error) (open bool) {
	w.failed = w.failed || err != nil
	return w.conn.IsBusy() && (w.asked || w.wrapped || w.telling)
}

// Settle ends the transaction around a statement, and finds out where a commit
// is.
func (w *watcher) Settle() (err error) {
	if w.conn.IsClosed() {
		w.wrapped = false
		return nil
	}
	if w.telling && !w.failed && w.conn.TxStatus() == 'T' {
		w.telling = false
		if err = w.readLocks(); err != nil {
			w.failed = true
		}
	}
	ended := w.ends && !w.inTransaction() && !w.failed
	if w.wrapped {
		w.wrapped = false
		end := "ROLLBACK"
		if !w.failed {
			end = "COMMIT"
			if w.asked {
				w.number()
				ended = true
			}
		}
		_, endErr := w.ask(end)
		err = errors.Join(err, endErr)
		ended = ended && err == nil
	} else if w.wrote && !w.inTransaction() && !w.failed && !w.ends {
		w.xid, ended = math.MaxUint64, true
	}
	if w.undoes && w.inTransaction() {
		w.standing = standing{now: &acting{rights: "not known", settings: w.settings}}
	}
	if ended && w.asked && w.xid != 0 {
		w.locate()
	}
	w.ends, w.undoes, w.wrote, w.xid = false, false, false, 0
	return err
}

func (w *watcher) readLocks() error {
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	results, err := w.conn.Exec(ctx, lockQuery).ReadAll()
	if err == nil {
		w.locks, err = oids(results[0].Rows)
	}
	return err
}

// locate finds the place that a commit is reached by.
func (w *watcher) locate() {
	text, err := w.ask("SELECT pg_catalog.pg_current_wal_insert_lsn() - '0/0'::pg_catalog.pg_lsn")
	lsn, parseErr := strconv.ParseUint(text, 10, 64)
	if err = errors.Join(err, parseErr); err != nil {
		w.source.log.Warn("the place of a commit is not known", "error", err)
		return
	}
	w.committed = w.source.writtenAt(lsn, w.xid)
}

// Written reports the newest commit, and whether a transaction is open.
func (w *watcher) Written() (committed change.Position, open bool) {
	committed, w.committed = w.committed, ""
	return committed, w.asked && !w.conn.IsClosed() && (w.conn.IsBusy() || w.inTransaction())
}

// Valid reports whether the connection may be used again.
func (w *watcher) Valid() bool { return !w.wrapped || w.conn.IsClosed() }

// Tell runs a statement of an evaluation here, and notes what the functions and
// triggers in it have read.
func (w *watcher) Tell(ctx context.Context, set *readset.Set, statement *readset.Statement, run func() (driver.Rows, error)) (driver.Rows, error) {
	d := w.source.knowledge.behind(statement)
	if d != nil && !d.late && !w.altered || classify(statement.Text) == verbNothing {
		return run()
	}
	w.telling, w.locks = true, nil
	defer func() { w.telling = false }()
	rows, err := run()
	if err != nil {
		return nil, err
	}
	whole, err := readWhole(rows, nil)
	if err == nil {
		err = w.source.noteLocks(ctx, set, statement.Text, w.locks, d != nil && !d.blind)
	}
	if err != nil {
		set.Fail(err)
		return nil, err
	}
	return whole, nil
}

// writtenAt is the position that a writer is told: it is reached when
// everything before lsn is.
func (s *Source) writtenAt(lsn, xid uint64) change.Position {
	h := s.history.Load()
	if h == nil {
		return ""
	}
	return h.position(gate.End(lsn, h.page)-1, xid)
}

func firstWord(text string) string {
	l := lexer{text: text}
	for t := l.next(); ; t = l.next() {
		if !t.is("(") {
			return t.text
		}
	}
}

// mayWrite reports a statement that is not known to read only.
func (s *Source) mayWrite(text string) bool {
	if parts := split(text); len(parts) > 1 {
		return slices.ContainsFunc(parts, s.mayWrite)
	}
	switch firstWord(text) {
	case "select", "values", "table", "with":
	case "", "show", "explain", "set", "reset", "listen", "fetch", "declare", "close", "begin", "start", "savepoint", "release":
		return false
	default:
		return true
	}
	l := lexer{text: text}
	for t := l.next(); t.kind != tokenEnd; t = l.next() {
		if t.word("insert", "update", "delete", "merge", "into") {
			return true
		}
	}
	f, _ := s.knowledge.current()
	if f == nil {
		return strings.Contains(text, "(")
	}
	called := f.code.calledIn(text, true)
	return called.effects || called.reads || len(called.functions)+len(f.code.hidden) > 0
}
