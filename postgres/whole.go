package postgres

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/wakeful-dev/wakeful/sqldb"
)

// maxResult bounds what one result may take in memory, in bytes.
const maxResult = 256 << 20

var errTooLarge = fmt.Errorf("postgres: a result of a view is over %d MiB: read it in parts, with LIMIT", maxResult>>20)

// wholeRows are rows that have been read from the connection: it is free for
// others.
type wholeRows struct {
	columns []string
	types   []columnType
	rows    [][]driver.Value
	done    <-chan struct{} // closed with the snapshot
}

type columnType struct {
	scan             reflect.Type
	name             string
	length           int64
	hasLength        bool
	precision, scale int64
	hasDecimal       bool
}

// valueBeside is about what Go keeps for a value beside its bytes.
const valueBeside = 24

func readWhole(from driver.Rows, done <-chan struct{}) (_ *wholeRows, err error) {
	defer func() { err = errors.Join(err, from.Close()) }()
	w := &wholeRows{columns: from.Columns(), done: done}
	w.types = typesOf(from, len(w.columns))
	size := 0
	for {
		row := make([]driver.Value, len(w.columns))
		switch err := from.Next(row); err {
		case nil:
		case io.EOF:
			return w, nil
		default:
			return nil, err
		}
		for _, v := range row {
			size += valueBeside
			switch v := v.(type) {
			case string:
				size += len(v)
			case []byte:
				size += len(v)
			}
		}
		if size > maxResult {
			return nil, errTooLarge
		}
		w.rows = append(w.rows, row)
	}
}

func typesOf(from driver.Rows, columns int) []columnType {
	types := make([]columnType, columns)
	for i := range types {
		t := &types[i]
		t.scan = reflect.TypeFor[any]()
		if rows, ok := from.(driver.RowsColumnTypeScanType); ok {
			t.scan = rows.ColumnTypeScanType(i)
		}
		if rows, ok := from.(driver.RowsColumnTypeDatabaseTypeName); ok {
			t.name = rows.ColumnTypeDatabaseTypeName(i)
		}
		if rows, ok := from.(driver.RowsColumnTypeLength); ok {
			t.length, t.hasLength = rows.ColumnTypeLength(i)
		}
		if rows, ok := from.(driver.RowsColumnTypePrecisionScale); ok {
			t.precision, t.scale, t.hasDecimal = rows.ColumnTypePrecisionScale(i)
		}
	}
	return types
}

func (w *wholeRows) Columns() []string { return w.columns }

func (w *wholeRows) Close() error {
	w.rows = nil
	return nil
}

func (w *wholeRows) Next(dest []driver.Value) error {
	select {
	case <-w.done:
		return sqldb.ErrSnapshotClosed
	default:
	}
	if len(w.rows) == 0 {
		return io.EOF
	}
	copy(dest, w.rows[0])
	w.rows = w.rows[1:]
	return nil
}

func (w *wholeRows) ColumnTypeScanType(i int) reflect.Type { return w.types[i].scan }

func (w *wholeRows) ColumnTypeDatabaseTypeName(i int) string { return w.types[i].name }

func (w *wholeRows) ColumnTypeLength(i int) (length int64, ok bool) {
	return w.types[i].length, w.types[i].hasLength
}

func (w *wholeRows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	return w.types[i].precision, w.types[i].scale, w.types[i].hasDecimal
}
