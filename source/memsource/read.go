package memsource

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/readset"
)

// Read returns all rows of a table in the order of their keys, with the named
// columns, or all of them where none is named.
//
// In an evaluation it reads in the evaluation's snapshot and notes the table
// and the columns; without one, or with one of another database, it reads the
// newest state.
func (db *DB) Read(ctx context.Context, table string, columns ...string) ([]Row, error) {
	t, records, err := db.look(ctx, table, columns, "")
	if err != nil {
		return nil, err
	}
	rows := make([]Row, len(records))
	for i := range records {
		rows[i] = t.row(records[i].row, columns)
	}
	return rows, nil
}

// Get is Read for the row with one key: nil where there is none.
func (db *DB) Get(ctx context.Context, table string, key any, columns ...string) (Row, error) {
	t, records, err := db.look(ctx, table, columns, " where key = ?", key)
	if err != nil {
		return nil, err
	}
	if key, err = t.key(key); err != nil {
		return nil, err
	}
	at, found := search(records, key)
	if !found {
		return nil, nil
	}
	return t.row(records[at].row, columns), nil
}

// look notes what is read and returns the rows that the context may see.
func (db *DB) look(ctx context.Context, table string, columns []string, where string, args ...any) (*Table, []record, error) {
	set := readset.From(ctx)
	t := db.tables[table]
	if t == nil {
		err := fmt.Errorf("memsource: no table %q", table)
		set.Fail(err)
		return nil, nil, err
	}
	if len(columns) == 0 {
		columns = t.Columns
	}
	for _, name := range columns {
		if !slices.Contains(t.Columns, name) {
			err := fmt.Errorf("memsource: table %q has no column %q", table, name)
			set.Fail(err)
			return nil, nil, err
		}
	}
	if set == nil {
		return t, db.current().rows[table], nil
	}
	set.Add(&readset.Statement{
		Text:  "read " + strings.Join(columns, ", ") + " from " + table + where,
		Reads: []readset.Read{{Table: table, Columns: slices.Sorted(slices.Values(columns))}},
	}, args)
	if pinned := db.pinnedState(set.Snapshot); pinned != nil {
		return t, pinned.rows[table], nil
	}
	return t, db.current().rows[table], nil
}

// row gives the values their names; no columns are all.
func (t *Table) row(values []any, columns []string) Row {
	row := make(Row, len(values))
	for i, name := range t.Columns {
		if len(columns) == 0 || slices.Contains(columns, name) {
			row[name] = values[i]
		}
	}
	return row
}
