package pgoutput

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wakeful-dev/wakeful/change"
)

// The tables of the test, one for each replica identity, and one in
// partitions. Large values are kept apart from their rows, and uncompressed.
var replayed = []struct {
	name     string
	setUp    string
	onlyNew  bool // nothing but inserts
	altering bool // columns come and go
}{
	{"by_default", "", false, false},
	{"by_index", "ALTER TABLE by_index ALTER other SET NOT NULL, REPLICA IDENTITY USING INDEX by_index_other_key", false, false},
	{"by_all", "ALTER TABLE by_all REPLICA IDENTITY FULL", false, false},
	{"by_nothing", "ALTER TABLE by_nothing REPLICA IDENTITY NOTHING", true, false},
	{"altered", "", false, true},
	{"parted", "", false, false},
}

func replayTables() []string {
	var all []string
	for _, table := range replayed {
		if table.name == "parted" {
			all = append(all, `CREATE TABLE parted (id int PRIMARY KEY, other int, n int, large text, body bytea) PARTITION BY RANGE (id)`,
				"CREATE TABLE part_1 PARTITION OF parted FOR VALUES FROM (MINVALUE) TO (1500)",
				"CREATE TABLE part_2 (body bytea, junk int, large text, n int, other int, id int NOT NULL)", "ALTER TABLE part_2 DROP junk",
				"ALTER TABLE parted ATTACH PARTITION part_2 FOR VALUES FROM (1500) TO (MAXVALUE)")
			continue
		}
		all = append(all, fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY, other int UNIQUE, n int, large text, body bytea)", table.name),
			fmt.Sprintf("ALTER TABLE %s ALTER large SET STORAGE EXTERNAL, ALTER body SET STORAGE EXTERNAL", table.name))
		if table.setUp != "" {
			all = append(all, table.setUp)
		}
	}
	return all
}

// writer writes at random in a transaction of its own, to rows that no other
// writer writes.
type writer struct {
	random *rand.Rand
	conn   *pgx.Conn
	base   int // of its ids
	depth  int // of savepoints
	open   bool
}

func (w *writer) do(t *testing.T, sql string) {
	t.Helper()
	if _, err := w.conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%.200s: %v", sql, err)
	}
}

// step does one thing.
func (w *writer) step(t *testing.T, alter bool) {
	t.Helper()
	if !w.open {
		w.do(t, "BEGIN")
		w.open, w.depth = true, 0
	}
	switch n := w.random.IntN(40); {
	case n < 4:
		w.depth++
		w.do(t, fmt.Sprintf("SAVEPOINT s%d", w.depth))
	case n < 8 && w.depth > 0:
		to := 1 + w.random.IntN(w.depth)
		w.do(t, fmt.Sprintf("ROLLBACK TO s%d", to))
		w.depth = to
	case n < 10 && w.depth > 0:
		to := 1 + w.random.IntN(w.depth)
		w.do(t, fmt.Sprintf("RELEASE s%d", to))
		w.depth = to - 1
	case n == 10:
		w.end(t)
	case n == 11 && alter:
		w.do(t, []string{"ALTER TABLE altered ADD COLUMN IF NOT EXISTS extra text DEFAULT 'x'", "ALTER TABLE altered DROP COLUMN IF EXISTS extra",
			rename("n", "m"), rename("m", "n"), "TRUNCATE altered", "ALTER TABLE altered REPLICA IDENTITY FULL",
			"ALTER TABLE altered REPLICA IDENTITY DEFAULT"}[w.random.IntN(7)])
	default:
		w.write(t)
	}
}

func rename(from, to string) string {
	return fmt.Sprintf(`DO $$ BEGIN IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'altered'::regclass AND attname = '%s')
		THEN ALTER TABLE altered RENAME %s TO %s; END IF; END $$`, from, from, to)
}

func (w *writer) end(t *testing.T) {
	t.Helper()
	if w.open {
		w.do(t, []string{"COMMIT", "COMMIT", "COMMIT", "ROLLBACK"}[w.random.IntN(4)])
	}
	w.open = false
}

// write writes one row, or many.
func (w *writer) write(t *testing.T) {
	t.Helper()
	table := replayed[w.random.IntN(len(replayed))]
	if table.altering && w.base != 0 {
		return // locks
	}
	large := "repeat(md5(random()::text), 320)"
	if w.random.IntN(3) > 0 {
		large = "md5(random()::text)"
	}
	id := w.base + w.random.IntN(100)
	upTo := id + w.random.IntN(1+w.random.IntN(40))
	where := fmt.Sprintf("WHERE id BETWEEN %d AND %d", id, upTo)
	n := w.random.IntN(10)
	switch {
	case n < 4 || table.onlyNew:
		w.do(t, fmt.Sprintf(`INSERT INTO %s (id, other, large, body) SELECT i, -i, %s, decode(%s, 'hex') FROM generate_series(%d, %d) AS i ON CONFLICT DO NOTHING`,
			table.name, large, large, id, upTo))
	case n < 6:
		w.do(t, fmt.Sprintf("UPDATE %s SET other = -other %s", table.name, where))
	case n < 7:
		w.do(t, fmt.Sprintf("UPDATE %s SET large = nullif(%s, ''), other = other %s", table.name, large, where))
	case n < 8:
		w.do(t, fmt.Sprintf("UPDATE %s SET id = id + 1000 %s AND NOT EXISTS (SELECT 1 FROM %s WHERE id > %d AND id < %d)", table.name, where, table.name, w.base+1000, w.base+1400))
	case n < 9:
		w.do(t, fmt.Sprintf("DELETE FROM %s WHERE id BETWEEN %d AND %d", table.name, w.base+1000, w.base+1400))
	default:
		w.do(t, fmt.Sprintf("DELETE FROM %s %s", table.name, where))
	}
}

