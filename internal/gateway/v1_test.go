package gateway

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/wire"
)

func TestSocketAfterTheFirstGet(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x")
	list := modelOf(h.observe("/a", "s1").Items)
	want := items("2:y", "1:z")
	h.worker.set(map[string][]diff.Item{"/a": want}) // L12: before the socket is open
	h.dial("s1", version1).follow(list, want)
}

func TestMessagesOfVersion1(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x", "2:y")
	c := h.dial("s1", version1)
	id := h.observe("/a", "s1").Observer
	h.worker.set(map[string][]diff.Item{"/a": items("2:z", "3:w")})
	want := []string{
		`{"msg":"removed","observer":"` + id + `","primary_key":"id","order":0,"item":{"id":1}}`,
		`{"msg":"changed","observer":"` + id + `","primary_key":"id","order":0,"item":{"id":2,"v":"z"}}`,
		`{"msg":"added","observer":"` + id + `","primary_key":"id","order":1,"item":{"id":3,"v":"w"}}`,
	}
	for i, f := range c.expect("removed", "changed", "added") {
		if f.raw != want[i] {
			t.Errorf("message %d\n got %s\nwant %s", i, f.raw, want[i])
		}
	}
}

// cut breaks the client's connection and waits until the server knows.
func (h *house) cut(c *client) {
	h.t.Helper()
	_ = c.conn.Close()
	h.awaitEvent(event.SocketClosed)
}

// TestMakeGood: what no pong proved is said again after a reconnect: first one
// removed for each key, then one added for each that is there.
func TestMakeGood(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x", "2:y", "3:z")
	c := h.dial("s1", version1)
	c.mute = true
	e := h.observe("/a", "s1")
	list := modelOf(e.Items)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x", "2:new", "3:z", "4:w")})
	c.expect("changed", "added") // arrives, but nothing proves it
	h.cut(c)
	want := items("4:w", "1:x", "2:newer", "5:v")
	h.worker.set(map[string][]diff.Item{"/a": want})
	h.awaitState(e.Observer, 2)
	c = h.dial("s1", version1)
	removed, added := 0, 0
	for list.String() != text(want) || added < 3 {
		f := c.next()
		switch f.Msg {
		case "removed":
			removed++
			if added > 0 {
				t.Errorf("removed after added: %s", f.raw)
			}
		case "added":
			added++
		default:
			t.Errorf("a make-good says %s", f.raw)
		}
		list.apply(f)
	}
	if removed < added {
		t.Errorf("%d removed, %d added: each added needs a removed before it", removed, added)
	}
}

// TestProofEndsTheMakeGood: nothing is repeated that a pong proved.
func TestProofEndsTheMakeGood(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	c := h.dial("s1", version1)
	e := h.observe("/a", "s1")
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	c.expect("added")
	h.prove(c, e.Observer)
	h.cut(c)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x", "2:y")})
	c = h.dial("s1", version1)
	if f := c.next(); f.Msg != "added" || keyOf(f.Item) != "2" {
		t.Errorf("after a proof the first message is %s, want item 2 added", f.raw)
	}
}

// prove reads until the ping that covers all messages is answered and the
// server has taken the answer.
func (h *house) prove(c *client, observer string) {
	h.t.Helper()
	s := h.gw.session("s1")
	for {
		s.mu.Lock()
		proven := s.proven >= s.sent
		sub := s.subs.of(observer)
		named := sub != nil && len(sub.named) > 0
		s.mu.Unlock()
		if proven && !named {
			return
		}
		_, _ = c.readFrame(50 * time.Millisecond) // the pings on the way
	}
}

func TestPingNamesTheLastMessage(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	c := h.dial("s1", version1)
	e := h.observe("/a", "s1")
	h.worker.set(map[string][]diff.Item{"/a": items("1:x", "2:y", "3:z")})
	c.expect("added", "added", "added")
	h.prove(c, e.Observer)
	if !slices.ContainsFunc(c.pings, func(p []byte) bool { return string(p) == "3" }) {
		t.Errorf("pings %q, want one that says 3", c.pings)
	}
}

// TestForgedPong: a pong that was not asked for proves nothing.
func TestForgedPong(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	c := h.dial("s1", version1)
	c.mute = true
	e := h.observe("/a", "s1")
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	c.expect("added")
	c.write(ws.OpPong, []byte("18446744073709551615"))
	c.write(ws.OpPong, []byte("99"))
	c.write(ws.OpPong, []byte("-1"))
	c.write(ws.OpPong, nil)
	c.write(ws.OpPing, []byte("through"))
	s := h.gw.session("s1")
	h.awaitControl(c, ws.OpPong)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proven != 0 || len(s.subs.of(e.Observer).named) == 0 {
		t.Errorf("forged pongs proved %d", s.proven)
	}
}

