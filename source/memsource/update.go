package memsource

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/wakeful-dev/wakeful/change"
)

// Row is one row by column. A row that was read is shared: never alter it.
type Row map[string]any

// record is a row at its place in a table.
type record struct {
	key any // int64 or string
	row []any
}

func compare(a, b any) int {
	switch x := a.(type) {
	case int64:
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
		return -1
	case string:
		if y, ok := b.(string); ok {
			return cmp.Compare(x, y)
		}
	}
	return 1
}

func search(records []record, key any) (int, bool) {
	return slices.BinarySearchFunc(records, key, func(r record, key any) int { return compare(r.key, key) })
}

// Tx is one transaction under way. It is used by one goroutine, until the
// function that Update gave it to returns.
type Tx struct {
	db      *DB
	rows    map[string][]record
	own     map[string]bool // tables whose slice is a copy already
	changes []change.Change
}

// Update runs one transaction and returns its position: the effects of do are
// committed as one changeset when it returns nil, and forgotten when it
// returns an error (which Update returns) or panics. What changes nothing
// commits nothing. do must not call Update.
func (db *DB) Update(do func(tx *Tx) error) (change.Position, error) {
	db.writing.Lock()
	defer db.writing.Unlock()
	before := db.current()
	tx := &Tx{db: db, rows: maps.Clone(before.rows), own: map[string]bool{}}
	if err := do(tx); err != nil {
		return "", err
	}
	if len(tx.changes) == 0 {
		return db.Position(), nil
	}
	if db.keys {
		keyImages(tx.changes)
	}
	next := &state{number: before.number + 1, rows: tx.rows}
	return db.publish(next, change.Changeset{Changes: tx.changes}), nil
}

// keyImages leaves the key alone of old rows.
func keyImages(changes []change.Change) {
	for i := range changes {
		if c := &changes[i]; c.Old != nil {
			key := c.Old[0]
			c.Old = slices.Repeat([]any{change.Unknown}, len(c.Old))
			c.Old[0] = key
		}
	}
}

// Put inserts the row, or replaces the one with its key. Columns that the row
// does not name become nil. A row equal to the one there is no change.
func (tx *Tx) Put(table string, row Row) error {
	t, records, err := tx.table(table)
	if err != nil {
		return err
	}
	values, err := t.values(row)
	if err != nil {
		return err
	}
	at, found := search(records, values[0])
	record := record{values[0], values}
	entry := change.Change{Table: table, Kind: change.Insert, Columns: t.Columns, New: values}
	switch {
	case !found:
		tx.rows[table] = slices.Insert(records, at, record)
	case slices.EqualFunc(records[at].row, values, change.Equal):
		return nil
	default:
		entry.Kind, entry.Old = change.Update, records[at].row
		records[at] = record
	}
	tx.changes = append(tx.changes, entry)
	return nil
}

// Delete removes the row with the key and reports whether it was there.
func (tx *Tx) Delete(table string, key any) (bool, error) {
	t, records, err := tx.table(table)
	if err != nil {
		return false, err
	}
	if key, err = t.key(key); err != nil {
		return false, err
	}
	at, found := search(records, key)
	if !found {
		return false, nil
	}
	tx.changes = append(tx.changes, change.Change{
		Table: table, Kind: change.Delete, Columns: t.Columns, Old: records[at].row,
	})
	tx.rows[table] = slices.Delete(records, at, at+1)
	return true, nil
}

// Truncate removes all rows. The changeset says only that everything in the
// table may have changed.
func (tx *Tx) Truncate(table string) error {
	t, _, err := tx.table(table)
	if err != nil {
		return err
	}
	tx.rows[table] = nil
	tx.changes = append(tx.changes, change.Change{Table: table, Kind: change.Everything, Columns: t.Columns})
	return nil
}

// Get returns the row with the key as the transaction sees it, nil for none.
func (tx *Tx) Get(table string, key any) (Row, error) {
	t := tx.db.tables[table]
	if t == nil {
		return nil, fmt.Errorf("memsource: no table %q", table)
	}
	key, err := t.key(key)
	if err != nil {
		return nil, err
	}
	at, found := search(tx.rows[table], key)
	if !found {
		return nil, nil
	}
	return t.row(tx.rows[table][at].row, nil), nil
}

// table returns a table and its rows, which the transaction may alter.
func (tx *Tx) table(name string) (*Table, []record, error) {
	t := tx.db.tables[name]
	if t == nil {
		return nil, nil, fmt.Errorf("memsource: no table %q", name)
	}
	if !tx.own[name] {
		tx.own[name] = true
		tx.rows[name] = slices.Clone(tx.rows[name])
	}
	return t, tx.rows[name], nil
}

// values is the row in the order of the columns.
func (t *Table) values(row Row) ([]any, error) {
	for name := range row {
		if !slices.Contains(t.Columns, name) {
			return nil, fmt.Errorf("memsource: table %q has no column %q", t.Name, name)
		}
	}
	values := make([]any, len(t.Columns))
	for i, name := range t.Columns {
		value, err := plain(row[name])
		if err != nil {
			return nil, fmt.Errorf("memsource: column %q of table %q: %w", name, t.Name, err)
		}
		values[i] = value
	}
	_, err := t.key(values[0])
	return values, err
}

func (t *Table) key(key any) (any, error) {
	switch key := key.(type) {
	case int:
		return int64(key), nil
	case int64, string:
		return key, nil
	}
	return nil, fmt.Errorf("memsource: key %v of table %q is a %T, want an integer or a string", key, t.Name, key)
}

// plain is the value as change.Change promises it.
func plain(value any) (any, error) {
	switch value := value.(type) {
	case int:
		return int64(value), nil
	case nil, int64, float64, string, bool, time.Time:
		return value, nil
	case []byte:
		return slices.Clone(value), nil
	}
	return nil, fmt.Errorf("a %T cannot be stored", value)
}
