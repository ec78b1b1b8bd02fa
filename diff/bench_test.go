package diff

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// copied gives each item bytes of its own, as an evaluation does.
func copied(list []Item) []Item {
	list = slices.Clone(list)
	for i := range list {
		list[i].Data = bytes.Clone(list[i].Data)
	}
	return list
}

func benchmarkLists() []struct {
	name     string
	old, new []Item
} {
	old := rows(10_000)
	altered := copied(old)
	altered[5_000].Data = []byte(`{"id":5001}`)
	moved := copied(old)
	move(moved, 2_000, 8_000)
	shuffled := copied(old)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) {
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	})
	return []struct {
		name     string
		old, new []Item
	}{
		{"equal", old, copied(old)},
		{"one changed", old, altered},
		{"first removed", old, copied(old[1:])},
		{"one moved", old, moved},
		{"all shuffled", old, shuffled},
		{"all replaced by none", old, nil},
	}
}

func BenchmarkBetween(b *testing.B) {
	for _, lists := range benchmarkLists() {
		b.Run(lists.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Between(lists.old, lists.new)
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	for _, lists := range benchmarkLists() {
		ops := Between(lists.old, lists.new)
		b.Run(lists.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Apply(lists.old, ops); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
