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

// TestProgressWaitsForListsThatFollow: who follows a list that will be there in a
// moment is told how far all are when it is, also without a diff of it; who does
// not is told at once.
func TestProgressWaitsForListsThatFollow(t *testing.T) { // W6
	h := newHouse(t, Config{Heartbeat: time.Hour}, nil)
	both, one := h.begin("s1"), h.begin("s2")
	h.observe("/a", "s1")
	h.observe("/a", "s2")
	b := h.observe("/b", "s1")
	steps := h.worker.step(h.worker.observers[h.observe("/a", "s2").Observer], items("1:x"))
	at := steps[0].Position
	h.worker.send(&bus.Round{
		Changes: steps, Soon: []string{b.Observer},
		Progress: &wire.Progress{Position: at, Whole: true, Behind: []string{b.Observer}},
	})
	f := one.next()
	for f.Type != "progress" || f.Position != string(at) {
		f = one.next()
	}
	if !f.Whole || len(f.Behind) > 0 {
		t.Errorf("%s, want whole: this session has one list", f.raw)
	}
	f = both.next()
	for f.Type != "changes" {
		f = both.next()
	}
	h.worker.send(&bus.Round{Progress: &wire.Progress{Position: at, Whole: true}})
	if f = both.next(); f.Type != "progress" || f.Position != string(at) || !f.Whole || len(f.Behind) > 0 {
		t.Errorf("%s, want a whole progress with nothing behind", f.raw)
	}
}

// TestProgressWaitsNoLongerThanAMoment: a session whose lists never are at one
// state is told so, and what is behind.
func TestProgressWaitsNoLongerThanAMoment(t *testing.T) { // W6
	h := newHouse(t, Config{Heartbeat: time.Hour}, nil)
	c := h.begin("s1")
	a, b := h.observe("/a", "s1"), h.observe("/b", "s1")
	steps := h.worker.step(h.worker.observers[a.Observer], items("1:x"))
	lag := &bus.Round{
		Soon:     []string{b.Observer},
		Progress: &wire.Progress{Position: steps[0].Position, Whole: true, Behind: []string{b.Observer}},
	}
	h.worker.send(&bus.Round{Changes: steps, Soon: lag.Soon, Progress: lag.Progress})
	told := make(chan frame, 1)
	go func() {
		f := c.next()
		for f.Type != "progress" || len(f.Behind) == 0 {
			f = c.next()
		}
		told <- f
	}()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case f := <-told:
			if len(f.Behind) != 1 || f.Behind[0] != b.Observer {
				t.Errorf("%s, want the list behind", f.raw)
			}
			return
		case <-again.C:
			h.worker.send(lag)
		}
	}
}