// awaitControl reads up to a control frame.
func (h *house) awaitControl(c *client, op ws.OpCode) {
	h.t.Helper()
	for {
		select {
		case f, ok := <-c.frames:
			if !ok || f.Header.OpCode == op {
				return
			}
		case <-time.After(waitMost):
			h.t.Fatalf("no control frame %d", op)
		}
	}
}

// TestFurtherGet: the stream goes on, and the whole list is said anew.
func TestFurtherGet(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x", "2:y")
	c := h.dial("s1", version1)
	list := modelOf(h.observe("/a", "s1").Items)
	h.observe("/a", "s1")
	for _, f := range c.expect("removed", "removed", "added", "added") {
		list.apply(f)
	}
	want := items("1:x", "2:y", "3:z")
	h.worker.set(map[string][]diff.Item{"/a": want})
	c.follow(list, want)
}

func TestClosedOnVersion1(t *testing.T) {
	for _, code := range []wire.Code{wire.CodePermissionRevoked, wire.CodeViewError} {
		h := newHouse(t, Config{}, nil)
		h.worker.lists["/a"] = items("1:x", "2:y")
		c := h.dial("s1", version1)
		e := h.observe("/a", "s1")
		h.worker.close("/a", code)
		want := []string{"closed"}
		if code == wire.CodePermissionRevoked {
			want = []string{"removed", "removed", "closed"}
		}
		got := c.expect(want...)
		if last := got[len(got)-1]; last.Code != string(code) || last.Observer != e.Observer {
			t.Errorf("%s: %s", code, last.raw)
		}
	}
}

// TestClosedIsToldAgain: an end that no pong proved is told after a reconnect.
func TestClosedIsToldAgain(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x")
	c := h.dial("s1", version1)
	c.mute = true
	h.observe("/a", "s1")
	h.worker.close("/a", wire.CodePermissionRevoked)
	c.expect("removed", "closed")
	h.cut(c)
	h.dial("s1", version1).expect("removed", "closed")
}

// TestUnsubscribeWaitsForTheProof: the answer comes when the client surely has
// all that was sent, and nothing comes after it.
func TestUnsubscribeWaitsForTheProof(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	c := h.dial("s1", version1)
	e := h.observe("/a", "s1")
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	answered := make(chan int, 1)
	sub := h.gw.session("s1").find(e.Observer)
	h.awaitSent(sub)
	go func() {
		resp, _ := h.do("POST", "/api/queryobserver/unsubscribe?subscriber=s1&observer="+e.Observer)
		answered <- resp.StatusCode
	}()
	h.awaitNoSub(e.Observer)
	select {
	case <-answered:
		t.Error("answered before the client has proved anything")
	default:
	}
	c.expect("added")
	go func() { _, _ = c.readFrame(waitMost) }() // answers the ping
	if status := <-answered; status != 200 {
		t.Errorf("status %d", status)
	}
	_ = c.conn.Close()
}

// awaitSent waits until something was sent for a subscription.
func (h *house) awaitSent(sub *sub) {
	for {
		sub.session.mu.Lock()
		sent := sub.sent
		sub.session.mu.Unlock()
		if sent > 0 {
			return
		}
		<-time.After(time.Millisecond)
	}
}

func (h *house) awaitNoSub(observer string) {
	for h.gw.session("s1").find(observer) != nil {
		<-time.After(time.Millisecond)
	}
}

// TestUnsubscribeOfADeadClient closes the socket that proves nothing, and then
// answers.
func TestUnsubscribeOfADeadClient(t *testing.T) {
	h := newHouse(t, Config{StartWait: 50 * time.Millisecond}, nil)
	c := h.dial("s1", version1)
	c.mute = true
	e := h.observe("/a", "s1")
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	h.awaitSent(h.gw.session("s1").find(e.Observer))
	resp, _ := h.do("POST", "/api/queryobserver/unsubscribe?subscriber=s1&observer="+e.Observer)
	if resp.StatusCode != 200 {
		t.Errorf("status %d", resp.StatusCode)
	}
	c.expectClose(wire.CloseTooSlow)
}

func TestNewerSocketTakesOver(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x")
	older := h.dial("s1", version1)
	list := modelOf(h.observe("/a", "s1").Items)
	newer := h.dial("s1", version1)
	older.expectClose(wire.CloseReplaced)
	want := items("2:y")
	h.worker.set(map[string][]diff.Item{"/a": want})
	newer.follow(list, want) // L4: the end of the older one harms nobody
}

// TestTwoClientsOfOneSession: each takes over from the other, until both are
// told to go.
func TestTwoClientsOfOneSession(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.observe("/a", "s1")
	last := h.dial("s1", version1)
	for range maxTakeovers {
		next := h.dial("s1", version1)
		last.expectClose(wire.CloseReplaced)
		last.write(ws.OpClose, []byte{0x11, 0x39}) // 4409, as browsers answer it
		h.awaitEvent(event.SocketClosed)
		last = next
	}
	last.expectClose(wire.CloseReplaced)
	if _, err := h.tryDial("s1", version1); err == nil || err.Error() != "handshake answered 410" {
		t.Errorf("dialling again: %v, want 410", err)
	}
	h.observe("/a", "s1") // a new beginning
	h.dial("s1", version1)
}

