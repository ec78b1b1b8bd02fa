package predicate_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/predicate"
)

// postgresColumns are columns as format_type writes them, how SQL declares
// them, and what they hold.
var postgresColumns = []struct {
	written, declared, collation string
	image                        string // how a value is selected as images have it
	values                       []string
}{
	{"smallint", "smallint", "", "x", []string{"0", "1", "-1", "32767", "-32768", "7"}},
	{"integer", "integer", "", "x", []string{"0", "1", "-1", "2147483647", "-2147483648"}},
	{"bigint", "bigint", "", "x", []string{"0", "1", "-1", "9007199254740992", "9007199254740993", "-9007199254740993", "9223372036854775807", "-9223372036854775808"}},
	{"real", "real", "", "x", []string{"0", "-0", "0.1", "1", "NaN", "Infinity", "-Infinity", "16777216", "1e-40", "3.4028235e38", "-0.5", "0.3"}},
	{"double precision", "float8", "", "x", []string{"0", "-0", "0.1", "1", "NaN", "Infinity", "-Infinity", "9007199254740993", "5e-324", "1e308", "-0.5", "0.30000000000000004", "0.3"}},
	{"numeric", "numeric", "", "x::text", decimals},
	{"numeric(20,4)", "numeric(20,4)", "", "x::text", []string{"0", "1", "1.0001", "-1.5", "9999999999999999", "0.0001", "NaN"}},
	{"boolean", "boolean", "", "x", []string{"t", "f"}},
	{"text", `text COLLATE "C"`, "C", "x", words},
	{"character varying(20)", `varchar(20) COLLATE "C"`, "C", "x", words},
	{"character(6)", `character(6) COLLATE "C"`, "C", "x", words},
	{"text", `text COLLATE "en_US"`, "deterministic", "x", words},
	{"character(6)", `character(6) COLLATE "en_US"`, "deterministic", "x", words},
	{"name", "name", "C", "x", append([]string{strings.Repeat("n", 63)}, words...)},
	{"bytea", "bytea", "", "x", []string{`\x`, `\x00`, `\x0000`, `\x61`, `\x6162`, `\xff`, `\xff00`, "a", "ab"}},
	{"uuid", "uuid", "", "x::text", []string{"00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC999C0B4EF8BB6D6BB9BD380A12", "{ffffffff-ffff-ffff-ffff-ffffffffffff}", "9fffffff-ffff-ffff-ffff-ffffffffffff"}},
	{"timestamp without time zone", "timestamp", "", "x::text", moments},
	{"timestamp(0) without time zone", "timestamp(0)", "", "x::text", moments},
	{"timestamp with time zone", "timestamptz", "", "x::text", moments},
	{"date", "date", "", "x::text", []string{"2026-03-01", "2000-01-01", "1999-12-31", "2000-02-29", "1900-02-28", "0001-01-01", "0001-12-31 BC", "4714-11-24 BC", "0044-03-15 BC", "0005-02-28 BC", "0005-02-29 BC", "5874897-12-31", "12026-03-01", "infinity", "-infinity", "2026-12-31"}},
	{"time without time zone", "time", "", "x::text", []string{"00:00", "00:00:00.000001", "12:34:56", "12:34:56.7", "12:34:56.700001", "23:59:59.999999", "24:00:00"}},
	{"enum mood", "mood", "", "x::text", []string{"ok", "sad", "a b", "OK"}},
}

var decimals = []string{"0", "-0", "0.00", "1", "1.0", "1.00", "10", "100", "0.1", "0.10", "0.01", "-1", "-1.0", "-1.5", "-10", "-0.1", "-0.01", "-100.001", "NaN", "Infinity", "-Infinity",
	"12", "123", "120", "1.2", "99999999999999999999", "99999999999999999999.0", "99999999999999999999.1", "1e100", "1e-100", "-1e100", "9007199254740993", "0.30000000000000004"}

var words = []string{"", "a", "A", "b", "ab", "aB", "a ", "a  ", "ab ", " a", "a\tb", "é", "É", "ß", "z", "[", "日本", "1", "01", "-a", "a-b", "_"}

