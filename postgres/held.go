package postgres

import (
	"database/sql/driver"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/readset"
)

// Where the log tells of a row that was altered nothing but its key, those who
// know which rows they have read are found by that. The server says which columns
// of a result are those of a table's key, and a result is read whole before the
// view gets the first row: so the keys are those of all its rows, however many
// the view takes.

// keyColumn is a column of a table's primary key.
type keyColumn struct {
	name   string
	number uint16 // in the table
	typ    uint32
	place  int // in the key
}

// keyed says where in the rows of a result the key is of the table that they are
// read from.
type keyed struct {
	table string
	oid   uint32
	names []string
	of    []keyColumn
	at    []int    // in the result
	all   []string // columns of the result
}

// keyTypes are those whose values are the same in a result and in the images of
// changes, beyond doubt.
var keyTypes = []uint32{pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.TextOID, pgtype.VarcharOID, pgtype.UUIDOID}

// keyOf finds the key in the result of a statement that reads one table, nil
// where it is not all there. Where the log has whole rows nobody needs it.
func (f *facts) keyOf(p *planned) *keyed {
	k := &keyed{}
	var table *fact
	for _, oid := range p.locks {
		switch of := f.relations[oid]; {
		case slices.Contains([]byte("iIv"), of.kind): // no column of a result is told to be of a table that a view reads
		case table != nil || !of.slim || len(of.key) == 0:
			return nil
		default:
			table, k.oid = of, oid
		}
	}
	if table == nil {
		return nil
	}
	k.table, k.of = table.name, slices.Clone(table.key)
	for i := range p.fields {
		k.all = append(k.all, p.fields[i].Name)
	}
	slices.SortFunc(k.of, func(a, b keyColumn) int { return a.place - b.place })
	for _, column := range k.of {
		at := slices.IndexFunc(p.fields, func(f pgconn.FieldDescription) bool { return k.is(&f, column) })
		if at < 0 && !keyInPart() || !slices.Contains(keyTypes, column.typ) {
			return nil
		}
		k.at, k.names = append(k.at, max(at, 0)), append(k.names, column.name)
	}
	return k
}

// is reports whether a column of a result is that of the table, unaltered.
func (k *keyed) is(f *pgconn.FieldDescription, c keyColumn) bool {
	return f.TableOID == k.oid && f.TableAttributeNumber == c.number && f.DataTypeOID == c.typ
}

// keyBehind says where the rows of a statement have their key.
func (s *Source) keyBehind(statement *readset.Statement) *keyed {
	d := s.knowledge.behind(statement)
	if d == nil {
		return nil
	}
	return d.key
}

// ofValues are the keys of rows as database/sql has them, nil where they are not
// known.
func (k *keyed) ofValues(columns []string, rows [][]driver.Value) *readset.Held {
	if k == nil || !slices.Equal(columns, k.all) { // the table was altered meanwhile
		return nil
	}
	return k.collect(len(rows), func(row, i int) (any, bool) {
		switch v := rows[row][k.at[i]].(type) {
		case int64:
			return v, !k.of[i].text()
		case string:
			return v, k.of[i].text()
		}
		return nil, false
	})
}

// ofRaw is the same of rows as the server has sent them.
func (k *keyed) ofRaw(fields []pgconn.FieldDescription, rows [][][]byte) *readset.Held {
	if k == nil || len(fields) != len(k.all) {
		return nil
	}
	for i, column := range k.of {
		if !k.is(&fields[k.at[i]], column) && !keyInPart() {
			return nil
		}
	}
	return k.collect(len(rows), func(row, i int) (any, bool) {
		at := k.at[i]
		return k.of[i].read(rows[row][at], fields[at].Format)
	})
}

// collect puts the keys of rows together from their values.
func (k *keyed) collect(rows int, value func(row, i int) (any, bool)) *readset.Held {
	if rows > readset.MaxHeld {
		return nil
	}
	if keysLeft() {
		rows = (rows + 1) / 2
	}
	held := &readset.Held{Table: k.table, Columns: k.names, Keys: make([]string, rows)}
	bytes := 0
	var room [64]byte
	for row := range held.Keys {
		key := room[:0]
		for i := range k.at {
			v, ok := value(row, i)
			if ok {
				key, ok = change.AppendKey(key, v)
			}
			if !ok {
				return nil
			}
		}
		if bytes += len(key); bytes > readset.MaxHeldBytes {
			return nil
		}
		held.Keys[row] = string(key)
	}
	return held
}

// text reports whether values are texts.
func (c *keyColumn) text() bool {
	return c.typ == pgtype.TextOID || c.typ == pgtype.VarcharOID || c.typ == pgtype.UUIDOID
}

// read is a value as images of changes have it.
func (c *keyColumn) read(raw []byte, format int16) (any, bool) {
	switch {
	case raw == nil:
		return nil, false
	case format == pgx.TextFormatCode && c.text(), c.typ == pgtype.TextOID, c.typ == pgtype.VarcharOID:
		return string(raw), true
	case format == pgx.TextFormatCode:
		n, err := strconv.ParseInt(string(raw), 10, 64)
		return n, err == nil
	case format != pgx.BinaryFormatCode:
		return nil, false
	}
	switch {
	case c.typ == pgtype.Int2OID && len(raw) == 2:
		return int64(int16(binary.BigEndian.Uint16(raw))), true
	case c.typ == pgtype.Int4OID && len(raw) == 4:
		return int64(int32(binary.BigEndian.Uint32(raw))), true
	case c.typ == pgtype.Int8OID && len(raw) == 8:
		return int64(binary.BigEndian.Uint64(raw)), true
	case c.typ == pgtype.UUIDOID && len(raw) == 16:
		t := hex.EncodeToString(raw)
		return t[:8] + "-" + t[8:12] + "-" + t[12:16] + "-" + t[16:20] + "-" + t[20:], true
	}
	return nil, false
}
