package sqlite

import (
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/change"
	driversqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// transaction is what a transaction has written so far.
type transaction struct {
	source        *Source
	schema        *layout // by which the rows were named
	changes       []change.Change
	tallies       []tally  // of the tables written so far
	last          int      // among tallies: of the newest row
	whole         []string // tables that are reported without rows
	savepoints    []savepoint
	bytes         int
	space         []any
	wrote         bool // a row of the main database, though it may be undone
	schemaChanged bool
	logID         int64 // the last row that it wrote to the trigger log
}

// tally counts the rows of one table.
type tally struct {
	*table
	rows  int
	whole bool // too many, or nobody wants them
}

type savepoint struct {
	name string
	mark mark
}

// mark is a point in a transaction to go back to.
type mark struct {
	changes       int
	schemaChanged bool
	logID         int64
}

// maxReused bounds the space for changes that a connection keeps.
const maxReused = 4096

// What Go keeps for a row and for each of its values, about.
const (
	rowBeside   = 112
	valueBeside = 24
)

func (t *transaction) len() int { return len(t.changes) }

func (t *transaction) empty() bool {
	return len(t.changes) == 0 && len(t.whole) == 0 && !t.schemaChanged
}

func (t *transaction) mark() mark { return mark{len(t.changes), t.schemaChanged, t.logID} }

// reset begins a new transaction in the space of the last one.
func (t *transaction) reset() {
	clear(t.changes)
	clear(t.tallies)
	next := transaction{source: t.source, changes: t.changes[:0], tallies: t.tallies[:0], whole: t.whole[:0], last: -1}
	if cap(next.changes) > maxReused {
		next.changes = nil
	}
	*t = next
}

// undo goes back to a mark. Where the rows may have stayed, their tables are
// reported without rows instead.
func (t *transaction) undo(to mark, stayed bool) {
	for i := range t.changes[min(to.changes, len(t.changes)):] {
		c := &t.changes[to.changes+i]
		if stayed && c.Table != "" {
			t.reportWhole(c.Table)
		}
		*c = change.Change{}
	}
	t.changes = t.changes[:min(to.changes, len(t.changes))]
	t.schemaChanged = to.schemaChanged
	t.logID = to.logID // if the rows stayed, they are read as another's: too much, never too little
}

func (t *transaction) reportWhole(name string) {
	if !slices.Contains(t.whole, name) {
		t.whole = append(t.whole, name)
	}
}

// savepoint, release and rollbackTo follow SQLite: names fold case, the newest
// of equal names counts, and a savepoint survives going back to it.
func (t *transaction) savepoint(name string, at mark) {
	t.savepoints = append(t.savepoints, savepoint{name, at})
}

func (t *transaction) find(name string) int {
	for i, s := range slices.Backward(t.savepoints) {
		if strings.EqualFold(s.name, name) {
			return i
		}
	}
	return -1
}

func (t *transaction) release(name string) {
	if i := t.find(name); i >= 0 {
		t.savepoints = t.savepoints[:i]
	}
}

func (t *transaction) rollbackTo(name string) {
	if i := t.find(name); i >= 0 {
		t.undo(t.savepoints[i].mark, false)
		t.savepoints = t.savepoints[:i+1]
	}
}

// changeset is what the transaction says when it is committed. The rows must
// have been named by the schema that the commit finds.
func (t *transaction) changeset() change.Changeset {
	if t.schemaChanged {
		return change.Changeset{Everything: true}
	}
	stale := t.schema != nil && t.schema != t.source.schema.Load()
	if len(t.whole) == 0 && !stale {
		return change.Changeset{Changes: append([]change.Change(nil), t.changes...)}
	}
	changes := make([]change.Change, 0, len(t.whole)+1)
	for _, c := range t.changes {
		switch {
		case c.Table == "":
		case stale:
			t.reportWhole(c.Table)
		case !slices.Contains(t.whole, c.Table):
			changes = append(changes, c)
		}
	}
	slices.Sort(t.whole)
	for _, name := range t.whole {
		changes = append(changes, change.Change{Table: name, Kind: change.Everything})
	}
	return change.Changeset{Changes: changes}
}

// row is SQLite's preupdate hook.
func (c *capture) row(d driversqlite.SQLitePreUpdateData) {
	c.wrote = true
	if d.DatabaseName == "main" {
		c.tx.row(&d)
	}
}

func (t *transaction) row(d *driversqlite.SQLitePreUpdateData) {
	t.wrote = true
	if t.last < 0 || t.tallies[t.last].name != d.TableName {
		if !t.enter(d.TableName) {
			return
		}
	}
	into := &t.tallies[t.last]
	if !into.reported() {
		if d.Op == sqlite3.SQLITE_INSERT && into.name == logTable {
			t.logID = d.NewRowID
		}
		return
	}
	if into.whole {
		return
	}
	into.rows++
	if into.rows > t.source.maxRows || t.bytes > t.source.maxBytes {
		t.overflow(into)
		return
	}
	row := change.Change{Table: into.name, Columns: into.columns}
	switch d.Op {
	case sqlite3.SQLITE_INSERT:
		row.Kind, row.New = change.Insert, t.image(into.table, d, true)
	case sqlite3.SQLITE_DELETE:
		row.Kind, row.Old = change.Delete, t.image(into.table, d, false)
	default:
		row.Kind, row.Old, row.New = change.Update, t.image(into.table, d, false), t.image(into.table, d, true)
		if d.OldRowID == d.NewRowID && unchanged(row.Old, row.New, into.virtual) {
			return
		}
	}
	t.changes = append(t.changes, row)
}

// enter makes a table the current one. It reports false when the schema does
// not know it: then it was made by this very transaction or by somebody else
// just now, and is reported without rows.
func (t *transaction) enter(name string) bool {
	t.last = slices.IndexFunc(t.tallies, func(other tally) bool { return other.name == name })
	if t.last >= 0 {
		return true
	}
	if t.schema == nil {
		sch, err := t.source.currentSchema()
		if err != nil {
			t.reportWhole(name)
			return false
		}
		t.schema = sch
	}
	known := t.schema.tables[name]
	if known == nil {
		if !strings.HasPrefix(name, "sqlite_") {
			t.reportWhole(name)
		}
		return false
	}
	whole := known.reported() && !t.source.wants(name)
	if whole {
		t.reportWhole(name)
	}
	t.tallies = append(t.tallies, tally{table: known, whole: whole})
	t.last = len(t.tallies) - 1
	return true
}

// overflow gives up the rows of a table.
func (t *transaction) overflow(of *tally) {
	of.whole = true
	t.reportWhole(of.name)
	for i := range t.changes {
		if t.changes[i].Table == of.name {
			t.changes[i] = change.Change{} // keeps its place: marks are numbers of places
		}
	}
}

// image reads a row. Columns that SQLite cannot tell are Unknown, a whole image
// that does not fit the schema is nil.
func (t *transaction) image(of *table, d *driversqlite.SQLitePreUpdateData, new bool) []any {
	if d.Count() != len(of.columns) {
		return nil
	}
	t.bytes += rowBeside + valueBeside*len(of.columns)
	values, err := t.room(len(of.columns)), error(nil)
	if new {
		err = d.New(values...)
	} else {
		err = d.Old(values...)
	}
	if err != nil || !complete(d, values, new) {
		return nil
	}
	for _, v := range values {
		switch v := v.(type) {
		case string:
			t.bytes += len(v)
		case []byte:
			t.bytes += len(v)
		}
	}
	for i, virtual := range of.virtual {
		if virtual {
			values[i] = change.Unknown
		}
	}
	return values
}

// room returns space for a row. A transaction of many rows gets it for several
// at a time.
func (t *transaction) room(columns int) []any {
	if len(t.space) < columns {
		t.space = make([]any, columns*min(len(t.changes)+1, 64))
	}
	row := t.space[:columns:columns]
	t.space = t.space[columns:]
	return row
}

// unchanged reports an update that changed nothing. Virtual columns follow
// from the others.
func unchanged(old, new []any, virtual []bool) bool {
	if old == nil || new == nil {
		return false
	}
	for i := range old {
		if i < len(virtual) && virtual[i] {
			continue
		}
		if !change.Equal(old[i], new[i]) {
			return false
		}
	}
	return true
}
