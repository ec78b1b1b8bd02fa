package ivm_test

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

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/sqlite"
	driversqlite "modernc.org/sqlite"
)

// foreign is a collation that Go does not know: texts from their end.
const foreign = "backwards"

func init() {
	driversqlite.MustRegisterCollationUtf8(foreign, func(a, b string) int {
		x, y := []byte(a), []byte(b)
		slices.Reverse(x)
		slices.Reverse(y)
		return slices.Compare(x, y)
	})
}

// world is a database with one table that lists are made of and two whose rows
// are nested in them, and what its source tells of them.
type world struct {
	*rand.Rand
	t       testing.TB
	db      *sql.DB
	writer  *sql.DB // db, or the handle of another process
	masked  bool    // of rows before a change the source tells the key alone
	outside bool    // it is the latter
	source  *sqlite.Source
	next    func() (change.Changeset, error, bool)
	columns []column
	keys    []int // places in columns
	added   int   // columns by DDL
	at      change.Position
	said    []string
}

type column struct {
	name, declared, likes string
	as                    predicate.Column
}

func numbers(name string) predicate.Column {
	return predicate.Column{Name: name, Kind: predicate.Number, Collation: predicate.Binary}
}

func texts(name string, c predicate.Collation) predicate.Column {
	return predicate.Column{Name: name, Kind: predicate.Text, Collation: c}
}

// newWorld makes a database that follows from the seed. Where the world is a
// strange one, texts have a collation that Go does not know.
func newWorld(t testing.TB, seed uint64, strange bool) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 11)), t: t}
	w.outside = w.IntN(4) == 0
	config := sqlite.Config{Path: filepath.Join(t.TempDir(), "w.db"), Pragmas: []string{"synchronous(OFF)", "recursive_triggers(1)"}, TriggerLog: w.outside}
	var err error
	if w.db, w.source, err = config.Open(); err != nil {
		t.Fatal(err)
	}
	w.db.SetMaxOpenConns(1)
	w.writer = w.db
	w.declare(strange)
	if w.outside {
		if w.writer, err = sql.Open("sqlite", config.Path+"?_pragma=synchronous(OFF)&_pragma=recursive_triggers(1)&_pragma=busy_timeout(5000)"); err != nil {
			t.Fatal(err)
		}
		w.writer.SetMaxOpenConns(1)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.at = w.source.Position()
	next, stop := iter.Pull2(w.source.Stream(ctx, w.at))
	w.next = next
	t.Cleanup(func() {
		cancel()
		stop()
		_ = w.writer.Close()
		_ = w.db.Close()
		_ = w.source.Close()
	})
	return w
}

func (w *world) declare(strange bool) {
	w.columns = []column{
		{"n", "INTEGER", "few", numbers("n")},
		{"i", "INTEGER", "int", numbers("i")},
		{"r", "REAL", "number", numbers("r")},
		{"d", "DECIMAL(10,2)", "number", numbers("d")},
		{"s", "TEXT", "text", texts("s", predicate.Binary)},
		{"c", "TEXT COLLATE NOCASE", "case", texts("c", predicate.NoCase)},
		{"e", "VARCHAR(20) COLLATE RTRIM", "text", texts("e", predicate.RTrim)},
		{"b", "BLOB", "any", predicate.Column{Name: "b", Kind: predicate.Plain, Collation: predicate.Binary}},
		{"o", "", "any", predicate.Column{Name: "o", Kind: predicate.Plain, Collation: predicate.Binary}},
		{"at", "DATETIME", "time", numbers("at")},
		{"ok", "BOOLEAN", "bool", numbers("ok")},
		{"j", "JSON", "word", numbers("j")},
	}
	if strange {
		w.columns[4] = column{"s", "TEXT COLLATE " + foreign, "text", texts("s", predicate.Foreign)}
	}
	key, tail := "", ""
	switch w.IntN(4) {
	case 0, 1:
		w.columns = append([]column{{"id", "INTEGER PRIMARY KEY", "id", numbers("id")}}, w.columns...)
		w.keys = []int{0}
	case 2:
		w.columns = append([]column{{"id", "TEXT NOT NULL PRIMARY KEY COLLATE NOCASE", "word", texts("id", predicate.NoCase)}}, w.columns...)
		w.keys = []int{0}
	default:
		w.columns = append([]column{{"k", "TEXT NOT NULL", "letter", texts("k", predicate.Binary)}, {"id", "INTEGER NOT NULL", "id", numbers("id")}}, w.columns...)
		w.keys = []int{1, 0}
		key, tail = ", PRIMARY KEY (id, k)", " WITHOUT ROWID"
	}
	var parts []string
	for _, c := range w.columns {
		parts = append(parts, c.name+" "+c.declared)
	}
	w.must(w.db, "CREATE TABLE t ("+strings.Join(parts, ", ")+key+")"+tail)
	w.must(w.db, "CREATE TABLE kid (kid INTEGER PRIMARY KEY, of INTEGER, note TEXT)")
	w.must(w.db, "CREATE TABLE owner (id INTEGER PRIMARY KEY, name TEXT)")
	for i := range 6 {
		w.must(w.db, "INSERT INTO owner VALUES (?, ?)", i, fmt.Sprint("owner ", i))
	}
	for range 20 + w.IntN(200) {
		w.insert(w.db, "INSERT OR IGNORE")
		w.must(w.db, "INSERT INTO kid (of, note) VALUES (?, ?)", w.value("few"), w.value("text"))
	}
}

