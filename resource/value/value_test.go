package value

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/wakeful-dev/wakeful/schema"
)

func column(t schema.Type) *schema.Column { return &schema.Column{Name: "c", Type: t} }

func TestAppendJSON(t *testing.T) {
	deep := strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)
	for _, c := range []struct {
		of      schema.Type
		stored  any
		numbers Numbers
		want    string
	}{
		{schema.Integer, int64(0), Plain, `0`},
		{schema.Integer, int64(math.MaxInt64), Plain, `9223372036854775807`},
		{schema.Integer, int64(math.MinInt64), Plain, `-9223372036854775808`},
		{schema.Integer, int64(1 << 53), BigAsText, `9007199254740992`},
		{schema.Integer, int64(1<<53 + 1), BigAsText, `"9007199254740993"`},
		{schema.Integer, int64(-1<<53 - 1), BigAsText, `"-9007199254740993"`},
		{schema.Integer, int64(7), AllAsText, `"7"`},
		{schema.Any, int64(7), AllAsText, `7`},
		{schema.Integer, nil, Plain, `null`},
		{schema.Integer, "seven", Plain, `"seven"`},
		{schema.Integer, 1.5, Plain, `1.5`},
		{schema.Float, 5.0, Plain, `5.0`},
		{schema.Float, 0.1, Plain, `0.1`},
		{schema.Float, 1e20, Plain, `100000000000000000000.0`},
		{schema.Float, 1e21, Plain, `1e+21`},
		{schema.Float, 1e-7, Plain, `1e-07`},
		{schema.Float, math.Copysign(0, -1), Plain, `0.0`},
		{schema.Float, math.MaxFloat64, Plain, `1.7976931348623157e+308`},
		{schema.Float, math.SmallestNonzeroFloat64, Plain, `5e-324`},
		{schema.Float, math.NaN(), Plain, `"NaN"`},
		{schema.Float, math.Inf(1), Plain, `"Infinity"`},
		{schema.Float, math.Inf(-1), Plain, `"-Infinity"`},
		{schema.Decimal, 12.5, Plain, `12.5`},
		{schema.Decimal, 12.5, AllAsText, `"12.5"`},
		{schema.Decimal, "123456789012345678.90", Plain, `123456789012345678.90`},
		{schema.Decimal, "123456789012345678.90", BigAsText, `"123456789012345678.90"`},
		{schema.Decimal, "0.5", BigAsText, `0.5`},
		{schema.Decimal, "a lot", Plain, `"a lot"`},
		{schema.Boolean, int64(1), Plain, `true`},
		{schema.Boolean, int64(0), Plain, `false`},
		{schema.Boolean, int64(2), Plain, `2`},
		{schema.Boolean, "yes", Plain, `"yes"`},
		{schema.Text, "a \"b\"\n\x00ü", Plain, `"a \"b\"\n\u0000ü"`},
		{schema.Text, "not \xff UTF-8", Plain, "\"not \uFFFD UTF-8\""},
		{schema.Text, []byte("raw"), Plain, `"cmF3"`},
		{schema.Bytes, []byte{0, 255}, Plain, `"AP8="`},
		{schema.Bytes, "text", Plain, `"dGV4dA=="`},
		{schema.Timestamp, "2026-01-02 03:04:05", Plain, `"2026-01-02T03:04:05.000000Z"`},
		{schema.Timestamp, "2026-01-02T03:04:05", Plain, `"2026-01-02T03:04:05.000000Z"`},
		{schema.Timestamp, "2026-01-02 03:04", Plain, `"2026-01-02T03:04:00.000000Z"`},
		{schema.Timestamp, "2026-01-02 03:04:05.5", Plain, `"2026-01-02T03:04:05.500000Z"`},
		{schema.Timestamp, "2026-01-02 03:04:05.1234567", Plain, `"2026-01-02T03:04:05.123456700Z"`},
		{schema.Timestamp, "2026-01-02T03:04:05+02:00", Plain, `"2026-01-02T01:04:05.000000Z"`},
		{schema.Timestamp, "2026-01-02T03:04:05-0330", Plain, `"2026-01-02T06:34:05.000000Z"`},
		{schema.Timestamp, "2026-01-02 03:04:05.5 +0200 CEST", Plain, `"2026-01-02T01:04:05.500000Z"`},
		{schema.Timestamp, "2026-01-02 03:04:05 +0000 UTC m=+0.012", Plain, `"2026-01-02T03:04:05.000000Z"`},
		{schema.Timestamp, "2026-01-02", Plain, `"2026-01-02T00:00:00.000000Z"`},
		{schema.Timestamp, "2024-02-29", Plain, `"2024-02-29T00:00:00.000000Z"`},
		{schema.Timestamp, "2026-02-29", Plain, `"2026-02-29"`},
		{schema.Timestamp, "2026-01-02 24:00:00", Plain, `"2026-01-02 24:00:00"`},
		{schema.Timestamp, "0000-01-01 00:00:00+01:00", Plain, `"0000-01-01 00:00:00+01:00"`},
		{schema.Timestamp, "2026-01-02 03:04:05.1234567890", Plain, `"2026-01-02 03:04:05.1234567890"`},
		{schema.Timestamp, "now", Plain, `"now"`},
		{schema.Timestamp, "", Plain, `""`},
		{schema.Timestamp, int64(1767323045), Plain, `1767323045`},
		{schema.Timestamp, time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600)), Plain, `"2026-01-02T02:04:05.000006Z"`},
		{schema.Date, "2026-01-02", Plain, `"2026-01-02"`},
		{schema.Time, "03:04", Plain, `"03:04"`},
		{schema.JSON, ` { "a" : [ 1, 2.50, "\u00e9 " ] } `, Plain, `{"a":[1,2.50,"\u00e9 "]}`},
		{schema.JSON, `{"a":1,"a":2}`, Plain, `{"a":1,"a":2}`},
		{schema.JSON, `null`, Plain, `null`},
		{schema.JSON, `{"a":`, Plain, `"{\"a\":"`},
		{schema.JSON, ``, Plain, `""`},
		{schema.JSON, "\"\xff\"", Plain, "\"\\\"\uFFFD\\\"\""},
		{schema.JSON, deep, Plain, deep},
		{schema.JSON, "[" + deep + "]", Plain, `"[` + deep + `]"`},
		{schema.JSON, int64(5), Plain, `5`},
		{schema.Any, true, Plain, `true`},
	} {
		if got := string(AppendJSON(nil, column(c.of), c.stored, c.numbers)); got != c.want {
			t.Errorf("%s column, stored %#v: %.80s, want %.80s", c.of, c.stored, got, c.want)
		}
	}
	if got := string(AppendJSON([]byte("x"), nil, "y", Plain)); got != `x"y"` {
		t.Errorf("without a column: %s", got)
	}
}

