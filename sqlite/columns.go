package sqlite

import (
	"database/sql/driver"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/schema"
)

// tableReader reads what a connection says of one table.
type tableReader struct {
	conn driver.Conn
	of   *table
	meta metadata
	told *schema.Table

	strict, madeKey bool
}

const (
	columnQuery = `SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?1, 'main') ORDER BY cid`
	strictQuery = `SELECT strict FROM pragma_table_list(?1) WHERE schema = 'main'`
	uniqueQuery = `SELECT l.name, l.origin, l.partial, x.name FROM pragma_index_list(?1, 'main') AS l, pragma_index_xinfo(l.name, 'main') AS x
WHERE l."unique" AND x.key ORDER BY l.seq, x.seqno`
)

// hidden, as PRAGMA table_xinfo says it.
const (
	hiddenAway    = 1 // of a virtual table, not in SELECT *
	hiddenVirtual = 2
	hiddenStored  = 3
)

func (r *tableReader) read() error {
	name := driver.NamedValue{Ordinal: 1, Value: r.told.Name}
	err := each(r.conn, strictQuery, func(row []driver.Value) { r.strict = row[0] == int64(1) }, name)
	places := map[string]int64{}
	if err == nil {
		err = each(r.conn, columnQuery, func(row []driver.Value) { r.column(row, places) }, name)
	}
	if err != nil || r.told.View {
		return err
	}
	slices.SortFunc(r.told.Key, func(a, b string) int { return int(places[a] - places[b]) })
	if err := r.unique(name); err != nil {
		return err
	}
	if len(r.told.Key) == 1 && !r.madeKey && !r.of.withoutRowid {
		r.rowKey(r.told.Column(r.told.Key[0]))
	}
	for i := range r.told.Columns {
		c := &r.told.Columns[i]
		c.Collation = r.meta.collation(r.told.Name, c.Name)
	}
	return nil
}

func (r *tableReader) column(row []driver.Value, places map[string]int64) {
	hidden, _ := row[5].(int64)
	if hidden == hiddenAway {
		return
	}
	c := schema.Column{
		Nullable:  row[2] == int64(0),
		Generated: hidden == hiddenVirtual || hidden == hiddenStored,
		Unstored:  hidden == hiddenVirtual,
	}
	c.Name, _ = row[0].(string)
	c.Declared, _ = row[1].(string)
	if text, ok := row[3].(string); ok {
		c.Default = !strings.EqualFold(text, "NULL")
	}
	c.Type = typeOf(c.Declared)
	c.Strict = r.strict && c.Type != schema.Any
	if place, _ := row[4].(int64); place > 0 {
		r.told.Key = append(r.told.Key, c.Name)
		places[c.Name] = place
	}
	r.told.Columns = append(r.told.Columns, c)
}

// rowKey marks the column that is another name of the rowid: the one key for
// which SQLite keeps no index.
func (r *tableReader) rowKey(c *schema.Column) {
	c.Type, c.Strict, c.Nullable, c.Auto = schema.Integer, true, false, true
}

// unique reads the sets of columns of which no two rows are alike. Indexes on a
// part of the rows or on expressions say nothing of the kind.
func (r *tableReader) unique(name driver.NamedValue) error {
	var sets [][]string
	last, skip := "", false
	err := each(r.conn, uniqueQuery, func(row []driver.Value) {
		index, _ := row[0].(string)
		column, plain := row[3].(string)
		if index != last || len(sets) == 0 {
			sets, last, skip = append(sets, nil), index, false
		}
		r.madeKey = r.madeKey || row[1] == "pk"
		if skip = skip || !plain || row[2] == int64(1); skip {
			sets[len(sets)-1] = nil
			return
		}
		sets[len(sets)-1] = append(sets[len(sets)-1], column)
	}, name)
	key := sorted(slices.Clone(r.told.Key))
	r.told.Unique = sortSets(slices.DeleteFunc(sets, func(set []string) bool {
		return len(set) == 0 || slices.Equal(sorted(slices.Clone(set)), key)
	}))
	return err
}

// typeNames are declared types that SQLite has no affinity for, or another one,
// but that say what their values are meant to be.
var typeNames = map[string]schema.Type{
	"BOOL": schema.Boolean, "BOOLEAN": schema.Boolean,
	"DATE": schema.Date, "TIME": schema.Time,
	"DATETIME": schema.Timestamp, "DATETIME2": schema.Timestamp, "SMALLDATETIME": schema.Timestamp, "DATETIMEOFFSET": schema.Timestamp,
	"TIMESTAMP": schema.Timestamp, "TIMESTAMPTZ": schema.Timestamp,
	"TIMESTAMP WITH TIME ZONE": schema.Timestamp, "TIMESTAMP WITHOUT TIME ZONE": schema.Timestamp,
	"DECIMAL": schema.Decimal, "DEC": schema.Decimal, "NUMERIC": schema.Decimal, "NUMBER": schema.Decimal, "MONEY": schema.Decimal,
	"UUID": schema.UUID, "GUID": schema.UUID, "UNIQUEIDENTIFIER": schema.UUID,
	"JSON": schema.JSON, "JSONB": schema.JSON,
	"BYTEA": schema.Bytes, "BINARY": schema.Bytes, "VARBINARY": schema.Bytes,
}

// typeOf says what the values of a column are meant to be: by the names that
// have a meaning everywhere, else by SQLite's own rules of affinity.
func typeOf(declared string) schema.Type {
	name, _, _ := strings.Cut(strings.ToUpper(declared), "(")
	name = strings.Join(strings.Fields(name), " ")
	if t, ok := typeNames[name]; ok {
		return t
	}
	contains := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(name, part) })
	}
	switch {
	case contains("INT"):
		return schema.Integer
	case contains("CHAR", "CLOB", "TEXT"):
		return schema.Text
	case contains("BLOB"):
		return schema.Bytes
	case contains("REAL", "FLOA", "DOUB"):
		return schema.Float
	}
	return schema.Any
}
