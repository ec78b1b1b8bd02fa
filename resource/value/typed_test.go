package value

import (
	"math"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/schema"
)

func native(of schema.Type, name string) *schema.Column {
	return &schema.Column{Name: "c", Type: of, Native: name}
}

func arrayOfType(of schema.Type, name string) *schema.Column {
	return &schema.Column{Name: "c", Type: schema.Array, Native: name + "[]", Item: native(of, name)}
}

// TestTyped: what a column of a type takes from JSON, what is stored, and what
// is shown of it. A stored error begins with an exclamation mark.
func TestTyped(t *testing.T) {
	stamps, zones := native(schema.Timestamp, "timestamp without time zone"), native(schema.Timestamp, zoned)
	labels := native(schema.Text, "mood")
	labels.Labels = []string{"a", "b"}
	texts, numbers, bytes := arrayOfType(schema.Text, "text"), arrayOfType(schema.Integer, "integer"), arrayOfType(schema.Bytes, "bytea")
	documents, flags, floats := arrayOfType(schema.JSON, "jsonb"), arrayOfType(schema.Boolean, "boolean"), arrayOfType(schema.Float, "double precision")
	for _, tt := range []struct {
		c      *schema.Column
		json   string
		stored any
		shown  string
	}{
		{native(schema.Integer, "smallint"), `32767`, int64(32767), `32767`},
		{native(schema.Integer, "smallint"), `32768`, "!an integer between -32768 and 32767 is wanted", ""},
		{native(schema.Integer, "integer"), `-2147483649`, "!an integer between -2147483648 and 2147483647 is wanted", ""},
		{native(schema.Integer, "oid"), `4294967295`, int64(math.MaxUint32), `4294967295`},
		{native(schema.Integer, "bigint"), `9223372036854775808`, "!" + errIntegerRange.Error(), ""},
		{native(schema.Integer, "integer"), `true`, "!" + errInteger.Error(), ""},
		{native(schema.Float, single), `0.1`, float64(float32(0.1)), `0.1`},
		{native(schema.Float, single), `1e39`, "!a number between", ""},
		{native(schema.Float, single), `"Infinity"`, math.Inf(1), `"Infinity"`},
		{native(schema.Float, "double precision"), `0.1`, 0.1, `0.1`},
		{native(schema.Decimal, "numeric"), `1.50`, "1.50", `1.50`},
		{native(schema.Decimal, "numeric"), `"1.50"`, "1.50", `1.50`},
		{native(schema.Decimal, "numeric"), `123456789012345678901234567890.5`, "123456789012345678901234567890.5", `123456789012345678901234567890.5`},
		{native(schema.Decimal, "numeric"), `"NaN"`, "NaN", `"NaN"`},
		{native(schema.Decimal, "numeric"), `1e20000`, "!" + errDecimalRange.Error(), ""},
		{native(schema.Decimal, "numeric"), `"0x10"`, "!" + errNumber.Error(), ""},
		{native(schema.Boolean, "boolean"), `true`, true, `true`},
		{native(schema.Boolean, "boolean"), `1`, "!" + errBoolean.Error(), ""},
		{native(schema.Boolean, "boolean"), `"true"`, "!" + errBoolean.Error(), ""},
		{native(schema.Text, "text"), `"a\u0000"`, "!" + errNUL.Error(), ""},
		{native(schema.Text, "text"), `5`, "!" + errText.Error(), ""},
		{labels, `"b"`, "b", `"b"`},
		{labels, `"c"`, "!one of a, b is wanted", ""},
		{stamps, `"2026-01-02T03:04:05.5+02:00"`, "2026-01-02 01:04:05.5", `"2026-01-02T01:04:05.500000Z"`},
		{stamps, `"2026-01-02"`, "2026-01-02 00:00:00", `"2026-01-02T00:00:00.000000Z"`},
		{stamps, `"2026-01-02T23:59:59.9999995Z"`, "2026-01-03 00:00:00", `"2026-01-03T00:00:00.000000Z"`},
		{stamps, `"0000-01-02"`, "!" + errStamp.Error(), ""},
		{stamps, `"infinity"`, "!" + errStamp.Error(), ""},
		{zones, `"2026-01-02T03:04:05.000001Z"`, "2026-01-02 03:04:05.000001+00", `"2026-01-02T03:04:05.000001Z"`},
		{native(schema.Date, "date"), `"2026-02-29"`, "!" + errDate.Error(), ""},
		{native(schema.Date, "date"), `"2028-02-29"`, "2028-02-29", `"2028-02-29"`},
		{native(schema.Time, "time without time zone"), `"03:04:05.1234567"`, "03:04:05.123456", `"03:04:05.123456"`},
		{native(schema.UUID, "uuid"), `"123E4567-E89B-12D3-A456-426614174000"`, "123e4567-e89b-12d3-a456-426614174000", `"123e4567-e89b-12d3-a456-426614174000"`},
		{native(schema.JSON, "jsonb"), `{"a": [1, "x"]}`, `{"a":[1,"x"]}`, `{"a":[1,"x"]}`},
		{native(schema.JSON, "json"), `"x"`, `"x"`, `"x"`},
		{texts, `[]`, `{}`, `[]`},
		{texts, `["a", "b c", "", "NULL", null, "q\"\\"]`, `{a,"b c","","NULL",NULL,"q\"\\"}`, `["a","b c","","NULL",null,"q\"\\"]`},
		{numbers, `[[1, 2], [3, null]]`, `{{1,2},{3,NULL}}`, `[[1,2],[3,null]]`},
		{numbers, `[[1, 2], [3]]`, "!" + errShape.Error(), ""},
		{numbers, `[1, [2]]`, "!" + errShape.Error(), ""},
		{numbers, `[[1], 2]`, "!" + errShape.Error(), ""},
		{numbers, `[[]]`, "!" + errShape.Error(), ""},
		{numbers, `[[[[[[[1]]]]]]]`, "!" + errShape.Error(), ""},
		{numbers, `["x"]`, "!" + errInteger.Error(), ""},
		{numbers, `5`, "!" + errArray.Error(), ""},
		{bytes, `["AP8="]`, `{"\\x00ff"}`, `["AP8="]`},
		{documents, `[[1], {"a": null}]`, `{[1],"{\"a\":null}"}`, `[[1],{"a":null}]`},
		{flags, `[true, false]`, `{t,f}`, `[true,false]`},
		{floats, `[0.5, "-Infinity"]`, `{0.5,-Infinity}`, `[0.5,"-Infinity"]`},
	} {
		got, err := FromJSON(tt.c, []byte(tt.json))
		if text, ok := tt.stored.(string); ok && strings.HasPrefix(text, "!") {
			if err == nil || !strings.HasPrefix(err.Error(), text[1:]) {
				t.Errorf("%s: %s: %v, %v; want the error %s", tt.c.Native, tt.json, got, err, text[1:])
			}
			continue
		}
		if err != nil || got != tt.stored {
			t.Errorf("%s: %s: stored %#v, %v; want %#v", tt.c.Native, tt.json, got, err, tt.stored)
			continue
		}
		if shown := string(AppendJSON(nil, tt.c, got, Plain)); shown != tt.shown {
			t.Errorf("%s: %#v is shown as %s, want %s", tt.c.Native, got, shown, tt.shown)
		}
	}
}

