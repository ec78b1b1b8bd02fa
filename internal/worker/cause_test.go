package worker

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source/memsource"
)

// write commits a row in an evaluation, as a recorded handle would.
func (r *rig) write(ctx context.Context, table string, id int64, name string) error {
	writes := readset.WritesFrom(ctx)
	writes.Begin()
	p, err := r.db.Update(func(tx *memsource.Tx) error {
		return tx.Put(table, memsource.Row{"id": id, "name": name})
	})
	writes.End(p)
	return err
}

// markedID is a view whose items are told apart by their id.
var markedID = mark.View{Name: "view", Key: []string{"id"}}

// bump alters the score of an item in an evaluation, and nothing else.
func (r *rig) bump(ctx context.Context, id int64) error {
	writes := readset.WritesFrom(ctx)
	writes.Begin()
	p, err := r.db.Update(func(tx *memsource.Tx) error {
		row, err := tx.Get("item", id)
		if err != nil {
			return err
		}
		row = maps.Clone(row)
		row["score"] = row["score"].(int64) + 1
		return tx.Put("item", row)
	})
	writes.End(p)
	return err
}

func TestViewThatWritesWhatItReadsDoesNotCauseItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		var runs atomic.Int64
		r.view("/seen", func(ctx context.Context) error {
			return r.write(ctx, "item", 100, fmt.Sprint("seen ", runs.Add(1)))
		})
		r.observe("/seen")
		pass(time.Minute)
		if n := runs.Load(); n != 1 {
			t.Errorf("%d runs though nobody else wrote", n)
		}
		r.put(1)
		pass(time.Minute)
		if n := runs.Load(); n != 2 {
			t.Errorf("%d runs after one write of somebody else", n)
		}
		if got := r.keys("/seen"); got != "1 100" {
			t.Errorf("list %q", got)
		}
	})
}

func TestViewsThatCauseEachOtherSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		var runs atomic.Int64
		for _, name := range []string{"item", "other"} {
			r.handle("/echo-"+name, mark.View{Name: name, Key: []string{"id"}}, func(w http.ResponseWriter, q *http.Request) {
				runs.Add(1)
				table := map[string]string{"item": "other", "other": "item"}[name]
				if err := r.write(q.Context(), table, 1, fmt.Sprint(runs.Load())); err != nil {
					t.Error(err)
				}
				rows, _ := r.db.Read(q.Context(), name, "id", "name")
				fmt.Fprintf(w, `{"count":%d}`, len(rows))
			})
		}
		r.observe("/echo-item")
		r.observe("/echo-other")
		pass(time.Minute)
		if n := runs.Load(); n > 60 {
			t.Errorf("%d runs in a minute", n)
		}
		if r.events.Count(event.ViewMisread) == 0 {
			t.Error("it was not reported")
		}
		r.put(7)
		pass(11 * time.Second)
		if items := r.lists["o:/echo-item"]; string(items[0].Data) != `{"count":2,"id":1}` {
			t.Errorf("list %s after a write of somebody else", items[0].Data)
		}
	})
}

func TestTablesAreKeptUntilThreeRunsDoWithout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		var cached atomic.Bool
		var runs atomic.Int64
		r.view("/both", func(ctx context.Context) error {
			runs.Add(1)
			if cached.Load() {
				return nil
			}
			_, err := r.db.Read(ctx, "other")
			return err
		})
		r.observe("/both")
		cached.Store(true)
		touch := func(table string, id int64) int64 {
			before := runs.Load()
			if err := r.write(context.Background(), table, id, "x"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return runs.Load() - before
		}
		for i := int64(1); i <= 2; i++ {
			touch("item", i)
			if n := touch("other", i); i == 1 && n != 1 {
				t.Errorf("after %d runs without the table its change caused %d runs", i, n)
			}
		}
		touch("item", 3)
		if n := touch("other", 3); n != 0 {
			t.Errorf("after three runs without the table its change caused %d runs", n)
		}
	})
}

func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		var runs atomic.Int64
		end := time.Now().Add(time.Hour)
		r.view("/auction", func(ctx context.Context) error {
			runs.Add(1)
			if time.Now().Before(end) {
				readset.From(ctx).Until(end)
			}
			return nil
		})
		r.observe("/auction")
		pass(59 * time.Minute)
		if n := runs.Load(); n != 1 {
			t.Errorf("%d runs before the time", n)
		}
		pass(time.Hour)
		if n := runs.Load(); n != 2 {
			t.Errorf("%d runs after the time", n)
		}
	})
}
