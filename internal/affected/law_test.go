package affected

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/predicate"
)

// world is a table as a database would have it, and what it told of it.
type world struct {
	random *rand.Rand
	keys   bool               // of old rows it tells the key alone
	rows   map[int64][3]int64 // id → a, b, c
}

var worldColumns = []string{"id", "a", "b", "c"}

// view is an observer's query: select column where filter = value, or a count.
type view struct {
	column, filter int // 0 to 2 for a to c; column -1: the count of rows
	value          int64
	rowsKnown      bool
	narrow         bool // its condition is known
}

func (v view) result(w *world) map[int64]int64 {
	result := map[int64]int64{}
	for id, row := range w.rows {
		switch {
		case v.filter >= 0 && row[v.filter] != v.value:
		case v.column < 0:
			result[0]++
		default:
			result[id] = row[v.column]
		}
	}
	return result
}

// reads is what a recorder would note for the view.
func (v view) reads(w *world, table string) []Dependency {
	d := Dependency{Table: table}
	if v.filter >= 0 {
		d.Columns = append(d.Columns, worldColumns[v.filter+1])
	}
	if v.column >= 0 {
		d.Columns = append(d.Columns, "id", worldColumns[v.column+1])
	}
	if v.filter >= 0 && v.narrow {
		d.Where = predicate.Of(is(worldColumns[v.filter+1], v.value))
	}
	if v.column >= 0 && v.rowsKnown {
		d.Held = &Held{Columns: []string{"id"}}
		for id := range v.result(w) {
			d.Held.Keys = append(d.Held.Keys, keyOf(id))
		}
		slices.Sort(d.Held.Keys)
	}
	return []Dependency{d}
}

func (w *world) view() view {
	return view{w.random.IntN(4) - 1, w.random.IntN(4) - 1, w.random.Int64N(2), w.random.IntN(2) == 0, w.random.IntN(2) == 0}
}

// write alters the table and says so, as a database that tells more or less.
func (w *world) write() change.Change {
	c := change.Change{Table: "t", Columns: worldColumns}
	id := w.random.Int64N(8)
	before, there := w.rows[id]
	if there {
		c.Old = []any{id, before[0], before[1], before[2]}
	}
	if there && w.random.IntN(6) == 0 {
		c.Kind = change.Delete
		delete(w.rows, id)
	} else {
		after := before
		after[w.random.IntN(3)] = w.random.Int64N(2)
		w.rows[id] = after
		c.New = []any{id, after[0], after[1], after[2]}
		if c.Kind = change.Insert; there {
			c.Kind = change.Update
		}
	}
	if c.Old != nil && (w.keys || w.random.IntN(8) == 0) { // the key only
		c.Old[1], c.Old[2], c.Old[3] = change.Unknown, change.Unknown, change.Unknown
	}
	switch w.random.IntN(8) {
	case 0:
		if !w.keys {
			c.Old = nil
		}
	case 2:
		if w.random.IntN(4) == 0 {
			c.Kind, c.Old, c.New = change.Everything, nil, nil
		}
	}
	return c
}

// TestNothingMissed is the law: an observer whose result a transaction changed
// is among those that the index names. The observers read the table as it was
// when they were last named, or just now. The index also agrees with Touches.
func TestNothingMissed(t *testing.T) {
	if missed := nothingMissed(t); missed != "" {
		t.Error(missed)
	}
}

