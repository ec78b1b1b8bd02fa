package query

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/readset"
)

// testSchema has the tables of the tests here.
func testSchema() *readset.Schema {
	s := &readset.Schema{Dialect: "sqlite", Encoding: "UTF-8", Tables: map[string]*readset.Table{}}
	add := func(name, definition string, view bool, columns ...readset.Column) {
		s.Tables[readset.Fold(name)] = &readset.Table{Name: name, View: view, Definition: definition, Columns: columns}
	}
	issue := []readset.Column{{Name: "id", Type: "INTEGER", Key: 1}, {Name: "owner", Type: "INTEGER"},
		{Name: "Title", Type: "TEXT"}, {Name: "price", Type: "REAL"}, {Name: "any"}}
	add("issue", "CREATE TABLE issue (id INTEGER PRIMARY KEY, owner INTEGER, Title TEXT COLLATE NOCASE, price REAL, any)", false, issue...)
	add("person", "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, boss INTEGER)", false,
		readset.Column{Name: "id", Type: "INTEGER", Key: 1}, readset.Column{Name: "name", Type: "TEXT"}, readset.Column{Name: "boss", Type: "INTEGER"})
	add("mine", "CREATE VIEW mine(k, who) AS SELECT id, owner FROM issue WHERE owner > 2", true)
	add("busy", "CREATE VIEW busy AS SELECT owner, count(*) AS n FROM issue GROUP BY owner", true)
	return s
}

func read(text string, tables ...string) (*Query, *readset.Statement) {
	s := &readset.Statement{Text: text, Schema: testSchema()}
	for _, t := range tables {
		s.Reads = append(s.Reads, readset.Read{Table: t})
	}
	return Read(s), s
}

// needs writes conditions as text: "issue: owner=1".
func needs(text string, tables []string, args ...any) string {
	q, s := read(text, tables...)
	return needsOf(q, s, args)
}

func needsOf(q *Query, s *readset.Statement, args []any) string {
	if q.Opaque != "" {
		return "opaque: " + q.Opaque
	}
	var lines []string
	list, _ := q.Bind(s, args, nil)
	for _, need := range list {
		if need.Where == nil {
			lines = append(lines, need.Table+": all")
			continue
		}
		var any []string
		for _, all := range need.Where {
			var atoms []string
			for _, a := range all {
				atoms = append(atoms, fmt.Sprintf("%s/%d/%d", a.Column.Name, a.Op, max(len(a.Keys), 1)))
			}
			any = append(any, strings.Join(atoms, " "))
		}
		lines = append(lines, need.Table+": "+strings.Join(any, " | "))
	}
	return strings.Join(lines, "; ")
}

