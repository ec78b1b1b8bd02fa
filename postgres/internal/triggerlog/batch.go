package triggerlog

import (
	"slices"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/postgres/internal/pgoutput"
)

// Config bounds what a Reader keeps and names what it reports.
type Config struct {
	// MaxRows is the number of rows of one table that one transaction lists.
	MaxRows int
	// MaxBytes is what the rows of one transaction take in memory, and those of
	// all that are read at a time together twice.
	MaxBytes int
	// Name is how changes name a table.
	Name func(schema, table string) string
	// Wanted reports whether the rows of a table are worth listing.
	Wanted func(table string) bool
}

// Reader puts rows of the log together to transactions. It knows how each table
// was when rows were read last: rows of a table that is another one since may
// have been written before or after, and stand for everything of it.
type Reader struct {
	cfg     Config
	layouts map[uint32]*layout
	told    map[uint32]news // of this read
	open    map[uint64]*transaction
	bytes   int
}

// news is what a read says of a table.
type news struct {
	names []string // it is another one than at the last read
	seen  bool     // for the first time
}

// same is that nothing is new.
var same = news{}

// transaction is one whose rows are being read.
type transaction struct {
	xid     uint64
	last    int64 // its greatest id
	bytes   int
	changes []change.Change
	tables  map[string]*table
	folded  []string
	altered []string

	everything bool
}

// table is what one transaction has of one table.
type table struct {
	rows   int
	bytes  int
	nested bool                // written while another statement ran
	olds   map[string]struct{} // rows that were there before a change
	doubt  bool                // the order of two changes of one row is not known
	folded bool
}

// New makes a reader that knows no tables.
func New(cfg Config) *Reader {
	r := &Reader{cfg: cfg, layouts: map[uint32]*layout{}}
	r.Begin()
	return r
}

// Begin begins to read what a snapshot shows that was not shown before.
func (r *Reader) Begin() {
	r.open, r.told, r.bytes = map[uint64]*transaction{}, map[uint32]news{}, 0
}

// Layout takes the description of a table in the snapshot. All come before the
// rows.
func (r *Reader) Layout(rel uint32, text string) error {
	known := r.layouts[rel]
	if known != nil && known.text == text {
		r.told[rel] = same
		return nil
	}
	l, err := parseLayout(text, r.cfg.Name)
	if err != nil {
		return err
	}
	r.layouts[rel] = l
	switch {
	case known == nil:
		r.told[rel] = news{seen: true}
	case known.table == l.table:
		r.told[rel] = news{names: []string{l.table}}
	default:
		r.told[rel] = news{names: []string{known.table, l.table}}
	}
	return nil
}

// Row takes a row of the log. They come in the order of their ids.
func (r *Reader) Row(id int64, xid uint64, rel uint32, op, old, new string) error {
	tx := r.open[xid]
	if tx == nil {
		tx = &transaction{xid: xid, tables: map[string]*table{}}
		r.open[xid] = tx
	}
	tx.last = id
	l := r.layouts[rel]
	n, there := r.told[rel]
	switch {
	case !there && l == nil: // the table is gone, and nobody knows what it was
		tx.everything = true
		return nil
	case !there:
		n.names = []string{l.table}
	}
	for _, name := range n.names {
		tx.alter(r, name)
	}
	t := tx.of(r, l.table)
	if op == opAny || n.seen {
		r.fold(tx, l.table, t)
	}
	if t.folded {
		return nil
	}
	c := change.Change{Table: l.table, Columns: l.columns}
	var err error
	switch op {
	case opInsert, "I":
		c.Kind = change.Insert
	case opUpdate, "U":
		c.Kind = change.Update
	case opDelete, "D":
		c.Kind = change.Delete
	}
	if c.Kind != change.Insert {
		c.Old, err = l.image(old)
	}
	if c.Kind != change.Delete && err == nil {
		c.New, err = l.image(new)
	}
	if err != nil || c.Kind == 0 {
		tx.alter(r, l.table) // it was altered in a way that does not show
		return nil
	}
	t.order(op, old, new, c.Kind)
	size := rowBeside + valueBeside*(len(c.Old)+len(c.New)) + len(old) + len(new)
	tx.changes = append(tx.changes, c)
	t.rows++
	t.bytes, tx.bytes, r.bytes = t.bytes+size, tx.bytes+size, r.bytes+size
	r.shrink(tx, l.table, t)
	return nil
}

