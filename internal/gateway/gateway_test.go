package gateway

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/wakeful-dev/wakeful/diff"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestVersion1EndToEnd(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x", "2:y")
	c := h.dial("s1", version1)
	e := h.observe("/a", "s1")
	list := modelOf(e.Items)
	h.worker.set(map[string][]diff.Item{"/a": items("2:y", "3:z", "1:w")})
	c.follow(list, items("2:y", "3:z", "1:w"))
}

func TestVersion2EndToEnd(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x", "2:y")
	c := h.dial("s1", version2)
	c.expect("hello")
	c.say(`{"type":"resume","id":1,"observers":{}}`)
	c.say(`{"type":"subscribe","id":2,"url":"/a"}`)
	got := c.expect("subscribed", "snapshot")
	if got[1].Reason != "subscribe" || got[1].Seq != 0 {
		t.Errorf("snapshot: %s", got[1].raw)
	}
	position := h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	got = c.expect("changes", "progress")
	if got[0].Seq != 1 || got[1].Position != string(position) || !got[1].Whole {
		t.Errorf("got %s, %s", got[0].raw, got[1].raw)
	}
	c.say(`{"type":"unsubscribe","observer":%q}`, got[0].Observer)
	c.barrier()
	h.worker.set(map[string][]diff.Item{"/a": items("1:x", "5:y")})
	c.say(`{"type":"ping","id":"x"}`)
	if _, frames := c.until("pong"); len(frames) > 1 || len(frames) == 1 && frames[0].Type != "progress" {
		t.Errorf("after unsubscribe: %v", frames)
	}
}
