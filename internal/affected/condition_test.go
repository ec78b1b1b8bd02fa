package affected

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/predicate"
)

var goodsColumns = []string{"id", "owner", "price", "name"}

var (
	ownerColumn = predicate.Column{Name: "owner", Kind: predicate.Number, Collation: predicate.Binary}
	priceColumn = predicate.Column{Name: "price", Kind: predicate.Number, Collation: predicate.Binary}
	nameColumn  = predicate.Column{Name: "name", Kind: predicate.Text, Collation: predicate.NoCase}
)

func key(c predicate.Column, v any) string {
	k, known := c.Argument(nil, v)
	if known != predicate.IsKey {
		panic(fmt.Sprintf("%v is no key of %v", v, c))
	}
	return string(k)
}

func in(c predicate.Column, values ...any) predicate.Atom {
	a := predicate.Atom{Column: c, Op: predicate.In}
	for _, v := range values {
		a.Keys = append(a.Keys, key(c, v))
	}
	slices.Sort(a.Keys)
	a.Keys = slices.Compact(a.Keys)
	return a
}

func between(c predicate.Column, low, high any) predicate.Atom {
	a := predicate.Atom{Column: c, Op: predicate.Range}
	if low != nil {
		a.Low = key(c, low)
	}
	if high != nil {
		a.High = key(c, high)
	}
	return a
}

// conditions makes random conditions and rows over few values.
type conditions struct{ *rand.Rand }

func (r conditions) value(c predicate.Column) any {
	if c == nameColumn {
		return []string{"a", "B", "b", "c"}[r.IntN(4)]
	}
	return int64(r.IntN(6))
}

func (r conditions) atom() predicate.Atom {
	c := []predicate.Column{ownerColumn, priceColumn, nameColumn}[r.IntN(3)]
	switch r.IntN(8) {
	case 0, 1:
		return in(c, r.value(c))
	case 2:
		return in(c, r.value(c), r.value(c), r.value(c))
	case 3, 4:
		a := between(c, r.value(c), r.value(c))
		a.LowOpen, a.HighOpen = r.IntN(2) == 0, r.IntN(2) == 0
		switch r.IntN(4) {
		case 0:
			a.Low = ""
		case 1:
			a.High = ""
		}
		return a
	case 5:
		a, _ := predicate.LikeOf("name", []string{"a%", "B", "%c", "_"}[r.IntN(4)])
		return a
	case 6:
		return predicate.Atom{Column: c, Op: []predicate.Op{predicate.Null, predicate.NotNull}[r.IntN(2)]}
	}
	a := in(c, r.value(c))
	a.Op = predicate.NotIn
	return a
}

func (r conditions) condition() predicate.Condition {
	if r.IntN(12) == 0 {
		return nil
	}
	c := predicate.Never()
	for range r.IntN(4) {
		all := predicate.Condition{{}}
		for range 1 + r.IntN(3) {
			all = predicate.And(all, predicate.Of(r.atom()))
		}
		c = append(c, all...)
	}
	return c
}

func (r conditions) row() []any {
	row := []any{int64(r.IntN(9)), r.value(ownerColumn), r.value(priceColumn), r.value(nameColumn)}
	for i := 1; i < len(row); i++ {
		switch r.IntN(12) {
		case 0:
			row[i] = nil
		case 1:
			row[i] = change.Unknown
		}
	}
	return row
}

func (r conditions) change() change.Change {
	c := change.Change{Table: "goods", Columns: goodsColumns, Kind: change.Kind(1 + r.IntN(3))}
	if c.Kind != change.Insert && r.IntN(20) > 0 {
		c.Old = r.row()
	}
	if c.Kind != change.Delete && r.IntN(20) > 0 {
		c.New = r.row()
	}
	return c
}

// TestConditions: the index finds exactly those whose conditions an old or a
// new row meets, whatever was added, replaced and removed before.
func TestConditions(t *testing.T) {
	for seed := range uint64(30) {
		r := conditions{rand.New(rand.NewPCG(seed, 3))}
		x := New[int]()
		reads := map[int][]Dependency{}
		for step := range 400 {
			id := r.IntN(60)
			if r.IntN(4) == 0 {
				x.Remove(id)
				delete(reads, id)
			} else {
				d := Dependency{Table: "goods", Columns: [][]string{{"id", "owner"}, {"name"}, {AnyColumn}}[r.IntN(3)], Where: r.condition()}
				reads[id] = []Dependency{d}
				x.Replace(id, reads[id])
			}
			set := change.Changeset{Changes: []change.Change{r.change()}}
			hit := map[int]bool{}
			x.Affected(&set, func(id int) { hit[id] = true })
			for id, d := range reads {
				if want := Touches(d, &set); hit[id] != want {
					t.Fatalf("seed %d step %d: the index says %t, Touches %t of %+v for %+v", seed, step, hit[id], want, d, set)
				}
				checkReasons(t, d, &set, hit[id])
			}
		}
		for id := range reads {
			x.Remove(id)
		}
		if len(x.tables) != 0 || x.Len() != 0 {
			t.Fatalf("seed %d: %d tables are left", seed, len(x.tables))
		}
	}
}

