package worker

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/explain"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source/memsource"
)

func (r *rig) explain(q explain.Question) *explain.Explanation {
	r.t.Helper()
	e, err := r.worker.Explain(context.Background(), q)
	if err != nil {
		r.t.Fatal(err)
	}
	return e
}

// TestExplain: what an observer reads, why it ran and what each of the newest
// changes was to it.
func TestExplain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		r.where("/by", func(q *http.Request) int64 {
			n, _ := strconv.ParseInt(q.URL.Query().Get("score"), 10, 64)
			return n
		})
		r.observe("/by?score=7")
		r.score(1, 7)
		r.score(1, 8)
		r.score(1, 9)
		e := r.explain(explain.Question{Observer: "o:/by?score=7", Values: true})
		if len(e.Reads) != 1 || e.Reads[0].Table != "item" || e.Reads[0].Rows != "score = 7" || e.Reads[0].Earlier {
			t.Errorf("reads %+v", e.Reads)
		}
		if len(e.Statements) != 1 || e.Statements[0].Opaque != "" || e.Statements[0].Text != "SELECT id, name, score FROM item WHERE score = ?" {
			t.Errorf("statements %+v", e.Statements)
		}
		if e.View != "/by" || e.URL != "/by?score=7" || e.Kept.How != "evaluate" || e.Kept.Evaluations != 3 || e.Kept.Gateways != 1 || e.Kept.Behind || e.Kept.Seq != 2 {
			t.Errorf("view %s, URL %s, kept %+v", e.View, e.URL, e.Kept)
		}
		if len(e.Changes) != 3 {
			t.Fatalf("%d changes are remembered: %v", len(e.Changes), e)
		}
		for i, want := range []string{ // newest first
			"item: update of score does not touch: score = 7 is not met by the old row (score 8) or the new row (score 9)",
			"item: update of score touches: the old row (score 7) meets score = 7",
			"item: insert touches: the new row (score 7) meets score = 7",
		} {
			if got := e.Changes[i].Reasons[0].String(); got != want {
				t.Errorf("change %d: %s\nwant %s", i, got, want)
			}
		}
		if len(e.Runs) != 3 || e.Runs[2].Cause != explain.First || e.Runs[2].Ops != 0 {
			t.Fatalf("runs %+v", e.Runs)
		}
		for i, run := range e.Runs[:2] {
			if run.Cause != explain.Changed || run.Table != "item" || run.Changes != 1 || run.Ops != 1 || run.Change != e.Changes[i+1].Position || run.At != run.Change {
				t.Errorf("run %d: %+v", i, run)
			}
		}
	})
}

// TestExplainHidesValues: without being asked for it there is no argument, no
// value of a row and no URL.
func TestExplainHidesValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		const secret = 424242
		r.where("/by", func(*http.Request) int64 { return secret })
		r.observe("/by?score=" + strconv.Itoa(secret))
		r.score(1, secret)
		q := explain.Question{Observer: "o:/by?score=424242", Change: &change.Changeset{Changes: []change.Change{
			{Table: "item", Kind: change.Insert, Columns: []string{"id", "name", "score"}, New: []any{int64(2), "x", int64(secret)}}}}}
		e := r.explain(q)
		if e.Asked == nil || !e.Asked.Touches || e.Reads[0].Rows != "score = ?" {
			t.Errorf("asked %+v, reads %+v", e.Asked, e.Reads)
		}
		e.Observer = "" // a name that only this test gives
		if text := e.String(); strings.Contains(text, "424242") {
			t.Errorf("it shows a value:\n%s", text)
		}
		q.Values = true
		if text := r.explain(q).String(); strings.Count(text, "score = 424242") < 3 {
			t.Errorf("it does not show the value:\n%s", text)
		}
	})
}

// TestExplainCauses: each cause of a run is told as what it is.
func TestExplainCauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		until := time.Now().Add(time.Hour)
		fails, slow := make(chan struct{}, 1), make(chan struct{}, 1)
		r.view("/all", func(ctx context.Context) error {
			readset.From(ctx).Poll(90 * time.Minute)
			if time.Now().Before(until) {
				readset.From(ctx).Until(until)
			}
			select {
			case <-fails:
				return fmt.Errorf("no")
			case <-slow:
				<-time.After(time.Second)
			default:
			}
			return nil
		})
		r.observe("/all")
		want := func(causes ...string) {
			t.Helper()
			var got []string
			for _, run := range r.explain(explain.Question{Observer: "o:/all"}).Runs {
				got = append(got, strings.TrimSpace(run.Cause+" "+run.Code))
			}
			if fmt.Sprint(got) != fmt.Sprint(causes) {
				t.Errorf("runs %v, want %v", got, causes)
			}
		}
		want("first")
		pass(61 * time.Minute)
		want("until", "first")
		pass(90 * time.Minute)
		want("poll", "until", "first")
		fails <- struct{}{}
		r.put(1)
		pass(time.Second)
		want("retry", "change status 500", "poll", "until", "first")
		slow <- struct{}{}
		r.put(1)
		pass(100 * time.Millisecond)
		r.put(2)
		pass(5 * time.Second)
		want("again", "change", "retry", "change status 500", "poll", "until", "first")
		r.worker.inbox.put(func() { r.worker.sourceLost(fmt.Errorf("gone")); r.worker.restart(r.db.Position()) })
		pass(5 * time.Second)
		want("restart", "again", "change", "retry", "change status 500", "poll", "until", "first")
	})
}