func TestFromText(t *testing.T) {
	for _, c := range []struct {
		of   schema.Type
		text string
		want any // an error's text begins with "!"
	}{
		{schema.Integer, "9223372036854775807", int64(math.MaxInt64)},
		{schema.Integer, "-5", int64(-5)},
		{schema.Integer, "5.0", int64(5)},
		{schema.Integer, "5e2", int64(500)},
		{schema.Integer, "0e999999999999", int64(0)},
		{schema.Integer, "9223372036854775808", "!an integer between -9223372036854775808 and 9223372036854775807 is wanted"},
		{schema.Integer, "1e999999999999", "!an integer between -9223372036854775808 and 9223372036854775807 is wanted"},
		{schema.Integer, "5.5", "!an integer is wanted"},
		{schema.Integer, "", "!an integer is wanted"},
		{schema.Integer, "+5", "!an integer is wanted"},
		{schema.Integer, "0x10", "!an integer is wanted"},
		{schema.Integer, "1_000", "!an integer is wanted"},
		{schema.Float, "5", 5.0},
		{schema.Float, "-Infinity", math.Inf(-1)},
		{schema.Float, "inf", "!a number is wanted, or NaN, Infinity or -Infinity"},
		{schema.Float, "1e999", "!a number between -1.7976931348623157e+308 and 1.7976931348623157e+308 is wanted"},
		{schema.Decimal, "1.0", int64(1)},
		{schema.Decimal, "0.10", 0.1},
		{schema.Decimal, "1e30", 1e30},
		{schema.Decimal, "12.345678901234567890", "!a number that the column holds to the last digit is wanted: about 15 significant digits"},
		{schema.Decimal, "9223372036854775809", "!a number that the column holds to the last digit is wanted: about 15 significant digits"},
		{schema.Decimal, "NaN", "!a number is wanted"},
		{schema.Boolean, "True", int64(1)},
		{schema.Boolean, "0", int64(0)},
		{schema.Boolean, "yes", "!true or false is wanted"},
		{schema.Text, "a,b", "a,b"},
		{schema.Text, "\xff", "!text in UTF-8 is wanted"},
		{schema.Bytes, "AP8=", []byte{0, 255}},
		{schema.Bytes, "AP8", []byte{0, 255}},
		{schema.Bytes, "-_8=", []byte{0xfb, 0xff}},
		{schema.Bytes, "", []byte{}},
		{schema.Bytes, "A", "!a string of base64 is wanted"},
		{schema.Bytes, "AP\n8=", "!a string of base64 is wanted"},
		{schema.Timestamp, "2026-01-02T03:04:05Z", "2026-01-02 03:04:05"},
		{schema.Timestamp, "2026-01-02T03:04:05.000001+01:00", "2026-01-02 02:04:05.000001"},
		{schema.Timestamp, "2026-01-02T03:04:05.123456789Z", "2026-01-02 03:04:05.123456789"},
		{schema.Timestamp, "2026-01-02", "2026-01-02 00:00:00"},
		{schema.Timestamp, "yesterday", `!a time is wanted, as "2026-01-02T03:04:05Z"; without a zone it is UTC`},
		{schema.Date, "2026-01-02", "2026-01-02"},
		{schema.Date, "2026-1-2", `!a date is wanted, as "2026-01-02"`},
		{schema.Date, "2026-01-02T00:00:00Z", `!a date is wanted, as "2026-01-02"`},
		{schema.Time, "03:04", "03:04:00"},
		{schema.Time, "03:04:05.5", "03:04:05.500000"},
		{schema.Time, "25:00", `!a time of day is wanted, as "03:04:05"`},
		{schema.UUID, "123E4567-e89b-12d3-a456-426614174000", "123E4567-e89b-12d3-a456-426614174000"},
		{schema.UUID, "123e4567e89b12d3a456426614174000", `!a UUID is wanted, as "123e4567-e89b-12d3-a456-426614174000"`},
		{schema.JSON, `{ "a": 1 }`, `{"a":1}`},
		{schema.JSON, `{`, `{`},
		{schema.Any, "5", int64(5)},
		{schema.Any, "5.0", 5.0},
		{schema.Any, `"5"`, "5"},
		{schema.Any, "five", "five"},
		{schema.Any, "05", "05"},
	} {
		got, err := FromText(column(c.of), c.text)
		check(t, c.of, c.text, got, err, c.want)
	}
}

