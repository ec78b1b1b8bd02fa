package pgoutput

import (
	"slices"

	"github.com/wakeful-dev/wakeful/change"
)

// held is a transaction that has not ended yet.
type held struct {
	xid        uint32
	streamed   bool
	changes    []change.Change
	tables     map[string]*table
	last       *table    // the table of the last row
	lastOf     *relation // and what it was found by
	bytes      int       // the changes take
	folded     []string
	altered    []string
	messages   []said
	said       int // bytes of messages
	everything bool

	// Of a streamed one: what its subtransactions did.
	marks     []mark              // of each of changes
	rows      map[uint32]int      // how many of them are each one's
	dead      map[uint32]struct{} // those that were rolled back, with rows not yet taken out
	deadRows  int
	relations map[uint32]*relation // as this transaction sees them
}

// mark says whose a row is and about what it takes in memory.
type mark struct {
	xid  uint32
	size int
}

// said is a message and the subtransaction that wrote it.
type said struct {
	Message
	xid uint32
}

// table is what one transaction has of one table.
type table struct {
	name   string
	rows   int
	bytes  int
	folded bool
	mixed  bool
}

// What Go keeps beside the values of a row, about.
const (
	rowBeside   = 112
	valueBeside = 32
)

// reset makes h an empty transaction that is not streamed.
func (h *held) reset(xid uint32) {
	tables := h.tables
	if len(tables) > 1000 {
		tables = nil
	}
	clear(tables)
	*h = held{xid: xid, tables: tables}
}

// of returns what the transaction has of a table.
func (h *held) of(d *Decoder, r *relation) *table {
	if h.lastOf == r {
		return h.last
	}
	t := h.named(d, r.name)
	h.last, h.lastOf = t, r
	return t
}

func (h *held) named(d *Decoder, name string) *table {
	t := h.tables[name]
	if t == nil {
		if h.tables == nil {
			h.tables = map[string]*table{}
		}
		t = &table{name: name, mixed: d.cfg.Mixed != nil && d.cfg.Mixed(name)}
		h.tables[name] = t
		if d.cfg.Wanted != nil && !d.cfg.Wanted(name) {
			d.fold(h, t)
		}
	}
	return t
}

// alter notes that a table is not what it was.
func (h *held) alter(d *Decoder, r *relation) {
	if !slices.Contains(h.altered, r.name) {
		h.altered = append(h.altered, r.name)
	}
	d.fold(h, h.named(d, r.name))
}

// add keeps a row, unless that is too much.
func (d *Decoder) add(h *held, t *table, c change.Change, m mark) {
	h.changes = append(h.changes, c)
	t.rows++
	t.bytes += m.size
	h.bytes += m.size
	if h.streamed {
		d.bytes += m.size
		h.marks = append(h.marks, m)
		if h.rows == nil {
			h.rows = map[uint32]int{}
		}
		h.rows[m.xid]++
	}
	if t.rows > d.cfg.MaxRows || h.bytes > d.cfg.MaxBytes || d.bytes > 2*d.cfg.MaxBytes {
		d.shrink(h, t)
	}
}

// shrink brings what is held below the bounds.
func (d *Decoder) shrink(h *held, t *table) {
	if h.deadRows > len(h.changes)/8 {
		d.bury(h)
	}
	if t.rows > d.cfg.MaxRows {
		d.fold(h, t)
	}
	for h.bytes > d.cfg.MaxBytes {
		d.fold(h, h.largest())
	}
	for d.bytes > 2*d.cfg.MaxBytes {
		most := h
		for _, other := range d.streams {
			if other.bytes > most.bytes {
				most = other
			}
		}
		d.fold(most, most.largest())
	}
}

// largest is the table whose rows take most.
func (h *held) largest() *table {
	var most *table
	for _, t := range h.tables {
		if most == nil || t.bytes > most.bytes {
			most = t
		}
	}
	return most
}

// fold has change.Everything stand for the rows of a table, those that are
// still to come too. That stays, also when the subtransaction that caused it is
// rolled back: the rows of others are no longer known.
func (d *Decoder) fold(h *held, t *table) {
	if t.folded {
		return
	}
	t.folded = true
	h.folded = append(h.folded, t.name)
	if t.rows > 0 {
		d.keep(h, func(i int) bool { return h.changes[i].Table != t.name })
		d.release(h, t.bytes)
		t.rows, t.bytes = 0, 0
	}
}

// release notes that so much less is held.
func (d *Decoder) release(h *held, bytes int) {
	h.bytes -= bytes
	if h.streamed {
		d.bytes -= bytes
	}
}

// keep drops the rows for which it does not hold.
func (d *Decoder) keep(h *held, holds func(i int) bool) {
	n := 0
	for i := range h.changes {
		if holds(i) {
			h.changes[n] = h.changes[i]
			if h.streamed {
				h.marks[n] = h.marks[i]
			}
			n++
			continue
		}
		if h.streamed {
			h.forget(h.marks[i].xid)
		}
	}
	clear(h.changes[n:])
	h.changes = h.changes[:n]
	if h.streamed {
		h.marks = h.marks[:n]
	}
	if n == 0 {
		h.changes, h.marks = nil, nil
	}
}

// forget notes that one row of a subtransaction is no longer held.
func (h *held) forget(xid uint32) {
	if _, dead := h.dead[xid]; dead {
		h.deadRows--
	}
	if h.rows[xid]--; h.rows[xid] == 0 {
		delete(h.rows, xid)
		delete(h.dead, xid)
	}
}

// cut takes back what a subtransaction did. Its rows are taken out when they
// are many, or at the end, so that many small ones do not walk a long list
// each.
func (d *Decoder) cut(h *held, xid uint32) {
	h.messages = slices.DeleteFunc(h.messages, func(m said) bool { return m.xid == xid })
	n := h.rows[xid]
	if _, dead := h.dead[xid]; dead || n == 0 {
		return
	}
	if h.dead == nil {
		h.dead = map[uint32]struct{}{}
	}
	h.dead[xid] = struct{}{}
	h.deadRows += n
	if h.deadRows > len(h.changes)/2 {
		d.bury(h)
	}
}

// bury takes out the rows of subtransactions that were rolled back.
func (d *Decoder) bury(h *held) {
	if h.deadRows == 0 {
		return
	}
	d.keep(h, func(i int) bool {
		_, dead := h.dead[h.marks[i].xid]
		if dead {
			t := h.tables[h.changes[i].Table]
			t.rows--
			t.bytes -= h.marks[i].size
			d.release(h, h.marks[i].size)
		}
		return !dead
	})
}

// transaction is what has become of it.
func (h *held) transaction() *Transaction {
	tx := &Transaction{Xid: h.xid, Changes: h.changes, Everything: h.everything, Altered: h.altered}
	for _, name := range h.folded {
		tx.Changes = append(tx.Changes, change.Change{Table: name, Kind: change.Everything})
	}
	for i := range h.messages {
		tx.Messages = append(tx.Messages, h.messages[i].Message)
	}
	return tx
}
