package query_test

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/sqlite"
)

// world is a database with a random schema, and what its source tells of it.
type world struct {
	*rand.Rand
	t      testing.TB
	db     *sql.DB
	conn   *sql.Conn
	source *sqlite.Source
	next   func() (change.Changeset, error, bool)
	tables []table
	views  []table
	now    time.Time
	said   []string // what was run, for a failure

	prepared map[string]*sql.Stmt
}

// table is a table or a view with its columns, the key first.
type table struct {
	name    string
	columns []col
}

type col struct{ name, kind string }

// kinds are declared types with what a column of it likes to hold.
var kinds = []struct{ declared, likes string }{
	{"INTEGER", "int"}, {"INT", "int"}, {"BOOLEAN", "int"}, {"REAL", "float"}, {"NUMERIC", "int"},
	{"TEXT", "text"}, {"VARCHAR(20)", "text"}, {"TEXT COLLATE NOCASE", "text"}, {"TEXT COLLATE RTRIM", "text"},
	{"BLOB", "blob"}, {"", "any"}, {"DATETIME", "int"}, {"TEXT NOT NULL DEFAULT 'a'", "text"},
}

// newWorld makes a database with a schema that follows from the seed.
func newWorld(t testing.TB, seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 7)), t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		prepared: map[string]*sql.Stmt{}}
	config := sqlite.Config{Path: filepath.Join(t.TempDir(), "w.db"), Pragmas: []string{"synchronous(OFF)", "recursive_triggers(1)"}}
	var err error
	if w.db, w.source, err = config.Open(); err != nil {
		t.Fatal(err)
	}
	w.db.SetMaxOpenConns(1)
	if w.conn, err = w.db.Conn(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		w.table(i)
	}
	w.must(`CREATE TABLE link (parent, child, kind TEXT)`)
	w.tables = append(w.tables, table{"link", []col{{"parent", "any"}, {"child", "any"}, {"kind", "text"}}})
	for i := range 2 {
		w.view(i)
	}
	// Three whose rows meet often, for the forms that set a trap.
	for i, name := range []string{"p", "q"} {
		collation := []string{"NOCASE", "RTRIM"}[i]
		w.must("CREATE TABLE " + name + " (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, c TEXT COLLATE " + collation + ")")
		w.tables = append(w.tables, table{name, []col{{"id", "int"}, {"a", "few"}, {"b", "few"}, {"c", "text"}}})
	}
	w.must("CREATE TABLE e (id INTEGER PRIMARY KEY, at INTEGER)")
	w.tables = append(w.tables, table{"e", []col{{"id", "int"}, {"at", "time"}}})
	for range 40 {
		w.write()
	}
	w.said = nil
	ctx, cancel := context.WithCancel(t.Context())
	next, stop := iter.Pull2(w.source.Stream(ctx, w.source.Position()))
	w.next = next
	t.Cleanup(func() {
		cancel()
		stop()
		_ = w.conn.Close()
		_ = w.db.Close()
		_ = w.source.Close()
	})
	return w
}

func (w *world) must(text string) {
	if _, err := w.conn.ExecContext(context.Background(), text); err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
}

