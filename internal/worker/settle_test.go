package worker

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/explain"
	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/readset"
)

func scored(scores ...int64) predicate.Condition {
	c := predicate.Column{Name: "score", Kind: predicate.Number, Collation: predicate.Binary}
	a := predicate.Atom{Column: c, Op: predicate.In}
	for _, score := range scores {
		key, _ := c.Argument(nil, score)
		a.Keys = append(a.Keys, string(key))
	}
	slices.Sort(a.Keys)
	return predicate.Of(a)
}

// TestSettle: what three equal runs in a row did not read counts no longer,
// and a run that reads nothing takes nothing away.
func TestSettle(t *testing.T) {
	on := func(table string, where predicate.Condition) affected.Dependency {
		return affected.Dependency{Table: table, Columns: []string{"id"}, Where: where}
	}
	item, other := on("item", nil), on("other", nil)
	one, both, two := on("item", scored(1)), on("item", scored(1, 2)), on("item", scored(2))
	type list = []affected.Dependency
	held := func(d affected.Dependency, by uint64, keys ...string) affected.Dependency {
		d.Held = &affected.Held{Columns: []string{"id"}, Keys: keys, By: by}
		return d
	}
	for _, tt := range []struct {
		name       string
		runs, want []list
	}{
		{"a table less", []list{{item, other}, {item}, {item}, {item}}, []list{{item, other}, {item, other}, {item, other}, {item}}},
		{"not three in a row", []list{{item, other}, {item}, {item}, {item, other}, {item}, {item}},
			[]list{{item, other}, {item, other}, {item, other}, {item, other}, {item, other}, {item, other}}},
		{"not equal ones", []list{{item, other}, {item}, {item}, {one}, {item}}, []list{{item, other}, {item, other}, {item, other}, {item, other}, {item, other}}},
		{"nothing", []list{{item}, {}, {}, {}, {}, {}}, []list{{item}, {item}, {item}, {item}, {item}, {item}}},
		{"rows less", []list{{both}, {one}, {one}, {one}}, []list{{both}, {both}, {both}, {one}}},
		{"other rows", []list{{one}, {two}, {two}, {two}}, []list{{one}, {both}, {both}, {two}}},
		{"more rows", []list{{one}, {both}, {item}}, []list{{one}, {both}, {item}}},
		{"every row no more", []list{{item}, {one}, {one}, {one}}, []list{{item}, {item}, {item}, {one}}},
		{"known rows", []list{{held(item, 1, "a")}, {held(item, 1, "b")}, {held(item, 1)}}, []list{{held(item, 1, "a")}, {held(item, 1, "b")}, {held(item, 1)}}},
		{"rows known no more", []list{{held(item, 1, "a")}, {item}}, []list{{held(item, 1, "a")}, {item}}},
		{"rows of other statements", []list{{held(item, 1, "a")}, {held(item, 2, "b")}, {held(item, 2, "c")}, {held(item, 2, "d")}},
			[]list{{held(item, 1, "a")}, {item}, {item}, {held(item, 2, "d")}}},
		{"rows known at last", []list{{item}, {held(item, 1)}, {held(item, 1, "b")}, {held(item, 1, "c")}}, []list{{item}, {item}, {item}, {held(item, 1, "c")}}},
		{"known rows of a table less", []list{{item, held(other, 1, "a")}, {item}, {item}, {item}}, []list{{item, held(other, 1, "a")}, {item, other}, {item, other}, {item}}},
		{"other known rows", []list{{held(one, 1, "a")}, {held(two, 1, "b")}}, []list{{held(one, 1, "a")}, {both}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := &live{}
			for i, reads := range tt.runs {
				o.reads = o.settle(reads)
				if !affected.Same(o.reads, tt.want[i]) {
					t.Fatalf("after run %d: %+v, want %+v", i, o.reads, tt.want[i])
				}
			}
		})
	}
}

