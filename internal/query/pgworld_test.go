package query_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/readset"
)

// postgresTypes are the types of columns: how they are declared, what values
// are cast to, how images have them ("" as they are), and where their texts
// have an order.
var postgresTypes = map[string]struct{ declared, cast, image, collation string }{
	"smallint": {declared: "smallint", cast: "int2"}, "integer": {declared: "integer", cast: "integer"}, "bigint": {declared: "bigint", cast: "bigint"},
	"numeric": {"numeric", "numeric", "::text", ""}, "money": {"numeric(10,2)", "numeric", "::text", ""},
	"real": {declared: "real", cast: "real"}, "double": {declared: "double precision", cast: "float8"},
	"boolean": {declared: "boolean", cast: "bool"},
	"text":    {`text COLLATE "C"`, "text", "", "C"}, "words": {`text COLLATE "words"`, "text", "", "deterministic"},
	"varchar": {`varchar(20) COLLATE "words"`, "varchar", "", "deterministic"}, "char": {`char(4) COLLATE "C"`, "bpchar", "", "C"},
	"folded": {`text COLLATE "folded"`, "text", "", ""},
	"uuid":   {"uuid", "uuid", "::text", ""}, "bytea": {declared: "bytea", cast: "bytea"}, "mood": {"mood", "mood", "::text", ""},
	"instant": {"timestamptz", "timestamptz", "::text", ""}, "timestamp": {"timestamp", "timestamp", "::text", ""}, "date": {"date", "date", "::text", ""},
	"json": {"jsonb", "jsonb", "::text", ""}, "list": {"integer[]", "integer[]", "::text", ""}, "pair": {"pair", "pair", "::text", ""},
	"few": {declared: "integer", cast: "integer"},
}

// postgresBase is one database for all worlds: each has a schema of its own.
type postgresBase struct {
	db           *pgtest.DB
	write, reads *pgx.Conn // reads runs as a role to which policies apply
}

