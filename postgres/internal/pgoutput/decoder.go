// Package pgoutput reads what PostgreSQL's logical decoding sends (pgoutput,
// protocol versions 1 and 2, values as text) and puts it together to committed
// transactions.
//
// It promises:
//
//   - No frame makes it panic, and what it allocates for one is bounded by the
//     frame's size. What is malformed is an error; the Decoder then refuses all
//     further frames until Reset.
//   - What it keeps is bounded by Config, however large transactions are and
//     however many of them are open: a table that has too much to list becomes
//     one change.Everything.
//   - A subtransaction that was rolled back has left no row, no message, nothing
//     but, at most, a change.Everything of a table.
//   - A value that the stream does not give is change.Unknown, never NULL.
//
// A Decoder does no I/O, and belongs to one goroutine.
//
// Pipeline: walsender → [pgoutput] → gate → source.
package pgoutput

import (
	"fmt"

	"github.com/wakeful-dev/wakeful/change"
)

// Config bounds what a Decoder keeps and names what it reports.
type Config struct {
	// MaxRows is the number of rows of one table that one transaction lists.
	// Default 10,000.
	MaxRows int

	// MaxBytes is what the rows of one transaction take in memory, and those of
	// all open ones together twice. Default 64 MiB.
	MaxBytes int

	// Name is how changes name a table. Default: schema, dot, table.
	Name func(schema, table string) string

	// Wanted reports whether the rows of a table are worth listing. It is asked
	// once by each transaction that changes the table. Default: all are.
	Wanted func(table string) bool

	// Mixed reports whether the old rows of a table may hold less than its
	// replica identity says: those of a partitioned table do where a partition
	// has another one. Then an old value that is null is not known, and where
	// no old row is sent nothing is known of it. Asked as Wanted is. Default:
	// none are.
	Mixed func(table string) bool

	// Prefix is that of the logical messages to report. Default: none are.
	Prefix string
}

// Transaction is one committed transaction.
type Transaction struct {
	Xid    uint32 // of the whole, not of a subtransaction
	Commit uint64 // where its commit record is in the log
	End    uint64 // where that ends
	// Changes lists the rows in the order in which they were altered, then a
	// change.Everything for each table that is not listed.
	Changes []change.Change
	// Everything says that more was said than Messages holds.
	Everything bool
	// Messages lists the transactional messages with Config.Prefix.
	Messages []Message
	// Altered names the tables whose columns, key, replica identity or name
	// are not what they were, by the old name and by the new. Changes has a
	// change.Everything of each.
	Altered []string
}

// Message is what pg_logical_emit_message wrote.
type Message struct {
	Position uint64
	Content  string
}

// The defaults of Config.
const (
	defaultRows  = 10_000
	defaultBytes = 64 << 20
)

// Decoder takes the frames of one replication connection, in order.
type Decoder struct {
	cfg       Config
	relations map[uint32]*relation // described on this connection
	former    map[uint32]*relation // on the last, to see what differs
	described uint64               // relations told so far
	domains   map[uint32]kind      // those whose values are not text
	plain     held                 // reused: the transaction between Begin and Commit
	current   *held                // what rows belong to now; nil outside of it
	streams   map[uint32]*held     // open streamed transactions, by their xid
	bytes     int                  // all of them take
	failed    error
}

// New makes a decoder.
func New(cfg Config) *Decoder {
	if cfg.MaxRows <= 0 {
		cfg.MaxRows = defaultRows
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = defaultBytes
	}
	if cfg.Name == nil {
		cfg.Name = func(schema, table string) string { return schema + "." + table }
	}
	d := &Decoder{cfg: cfg, relations: map[uint32]*relation{}}
	d.Reset()
	return d
}

// Reset forgets all that is open: the next frame is the first one of a new
// connection. A table that differs from what the last connection said of it
// counts as altered.
func (d *Decoder) Reset() {
	if len(d.relations) > 0 || d.former == nil {
		former := d.relations
		for id, r := range d.former {
			if former[id] == nil {
				former[id] = r
			}
		}
		d.former, d.relations = former, map[uint32]*relation{}
	}
	d.streams, d.bytes = map[uint32]*held{}, 0
	d.current, d.failed = nil, nil
	d.domains = map[uint32]kind{}
	d.plain = held{}
}

// Inside reports whether the last frame left a transaction or a block of a
// streamed one unfinished: a keepalive then says nothing about how far all
// commits are known.
func (d *Decoder) Inside() bool { return d.current != nil }

