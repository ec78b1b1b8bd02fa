package where_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/where"
)

func TestCanonical(t *testing.T) {
	a, b, c := where.Eq("a", 1), where.Gt("b", "x"), where.In("c", 3, 1, 2)
	same := [][]where.Expr{
		{where.And(a, b, c), where.And(c, where.And(b, a), a), where.And(where.All(), a, c, b)},
		{where.Or(a, b), where.Or(b, a, b), where.Or(where.None(), where.Or(b), a)},
		{c, where.In("c", 2, 2, 1, 3)},
		{where.In("a", 1), a, where.Eq("a", int8(1)), where.Eq("a", 1.0)},
		{where.All(), where.And(), where.Or(where.All(), a), where.And(where.All())},
		{where.None(), where.Or(), where.And(where.None(), a), where.In[int]("a")},
		{where.Between("a", 1, 2), where.And(where.Le("a", 2), where.Ge("a", 1))},
		{where.Eq("t", time.Unix(1, 0)), where.Eq("t", time.Unix(1, 0).UTC())},
		{where.Not(where.And(a, b)), where.Not(where.And(b, a))},
		{where.Via("f", where.Or(a, b)), where.Via("f", where.Or(b, a))},
		{where.Eq("a", "1")}, {where.Eq("a", true)}, {where.Eq("a", 1.5)}, {where.Eq("a", []byte("1"))}, {where.Ne("a", 1)}, {where.Not(a)},
		{where.Eq("t", "1970-01-01T00:00:01Z")}, {where.Contains("a", "1")}, {where.IContains("a", "1")}, {where.Via("a", where.All())},
		{where.IsNull("a")}, {where.NotNull("a")}, {b}, {where.Eq(`a"`, 1)}, {where.In("c", "1, 2, 3")}, {where.In("c", 1, 2)},
	}
	seen := map[string]int{}
	for i, list := range same {
		for _, e := range list {
			if e.Canonical() != list[0].Canonical() {
				t.Errorf("%s is not %s", e.Canonical(), list[0].Canonical())
			}
		}
		if other, taken := seen[list[0].Canonical()]; taken {
			t.Errorf("%d and %d are both %s", other, i, list[0].Canonical())
		}
		seen[list[0].Canonical()] = i
	}
}

