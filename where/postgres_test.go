package where_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/postgres"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/where"
)

const postgresSchema = `
CREATE SCHEMA app;
CREATE TYPE mood AS ENUM ('sad', 'Ok', 'happy');
CREATE DOMAIN app.word AS varchar(20) COLLATE "C";
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE other (id int PRIMARY KEY, name text COLLATE "C", code text UNIQUE, next int REFERENCES other, "what? ""x""" int);
CREATE TABLE app.pair (a int, b text, v text, PRIMARY KEY (a, b));
CREATE TABLE app."all" (
	"key" int PRIMARY KEY, small smallint, big bigint, single real, double float8, price numeric(10,2), num numeric,
	t text COLLATE "C", local text, loose text COLLATE nocase, vc varchar(10) COLLATE "C", word app.word, pad char(4) COLLATE "C", n name,
	mood mood, moods mood[], done boolean, ts timestamp, tz timestamptz, d date, tm time, tmz timetz, span interval, uid uuid,
	data json, datab jsonb, raw bytea, tags text[], grid int[], ip inet, spot point, r int4range, o oid, bits bit(3),
	gen int GENERATED ALWAYS AS (small + 1) STORED,
	other int REFERENCES other, code text REFERENCES other (code), pa int, pb text, FOREIGN KEY (pa, pb) REFERENCES app.pair);
ALTER TABLE app."all" DISABLE TRIGGER ALL;
ALTER TABLE other DISABLE TRIGGER ALL;
`

// typedValues are texts that columns take, by their types: as a person would
// write them, and as they are stored.
var typedValues = map[string][]string{
	"smallint":                    {"0", "1", "2", "-1", "32767", "-32768", "42"},
	"integer":                     {"0", "1", "2", "3", "-1", "2147483647"},
	"bigint":                      {"0", "1", "9223372036854775807", "-9223372036854775808", "9007199254740993"},
	"oid":                         {"0", "1", "4294967295"},
	"real":                        {"0", "-0", "0.1", "1.5", "16777217", "1e30", "Infinity", "-Infinity", "NaN"},
	"double precision":            {"0", "-0", "0.1", "1.5", "1e300", "Infinity", "-Infinity", "NaN", "5e-324"},
	"numeric":                     {"0", "0.00", "1", "1.0", "1.00", "0.1", "-3", "12345678.12", "99999999.99", "1.5", "NaN"},
	"boolean":                     {"true", "false"},
	"timestamp without time zone": {"2026-01-02 03:04:05", "2026-01-02 03:04:05.5", "2026-01-02", "1999-12-31 23:59:59.999999", "infinity", "0044-03-15 00:00:00 BC"},
	"timestamp with time zone":    {"2026-01-02 03:04:05+00", "2026-01-02 03:04:05.5+02", "2026-01-02 05:04:05+02", "-infinity"},
	"date":                        {"2026-01-02", "2025-12-31", "infinity", "0044-03-15 BC"},
	"time without time zone":      {"03:04:05", "03:04:05.5", "24:00:00", "00:00:00"},
	"time with time zone":         {"03:04:05+00", "05:04:05+02"},
	"interval":                    {"1 day", "24:00:00", "1 mon", "30 days", "-00:00:01"},
	"uuid":                        {"123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000", "00000000-0000-0000-0000-00000000000a"},
	"json":                        {`{"a":1}`, `{"a": 1}`, `[]`, `"x"`, `null`, `5`},
	"jsonb":                       {`{"a":1}`, `{"b":1,"a":2}`, `[]`, `"x"`, `5`, `5.0`},
	"bytea":                       {`\x`, `\x00`, `\x616263`, `\xff`},
	"text[]":                      {`{}`, `{a,b}`, `{"a b",NULL}`},
	"integer[]":                   {`{}`, `{1,2}`, `{{1,2},{3,4}}`},
	"public.mood[]":               {`{sad}`, `{Ok,happy}`},
	"inet":                        {"10.0.0.1", "10.0.0.0/8", "::1"},
	"point":                       {"(1,2)", "(0,0)"},
	"int4range":                   {"[1,5)", "empty", "(,3)"},
	"bit":                         {"101", "000"},
	`"bit"`:                       {"101", "000"},
	"bpchar":                      {"a", "ab", "A", "", "a b", "abcd"},
	"public.mood":                 {"sad", "Ok", "happy"},
}

// given are values that URLs have otherwise than the database.
var given = map[string][]string{
	"bytea":  {"", "AA==", "YWJj", "_w"},
	"text[]": {`[]`, `["a","b"]`, `["a b",null]`}, "integer[]": {`[]`, `[1,2]`, `[[1,2],[3,4]]`}, "public.mood[]": {`["sad"]`, `["Ok","happy"]`},
}

func ofType(c *schema.Column) []string {
	if list, ok := typedValues[c.Native]; ok {
		return list
	}
	var list []string
	for _, s := range strs {
		if c.Length == 0 || len(s) <= c.Length {
			list = append(list, s)
		}
	}
	return list
}