// TestComingBackIsNoFight: a client whose connection broke may come back as
// often as it likes.
func TestComingBackIsNoFight(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.observe("/a", "s1")
	for range 3 * maxTakeovers {
		c := h.dial("s1", version1)
		_ = c.conn.Close()
	}
	h.dial("s1", version1)
}

// TestLowestProofCounts: two clients of one session id, one after the other;
// what the second proved does not count for the first.
func TestLowestProofCounts(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	one := h.dial("s1", version1)
	one.mute = true
	e := h.observe("/a", "s1")
	list := modelOf(e.Items)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	one.expect("added") // never applied: the first client loses it
	two := h.dial("s1", version1)
	two.expect("removed", "added")
	h.provenOn(two)
	want := items("1:x", "2:y")
	h.worker.set(map[string][]diff.Item{"/a": want})
	two.expect("added")
	_ = two.conn.Close()
	h.dial("s1", version1).follow(list, want)
}

// provenOn waits until a socket has proved all that was sent on it.
func (h *house) provenOn(c *client) {
	s := h.gw.session("s1")
	for {
		s.mu.Lock()
		proven := s.socket != nil && s.socket.proof.number == s.sent
		s.mu.Unlock()
		if proven {
			return
		}
		_, _ = c.readFrame(50 * time.Millisecond)
	}
}

// TestMakeGoodLaw is the promise of version 1 as a law: random diffs, random
// cuts at any byte, proofs that come or do not, the log too short for it all;
// a client that does what the published one does ends with the server's list.
func TestMakeGoodLaw(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for round := range rounds {
		rnd := rand.New(rand.NewPCG(seed, uint64(round)))
		t.Run(fmt.Sprintf("seed %d round %d", seed, round), func(t *testing.T) { makeGoodRound(t, rnd) })
	}
}

func makeGoodRound(t *testing.T, rnd *rand.Rand) {
	limits := Limits{LogDiffs: 1 + rnd.IntN(4), Undelivered: 300 + rnd.IntN(3000)}
	var b bus.Bus = bus.New()
	if rnd.IntN(2) == 0 {
		b = bus.Encoded(b)
	}
	h := newHouse(t, Config{Limits: limits, Bus: b}, nil)
	list := randomList(rnd, nil)
	h.worker.lists["/a"] = list
	c := h.dial("s1", version1)
	model := modelOf(h.observe("/a", "s1").Items)
	for range 30 {
		switch rnd.IntN(6) {
		default:
			list = randomList(rnd, list)
			h.worker.set(map[string][]diff.Item{"/a": list})
		case 0: // some messages arrive
			for range rnd.IntN(6) {
				raw, err := c.readFrame(2 * time.Millisecond)
				if err != nil {
					break
				}
				applyRaw(t, model, raw)
			}
		case 1: // the connection breaks; what was read is kept, what was on its way is lost
			_ = c.conn.Close()
			c = h.dial("s1", version1)
			c.mute = rnd.IntN(3) == 0
		case 2: // another GET, whose answer the client ignores
			if rnd.IntN(3) == 0 {
				h.observe("/a", "s1")
			}
		}
	}
	c.mute = false
	list = append(slices.Clone(list), diff.Item{Key: "999", Data: []byte(`{"id":999}`)})
	h.worker.set(map[string][]diff.Item{"/a": list})
	c.follow(model, list)
	// Nothing may come that undoes it: what is still on its way changes nothing.
	for {
		raw, err := c.readFrame(20 * time.Millisecond)
		if err != nil {
			break
		}
		applyRaw(t, model, raw)
	}
	if model.String() != text(list) {
		t.Errorf("client ended with %s\nwant %s", model, text(list))
	}
}

func applyRaw(t *testing.T, m *model, raw []byte) {
	t.Helper()
	var f frame
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	m.apply(f)
}

// randomList edits a list: some items go, some change, some move, some come.
func randomList(rnd *rand.Rand, list []diff.Item) []diff.Item {
	list = slices.Clone(list)
	for range 1 + rnd.IntN(6) {
		key := 1 + rnd.IntN(12)
		item := diff.Item{Key: strconv.Itoa(key), Data: fmt.Appendf(nil, `{"id":%d,"v":%d}`, key, rnd.IntN(100))}
		at := slices.IndexFunc(list, func(i diff.Item) bool { return i.Key == item.Key })
		switch {
		case at < 0:
			list = slices.Insert(list, rnd.IntN(len(list)+1), item)
		case rnd.IntN(3) == 0:
			list = slices.Delete(list, at, at+1)
		case rnd.IntN(2) == 0:
			list[at] = item
		default:
			old := list[at]
			list = slices.Delete(list, at, at+1)
			list = slices.Insert(list, rnd.IntN(len(list)+1), old)
		}
	}
	return list
}
