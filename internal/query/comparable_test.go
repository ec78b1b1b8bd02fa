package query_test

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/sqlite"
)

// samples are values of every type, at the places where comparisons differ.
var samples = []any{
	nil, int64(0), int64(1), int64(-1), int64(2), int64(10), int64(1 << 53), int64(1<<53 + 1), int64(-1<<53 - 1), int64(math.MaxInt64),
	int64(math.MinInt64), 0.0, math.Copysign(0, -1), 1.0, 0.1, 2.675, 123456.789, 0.001, 0.00012, 1e15, 99999999999.5, 1.0 / 3, 0.5, -0.5, 1.5, float64(1 << 53), float64(1<<53 + 2), 9.3e18, 1e300, -1e300, 1e-300, math.Inf(1),
	"", " ", "0", "1", "01", "007", "3.50", "-2.5", "0.10", "2.675", "1.0", "1.", ".5", "-0", "-1", "+1", " 1", "1 ", "1e0", "1e400", "0x1", "1_0", "10", "9007199254740993", "9223372036854775808", "inf", "nan",
	"a", "A", "b", "ab", "aB", "a ", "a  ", "a\t", "\ta", "é", "É", "ß", "z", "[", "{", "a\x00b", "\xff", "\xc3", "日本", "2026-03-01",
	[]byte{}, []byte("a"), []byte("A"), []byte("1"), []byte{0}, []byte{0xff}, true, false,
}

// TestComparable is the list of what compares, against the database: for each
// declared type and collation, each value in a column and each argument, a row
// that the database finds meets the condition. Where both sides have a
// canonical form the answers are the same, both ways.
func TestComparable(t *testing.T) {
	types := []string{
		"INTEGER", "BIGINT", "BOOLEAN", "REAL", "DOUBLE", "NUMERIC", "DATETIME", "DECIMAL(10,2)", "TEXT", "VARCHAR(9)", "CLOB", "BLOB", "", "ANY",
		"TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM", "INTEGER COLLATE NOCASE", "COLLATE NOCASE", "BLOB COLLATE RTRIM",
	}
	conditions := []string{"v = ?", "v < ?", "v <= ?", "v > ?", "v >= ?", "v <> ?", "v IS ?", "v IS NOT ?", "v IN (?, 'zz')", "v NOT IN (?, 'zz')",
		"v BETWEEN ? AND 'b'", "v NOT BETWEEN ? AND 'b'", "? <= v", "v LIKE ?", "v LIKE ? || '%'", "NOT v = ?", "v COLLATE NOCASE = ?", "v = ? COLLATE RTRIM", "NOT (v < ? OR v IS NULL)"}
	if raceEnabled {
		types, conditions = types[7:10], conditions[:3]
	}
	db, source, err := sqlite.Open(filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	defer db.Close()
	same, wider := 0, 0
	for n, declared := range types {
		table := fmt.Sprintf("c%d", n)
		if _, err := db.Exec("CREATE TABLE " + table + " (id INTEGER PRIMARY KEY, v " + declared + ")"); err != nil {
			t.Fatal(err)
		}
		rows := images(t, source, func() {
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range samples {
				if _, err := tx.Exec("INSERT INTO "+table+" VALUES (?, ?)", i, v); err != nil {
					t.Fatal(err)
				}
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		})
		for _, condition := range conditions {
			text := "SELECT id FROM " + table + " WHERE " + condition
			statement, err := source.Describe(context.Background(), text)
			if err != nil {
				t.Fatal(err)
			}
			q := query.Read(statement)
			prepared, err := db.Prepare(text)
			if err != nil {
				t.Fatal(err)
			}
			for _, arg := range samples {
				needs, _ := q.Bind(statement, []any{arg}, nil)
				found := map[int64]bool{}
				result, err := prepared.Query(arg)
				if err != nil {
					t.Fatal(err)
				}
				for result.Next() {
					var id int64
					if err := result.Scan(&id); err != nil {
						t.Fatal(err)
					}
					found[id] = true
				}
				if err := result.Close(); err != nil {
					t.Fatal(err)
				}
				for _, row := range rows {
					met := needs[0].Where.MetBy(row.Columns, row.New)
					switch id := row.New[0].(int64); {
					case found[id] && !met:
						t.Errorf("%s with %#v: the database finds %#v (%#v) in a column %q, the condition does not", condition, arg, samples[id], row.New[1], declared)
					case found[id] == met:
						same++
					default:
						wider++
					}
				}
			}
			_ = prepared.Close()
		}
	}
	t.Logf("%d comparisons as the database makes them, %d that count as met", same, wider)
}

// images returns the changes that f commits in one transaction.
func images(t *testing.T, source *sqlite.Source, f func()) []change.Change {
	t.Helper()
	from := source.Position()
	f()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for set, err := range source.Stream(ctx, from) {
		if err != nil {
			t.Fatal(err)
		}
		return set.Changes
	}
	return nil
}