// typedArgument is a value as a URL, or Go code, gives it.
func (w *world) typedArgument(c *schema.Column) any {
	if w.chance(6) {
		if found := w.found(c); found != nil {
			return where.Stored(found)
		}
	}
	if w.chance(15) {
		return w.any()
	}
	return pick(w, givenOf(c))
}

// givenOf are values of a column as URLs have them.
func givenOf(c *schema.Column) []string {
	if list, ok := given[c.Native]; ok {
		return list
	}
	return ofType(c)
}

func newPostgresWorld(t testing.TB, seed uint64, rows int) *world {
	t.Helper()
	made := pgtest.Database(t)
	made.Exec(t, postgresSchema)
	db, source, err := postgres.Open(made.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(); _ = source.Close() })
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 1)), db: db, refuser: source}
	if w.schema, err = source.Schema(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, table := range w.schema.Tables {
		for i := range rows {
			var names, marks []string
			var args []any
			for j := range table.Columns {
				c := &table.Columns[j]
				if c.Generated || c.Nullable && w.chance(8) {
					continue
				}
				v := pick(w, ofType(c))
				switch {
				case where.KeyOf(table, c.Name) != nil && c.Type == schema.Integer:
					v = fmt.Sprint(w.random.IntN(2 * rows))
				case c.Name == table.Key[0]:
					v = fmt.Sprint(i)
				}
				names, marks, args = append(names, where.Quote(c.Name)), append(marks, fmt.Sprintf("$%d::text::%s", len(args)+1, c.Native)), append(args, v)
			}
			_, err := db.Exec(fmt.Sprintf("INSERT INTO %s.%s (%s) VALUES (%s) ON CONFLICT DO NOTHING", where.Quote(table.Path[0]), where.Quote(table.Path[1]),
				strings.Join(names, ", "), strings.Join(marks, ", ")), args...)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return w
}

// TestLawPostgres: the rows that PostgreSQL finds are those that Match says are
// in.
func TestLawPostgres(t *testing.T) {
	worlds, exprs := 1, 400
	if os.Getenv("WAKEFUL_LONG") != "" {
		worlds, exprs = 10, 1500
	}
	if os.Getenv("WAKEFUL_RACE") != "" {
		exprs = 60
	}
	var rows, asks, refused int
	for seed := range worlds {
		w := newPostgresWorld(t, uint64(seed), 40)
		table := w.schema.Table("app.all")
		for i := range exprs {
			w.check(table, w.expr(table, i%4))
		}
		rows, asks, refused = rows+w.rows, asks+w.asks, refused+w.refused
	}
	t.Logf("%d rows decided, %d asked (%.1f %%); %d conditions had a value that the database does not read", rows-asks, asks, 100*float64(asks)/float64(rows), refused)
	if refused > exprs*worlds/10 {
		t.Errorf("%d of %d conditions had a value that the database does not read", refused, exprs*worlds)
	}
	if rows-asks < rows/2 {
		t.Errorf("only %d of %d rows were decided in memory", rows-asks, rows)
	}
}

// TestDecidedPostgres: what memory decides of each type, and why it does not.
func TestDecidedPostgres(t *testing.T) {
	w := newPostgresWorld(t, 1, 1)
	table := w.schema.Table("app.all")
	for name, want := range map[string]struct{ equal, less, contains bool }{
		"small": {true, true, false}, "big": {true, true, false}, "o": {false, false, false}, "single": {true, true, false}, "double": {true, true, false},
		"price": {true, true, false}, "num": {true, true, false}, "t": {true, true, true}, "local": {true, false, true}, "loose": {false, false, true},
		"vc": {true, true, true}, "word": {true, true, true}, "pad": {true, true, true}, "n": {true, true, true}, "mood": {true, false, true},
		"done": {true, true, false}, "ts": {true, true, false}, "tz": {true, true, false}, "d": {true, true, false}, "tm": {true, true, false},
		"span": {false, false, false}, "uid": {true, true, true}, "data": {true, true, false}, "datab": {false, false, false}, "raw": {true, true, false},
		"tags": {false, false, false}, "ip": {false, false, false}, "spot": {true, true, false}, "r": {false, false, false}, "gen": {false, false, false},
	} {
		c := table.Column(name)
		value := givenOf(c)[0]
		decided := func(e where.Expr) bool {
			b, err := where.Bind(e, table, w.schema)
			if err != nil {
				t.Fatal(err)
			}
			return b.Asks() == ""
		}
		if got := decided(where.Eq(name, value)); got != want.equal {
			t.Errorf("%s, %s: equality is decided %t", name, c.Native, got)
		}
		if got := decided(where.Lt(name, value)); got != want.less {
			t.Errorf("%s, %s: order is decided %t", name, c.Native, got)
		}
		if got := decided(where.Contains(name, "a")); got != want.contains {
			t.Errorf("%s, %s: parts of texts are decided %t", name, c.Native, got)
		}
	}
}
