package postgres

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// reader reads the server's log, and nothing else: the judge's own account of
// what was committed, and the floor of how soon anybody can know.
type reader struct {
	url     string
	cancel  context.CancelFunc
	ended   chan struct{}
	mu      sync.Mutex
	turned  chan struct{} // closed at the next news
	commits []commit      // in the order of the log
	seen    uint64        // everything before is in commits
	failed  error         // the newest error, where it cannot go on at once

	tables map[uint32]string
	rows   []row               // of the transaction that is being read
	parts  map[uint32][]partOf // rows of transactions that come before they have ended
	within uint32              // the one that a part is being read of, else 0
}

// partOf is a row of a transaction that has not ended: who wrote it is that or
// one within it.
type partOf struct {
	xid uint32
	row row
}

// commit is one transaction that changed counters.
type commit struct {
	end  uint64 // where its record ends
	at   time.Time
	rows []row
}

// row is a counter as a transaction left it.
type row struct {
	id int
	n  int64
}

// The names of what the reader has in the database.
const bare = "bare_reader"

// read starts a reader of the tables counter and large. It asks for what Wakeful
// asks for, so that it is a floor: the same tables, and large transactions as they
// grow. A server keeps the whole of one back from who does not ask for that,
// who has all of what others commit meanwhile before it, and nothing to read.
func read(t testing.TB, db *pgtest.DB) *reader {
	t.Helper()
	db.Exec(t, "CREATE PUBLICATION "+bare+" FOR TABLE counter, large",
		fmt.Sprintf("SELECT pg_create_logical_replication_slot('%s_%s', 'pgoutput')", bare, db.Name))
	ctx, cancel := context.WithCancel(context.Background())
	r := &reader{url: db.URL + "&replication=database", cancel: cancel, ended: make(chan struct{}), tables: map[uint32]string{}, parts: map[uint32][]partOf{}}
	go func() {
		defer close(r.ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			err := r.follow(ctx, bare+"_"+db.Name)
			r.mu.Lock()
			r.failed = err
			r.mu.Unlock()
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	t.Cleanup(r.stop)
	return r
}

func (r *reader) stop() {
	r.cancel()
	<-r.ended
}

// follow reads until the connection ends.
func (r *reader) follow(ctx context.Context, slot string) error {
	config, err := pgconn.ParseConfig(r.url)
	if err != nil {
		return err
	}
	config.BuildFrontend = func(from io.Reader, to io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(bufio.NewReaderSize(&calm{from: from}, 256<<10), to)
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	r.mu.Lock()
	r.within, r.rows = 0, nil // it begins again with transactions that are not told
	clear(r.parts)
	r.mu.Unlock()
	frontend := conn.Frontend()
	frontend.SendQuery(&pgproto3.Query{String: fmt.Sprintf(
		"START_REPLICATION SLOT %s LOGICAL 0/0 (proto_version '2', streaming 'on', publication_names '%s')", slot, bare)})
	if err := frontend.Flush(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Conn().SetDeadline(time.Now()) })
	defer stop()
	asked := make(chan struct{}, 1)
	telling := make(chan struct{})
	defer func() { close(asked); <-telling }()
	go func() {
		defer close(telling)
		r.keepTelling(frontend, asked)
	}()
	for {
		message, err := frontend.Receive()
		if err != nil {
			return err
		}
		switch m := message.(type) {
		case *pgproto3.CopyData:
			if r.take(m.Data) {
				select {
				case asked <- struct{}{}:
				default:
				}
			}
		case *pgproto3.ErrorResponse:
			return errors.New(m.Message)
		case *pgproto3.CopyDone:
			return errors.New("the server has ended the stream")
		}
	}
}

// keepTelling says how far the log has been read: each second, and when asked.
func (r *reader) keepTelling(to *pgproto3.Frontend, asked <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case _, more := <-asked:
			if !more {
				return
			}
		}
		if r.tell(to) != nil {
			return // the reading fails too
		}
	}
}

// calm lets messages gather where they come thick: the server sends each row by
// itself, and who is woken for each takes the processor from who decodes them.
type calm struct {
	from  io.Reader
	began time.Time
	reads int // since then
}

func (c *calm) Read(p []byte) (int, error) {
	if c.reads++; c.reads > 32 {
		now := time.Now()
		if now.Sub(c.began) < 64*time.Millisecond {
			<-time.After(time.Millisecond)
		}
		if c.reads > 64 {
			c.began, c.reads = now, 0
		}
	}
	return c.from.Read(p)
}

