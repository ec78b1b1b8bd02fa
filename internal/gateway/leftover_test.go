package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/diff"
)

// dropper is a version 1 client that drops lists as the published ones do:
// what comes for a list before it has it is kept, and applied to it.
type dropper struct {
	*client
	h    *house
	kept []frame
	list *model // nil between unsubscribe and the next GET
}

func (d *dropper) take(raw []byte) {
	d.h.t.Helper()
	var f frame
	if err := json.Unmarshal(raw, &f); err != nil {
		d.h.t.Fatal(err)
	}
	if d.list == nil {
		d.kept = append(d.kept, f)
	} else {
		d.list.apply(f)
	}
}

// drop forgets the list, lets something happen, and then says so to the server.
func (d *dropper) drop(observer string, meanwhile func()) {
	d.h.t.Helper()
	d.list = nil
	meanwhile()
	answered := make(chan error, 1)
	go func() {
		resp, err := http.Post(d.h.server.URL+"/api/queryobserver/unsubscribe?observer="+observer+"&subscriber=s1", "", nil)
		if err == nil {
			err = resp.Body.Close()
		}
		answered <- err
	}()
	for {
		raw, err := d.readFrame(5 * time.Millisecond)
		switch {
		case err == nil:
			d.take(raw)
			continue
		case !errors.Is(err, os.ErrDeadlineExceeded):
			d.h.t.Fatal(err)
		}
		select {
		case err := <-answered:
			if err != nil {
				d.h.t.Fatal(err)
			}
			return
		default:
		}
	}
}

// get observes and applies what was kept.
func (d *dropper) get() envelope {
	d.h.t.Helper()
	e := d.h.observe("/a", "s1")
	d.list = modelOf(e.Items)
	for _, f := range d.kept {
		d.list.apply(f)
	}
	d.kept = nil
	return e
}

// TestDroppedListObservedAgain: whatever a client has kept of a list that it
// dropped, the list is right when it observes it again.
func TestDroppedListObservedAgain(t *testing.T) {
	for name, limits := range map[string]Limits{"log reaches back": {}, "short log": {LogDiffs: 2}} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, Config{Limits: limits}, nil)
			random := rand.New(rand.NewPCG(1, 2))
			list := func() []diff.Item {
				var texts []string
				for _, key := range random.Perm(8)[:random.IntN(8)] {
					texts = append(texts, fmt.Sprintf("%d:%d", key, random.IntN(3)))
				}
				return items(texts...)
			}
			var newest []diff.Item
			change := func() {
				for range random.IntN(4) {
					newest = list()
					h.worker.set(map[string][]diff.Item{"/a": newest})
				}
			}
			d := &dropper{client: h.dial("s1", version1), h: h}
			for range 60 {
				e := d.get()
				change()
				d.follow(d.list, newest)
				if random.IntN(4) == 0 {
					h.cut(d.client)
					change()
					d.client = h.dial("s1", version1)
					d.follow(d.list, newest)
				}
				d.drop(e.Observer, change)
				change()
			}
		})
	}
}

// TestDormantListDropped: a client that was away drops a list before it is
// followed again.
func TestDormantListDropped(t *testing.T) {
	h := newHouse(t, Config{SessionTTL: 20 * time.Millisecond, Linger: 20 * time.Millisecond}, nil)
	h.worker.lists["/a"] = items("1:x", "2:y")
	c := h.dial("s1", version1)
	e := h.observe("/a", "s1")
	h.cut(c)
	h.worker.await("the observer being left", func() bool { return slices.Contains(h.worker.left, e.Observer) })
	asked := h.worker.asks()
	if resp, body := h.do("POST", "/api/queryobserver/unsubscribe?observer="+e.Observer+"&subscriber=s1"); resp.StatusCode != 200 {
		t.Fatalf("unsubscribe: %d %s", resp.StatusCode, body)
	}
	d := &dropper{client: h.dial("s1", version1), h: h}
	if got := h.worker.asks(); got != asked {
		t.Errorf("the list was observed again though it was dropped")
	}
	want := items("2:z", "3:w")
	h.worker.set(map[string][]diff.Item{"/a": want})
	d.list = modelOf(h.observe("/a", "s1").Items)
	d.list.apply(frame{Msg: "added", Item: json.RawMessage(`{"id":1,"v":"kept"}`)}) // of long ago
	d.follow(d.list, want)
}
