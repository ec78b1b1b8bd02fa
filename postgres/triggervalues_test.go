package postgres

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// bareTypes are those of which a SELECT gives the value that images have; of
// all others it is the text.
var bareTypes = []string{
	"bool", "bytea", "int2", "int4", "int8", "oid", "float4", "float8", "text", "name", "bpchar", "character(5)", "varchar", "varchar(3)",
	`"char"`, "inet", "whole", "short", "raw", "yes",
}

// TestTriggersValues: each value in an image is the one that a SELECT returns,
// whatever the settings of who wrote it.
func TestTriggersValues(t *testing.T) {
	names := slices.Sorted(maps.Keys(pgtest.Values))
	names = slices.DeleteFunc(names, func(name string) bool { return pgtest.Values[name] == nil })
	most := 0
	var columns, reads []string
	for i, name := range names {
		most = max(most, len(pgtest.Values[name]))
		columns = append(columns, fmt.Sprintf("c%d %s", i, name))
		reads = append(reads, fmt.Sprintf("c%d", i))
		if !slices.Contains(bareTypes, name) {
			reads[i] += "::text"
		}
	}
	db, s := openConfig(t, Config{Triggers: true}, append(slices.Clone(pgtest.Types), "CREATE TABLE v ("+strings.Join(columns, ", ")+")")...)
	f := &triggered{s: s}
	f.stream(t)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for n := range most + 1 {
		var values []string
		for _, name := range names {
			if n < len(pgtest.Values[name]) {
				values = append(values, "'"+strings.ReplaceAll(pgtest.Values[name][n], "'", "''")+"'")
			} else {
				values = append(values, "NULL")
			}
		}
		for _, statement := range []string{
			"RESET ALL", "DELETE FROM v", "INSERT INTO v VALUES (" + strings.Join(values, ", ") + ")",
			"SET timezone = 'Asia/Tokyo'", "SET datestyle = 'SQL, DMY'", "SET intervalstyle = 'iso_8601'", "SET bytea_output = 'escape'",
			"SET extra_float_digits = -3", "UPDATE v SET c0 = c0",
		} {
			if _, err := conn.ExecContext(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		sets := f.sets(t)
		row := make([]any, len(names))
		to := make([]any, len(names))
		for i := range row {
			to[i] = &row[i]
		}
		if err := db.QueryRowContext(t.Context(), "SELECT "+strings.Join(reads, ", ")+" FROM v").Scan(to...); err != nil {
			t.Fatal(err)
		}
		last := sets[len(sets)-1].Changes
		for i, name := range names {
			lost := strings.HasPrefix(name, "reg") || name == "money"
			for _, got := range []any{last[0].Old[i], last[0].New[i]} {
				if lost && got == change.Unknown {
					continue
				}
				if !sameValue(got, row[i]) {
					t.Errorf("%s: %#v in an image, %#v by SELECT", name, got, row[i])
				}
			}
		}
	}
}

// sameValue compares values of images: NaN is itself, 0 is not -0.
func sameValue(a, b any) bool {
	x, ok := a.(float64)
	y, also := b.(float64)
	if ok && also {
		return math.Float64bits(x) == math.Float64bits(y) || math.IsNaN(x) && math.IsNaN(y)
	}
	return reflect.DeepEqual(a, b)
}
