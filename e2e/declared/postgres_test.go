package declared

import (
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/postgres"
)

// postgresSchema: foreign keys lead somewhere, and nothing sees to it, as on
// SQLite.
const postgresSchema = `
CREATE TYPE mood AS ENUM ('sad', 'Ok', 'happy');
CREATE DOMAIN word AS varchar(30) COLLATE "C";
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE SCHEMA app;
CREATE TABLE team (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE person (id int PRIMARY KEY, name text COLLATE "C", team int REFERENCES team, level bigint);
CREATE TABLE item (id bigint PRIMARY KEY, owner int REFERENCES person, title text COLLATE "C", score bigint,
	price numeric(30,2), ratio float8, note word, pad char(4) COLLATE "C", done boolean, made timestamp, at timestamptz, day date, data json, raw bytea, uid uuid,
	amount numeric, single real);
CREATE TABLE odd (id int PRIMARY KEY, back text, lax text COLLATE nocase, twice int GENERATED ALWAYS AS (id * 2) STORED, stored int,
	owner int REFERENCES person, mood mood, tags text[], span interval, doc jsonb);
CREATE TABLE pair (a int, b text COLLATE "C", v bigint, PRIMARY KEY (a, b));
CREATE TABLE code (code text COLLATE "C" PRIMARY KEY, v bigint, label text COLLATE "C");
CREATE TABLE exact (k int PRIMARY KEY, t text COLLATE "C" NOT NULL, n bigint, r float8, a text);
CREATE TABLE app."Far" ("Key" uuid PRIMARY KEY, v int, name text COLLATE "C");
CREATE TABLE parted (id int, v int, part int NOT NULL, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES IN (0, 1);
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
CREATE TABLE clock (id int PRIMARY KEY, n bigint NOT NULL);
CREATE VIEW summary AS SELECT owner, count(*) AS items, max(score) AS best FROM item WHERE owner IS NOT NULL GROUP BY owner;
INSERT INTO clock VALUES (1, 0);
`

var (
	pgPrices  = []any{"1", "1.50", "0.10", "99.99", "-3", nil, "12345678901234567890.12", "2"}
	pgAmounts = []any{"1", "1.0", "1.00", "0.1", "-3", nil, "12345678901234567890.123456789", "1e-7", "1000"}
	pgRatios  = []any{0.0, math.Copysign(0, -1), 0.5, -0.5, 1e300, -1e300, 1.0, 2.0, inf, -inf, nil, math.NaN()}
	pgSingles = []any{0.0, 0.5, -0.5, 1.0, 2.0, 16777216.0, inf, nil}
	pgFlags   = []any{true, false, nil}
	pgWords   = []any{"a", "A", "b", "ab", "AB", "aB", "abc", "b ", "b  ", "", "ä", "Ä", "日本", "a%b", "a_b", `a\b`, "z", "Zoë", nil, "5"}
	pgPads    = []any{"a", "A", "b", "ab", "AB", "", "ä", "Ä", "a%b", nil, "a b"}
	pgStamps  = []any{"2024-01-02 03:04:05", "2024-01-02 03:04:05.5", "2024-01-03 00:00:00", "2023-12-31 23:59:59", nil}
	pgZoned   = []any{"2024-01-02 03:04:05+00", "2024-01-02 03:04:05.5+02", "2024-01-03 00:00:00-08", nil}
	pgDays    = []any{"2024-01-02", "2023-12-31", "2024-02-29", nil}
	pgMoods   = []any{"sad", "Ok", "happy", nil}
	pgTags    = []any{array{"{}", "[]"}, array{"{a,b}", `["a","b"]`}, array{`{"a b",NULL}`, `["a b",null]`}, nil}
	pgSpans   = []any{"1 day", "24:00:00", "1 mon", "30 days", nil}
	pgUUIDs   = []any{"123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-00000000000a", "ffffffff-0000-0000-0000-00000000000a"}
	pgSmall   = []any{int64(0), int64(1), int64(2), int64(3), int64(4), int64(5), int64(6), int64(7), nil}
)

var postgresColumns = map[string][]column{
	"item": {
		{"id", "number", pgSmall[:8], false}, {"owner", "number", pgSmall, false}, {"title", "text", pgWords, false}, {"score", "number", numbers, false},
		{"price", "number", pgPrices, false}, {"ratio", "number", pgRatios, false}, {"note", "text", pgWords, false}, {"pad", "text", pgPads, false},
		{"done", "flag", pgFlags, false}, {"made", "stamp", pgStamps, false}, {"at", "stamp", pgZoned, false}, {"day", "stamp", pgDays, false}, {"data", "json", jsons, false}, {"raw", "blob", blobs, false},
		{"uid", "uuid", append(pgUUIDs[:2:2], nil), false}, {"amount", "number", pgAmounts, false}, {"single", "number", pgSingles, false},
	},
	"person": {{"id", "number", pgSmall[:8], false}, {"name", "text", pgWords, false}, {"team", "number", pgSmall[:3], false}, {"level", "number", pgSmall, false}},
	"team":   {{"id", "number", pgSmall[:3], false}, {"name", "text", plainly, false}},
	"odd": {
		{"id", "number", pgSmall[:8], false}, {"back", "text", pgWords, true}, {"lax", "text", pgWords, true}, {"twice", "number", pgSmall[:6], true},
		{"stored", "number", pgSmall, false}, {"owner", "number", pgSmall, false},
		{"mood", "label", pgMoods, true}, {"tags", "array", pgTags, true}, {"span", "label", pgSpans, true}, {"doc", "json", jsons, true},
	},
	"pair":   {{"a", "number", pgSmall[:5], false}, {"b", "text", plainly, false}, {"v", "number", numbers, false}},
	"code":   {{"code", "text", plainly, false}, {"v", "number", numbers, false}, {"label", "text", pgWords, false}},
	"exact":  {{"k", "number", pgSmall[:8], false}, {"t", "text", plainly, false}, {"n", "number", numbers, false}, {"r", "number", pgRatios[:9], false}, {"a", "text", pgWords, true}},
	far:      {{`"Key"`, "uuid", pgUUIDs, false}, {"v", "number", pgSmall, false}, {"name", "text", pgWords, false}},
	"parted": {{"id", "number", pgSmall[:6], false}, {"v", "number", pgSmall, false}, {"part", "number", pgSmall[:4], false}},
}

