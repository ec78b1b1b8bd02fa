package query_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/readset"
)

// postgresSamples are what columns of the types hold, as text.
var postgresSamples = map[string][]string{
	"smallint": {"0", "1", "-1", "2"}, "integer": {"0", "1", "-1", "2147483647"}, "bigint": {"0", "1", "9007199254740992", "9007199254740993"},
	"numeric": {"0", "1", "1.0", "0.1", "0.5", "1.5", "NaN", "Infinity", "9007199254740993", "1e30"}, "money": {"0", "1", "0.10", "1.50", "2"},
	"real": {"0", "-0", "0.1", "0.5", "NaN", "1", "16777216"}, "double": {"0", "-0", "0.1", "0.5", "NaN", "1", "Infinity", "9007199254740992"},
	"boolean": {"t", "f"}, "text": {"", "a", "A", "ab", "a ", "b", "é", "a%", `a\`, "aXb"}, "words": {"", "a", "A", "ab", "a ", "b", "é"},
	"varchar": {"", "a", "A", "ab", "a ", "b"}, "char": {"", "a", "ab", "A", "b"}, "folded": {"a", "A", "b", "é"},
	"uuid": someUUIDs, "bytea": {"", "a", `\x00ff`}, "mood": {"ok", "sad", "a b"}, "instant": {"2025-01-01 00:00:00+00", "2025-01-01 00:00:00.5+00", "infinity"},
	"timestamp": {"2025-01-01 00:00:00", "2025-01-01 12:00:00", "-infinity"}, "date": {"2025-01-01", "2024-02-29", "0044-03-15 BC"},
	"json": {`{"a": 1}`, "[1]"}, "list": {"{1,2}", "{}"}, "pair": {"(1,a)", "(,)"},
}

// postgresGiven are arguments for columns of any type.
var postgresGiven = []any{
	nil, 0, 1, int64(2), int64(9007199254740993), 0.1, 0.5, 1.0, 1.5, math.NaN(), true, false,
	"", "0", "1", "01", "1.0", "0.10", "0.1", "1.50", "NaN", "a", "A", "ab", "a ", "b", "é", "a%", `a\%`, "%", "A%", "a_b", "t", "ok", "sad", `\x00ff`,
	someUUIDs[0], strings.ToUpper(someUUIDs[0]), []byte("a"), []byte{0, 255}, "2025-01-01", "2025-01-01 00:00:00", "2025-01-01T00:00:00Z", "2025-01-01 01:00:00+01", "infinity",
	time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2025, 1, 1, 1, 0, 0, 0, time.FixedZone("x", 3600)), `{"a": 1}`, "{1,2}", "(,)",
}

// TestComparablePostgres: for each type of column, each condition and each
// argument, a row that the database finds meets the condition. Where both sides
// have a canonical form the answers are the same, both ways.
func TestComparablePostgres(t *testing.T) {
	conditions := []string{"v = $1", "v < $1", "v <= $1", "v > $1", "v >= $1", "v <> $1", "v IS NOT DISTINCT FROM $1", "v IS DISTINCT FROM $1", "v IN ($1, NULL)",
		"v NOT IN ($1, $1)", "v BETWEEN $1 AND $1", "v NOT BETWEEN $1 AND $1", "$1 <= v", "NOT v = $1", "v = ANY (ARRAY[$1]::CAST[])", "v <> ALL (ARRAY[$1]::CAST[])",
		"v = $1::CAST", "v >= $1::CAST", "NOT (v < $1 OR v IS NULL)", "(v, 1) < ($1, 1)", "v::CAST = $1", "v::text = $1", "v LIKE $1", "v LIKE $1 || '%'", "v ILIKE $1", "v NOT LIKE $1",
		`v COLLATE "C" < $1`, `v = $1 COLLATE "C"`, "v::float8 = $1", "v = $1::float8", "v = $1 AND v::text <> 'x'"}
	base := newPostgresBase(t)
	same, wider := 0, 0
	kinds := make([]string, 0, len(postgresTypes))
	for kind := range postgresTypes {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	if raceEnabled {
		kinds = kinds[:4]
	}
	for _, kind := range kinds {
		if kind == "few" {
			continue
		}
		c := newComparison(t, base, kind)
		for _, condition := range conditions {
			condition = strings.ReplaceAll(condition, "CAST", postgresTypes[kind].cast)
			if textual := strings.Contains(condition, "LIKE") || strings.Contains(condition, "COLLATE"); textual && postgresTypes[kind].collation == "" {
				continue
			}
			c.check(condition, &same, &wider)
		}
	}
	t.Logf("%d comparisons as the database makes them, %d that count as met", same, wider)
	if wider > same {
		t.Errorf("only %d of %d comparisons are told", same, same+wider)
	}
}

// comparison is a table of one column, and its values as images have them.
type comparison struct {
	t      *testing.T
	base   *postgresBase
	table  string
	schema *readset.Schema
	values map[int]any
}

func newComparison(t *testing.T, base *postgresBase, kind string) *comparison {
	t.Helper()
	of := postgresTypes[kind]
	c := &comparison{t: t, base: base, table: "c_" + kind, values: map[int]any{}}
	column, _, _ := strings.Cut(of.declared, " COLLATE")
	ctx := context.Background()
	for _, text := range []string{
		"CREATE TABLE " + c.table + " (id integer GENERATED ALWAYS AS IDENTITY, v " + of.declared + ")",
		"GRANT SELECT ON " + c.table + " TO PUBLIC",
	} {
		if _, err := base.write.Exec(ctx, text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	if _, err := base.write.Exec(ctx, "INSERT INTO "+c.table+" (v) SELECT x::"+column+" FROM unnest($1::text[]) x UNION ALL SELECT NULL", postgresSamples[kind]); err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	rows, err := base.write.Query(ctx, "SELECT id, v"+of.image+", (SELECT CASE WHEN y.typtype = 'e' THEN 'enum ' ELSE '' END || format_type(a.atttypid, a.atttypmod) "+
		"FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid WHERE a.attrelid = '"+c.table+"'::regclass AND a.attname = 'v') FROM "+c.table)
	if err != nil {
		t.Fatal(err)
	}
	written := ""
	for rows.Next() {
		var id int
		var v any
		if err := rows.Scan(&id, &v, &written); err != nil {
			t.Fatal(err)
		}
		c.values[id] = imaged(v)
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	c.schema = &readset.Schema{Dialect: "postgres", Encoding: "UTF-8", Path: []string{"public"}, Functions: map[string]bool{}, Tables: map[string]*readset.Table{
		c.table: {Name: c.table, Columns: []readset.Column{{Name: "id", Type: "integer"}, {Name: "v", Type: written, Collation: of.collation}}}}}
	return c
}

// check runs one condition with all arguments.
func (c *comparison) check(condition string, same, wider *int) {
	text := "SELECT id FROM " + c.table + " WHERE " + condition
	statement := &readset.Statement{Text: text, Schema: c.schema, Reads: []readset.Read{{Table: c.table}}}
	q := query.Read(statement)
	if q.Opaque != "" {
		c.t.Fatalf("%s: %s", text, q.Opaque)
	}
	for _, arg := range postgresGiven {
		found := map[int]bool{}
		rows, err := c.base.reads.Query(context.Background(), text, arg)
		if err != nil {
			continue
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int])
		if err != nil {
			continue // the database does not take it
		}
		for _, id := range ids {
			found[id] = true
		}
		needs, _ := q.Bind(statement, []any{arg}, nil)
		for id, v := range c.values {
			met := needs[0].Where.MetBy([]string{"v"}, []any{v})
			switch {
			case found[id] && !met:
				c.t.Errorf("%s with %#v: the database finds %#v in %s, the condition %v does not", condition, arg, v, c.table, needs[0].Where)
			case found[id] == met:
				*same++
			default:
				*wider++
			}
		}
	}
}

// TestArraysPostgres: what is compared with the elements of an array.
func TestArraysPostgres(t *testing.T) {
	base := newPostgresBase(t)
	text := "a"
	arrays := []any{
		[]int{1, 2}, []int64{}, []int64(nil), []int32{0}, []string{"1", "0"}, []string{"a", "b "}, []*string{&text, nil}, []any{1, "2"}, []any{int64(1)}, []float64{0.1, 1},
		[]bool{true}, "{1,2}", "{}", "{NULL}", "{1,NULL}", `{"a","b"}`, "{a,ab}", "{ 1}", "{{1,2},{0,3}}", "[0:1]={1,2}", nil, [][]byte{{0, 255}}, []time.Time{time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)},
		[][]int{{1}, {2}}, []string{someUUIDs[0]}, [][16]byte{{15: 1}}, []string{"2025-01-01"}, []string{"ok"},
	}
	for _, kind := range []string{"integer", "bigint", "numeric", "real", "double", "boolean", "text", "words", "char", "uuid", "bytea", "mood", "date", "instant"} {
		c := newComparison(t, base, kind)
		for _, condition := range []string{"v = ANY ($1)", "v <> ALL ($1)", "NOT v = ANY ($1)", "NOT v <> ALL ($1)", "v = ANY ($1::CAST[])", "v = ANY ($1) IS NOT TRUE", "v = SOME ($1) OR v IS NULL", "v < ANY ($1)"} {
			condition = strings.ReplaceAll(condition, "CAST", postgresTypes[kind].cast)
			text := "SELECT id FROM " + c.table + " WHERE " + condition
			statement := &readset.Statement{Text: text, Schema: c.schema, Reads: []readset.Read{{Table: c.table}}}
			q := query.Read(statement)
			for _, arg := range arrays {
				rows, err := base.reads.Query(context.Background(), text, arg)
				if err != nil {
					continue
				}
				ids, err := pgx.CollectRows(rows, pgx.RowTo[int])
				if err != nil {
					continue
				}
				needs, _ := q.Bind(statement, []any{arg}, nil)
				for _, id := range ids {
					if !needs[0].Where.MetBy([]string{"v"}, []any{c.values[id]}) {
						t.Errorf("%s with %#v: the database finds %#v in %s, the condition %v does not", condition, arg, c.values[id], c.table, needs[0].Where)
					}
				}
			}
		}
	}
}

// imaged is a value that was scanned, as images have it.
func imaged(v any) any {
	switch v := v.(type) {
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case float32:
		return float64(v)
	case [16]byte:
		panic(fmt.Sprintf("%v is no text", v))
	}
	return v
}