// TestRowsAreKeptForAWhile: a branch that is not taken for a moment (a cache)
// must still wake the view by the rows that it would have read.
func TestRowsAreKeptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		var cached atomic.Bool
		r.where("/by", func(q *http.Request) int64 {
			if !cached.Load() {
				readset.From(q.Context()).Add(&readset.Statement{
					Text:   "SELECT id, name, score FROM item WHERE score = 50",
					Reads:  []readset.Read{{Table: "item", Columns: []string{"id", "name", "score"}}},
					Schema: itemSchema,
				}, nil)
			}
			return 7
		})
		r.observe("/by")
		cached.Store(true)
		if n := r.score(1, 7); n != 1 {
			t.Fatalf("%d runs", n)
		}
		if n := r.score(2, 50); n != 1 {
			t.Errorf("a row that only the branch reads: %d runs, want 1", n)
		}
		e := r.explain(explain.Question{Observer: "o:/by", Values: true})
		if len(e.Reads) != 1 || e.Reads[0].Rows != "score IN (7, 50)" || !e.Reads[0].Earlier {
			t.Errorf("reads %+v", e.Reads)
		}
		r.score(3, 7)
		if n := r.score(4, 50); n != 0 {
			t.Errorf("after three runs without the branch: %d runs, want 0", n)
		}
	})
}

// TestNothingReadOnceMore: a run that reads nothing keeps what was read before.
func TestNothingReadOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		var runs atomic.Int64
		var cached atomic.Bool
		r.handle("/cached", markedID, func(w http.ResponseWriter, q *http.Request) {
			runs.Add(1)
			if !cached.Load() {
				_, _ = r.db.Read(q.Context(), "item")
			}
			_, _ = w.Write([]byte(`[]`))
		})
		r.observe("/cached")
		cached.Store(true)
		for i := range int64(6) {
			before := runs.Load()
			r.put(i)
			pass(time.Second)
			if n := runs.Load() - before; n != 1 {
				t.Fatalf("change %d: %d runs", i, n)
			}
		}
	})
}

// TestWritesOfAnEvaluationWakeByColumn: what an evaluation writes wakes others
// only where they read the columns that it alters.
func TestWritesOfAnEvaluationWakeByColumn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		var seen, names, scores atomic.Int64
		r.put(1)
		r.view("/seen", func(ctx context.Context) error {
			seen.Add(1)
			return r.bump(ctx, 1)
		})
		for name, view := range map[string]struct {
			runs   *atomic.Int64
			column string
		}{"names": {&names, "name"}, "scores": {&scores, "score"}} {
			r.handle("/"+name, markedID, func(w http.ResponseWriter, q *http.Request) {
				view.runs.Add(1)
				_, _ = r.db.Read(q.Context(), "item", "id", view.column)
				_, _ = w.Write([]byte(`[]`))
			})
			r.observe("/" + name)
		}
		r.observe("/seen")
		pass(time.Minute)
		if a, b, c := seen.Load(), names.Load(), scores.Load(); a != 1 || b != 1 || c != 2 {
			t.Errorf("%d runs of the view that writes, %d of the one that reads other columns, %d of the one that reads this; want 1, 1, 2", a, b, c)
		}
	})
}

// TestBackoff: a view that answers 429 or 5xx is tried again, later each time,
// and its list is right when it has recovered.
func TestBackoff(t *testing.T) {
	for _, status := range []int{429, 500, 503} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, Config{})
			var fails atomic.Bool
			var mu sync.Mutex
			var at []time.Time
			r.handle("/v", markedID, func(w http.ResponseWriter, q *http.Request) {
				rows, _ := r.db.Read(q.Context(), "item")
				mu.Lock()
				at = append(at, time.Now())
				mu.Unlock()
				if fails.Load() {
					w.WriteHeader(status)
					return
				}
				_, _ = w.Write([]byte(`[{"id":` + string(rune('0'+len(rows))) + `}]`))
			})
			r.observe("/v")
			fails.Store(true)
			r.put(1)
			pass(3 * time.Second)
			mu.Lock()
			ran := slices.Clone(at)
			mu.Unlock()
			if code := r.closed("/v"); code != "" || r.keys("/v") != "0" || len(ran) < 5 {
				t.Fatalf("%d: closed %q, list %q, after %d runs", status, code, r.keys("/v"), len(ran))
			}
			for i := 3; i < len(ran); i++ {
				if ran[i].Sub(ran[i-1]) < 3*ran[i-1].Sub(ran[i-2])/2 {
					t.Errorf("%d: tried again after %v, then after %v", status, ran[i-1].Sub(ran[i-2]), ran[i].Sub(ran[i-1]))
				}
			}
			fails.Store(false)
			pass(10 * time.Second)
			if code := r.closed("/v"); code != "" || r.keys("/v") != "1" {
				t.Errorf("%d: closed %q, list %q after it recovered", status, code, r.keys("/v"))
			}
		})
	}
}