func newPostgresBase(t testing.TB) *postgresBase {
	t.Helper()
	b := &postgresBase{db: pgtest.Database(t)}
	b.write, b.reads = b.db.Connect(t), b.db.Connect(t)
	role := "reader_" + b.db.Name
	b.db.Exec(t, "CREATE TYPE mood AS ENUM ('ok', 'sad', 'a b')", "CREATE TYPE pair AS (x integer, y text)",
		`CREATE COLLATION words (provider = icu, locale = 'en-US')`, `CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
		"CREATE ROLE "+role)
	t.Cleanup(func() { b.db.Exec(t, "DROP OWNED BY "+role, "DROP ROLE "+role) })
	for _, c := range []*pgx.Conn{b.write, b.reads} {
		for _, text := range []string{"SET TimeZone = 'UTC'", "SET DateStyle = ISO", "SET extra_float_digits = 1", "SET synchronous_commit = off"} {
			if _, err := c.Exec(context.Background(), text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := b.reads.Exec(context.Background(), "SET ROLE "+role); err != nil {
		t.Fatal(err)
	}
	return b
}

// postgresWorld is a schema with random tables, and what changed in it.
type postgresWorld struct {
	*rand.Rand
	*postgresBase
	t      testing.TB
	schema string
	told   *readset.Schema
	tables []table
	views  []table
	now    time.Time
	said   []string
	images map[string][][]any
	ready  map[string]*readset.Statement
}

func newPostgresWorld(t testing.TB, b *postgresBase, seed uint64) *postgresWorld {
	w := &postgresWorld{Rand: rand.New(rand.NewPCG(seed, 17)), postgresBase: b, t: t, schema: fmt.Sprintf("w%d", seed),
		now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), ready: map[string]*readset.Statement{}}
	w.said = []string{"CREATE SCHEMA " + w.schema, "SET search_path = " + w.schema + ", public"}
	for i := range 3 {
		w.table(i)
	}
	w.make("link", "", col{"parent", "integer"}, col{"child", "integer"}, col{"kind", "text"})
	w.make("p", "PRIMARY KEY (id)", col{"id", "integer"}, col{"a", "few"}, col{"b", "few"}, col{"c", "words"})
	w.make("q", "PRIMARY KEY (id)", col{"id", "integer"}, col{"a", "few"}, col{"b", "few"}, col{"c", "words"})
	w.make("e", "PRIMARY KEY (id)", col{"id", "integer"}, col{"at", "instant"})
	w.make("s", "PRIMARY KEY (id)", col{"id", "integer"}, col{"a", "few"}, col{"b", "few"})
	w.said = append(w.said, "ALTER TABLE s ENABLE ROW LEVEL SECURITY",
		"CREATE POLICY one ON s USING (a IN (SELECT q.b FROM q WHERE q.a = "+w.pick("0", "1", "2")+") OR b = 1)")
	for i := range 2 {
		w.view(i)
	}
	w.said = append(w.said, "GRANT USAGE ON SCHEMA "+w.schema+" TO PUBLIC", "GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA "+w.schema+" TO PUBLIC")
	w.run()
	if _, err := w.reads.Exec(context.Background(), "SET search_path = "+w.schema+", public"); err != nil {
		t.Fatal(err)
	}
	for range 40 {
		w.writeSome()
	}
	w.images = w.snapshot()
	w.tell()
	return w
}

// run runs what was said, which is no longer then.
func (w *postgresWorld) run() {
	text := strings.Join(w.said, ";\n")
	if _, err := w.write.Exec(context.Background(), text, pgx.QueryExecModeSimpleProtocol); err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	w.said = nil
}

func (w *postgresWorld) close() {
	w.said = []string{"SET client_min_messages = warning", "DROP SCHEMA " + w.schema + " CASCADE"}
	w.run()
	for _, c := range []*pgx.Conn{w.reads, w.write} {
		if err := c.DeallocateAll(context.Background()); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *postgresWorld) pick(list ...string) string { return list[w.IntN(len(list))] }

func (w *postgresWorld) make(name, tail string, columns ...col) {
	var defs []string
	for _, c := range columns {
		defs = append(defs, c.name+" "+postgresTypes[c.kind].declared)
	}
	if tail != "" {
		defs = append(defs, tail)
	}
	w.said = append(w.said, "CREATE TABLE "+name+" ("+strings.Join(defs, ", ")+")")
	w.tables = append(w.tables, table{name, columns})
}

func (w *postgresWorld) table(i int) {
	numbers := []string{"integer", "bigint", "smallint", "numeric", "money", "double", "real"}
	id := w.pick("integer", "bigint", "integer", "numeric")
	w.make(fmt.Sprintf("t%d", i), w.pick("PRIMARY KEY (id)", "PRIMARY KEY (id)", "UNIQUE (id)", "PRIMARY KEY (id)"),
		col{"id", id}, col{"a", w.pick(numbers...)}, col{"b", w.pick(numbers...)}, col{"c", w.pick("text", "words", "varchar", "char", "text", "folded")},
		col{"d", w.pick("boolean", "uuid", "bytea", "mood", "instant", "timestamp", "date", "boolean", "json", "list", "pair", "text")})
}

func (w *postgresWorld) view(i int) {
	name := fmt.Sprintf("v%d", i)
	g := &postgresGenerator{postgresWorld: w, literals: true}
	a := used{w.tables[w.IntN(3)], "x"}
	b := used{w.tables[w.IntN(3)], "y"}
	text := "SELECT x.id, x.a AS a, x.b b, x.c FROM " + a.from()
	columns := []col{a.table.columns[0], a.table.columns[1], a.table.columns[2], a.table.columns[3]}
	switch w.IntN(4) {
	case 0:
		text += " WHERE " + g.condition(1, a)
	case 1:
		text = "SELECT x.id, x.a, y.b, y.c FROM " + a.from() + w.pick(" LEFT JOIN ", " JOIN ") + b.from() + " ON x.a = y.a"
		columns[2], columns[3] = b.table.columns[2], b.table.columns[3]
	case 2:
		text = "SELECT max(id) AS id, a, max(b) AS b, max(c) AS c FROM " + a.from() + " WHERE " + g.condition(0, a) + " GROUP BY a"
	}
	w.said = append(w.said, "CREATE VIEW "+name+" AS "+text)
	w.views = append(w.views, table{name, columns})
}

// tell asks the catalogue for the schema.
func (w *postgresWorld) tell() {
	w.told = &readset.Schema{Dialect: "postgres", Encoding: "UTF-8", Path: []string{w.schema, "public"}, Tables: map[string]*readset.Table{}, Functions: map[string]bool{}}
	rows, err := w.write.Query(context.Background(), `SELECT c.relname, c.relkind = 'v', CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) ELSE '' END,
		a.attname, CASE WHEN y.typtype = 'e' THEN 'enum ' ELSE '' END || format_type(a.atttypid, a.atttypmod), COALESCE(l.collname, ''),
		ARRAY(SELECT pg_get_expr(o.polqual, o.polrelid) FROM pg_policy o WHERE o.polrelid = c.oid)
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 JOIN pg_type y ON y.oid = a.atttypid
		LEFT JOIN pg_collation l ON l.oid = a.attcollation
		WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'v') ORDER BY c.oid, a.attnum`, w.schema)
	if err != nil {
		w.t.Fatal(err)
	}
	for rows.Next() {
		var name, definition, collation string
		var view bool
		var policies []string
		var c readset.Column
		if err := rows.Scan(&name, &view, &definition, &c.Name, &c.Type, &collation, &policies); err != nil {
			w.t.Fatal(err)
		}
		name = w.schema + "." + name
		c.Collation = map[string]string{"C": "C", "words": "deterministic", "default": "deterministic"}[collation]
		if w.told.Tables[name] == nil {
			w.told.Tables[name] = &readset.Table{Name: name, View: view, Definition: definition, Policies: policies}
		}
		w.told.Tables[name].Columns = append(w.told.Tables[name].Columns, c)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
}

// describe prepares a statement and asks which tables the database locked for
// it. Prepared, it is known by its text's number.
func (w *postgresWorld) describe(text string) (*readset.Statement, string, error) {
	name := fmt.Sprintf("s%x", hash(text))
	if s := w.ready[text]; s != nil {
		return s, name, nil
	}
	ctx := context.Background()
	tx, err := w.reads.Begin(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Prepare(ctx, name, text); err != nil {
		return nil, "", err
	}
	rows, err := tx.Query(ctx, `SELECT DISTINCT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
		WHERE l.pid = pg_backend_pid() AND c.relnamespace = $1::regnamespace AND c.relkind = 'r' ORDER BY 1`, w.schema)
	if err != nil {
		w.t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.t.Fatal(err)
	}
	s := &readset.Statement{Text: text, Schema: w.told}
	for _, name := range names {
		s.Reads = append(s.Reads, readset.Read{Table: w.schema + "." + name, Columns: []string{readset.AnyColumn}})
	}
	w.ready[text] = s
	return s, name, nil
}

func hash(text string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return h
}

// ask is a statement that is to be run.
type ask struct {
	name string
	args []any
}

// results runs prepared statements at once: what each returns, in no order.
func (w *postgresWorld) results(asks []ask) ([]string, error) {
	var batch pgx.Batch
	for _, a := range asks {
		batch.Queue(a.name, a.args...)
	}
	answers := w.reads.SendBatch(context.Background(), &batch)
	list := make([]string, len(asks))
	for i := range asks {
		rows, err := answers.Query()
		if err != nil {
			_ = answers.Close()
			return nil, fmt.Errorf("statement %d: %w", i, err)
		}
		var lines []string
		for rows.Next() {
			lines = append(lines, fmt.Sprintf("%q", rows.RawValues()))
		}
		if rows.Err() != nil {
			_ = answers.Close()
			return nil, fmt.Errorf("statement %d: %w", i, rows.Err())
		}
		slices.Sort(lines)
		list[i] = strings.Join(lines, "\n")
	}
	return list, answers.Close()
}