// tell says how far the log has been read.
func (r *reader) tell(to *pgproto3.Frontend) error {
	r.mu.Lock()
	at := r.seen
	r.mu.Unlock()
	status := []byte{'r'}
	for range 3 {
		status = binary.BigEndian.AppendUint64(status, at)
	}
	status = binary.BigEndian.AppendUint64(status, 0)
	to.Send(&pgproto3.CopyData{Data: append(status, 0)})
	return to.Flush()
}

// take reads one frame, and reports whether the server wants an answer.
func (r *reader) take(data []byte) (asked bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if data[0] == 'k' {
		if len(r.rows) == 0 {
			r.news(binary.BigEndian.Uint64(data[1:]))
		}
		return data[17] == 1
	}
	r.message(data[25], data[26:])
	return false
}

// message reads one of the log's.
func (r *reader) message(kind byte, body []byte) {
	number := func(at int) uint32 { return binary.BigEndian.Uint32(body[at:]) }
	var xid uint32
	if r.within != 0 && (kind == 'R' || kind == 'I' || kind == 'U') {
		xid, body = number(0), body[4:]
	}
	switch kind {
	case 'R':
		name := text(body[4:])          // the schema
		name = text(body[5+len(name):]) // the table
		r.tables[number(0)] = name
	case 'B':
		r.rows = r.rows[:0]
	case 'S':
		r.within = number(0)
	case 'E':
		r.within = 0
	case 'I', 'U':
		switch {
		case r.tables[number(0)] != "counter":
		case xid != 0:
			r.parts[r.within] = append(r.parts[r.within], partOf{xid, newRow(body[4:])})
		default:
			r.rows = append(r.rows, newRow(body[4:]))
		}
	case 'A':
		r.undo(number(0), number(4))
	case 'c':
		for _, p := range r.parts[number(0)] {
			r.rows = append(r.rows, p.row)
		}
		delete(r.parts, number(0))
		r.commit(binary.BigEndian.Uint64(body[13:]))
	case 'C':
		r.commit(binary.BigEndian.Uint64(body[9:]))
	}
}

// commit takes the rows as those of a transaction whose record ends there.
func (r *reader) commit(end uint64) {
	if len(r.rows) > 0 && end > r.seen {
		r.commits = append(r.commits, commit{end, time.Now(), append([]row(nil), r.rows...)})
	}
	r.rows = r.rows[:0]
	r.news(end)
}

// undo forgets what a transaction wrote, or one within it.
func (r *reader) undo(xid, part uint32) {
	if xid == part {
		delete(r.parts, xid)
		return
	}
	r.parts[xid] = slices.DeleteFunc(r.parts[xid], func(p partOf) bool { return p.xid == part })
}

func (r *reader) news(at uint64) {
	r.seen = max(r.seen, at)
	if r.turned != nil {
		close(r.turned)
		r.turned = nil
	}
}

// text is a string that ends with a zero.
func text(data []byte) string {
	for i, b := range data {
		if b == 0 {
			return string(data[:i])
		}
	}
	return string(data)
}

// newRow reads the new row of a counter: its columns are id, grp and n.
func newRow(data []byte) row {
	if data[0] != 'N' { // the old one comes first
		data = skipTuple(data[1:])
	}
	var values []int64
	data = data[3:]
	for range 3 {
		size := int(binary.BigEndian.Uint32(data[1:]))
		n, err := strconv.ParseInt(string(data[5:5+size]), 10, 64)
		if err != nil {
			panic(err)
		}
		values, data = append(values, n), data[5+size:]
	}
	return row{int(values[0]), values[2]}
}

func skipTuple(data []byte) []byte {
	columns := int(binary.BigEndian.Uint16(data))
	data = data[2:]
	for range columns {
		kind := data[0]
		data = data[1:]
		if kind == 't' {
			data = data[4+binary.BigEndian.Uint32(data):]
		}
	}
	return data
}

// until waits until the reader has everything before a place in the log, and
// returns all commits so far.
func (r *reader) until(t testing.TB, lsn uint64) []commit {
	t.Helper()
	ctx := within(t)
	for {
		r.mu.Lock()
		if r.seen >= lsn {
			defer r.mu.Unlock()
			return r.commits
		}
		if r.turned == nil {
			r.turned = make(chan struct{})
		}
		turned, failed := r.turned, r.failed
		r.mu.Unlock()
		select {
		case <-turned:
		case <-ctx.Done():
			t.Fatalf("the bare reader did not come to %X: %v", lsn, errors.Join(context.Cause(ctx), failed))
		}
	}
}
