package sqldb

import (
	"database/sql/driver"
	"io"
	"reflect"
)

// fullRows are rows with every optional interface. Where the driver lacks one,
// the answers are those that database/sql gives in its place.
type fullRows struct{ driver.Rows }

func rowsOf(rows driver.Rows) fullRows { return fullRows{rows} }

func (r fullRows) HasNextResultSet() bool {
	n, ok := r.Rows.(driver.RowsNextResultSet)
	return ok && n.HasNextResultSet()
}

func (r fullRows) NextResultSet() error {
	if n, ok := r.Rows.(driver.RowsNextResultSet); ok {
		return n.NextResultSet()
	}
	return io.EOF
}

func (r fullRows) ColumnTypeScanType(i int) reflect.Type {
	if t, ok := r.Rows.(driver.RowsColumnTypeScanType); ok {
		return t.ColumnTypeScanType(i)
	}
	return reflect.TypeFor[any]()
}

func (r fullRows) ColumnTypeDatabaseTypeName(i int) string {
	if t, ok := r.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return t.ColumnTypeDatabaseTypeName(i)
	}
	return ""
}

func (r fullRows) ColumnTypeLength(i int) (length int64, ok bool) {
	if t, has := r.Rows.(driver.RowsColumnTypeLength); has {
		return t.ColumnTypeLength(i)
	}
	return 0, false
}

func (r fullRows) ColumnTypeNullable(i int) (nullable, ok bool) {
	if t, has := r.Rows.(driver.RowsColumnTypeNullable); has {
		return t.ColumnTypeNullable(i)
	}
	return false, false
}

func (r fullRows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	if t, has := r.Rows.(driver.RowsColumnTypePrecisionScale); has {
		return t.ColumnTypePrecisionScale(i)
	}
	return 0, 0, false
}

// watchedRows are the rows of a statement that has written: reading or closing
// them may commit.
type watchedRows struct {
	fullRows
	conn *conn
}

func (r *watchedRows) Next(dest []driver.Value) (err error) {
	r.conn.before("")
	err = errUnfinished
	defer func() { r.conn.afterRows(&err) }()
	return r.fullRows.Next(dest)
}

func (r *watchedRows) NextResultSet() (err error) {
	r.conn.before("")
	err = errUnfinished
	defer func() { r.conn.afterRows(&err) }()
	return r.fullRows.NextResultSet()
}

func (r *watchedRows) Close() (err error) {
	r.conn.before("")
	err = errUnfinished
	defer func() { r.conn.after(&err) }()
	return r.fullRows.Close()
}

// afterRows is after, of a call that may end the rows: that is a success.
func (c *conn) afterRows(err *error) {
	if *err != io.EOF {
		c.after(err)
		return
	}
	var settled error
	if c.after(&settled); settled != nil {
		*err = settled
	}
}