func TestFromJSON(t *testing.T) {
	for _, c := range []struct {
		of   schema.Type
		raw  string
		want any
	}{
		{schema.Integer, `5`, int64(5)},
		{schema.Integer, `5.0`, int64(5)},
		{schema.Integer, `"9007199254740993"`, int64(1<<53 + 1)},
		{schema.Integer, `null`, nil},
		{schema.Integer, `5.5`, "!an integer is wanted"},
		{schema.Integer, `true`, "!an integer is wanted"},
		{schema.Integer, `[5]`, "!an integer is wanted"},
		{schema.Float, `1`, 1.0},
		{schema.Float, `"Infinity"`, math.Inf(1)},
		{schema.Float, `{}`, "!a number is wanted, or NaN, Infinity or -Infinity"},
		{schema.Decimal, `"12.50"`, 12.5},
		{schema.Text, `"a\u00e9\u0000"`, "aé\x00"},
		{schema.Text, `5`, "!a string is wanted"},
		{schema.Boolean, `true`, int64(1)},
		{schema.Boolean, `false`, int64(0)},
		{schema.Boolean, `1`, "!true or false is wanted"},
		{schema.Boolean, `"true"`, "!true or false is wanted"},
		{schema.Bytes, `"AP8="`, []byte{0, 255}},
		{schema.Bytes, `5`, "!a string of base64 is wanted"},
		{schema.Timestamp, `"2026-01-02T03:04:05.000000Z"`, "2026-01-02 03:04:05"},
		{schema.Timestamp, `1767323045`, `!a time is wanted, as "2026-01-02T03:04:05Z"; without a zone it is UTC`},
		{schema.JSON, `{ "a": [1, 2.50] }`, `{"a":[1,2.50]}`},
		{schema.JSON, `"text"`, `"text"`},
		{schema.JSON, `null`, nil},
		{schema.Any, `5`, int64(5)},
		{schema.Any, `5.0`, 5.0},
		{schema.Any, `"5"`, "5"},
		{schema.Any, `true`, int64(1)},
		{schema.Any, `[]`, "!a string, a number, true, false or null is wanted"},
	} {
		got, err := FromJSON(column(c.of), jsontext.Value(c.raw))
		check(t, c.of, c.raw, got, err, c.want)
	}
}

