package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// identity tells one order of commits from another: a server that was promoted
// or put back has another timeline.
type identity struct{ system, timeline string }

const identityQuery = `SELECT (SELECT system_identifier::text FROM pg_control_system()), ` +
	`CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END`

// identify asks the server of a connection for its identity.
func identify(ctx context.Context, conn *pgconn.PgConn) (identity, error) {
	results, err := conn.Exec(ctx, identityQuery).ReadAll()
	if err != nil {
		return identity{}, err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return identity{}, errors.New("the server does not say who it is")
	}
	row := results[0].Rows[0]
	if len(row[1]) == 0 {
		return identity{}, errIsStandby
	}
	return identity{string(row[0]), string(row[1])}, nil
}

var errIsStandby = errors.New("the server is a standby")

// primary refuses standbys, so that the next address is tried.
func primary(ctx context.Context, conn *pgconn.PgConn) error {
	results, err := conn.Exec(ctx, "SELECT pg_is_in_recovery()").ReadAll()
	if err == nil && string(results[0].Rows[0][0]) == "t" {
		err = errIsStandby
	}
	return err
}

// senderTimeout is after what silence the server gives up a connection that
// reads its log: the slot is free then.
const senderTimeout = 10 * time.Second

// walsender is a connection on which the server sends its log. Reads belong to
// one goroutine; tell takes concurrent calls.
type walsender struct {
	conn    net.Conn
	frames  *pgproto3.Frontend
	pid     uint32
	server  identity
	writing sync.Mutex
}

// application is how connections of ours that hold the slot are called: the
// same for the life of the process, so that one that was cut is known.
func (s *Source) application() string { return "wakeful " + s.cfg.name() + " " + s.nonce }

// connectLog opens a connection that can read the log.
func (s *Source) connectLog(ctx context.Context) (conn *pgconn.PgConn, reads *gathered, err error) {
	config := s.config.Config.Copy()
	for name := range config.RuntimeParams {
		switch strings.ToLower(name) {
		case "datestyle", "timezone", "intervalstyle", "extra_float_digits", "application_name", "client_encoding", "options":
			delete(config.RuntimeParams, name) // what the log says does not depend on the URL
		}
	}
	for name, value := range map[string]string{
		"replication": "database", "application_name": s.application(), "client_encoding": "UTF8",
		"datestyle": "ISO, MDY", "timezone": "UTC", "intervalstyle": "postgres", "extra_float_digits": "1",
		"wal_sender_timeout": strconv.FormatInt(s.senderTimeout.Milliseconds(), 10),
	} {
		config.RuntimeParams[name] = value
	}
	config.ValidateConnect = primary
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		reads = gather(r)
		return pgproto3.NewFrontend(reads, w)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if conn, err = pgconn.ConnectConfig(ctx, config); err != nil {
		return nil, nil, explainReplication(err)
	}
	return conn, reads, nil
}

// openLog has the server send its log from a place on.
func (s *Source) openLog(ctx context.Context, from uint64) (*walsender, error) {
	conn, reads, err := s.connectLog(ctx)
	if err != nil {
		return nil, err
	}
	id, err := identify(ctx, conn)
	if err == nil {
		err = startLog(ctx, conn, fmt.Sprintf(
			`START_REPLICATION SLOT "%s" LOGICAL %s (proto_version '2', streaming 'on', messages 'true', publication_names '"%s"')`,
			s.slotName(), lsnText(from), s.cfg.name()))
	}
	var h *pgconn.HijackedConn
	if err == nil {
		h, err = conn.Hijack()
	}
	if err != nil {
		closing, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return nil, errors.Join(err, conn.Close(closing))
	}
	reads.hush = hush(h.Conn)
	return &walsender{conn: h.Conn, frames: h.Frontend, pid: h.PID, server: id}, nil
}

// startLog sends the command and waits until the server begins.
func startLog(ctx context.Context, conn *pgconn.PgConn, command string) error {
	conn.Frontend().SendQuery(&pgproto3.Query{String: command})
	if err := conn.Frontend().Flush(); err != nil {
		return err
	}
	for {
		message, err := conn.ReceiveMessage(ctx)
		if err != nil {
			return err
		}
		switch m := message.(type) {
		case *pgproto3.CopyBothResponse:
			return nil
		case *pgproto3.ErrorResponse:
			return pgconn.ErrorResponseToPgError(m)
		case *pgproto3.CommandComplete, *pgproto3.ReadyForQuery:
			return errors.New("the server does not send its log")
		}
	}
}

// The kinds of messages on a connection that sends the log.
const (
	kindData      = 'w'
	kindKeepalive = 'k'
	kindStatus    = 'r'
)

// dataHead is what stands before the data of a kindData message.
const dataHead = 1 + 8 + 8 + 8

// next reads a message. What it returns is good until the next call.
func (w *walsender) next() ([]byte, error) {
	for {
		message, err := w.frames.Receive()
		if err != nil {
			return nil, err
		}
		switch m := message.(type) {
		case *pgproto3.CopyData:
			return m.Data, nil
		case *pgproto3.ErrorResponse:
			return nil, pgconn.ErrorResponseToPgError(m)
		case *pgproto3.CopyDone:
			return nil, errors.New("the server has ended its log")
		}
	}
}

// tell says how far the log has been taken in, and asks for an answer.
func (w *walsender) tell(at uint64, ask bool) error {
	var text [5 + 1 + 4*8 + 1]byte
	text[0] = 'd'
	binary.BigEndian.PutUint32(text[1:], uint32(len(text)-1))
	text[5] = kindStatus
	for i := range 3 {
		binary.BigEndian.PutUint64(text[6+8*i:], at)
	}
	binary.BigEndian.PutUint64(text[30:], uint64(time.Since(epoch).Microseconds()))
	if ask {
		text[38] = 1
	}
	w.writing.Lock()
	defer w.writing.Unlock()
	_ = w.conn.SetWriteDeadline(time.Now().Add(senderTimeout))
	_, err := w.conn.Write(text[:])
	return err
}

// epoch is where the server's clock begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// close ends the connection at once; calls that wait end with an error.
func (w *walsender) close() { _ = w.conn.Close() }

// lsnText writes a place in the log as the server does.
func lsnText(lsn uint64) string { return fmt.Sprintf("%X/%X", lsn>>32, uint32(lsn)) }

// parseLSN reads a place in the log.
func parseLSN(text string) (uint64, error) {
	high, low, ok := strings.Cut(text, "/")
	a, err := strconv.ParseUint(high, 16, 32)
	b, err2 := strconv.ParseUint(low, 16, 32)
	if !ok || err != nil || err2 != nil {
		return 0, fmt.Errorf("postgres: %q is no place in the log", text)
	}
	return a<<32 | b, nil
}
