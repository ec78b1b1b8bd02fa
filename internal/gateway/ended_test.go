package gateway

import (
	"testing"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/wire"
)

var endings = []wire.Code{wire.CodePermissionRevoked, wire.CodeScopeChanged, wire.CodeViewError}

// TestEndedListObservedAgain: a list has ended, and is observed again in the
// same session, with the same observer. Whatever a version 1 client holds of it
// or has kept of the messages, it is right.
func TestEndedListObservedAgain(t *testing.T) {
	for _, code := range endings {
		for name, again := range map[string]func(*dropper, string, func()){
			// The messages that say so come when the client has forgotten the list:
			// it keeps them, and applies them to the next.
			"dropped while it ends": func(d *dropper, observer string, end func()) {
				d.drop(observer, func() {
					end()
					d.hear("closed")
				})
				d.get()
			},
			// The client holds it still, and takes no answer of a GET.
			"held": func(d *dropper, _ string, end func()) {
				end()
				d.hear("closed")
				d.h.observe("/a", "s1")
			},
			// Nobody can tell the client before it asks again.
			"asked before it is told": func(d *dropper, _ string, end func()) {
				d.h.cut(d.client)
				end()
				d.h.observe("/a", "s1")
				d.client = d.h.dial("s1", version1)
			},
			// What it was told is lost.
			"told in vain": func(d *dropper, _ string, end func()) {
				d.mute = true
				end()
				d.until("closed")
				d.h.observe("/a", "s1")
				d.h.cut(d.client)
				d.client = d.h.dial("s1", version1)
			},
		} {
			t.Run(string(code)+"/"+name, func(t *testing.T) {
				h := newHouse(t, Config{}, nil)
				h.worker.lists["/a"] = items("1:x", "2:y", "3:z")
				d := &dropper{client: h.dial("s1", version1), h: h}
				e := d.get()
				h.worker.set(map[string][]diff.Item{"/a": items("1:x", "2:y", "4:w")})
				d.hear("added")
				again(d, e.Observer, func() {
					h.worker.close("/a", code)
					h.awaitEvent(event.ObserverEnded)
					h.worker.mu.Lock()
					defer h.worker.mu.Unlock()
					h.worker.lists["/a"] = items("4:w", "2:new")
				})
				want := items("4:w", "5:v", "2:newer")
				h.worker.set(map[string][]diff.Item{"/a": want})
				d.follow(d.list, want)
			})
		}
	}
}

// hear takes messages up to the first of that kind.
func (d *dropper) hear(kind string) {
	d.h.t.Helper()
	f, before := d.until(kind)
	for _, f := range append(before, f) {
		d.take([]byte(f.raw))
	}
}

// TestUnsubscribeEndsWhatHasEnded: a client observes a list again that it was
// not told the end of, and drops it: it hears no more of either.
func TestUnsubscribeEndsWhatHasEnded(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x")
	e := h.observe("/a", "s1")
	h.worker.close("/a", wire.CodePermissionRevoked)
	h.awaitEvent(event.ObserverEnded)
	h.observe("/a", "s1")
	h.do("POST", "/api/queryobserver/unsubscribe?observer="+e.Observer+"&subscriber=s1")
	c := h.dial("s1", version1)
	h.observe("/b", "s1")
	h.worker.set(map[string][]diff.Item{"/b": items("1:b")})
	if f := c.next(); f.Observer == e.Observer {
		t.Errorf("after the answer of the unsubscribe came %s", f.raw)
	}
}
