package floor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// replica reads a slot of its own and makes rows of the messages, numbers of what
// are some and texts of the rest, as who wants to do anything with them has to. It
// notes when a commit of rows came, and forgets the rows with it. It waits for
// nobody: nothing learns of a commit sooner than the process to which the server
// sends its log.
type replica struct {
	set  [][]any // rows of the transaction
	conn *pgconn.PgConn

	mu      sync.Mutex
	commits []int64 // role.Now of each
	failed  error
	moved   chan struct{} // closed when something came
	end     uint64
}

func replicaVerbs() map[string]role.Verb {
	r := &replica{moved: make(chan struct{})}
	return map[string]role.Verb{
		"open":  role.Do(r.open),
		"begin": role.Do(r.begin),
		"took":  role.Do(r.took),
	}
}

// Read asks for what so many commits took.
type Read struct {
	Commits int `json:"commits"`
}

// Took answers with the processor time since "begin", and when each commit came.
type Took struct {
	CPU     int64   `json:"cpu"`
	Commits []int64 `json:"commits,omitempty"`
	Hits    int     `json:"hits"` // observers that were marked
}

func (r *replica) open(d app.Database) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	config, err := pgconn.ParseConfig(d.URL)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["replication"] = "database"
	if r.conn, err = pgconn.ConnectConfig(ctx, config); err != nil {
		return nil, err
	}
	slot := "bare_" + config.Database // slots are the server's
	for _, text := range []string{
		"CREATE PUBLICATION bare FOR ALL TABLES",
		"CREATE_REPLICATION_SLOT " + slot + " TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT",
	} {
		if _, err := r.conn.Exec(ctx, text).ReadAll(); err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
	}
	r.conn.Frontend().SendQuery(&pgproto3.Query{String: "START_REPLICATION SLOT " + slot + " LOGICAL 0/0 (proto_version '1', publication_names 'bare')"})
	if err := r.conn.Frontend().Flush(); err != nil {
		return nil, err
	}
	go r.read()
	return role.None{}, nil
}

// begin forgets what came so far.
func (r *replica) begin(role.None) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.commits = nil
	return role.Spent(), r.failed
}

// took waits until so many commits have come.
func (r *replica) took(wanted Read) (any, error) {
	overdue := time.After(time.Minute)
	for {
		r.mu.Lock()
		moved, err, commits := r.moved, r.failed, r.commits
		r.mu.Unlock()
		if err != nil || len(commits) >= wanted.Commits {
			return Took{CPU: role.Spent(), Commits: commits}, err
		}
		select {
		case <-moved:
		case <-overdue:
			return nil, fmt.Errorf("floor: %d of %d commits came", len(commits), wanted.Commits)
		}
	}
}

func (r *replica) read() {
	acknowledged := time.Now()
	for {
		message, err := r.conn.ReceiveMessage(context.Background())
		if err != nil {
			r.note(0, err)
			return
		}
		data, ok := message.(*pgproto3.CopyData)
		switch {
		case !ok:
			if failed, is := message.(*pgproto3.ErrorResponse); is {
				r.note(0, errors.New(failed.Message))
				return
			}
			continue
		case data.Data[0] == 'k':
			if data.Data[17] == 1 {
				r.acknowledge()
			}
			continue
		}
		r.end = max(r.end, binary.BigEndian.Uint64(data.Data[1:]))
		switch data.Data[25] {
		case 'I', 'U', 'D':
			r.set = append(r.set, rowsOf(data.Data[30:])...)
		case 'C':
			if len(r.set) > 0 {
				r.note(role.Now(), nil)
			}
			r.set = nil
		}
		if time.Since(acknowledged) > time.Second {
			r.acknowledge()
			acknowledged = time.Now()
		}
	}
}

// rowsOf reads the tuples of a message, each behind a letter that says which it is.
func rowsOf(tuples []byte) (rows [][]any) {
	for len(tuples) > 2 {
		n := int(binary.BigEndian.Uint16(tuples[1:]))
		row := make([]any, n)
		tuples = tuples[3:]
		for i := range row {
			kind := tuples[0]
			if tuples = tuples[1:]; kind != 't' {
				continue // NULL, or as it was
			}
			length := binary.BigEndian.Uint32(tuples)
			text := string(tuples[4 : 4+length])
			tuples = tuples[4+length:]
			if number, err := strconv.ParseInt(text, 10, 64); err == nil {
				row[i] = number
			} else {
				row[i] = text
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func (r *replica) note(commit int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if commit > 0 {
		r.commits = append(r.commits, commit)
	}
	r.failed = err
	close(r.moved)
	r.moved = make(chan struct{})
}

// acknowledge says how far it has read.
func (r *replica) acknowledge() {
	status := make([]byte, 34)
	status[0] = 'r'
	for _, at := range []int{1, 9, 17} {
		binary.BigEndian.PutUint64(status[at:], r.end)
	}
	r.conn.Frontend().Send(&pgproto3.CopyData{Data: status})
	_ = r.conn.Frontend().Flush() // the next message says what is wrong
}