// TestNeeds: which conditions statements have. An atom is written as column,
// number of the question (1 in, 2 not in, 3 range, 4 null, 5 not null, 6 like)
// and number of values.
func TestNeeds(t *testing.T) {
	issue, both := []string{"issue"}, []string{"issue", "person"}
	tests := []struct {
		name, text string
		tables     []string
		args       []any
		want       string
	}{
		{"equality", "SELECT * FROM issue WHERE owner = ?", issue, []any{int64(1)}, "issue: owner/1/1"},
		{"and", "SELECT * FROM issue WHERE owner = ? AND price BETWEEN ? AND ?", issue, []any{int64(1), 1.5, 2.5}, "issue: owner/1/1 price/3/1"},
		{"two bounds are one range", "SELECT * FROM issue WHERE price >= 1 AND price < 5", issue, nil, "issue: price/3/1"},
		{"or", "SELECT * FROM issue WHERE owner = 1 OR Title = 'x'", issue, nil, "issue: Title/1/1 | owner/1/1"},
		{"or with anything", "SELECT * FROM issue WHERE owner = 1 OR lower(title) = 'x'", issue, nil, "issue: all"},
		{"compared with NULL", "SELECT * FROM issue WHERE owner = ?", issue, []any{nil}, "issue: "},
		{"a value that does not compare", "SELECT * FROM issue WHERE title = ?", issue, []any{1.0 / 3}, "issue: all"},
		{"rowid", "SELECT * FROM issue WHERE rowid = 7", issue, nil, "issue: id/1/1"},
		{"double quotes around what is no column", `SELECT * FROM issue WHERE title = "x"`, issue, nil, "issue: all"},
		{"expression on a column", "SELECT * FROM issue WHERE +owner = 1", issue, nil, "issue: all"},
		{"left join", "SELECT * FROM issue i LEFT JOIN person p ON p.id = i.owner AND p.name = 'x' AND i.price > 1 WHERE i.owner = 2", both, nil,
			"issue: owner/1/1; person: name/1/1 id/1/1"},
		{"what is equal to a value", "SELECT * FROM issue i JOIN person p ON p.id = i.owner WHERE i.owner = ?", both, []any{int64(1)},
			"issue: owner/1/1; person: id/1/1"},
		{"what an outer join sets equal to a value", "SELECT * FROM issue i LEFT JOIN person p ON p.id = i.owner WHERE i.owner IN (1, 2)", both, nil,
			"issue: owner/1/2; person: id/1/2"},
		{"equal on one side of an outer join", "SELECT * FROM (issue i, person p) LEFT JOIN person q ON p.id = i.owner WHERE i.owner = 1", both, nil,
			"issue: owner/1/1; person: all"},
		{"columns that compare in other ways", "SELECT * FROM issue i JOIN person p ON p.name = i.title WHERE i.title = 'x'", both, nil,
			"issue: Title/1/1; person: all"},
		{"rows", "SELECT * FROM issue WHERE (owner, price) = (?, 2.5)", issue, []any{int64(1)}, "issue: owner/1/1 price/1/1"},
		{"rows that are not equal", "SELECT * FROM issue WHERE NOT (owner, price) = (?, 2.5)", issue, []any{int64(1)}, "issue: all"},
		{"dollars and numbers", "SELECT * FROM issue WHERE price = $2 AND owner = $1", issue, []any{int64(1), 2.5}, "issue: price/1/1 owner/1/1"},
		{"null side is asked for NULL", "SELECT * FROM issue i LEFT JOIN person p ON p.id = i.owner WHERE p.name IS NULL", both, nil,
			"issue: all; person: all"},
		{"null side refuses NULL", "SELECT * FROM issue i LEFT JOIN person p ON p.id = i.owner WHERE p.name = 'x'", both, nil,
			"issue: all; person: name/1/1"},
		{"full join", "SELECT * FROM issue i FULL JOIN person p ON p.id = 1 AND i.id = 1", both, nil, "issue: all; person: all"},
		{"not exists", "SELECT * FROM issue i WHERE NOT EXISTS (SELECT 1 FROM person p WHERE p.id = i.owner AND p.boss = 3)", both, nil,
			"issue: all; person: boss/1/1"},
		{"correlated only", "SELECT * FROM issue i WHERE EXISTS (SELECT 1 FROM person p WHERE p.id = i.owner AND i.price = 3)", both, nil,
			"issue: all; person: all"},
		{"twice the same table", "SELECT * FROM person a JOIN person b ON a.boss = b.id AND b.name = 'x' WHERE a.id = 1", []string{"person"}, nil,
			"person: id/1/1 | name/1/1"},
		{"through a view", "SELECT * FROM mine WHERE who = 5 AND k = 1", issue, nil, "issue: owner/3/1 owner/1/1 id/1/1"},
		{"not through a view that groups", "SELECT * FROM busy WHERE owner = 5", issue, nil, "issue: all"},
		{"through a CTE, renamed", "WITH c(x) AS (SELECT owner FROM issue) SELECT * FROM c WHERE x = 3", issue, nil, "issue: owner/1/1"},
		{"a CTE that shadows", "WITH issue AS (SELECT 1 AS owner, id FROM person) SELECT * FROM issue WHERE owner = 3 AND id = 1", []string{"person"}, nil,
			"person: id/1/1"},
		{"having", "SELECT owner FROM issue WHERE price > 3 GROUP BY owner HAVING owner = 1", issue, nil, "issue: price/3/1"},
		{"not through a limit", "SELECT * FROM (SELECT * FROM issue LIMIT 3) WHERE owner = 1", issue, nil, "issue: all"},
		{"union", "SELECT id FROM issue WHERE owner = 1 UNION SELECT id FROM person WHERE boss = 2", both, nil, "issue: owner/1/1; person: boss/1/1"},
		{"like", "SELECT * FROM issue WHERE title LIKE ? || '%'", issue, []any{"Ab"}, "issue: Title/6/1"},
		{"parameters by number", "SELECT * FROM issue WHERE owner IN (?2, ?1, ?2)", issue, []any{int64(1), int64(2)}, "issue: owner/1/2"},
		{"comments", "SELECT * -- x ' \n FROM issue /* \" */ WHERE owner = 1;", issue, nil, "issue: owner/1/1"},
		{"another database", "SELECT * FROM other.issue", nil, nil, "opaque: it reads another database: other"},
		{"two statements", "SELECT 1; SELECT 2", nil, nil, "opaque: not understood at byte 10"},
		{"no SELECT", "DELETE FROM issue", nil, nil, "opaque: it is no SELECT"},
		{"a table that was not seen", "SELECT * FROM issue", both, nil, "opaque: it was not seen to read person"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := needs(tt.text, tt.tables, tt.args...); got != tt.want {
				t.Errorf("%s\n got %s\nwant %s", tt.text, got, tt.want)
			}
		})
	}
}

