package gateway

import (
	"fmt"
	"slices"
	"testing"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

// socketOf returns the socket of a session.
func (h *house) socketOf(session string) *socket {
	h.t.Helper()
	s := h.gw.session(session)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.socket
}

// TestReplacedSocketIsNotHeeded: what a socket says that another has taken over
// from is nothing to its session, also where it was read before the close frame
// is out.
func TestReplacedSocketIsNotHeeded(t *testing.T) {
	for name, said := range map[string]string{
		"unsubscribe":          `{"type":"unsubscribe","observer":%q}`,
		"resume":               `{"type":"resume","id":9,"observers":{%q:{"epoch":"another","seq":0,"url":"/a"}}}`,
		"resume of others":     `{"type":"resume","id":9,"observers":{"%.3s":{"epoch":"another","seq":0,"url":"/b"}}}`,
		"subscribe":            `{"type":"subscribe","id":"%.3s","url":"/b"}`,
		"authenticate":         `{"type":"authenticate","token":"%.3s"}`,
		"what cannot be heard": `{"type":"%.3s`,
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, Config{}, nil)
			h.worker.deaf["/b"] = true // what is asked stays asked
			one := h.begin("s1")
			one.barrier()
			old := h.socketOf("s1")
			e := h.observe("/a", "s1")
			two := h.dial("s1", version2)
			two.expect("hello")
			two.say(`{"type":"resume","id":1,"observers":{%q:{"epoch":%q,"seq":0,"url":"/a"}}}`, e.Observer, e.Epoch)
			two.expect("subscribed")
			two.barrier()
			// As by a reader that had it from the connection before the takeover.
			if err := old.message(fmt.Appendf(nil, said, e.Observer)); err != nil {
				t.Errorf("%v, want nothing", err)
			}
			old.mu.Lock()
			if old.pending.running != 0 {
				t.Error("something is asked for the old socket")
			}
			old.mu.Unlock()
			h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
			if f := two.expect("changes")[0]; f.Seq != 1 {
				t.Errorf("the new socket was sent %s", f.raw)
			}
			if who := old.peer.header["Authorization"]; who != nil {
				t.Errorf("the old socket asks as %q", who)
			}
			one.expectClose(wire.CloseReplaced)
		})
	}
}

// TestAnsweredAfterTheTakeover: what was asked over a socket before another took
// over is answered to nobody: it neither begins a list nor moves one.
func TestAnsweredAfterTheTakeover(t *testing.T) {
	for name, said := range map[string]string{
		"subscribe": `{"type":"subscribe","id":9,"url":"/b"}`,
		"resume":    `{"type":"resume","id":9,"observers":{"gone":{"epoch":"e","seq":4,"url":"/b"}}}`,
	} {
		questions := map[string]int{"subscribe": 1, "resume": 2}[name]
		for _, followed := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", followed meanwhile: ", followed), func(t *testing.T) {
				h := newHouse(t, Config{}, nil)
				one := h.begin("s1")
				one.barrier()
				h.worker.mu.Lock()
				h.worker.deaf["/b"] = true
				h.worker.mu.Unlock()
				one.say("%s", said)
				h.worker.await("the question", func() bool { return len(h.worker.asked) == questions })
				two := h.begin("s1")
				one.expectClose(wire.CloseReplaced)
				h.worker.mu.Lock()
				h.worker.deaf["/b"] = false
				late := slices.Clone(h.worker.asked)
				h.worker.mu.Unlock()
				lists := 0
				if followed {
					two.say(`{"type":"subscribe","id":1,"url":"/b"}`)
					two.until("snapshot")
					lists = 1
				}
				h.worker.mu.Lock()
				for _, m := range late {
					h.worker.send(h.worker.answer(m, "/b"))
				}
				h.worker.mu.Unlock()
				h.awaitProgress(h.worker.set(map[string][]diff.Item{"/a": items("1:x")}))
				for _, f := range two.barrier() {
					if f.Type != "progress" {
						t.Errorf("the new socket was sent %s", f.raw)
					}
				}
				s := h.gw.session("s1")
				s.mu.Lock()
				defer s.mu.Unlock()
				if n := s.subs.len(); n != lists {
					t.Errorf("the session follows %d lists, want %d", n, lists)
				}
			})
		}
	}
}
