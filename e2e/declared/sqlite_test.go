package declared

import (
	"database/sql"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/wakeful-dev/wakeful/sqlite"
	driversqlite "modernc.org/sqlite"
)

func init() {
	driversqlite.MustRegisterCollationUtf8("BACKWARDS", func(a, b string) int { return strings.Compare(b, a) })
}

const sqliteSchema = `
CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE, team INTEGER REFERENCES team, level INTEGER);
CREATE TABLE item (id INTEGER PRIMARY KEY, owner INTEGER REFERENCES person, title TEXT COLLATE NOCASE, score INTEGER,
	price DECIMAL(10,2), ratio REAL, note TEXT, pad TEXT COLLATE RTRIM, done BOOLEAN, made TIMESTAMP, data JSON, raw BLOB, uid UUID);
CREATE TABLE odd (id INTEGER PRIMARY KEY, back TEXT COLLATE BACKWARDS, lax, twice AS (lax || 'x'), stored INT AS (id * 2) STORED,
	owner INTEGER REFERENCES person);
CREATE TABLE pair (a INTEGER, b TEXT, v INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE code (code TEXT NOT NULL PRIMARY KEY COLLATE NOCASE, v INTEGER, label TEXT);
CREATE TABLE exact (k INTEGER PRIMARY KEY, t TEXT NOT NULL, n INT, r REAL, a ANY) STRICT;
CREATE TABLE clock (id INTEGER PRIMARY KEY, n INTEGER NOT NULL);
CREATE VIEW summary AS SELECT owner, count(*) AS items, max(score) AS best FROM item WHERE owner IS NOT NULL GROUP BY owner;
INSERT INTO clock VALUES (1, 0);
`

var (
	numbers  = []any{int64(0), int64(1), int64(2), int64(3), int64(5), int64(8), int64(13), int64(-1), int64(9007199254740993), int64(9223372036854775807), int64(-9223372036854775808)}
	small    = []any{int64(0), int64(1), int64(2), int64(3), int64(4), int64(5), int64(6), int64(7), nil}
	decimals = []any{int64(1), 1.5, 0.1, 99.99, int64(-3), 1e15, nil, int64(2), int64(9007199254740993), 9007199254740994.0, 1e19}
	ratios   = []any{0.0, math.Copysign(0, -1), 0.5, -0.5, 1e300, -1e300, 1.0, 2.0, inf, -inf, nil}
	words    = []any{"a", "A", "b", "ab", "AB", "aB", "abc", "b ", "b  ", "", "ä", "Ä", "日本", "a%b", "a_b", "z", "Zoë", nil, "5"}
	flags    = []any{int64(0), int64(1), nil}
	stamps   = []any{"2024-01-02 03:04:05", "2024-01-02 03:04:05.5", "2024-01-03 00:00:00", "2023-12-31 23:59:59", nil}
	jsons    = []any{`{"a":1}`, `[]`, `"x"`, nil, `{"b":[1,2]}`}
	blobs    = []any{[]byte{}, []byte{0}, []byte("abc"), []byte{255, 254}, nil}
	uuids    = []any{"123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-00000000000a", nil}
	mixed    = []any{int64(1), "1", 1.5, "a", []byte("a"), nil, "B", int64(2), "", "a\x00b", "a\x00", "\xffz", []byte{}, 1e300, int64(9007199254740993)}
	plainly  = []any{"a", "b", "c", "A", "abc"}
)

var sqliteColumns = map[string][]column{
	"item": {
		{"id", "number", small[:8], false}, {"owner", "number", small, false}, {"title", "text", words, false}, {"score", "number", numbers, false},
		{"price", "number", decimals, false}, {"ratio", "number", ratios, false}, {"note", "text", words, false}, {"pad", "text", words, false},
		{"done", "flag", flags, false}, {"made", "stamp", stamps, false}, {"data", "json", jsons, false}, {"raw", "blob", blobs, false},
		{"uid", "uuid", uuids, false},
	},
	"person": {{"id", "number", small[:8], false}, {"name", "text", words, false}, {"team", "number", small[:3], false}, {"level", "number", small, false}},
	"team":   {{"id", "number", small[:3], false}, {"name", "text", plainly, false}},
	"odd": {
		{"id", "number", small[:8], false}, {"back", "text", words, true}, {"lax", "any", mixed, false}, {"twice", "text", words, true},
		{"stored", "number", numbers[:6], false}, {"owner", "number", small, false},
	},
	"pair":  {{"a", "number", small[:5], false}, {"b", "text", plainly, false}, {"v", "number", numbers, false}},
	"code":  {{"code", "text", plainly, false}, {"v", "number", numbers, false}, {"label", "text", words, false}},
	"exact": {{"k", "number", small[:8], false}, {"t", "text", plainly, false}, {"n", "number", numbers, false}, {"r", "number", ratios[:9], false}, {"a", "any", mixed, true}},
}

var sqliteRoutes = []route{
	{"/items", "item", false, false}, {"/items", "item", false, false}, {"/items", "item", false, false}, {"/mine", "item", false, false}, {"/ours", "item", true, false},
	{"/club", "item", true, true}, {"/club", "item", true, true}, {"/people", "person", true, false}, {"/odd", "odd", true, false}, {"/pair", "pair", false, false}, {"/code", "code", false, false}, {"/exact", "exact", false, false},
}

var inf = math.Inf(1)

// onSQLite is what the law is held against on SQLite.
var onSQLite = engine{
	columns: sqliteColumns, routed: sqliteRoutes,
	open: func(w *world, s *scenario) {
		path := filepath.Join(w.t.TempDir(), "law.db")
		pragmas := []string{"synchronous(0)", "foreign_keys(0)"}
		db, source, err := sqlite.Config{Path: path, TriggerLog: s.triggerLog, Pragmas: pragmas}.Open()
		if err != nil {
			w.t.Fatal(err)
		}
		w.db, w.source = db, source
		if _, err := w.db.Exec(sqliteSchema); err != nil {
			w.t.Fatal(err)
		}
		w.outside, err = sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(20000)&_pragma=synchronous(0)&_pragma=journal_mode(wal)")
		if err != nil {
			w.t.Fatal(err)
		}
	},
	numbered: func(text string) string { return text },
	insert: func(table, names, marks string) string {
		return "INSERT OR IGNORE INTO " + table + " (" + names + ") VALUES (" + marks + ")"
	},
	replace: func(table, names, marks string) string {
		return "REPLACE INTO " + table + " (" + names + ") VALUES (" + marks + ")"
	},
	update: func(table, set, condition string) string {
		return "UPDATE OR IGNORE " + table + " SET " + set + " WHERE " + condition
	},
	number: func(table, key string) string { return key },
	equal:  func(c *column) string { return c.name + " = ?" },
	rows: func(n int) string {
		return fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
REPLACE INTO item (id, owner, title, score, note) SELECT 1000 + i, i %% 9, 't' || i %% 50, i * 7919 %% 1000, 'bulk' FROM n`, n)
	},
	view: "DROP VIEW summary; CREATE VIEW summary",
}