// TestExplainOwnWrites: a change that the observer's own evaluation has made
// touches what it reads, and is told to be its own.
func TestExplainOwnWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		r.view("/seen", func(ctx context.Context) error { return r.write(ctx, "item", 100, "seen") })
		r.observe("/seen")
		e := r.explain(explain.Question{Observer: "o:/seen"})
		if len(e.Changes) != 1 || !e.Changes[0].Touches || !e.Changes[0].Own || e.Kept.Evaluations != 1 {
			t.Errorf("%+v after %d runs", e.Changes, e.Kept.Evaluations)
		}
	})
}

func TestExplainEarlierReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		var less atomic.Bool
		r.view("/both", func(ctx context.Context) error {
			if less.Load() {
				return nil
			}
			_, err := r.db.Read(ctx, "other")
			return err
		})
		r.observe("/both")
		less.Store(true)
		r.put(1)
		pass(time.Second)
		e := r.explain(explain.Question{Observer: "o:/both"})
		if len(e.Reads) != 2 || e.Reads[0].Table+e.Reads[1].Table != "itemother" || e.Reads[0].Earlier || !e.Reads[1].Earlier {
			t.Errorf("reads %+v", e.Reads)
		}
	})
}

func TestExplainRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idle, err := New(Config{Bus: bus.New(), Source: memsource.New(memsource.Config{})})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := idle.Explain(context.Background(), explain.Question{}); err == nil || !strings.Contains(err.Error(), "does not run yet") {
			t.Errorf("before Run: %v", err)
		}
		r := newRig(t, Config{})
		r.observe("/items?a=1")
		r.observe("/items?a=2")
		for id, want := range map[string]string{
			"":            "too short",
			"o:/it":       "too short",
			"o:/items":    "several observers",
			"o:/nothing":  "no observer",
			"o:/items?a=": "several observers",
		} {
			if _, err := r.worker.Explain(context.Background(), explain.Question{Observer: id}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want one that says %q", id, err, want)
			}
		}
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := r.worker.Explain(ended, explain.Question{Observer: "o:/items?a=1"}); err != nil && err != context.Canceled {
			t.Errorf("a context that has ended: %v", err)
		}
	})
}

// TestKeptIsBounded: the newest changesets within the bounds, nothing else.
func TestKeptIsBounded(t *testing.T) {
	var k kept
	set := func(n uint64, rows, bytes int) *change.Changeset {
		c := &change.Changeset{Position: change.NewPosition("aaaaaaaa", n)}
		for range rows {
			c.Changes = append(c.Changes, change.Change{New: []any{strings.Repeat("x", bytes)}})
		}
		return c
	}
	for n := range uint64(1000) {
		k.add(set(n, 1, 10), time.Time{})
	}
	if list := k.newest(); len(list) != maxKept || list[0].Set.Position != change.NewPosition("aaaaaaaa", 999) || list[maxKept-1].Set.Position != change.NewPosition("aaaaaaaa", 1000-maxKept) {
		t.Errorf("%d are kept, the newest %v", len(list), list[0].Set.Position)
	}
	k.add(set(2000, maxKeptRows+1, 1), time.Time{})
	k.add(set(2001, 1, maxKeptBytes), time.Time{})
	if got := k.newest()[0].Set.Position; got != change.NewPosition("aaaaaaaa", 999) {
		t.Errorf("one that is too large is kept: %s", got)
	}
	for n := range uint64(100) {
		k.add(set(3000+n, 1, maxKeptBytes/4), time.Time{})
		sum := 0
		for _, seen := range k.newest() {
			sum += sizeOf(seen.Set)
		}
		if sum != k.bytes || sum > maxKeptBytes {
			t.Fatalf("%d bytes are kept, it counts %d", sum, k.bytes)
		}
	}
	if len(k.newest()) != 3 {
		t.Errorf("%d large ones are kept", len(k.newest()))
	}
}

// TestRanKeepsTheNewest: the runs in their order, a bounded number of them.
func TestRanKeepsTheNewest(t *testing.T) {
	var l ranLog
	for n := range 50 {
		l.add(ran{ops: uint32(n), kind: byChange})
		list := l.newest()
		if len(list) != min(n+1, maxRan) {
			t.Fatalf("%d runs after %d", len(list), n+1)
		}
		for i, run := range list {
			if run.Ops != n-i {
				t.Fatalf("after %d runs number %d has %d", n+1, i, run.Ops)
			}
		}
	}
}

// TestOrderThatIsNotTotal is told once for each view, not for each observer
// and each run.
func TestOrderThatIsNotTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		r := newRig(t, Config{Logger: slog.New(slog.NewTextHandler(&said, nil))})
		r.handle("/by", markedID, func(w http.ResponseWriter, q *http.Request) {
			readset.From(q.Context()).Add(&readset.Statement{
				Text:   "SELECT id, name FROM item ORDER BY name",
				Reads:  []readset.Read{{Table: "item", Columns: []string{"id", "name"}}},
				Schema: itemSchema,
			}, nil)
			_, _ = w.Write([]byte(`[]`))
		})
		r.observe("/by?a=1")
		r.observe("/by?a=2")
		r.put(1)
		pass(time.Second)
		if n := strings.Count(said.String(), "order of a view is not total"); n != 1 || !strings.Contains(said.String(), "end ORDER BY with id") {
			t.Errorf("it is said %d times: %s", n, said.String())
		}
		if e := r.explain(explain.Question{Observer: "o:/by?a=1"}); len(e.Notes) != 1 || !strings.Contains(e.Notes[0], "equal in name") {
			t.Errorf("notes %v", e.Notes)
		}
	})
}