// Take reads one frame: what follows the header of a message with WAL data. It
// returns a transaction with the frame that commits it, else nil. It keeps
// nothing of data.
func (d *Decoder) Take(data []byte) (*Transaction, error) {
	if d.failed != nil {
		return nil, d.failed
	}
	if len(data) == 0 {
		d.failed = fmt.Errorf("pgoutput: an empty frame")
		return nil, d.failed
	}
	f := frame{kind: data[0], rest: data[1:]}
	tx := d.take(&f)
	if f.err == nil && len(f.rest) > 0 {
		f.fail("%d bytes too many", len(f.rest))
	}
	if f.err != nil {
		d.failed = f.err
		return nil, d.failed
	}
	return tx, nil
}

func (d *Decoder) take(f *frame) *Transaction {
	switch f.kind {
	case 'I', 'U', 'D', 'T', 'R', 'Y', 'M':
		d.part(f)
	case 'B':
		d.begin(f)
	case 'C':
		return d.commit(f)
	case 'S':
		d.streamStart(f)
	case 'E':
		d.streamStop(f)
	case 'c':
		return d.streamCommit(f)
	case 'A':
		d.streamAbort(f)
	case 'O': // where a transaction was made first
		f.uint64()
		f.text()
		d.inside(f)
	default:
		f.fail("an unknown kind of frame")
	}
	return nil
}

// part takes a frame that is part of a transaction.
func (d *Decoder) part(f *frame) {
	if f.kind == 'M' && d.current == nil {
		d.lone(f)
		return
	}
	if !d.inside(f) {
		return
	}
	xid := d.current.xid
	if d.current.streamed {
		xid = f.uint32()
	}
	switch f.kind {
	case 'I', 'U', 'D':
		d.row(f, xid)
	case 'T':
		d.truncate(f)
	case 'R':
		d.describe(f)
	case 'M':
		d.message(f, xid)
	case 'Y':
		d.describeType(f)
	}
}

// inside reports whether there is a transaction that the frame can be part of.
func (d *Decoder) inside(f *frame) bool {
	if d.current == nil {
		f.fail("outside of a transaction")
	}
	return d.current != nil
}

func (d *Decoder) begin(f *frame) {
	if d.current != nil {
		f.fail("inside of a transaction")
		return
	}
	f.uint64() // where the commit record is: told again with the commit
	f.uint64() // when
	d.plain.reset(f.uint32())
	d.current = &d.plain
}

func (d *Decoder) commit(f *frame) *Transaction {
	if !d.inside(f) {
		return nil
	}
	if d.current.streamed {
		f.fail("inside of a block of a streamed transaction")
		return nil
	}
	f.byte()
	commit, end := f.uint64(), f.uint64()
	f.uint64()
	if f.err != nil {
		return nil
	}
	tx := d.plain.transaction()
	tx.Commit, tx.End = commit, end
	d.current = nil
	return tx
}

// truncate folds the tables that were emptied.
func (d *Decoder) truncate(f *frame) {
	n := int(f.uint32())
	f.byte()
	if n > len(f.rest)/4 {
		f.fail("%d tables in %d bytes", n, len(f.rest))
		return
	}
	for range n {
		r := d.relation(f, f.uint32())
		if r == nil {
			return
		}
		d.fold(d.current, d.current.of(d, r))
	}
}

// What messages one transaction may have before Everything stands for them.
const (
	maxMessages     = 1000
	maxMessageBytes = 64 << 10
)

// message keeps a message that is one of ours.
func (d *Decoder) message(f *frame, xid uint32) {
	flags, at, prefix := f.byte(), f.uint64(), f.text()
	content := f.bytes(int(f.uint32()))
	if f.err != nil || flags&1 == 0 || d.cfg.Prefix == "" || prefix != d.cfg.Prefix {
		return
	}
	h := d.current
	if len(h.messages) == maxMessages || h.said+len(content) > maxMessageBytes {
		h.everything = true
		return
	}
	h.said += len(content)
	h.messages = append(h.messages, said{Message{Position: at, Content: string(content)}, xid})
}

// lone checks a message that belongs to no transaction.
func (d *Decoder) lone(f *frame) {
	flags := f.byte()
	f.uint64()
	f.text()
	f.bytes(int(f.uint32()))
	if f.err == nil && flags&1 != 0 {
		d.inside(f)
	}
}
