package gateway

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/internal/memory"
	"github.com/wakeful-dev/wakeful/internal/observer"
	"github.com/wakeful-dev/wakeful/wire"
)

// longList is one observer at the worker and its feed at the gateway, with one
// account of memory, and a list that is stepped row by row.
type longList struct {
	t        testing.TB
	gateway  *Gateway
	feed     *feed
	observer *observer.Observer
	list     *observer.List
	remote   bool // what is sent crosses to another process
	steps    int
}

func newLongList(t testing.TB, rows int, remote bool) *longList {
	h := newHouse(t, Config{Limits: Limits{Sessions: -1}, Memory: memory.New(1 << 30)}, nil)
	h.worker.lists["/a"] = items("1:x")
	e := h.observe("/a", "s1")
	l := &longList{t: t, gateway: h.gw, feed: h.gw.feed(e.Observer), remote: remote, list: &observer.List{KeyType: wire.KeyInteger}}
	many := make([]diff.Item, rows)
	for i := range many {
		many[i] = l.item(i, 0)
	}
	l.list.Items = diff.NewList(many)
	l.observer = observer.New(e.Observer, "", nil, 100, 1<<20, h.gw.Memory)
	l.observer.Begin(&mark.View{Name: "a", Key: []string{"id"}}, l.list, "")
	l.feed.restate(l.sent(&bus.Observed{Snapshot: l.observer.Snapshot("")}).(*bus.Observed).Snapshot, l.gateway.newWakes())
	return l
}

func (l *longList) item(key, value int) diff.Item {
	return diff.Item{Key: strconv.Itoa(key), Data: fmt.Appendf(nil, `{"id":%d,"title":"A ticket of ordinary length","score":%d}`, key, value)}
}

func (l *longList) sent(body bus.Body) bus.Body {
	if !l.remote {
		return body
	}
	text, err := bus.Encode(bus.Message{Body: body})
	if err != nil {
		l.t.Fatal(err)
	}
	m, err := bus.Decode(text)
	if err != nil {
		l.t.Fatal(err)
	}
	return m.Body
}

// op is one of the four things that can happen to a row, in turn: its data
// change, it moves, it leaves, it comes back.
func (l *longList) op() (diff.Op, *diff.List) {
	items := l.list.Items
	l.steps++
	at, to := l.steps*7919%items.Len(), l.steps*104729%(items.Len()-1)
	old := items.At(at)
	key, _ := strconv.Atoi(old.Key)
	item := l.item(key, l.steps)
	switch l.steps % 4 {
	case 0:
		return diff.Op{Kind: diff.Changed, Key: old.Key, At: at, Data: item.Data, Old: old.Data}, items.Replace(at, item)
	case 1:
		return diff.Op{Kind: diff.Changed, Key: old.Key, At: to, Moved: at != to, From: at + 1, Data: item.Data, Old: old.Data}, items.Move(at, to, item)
	case 2:
		return diff.Op{Kind: diff.Removed, Key: old.Key, At: at, Old: old.Data}, items.Remove(at)
	}
	item = l.item(1e9+l.steps, 0)
	return diff.Op{Kind: diff.Added, Key: item.Key, At: to, Data: item.Data}, items.Insert(to, item)
}

// step takes one change from the worker to the frames of both versions.
func (l *longList) step() {
	op, after := l.op()
	l.list = l.list.Next(after, nil)
	changes := l.observer.Advance(l.list, []diff.Op{op}, change.Position(fmt.Sprintf("p%016d", l.steps)))
	l.gateway.applyRound(l.sent(&bus.Round{Changes: []*wire.Changes{changes}}).(*bus.Round))
	st := l.feed.state.Load()
	if st.Seq != l.observer.Seq {
		l.t.Fatalf("the gateway is at %d, the worker at %d", st.Seq, l.observer.Seq)
	}
	b := st.tail.body.Load()
	if v1, _ := b.framesV1(); len(v1) == 0 || len(v1) > 512 || len(b.frameV2(0)) > 512 {
		l.t.Fatalf("frames of %d and %d bytes", len(v1), len(b.frameV2(0)))
	}
}

func (l *longList) check() {
	want, got := l.observer.List().Items, l.feed.state.Load().Items
	if text(want.Slice()) != text(got.Slice()) {
		l.t.Fatal("the gateway's list is not the worker's")
	}
}

var places = []struct {
	name   string
	remote bool
}{{"one process", false}, {"two processes", true}}

// TestLongList: a change of one row of a long list allocates what one of a
// short list does, from the worker's next list to the frames, and both hold the
// same list afterwards.
func TestLongList(t *testing.T) {
	for _, place := range places {
		t.Run(place.name, func(t *testing.T) {
			l := newLongList(t, 100_000, place.remote)
			l.step() // the list is made to be edited
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			const steps = 400
			for range steps {
				l.step()
			}
			runtime.ReadMemStats(&after)
			l.check()
			each := (after.TotalAlloc - before.TotalAlloc) / steps
			t.Logf("%d bytes for one change", each)
			if each > 64<<10 {
				t.Errorf("one change of a list of 100,000 rows allocates %d bytes", each)
			}
		})
	}
}

// BenchmarkLongList is one change of a short and of a long list, from the
// worker's next list to the frames.
func BenchmarkLongList(b *testing.B) {
	for _, place := range places {
		for _, rows := range []int{100, 100_000} {
			b.Run(fmt.Sprintf("%s, %d rows", place.name, rows), func(b *testing.B) {
				l := newLongList(b, rows, place.remote)
				l.step()
				b.ReportAllocs()
				for b.Loop() {
					l.step()
				}
			})
		}
	}
}
