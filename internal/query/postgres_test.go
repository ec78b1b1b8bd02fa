package query

import (
	"fmt"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/readset"
)

// postgresSchema has the tables of the tests here.
func postgresSchema() *readset.Schema {
	s := &readset.Schema{Dialect: "postgres", Encoding: "UTF-8", Path: []string{"app", "public"}, Tables: map[string]*readset.Table{},
		Functions: map[string]bool{"mine": true, "query_to_xml": true}}
	add := func(name string, columns ...readset.Column) *readset.Table {
		t := &readset.Table{Name: name, Columns: columns}
		s.Tables[name] = t
		return t
	}
	column := func(name, kind string, key int) readset.Column {
		c := readset.Column{Name: name, Type: kind, Key: key}
		if kind == "text" || kind == "character varying(20)" {
			c.Collation = "deterministic"
		}
		return c
	}
	issue := []readset.Column{column("id", "bigint", 1), column("owner", "integer", 0), column("Title", "text", 0), column("price", "numeric(10,2)", 0),
		column("state", "character varying(20)", 0), column("done", "boolean", 0), column("at", "timestamp with time zone", 0),
		column("tags", "text[]", 0), column("data", "jsonb", 0), column("code", "text", 0), column("place", "address", 0), column("ref", "uuid", 0), column("pad", "character(5)", 0)}
	issue[9].Collation, issue[12].Collation = "C", "C"
	add("issue", issue...)
	add("person", column("id", "bigint", 1), column("name", "text", 0), column("boss", "bigint", 0), column("mood", "enum mood", 0))
	add("app.item", column("id", "integer", 1), column("n", "integer", 0))
	add("item", column("id", "integer", 1), column("n", "integer", 0))
	add(`"a.b"`, column("id", "integer", 1), column("X y", "integer", 0))
	mine := add("mine", column("k", "bigint", 0), column("who", "integer", 0), column("how", "text", 0))
	mine.View, mine.Definition = true, " SELECT issue.id AS k,\n    issue.owner AS who,\n    (issue.state)::text AS how\n   FROM issue\n  WHERE (issue.owner > 2);"
	secret := add("secret", column("id", "bigint", 1), column("owner", "integer", 0))
	secret.Policies = []string{"(owner IN ( SELECT person.boss FROM person WHERE (person.id = 7)))", "(owner > 3)"}
	return s
}

func readPostgres(text string, tables ...string) (*Query, *readset.Statement) {
	s := &readset.Statement{Text: text, Schema: postgresSchema()}
	for _, t := range tables {
		s.Reads = append(s.Reads, readset.Read{Table: t})
	}
	return Read(s), s
}

