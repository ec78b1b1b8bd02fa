package predicate_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/sqlite"
)

// storedColumns are columns as they may be declared, and how they compare.
var storedColumns = []struct {
	declared string
	as       predicate.Column
}{
	{"", predicate.Column{Kind: predicate.Plain, Collation: predicate.Binary}},
	{"INTEGER", predicate.Column{Kind: predicate.Number, Collation: predicate.Binary}},
	{"REAL", predicate.Column{Kind: predicate.Number, Collation: predicate.Binary}},
	{"DECIMAL(10,2)", predicate.Column{Kind: predicate.Number, Collation: predicate.Binary}},
	{"TEXT", predicate.Column{Kind: predicate.Text, Collation: predicate.Binary}},
	{"TEXT COLLATE NOCASE", predicate.Column{Kind: predicate.Text, Collation: predicate.NoCase}},
	{"COLLATE NOCASE", predicate.Column{Kind: predicate.Plain, Collation: predicate.NoCase}},
	{"VARCHAR(9) COLLATE RTRIM", predicate.Column{Kind: predicate.Text, Collation: predicate.RTrim}},
	{"BLOB", predicate.Column{Kind: predicate.Plain, Collation: predicate.Binary}},
	{"DATETIME", predicate.Column{Kind: predicate.Number, Collation: predicate.Binary}},
	{"BOOLEAN", predicate.Column{Kind: predicate.Number, Collation: predicate.Binary}},
}

// given is a value for a column of any type, near to others in its order.
func given(random *rand.Rand) any {
	integers := []int64{0, 1, 1 << 53, -1 << 53, 1 << 62, -1 << 62, math.MaxInt64, math.MinInt64, 1 << 60}
	n := integers[random.IntN(len(integers))] + random.Int64N(5) - 2
	switch random.IntN(8) {
	case 0:
		return nil
	case 1, 2:
		return n
	case 3:
		return math.Nextafter(float64(n), math.Inf(random.IntN(2)*2-1))
	case 4:
		return []float64{0.5, -0.5, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.SmallestNonzeroFloat64, 1e300, float64(n)}[random.IntN(8)]
	}
	letters := []string{"", "a", "A", "b", "Z", "z", "[", "`", " ", "é", "É", "😀", "\x00", "\x01", "\xff", "\xc3", "1", "9", "e", "."}
	var text strings.Builder
	for range random.IntN(5) {
		text.WriteString(letters[random.IntN(len(letters))])
	}
	if random.IntN(4) == 0 {
		return []byte(text.String())
	}
	return text.String()
}

// TestOrderIsTheDatabases: every two values of a column compare as the
// database ranks them, and so do their sort keys.
func TestOrderIsTheDatabases(t *testing.T) {
	rounds, values := 2, 400
	switch {
	case os.Getenv("WAKEFUL_LONG") != "":
		rounds = 200
	case os.Getenv("WAKEFUL_RACE") != "":
		rounds, values = 1, 50
	}
	db, source, err := sqlite.Open(filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	defer db.Close()
	db.SetMaxOpenConns(1)
	pairs, told := 0, 0
	for seed := range uint64(rounds) {
		random := rand.New(rand.NewPCG(seed, 3))
		for i, c := range storedColumns {
			name := fmt.Sprintf("v%d", i)
			must(t, db, "DROP TABLE IF EXISTS "+name)
			must(t, db, "CREATE TABLE "+name+" (x "+c.declared+")")
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			for range values {
				must(t, tx, "INSERT INTO "+name+" VALUES (?)", given(random))
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			all, known := ranked(t, db, name, c.declared, c.as, seed)
			pairs, told = pairs+all, told+known
		}
	}
	t.Logf("%d pairs, of %d the order is known", pairs, told)
	if told*10 < pairs*8 {
		t.Errorf("of %d pairs the order of %d is known", pairs, told)
	}
}

func must(t *testing.T, db interface {
	Exec(string, ...any) (sql.Result, error)
}, text string, args ...any) {
	t.Helper()
	if _, err := db.Exec(text, args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// ranked compares all pairs of a table's values.
func ranked(t *testing.T, db *sql.DB, table, declared string, as predicate.Column, seed uint64) (pairs, told int) {
	t.Helper()
	rows, err := db.Query("SELECT +x, dense_rank() OVER (ORDER BY x) FROM " + table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	type value struct {
		stored   any
		rank     int
		up, down []byte
	}
	var values []value
	for rows.Next() {
		var v value
		if err := rows.Scan(&v.stored, &v.rank); err != nil {
			t.Fatal(err)
		}
		v.up, _ = predicate.AppendSortKey(nil, v.stored, as, false, false)
		v.down, _ = predicate.AppendSortKey(nil, v.stored, as, true, true)
		values = append(values, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	sign := func(n int) int { return max(-1, min(1, n)) }
	for _, a := range values {
		for _, b := range values {
			pairs++
			order, known := predicate.Compare(a.stored, b.stored, as)
			if !known {
				continue
			}
			told++
			want := sign(a.rank - b.rank)
			if sign(order) != want || bytes.Compare(a.up, b.up) != want || bytes.Compare(a.down, b.down) != -want {
				t.Fatalf("seed %d, %q: %#v and %#v compare %d, their keys %d and %d, in the database %d", seed, declared, a.stored, b.stored,
					order, bytes.Compare(a.up, b.up), bytes.Compare(a.down, b.down), want)
			}
		}
	}
	return pairs, told
}