// What Go keeps beside the values of a row, about.
const (
	rowBeside   = 112
	valueBeside = 32
)

// order looks whether a change comes behind another one of its row that was
// made later: a statement's rows are written when it ends, those of a statement
// inside of it before. What a row becomes then has been seen as what it was.
func (t *table) order(op, old, new string, kind change.Kind) {
	if op != opInsert && op != opUpdate && op != opDelete {
		t.nested = true
	}
	if kind != change.Delete {
		if _, seen := t.olds[new]; seen {
			t.doubt = true
		}
	}
	if kind != change.Insert {
		if t.olds == nil {
			t.olds = map[string]struct{}{}
		}
		t.olds[old] = struct{}{}
	}
}

// of returns what a transaction has of a table.
func (tx *transaction) of(r *Reader, name string) *table {
	t := tx.tables[name]
	if t == nil {
		t = &table{}
		tx.tables[name] = t
		if r.cfg.Wanted != nil && !r.cfg.Wanted(name) {
			r.fold(tx, name, t)
		}
	}
	return t
}

func (tx *transaction) alter(r *Reader, name string) {
	if !slices.Contains(tx.altered, name) {
		tx.altered = append(tx.altered, name)
	}
	r.fold(tx, name, tx.of(r, name))
}

// shrink brings what is held below the bounds.
func (r *Reader) shrink(tx *transaction, name string, t *table) {
	if t.rows > r.cfg.MaxRows {
		r.fold(tx, name, t)
	}
	for tx.bytes > r.cfg.MaxBytes {
		r.foldLargest(tx)
	}
	for r.bytes > 2*r.cfg.MaxBytes {
		most := tx
		for _, other := range r.open {
			if other.bytes > most.bytes {
				most = other
			}
		}
		r.foldLargest(most)
	}
}

func (r *Reader) foldLargest(tx *transaction) {
	most, name := (*table)(nil), ""
	for n, t := range tx.tables {
		if most == nil || t.bytes > most.bytes {
			most, name = t, n
		}
	}
	r.fold(tx, name, most)
}

// fold has change.Everything stand for the rows of a table.
func (r *Reader) fold(tx *transaction, name string, t *table) {
	if t.folded {
		return
	}
	t.folded, t.olds = true, nil
	tx.folded = append(tx.folded, name)
	if t.rows > 0 {
		tx.changes = slices.DeleteFunc(tx.changes, func(c change.Change) bool { return c.Table == name })
	}
	tx.bytes, r.bytes = tx.bytes-t.bytes, r.bytes-t.bytes
	t.rows, t.bytes = 0, 0
}

// End returns the transactions in an order in which no row goes back.
func (r *Reader) End() []*pgoutput.Transaction {
	var all []*transaction
	for _, tx := range r.open {
		for name, t := range tx.tables {
			if t.nested && t.doubt {
				r.fold(tx, name, t)
			}
		}
		all = append(all, tx)
	}
	slices.SortFunc(all, func(a, b *transaction) int { return int(a.last - b.last) })
	out := make([]*pgoutput.Transaction, len(all))
	for i, tx := range all {
		for _, name := range tx.folded {
			tx.changes = append(tx.changes, change.Change{Table: name, Kind: change.Everything})
		}
		out[i] = &pgoutput.Transaction{Xid: uint32(tx.xid), Changes: tx.changes, Altered: tx.altered, Everything: tx.everything}
	}
	r.Begin()
	return out
}