var postgresRoutes = append(slices.Clone(sqliteRoutes), route{"/far", far, false, false}, route{"/parted", "parted", true, false})

// far is a table of another schema than public, as SQL names it.
const far = `app."Far"`

// keysOf are the columns of keys that are several.
var keysOf = map[string]string{"pair": "a, b", "parted": "id, part"}

func keyOf(table string) string {
	if key, ok := keysOf[table]; ok {
		return key
	}
	return postgresColumns[table][0].name
}

// onPostgres is what the law is held against on PostgreSQL.
var onPostgres = engine{
	columns: postgresColumns, routed: postgresRoutes, again: true, more: map[string]string{"/far": "app.Far", "/parted": "parted"},
	open: openPostgres, numbered: numbered,
	insert: func(table, names, marks string) string {
		return "INSERT INTO " + table + " (" + names + ") VALUES (" + marks + ") ON CONFLICT DO NOTHING"
	},
	replace: func(table, names, marks string) string {
		var set []string
		for name := range strings.SplitSeq(names, ", ") {
			set = append(set, name+" = EXCLUDED."+name)
		}
		return "INSERT INTO " + table + " (" + names + ") VALUES (" + marks + ") ON CONFLICT (" + keyOf(table) + ") DO UPDATE SET " + strings.Join(set, ", ")
	},
	update: updated,
	number: func(table, key string) string {
		if c := postgresColumns[table][0]; c.kind != "number" {
			return "length(" + key + "::text)"
		}
		return key
	},
	equal: func(c *column) string {
		if c.kind == "json" {
			return c.name + "::text = ?"
		}
		return c.name + " = ?"
	},
	rows: func(n int) string {
		return fmt.Sprintf(`INSERT INTO item (id, owner, title, score, note) SELECT 1000 + i, i %% 9, 't' || i %% 50, i * 7919 %% 1000, 'bulk'
FROM generate_series(1, %d) AS n(i) ON CONFLICT (id) DO UPDATE SET score = EXCLUDED.score, note = EXCLUDED.note`, n)
	},
	view: "CREATE OR REPLACE VIEW summary",
}

// updated alters rows; where it gives one another key it is one row, and only
// where there is none of that key.
func updated(table, set, condition string) string {
	text := "UPDATE " + table + " SET " + set + " WHERE "
	for i, assignment := range strings.Split(set, ", ") {
		column, _, _ := strings.Cut(assignment, " = ")
		if slices.Contains(strings.Split(keyOf(table), ", "), column) {
			return fmt.Sprintf("%s(tableoid, ctid) = (SELECT tableoid, ctid FROM %s WHERE %s LIMIT 1) AND NOT EXISTS (SELECT FROM %[2]s AS o WHERE o.%[4]s = $%[5]d)",
				text, table, condition, column, i+1)
		}
	}
	return text + condition
}

// numbered puts PostgreSQL's placeholders for question marks.
func numbered(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if r != '?' {
			b.WriteRune(r)
			continue
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
	}
	return b.String()
}

func openPostgres(w *world, s *scenario) {
	made := pgtest.Database(w.t)
	made.Exec(w.t, postgresSchema)
	for table := range postgresColumns {
		made.Exec(w.t, "ALTER TABLE "+table+" DISABLE TRIGGER ALL")
		if s.full {
			made.Exec(w.t, "ALTER TABLE "+table+" REPLICA IDENTITY FULL")
		}
	}
	if s.full {
		made.Exec(w.t, "ALTER TABLE parted_0 REPLICA IDENTITY FULL", "ALTER TABLE parted_rest REPLICA IDENTITY FULL", "ALTER TABLE clock REPLICA IDENTITY FULL")
	}
	db, source, err := postgres.Open(made.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	w.db, w.source = db, source
	if w.outside, err = sql.Open("pgx", made.URL); err != nil {
		w.t.Fatal(err)
	}
}

var onlyPostgres = []scenario{
	{name: "plain on PostgreSQL", transactions: 10, plain: true, postgres: true, full: true},
	{name: "plain by keys alone", transactions: 10, plain: true, keysAlone: true, postgres: true},
	{name: "asking on PostgreSQL", transactions: 6, postgres: true, full: true},
	{name: "wild on PostgreSQL", transactions: 6, wild: true, outside: true, postgres: true},
}

// TestDeclaredPostgres is TestDeclared on PostgreSQL.
func TestDeclaredPostgres(t *testing.T) { declared(t, onlyPostgres, "declared-postgres.md") }