// replay is what the tables are, by their changes alone.
type replay struct {
	rows map[string][][]any
	lost map[string]bool // a change.Everything came
}

func (r *replay) apply(t *testing.T, c *change.Change) {
	t.Helper()
	if c.Kind == change.Everything {
		r.lost[c.Table] = true
	}
	if r.lost[c.Table] {
		return
	}
	rows := r.rows[c.Table]
	at := -1
	if c.Kind != change.Insert {
		known := false
		at = slices.IndexFunc(rows, func(row []any) bool {
			for i, value := range c.Old {
				if value != change.Unknown {
					known = true
					if !same(value, row[i]) {
						return false
					}
				}
			}
			return true
		})
		if at < 0 || !known {
			t.Fatalf("no row of %s is %.300v", c.Table, fmt.Sprint(c.Old))
		}
	}
	switch c.Kind {
	case change.Insert:
		rows = append(rows, c.New)
	case change.Update:
		row := slices.Clone(c.New)
		for i, value := range row {
			if value == change.Unknown {
				row[i] = rows[at][i]
			}
		}
		rows[at] = row
	case change.Delete:
		rows = slices.Delete(rows, at, at+1)
	}
	r.rows[c.Table] = rows
}

// TestReplay: random transactions of several writers at a time, large enough
// to be streamed while they are open, with savepoints rolled back and tables
// altered. The changes of the committed ones alone make the tables that are
// there; and a decoder with tight bounds leaves nothing out.
func TestReplay(t *testing.T) {
	rounds := 4
	switch {
	case os.Getenv("WAKEFUL_LONG") != "":
		rounds *= 100
	case os.Getenv("WAKEFUL_RACE") != "":
		rounds = 2
	}
	db := decode(t, replayTables()...)
	name := func(_, table string) string { return table }
	exact := New(Config{MaxRows: 1 << 30, MaxBytes: 1 << 40, Name: name})
	tight := New(Config{MaxRows: 30, MaxBytes: 1 << 18, Name: name})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 99))
	var writers []*writer
	for i := range 3 {
		w := &writer{random: rand.New(rand.NewPCG(seed, uint64(i))), conn: db.Connect(t), base: 10_000 * i}
		writers = append(writers, w)
		defer func() { _ = w.conn.Close(context.WithoutCancel(t.Context())) }()
	}
	model := &replay{rows: map[string][][]any{}, lost: map[string]bool{}}
	streamed, aborted := 0, 0
	for round := range rounds {
		for range 150 {
			w := writers[random.IntN(len(writers))]
			w.step(t, round%2 == 1 && w == writers[0])
		}
		for _, w := range writers {
			w.end(t)
		}
		for _, f := range db.frames(t) {
			switch {
			case f[0] == 'c':
				streamed++
			case f[0] == 'A' && string(f[1:5]) != string(f[5:9]):
				aborted++
			}
			a, b := feed(t, exact, f), feed(t, tight, f)
			checkHeld(t, tight)
			if a == nil {
				continue
			}
			checkFolded(t, a, b)
			for i := range a.Changes {
				model.apply(t, &a.Changes[i])
			}
		}
		for _, table := range replayed {
			real := db.table(t, table.name)
			// A column that came or went after the last change of a row is in no change.
			if have := model.rows[table.name]; !model.lost[table.name] && !reshaped(have, real) {
				compareTables(t, table.name, have, real)
			}
			model.rows[table.name] = real
		}
		clear(model.lost)
	}
	t.Logf("%d transactions were streamed, %d subtransactions of them rolled back", streamed, aborted)
	if rounds > 2 && (streamed == 0 || aborted == 0) {
		t.Error("the test tests nothing")
	}
}

// checkFolded: what is listed is the same, and all else is everything.
func checkFolded(t *testing.T, exact, tight *Transaction) {
	t.Helper()
	listed := map[string][]string{}
	folded := map[string]bool{}
	for _, c := range tight.Changes {
		listed[c.Table] = append(listed[c.Table], fmt.Sprint(c))
		folded[c.Table] = folded[c.Table] || c.Kind == change.Everything
	}
	want := map[string][]string{}
	for _, c := range exact.Changes {
		want[c.Table] = append(want[c.Table], fmt.Sprint(c))
	}
	for table, changes := range want {
		if !folded[table] && !slices.Equal(listed[table], changes) {
			t.Fatalf("%s: tight bounds list %d changes of %d", table, len(listed[table]), len(changes))
		}
	}
	for table, changes := range listed {
		if folded[table] && len(changes) != 1 {
			t.Fatalf("%s: rows beside everything", table)
		}
	}
}

// reshaped reports whether rows have more or fewer columns than they really have.
func reshaped(have, real [][]any) bool {
	return len(have) == len(real) && len(have) > 0 && len(have[0]) != len(real[0])
}

func compareTables(t *testing.T, name string, got, want [][]any) {
	t.Helper()
	lines := func(rows [][]any) []string {
		var all []string
		for _, row := range rows {
			all = append(all, fmt.Sprintf("%#v", row))
		}
		slices.SortFunc(all, cmp.Compare)
		return all
	}
	a, b := lines(got), lines(want)
	if !slices.Equal(a, b) {
		t.Fatalf("%s by its changes has %d rows:\n%.2000s\nreally %d:\n%.2000s", name, len(a), strings.Join(a, "\n"), len(b), strings.Join(b, "\n"))
	}
}
