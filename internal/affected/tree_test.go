package affected

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/predicate"
)

// TestTree: a tree finds the intervals that hold a value, as a look at each
// does, while intervals come and go; and it stays a tree.
func TestTree(t *testing.T) {
	for seed, c := range []predicate.Column{priceColumn, nameColumn, priceColumn, nameColumn} {
		r := rand.New(rand.NewPCG(uint64(seed), 5))
		s := &spans[int]{column: c}
		var all []*entry[int]
		made := 0
		for step := 0; step < 8000 || len(all) > 0; step++ {
			grow := step < 4000 || step < 8000 && r.IntN(2) == 0
			if grow || len(all) == 0 {
				e := &entry[int]{observer: &observer[int]{id: made}, all: predicate.All{interval(r, c, made, seed)}, bounded: true}
				s.insert(e)
				e.filed++
				all = append(all, e)
				made++
			} else {
				i := r.IntN(len(all))
				e := all[i]
				if e.list.drop(e); e.span.list.first == nil {
					s.remove(e.span)
				}
				all = slices.Delete(all, i, i+1)
			}
			if step%97 == 0 {
				checkTree(t, s)
				checkFound(t, r, s, all)
			}
		}
		if s.root != nil {
			t.Fatalf("seed %d: something is left of an empty tree", seed)
		}
	}
}

// interval is random; texts share a beginning, so that the first bytes decide
// nothing, and half of the numbers grow as identifiers do.
func interval(r *rand.Rand, c predicate.Column, i, seed int) predicate.Atom {
	if c == nameColumn && r.IntN(4) == 0 {
		a, _ := predicate.LikeOf("name", []string{"%", "2026-11-2%", fmt.Sprintf("2026-11-23 %04d%%", r.IntN(2000)), ""}[r.IntN(4)])
		return a
	}
	low := r.IntN(2000)
	if seed > 1 {
		low = i / 4
	}
	high := low + r.IntN(40)
	if r.IntN(50) == 0 {
		high = low + r.IntN(2000)
	}
	a := between(c, treeValue(c, low), treeValue(c, high))
	a.LowOpen, a.HighOpen = r.IntN(2) == 0, r.IntN(2) == 0
	switch r.IntN(100) {
	case 0:
		a.Low = ""
	case 1:
		a.High = ""
	}
	return a
}

func treeValue(c predicate.Column, n int) any {
	if c == nameColumn {
		return fmt.Sprintf("2026-11-23 %04d", n)
	}
	return float64(n) / 4
}

func checkFound(t *testing.T, r *rand.Rand, s *spans[int], all []*entry[int]) {
	t.Helper()
	row := []any{treeValue(s.column, r.IntN(2100))}
	columns := []string{s.column.Name}
	found := map[int]bool{}
	s.visit(&look[int]{columns: columns, row: row, stamp: 1, once: func(id int) { found[id] = true }})
	for _, e := range all {
		if want := e.all.MetBy(columns, row); found[e.observer.id] != want {
			t.Fatalf("%v: found %t, %+v says %t", row, !want, e.all, want)
		}
	}
}

// checkTree: leaves are at one depth, intervals in order, and each node knows
// where its own begin and end.
func checkTree(t *testing.T, s *spans[int]) {
	t.Helper()
	if s.root == nil {
		return
	}
	var before *predicate.Atom
	depths := map[int]bool{}
	var walk func(n *node[int], depth int)
	walk = func(n *node[int], depth int) {
		if n.n == 0 || n.n > fanout {
			t.Fatalf("a node has %d", n.n)
		}
		var last *predicate.Atom
		for i := range n.n {
			first, end := n.at(i)
			if n.low[i] != start(first.Low) || n.far[i] != startOfEnd(end.High) {
				t.Fatalf("a node does not know where one begins or ends")
			}
			if i == 0 && n.first != first {
				t.Fatalf("a node does not know where it begins")
			}
			if last == nil || last.High != "" && (end.High == "" || end.High > last.High) {
				last = end
			}
			if _, best := n.at(int(n.best[i])); best.High != last.High {
				t.Fatalf("the first %d of a node reach to %q, it says %q", i+1, last.High, best.High)
			}
			if n.kids != nil {
				walk(n.kids[i], depth+1)
				continue
			}
			if before != nil && compareBounds(before, first) >= 0 {
				t.Fatalf("%+v comes after %+v", first, before)
			}
			before = first
			depths[depth] = true
		}
		if n.last.High != last.High {
			t.Fatalf("a node reaches to %q and says %q", last.High, n.last.High)
		}
	}
	walk(s.root, 0)
	if len(depths) != 1 {
		t.Fatalf("leaves at %d depths", len(depths))
	}
}

// TestStart: a lesser canonical form does not begin with a greater number.
func TestStart(t *testing.T) {
	keys := []string{"", "n", "t", "u", "x", "y"}
	for _, c := range []predicate.Column{priceColumn, nameColumn, {Name: "v", Kind: predicate.Plain, Collation: predicate.Binary}} {
		for _, v := range []any{int64(-1 << 62), int64(-3), -0.5, int64(0), 1e-300, int64(1), int64(1 << 50), int64(1<<50 + 1), 1e15, int64(1 << 62),
			"", "\x01", "a", "aaaaaaaaaa", "é", strings.Repeat("\xf4\x8f\xbf\xbf", 3), []byte{1}, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff")} {
			if key, known := c.Argument(nil, v); known == predicate.IsKey {
				keys = append(keys, string(key))
			}
		}
	}
	slices.Sort(keys)
	for i := 1; i < len(keys); i++ {
		if start(keys[i-1]) > start(keys[i]) {
			t.Errorf("%q begins with more than %q", keys[i-1], keys[i])
		}
	}
}