// TestTypedShown: what the database writes in ways that nobody gives.
func TestTypedShown(t *testing.T) {
	for _, tt := range []struct {
		c      *schema.Column
		stored any
		want   string
	}{
		{native(schema.Timestamp, zoned), "2026-01-02 03:04:05.5+05:30", `"2026-01-01T21:34:05.500000Z"`},
		{native(schema.Timestamp, zoned), "infinity", `"infinity"`},
		{native(schema.Timestamp, zoned), "0044-03-15 00:00:00+00 BC", `"0044-03-15 00:00:00+00 BC"`},
		{arrayOfType(schema.Integer, "integer"), "[2:3]={1,2}", `[1,2]`},
		{arrayOfType(schema.Integer, "integer"), "{1,", `"{1,"`},
		{arrayOfType(schema.Integer, "integer"), `{"1}`, `"{\"1}"`},
		{arrayOfType(schema.Timestamp, zoned), `{"2026-01-02 03:04:05+00",infinity}`, `["2026-01-02T03:04:05.000000Z","infinity"]`},
		{native(schema.Decimal, "numeric"), "NaN", `"NaN"`},
		{native(schema.Boolean, "boolean"), true, `true`},
		{native(schema.Float, single), float64(float32(16777217)), `16777216.0`},
	} {
		if got := string(AppendJSON(nil, tt.c, tt.stored, Plain)); got != tt.want {
			t.Errorf("%s: %#v is shown as %s, want %s", tt.c.Native, tt.stored, got, tt.want)
		}
	}
}

// TestFits: what would be cut or rounded is refused.
func TestFits(t *testing.T) {
	text, number := native(schema.Text, "character varying"), native(schema.Decimal, "numeric")
	text.Length, number.Precision, number.Scale = 3, 4, 2
	whole := native(schema.Decimal, "numeric")
	whole.Precision, whole.Scale = 2, -3 // numeric(2,-3): 99000
	for _, tt := range []struct {
		c    *schema.Column
		v    any
		fits bool
	}{
		{text, "äöü", true}, {text, "abcd", false}, {text, nil, true},
		{number, "99.99", true}, {number, "99.990", true}, {number, "100", false}, {number, "0.001", false}, {number, "1e1", true}, {number, "1e2", false}, {number, "NaN", true},
		{whole, "99000", true}, {whole, "500", false}, {whole, "100000", false}, {native(schema.Decimal, "numeric"), "0.0000001", true},
	} {
		if err := Fits(tt.c, tt.v); (err == nil) != tt.fits {
			t.Errorf("%v in %d, %d, %d: %v", tt.v, tt.c.Length, tt.c.Precision, tt.c.Scale, err)
		}
	}
}

// FuzzArray: what is shown of an array that the database may have is stored as
// the same array again, and no text makes anything fail.
func FuzzArray(f *testing.F) {
	f.Add(`{a,"b c",NULL,"\""}`)
	f.Add(`{{1,2},{3,4}}`)
	f.Add(`[0:1]={x,y}`)
	f.Fuzz(func(t *testing.T, text string) {
		c := arrayOfType(schema.Text, "text")
		shown := AppendJSON(nil, c, text, Plain)
		if shown[0] != '[' || strings.HasPrefix(text, "[") {
			return
		}
		stored, err := FromJSON(c, shown)
		if err != nil {
			return // a shape that the database has not
		}
		if again := AppendJSON(nil, c, stored, Plain); string(again) != string(shown) {
			t.Errorf("%s is shown as %s, stored as %s and shown as %s", text, shown, stored, again)
		}
	})
}