// TestFinderIsEmpty: nothing of a condition is left when it is dropped.
func TestFinderIsEmpty(t *testing.T) {
	r := conditions{rand.New(rand.NewPCG(1, 4))}
	x := New[int]()
	x.Replace(-1, []Dependency{{Table: "goods"}})
	for id := range 500 {
		x.Replace(id, []Dependency{{Table: "goods", Where: r.condition()}})
	}
	for id := range 500 {
		x.Remove(id)
	}
	f := &x.tables["goods"].order[0].finder
	if len(f.equals) != 0 || len(f.spans) != 0 || f.others.len() != 0 || f.always.len() != 1 {
		t.Errorf("left: %d sets of columns, %d trees, %d others, %d without a condition",
			len(f.equals), len(f.spans), f.others.len(), f.always.len())
	}
}

// benchConditions are what one change matches one of. At worst all begin at
// one value, or all but a few are about one that does not come.
var benchConditions = []struct {
	name  string
	where func(i int) predicate.Condition
	row   func(i int) []any
}{
	{
		"owner = X", func(i int) predicate.Condition { return predicate.Of(in(ownerColumn, int64(i))) },
		func(i int) []any { return []any{int64(1), int64(i), int64(1), "a"} },
	},
	{
		"price BETWEEN A AND B", func(i int) predicate.Condition {
			return predicate.Of(between(priceColumn, int64(10*i), int64(10*i+9)))
		},
		func(i int) []any { return []any{int64(1), int64(1), int64(10*i + 5), "a"} },
	},
	{
		"owner = X AND price > A", func(i int) predicate.Condition {
			return predicate.And(predicate.Of(in(ownerColumn, int64(i))), predicate.Of(between(priceColumn, int64(5), nil)))
		},
		func(i int) []any { return []any{int64(1), int64(i), int64(7), "a"} },
	},
	{
		"name = X", func(i int) predicate.Condition { return predicate.Of(in(nameColumn, fmt.Sprintf("name-%09d", i))) },
		func(i int) []any { return []any{int64(1), int64(1), int64(1), fmt.Sprintf("Name-%09d", i)} },
	},
	{
		"name BETWEEN A AND B", func(i int) predicate.Condition {
			return predicate.Of(between(nameColumn, fmt.Sprintf("name-%09d", 10*i), fmt.Sprintf("name-%09d", 10*i+9)))
		},
		func(i int) []any { return []any{int64(1), int64(1), int64(1), fmt.Sprintf("Name-%09d", 10*i+5)} },
	},
	{
		"price BETWEEN 0 AND B, one reached", func(i int) predicate.Condition { return predicate.Of(between(priceColumn, int64(0), int64(i))) },
		func(i int) []any { return []any{int64(1), int64(1), int64(i), "a"} },
	},
	{
		"all but a few alike", func(i int) predicate.Condition { return predicate.Of(in(ownerColumn, int64(max(0, 10-i)))) },
		func(i int) []any { return []any{int64(1), int64(1 + i%10), int64(1), "a"} },
	},
}

// BenchmarkConditions: one change that matches one of N.
func BenchmarkConditions(b *testing.B) {
	columns := []string{"id", "name", "owner", "price"}
	for _, kind := range benchConditions {
		for _, n := range []int{100, 100_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%d", kind.name, n), func(b *testing.B) {
				x := New[int]()
				for _, i := range rand.New(rand.NewPCG(2, 2)).Perm(n) {
					x.Replace(i, []Dependency{{Table: "goods", Columns: columns, Where: kind.where(i)}})
				}
				sets := make([]change.Changeset, 4096)
				r := rand.New(rand.NewPCG(1, 1))
				pick := func(name string, n int) int {
					if strings.HasSuffix(name, "one reached") {
						return n - 1
					}
					return r.IntN(n)
				}
				for i := range sets {
					sets[i] = change.Changeset{Changes: []change.Change{
						{Table: "goods", Kind: change.Insert, Columns: goodsColumns, New: kind.row(pick(kind.name, n))}}}
				}
				hits, i := 0, 0
				b.ReportAllocs()
				for b.Loop() {
					x.Affected(&sets[i%len(sets)], func(int) { hits++ })
					i++
				}
				b.ReportMetric(float64(hits)/float64(b.N), "hits/op")
			})
		}
	}
}
