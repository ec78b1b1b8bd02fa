package diff

import (
	"bytes"
	"fmt"
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

// BenchmarkList is one edit of lists of two lengths, and a script of one op.
func BenchmarkList(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		list := NewList(rows(n))
		list = list.Replace(0, list.At(0))
		item := list.At(n / 2)
		edits := []struct {
			name string
			edit func()
		}{
			{"replace", func() { list.Replace(n/2, item) }},
			{"insert", func() { list.Insert(n/2, item) }},
			{"remove", func() { list.Remove(n / 2) }},
			{"move", func() { list.Move(n/2, 3, item) }},
			{"apply", func() {
				_, _, _ = list.Apply([]Op{{Kind: Changed, Key: item.Key, At: 3, Moved: true, From: n/2 + 1, Data: item.Data}})
			}},
			{"at", func() { list.At(n / 2) }},
		}
		for _, e := range edits {
			b.Run(fmt.Sprintf("%s of %d", e.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					e.edit()
				}
			})
		}
	}
}