func check(t *testing.T, of schema.Type, input string, got any, err error, want any) {
	t.Helper()
	if text, ok := want.(string); ok && strings.HasPrefix(text, "!") {
		if err == nil || err.Error() != text[1:] {
			t.Errorf("%s column, %q: %#v, error %v, want the error %q", of, input, got, err, text[1:])
		}
		return
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s column, %q: %#v, error %v, want %#v", of, input, got, err, want)
	}
}

func TestKeyColumn(t *testing.T) {
	for of := schema.Any; of <= schema.JSON; of++ {
		c := KeyColumn(column(of))
		for _, stored := range []any{int64(0), int64(1), "2026-01-02", "{}", "b"} {
			text := AppendJSON(nil, c, stored, Plain)
			if kind := jsontext.Value(text).Kind(); kind != '"' && kind != '0' {
				t.Errorf("%s column: the key %#v is written %s, neither a string nor a number", of, stored, text)
			}
		}
		a, b := AppendJSON(nil, c, "2026-01-02", Plain), AppendJSON(nil, c, "2026-01-02 00:00:00", Plain)
		if bytes.Equal(a, b) {
			t.Errorf("%s column: two keys are written %s", of, a)
		}
	}
}

func TestFromTime(t *testing.T) {
	at := time.Date(2026, 1, 2, 0, 4, 5, 6000, time.FixedZone("", 3600))
	for of, want := range map[schema.Type]string{
		schema.Timestamp: "2026-01-01 23:04:05.000006",
		schema.Text:      "2026-01-01 23:04:05.000006",
		schema.Date:      "2026-01-01",
		schema.Time:      "23:04:05.000006",
	} {
		if got := FromTime(column(of), at); got != want {
			t.Errorf("%s column: %s, want %s", of, got, want)
		}
	}
}

// TestStampOrder: stored times in the package's own form are in order as texts.
func TestStampOrder(t *testing.T) {
	times := []string{
		"0001-01-01", "1969-12-31T23:59:59.999999999Z", "1970-01-01", "2026-01-02T03:04:05Z",
		"2026-01-02T03:04:05.000000001Z", "2026-01-02T03:04:05.000001Z", "2026-01-02T03:04:05.000001001Z",
		"2026-01-02T03:04:05.1Z", "2026-01-02T03:04:06Z", "9999-12-31T23:59:59Z",
	}
	last := ""
	for _, text := range times {
		stored, err := FromText(column(schema.Timestamp), text)
		if err != nil {
			t.Fatal(err)
		}
		if stored.(string) <= last {
			t.Errorf("%s is stored as %q, which is not behind %q", text, stored, last)
		}
		last = stored.(string)
	}
}

