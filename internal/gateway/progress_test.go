package gateway

import (
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/wire"
)

// TestProgressDoesNotSpeakForNewLists: the worker's last progress did not know
// that anybody here follows a list that is older than it.
func TestProgressDoesNotSpeakForNewLists(t *testing.T) {
	h := newHouse(t, Config{Heartbeat: 30 * time.Millisecond}, nil)
	c := h.begin("s1")
	at := change.NewPosition("testtest", 5)
	h.observe("/b", "s1")
	h.worker.send(&bus.Round{Progress: &wire.Progress{Position: at, Whole: true}})
	h.awaitProgress(at)
	e := h.observe("/a", "s1") // right at position 0
	f := c.next()
	for len(f.Behind) == 0 {
		f = c.next()
	}
	if f.Position != string(at) || len(f.Behind) != 1 || f.Behind[0] != e.Observer {
		t.Errorf("%s, want the new list behind", f.raw)
	}
	h.worker.send(&bus.Round{Progress: &wire.Progress{Position: at, Whole: true}})
	for len(f.Behind) > 0 {
		f = c.next()
	}
	if f.Position != string(at) || !f.Whole {
		t.Errorf("%s, want whole: the worker spoke for all", f.raw)
	}
}
