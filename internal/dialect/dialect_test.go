package dialect

import (
	"math"
	"reflect"
	"testing"

	"github.com/wakeful-dev/wakeful/schema"
)

var (
	lite  = Of(&schema.Schema{Dialect: "sqlite"})
	elect = Of(&schema.Schema{Dialect: "postgres"})
)

func is(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %s, want %s", what, got, want)
	}
}

// TestParts: each part as both databases have it.
func TestParts(t *testing.T) {
	table := &schema.Table{Name: `app."x.y"`, Path: []string{"app", `x.y"`}}
	is(t, "a table", string(elect.AppendTable(nil, table)), `"app"."x.y"""`)
	is(t, "a table", string(lite.AppendTable(nil, &schema.Table{Name: `a"b`})), `"a""b"`)
	for _, tt := range []struct {
		c                                schema.Column
		stored, compared, text, up, down string
	}{
		{schema.Column{Name: "c", Native: "text", Type: schema.Text, Collation: "C", Nullable: true}, `"t"."c"`, `"t"."c"`, `"t"."c"`, `"t"."c" NULLS FIRST`, `"t"."c" DESC NULLS LAST`},
		{schema.Column{Name: "c", Native: "text", Type: schema.Text}, `"t"."c"`, `"t"."c"`, `"t"."c" COLLATE "C"`, `"t"."c"`, `"t"."c" DESC`},
		{schema.Column{Name: "c", Native: "integer", Type: schema.Integer}, `"t"."c"`, `"t"."c"`, `"t"."c"::text COLLATE "C"`, `"t"."c"`, `"t"."c" DESC`},
		{schema.Column{Name: "c", Native: "oid", Type: schema.Integer}, `"t"."c"::bigint`, `"t"."c"`, `"t"."c"::text COLLATE "C"`, `"t"."c"`, `"t"."c" DESC`},
		{schema.Column{Name: "c", Native: "numeric", Type: schema.Decimal}, `"t"."c"::text`, `"t"."c"`, `"t"."c"::text COLLATE "C"`, `"t"."c"`, `"t"."c" DESC`},
		{
			schema.Column{Name: "c", Native: "inet", Type: schema.Text}, `CASE WHEN "t"."c" IS NOT NULL THEN pg_catalog.concat("t"."c") END`, `"t"."c"`,
			`(CASE WHEN "t"."c" IS NOT NULL THEN pg_catalog.concat("t"."c") END) COLLATE "C"`, `"t"."c"`, `"t"."c" DESC`,
		},
		{schema.Column{Name: "c", Native: "json", Type: schema.JSON, Unordered: true}, `"t"."c"::text`, `"t"."c"::text COLLATE "C"`, `"t"."c"::text COLLATE "C"`, `"t"."c"::text COLLATE "C"`, `"t"."c"::text COLLATE "C" DESC`},
	} {
		is(t, tt.c.Native+" as it is stored", string(elect.AppendStored(nil, "t", &tt.c)), tt.stored)
		is(t, tt.c.Native+" as it is compared", string(elect.AppendCompared(nil, "t", &tt.c)), tt.compared)
		is(t, tt.c.Native+" as text", string(elect.AppendText(nil, "t", &tt.c, false)), tt.text)
		is(t, tt.c.Native+" in order", string(elect.AppendOrder(nil, "t", &tt.c, false)), tt.up)
		is(t, tt.c.Native+" in the other order", string(elect.AppendOrder(nil, "t", &tt.c, true)), tt.down)
	}
	c := &schema.Column{Name: "c", Nullable: true}
	is(t, "stored in SQLite", string(lite.AppendStored(nil, "t", c)), `+"t"."c"`)
	is(t, "in SQLite's order", string(lite.AppendOrder(nil, "t", c, true)), `"t"."c" DESC`)
}

// TestArgs: arguments have the types of their columns, and are columns
// themselves where several lists are read at once.
func TestArgs(t *testing.T) {
	columns := []*schema.Column{
		{Native: "integer", Type: schema.Integer}, {Native: "character varying", Type: schema.Text}, {Native: "text[]", Type: schema.Array},
		{Native: "json", Type: schema.JSON, Unordered: true}, {Native: "oid", Type: schema.Integer},
	}
	values := []any{int64(1), "a", "{x}", "{}", int64(7)}
	write := func(a *Args) (text string) {
		for i, c := range columns {
			text += string(a.Compared([]byte{' '}, c, values[i]))
		}
		return text
	}
	one, many := &Args{Dialect: elect}, &Args{Dialect: elect, Row: "q"}
	is(t, "one statement", write(one), ` $1::bigint $2::text $3::text[] $4::text $5::oid`)
	is(t, "many lists", write(many), ` q.a1 q.a2 q.a3::text[] q.a4 q.a5`)
	is(t, "what is stored", string(one.Stored(nil, columns[3], "{}")), `$6::json`)
	is(t, "SQLite's", write(&Args{}), ` ? ? ? ? ?`)
	if want := []string{"bigint", "text", "text", "text", "oid"}; !reflect.DeepEqual(many.Types, want) {
		t.Errorf("the types are %q, want %q", many.Types, want)
	}
	if one.Values[4] != "7" {
		t.Errorf("an oid is %#v to the driver", one.Values[4])
	}
	text, args := elect.Batch(nil, "q", []string{"bigint", "text", "bytea", "double precision", "boolean"}, [][]any{
		{int64(1), `a"\,{`, []byte{0, 255}, math.Inf(-1), true}, {int64(-2), nil, []byte{}, 0.5, false},
	})
	is(t, "a batch", string(text), `unnest($1::bigint[], $2::text[], $3::bytea[], $4::double precision[], $5::boolean[]) WITH ORDINALITY AS q(a1, a2, a3, a4, a5, n)`)
	if want := []any{`{1,-2}`, `{"a\"\\,{",NULL}`, `{"\\x00ff","\\x"}`, `{-Infinity,0.5}`, `{true,false}`}; !reflect.DeepEqual(args, want) {
		t.Errorf("the arguments are %q, want %q", args, want)
	}
}