// TestSQL: what the statements look like, and what the reader of statements
// makes of them: the rows of each table that can matter.
func TestSQL(t *testing.T) {
	w := newWorld(t, 1)
	tests := []struct {
		e          where.Expr
		sql, needs string
	}{
		{where.All(), `TRUE`, "lax: every row"},
		{where.None(), `FALSE`, "lax: every row"},
		{where.Eq("i", "7"), `"x"."i" = ? [7]`, "lax: i = 7"},
		{where.Ne("t", "a"), `"x"."t" <> ? ["a"]`, `lax: t <> 'a'`},
		{where.Eq("ts", time.Unix(0, 0)), `"x"."ts" = ? ["1970-01-01 00:00:00"]`, `lax: ts = '1970-01-01 00:00:00'`},
		{where.Eq("bo", true), `"x"."bo" = ? [1]`, "lax: bo = 1"},
		{where.In("i", 3, 1, 1), `"x"."i" IN (?, ?) [1 3]`, "lax: i IN (1, 3)"},
		{where.Between("r", 1, 2.5), `("x"."r" >= ? AND "x"."r" <= ?) [1 2.5]`, "lax: r BETWEEN 1 AND 2.5"},
		{where.IsNull("b"), `"x"."b" IS NULL`, "lax: b IS NULL"},
		{where.NotNull("b"), `"x"."b" IS NOT NULL`, "lax: b IS NOT NULL"},
		{where.Not(where.Lt("i", 3)), `NOT ("x"."i" < ?) [3]`, "lax: i >= 3"},
		{where.StartsWith("t", "ab"), `("x"."t" >= ? AND "x"."t" < ?) ["ab" "ac"]`, "lax: t >= 'ab' AND t < 'ac'"},
		{where.StartsWith("tn", "ab"), `("x"."tn" LIKE ? AND "x"."tn" GLOB ?) ["ab%" "ab*"]`, "lax: tn LIKE 'ab%'"},
		{where.IStartsWith("t", "ab"), `"x"."t" LIKE ? ["ab%"]`, "lax: t LIKE 'ab%'"},
		{where.Contains("t", "a*b"), `("x"."t" LIKE ? AND "x"."t" GLOB ?) ["%a*b%" "*a[*]b*"]`, "lax: t LIKE '%a*b%'"},
		{where.IContains("t", "50%"), `("x"."t" LIKE ? AND "x"."t" LIKE ? ESCAPE '\') ["%50_%" "%50\\%%"]`, "lax: t LIKE '%50_%'"},
		{where.EndsWith("t", "z"), `("x"."t" LIKE ? AND "x"."t" GLOB ?) ["%z" "*z"]`, "lax: t LIKE '%z'"},
		{where.IEndsWith("t", "z"), `"x"."t" LIKE ? ["%z"]`, "lax: t LIKE '%z'"},
		{where.IExact("t", "aB"), `"x"."t" = ? COLLATE NOCASE ["aB"]`, "lax: t = 'ab'"},
		{where.IExact("n", "aB"), `"x"."n" LIKE ? ["aB"]`, "lax: n LIKE 'ab'"},
		{where.Or(where.Eq("i", 1), where.Eq("t", "a")), `("x"."i" = ? OR "x"."t" = ?) [1 "a"]`, "lax: i = 1 OR t = 'a'"},
		{where.Via("other", where.Eq("name", "a")),
			`"x"."other" IN (SELECT "via1"."id" FROM "other" AS "via1" WHERE "via1"."name" = ?) ["a"]`,
			"lax: other IS NOT NULL; other: name = 'a'"},
		{where.Not(where.Via("other", where.Eq("name", "a"))),
			`NOT (EXISTS (SELECT TRUE FROM "other" AS "via1" WHERE "via1"."id" = "x"."other" AND "via1"."name" = ?)) ["a"]`,
			"lax: every row; other: name = 'a'"},
		{where.Via("codeb", where.All()),
			`EXISTS (SELECT TRUE FROM "other" AS "via1" WHERE "via1"."code" = "x"."codeb" AND TRUE)`, "lax: every row; other: every row"},
		{where.Via("pb", where.Gt("a", 3)),
			`EXISTS (SELECT TRUE FROM "pair" AS "via1" WHERE "via1"."a" = "x"."pa" AND "via1"."b" = "x"."pb" AND "via1"."a" > ?) [3]`,
			"lax: every row; pair: a > 3"},
		{where.Via("other", where.Via("next", where.Eq(`what? "x"`, 5))),
			`"x"."other" IN (SELECT "via1"."id" FROM "other" AS "via1" WHERE EXISTS (SELECT TRUE FROM "other" AS "via2" ` +
				`WHERE "via2"."id" = "via1"."next" AND "via2"."what? ""x""" = ?)) [5]`,
			"lax: other IS NOT NULL; other: every row"},
	}
	table := w.schema.Table("lax")
	for _, tt := range tests {
		b, err := where.Bind(tt.e, table, w.schema)
		if err != nil {
			t.Errorf("%s: %v", tt.e.Canonical(), err)
			continue
		}
		text, args := b.AppendSQL(nil, "x", nil)
		got := string(text)
		if len(args) > 0 {
			var shown []string
			for _, arg := range args {
				shown = append(shown, strings.TrimSuffix(fmt.Sprintf("%#v", arg), ".0"))
			}
			got += " [" + strings.Join(shown, " ") + "]"
		}
		if got != tt.sql {
			t.Errorf("%s\n is  %s\nnot %s", tt.e.Canonical(), got, tt.sql)
		}
		if needs := w.needs(`SELECT "x"."key" FROM "lax" AS "x" WHERE `+string(text)+` ORDER BY "x"."key" LIMIT ?`, append(args, int64(1))); needs != tt.needs {
			t.Errorf("%s: reads %s, want %s", text, needs, tt.needs)
		}
	}
}

// needs is what the reader of statements says of a statement.
func (w *world) needs(text string, args []any) string {
	statement, err := w.source.Describe(w.t.Context(), text)
	if err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	q := query.Read(statement)
	if q.Opaque != "" {
		return "opaque: " + q.Opaque
	}
	needs, _ := q.Bind(statement, args, nil)
	var list []string
	for _, n := range needs {
		list = append(list, n.Table+": "+n.Where.Text(true))
	}
	return strings.Join(list, "; ")
}