// FuzzRoundTrip: whatever is stored, its JSON is valid, it is one way to say
// it, and reading it back gives what gives that JSON again.
func FuzzRoundTrip(f *testing.F) {
	f.Add(uint8(schema.Text), uint8(0), int64(1<<53+1), 0.1, "2026-01-02 03:04:05")
	f.Add(uint8(schema.JSON), uint8(2), int64(-1), math.Inf(1), `{"a": [1.50, "\ud83d\ude00"]}`)
	f.Add(uint8(schema.Decimal), uint8(1), int64(0), math.NaN(), "1234567890.12345678901234567890e5")
	f.Fuzz(func(t *testing.T, of, numbers uint8, i int64, x float64, text string) {
		c := column(schema.Type(of % uint8(schema.JSON+1)))
		how := Numbers(numbers % 3)
		for _, stored := range []any{nil, i, i & 1, x, text, []byte(text)} {
			written := AppendJSON(nil, c, stored, how)
			if !json.Valid(written) {
				t.Fatalf("%s column: %#v is written %q, which is not JSON", c.Type, stored, written)
			}
			if !jsontext.Value(written).IsValid(jsontext.AllowDuplicateNames(true)) {
				t.Fatalf("%s column: %#v is written %q, which strict readers refuse", c.Type, stored, written)
			}
			if bytes.ContainsAny(written, "\n\r") {
				t.Fatalf("%s column: %#v is written %q, with a line break", c.Type, stored, written)
			}
			back, err := FromJSON(c, written)
			if err != nil {
				if holds(c.Type, stored) {
					t.Fatalf("%s column: %#v is written %s and not read: %v", c.Type, stored, written, err)
				}
				continue
			}
			if again := AppendJSON(nil, c, back, how); holds(c.Type, stored) && !bytes.Equal(again, written) {
				t.Fatalf("%s column: %#v is written %s, read as %#v, and written %s", c.Type, stored, written, back, again)
			}
			if exactFor(c.Type, stored) && (how == Plain || c.Type != schema.Any) && !same(back, stored) {
				t.Fatalf("%s column: %#v is written %s and read as %#v", c.Type, stored, written, back)
			}
		}
		_, _ = FromText(c, text)
	})
}

// holds reports whether a stored value is of its column's type.
func holds(of schema.Type, stored any) bool {
	switch v := stored.(type) {
	case nil:
		return true
	case int64:
		return of == schema.Integer || of == schema.Decimal || of == schema.Any || of == schema.Boolean && v>>1 == 0
	case float64:
		finite := !math.IsNaN(v) && !math.IsInf(v, 0)
		return of == schema.Float || of == schema.Any && finite || of == schema.Decimal && finite && v != math.Trunc(v) // a whole one is stored as an integer
	case string:
		if _, ok := parseStamp(v); ok && of == schema.Timestamp {
			return true
		}
		_, ok := appendCompact(nil, v)
		return of == schema.Text || of == schema.JSON && ok
	}
	return of == schema.Bytes
}

// exactFor reports whether reading what was written has to give the very value.
func exactFor(of schema.Type, stored any) bool {
	switch v := stored.(type) {
	case float64:
		return of == schema.Float || of == schema.Any && !math.IsNaN(v) && !math.IsInf(v, 0)
	case string:
		return of == schema.Text && bytes.Equal([]byte(v), bytes.ToValidUTF8([]byte(v), nil))
	}
	return holds(of, stored)
}

func same(a, b any) bool {
	if x, ok := a.(float64); ok {
		y, ok := b.(float64)
		return ok && (math.Float64bits(x) == math.Float64bits(y) || x != x && y != y)
	}
	return reflect.DeepEqual(a, b) || a != nil && b != nil && reflect.TypeOf(a) == reflect.TypeFor[[]byte]() && bytes.Equal(a.([]byte), b.([]byte))
}

func BenchmarkAppendJSON(b *testing.B) {
	columns := []*schema.Column{column(schema.Integer), column(schema.Text), column(schema.Float), column(schema.Timestamp), column(schema.JSON), column(schema.Boolean)}
	row := []any{int64(123456), "a title of usual length", 12.25, "2026-01-02 03:04:05", `{"a":[1,2,3]}`, int64(1)}
	to := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		to = to[:0]
		for i, c := range columns {
			to = AppendJSON(to, c, row[i], Plain)
		}
	}
}
