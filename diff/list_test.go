package diff

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// TestListIsASlice: after any edits a list is what a slice would be, and every
// list that there was before is as it was.
func TestListIsASlice(t *testing.T) {
	for _, start := range []int{0, 1, shortest, shortest + 1, 1500} {
		for seed := range uint64(2) {
			random := rand.New(rand.NewPCG(uint64(start), seed))
			list, model := NewList(rows(start)), rows(start)
			if start == 0 && seed%2 == 0 {
				list = nil
			}
			// Grow, shrink to nothing, grow again: weights of inserts in ten.
			for phase, inserts := range []int{5, 1, 8} {
				for i := range 2000 {
					list, model = edit(t, random, inserts, list, model, i)
				}
				checkList(t, list, model)
				t.Logf("start %d seed %d phase %d: %d items", start, seed, phase, list.Len())
			}
		}
	}
}

// edit does one random edit on a list and on a slice, and checks now and then
// that the list is right and the one before it unaltered.
func edit(t *testing.T, random *rand.Rand, inserts int, list *List, model []Item, i int) (*List, []Item) {
	t.Helper()
	n := len(model)
	item := Item{"k" + strconv.Itoa(random.Int()), []byte(strconv.Itoa(i))}
	before, after := list, slices.Clone(model)
	var next *List
	switch kind := random.IntN(10); {
	case kind < inserts || n == 0:
		at := random.IntN(n + 1)
		next, after = list.Insert(at, item), slices.Insert(after, at, item)
	case kind == 8:
		at := random.IntN(n)
		next = list.Replace(at, item)
		after[at] = item
	case kind == 9:
		from, to := random.IntN(n), random.IntN(n)
		next = list.Move(from, to, item)
		move(after, from, to)
		after[to] = item
	default:
		at := random.IntN(n)
		next, after = list.Remove(at), slices.Delete(after, at, at+1)
	}
	if i%200 == 0 || n < 40 {
		checkList(t, next, after)
		checkList(t, before, model)
	}
	return next, after
}

func checkList(t *testing.T, list *List, want []Item) {
	t.Helper()
	if list.Len() != len(want) || list.Bytes() != sizeOf(want) || !equal(list.Slice(), want) {
		t.Fatalf("the list has %d items of %d bytes, want %d of %d, or others", list.Len(), list.Bytes(), len(want), sizeOf(want))
	}
	next := 0
	for i, item := range list.All() {
		if i != next || item.Key != want[i].Key || list.At(i).Key != item.Key {
			t.Fatalf("item %d is yielded at %d as %s, and stands there as %s; want %s", next, i, item.Key, list.At(i).Key, want[next].Key)
		}
		next++
	}
	for i := range list.All() {
		if i == len(want)/2 {
			break // no more is yielded, or the range would panic
		}
	}
	if list != nil && list.root != nil {
		checkNode(t, list.root, true)
	}
}

// checkNode checks that nodes are as full as they must be, all leaves as deep.
func checkNode(t *testing.T, n *node, root bool) (depth int) {
	t.Helper()
	if len(n.items) > mostItems || len(n.kids) > mostKids || !root && n.sparse() || root && len(n.items)+len(n.kids) < 2 {
		t.Fatalf("a node has %d items and %d kids", len(n.items), len(n.kids))
	}
	if n.kids == nil {
		if n.bytes != sizeOf(n.items) {
			t.Fatalf("a leaf counts %d bytes, has %d", n.bytes, sizeOf(n.items))
		}
		return 0
	}
	depth, end, bytes := -1, 0, 0
	for i, kid := range n.kids {
		d := checkNode(t, kid, false)
		if end += kid.len(); depth >= 0 && d != depth || n.ends[i] != end {
			t.Fatalf("kid %d is %d deep and ends at %d, want %d and %d", i, d, n.ends[i], depth, end)
		}
		depth = d
		bytes += kid.bytes
	}
	if n.bytes != bytes {
		t.Fatalf("a node counts %d bytes, has %d", n.bytes, bytes)
	}
	return depth + 1
}