func TestBindErrors(t *testing.T) {
	w := newWorld(t, 1)
	deep := where.Eq("i", 1)
	for range 40 {
		deep = where.Or(where.Not(deep), where.IsNull("i"))
	}
	tests := []struct {
		e    where.Expr
		want string
	}{
		{nil, "where: a condition is nil; All is every row"},
		{where.Not(nil), "where: a condition is nil; All is every row"},
		{where.And(nil, where.Eq("i", 1)), "where: a condition is nil; All is every row"},
		{where.Or(nil, where.All()), "where: a condition is nil; All is every row"},
		{where.Eq("I", 1), "where: strict.I: there is no such column; there are key, i, r, t, tn, b, a, other"},
		{where.Eq("i", "seven"), "where: strict.i: an integer is wanted"},
		{where.Eq("i", nil), "where: strict.i: a value is wanted; NULL is asked for with IsNull"},
		{where.Eq("i", (*int)(nil)), "where: strict.i: a value is wanted; NULL is asked for with IsNull"},
		{where.Eq("b", []byte(nil)), "where: strict.b: a value is wanted; NULL is asked for with IsNull"},
		{where.Eq("b", where.Stored(nil)), "where: strict.b: a value is wanted; NULL is asked for with IsNull"},
		{where.Eq("i", struct{ A int }{1}), "where: strict.i: an integer is wanted, not a struct { A int }"},
		{where.Eq("i", []byte("1")), "where: strict.i: an integer is wanted"},
		{where.Eq("r", "NaN"), "where: strict.r: a number is wanted: nothing compares with NaN"},
		{where.Eq("t", true), "where: strict.t: a string is wanted"},
		{where.Eq("t", 1.5), "where: strict.t: a string is wanted"},
		{where.Eq("t", "\xff"), "where: strict.t: text in UTF-8 without a NUL is wanted"},
		{where.Contains("t", "a\x00"), "where: strict.t: text in UTF-8 without a NUL is wanted"},
		{where.Contains("t", strings.Repeat("a", 5000)), "where: strict.t: a text of at most 4096 bytes is wanted"},
		{where.Via("t", where.All()), "where: strict.t: no foreign key has this column; there are other"},
		{where.Via("other", where.Eq("nam", 1)), "where: other.nam: there is no such column; there are id, name, code, next, what? \"x\""},
		{where.In("i", slices.Repeat([]int{1, 2}, 10)...), ""},
		{where.In("i", slices.Collect(func(yield func(int) bool) {
			for i := range 10_001 {
				if !yield(i) {
					return
				}
			}
		})...), "where: strict.i: more than 10000 values are compared with"},
		{deep, "where: conditions stand in one another more than 32 deep"},
	}
	for _, tt := range tests {
		_, err := where.Bind(tt.e, w.schema.Table("strict"), w.schema)
		var told *where.Error
		if tt.want == "" {
			if err != nil {
				t.Error(err)
			}
		} else if !errors.As(err, &told) || err.Error() != tt.want {
			t.Errorf("error %v, want %s", err, tt.want)
		}
	}
}

// TestBoundIsOne: what became equal by the columns' types is one condition.
func TestBoundIsOne(t *testing.T) {
	w := newWorld(t, 1)
	table := w.schema.Table("lax")
	for _, list := range [][]where.Expr{
		{where.Eq("i", 1), where.Eq("i", "1"), where.Eq("i", true), where.In("i", "1", "1.0"), where.Or(where.Eq("i", 1), where.Eq("i", "1"))},
		{where.Eq("t", 1), where.Eq("t", "1")},
		{where.In[any]("i", "2", 1), where.In("i", 1, 2)},
		{where.Eq("ts", time.Unix(0, 0)), where.Eq("ts", "1970-01-01T00:00:00Z"), where.Eq("ts", "1970-01-01 00:00:00")},
	} {
		var first string
		for i, e := range list {
			b, err := where.Bind(e, table, w.schema)
			if err != nil {
				t.Fatal(err)
			}
			text, args := b.AppendSQL(nil, "x", nil)
			told := fmt.Sprintf("%s %s %v", b.Canonical(), text, args)
			if i == 0 {
				first = told
			} else if told != first {
				t.Errorf("%s is bound as %s, not %s", e.Canonical(), told, first)
			}
		}
	}
}

