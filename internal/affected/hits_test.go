package affected

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
)

// TestHits: an observer is named with just those changes of a changeset that
// touch it by themselves, or as the changeset has made their rows before, in their
// order and each once, up to where it has enough; so of a changeset of which it is named with nothing, nothing of its
// result is changed (TestNothingMissed).
func TestHits(t *testing.T) {
	hits, cut := 0, 0
	for seed := range uint64(60) {
		w := &world{random: rand.New(rand.NewPCG(seed, 2)), rows: map[int64][3]int64{}}
		x := New[int]()
		reads := make([][]Dependency, 12)
		for i := range reads {
			reads[i] = append(w.view().reads(w, "t"), w.view().reads(w, "t")...)
			x.Replace(i, reads[i])
		}
		for step := range 40 {
			set := change.Changeset{Everything: w.random.IntN(40) == 0}
			for range w.random.IntN(12) {
				set.Changes = append(set.Changes, w.write())
			}
			enough := 1 + w.random.IntN(14)
			got, want := map[int][]int{}, map[int][]int{}
			x.Hits(&set, func(i, change int) bool {
				got[i] = append(got[i], change)
				return len(got[i]) < enough
			})
			for i := range reads {
				if set.Everything {
					want[i] = []int{-1}
					continue
				}
				for c := range set.Changes {
					one := change.Changeset{Changes: set.Changes[c : c+1]}
					after := func(d Dependency) bool { return d.touchedAfter(&set, c) }
					if Touches(reads[i], &one) || slices.ContainsFunc(reads[i], after) {
						want[i] = append(want[i], c)
					}
				}
				if one := Hits(reads[i], &set); !slices.Equal(one, want[i]) {
					t.Fatalf("seed %d step %d: Hits of one is %v, want %v", seed, step, one, want[i])
				}
				hits += len(want[i])
				if len(want[i]) > enough {
					want[i] = want[i][:enough]
					cut++
				}
				if len(want[i]) == 0 {
					delete(want, i)
				}
			}
			if !maps.EqualFunc(got, want, slices.Equal) {
				t.Fatalf("seed %d step %d, %d are enough: got %v, want %v of %s", seed, step, enough, got, want, show(set))
			}
			named := map[int]bool{}
			x.Affected(&set, func(i int) { named[i] = true })
			if len(named) != len(want) {
				t.Fatalf("seed %d step %d: Affected names %v, Hits %v", seed, step, named, want)
			}
		}
	}
	if hits == 0 || cut == 0 {
		t.Errorf("%d hits, %d cut short: nothing was tried", hits, cut)
	}
}