func (w *world) table(i int) {
	tb := table{name: fmt.Sprintf("t%d", i)}
	def, tail := "", ""
	switch w.IntN(5) {
	case 0, 1:
		def = "id INTEGER PRIMARY KEY"
		tb.columns = append(tb.columns, col{"id", "int"})
	case 2:
		def, tail = "id TEXT PRIMARY KEY COLLATE NOCASE", " WITHOUT ROWID"
		tb.columns = append(tb.columns, col{"id", "text"})
	case 3:
		def = "id INT UNIQUE"
		tb.columns = append(tb.columns, col{"id", "int"})
	default:
		def = "id"
		tb.columns = append(tb.columns, col{"id", "any"})
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		k := kinds[w.IntN(len(kinds))]
		if name == "d" && w.IntN(6) == 0 {
			stored := w.pick("VIRTUAL", "STORED", "STORED")
			def += ", d GENERATED ALWAYS AS (a) " + stored
			tb.columns = append(tb.columns, col{"d", map[string]string{"STORED": "made", "VIRTUAL": "virtual"}[stored]})
			continue
		}
		def += ", " + name + " " + k.declared
		tb.columns = append(tb.columns, col{name, k.likes})
	}
	w.must("CREATE TABLE " + tb.name + " (" + def + ")" + tail)
	if w.IntN(2) == 0 {
		w.must("CREATE INDEX i" + tb.name + " ON " + tb.name + " (" + w.pick("a", "b", "a, b", "c COLLATE NOCASE") + ")")
	}
	w.tables = append(w.tables, tb)
	if w.IntN(3) == 0 {
		w.write()
		w.must("ALTER TABLE " + tb.name + " ADD COLUMN e INTEGER DEFAULT 2")
		w.tables[len(w.tables)-1].columns = append(tb.columns, col{"e", "int"})
	}
}

func (w *world) view(i int) {
	name := fmt.Sprintf("v%d", i)
	g := &generator{world: w, style: 'l'}
	a := g.use(w.tables[w.IntN(3)], "x")
	text := "SELECT x.id, x.a AS a, x.b b, x.c FROM " + a.table.name + " x"
	switch w.IntN(4) {
	case 0:
		text += " WHERE " + g.condition(1, a)
	case 1:
		b := g.use(w.tables[w.IntN(3)], "y")
		text = "SELECT x.id, x.a, y.b, y.c FROM " + a.table.name + " x " + w.pick("LEFT JOIN ", "JOIN ") + b.table.name + " y ON x.a = y.a"
	case 2:
		text = "SELECT max(id) AS id, a, count(*) AS b, min(c) AS c FROM " + a.table.name + " AS x WHERE " + g.condition(0, a) + " GROUP BY a"
	}
	w.must("CREATE VIEW " + name + " AS " + text)
	w.views = append(w.views, table{name, []col{{"id", "int"}, {"a", "any"}, {"b", "any"}, {"c", "any"}}})
}

func (w *world) pick(list ...string) string { return list[w.IntN(len(list))] }

// value is a random value that a column might hold or be compared with: most
// often what it likes, few enough that they meet.
func (w *world) value(kind string) any {
	if w.IntN(12) == 0 && kind != "few" && kind != "time" {
		kind = w.pick("int", "float", "text", "blob", "null", "odd")
	}
	switch kind {
	case "int", "made", "virtual":
		return int64(w.IntN(5))
	case "few":
		return []any{int64(0), int64(1), int64(2), nil}[w.IntN(4)]
	case "time":
		return w.now.Add(time.Duration(w.IntN(181)-90) * time.Minute).Unix()
	case "float":
		return []any{0.5, 1.0, 2.5, int64(1), int64(3)}[w.IntN(5)]
	case "text":
		return w.pick("a", "A", "b", "B", "ab", "Ab", "abc", "b ", "c")
	case "blob":
		return []any{[]byte("a"), []byte("b"), "a", int64(1)}[w.IntN(4)]
	case "null":
		return nil
	case "odd":
		return []any{"1", "01", "1.0", " 1", "", "é", "É", "a%", "0", int64(1 << 60), int64(9007199254740993), math.Copysign(0, -1),
			9007199254740992.0, 1e300, "1e2", "x\x00y", []byte{}, int64(-1), true, false, int64(10), "10"}[w.IntN(22)]
	}
	return []any{int64(1), int64(2), "a", "b", "1", 1.0, nil, []byte("a")}[w.IntN(8)]
}

// write runs one to three statements in a transaction. It may fail.
func (w *world) write() {
	n := 1
	if w.IntN(3) == 0 {
		n = 2 + w.IntN(2)
		w.exec("BEGIN")
	}
	for range n {
		w.one()
	}
	if n > 1 {
		if w.IntN(8) == 0 {
			w.exec("ROLLBACK")
		} else {
			w.exec("COMMIT")
		}
	}
}