type execer interface {
	Exec(string, ...any) (sql.Result, error)
}

func (w *world) must(db execer, text string, args ...any) {
	w.t.Helper()
	if _, err := db.Exec(text, args...); err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
}

// value is one that a column likes, as a statement hands it over.
func (w *world) value(likes string) any {
	if likes != "id" && likes != "word" && likes != "letter" && w.IntN(8) == 0 {
		return nil
	}
	near := []int64{0, 1 << 53, -1 << 53, 1 << 62, math.MaxInt64 - 4, math.MinInt64 + 4}[w.IntN(6)] + w.Int64N(9) - 4
	switch likes {
	case "id":
		return w.Int64N(400)
	case "few":
		return w.Int64N(6)
	case "bool":
		return w.Int64N(2)
	case "int":
		return near
	case "float":
		return []float64{float64(near), 0.5, -0.25, math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 1e300, float64(w.IntN(9)) / 4}[w.IntN(8)]
	case "number":
		if w.IntN(2) == 0 {
			return w.value("int")
		}
		return w.value("float")
	case "time":
		return fmt.Sprintf("2026-11-%02d 10:00:00.%06d", 1+w.IntN(28), w.IntN(3))
	case "letter":
		return []string{"a", "A", "b", "é"}[w.IntN(4)]
	case "word":
		return fmt.Sprint([]string{"a", "A", "b", "ß", "Zz", "é"}[w.IntN(6)], w.IntN(60))
	case "case": // what NOCASE makes of a NUL Go does not know
		return strings.ReplaceAll(w.text(), "\x00", "")
	case "text":
		return w.text()
	}
	if w.IntN(5) == 0 {
		return []byte(w.text())
	}
	return w.value([]string{"few", "float", "text", "int"}[w.IntN(4)])
}

func (w *world) text() string {
	letters := []string{"a", "A", "b", "B", "_", "Z", " ", "é", "É", "😀", "1", ""}
	if !w.outside && w.IntN(20) == 0 { // the trigger log does not know texts with a NUL
		letters = append(letters, "\x00", "\xff")
	}
	var b strings.Builder
	for range w.IntN(4) {
		b.WriteString(letters[w.IntN(len(letters))])
	}
	return b.String()
}

func (w *world) insert(db execer, verb string) {
	var marks []string
	var names []string
	var args []any
	for _, c := range w.columns {
		names, marks, args = append(names, c.name), append(marks, "?"), append(args, w.value(c.likes))
	}
	w.run(db, verb+" INTO t ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(marks, ", ")+")", args...)
}

// run runs a statement that may break a constraint.
func (w *world) run(db execer, text string, args ...any) {
	w.said = append(w.said, fmt.Sprintf("%s %v", text, args))
	_, err := db.Exec(text, args...)
	if err != nil && !strings.Contains(err.Error(), "constraint failed") {
		w.t.Fatalf("%s: %v", text, err)
	}
}

func (w *world) id() int {
	return slices.IndexFunc(w.columns, func(c column) bool { return c.name == "id" })
}

