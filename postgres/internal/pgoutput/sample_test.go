package pgoutput

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// TestTypes: each value in an image is the one that a SELECT returns.
func TestTypes(t *testing.T) {
	var columns []string
	var names []string
	most := 0
	for name, values := range pgtest.Values {
		if values == nil {
			continue
		}
		names = append(names, name)
		most = max(most, len(values))
	}
	slices.Sort(names)
	for i, name := range names {
		columns = append(columns, fmt.Sprintf("c%d %s", i, name))
	}
	db := decode(t, append(slices.Clone(pgtest.Types), "CREATE TABLE v (id int PRIMARY KEY, "+strings.Join(columns, ", ")+")", "ALTER TABLE v REPLICA IDENTITY FULL")...)
	for _, row := range db.query(t, `SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace
		AND typtype IN ('b', 'r', 'm') AND typcategory <> 'A' AND typrelid = 0`) {
		if _, ok := pgtest.Values[row[0].(string)]; !ok && row[0] != "char" {
			t.Errorf("no sample of type %s", row[0])
		}
	}
	for n := range most + 1 {
		values := []string{fmt.Sprint(n)}
		for _, name := range names {
			if n < len(pgtest.Values[name]) {
				values = append(values, "'"+strings.ReplaceAll(pgtest.Values[name][n], "'", "''")+"'")
			} else {
				values = append(values, "NULL")
			}
		}
		db.Exec(t, "INSERT INTO v VALUES ("+strings.Join(values, ", ")+")")
	}
	db.Exec(t, "DELETE FROM v WHERE id = 100", "UPDATE v SET id = id + 100")
	rows := db.table(t, "v")
	slices.SortFunc(rows, func(a, b []any) int { return int(a[0].(int64) - b[0].(int64)) })
	txs := db.transactions(t, New(Config{}))
	if len(txs) != most+2 {
		t.Fatalf("%d transactions, want %d", len(txs), most+2)
	}
	updates := txs[most+1].Changes
	for n := range most + 1 {
		inserted, updated := txs[n].Changes[0].New, updates[n]
		for i, want := range rows[n] {
			if i == 0 {
				continue
			}
			for _, got := range []any{inserted[i], updated.Old[i], updated.New[i]} {
				if !same(got, want) {
					t.Errorf("%s: %#v in an image, %#v by SELECT", names[i-1], got, want)
				}
			}
		}
	}
}

// same compares values of images: NaN is itself, 0 is not -0.
func same(a, b any) bool {
	x, ok := a.(float64)
	y, also := b.(float64)
	if ok && also {
		return math.Float64bits(x) == math.Float64bits(y) || math.IsNaN(x) && math.IsNaN(y)
	}
	return reflect.DeepEqual(a, b)
}
