package diff

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

// eachPair calls f with every pair of lists of the given lengths up to the
// names of keys: each place of new is an old item, as it was or with other
// data, or a fresh one.
func eachPair(oldLen, newLen int, f func(old, new []Item)) {
	old := make([]Item, oldLen)
	for i := range old {
		old[i] = Item{string(rune('a' + i)), []byte("1")}
	}
	used := make([]bool, oldLen)
	new := make([]Item, 0, newLen)
	var fill func(fresh int)
	fill = func(fresh int) {
		if len(new) == newLen {
			f(old, new)
			return
		}
		try := func(item Item, fresh int) {
			new = append(new, item)
			fill(fresh)
			new = new[:len(new)-1]
		}
		for i := range old {
			if !used[i] {
				used[i] = true
				try(old[i], fresh)
				try(Item{old[i].Key, []byte("2")}, fresh)
				used[i] = false
			}
		}
		try(Item{string(rune('z' - fresh)), []byte("1")}, fresh+1)
	}
	fill(0)
}

// TestBetweenEveryMix plays every way of adding, removing, moving and changing
// items of lists of up to 6 through the version 1 client (4 under the race
// detector, which has nothing to find here).
func TestBetweenEveryMix(t *testing.T) {
	t.Parallel()
	most := 6
	if raceEnabled || testing.Short() {
		most = 4
	}
	count := 0
	for oldLen := range most + 1 {
		for newLen := range most + 1 {
			eachPair(oldLen, newLen, func(old, new []Item) {
				count++
				checkScript(t, old, new, Between(old, new))
			})
		}
	}
	t.Logf("%d pairs of lists", count)
}

// TestBetweenEveryPermutation does the same with all orders of 7 items, each
// with and without other data in some of them.
func TestBetweenEveryPermutation(t *testing.T) {
	t.Parallel()
	most := 7
	if raceEnabled || testing.Short() {
		most = 5
	}
	old := make([]Item, most)
	for i := range old {
		old[i] = Item{string(rune('a' + i)), []byte("1")}
	}
	new := make([]Item, most)
	count := 0
	permute(most, func(order []int) {
		for _, changed := range []int{0, 1<<most - 1, 1 << order[0], count % (1 << most)} {
			for i, j := range order {
				new[i] = old[j]
				if changed>>j&1 == 1 {
					new[i].Data = []byte("2")
				}
			}
			count++
			checkScript(t, old, new, Between(old, new))
		}
	})
	t.Logf("%d pairs of lists", count)
}

func permute(n int, f func([]int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var swap func(int)
	swap = func(k int) {
		if k == n {
			f(order)
			return
		}
		for i := k; i < n; i++ {
			order[k], order[i] = order[i], order[k]
			swap(k + 1)
			order[k], order[i] = order[i], order[k]
		}
	}
	swap(0)
}

// FuzzBetween checks the law on longer lists: each byte is an item of new,
// with its key in the low bits and its data in the highest.
func FuzzBetween(f *testing.F) {
	f.Add([]byte("abcdefgh"), []byte("hgfedcba"))
	f.Add([]byte("0123456789"), []byte("1234\xb56789x0"))
	f.Add([]byte(""), []byte("xyz"))
	f.Fuzz(func(t *testing.T, old, new []byte) {
		checkScript(t, decode(old), decode(new), Between(decode(old), decode(new)))
	})
}

func decode(text []byte) []Item {
	var list []Item
	seen := map[byte]bool{}
	for _, b := range text {
		if key := b & 0x7f; !seen[key] {
			seen[key] = true
			list = append(list, Item{strconv.Itoa(int(key)), []byte{'0' + b>>7}})
		}
	}
	return list
}

// TestBetweenLong checks the law on random edits of long lists.
func TestBetweenLong(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		old := rows(300)
		new := append([]Item(nil), old...)
		for range random.IntN(40) {
			i, j := random.IntN(len(new)), random.IntN(len(new))
			switch random.IntN(4) {
			case 0:
				move(new, i, j)
			case 1:
				new = append(new[:i], new[i+1:]...)
			case 2:
				new[i].Data = []byte("other")
			default:
				new = append(new, Item{"n" + strconv.Itoa(len(new)) + "-" + strconv.Itoa(i*1000+j), []byte("new")})
			}
		}
		if len(places(new)) == len(new) {
			checkScript(t, old, new, Between(old, new))
		}
	}
}

func rows(n int) []Item {
	list := make([]Item, n)
	for i := range list {
		key := strconv.Itoa(i + 1)
		list[i] = Item{key, []byte(`{"id":` + key + `,"title":"A ticket of ordinary length","score":0}`)}
	}
	return list
}

func TestDeleteFirstOfMany(t *testing.T) {
	old := rows(1000)
	if ops := Between(old, old[1:]); len(ops) != 1 {
		t.Errorf("%d ops for the first of 1,000 rows deleted, want 1", len(ops))
	}
}

func TestOneMoveAcrossMany(t *testing.T) {
	for _, places := range [][2]int{{0, 999}, {999, 0}, {500, 501}, {10, 900}} {
		old := rows(1000)
		new := append([]Item(nil), old...)
		move(new, places[0], places[1])
		if ops := Between(old, new); len(ops) != 1 {
			t.Errorf("%d ops for a move from %d to %d, want 1", len(ops), places[0], places[1])
		}
	}
}
