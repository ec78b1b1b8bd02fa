package where_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/wakeful-dev/wakeful/internal/dialect"
	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/sqlite"
	"github.com/wakeful-dev/wakeful/where"
	driversqlite "modernc.org/sqlite"
)

func init() {
	driversqlite.MustRegisterCollationUtf8("BACKWARDS", func(a, b string) int { return strings.Compare(b, a) })
}

const lawSchema = `
CREATE TABLE other (id INTEGER PRIMARY KEY, name TEXT, code TEXT COLLATE NOCASE UNIQUE, next REFERENCES other, "what? ""x""" INT);
CREATE TABLE pair (a INT, b TEXT, v, PRIMARY KEY (a, b));
CREATE TABLE lax (
	"key" INTEGER PRIMARY KEY, i INTEGER, r REAL, d DECIMAL(10,2), n, t TEXT, tn VARCHAR(20) COLLATE NOCASE, tr TEXT COLLATE RTRIM,
	tb TEXT COLLATE BACKWARDS, b BLOB, bo BOOLEAN, ts TIMESTAMP, da DATE, u UUID, j JSON, odd STRING,
	gv AS (i + 1), gs TEXT AS (t || 'x') STORED,
	other INT REFERENCES other, code TEXT COLLATE NOCASE REFERENCES other (code), codeb TEXT REFERENCES other (code),
	pa INT, pb TEXT, FOREIGN KEY (pa, pb) REFERENCES pair);
CREATE TABLE strict (
	"key" INTEGER PRIMARY KEY, i INT NOT NULL, r REAL, t TEXT, tn TEXT COLLATE NOCASE, b BLOB, a ANY, other INT REFERENCES other) STRICT;
CREATE INDEX lax_t ON lax (t);
CREATE INDEX lax_tn ON lax (tn);
`

// world is a database with random rows.
type world struct {
	t      testing.TB
	random *rand.Rand
	db     *sql.DB
	source *sqlite.Source
	schema *schema.Schema
	// refuser says what the database cannot read, nil where it reads anything.
	refuser schema.Refuser

	refused, rows, plain, asks, plainAsks int
}

func newWorld(t testing.TB, seed uint64) *world {
	t.Helper()
	db, source, err := sqlite.Config{Path: filepath.Join(t.TempDir(), "law.db"), Pragmas: []string{"foreign_keys(0)"}}.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(); _ = source.Close() })
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 1)), db: db, source: source}
	if _, err := db.Exec(lawSchema); err != nil {
		t.Fatal(err)
	}
	if w.schema, err = source.Schema(context.Background()); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) chance(n int) bool { return w.random.IntN(n) == 0 }

func pick[T any](w *world, list []T) T { return list[w.random.IntN(len(list))] }

var (
	integers = []int64{0, 1, 2, 3, 10, -1, 42, 1 << 53, 1<<53 + 1, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1}
	floats   = []float64{0, 0.5, 1, 1.5, -0.5, 1e300, -1e300, 1 << 53, 1 << 63, -1 << 63, math.Inf(1), math.Inf(-1), 0.1, 1e-9, 123456.789, 1e15}
	strs     = []string{"", "a", "A", "ab", "aB", "Ab", "abc", "abd", "b", "a ", "a  ", " a", "%", "_", "a%b", "a_b", "a%", "*", "[a]", "?", "a*b",
		`a\b`, "ä", "Ä", "aä", "\U0010ffff", "a\U0010ffff", "\U0010ffff\U0010ffff", "1", "10", "1.5", "1e3", "0x10", " 1", "01", "true", "ß", "日本",
		"\ufffd", "\ufffe", "\ud7ff", "\ue000", "[", "^", "-1", "9223372036854775808", "K", "\u212a", "{\"a\":1}", "x\ty"}
	wild  = []string{"a\x00b", "\x00", "\xff", "a\xff", "\xc3", "a\x80"}
	times = []string{"2026-01-02 03:04:05", "2026-01-02 03:04:06", "2026-01-02", "2025-12-31 23:59:59.5"}
	uuids = []string{"123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-000000000000"}
	blobs = [][]byte{{}, {0}, []byte("a"), []byte("abc"), {0xff}, []byte("ab")}
)

// own is a value of a column's own type, as it is stored.
func (w *world) own(c *schema.Column) any {
	switch c.Type {
	case schema.Integer:
		return pick(w, integers)
	case schema.Float, schema.Decimal:
		if w.chance(2) {
			return pick(w, integers)
		}
		return pick(w, floats)
	case schema.Text:
		return pick(w, strs)
	case schema.Bytes:
		return pick(w, blobs)
	case schema.Boolean:
		return int64(w.random.IntN(2))
	case schema.Timestamp:
		return pick(w, times)
	case schema.Date:
		return pick(w, times)[:10]
	case schema.UUID:
		return pick(w, uuids)
	case schema.JSON:
		return pick(w, []string{"{}", "[1]", "{\"a\":1}", "\"a\"", "5", "true"})
	}
	return w.any()
}