// nothingMissed says what the index has missed.
func nothingMissed(t *testing.T) string {
	changed, named, all, spared := 0, 0, 0, 0
	worlds := uint64(100)
	if os.Getenv("WAKEFUL_RACE") != "" {
		worlds = 10 // nothing here is concurrent
	}
	for seed := range worlds {
		w := &world{random: rand.New(rand.NewPCG(seed, 1)), rows: map[int64][3]int64{}, keys: seed%2 == 0}
		x := New[int]()
		views := make([]view, 12)
		reads := make([][]Dependency, len(views))
		results := make([]map[int64]int64, len(views))
		evaluate := func(i int) {
			reads[i], results[i] = views[i].reads(w, "t"), views[i].result(w)
			x.Replace(i, reads[i])
		}
		for i := range views {
			views[i] = w.view()
			evaluate(i)
		}
		for step := range 40 {
			set := change.Changeset{Everything: w.random.IntN(50) == 0}
			for range 1 + w.random.IntN(2) {
				set.Changes = append(set.Changes, w.write())
			}
			hit := map[int]bool{}
			x.Affected(&set, func(i int) {
				if hit[i] {
					t.Fatalf("seed %d step %d: observer %d is named twice", seed, step, i)
				}
				hit[i] = true
			})
			for i, v := range views {
				now := v.result(w)
				if !maps.Equal(now, results[i]) {
					changed++
					if !hit[i] {
						return fmt.Sprintf("seed %d step %d: %+v has %v, had %v, and %s does not touch it",
							seed, step, v, now, results[i], show(set))
					}
				} else if w.keys && v.rowsKnown && !hit[i] {
					spared++
				}
				if got := Touches(reads[i], &set); got != hit[i] {
					t.Fatalf("seed %d step %d: Touches of %+v is %t, the index says %t", seed, step, v, got, hit[i])
				}
				checkReasons(t, reads[i], &set, hit[i])
				all++
				switch {
				case hit[i] && reads[i][0].Held != nil && w.random.IntN(2) == 0: // kept up, not told anew
					named++
					before := reads[i][0].Held.Keys
					reads[i], results[i] = v.reads(w, "t"), v.result(w)
					x.Release(i, "t", append(before, keyOf("nobody"))...)
					x.Hold(i, "t", append(reads[i][0].Held.Keys, reads[i][0].Held.Keys...)...)
				case hit[i]:
					named++
					evaluate(i)
				}
			}
			switch i := w.random.IntN(len(views)); w.random.IntN(10) {
			case 0:
				views[i] = w.view()
				evaluate(i)
			case 1:
				x.Remove(i)
				evaluate(i)
			}
		}
		checkIndex(t, x)
	}
	t.Logf("of %d questions %d were hits, %d of these changed the result; %d times a known row was none held", all, named, changed, spared)
	return ""
}

func is(column string, value int64) predicate.Atom {
	as := predicate.Column{Name: column, Kind: predicate.Number, Collation: predicate.Binary}
	key, _ := as.Argument(nil, value)
	return predicate.Atom{Column: as, Op: predicate.In, Keys: []string{string(key)}}
}

func show(set change.Changeset) string {
	text := fmt.Sprint(set.Everything)
	for _, c := range set.Changes {
		text += fmt.Sprintf(" %s %v → %v", c.Kind, c.Old, c.New)
	}
	return text
}

// checkIndex checks that every place knows where it stands, and that nothing
// is left of what was dropped.
func checkIndex(t *testing.T, x *Index[int]) {
	t.Helper()
	places := 0
	for _, tb := range x.tables {
		if len(tb.order) != len(tb.groups) {
			t.Fatalf("table %s has %d groups in order of %d", tb.name, len(tb.order), len(tb.groups))
		}
		for _, g := range tb.order {
			holds := 0
			for slot, p := range g.places {
				if p.slot != slot || p.group != g || !slices.Contains(x.observers[p.observer.id].places, p) {
					t.Fatalf("place %d of group %q is out of order", slot, g.shape)
				}
				for i, h := range p.holds {
					if g.held[h.key][h.slot] != h || h.place != p || i > 0 && p.holds[i-1].key >= h.key {
						t.Fatalf("key %q of place %d is out of order", h.key, slot)
					}
				}
				holds += len(p.holds)
			}
			for _, holders := range g.held {
				holds -= len(holders)
			}
			if holds != 0 {
				t.Fatalf("group %q holds %d keys that no place has", g.shape, -holds)
			}
			places += len(g.places)
		}
	}
	for _, o := range x.observers {
		places -= len(o.places)
	}
	if places != 0 {
		t.Fatalf("the tables have %d places more than the observers", places)
	}
}