var moments = []string{"2026-03-01 12:00:00", "2026-03-01 12:00:00.000001", "2026-03-01 12:00:00.5", "2026-03-01 11:59:59.999999", "1999-12-31 23:59:59.999999", "2000-01-01", "1970-01-01", "0001-01-01", "0001-12-31 23:59:59.999999 BC",
	"4714-11-24 00:00:00 BC", "0044-03-15 12:30:00 BC", "294276-12-31 23:59:59.999999", "12026-03-01 01:02:03.04", "infinity", "-infinity", "2024-02-29 00:00:00", "1900-02-28 10:00:00"}

type image struct {
	id, rank int
	value    any
}

// postgres opens a database whose values come as images have them.
func postgres(t testing.TB) *pgx.Conn {
	t.Helper()
	db := pgtest.Database(t)
	c := db.Connect(t)
	for _, text := range []string{"SET TimeZone = 'UTC'", "SET DateStyle = ISO", "SET IntervalStyle = postgres", "SET extra_float_digits = 1",
		"CREATE TYPE mood AS ENUM ('sad', 'ok', 'a b', 'OK')",
		`CREATE COLLATION "en_US" (provider = icu, locale = 'en-US')`} {
		execute(t, c, text)
	}
	return c
}

func execute(t testing.TB, c *pgx.Conn, text string, args ...any) {
	t.Helper()
	if _, err := c.Exec(context.Background(), text, args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// fill makes a table of a column with its values, a NULL and some random ones.
func fill(t testing.TB, c *pgx.Conn, random *rand.Rand, at int) (table string, images []image) {
	t.Helper()
	of := postgresColumns[at]
	table = fmt.Sprintf("v%d", at)
	execute(t, c, "CREATE TABLE "+table+" (id integer GENERATED ALWAYS AS IDENTITY, x "+of.declared+")")
	values := make([]*string, 1, 100)
	for _, v := range of.values {
		values = append(values, &v)
	}
	for range 30 {
		if v := randomly(random, of.written); v != "" {
			values = append(values, &v)
		}
	}
	kind, _, _ := strings.Cut(of.declared, " COLLATE")
	execute(t, c, "INSERT INTO "+table+" (x) SELECT v::"+kind+" FROM unnest($1::text[]) v", values)
	rows, err := c.Query(context.Background(), "SELECT id, dense_rank() OVER (ORDER BY x), "+of.image+" FROM "+table+" ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var i image
		if err := rows.Scan(&i.id, &i.rank, &i.value); err != nil {
			t.Fatal(err)
		}
		switch v := i.value.(type) {
		case int16:
			i.value = int64(v)
		case int32:
			i.value = int64(v)
		case float32:
			i.value = float64(v)
		}
		images = append(images, i)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return table, images
}

// randomly is a random value of a type as text, "" for none.
func randomly(random *rand.Rand, written string) string {
	switch {
	case strings.HasPrefix(written, "numeric("):
		return fmt.Sprintf("%.4f", float64(random.IntN(4000)-2000)/1000)
	case written == "numeric":
		return fmt.Sprintf("%d.%d", random.IntN(40)-20, random.IntN(200)) + strings.Repeat("0", random.IntN(3))
	case strings.HasPrefix(written, "timestamp"):
		at := time.Unix(random.Int64N(1<<36)-1<<35, random.Int64N(1e6)*1000).UTC()
		return at.Format("2006-01-02 15:04:05.999999")
	case written == "date":
		return time.Unix(random.Int64N(1<<36)-1<<35, 0).UTC().Format(time.DateOnly)
	case written == "double precision":
		return fmt.Sprint(math.Float64frombits(random.Uint64()))
	case written == "real":
		return fmt.Sprint(math.Float32frombits(random.Uint32()))
	case written == "uuid":
		return fmt.Sprintf("%016x%016x", random.Uint64(), random.Uint64())
	}
	return ""
}

// TestPostgresOrder: every two values of a column compare as the database ranks
// them, and so do their sort keys; of those whose order is not known it is
// known whether they are equal.
func TestPostgresOrder(t *testing.T) {
	c := postgres(t)
	rounds := uint64(1)
	if os.Getenv("WAKEFUL_LONG") != "" {
		rounds = 100
	}
	for seed := range rounds {
		for at, of := range postgresColumns {
			table, images := fill(t, c, rand.New(rand.NewPCG(seed, 9)), at)
			execute(t, c, "DROP TABLE "+table)
			as := predicate.Column{Kind: predicate.PostgresKind(of.written), Collation: predicate.PostgresCollation(of.collation)}
			if as.Kind == predicate.Unfit {
				t.Fatalf("%s has no kind", of.written)
			}
			for _, a := range images {
				for _, b := range images {
					samePlace(t, as, of.declared, a, b)
				}
			}
		}
	}
}

func samePlace(t *testing.T, as predicate.Column, declared string, a, b image) {
	t.Helper()
	if equal, known := predicate.Equal(a.value, b.value, as); !known || equal != (a.rank == b.rank) {
		t.Errorf("%s: %#v and %#v: equal %t, known %t, ranks %d and %d", declared, a.value, b.value, equal, known, a.rank, b.rank)
	}
	order, known := predicate.Compare(a.value, b.value, as)
	if known != (as.Ordered() || a.rank == b.rank) {
		t.Errorf("%s: %#v and %#v compare: %t", declared, a.value, b.value, known)
	}
	if !as.Ordered() {
		return
	}
	sign := func(n int) int { return max(-1, min(1, n)) }
	want := sign(a.rank - b.rank)
	upA, _ := predicate.AppendSortKey(nil, a.value, as, false, true)
	upB, _ := predicate.AppendSortKey(nil, b.value, as, false, true)
	downA, _ := predicate.AppendSortKey(nil, a.value, as, true, false)
	downB, _ := predicate.AppendSortKey(nil, b.value, as, true, false)
	if bytes.Compare(upA, upB) != want || bytes.Compare(downA, downB) != -want {
		t.Errorf("%s: the keys of %#v and %#v compare %d and %d, in the database %d", declared, a.value, b.value, bytes.Compare(upA, upB), bytes.Compare(downA, downB), want)
	}
	if bytes.HasPrefix(upA, upB) && len(upA) != len(upB) || bytes.HasPrefix(downA, downB) && len(downA) != len(downB) {
		t.Errorf("%s: the key of %#v begins as that of %#v", declared, a.value, b.value)
	}
	switch {
	case a.value == nil && b.value == nil:
		want = 0
	case a.value == nil:
		want = -1
	case b.value == nil:
		want = 1
	}
	if sign(order) != want {
		t.Errorf("%s: %#v and %#v compare %d, in the database %d", declared, a.value, b.value, order, want)
	}
}

// postgresArguments are what handlers send for columns of any type.
var postgresArguments = []any{
	nil, 1, int16(7), int32(-1), int64(9007199254740993), uint8(1), uint64(7), 0.1, 0.5, 1.5, float32(0.5), math.NaN(), math.Inf(1), math.Inf(-1), 1e300, math.Copysign(0, -1), true, false,
	"", "0", "1", "01", "+1", "-1", " 1", "1 ", "1.0", "1.5", "0.1", "0.10", ".5", "5.", "1e2", "1E-2", "NaN", "nan", "Infinity", "-Infinity", "inf", "0x10", "1_0", "99999999999999999999", "16777217", "0.30000000000000004",
	"a", "A", "a ", "ab", " a", "é", "日本", "[", "ok", "OK", "t", "true", "yes", "off", `\x61`, `\xff00`, `\x6`, `a\000`, "ab\xff",
	"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc999c0b4ef8bb6d6bb9bd380a11", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
	[16]byte{0xa0, 0xee, 0xbc, 0x99, 0x9c, 0x0b, 0x4e, 0xf8, 0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38, 0x0a, 0x11},
	[]byte("a"), []byte{}, []byte{0xff, 0}, strings.Repeat("n", 63), strings.Repeat("n", 64), strings.Repeat("n", 70),
	"2026-03-01", "2026-03-01 12:00", "2026-03-01 12:00:00", "2026-03-01T12:00:00", "2026-03-01 12:00:00.5", "2026-03-01 12:00:00.0000005", "2026-03-01 12:00:00Z", "2026-03-01T12:00:00+00:00",
	"2026-03-01 13:00:00+01", "2026-03-01 17:45:00+05:45", "2026-03-01 12:00:00 UTC", "2026-02-30", "2000-01-01 24:00:00", "now", "infinity", "-infinity", "today", "epoch", "March 1, 2026", "20260301", "2026-060", "0044-03-15 12:30:00 BC",
	"12:34:56", "12:34", "12:34:56.7", "24:00", "24:00:01", "123456", "12:34:56 PM",
	time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 12, 0, 0, 1000, time.UTC), time.Date(2026, 3, 1, 12, 0, 0, 999, time.UTC),
	time.Date(2026, 3, 1, 13, 0, 0, 0, time.FixedZone("x", 3600)), time.Date(2026, 3, 1, 0, 30, 0, 0, time.FixedZone("x", 3600)), time.Date(-4, 3, 1, 12, 0, 0, 0, time.UTC), time.Time{},
}

// TestPostgresArguments: what an argument is compared with a column's values,
// the database says too, in each way in which the driver sends one.
func TestPostgresArguments(t *testing.T) {
	c := postgres(t)
	told, all := 0, 0
	for at, of := range postgresColumns {
		table, images := fill(t, c, rand.New(rand.NewPCG(1, 9)), at)
		as := predicate.Column{Kind: predicate.PostgresKind(of.written), Collation: predicate.PostgresCollation(of.collation)}
		for _, arg := range postgresArguments {
			key, known := as.Argument(nil, arg)
			for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec} {
				rows, err := c.Query(context.Background(), "SELECT id, x = $1, x < $1 FROM "+table, mode, arg)
				if err != nil {
					continue // neither the driver nor the database takes it
				}
				for rows.Next() {
					var id int
					var equal, less *bool
					if err := rows.Scan(&id, &equal, &less); err != nil {
						t.Fatal(err)
					}
					all++
					row, rowKnown := as.Row(nil, images[id-1].value)
					switch {
					case rowKnown == predicate.Unknown:
						t.Fatalf("%s: %#v is not known", of.declared, images[id-1].value)
					case known == predicate.Unknown:
					case rowKnown == predicate.IsNull || known == predicate.IsNull:
						told++
						if equal != nil {
							t.Errorf("%s: %#v = %#v is %t", of.declared, images[id-1].value, arg, *equal)
						}
					default:
						told++
						if order := bytes.Compare(row, key); *equal != (order == 0) || as.Ordered() && *less != (order < 0) {
							t.Errorf("%s, mode %v: %#v and %#v: the database says = %t, < %t; the keys compare %d", of.declared, mode, images[id-1].value, arg, *equal, *less, order)
						}
					}
				}
			}
			converts(t, as, of.declared, arg)
		}
	}
	t.Logf("%d of %d comparisons are told", told, all)
	if told*3 < all {
		t.Errorf("only %d of %d comparisons are told", told, all)
	}
}

// converts: what an argument is converted to is a value of an image that is
// equal to it.
func converts(t *testing.T, as predicate.Column, declared string, arg any) {
	t.Helper()
	key, is := as.Argument(nil, arg)
	converted, known := as.Converted(arg)
	if known != (is != predicate.Unknown) {
		t.Errorf("%s: %#v converts: %t, compares: %t", declared, arg, known, is != predicate.Unknown)
	}
	if row, _ := as.Row(nil, converted); known && !bytes.Equal(row, key) {
		t.Errorf("%s: %#v is converted to %#v, which is another", declared, arg, converted)
	}
}

// TestPostgresUnfit: of other types nothing is known.
func TestPostgresUnfit(t *testing.T) {
	for _, written := range []string{"", "json", "jsonb", "integer[]", "character varying(3)[]", "numeric(3,1)[]", "citext", "inet", "interval", "int4range", "time with time zone", "xml", "money", `"char"`, "mood", "enum", "oid", "bit(3)"} {
		if k := predicate.PostgresKind(written); k != predicate.Unfit {
			t.Errorf("%q has the kind %d", written, k)
		}
	}
}

// FuzzPostgresArgument: whatever a text is, an argument of it is known only
// where what it is converted to is the same.
func FuzzPostgresArgument(f *testing.F) {
	for _, arg := range postgresArguments {
		if text, ok := arg.(string); ok {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, of := range postgresColumns {
			as := predicate.Column{Kind: predicate.PostgresKind(of.written), Collation: predicate.PostgresCollation(of.collation)}
			converts(t, as, of.declared, text)
		}
	})
}