func (w *world) any() any {
	switch w.random.IntN(8) {
	case 0:
		return nil
	case 1:
		return pick(w, integers)
	case 2:
		return pick(w, floats)
	case 3:
		return pick(w, blobs)
	case 4:
		return pick(w, wild)
	case 5:
		return pick(w, times)
	}
	return pick(w, strs)
}

// fill puts random rows into the tables.
func (w *world) fill(n int) {
	for _, t := range w.schema.Tables {
		for range n {
			var names, marks []string
			var args []any
			for i := range t.Columns {
				c := &t.Columns[i]
				if c.Generated || c.Auto && w.chance(2) {
					continue
				}
				v := w.own(c)
				switch {
				case w.refers(t, c.Name):
					v = int64(w.random.IntN(2 * n))
				case c.Auto:
					v = int64(w.random.IntN(2 * n))
				case w.chance(8) && c.Nullable:
					v = nil
				case w.chance(4) && !c.Strict:
					v = w.any()
				}
				names, marks, args = append(names, where.Quote(c.Name)), append(marks, "?"), append(args, v)
			}
			_, err := w.db.Exec("INSERT OR IGNORE INTO "+where.Quote(t.Name)+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(marks, ", ")+")", args...)
			if err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

func (w *world) refers(t *schema.Table, column string) bool {
	key := where.KeyOf(t, column)
	return key != nil && w.schema.Table(key.Table).Column(key.To[slices.Index(key.Columns, column)]).Type == schema.Integer && !w.chance(4)
}

// argument is a value as Go code, a URL or a token would give it.
func (w *world) argument(c *schema.Column) any {
	if c.Native != "" {
		return w.typedArgument(c)
	}
	v := w.own(c)
	if w.chance(6) && c.Type == schema.Any || w.chance(12) {
		v = w.any()
	}
	if w.chance(10) {
		if found := w.found(c); found != nil {
			return where.Stored(found)
		}
	}
	switch x := v.(type) {
	case int64:
		switch w.random.IntN(5) {
		case 0:
			return strconv.FormatInt(x, 10)
		case 1:
			if x == int64(int(x)) {
				return int(x)
			}
		case 2:
			return float64(x)
		case 3:
			if c.Type == schema.Boolean {
				return x == 1
			}
		}
	case string:
		if at, err := time.Parse(time.DateTime, x); err == nil && w.chance(3) {
			return at
		}
	}
	return v
}

// found is a value that is stored in a column, nil where there is none.
func (w *world) found(c *schema.Column) (v any) {
	for _, t := range w.schema.Tables {
		if t.Column(c.Name) == c {
			of := dialect.Of(w.schema)
			text := fmt.Sprintf("SELECT %s FROM %s AS x LIMIT 1 OFFSET %d", of.AppendStored(nil, "x", c), of.AppendTable(nil, t), w.random.IntN(40))
			if err := w.db.QueryRow(text).Scan(&v); err != nil && !errors.Is(err, sql.ErrNoRows) {
				w.t.Fatal(err)
			}
		}
	}
	return v
}

var textuals = []func(string, string) where.Expr{where.Contains, where.IContains, where.StartsWith, where.IStartsWith, where.EndsWith, where.IEndsWith, where.IExact}
var comparisons = []func(string, any) where.Expr{where.Eq, where.Ne, where.Lt, where.Le, where.Gt, where.Ge}

// expr makes a condition that may name too much, or be of a wrong type.
func (w *world) expr(t *schema.Table, depth int) where.Expr {
	if depth > 0 && w.chance(2) {
		switch w.random.IntN(6) {
		case 0, 1:
			return where.And(w.list(t, depth-1)...)
		case 2, 3:
			return where.Or(w.list(t, depth-1)...)
		case 4:
			return where.Not(w.expr(t, depth-1))
		default:
			if len(t.Foreign) > 0 {
				key := pick(w, t.Foreign)
				return where.Via(pick(w, key.Columns), w.expr(w.schema.Table(key.Table), depth-1))
			}
		}
	}
	c := &t.Columns[w.random.IntN(len(t.Columns))]
	switch w.random.IntN(9) {
	case 0:
		if w.chance(2) {
			return where.IsNull(c.Name)
		}
		return where.NotNull(c.Name)
	case 1:
		return where.In(c.Name, w.argument(c), w.argument(c), w.argument(c))
	case 2:
		return where.Between(c.Name, w.argument(c), w.argument(c))
	case 3, 4:
		text := pick(w, strs)
		if w.chance(20) {
			text = pick(w, wild)
		}
		return pick(w, textuals)(c.Name, text)
	case 5:
		if w.chance(5) {
			return pick(w, []where.Expr{where.All(), where.None()})
		}
	}
	return pick(w, comparisons)(c.Name, w.argument(c))
}

func (w *world) list(t *schema.Table, depth int) []where.Expr {
	list := make([]where.Expr, w.random.IntN(4))
	for i := range list {
		list[i] = w.expr(t, depth)
	}
	return list
}

// stored reads all rows as they are stored, and whether the condition is met.
func (w *world) stored(t *schema.Table, b *where.Bound) (rows [][]any, met []bool) {
	var list []string
	of := dialect.Of(w.schema)
	for i := range t.Columns {
		list = append(list, string(of.AppendStored(nil, "x", &t.Columns[i])))
	}
	text, args := b.AppendSQL(nil, "x", nil)
	query := fmt.Sprintf("SELECT x.\"key\" IN (SELECT x.\"key\" FROM %[1]s AS x WHERE %[2]s), %[3]s FROM %[1]s AS x",
		of.AppendTable(nil, t), text, strings.Join(list, ", "))
	found, err := w.db.Query(query, args...)
	if err == nil && w.refuser != nil {
		defer found.Close()
		if found.Next(); found.Err() != nil {
			err = found.Err()
		} else {
			found.Close()
			found, err = w.db.Query(query, args...)
		}
	}
	if w.refuser != nil && err != nil {
		if r := w.refuser.Refusal(err); r != nil && r.Reason == schema.Mistyped {
			w.refused++
			return nil, nil
		}
	}
	if err != nil {
		w.t.Fatalf("%s %v: %v", query, args, err)
	}
	defer found.Close()
	for found.Next() {
		row, into := make([]any, len(list)), make([]any, len(list)+1)
		var yes bool
		into[0] = &yes
		for i := range row {
			into[i+1] = &row[i]
		}
		if err := found.Scan(into...); err != nil {
			w.t.Fatal(err)
		}
		rows, met = append(rows, row), append(met, yes)
	}
	if err := found.Err(); err != nil {
		w.t.Fatal(err)
	}
	return rows, met
}

// ordinary reports whether the values that a condition is about are of their
// columns' own types, and all texts are texts.
func ordinary(t *schema.Table, columns []string, row []any) bool {
	for _, name := range columns {
		i := t.Place(name)
		fits := false
		switch v := row[i].(type) {
		case nil:
			fits = true
		case int64:
			switch t.Columns[i].Type {
			case schema.Integer, schema.Float, schema.Decimal, schema.Boolean, schema.Any:
				fits = true
			}
		case float64:
			switch t.Columns[i].Type {
			case schema.Float, schema.Decimal:
				fits = true
			}
		case string:
			switch t.Columns[i].Type {
			case schema.Text, schema.Timestamp, schema.Date, schema.UUID, schema.JSON, schema.Any:
				fits = utf8.ValidString(v) && strings.IndexByte(v, 0) < 0
			}
		case []byte:
			fits = t.Columns[i].Type == schema.Bytes || t.Columns[i].Type == schema.Any
		}
		if !fits {
			return false
		}
	}
	return true
}

// check asks one condition of the database and of memory.
func (w *world) check(t *schema.Table, e where.Expr) {
	b, err := where.Bind(e, t, w.schema)
	if err != nil {
		return
	}
	rows, met := w.stored(t, b)
	match := b.Match(t.Names())
	for i, row := range rows {
		w.rows++
		plain := b.Asks() == "" && w.source != nil && ordinary(t, b.Columns(), row)
		if plain {
			w.plain++
		}
		switch truth := match(row); {
		case truth == ivm.Ask:
			w.asks++
			if plain {
				w.plainAsks++
				w.t.Errorf("%s: asked of %#v, though nothing is said that would be", b.Canonical(), row)
			}
		case (truth == ivm.True) != met[i]:
			text, args := b.AppendSQL(nil, "x", nil)
			w.t.Fatalf("%s\n%s %q\nis %d in memory, and %t to the database, of\n%s %#v", b.Canonical(), text, args, truth, met[i], t.Names(), row)
		}
	}
}

// TestLaw: the rows that SQL finds are those that Match says are in.
func TestLaw(t *testing.T) {
	worlds, exprs := 6, 300
	if os.Getenv("WAKEFUL_LONG") != "" {
		worlds, exprs = 60, 4000
	}
	if os.Getenv("WAKEFUL_RACE") != "" {
		worlds, exprs = 2, 80
	}
	var rows, plain, asks int
	for seed := range worlds {
		w := newWorld(t, uint64(seed))
		w.fill(40)
		for i := range exprs {
			table := w.schema.Table([]string{"lax", "strict"}[i%2])
			w.check(table, w.expr(table, i%4))
		}
		rows, plain, asks = rows+w.rows, plain+w.plain, asks+w.asks
	}
	t.Logf("%d rows decided, %d asked (%.1f %%); %d of ordinary values in columns of which nothing is asked, 0 asked",
		rows-asks, asks, 100*float64(asks)/float64(rows), plain)
	if plain < rows/4 {
		t.Errorf("only %d of %d rows were plain cases", plain, rows)
	}
}