// statement runs one statement at random.
func (w *world) statement(db execer) {
	id := w.columns[w.id()]
	c := w.columns[w.id()+1+w.IntN(len(w.columns)-w.id()-1)]
	switch w.IntN(20) {
	case 0, 1, 2:
		w.insert(db, "INSERT OR IGNORE")
	case 3:
		w.insert(db, "REPLACE")
	case 4, 5, 6, 7, 8:
		w.run(db, "UPDATE t SET "+c.name+" = ? WHERE id = (SELECT id FROM t ORDER BY random() LIMIT 1)", w.value(c.likes))
	case 9:
		w.run(db, "UPDATE t SET "+c.name+" = ? WHERE n = ?", w.value(c.likes), w.value("few"))
	case 10:
		w.run(db, "UPDATE t SET n = n + 1")
	case 11:
		w.run(db, "UPDATE OR IGNORE t SET id = ? WHERE id = (SELECT id FROM t ORDER BY random() LIMIT 1)", w.value(id.likes))
	case 12:
		w.run(db, "UPDATE OR REPLACE t SET id = ? WHERE id = (SELECT id FROM t ORDER BY random() LIMIT 1)", w.value(id.likes))
	case 13, 14:
		w.run(db, "DELETE FROM t WHERE id = (SELECT id FROM t ORDER BY random() LIMIT 1)")
	case 15:
		w.run(db, "DELETE FROM t WHERE n = ? AND i < 0", w.value("few"))
	case 16:
		w.run(db, "INSERT INTO kid (of, note) VALUES (?, ?)", w.value("id"), w.value("text"))
	case 17:
		w.run(db, "UPDATE kid SET of = ?, note = ? WHERE kid = (SELECT kid FROM kid ORDER BY random() LIMIT 1)", w.value("few"), w.value("text"))
	case 18:
		w.run(db, "DELETE FROM kid WHERE kid = (SELECT kid FROM kid ORDER BY random() LIMIT 1)")
	default:
		w.run(db, "UPDATE owner SET name = ? WHERE id = ?", w.text(), w.value("few"))
	}
}

// transaction commits a few statements, or now and then something large, and
// returns what the source says. ddl: the schema is another.
func (w *world) transaction() (sets []*change.Changeset, ddl bool) {
	sets = w.commit(func(tx execer) {
		switch w.IntN(40) {
		case 0:
			w.run(tx, "DELETE FROM t")
		case 1:
			w.added++
			name := fmt.Sprint("x", w.added)
			w.run(tx, "ALTER TABLE t ADD COLUMN "+name+" INTEGER DEFAULT 3")
			w.columns = append(w.columns, column{name, "INTEGER", "few", numbers(name)})
			ddl = true
		case 2:
			w.large(tx)
		default:
			for range 1 + w.IntN(1+w.IntN(6)) {
				w.statement(tx)
			}
		}
	})
	return sets, ddl
}

// commit writes, and returns what the source says.
func (w *world) commit(write func(execer)) []*change.Changeset {
	w.said = w.said[:0]
	tx, err := w.writer.Begin()
	if err != nil {
		w.t.Fatal(err)
	}
	write(tx)
	if err := tx.Commit(); err != nil {
		w.t.Fatal(err)
	}
	pinned, err := w.source.Pin(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	upTo := pinned.Position()
	_ = pinned.Close()
	return w.follow(upTo)
}

// large inserts or updates many rows.
func (w *world) large(db execer) {
	if w.IntN(2) == 0 {
		for range 12 {
			w.run(db, "UPDATE t SET n = coalesce(n, 0) + 1, i = i / 2")
		}
		return
	}
	rest := ""
	if w.keys[0] != 0 {
		rest = ", k"
	}
	of := "t.id || '.' || x"
	if w.columns[w.keys[0]].likes == "id" {
		of = "1000 + x"
	}
	w.run(db, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 700) "+
		"INSERT OR IGNORE INTO t (id, n, s"+rest+") SELECT "+of+", x % 7, 's' || x"+rest+" FROM c, (SELECT * FROM t LIMIT 1) t")
	w.run(db, "DELETE FROM t WHERE n = 3 AND s LIKE 's%'")
}

// follow reads the stream up to a position.
func (w *world) follow(upTo change.Position) (sets []*change.Changeset) {
	for !w.at.Reaches(upTo) {
		set, err, ok := w.next()
		if err != nil || !ok {
			w.t.Fatalf("the stream ends: %v", err)
		}
		w.at = set.Position
		if w.masked {
			set.Changes = slices.Clone(set.Changes)
			for i := range set.Changes {
				w.mask(&set.Changes[i])
			}
		}
		sets = append(sets, &set)
	}
	return sets
}

// mask leaves of a change what a log tells that writes no more of old rows than
// their key, and no long texts that are as they were.
func (w *world) mask(c *change.Change) {
	keys := []int{0} // of kid and owner
	if c.Table == "t" {
		keys = w.keys
	}
	old := c.Old
	if old == nil {
		return
	}
	c.Old = slices.Repeat([]any{change.Unknown}, len(old))
	for _, at := range keys {
		c.Old[at] = old[at]
	}
	if c.Kind != change.Update || c.Table != "t" || len(c.New) != len(old) || w.IntN(4) > 0 {
		return
	}
	c.New = slices.Clone(c.New)
	for i, name := range c.Columns {
		if (name == "s" || name == "o") && change.Equal(old[i], c.New[i]) {
			c.New[i] = change.Unknown
		}
	}
}