// TestListApply: scripts that Between makes, with and without Old and From,
// and broken ones, do to a List what they do to a slice.
func TestListApply(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	inTree, broken := 0, 0
	for range 1500 {
		old := rows(random.IntN(600))
		new := altered(random, old)
		ops := Between(old, new)
		if random.IntN(3) > 0 {
			sayFrom(old, ops)
		}
		bare := slices.Clone(ops)
		for i := range bare {
			bare[i].Old = nil
		}
		list := NewList(old)
		if random.IntN(2) == 0 && len(old) > 0 {
			list = list.Replace(0, old[0]) // as a tree
		}
		if len(ops) > 0 && random.IntN(8) == 0 {
			broken++
			applyBroken(t, random, list, bare)
			continue
		}
		if len(old) > shortest && len(ops) <= len(old)/perItem && placed(ops) {
			inTree++
		}
		after, filled, err := list.Apply(bare)
		if err != nil {
			t.Fatal(err)
		}
		checkList(t, after, new)
		checkList(t, list, old)
		for i := range ops {
			if string(filled[i].Old) != string(ops[i].Old) || (filled[i].Old == nil) != (ops[i].Old == nil) || bare[i].Old != nil {
				t.Fatalf("op %s has old %q, want %q; the argument has %q", text(ops[i:i+1]), filled[i].Old, ops[i].Old, bare[i].Old)
			}
		}
		if _, same, err := list.Apply(ops); err != nil || len(ops) > 0 && &same[0] != &ops[0] {
			t.Fatalf("ops that lack nothing are copied, or %v", err)
		}
	}
	if inTree < 200 || broken < 50 {
		t.Errorf("%d scripts ran in the tree, %d were broken: too few to say anything", inTree, broken)
	}
}

func altered(random *rand.Rand, old []Item) []Item {
	new := slices.Clone(old)
	for n := range random.IntN(12) {
		if len(new) < 2 {
			break
		}
		i, j := random.IntN(len(new)), random.IntN(len(new))
		switch random.IntN(4) {
		case 0:
			move(new, i, j)
		case 1:
			new = slices.Delete(new, i, i+1)
		case 2:
			new[i].Data = []byte("other" + strconv.Itoa(n))
		default:
			new = slices.Insert(new, i, Item{fmt.Sprintf("n%d-%d", n, j), []byte("new")})
		}
	}
	return new
}

// sayFrom puts in where moved items come from.
func sayFrom(list []Item, ops []Op) {
	list = slices.Clone(list)
	for i := range ops {
		if ops[i].Moved {
			ops[i].From = find(list, ops[i].Key) + 1
		}
		var err error
		if list, err = step(list, &ops[i]); err != nil {
			panic(err)
		}
	}
}

// applyBroken breaks one op: both refuse it, or both take it and agree. An
// added key that is there already is not looked for.
func applyBroken(t *testing.T, random *rand.Rand, list *List, ops []Op) {
	t.Helper()
	ops = slices.Clone(ops)
	op := &ops[random.IntN(len(ops))]
	switch random.IntN(3) {
	case 0:
		op.At += 1 - 2*random.IntN(2)
	case 1:
		op.At = -1
	default:
		if op.Kind == Added {
			return
		}
		op.Key = "nobody"
	}
	want, wantErr := stepwise(list.Slice(), ops)
	got, _, err := list.Apply(ops)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%s: the list says %v, the slice %v", text(ops), err, wantErr)
	}
	if err == nil {
		checkList(t, got, want)
	}
}

// TestListShares: an edit of a long list makes a few KiB, whatever its length.
func TestListShares(t *testing.T) {
	list := NewList(rows(100_000))
	list = list.Replace(7, list.At(7))
	edits := map[string]func() *List{
		"insert":  func() *List { return list.Insert(50_000, Item{"x", nil}) },
		"remove":  func() *List { return list.Remove(99_999) },
		"replace": func() *List { return list.Replace(0, Item{"x", nil}) },
		"move":    func() *List { return list.Move(10, 99_000, list.At(10)) },
	}
	for name, edit := range edits {
		old := map[*node]bool{}
		nodes(list.root, old)
		fresh := map[*node]bool{}
		nodes(edit().root, fresh)
		bytes := 0
		for n := range fresh {
			if !old[n] {
				bytes += 80 + 40*cap(n.items) + 8*cap(n.kids) + 8*cap(n.ends)
			}
		}
		t.Logf("%s: %d bytes are new", name, bytes)
		if bytes > 9<<10 {
			t.Errorf("%s of one item in 100,000 keeps %d bytes for itself", name, bytes)
		}
	}
}

func nodes(n *node, all map[*node]bool) {
	all[n] = true
	for _, kid := range n.kids {
		nodes(kid, all)
	}
}

func TestListAsJSON(t *testing.T) {
	tree := NewList(rows(100))
	for _, list := range []*List{nil, NewList(nil), NewList([]Item{}), NewList(rows(3)), tree.Remove(50)} {
		text, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		again := &List{}
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		checkList(t, again, list.Slice())
		if list == nil && again != nil {
			t.Error("no list came back as one")
		}
	}
}