// TestPostgresNeeds: which conditions statements have, written as by TestNeeds.
func TestPostgresNeeds(t *testing.T) {
	issue, both := []string{"issue"}, []string{"issue", "person"}
	text := "x"
	tests := []struct {
		name, text string
		tables     []string
		args       []any
		want       string
	}{
		{"equality", "SELECT * FROM issue WHERE owner = $1", issue, []any{1}, "issue: owner/1/1"},
		{"the first schema of the path", "SELECT * FROM item WHERE id = 1", []string{"app.item"}, nil, "app.item: id/1/1"},
		{"a schema that is named", "SELECT * FROM public.item WHERE public.item.id = 1", []string{"item"}, nil, "item: id/1/1"},
		{"names in quotes are exact", `SELECT * FROM issue WHERE "Title" = 'a'`, issue, nil, "issue: Title/1/1"},
		{"names without quotes are small", `SELECT * FROM ISSUE WHERE Title = 'a'`, issue, nil, "issue: all"},
		{"names with space and points", `SELECT * FROM "a.b" WHERE "a.b"."X y" = 1`, []string{`"a.b"`}, nil, `"a.b": X y/1/1`},
		{"any of a parameter", "SELECT * FROM issue WHERE id = ANY($1)", issue, []any{[]int64{1, 2, 1}}, "issue: id/1/2"},
		{"any of a text", "SELECT * FROM issue WHERE id = ANY('{1,2,NULL}')", issue, nil, "issue: id/1/2"},
		{"any of none", "SELECT * FROM issue WHERE id = ANY($1::bigint[])", issue, []any{[]int{}}, "issue: "},
		{"any of another type", "SELECT * FROM issue WHERE id = ANY($1::numeric[])", issue, []any{[]int{1}}, "issue: all"},
		{"different from all", "SELECT * FROM issue WHERE id <> ALL($1)", issue, []any{[]int{1, 2}}, "issue: id/2/2"},
		{"different from none", "SELECT * FROM issue WHERE id <> ALL($1)", issue, []any{[]int{}}, "issue: all"},
		{"different from NULL", "SELECT * FROM issue WHERE id <> ALL($1)", issue, []any{[]*string{nil}}, "issue: "},
		{"any of a list", "SELECT * FROM issue WHERE code = ANY(ARRAY['a', $1])", issue, []any{"b"}, "issue: code/1/2"},
		{"a list of texts beside a padded column", "SELECT * FROM issue WHERE pad <> ALL(ARRAY['a ', 'b'])", issue, nil, "issue: all"},
		{"as a view's text has it", "SELECT * FROM issue WHERE ((state)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))", issue, nil, "issue: state/1/2"},
		{"any of a query", "SELECT * FROM issue WHERE owner = ANY (SELECT boss FROM person WHERE id = 1)", both, nil, "issue: owner/5/1; person: id/1/1"},
		{"casts", "SELECT * FROM issue WHERE owner = $1::int AND id = CAST($2 AS bigint) AND price >= '1.50'::numeric", issue, []any{1, 2}, "issue: owner/1/1 id/1/1 price/3/1"},
		{"a cast that rounds", "SELECT * FROM issue WHERE price = $1::numeric(3,1) AND owner = 1.5::int AND code = $2::varchar(3)", issue, []any{1, "x"}, "issue: all"},
		{"a cast to another type", "SELECT * FROM issue WHERE price = $1::float8", issue, []any{1}, "issue: all"},
		{"a cast of the column", "SELECT * FROM issue WHERE id::text = '1' AND state::text = 'a'", issue, nil, "issue: state/1/1"},
		{"a parameter of two types", "SELECT * FROM issue WHERE price = $1 AND id = $1", issue, []any{1}, "issue: all"},
		{"a parameter of one type", "SELECT * FROM issue WHERE (owner = $1 OR id = $1::int) AND $1::int IS NOT NULL", issue, []any{1}, "issue: id/1/1 | owner/1/1"},
		{"a parameter that is given its type elsewhere", "SELECT lower($1) FROM issue WHERE code = $1", issue, []any{"a"}, "issue: all"},
		{"too many arguments", "SELECT * FROM issue WHERE owner = $1", issue, []any{1, 2}, "issue: all"},
		{"booleans", "SELECT * FROM issue WHERE done AND NOT (id = 1 OR NOT done)", issue, nil, "issue: done/1/1 id/2/1 done/1/1"},
		{"truth", "SELECT * FROM issue WHERE done IS NOT TRUE AND (id = 1) IS TRUE", issue, nil, "issue: done/4/1 id/1/1 | done/1/1 id/1/1"},
		{"unknown", "SELECT * FROM issue WHERE done IS UNKNOWN", issue, nil, "issue: done/4/1"},
		{"distinct from", "SELECT * FROM issue WHERE owner IS NOT DISTINCT FROM $1 AND id IS DISTINCT FROM 3", issue, []any{nil}, "issue: owner/4/1 id/2/1 | owner/4/1 id/4/1"},
		{"NULL of a row's type", "SELECT * FROM issue WHERE place IS NULL", issue, nil, "issue: all"},
		{"NULL of an array", "SELECT * FROM issue WHERE tags IS NULL", issue, nil, "issue: tags/4/1"},
		{"texts whose order is not known", `SELECT * FROM issue WHERE "Title" > 'a' AND code > 'a'`, issue, nil, "issue: code/3/1"},
		{"the order that is asked for", `SELECT * FROM issue WHERE "Title" COLLATE "C" > 'a'`, issue, nil, "issue: Title/3/1"},
		{"like", `SELECT * FROM issue WHERE "Title" LIKE $1 || '%' AND code ILIKE 'a%'`, issue, []any{"a"}, "issue: Title/6/1 code/6/1"},
		{"ilike of letters that are not known", `SELECT * FROM issue WHERE "Title" ILIKE 'a%'`, issue, nil, "issue: all"},
		{"not like", `SELECT * FROM issue WHERE "Title" NOT LIKE 'a%'`, issue, nil, "issue: Title/5/1"},
		{"like that escapes", `SELECT * FROM issue WHERE "Title" LIKE 'a\_b' AND code LIKE 'a!%' ESCAPE '!'`, issue, nil, "issue: all"},
		{"regular expressions", `SELECT * FROM issue WHERE code ~ '^a' AND code SIMILAR TO 'a%' AND code !~* 'x'`, issue, nil, "issue: all"},
		{"json", `SELECT data->>'a' FROM issue WHERE data->'b' @> '{"c":1}' AND data ? 'x' AND data #>> '{a,b}' = 'c' AND id = 1`, issue, nil, "issue: id/1/1"},
		{"arrays", "SELECT tags[1], tags[1:2] FROM issue WHERE tags && ARRAY['a'] AND tags[2] = 'b' AND 'x' = ANY(tags) AND id = 1", issue, nil, "issue: id/1/1"},
		{"between symmetric", "SELECT * FROM issue WHERE id BETWEEN SYMMETRIC 5 AND 1 AND owner BETWEEN 1 AND 5", issue, nil, "issue: owner/3/1"},
		{"a keyset", "SELECT * FROM issue WHERE (at, id) < ($1, $2) AND (owner, id) = (1, 2)", issue, []any{"2026-03-01T00:00:00Z", 5}, "issue: at/3/1 owner/1/1 id/1/1"},
		{"rows by name", "SELECT * FROM issue WHERE ROW(owner, id) = ROW(1, 2)", issue, nil, "issue: owner/1/1 id/1/1"},
		{"times", "SELECT * FROM issue WHERE at >= timestamptz '2026-01-01 00:00:00+00' AND at < $1", issue, []any{time.Unix(1e9, 0)}, "issue: at/3/1"},
		{"times of another kind", "SELECT * FROM issue WHERE at >= '2026-01-01'::date AND at < now() - interval '1 day'", issue, nil, "issue: all"},
		{"distinct on", "SELECT DISTINCT ON (owner) * FROM issue WHERE owner = 1 ORDER BY owner, at DESC FETCH FIRST 3 ROWS ONLY", issue, nil, "issue: owner/1/1"},
		{"lateral", "SELECT * FROM person p LEFT JOIN LATERAL (SELECT * FROM issue i WHERE i.owner = p.id AND i.done ORDER BY i.at LIMIT 1) x ON true WHERE p.id = 1", both, nil,
			"issue: done/1/1; person: id/1/1"},
		{"comma and join", "SELECT * FROM issue i, person p RIGHT JOIN person q ON q.id = p.id AND p.name = 'a' WHERE i.id = 1", both, nil, "issue: id/1/1; person: all"},
		{"join within join", "SELECT * FROM issue i JOIN person p LEFT JOIN person q ON q.boss = p.id ON p.id = i.owner WHERE i.id = 1", both, nil, "issue: id/1/1; person: all"},
		{"through a view", "SELECT * FROM mine WHERE who = 5 AND k = 1 AND how = 'x'", issue, nil, "issue: owner/3/1 owner/1/1 id/1/1 state/1/1"},
		{"a policy", "SELECT * FROM secret WHERE id = 1", []string{"secret", "person"}, nil, "secret: id/1/1; person: id/1/1"},
		{"a CTE does not name itself", "WITH issue AS (SELECT * FROM issue WHERE owner = 1) SELECT * FROM issue WHERE id = 2", issue, nil, "issue: owner/1/1 id/1/1"},
		{"a recursive CTE does", "WITH RECURSIVE r(id) AS (SELECT id FROM person WHERE id = 1 UNION SELECT p.id FROM person p JOIN r ON p.boss = r.id) SELECT * FROM r",
			[]string{"person"}, nil, "person: all"},
		{"columns with other names", "SELECT * FROM issue AS i(a, b) WHERE a = 1 AND b = 2 AND code = 'x'", issue, nil, "issue: id/1/1 owner/1/1 code/1/1"},
		{"arms in parentheses", "(SELECT id FROM issue WHERE id = 1 LIMIT 3) UNION ALL (SELECT id FROM person WHERE id = 2) ORDER BY 1", both, nil, "issue: id/1/1; person: id/1/1"},
		{"groups", "SELECT owner, count(*) FILTER (WHERE done), percentile_cont(0.5) WITHIN GROUP (ORDER BY price) FROM issue WHERE id > 1 GROUP BY GROUPING SETS ((owner), ()), ROLLUP (done)",
			issue, nil, "issue: id/3/1"},
		{"windows", "SELECT sum(price) OVER (PARTITION BY owner ORDER BY id RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), rank() OVER w FROM issue WHERE done WINDOW w AS (ORDER BY id)",
			issue, nil, "issue: done/1/1"},
		{"words between arguments", "SELECT extract(epoch FROM at), substring(code FROM 1 FOR 2), trim(BOTH 'x' FROM code), position('a' IN code), at AT TIME ZONE 'utc' FROM issue WHERE id = 1", issue, nil, "issue: id/1/1"},
		{"texts in dollars and escapes", `SELECT * FROM issue WHERE code IN ($$a'$$, $x$b$$x$, E'c\n', 'd''') /* a /* b */ c */ -- ' `, issue, nil, "issue: code/1/4"},
		{"pointers and times", "SELECT * FROM issue WHERE code = $1 AND at = $2", issue, []any{&text, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, "issue: code/1/1 at/1/1"},
		{"a uuid", "SELECT * FROM issue WHERE ref = $1", issue, []any{[16]byte{1}}, "issue: ref/1/1"},
		{"an enum", "SELECT * FROM person WHERE mood = 'ok' AND mood IN ($1, 'x'::mood)", []string{"person"}, []any{"sad"}, "person: mood/1/1 mood/1/2"},
		{"for update", "SELECT * FROM issue WHERE id = 1 FOR NO KEY UPDATE OF issue NOWAIT", issue, nil, "issue: id/1/1"},
		{"values", "SELECT * FROM issue JOIN (VALUES (1, 'a'), (2, 'b')) AS v(n, s) ON v.n = issue.owner WHERE issue.id = 1", issue, nil, "issue: id/1/1"},
		{"table", "TABLE issue ORDER BY id LIMIT ALL", issue, nil, "issue: all"},
		{"rows of functions", "SELECT * FROM issue, unnest(tags) WITH ORDINALITY AS u(tag, n), generate_series(1, 3) g, jsonb_to_recordset(data) AS x(a int, b text) WHERE issue.id = 1", issue, nil, "issue: id/1/1"},
		{"what is equal to a value", "SELECT * FROM issue i JOIN person p ON p.id = i.id WHERE i.id = ANY($1)", both, []any{[]int32{4}}, "issue: id/1/1; person: id/1/1"},

		{"a function of one's own", "SELECT mine(id) FROM issue WHERE id = 1", issue, nil, "opaque: the function mine may read tables"},
		{"a function of the database's that runs what it is given", "SELECT query_to_xml('SELECT 1', true, true, '') FROM issue WHERE id = 1", issue, nil, "opaque: the function query_to_xml may read tables"},
		{"a function that reads nothing", "SELECT app.similar(code) FROM issue WHERE id = 1", issue, nil, "issue: id/1/1"},
		{"a function that looks like a column", "SELECT i.mine FROM issue i WHERE i.id = 1", issue, nil, "opaque: the function mine may read tables"},
		{"a function in FROM", "SELECT * FROM issue i, mine(i.id) WHERE i.id = 1", issue, nil, "opaque: the function mine may read tables"},
		{"a field that may be a function", "SELECT (i).total FROM issue i WHERE i.id = 1", issue, nil, "opaque: not understood at byte 10"},
		{"a system column", "SELECT i.xmin, i.ctid FROM issue i WHERE i.id = 1", issue, nil, "issue: id/1/1"},
		{"a sample", "SELECT * FROM issue TABLESAMPLE system (10)", issue, nil, "opaque: it takes a sample of a table"},
		{"rows that are skipped", "SELECT * FROM issue FOR UPDATE SKIP LOCKED", issue, nil, "opaque: it skips rows that are locked"},
		{"what writes", "WITH x AS (DELETE FROM issue RETURNING *) SELECT * FROM x", issue, nil, "opaque: it writes"},
		{"a text that a setting ends elsewhere", `SELECT * FROM issue WHERE code = 'a\' OR code = 'b'`, issue, nil, `opaque: a character that is not read: a\`},
		{"a name that is cut", "SELECT * FROM issue WHERE id = 1 AND " + long + " = 1", issue, nil, "opaque: a character that is not read: " + long},
		{"the catalogue", "SELECT * FROM pg_class", nil, nil, "opaque: it reads a table that the schema does not have: pg_class"},
		{"two statements", "SELECT 1; SELECT 2", nil, nil, "opaque: not understood at byte 10"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q, s := readPostgres(tt.text, tt.tables...)
			if got := needsOf(q, s, tt.args); got != tt.want {
				t.Errorf("%s\n got %s\nwant %s", tt.text, got, tt.want)
			}
		})
	}
}

// TestPostgresRedact: no literal of a text is left, whatever way it is written.
func TestPostgresRedact(t *testing.T) {
	for text, want := range map[string]string{
		`SELECT "Title" FROM issue WHERE owner = 7 AND code = 'secret''s' -- secret`:               `SELECT "Title" FROM issue WHERE owner = ? AND code = ?`,
		`SELECT E'secret\'s', $$secret$$, $a$se$$cret$a$, $1, B'01', U&'secret', N'secret', 1.5e3`: "SELECT ?, ?, ?, $1, ?, ?, ?, ?",
		`SELECT /* secret /* secret */ secret */ id FROM issue WHERE code = 'secret\'' secret`:     "SELECT id FROM issue WHERE code = ?",
		`SELECT '{secret}'::text[], date '2026-01-01' FROM "a.b"`:                                  `SELECT ?::text[], date ? FROM "a.b"`,
	} {
		if got := Redact(&readset.Statement{Text: text, Schema: postgresSchema()}); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestPostgresTies(t *testing.T) {
	for text, want := range map[string]bool{
		"SELECT * FROM issue ORDER BY price":                 true,
		"SELECT * FROM issue WHERE id = $1 ORDER BY price":   false,
		"SELECT * FROM issue WHERE id = ANY($1) ORDER BY at": true,
		"SELECT * FROM issue ORDER BY at DESC, id":           false,
		"SELECT DISTINCT ON (at) * FROM issue ORDER BY at":   false,
	} {
		if q, _ := readPostgres(text); q.Opaque != "" || (q.Ties != "") != want {
			t.Errorf("%s: %q %s", text, q.Ties, q.Opaque)
		}
	}
}

// FuzzPostgresRead: whatever a text is, it is read at most, always in one way,
// and narrower with arguments only.
func FuzzPostgresRead(f *testing.F) {
	for _, text := range append(postgresStatements, statements...) {
		f.Add(text)
	}
	columns := []string{"id", "owner", "Title", "price", "code", "done"}
	rows := [][]any{{int64(1), int64(1), "x", "0.50", "a", true}, {int64(2), nil, "", "1", nil, nil}, {int64(0), int64(-1), nil, "NaN", "", false}}
	f.Fuzz(func(t *testing.T, text string) {
		q, s := readPostgres(text, "issue")
		args := []any{1, "x", nil}[:min(q.params, 3)]
		needs, _ := q.Bind(s, args, nil)
		wider, _ := q.Bind(s, args, func(int, any) string { return WhyDiffers })
		for _, row := range rows {
			if needs[0].Where.MetBy(columns, row) && !wider[0].Where.MetBy(columns, row) {
				t.Errorf("%q: without arguments it is narrower: %v, else %v", text, wider[0].Where, needs[0].Where)
			}
		}
		if again, _ := readPostgres(text, "issue"); again.Opaque != q.Opaque || again.Shape != q.Shape {
			t.Errorf("%q is read in two ways", text)
		}
		Redact(s)
	})
}

// postgresStatements are of the kind that handlers run.
var postgresStatements = []string{
	`SELECT id, "Title" FROM issue WHERE owner = $1 ORDER BY id`,
	`SELECT i.id, i."Title", p.name FROM issue i JOIN person p ON p.id = i.owner WHERE i.owner = $1 AND i.price BETWEEN $2 AND $3 ORDER BY i.id DESC LIMIT 20`,
	"WITH RECURSIVE up(id) AS (SELECT boss FROM person WHERE id = $1 UNION SELECT p.boss FROM person p JOIN up ON p.id = up.id) SELECT * FROM up",
	"SELECT owner, count(*) AS n, max(price) FROM issue WHERE code LIKE $1 || '%' GROUP BY owner HAVING count(*) > 2",
	"SELECT id FROM issue i WHERE NOT EXISTS (SELECT 1 FROM person p WHERE p.id = i.owner AND p.name = ANY($1::text[]))",
}

// BenchmarkReadPostgres is beside BenchmarkRead: the same statements.
func BenchmarkReadPostgres(b *testing.B) {
	schema := postgresSchema()
	for i, text := range postgresStatements {
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
}

const long = "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"
