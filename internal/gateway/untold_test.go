package gateway

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/wire"
)

// stray has a user be in another club after each question to the worker.
func (h *house) stray(k *clubs, user string) {
	h.worker.mu.Lock()
	defer h.worker.mu.Unlock()
	n := 0
	h.worker.refuses = func(*bus.Request) bool {
		n++
		k.move(user, fmt.Sprint("club", n))
		return false
	}
}

// awaitLists waits until a session follows that many.
func (h *house) awaitLists(session string, want int) {
	h.t.Helper()
	s := h.gw.session(session)
	follows := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.subs.len()
	}
	for deadline := time.Now().Add(waitMost); follows() != want; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("%s follows %d lists, want %d", session, follows(), want)
		}
	}
}

// answers reads all that is said of lists before the pong, as type and code.
func answers(c *client) (got []string) {
	c.t.Helper()
	for {
		f := c.next()
		switch f.Type {
		case "pong":
			return got
		case "subscribed", "snapshot", "changes":
			got = append(got, f.Type)
		case "closed":
			got = append(got, f.Type+" "+f.Code)
		}
	}
}

// TestResumeOfAnUntoldEnd: a list has ended and its client has not been told
// when it resumes it. It is answered once, with how the list is now.
func TestResumeOfAnUntoldEnd(t *testing.T) {
	followed := []string{"subscribed", "snapshot"}
	for name, tt := range map[string]struct {
		then func(h *house, k *clubs) // after the end
		want []string
	}{
		"other rows":             {func(*house, *clubs) {}, followed},
		"the same rows again":    {func(_ *house, k *clubs) { k.move("bob", "red") }, []string{"subscribed"}},
		"no rights":              {func(_ *house, k *clubs) { k.move("bob", "") }, []string{"closed permission_revoked"}},
		"rights that never rest": {func(h *house, k *clubs) { h.stray(k, "bob") }, []string{"closed scope_changed"}},
		"no room": {func(h *house, _ *clubs) {
			h.worker.mu.Lock()
			defer h.worker.mu.Unlock()
			h.worker.answers["/a blue"] = &bus.Observed{Problem: wire.NewProblem(422, wire.CodeResultTooLarge, "too much")}
		}, []string{"closed result_too_large"}},
	} {
		t.Run(name, func(t *testing.T) {
			h, k := newClubHouse(t, Config{})
			h.observe("/a", "s1", ann) // the list goes on
			e := h.observe("/a", "s2", bob)
			k.move("bob", "blue")
			h.worker.doubt()
			h.awaitLists("s2", 0)
			tt.then(h, k)
			c := h.dial("s2", version2, bob)
			c.expect("hello")
			c.say(`{"type":"resume","id":1,"observers":{%q:{"epoch":%q,"seq":0,"url":"/a"}}}`, e.Observer, e.Epoch)
			var got []string
			for f := c.next(); ; f = c.next() {
				if f.Type == "closed" {
					got = append(got, f.Type+" "+f.Code)
				} else if f.Type != "progress" {
					got = append(got, f.Type)
				}
				if len(got) >= len(tt.want) {
					break
				}
			}
			c.say(`{"type":"ping","id":1}`)
			if got = append(got, answers(c)...); !slices.Equal(got, tt.want) {
				t.Errorf("told %q, want %q", got, tt.want)
			}
		})
	}
}

// TestResumeOfAnUntoldEndThatOthersFollow: the observer has ended, and another
// session has begun it again.
func TestResumeOfAnUntoldEndThatOthersFollow(t *testing.T) {
	for _, again := range []bool{false, true} {
		h := newHouse(t, Config{}, nil)
		h.worker.lists["/a"] = items("1:x")
		e := h.observe("/a", "s1")
		h.worker.close("/a", wire.CodeTooSlow)
		h.awaitEvent(event.ObserverEnded)
		h.observe("/a", "s2")
		if again {
			h.observe("/a", "s1")
		}
		c := h.dial("s1", version2)
		c.expect("hello")
		c.say(`{"type":"resume","id":1,"observers":{%q:{"epoch":%q,"seq":0,"url":"/a"}}}`, e.Observer, e.Epoch)
		c.say(`{"type":"ping","id":1}`)
		if got := answers(c); !slices.Equal(got, []string{"subscribed", "snapshot"}) {
			t.Errorf("told %q", got)
		}
		h.worker.set(map[string][]diff.Item{"/a": items("2:y")})
		if f, _ := c.until("changes"); f.Seq != 1 {
			t.Errorf("%s", f.raw)
		}
	}
}

// TestUntoldEndThatIsNotResumed is told: its GET may still be under way.
func TestUntoldEndThatIsNotResumed(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	e := h.observe("/a", "s1")
	h.worker.close("/a", wire.CodeTooSlow)
	h.awaitEvent(event.ObserverEnded)
	c := h.begin("s1")
	if f := c.expect("closed")[0]; f.Observer != e.Observer || f.Code != string(wire.CodeTooSlow) {
		t.Errorf("%s", f.raw)
	}
}

// TestUntoldEndOfAFormerSocket: the next socket's client is told of the end, and
// not that what the former had asked for is answered.
func TestUntoldEndOfAFormerSocket(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	one := h.begin("s1")
	one.barrier()
	write := h.holdWriter("s1")
	defer write()
	one.say(`{"type":"subscribe","id":"old","url":"/a"}`)
	h.awaitLists("s1", 1)
	h.worker.close("/a", wire.CodeTooSlow)
	h.awaitEvent(event.ObserverEnded)
	two := h.begin("s1")
	two.say(`{"type":"ping","id":1}`)
	if got := answers(two); !slices.Equal(got, []string{"closed too_slow"}) {
		t.Errorf("told %q", got)
	}
}
