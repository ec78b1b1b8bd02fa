package pgoutput

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// settings are those in which the server writes values, here and in Wakeful.
var settings = map[string]string{
	"DateStyle": "ISO", "TimeZone": "UTC", "IntervalStyle": "postgres", "extra_float_digits": "1", "bytea_output": "hex",
	"logical_decoding_work_mem": "64kB",
}

// decoded is a database with a slot whose frames are read by SQL.
type decoded struct {
	*pgtest.DB
	conn *pgx.Conn
	read *sql.DB
	slot string
}

// decode makes a database by some statements, with a publication of all its
// tables and a slot that begins behind them.
func decode(t testing.TB, statements ...string) *decoded {
	t.Helper()
	db := &decoded{DB: pgtest.Database(t)}
	db.Exec(t, statements...)
	db.Exec(t, "CREATE PUBLICATION p FOR ALL TABLES WITH (publish_via_partition_root = true)")
	config, err := pgx.ParseConfig(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range settings {
		config.RuntimeParams[name] = value
	}
	if db.conn, err = pgx.ConnectConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	db.read = stdlib.OpenDB(*config)
	db.slot = "s" + db.Value(t, "SELECT oid FROM pg_database WHERE datname = current_database()")
	db.Exec(t, fmt.Sprintf("SELECT pg_create_logical_replication_slot('%s', 'pgoutput')", db.slot))
	t.Cleanup(func() {
		db.read.Close()
		_, _ = db.conn.Exec(context.WithoutCancel(t.Context()), "SELECT pg_drop_replication_slot($1)", db.slot)
		_ = db.conn.Close(context.WithoutCancel(t.Context()))
	})
	return db
}

// frames reads what was written since the last call.
func (db *decoded) frames(t testing.TB) [][]byte {
	t.Helper()
	rows, err := db.conn.Query(t.Context(), `SELECT data FROM pg_logical_slot_get_binary_changes($1, NULL, NULL,
		'proto_version', '2', 'publication_names', 'p', 'streaming', 'on', 'messages', 'true')`, db.slot)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// transactions decodes what was written since the last call.
func (db *decoded) transactions(t testing.TB, d *Decoder) []*Transaction {
	t.Helper()
	var all []*Transaction
	for _, f := range db.frames(t) {
		if tx := feed(t, d, f); tx != nil {
			all = append(all, tx)
		}
	}
	return all
}

// bare are the types whose values a SELECT has as images do; of all others it
// is the text. The cast from inet to text is another text than the one that
// the server sends.
var bare = []string{
	"smallint", "integer", "bigint", "oid", "real", "double precision", "boolean", "bytea",
	"text", "character", "character varying", "name", `"char"`, "inet",
}

// table reads a table as images have it.
func (db *decoded) table(t testing.TB, name string) [][]any {
	t.Helper()
	var list []string
	rows, err := db.conn.Query(t.Context(), `SELECT attname, coalesce(nullif(typbasetype, 0), t.oid)::regtype::text
		FROM pg_attribute JOIN pg_type AS t ON t.oid = atttypid
		WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`, name)
	if err != nil {
		t.Fatal(err)
	}
	var column, typeName string
	_, err = pgx.ForEachRow(rows, []any{&column, &typeName}, func() error {
		if slices.Contains(bare, typeName) {
			list = append(list, `"`+column+`"`)
		} else {
			list = append(list, `"`+column+`"::text`)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return db.query(t, fmt.Sprintf("SELECT %s FROM %s", strings.Join(list, ", "), name))
}

// query returns rows as database/sql gives them.
func (db *decoded) query(t testing.TB, text string) [][]any {
	t.Helper()
	rows, err := db.read.QueryContext(t.Context(), text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]any
	for rows.Next() {
		row := make([]any, len(columns))
		to := make([]any, len(columns))
		for i := range row {
			to[i] = &row[i]
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