// TestUnknown: a value that an image does not have is the database's to decide
// only where it counts.
func TestUnknown(t *testing.T) {
	w := newWorld(t, 1)
	columns := []string{"i", "other", "t"}
	tests := []struct {
		e    where.Expr
		row  []any
		want ivm.Truth
	}{
		{where.Eq("i", 1), []any{change.Unknown, nil, nil}, ivm.Ask},
		{where.And(where.Eq("i", 1), where.Eq("t", "a")), []any{change.Unknown, nil, "b"}, ivm.False},
		{where.And(where.Eq("i", 1), where.Eq("t", "a")), []any{change.Unknown, nil, "a"}, ivm.Ask},
		{where.And(where.Eq("i", 1), where.Eq("t", "a")), []any{change.Unknown, nil, nil}, ivm.False},
		{where.Or(where.Eq("i", 1), where.Eq("t", "a")), []any{change.Unknown, nil, "a"}, ivm.True},
		{where.Not(where.And(where.Eq("i", 1), where.Eq("t", "a"))), []any{change.Unknown, nil, nil}, ivm.Ask},
		{where.Via("other", where.Eq("name", "a")), []any{int64(1), nil, nil}, ivm.False},
		{where.Not(where.Via("other", where.Eq("name", "a"))), []any{int64(1), nil, nil}, ivm.True},
		{where.Via("other", where.Eq("name", "a")), []any{int64(1), int64(1), nil}, ivm.Ask},
		{where.Via("other", where.None()), []any{int64(1), int64(1), nil}, ivm.False},
		{where.Eq("r", 1), []any{int64(1), int64(1), nil}, ivm.Ask}, // not among the columns
		{where.Eq("i", 1), []any{nil, nil, nil}, ivm.Null},
		{where.Eq("i", 1), []any{true, nil, nil}, ivm.Ask}, // nothing that SQLite stores
	}
	for _, tt := range tests {
		b, err := where.Bind(tt.e, w.schema.Table("lax"), w.schema)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Match(columns)(tt.row); got != tt.want {
			t.Errorf("%s of %v is %d, want %d", b.Canonical(), tt.row, got, tt.want)
		}
	}
}

func TestTables(t *testing.T) {
	w := newWorld(t, 1)
	e := where.And(where.Eq("i", 1), where.Not(where.Via("other", where.Via("next", where.Eq("name", "a")))), where.Via("pa", where.All()))
	b, err := where.Bind(e, w.schema.Table("lax"), w.schema)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Tables(); !slices.Equal(got, []string{"other", "pair"}) {
		t.Errorf("tables %q", got)
	}
	if got := b.Columns(); !slices.Equal(got, []string{"i", "other", "pa", "pb"}) {
		t.Errorf("columns %q", got)
	}
}

func TestAsks(t *testing.T) {
	w := newWorld(t, 1)
	for _, tt := range []struct {
		e    where.Expr
		want string
	}{
		{where.Eq("t", "a"), ""},
		{where.Contains("i", "1"), ""},
		{where.Eq("tb", "a"), "tb: how the collation BACKWARDS compares is not known"},
		{where.IsNull("tb"), ""},
		{where.Contains("tb", "a"), ""},
		{where.Contains("r", "1"), "r: only the database knows how it writes a fraction"},
		{where.Eq("gv", 1), "gv: images of changes do not have the generated column"},
		{where.Eq("gs", "a"), ""},
		{where.Eq("odd", "1e3"), "odd: the database may read the text as a number"},
		{where.Eq("odd", "13"), ""},
		{where.Via("other", where.Eq("code", "1")), "other: the row of other is in the database"},
	} {
		b, err := where.Bind(tt.e, w.schema.Table("lax"), w.schema)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Asks(); got != tt.want {
			t.Errorf("%s: asks %q, want %q", b.Canonical(), got, tt.want)
		}
	}
}