// TestTooMuch: what is long or deep is opaque, at once.
func TestTooMuch(t *testing.T) {
	deep := strings.Repeat("(", 1000) + "1" + strings.Repeat(")", 1000)
	tests := map[string]string{
		"parentheses":   "SELECT " + deep,
		"NOT":           "SELECT " + strings.Repeat("NOT ", 5000) + "1",
		"minus":         "SELECT " + strings.Repeat("- ", 5000) + "1",
		"queries":       strings.Repeat("SELECT * FROM (", 1000) + "SELECT 1" + strings.Repeat(")", 1000),
		"a mebibyte":    "SELECT '" + strings.Repeat("x", 1<<20) + "'",
		"values":        "SELECT 1 IN (" + strings.Repeat("1,", 30_000) + "1)",
		"calls":         "SELECT " + strings.Repeat("f(", 1000) + strings.Repeat(")", 1000),
		"CASE":          "SELECT " + strings.Repeat("CASE WHEN 1 THEN ", 1000),
		"joins":         "SELECT 1 FROM " + strings.Repeat("person,", 200) + "person",
		"definitions":   manyDefinitions(),
		"joins in many": "SELECT 1 FROM " + strings.Repeat("(", 500) + "person",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			if q, _ := read(text); q.Opaque == "" {
				t.Error("it was read")
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// manyDefinitions names each one twice in the next.
func manyDefinitions() string {
	text := "WITH a0 AS (SELECT 1)"
	for i := range 40 {
		text += fmt.Sprintf(", a%d AS (SELECT * FROM a%d x, a%d y)", i+1, i, i)
	}
	return text + " SELECT * FROM a40"
}

func TestShape(t *testing.T) {
	a, _ := read("SELECT * FROM issue WHERE owner = 1 AND title = 'x'")
	b, _ := read("SELECT * FROM issue WHERE owner = 22 AND title = 'y'")
	c, _ := read("SELECT * FROM issue WHERE owner = 1 OR title = 'x'")
	if a.Shape != b.Shape || a.Shape == c.Shape {
		t.Errorf("shapes %x %x %x: the first two are one", a.Shape, b.Shape, c.Shape)
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range statements {
		f.Add(text)
	}
	f.Add("SELECT * FROM (SELECT a.* FROM issue a) b WHERE x IN (SELECT 1) ORDER BY 1 COLLATE nocase DESC")
	f.Add("SELECT * FROM issue WHERE (owner, price) IS (?2, $1) AND NOT (title LIKE :a OR any NOT BETWEEN 1 AND 'x') -- \x00")
	f.Add("SELECT * FROM issue i NATURAL LEFT JOIN person USING (id) WHERE [owner]=0x1 AND \"price\"<-.5e3 OR `id` IN (VALUES (1),(2))")
	columns := []string{"id", "owner", "Title", "price", "any"}
	rows := [][]any{{int64(1), int64(1), "x", 0.5, nil}, {int64(2), nil, "", int64(1), "x"}, {int64(0), int64(-1), nil, 2.5, []byte("x")}}
	f.Fuzz(func(t *testing.T, text string) {
		q, s := read(text, "issue")
		args := []any{int64(1), "x", nil}
		needs, _ := q.Bind(s, args, nil)
		wider, _ := q.Bind(s, args, func(int, any) string { return WhyDiffers })
		for _, row := range rows {
			if needs[0].Where.MetBy(columns, row) && !wider[0].Where.MetBy(columns, row) {
				t.Errorf("%q: without arguments it is narrower: %v, else %v", text, wider[0].Where, needs[0].Where)
			}
		}
		if again, _ := read(text, "issue"); again.Opaque != q.Opaque || again.Shape != q.Shape {
			t.Errorf("%q is read in two ways", text)
		}
		if n := len(q.Values(args)); n > len(text) || len(q.places) > maxPlaces {
			t.Errorf("%q: %d values, %d places", text, n, len(q.places))
		}
	})
}

// statements are of the kind that handlers run.
var statements = []string{
	"SELECT id, title FROM issue WHERE owner = ? ORDER BY id",
	"SELECT i.id, i.title, p.name FROM issue i JOIN person p ON p.id = i.owner WHERE i.owner = ? AND i.price BETWEEN ? AND ? ORDER BY i.id DESC LIMIT 20",
	"WITH RECURSIVE up(id) AS (SELECT boss FROM person WHERE id = ? UNION SELECT p.boss FROM person p JOIN up ON p.id = up.id) SELECT * FROM up",
	"SELECT owner, count(*) AS n, max(price) FROM issue WHERE title LIKE ? || '%' GROUP BY owner HAVING count(*) > 2",
	"SELECT id FROM issue i WHERE NOT EXISTS (SELECT 1 FROM person p WHERE p.id = i.owner AND p.name IN ('a', 'b', 'c'))",
}

func BenchmarkRead(b *testing.B) {
	schema := testSchema()
	for i, text := range statements {
		b.Run(fmt.Sprintf("%d of %d bytes", i, len(text)), func(b *testing.B) {
			b.ReportAllocs()
			s := &readset.Statement{Text: text, Schema: schema}
			c := catalogOf(schema)
			for b.Loop() {
				if q := c.read(s); q.Opaque != "" {
					b.Fatal(q.Opaque)
				}
			}
		})
	}
	b.Run("cached", func(b *testing.B) {
		var c Cache
		s := &readset.Statement{Text: statements[1], Schema: schema}
		for b.Loop() {
			c.Read(s)
		}
	})
}

func BenchmarkBind(b *testing.B) {
	s := &readset.Statement{Text: statements[1], Schema: testSchema(), Reads: []readset.Read{{Table: "issue"}, {Table: "person"}}}
	q := Read(s)
	b.ReportAllocs()
	for b.Loop() {
		q.Bind(s, []any{int64(1), 1.5, 2.5}, nil)
	}
}