func (w *world) exec(text string, args ...any) {
	w.said = append(w.said, fmt.Sprintf("%s %#v", text, args))
	_, _ = w.conn.ExecContext(context.Background(), text, args...)
}

func (w *world) one() {
	tb := w.tables[w.IntN(len(w.tables))]
	if tb.name == "link" && w.IntN(2) == 0 {
		tb = w.tables[0]
	}
	if tb.name == "e" {
		w.exec("INSERT OR REPLACE INTO e VALUES (?, ?)", int64(w.IntN(8)), w.value("time"))
		return
	}
	var names []string
	var values []any
	for _, c := range tb.columns {
		if c.kind != "made" && c.kind != "virtual" {
			names = append(names, c.name)
			values = append(values, w.value(c.kind))
		}
	}
	if tb.columns[0].name == "id" {
		values[0] = []any{int64(w.IntN(14)), w.pick("a", "b", "C", "d")}[boolean(tb.columns[0].kind == "text")]
	}
	if w.IntN(6) == 0 && tb.name[0] == 't' {
		at := 1 + w.IntN(len(values)-1)
		values[at] = w.moment()
	}
	where := tb.columns[w.IntN(len(tb.columns))]
	switch w.IntN(9) {
	case 0, 1, 2:
		verb := w.pick("INSERT", "INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE")
		w.exec(verb+" INTO "+tb.name+" ("+strings.Join(names, ", ")+") VALUES "+marks(len(names)), values...)
	case 3:
		w.exec("INSERT OR IGNORE INTO "+tb.name+" ("+strings.Join(names, ", ")+") SELECT "+
			strings.Repeat("?, ", len(names)-1)+"? FROM (SELECT 1 UNION SELECT 2)", values...)
	case 4:
		w.exec("DELETE FROM "+tb.name+" WHERE "+where.name+" IS ?", w.value(where.kind))
	case 5:
		w.exec("UPDATE OR REPLACE "+tb.name+" SET "+names[0]+" = ? WHERE "+where.name+" = ?", values[0], w.value(where.kind))
	default:
		at := 1 + w.IntN(len(names)-1)
		w.exec("UPDATE OR IGNORE "+tb.name+" SET "+names[at]+" = ? WHERE "+where.name+" = ?", values[at], w.value(where.kind))
	}
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

func marks(n int) string { return "(" + strings.Repeat("?, ", n-1) + "?)" }

// moment is a time close to now, in one of the forms of a database.
func (w *world) moment() any {
	at := w.now.Add(time.Duration(w.IntN(121)-60) * time.Minute)
	return []any{at.Unix(), at.UnixMilli(), at.Format(time.RFC3339), at.Format(time.DateTime)}[w.IntN(4)]
}

// transaction writes and returns the changesets of it.
func (w *world) transaction() []change.Changeset {
	from := w.source.Position()
	w.said = nil
	w.write()
	var sets []change.Changeset
	for at := w.source.Position(); from != at; {
		set, err, _ := w.next()
		if err != nil {
			w.t.Fatal(err)
		}
		sets = append(sets, set)
		from = set.Position
	}
	return sets
}

// query runs a statement that is kept prepared.
func (w *world) query(text string, args []any) (*sql.Rows, error) {
	p := w.prepared[text]
	if p == nil {
		var err error
		if p, err = w.conn.PrepareContext(context.Background(), text); err != nil {
			return nil, err
		}
		w.prepared[text] = p
		w.t.Cleanup(func() { _ = p.Close() })
	}
	return p.QueryContext(context.Background(), args...)
}

// result is what a query returns now, as text, in no order.
func (w *world) result(text string, args []any) (string, error) {
	rows, err := w.query(text, args)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return "", err
	}
	values := make([]any, len(names))
	into := make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	var lines []string
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return "", err
		}
		lines = append(lines, fmt.Sprintf("%#v", values))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), rows.Err()
}
