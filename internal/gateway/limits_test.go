package gateway

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/wire"
)

// TestSubscriptionsAtTheLimit: as many lists as allowed, by every way; one more
// is refused by every way, and one less makes room.
func TestSubscriptionsAtTheLimit(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{Subscriptions: 3}}, nil)
	c := h.begin("s1")
	first := h.observe("/a", "s1")
	c.say(`{"type":"subscribe","id":1,"url":"/b"}`)
	c.until("subscribed")
	c.say(`{"type":"resume","id":2,"observers":{"x":{"epoch":"e","seq":1,"url":"/c"}}}`)
	c.until("subscribed") // the third: at the limit
	h.observe("/a", "s1") // none more
	if resp, body := h.do("GET", "/a?n=1&observe=s1"); resp.StatusCode != 429 || !strings.Contains(string(body), "too_many_subscriptions") {
		t.Errorf("GET of a fourth list: %d %s", resp.StatusCode, body)
	}
	c.say(`{"type":"subscribe","id":3,"url":"/a?n=2"}`)
	if f, _ := c.until("error"); f.Code != "too_many_subscriptions" {
		t.Errorf("subscribe of a fourth list: %s", f.raw)
	}
	c.say(`{"type":"resume","id":4,"observers":{"y":{"epoch":"e","seq":1,"url":"/a?n=3"}}}`)
	if f, _ := c.until("closed"); f.Code != "too_many_subscriptions" || f.Observer != "y" {
		t.Errorf("resume of a fourth list: %s", f.raw)
	}
	c.say(`{"type":"unsubscribe","observer":%q}`, first.Observer)
	c.barrier()
	h.observe("/a?n=4", "s1")
}

// TestSessionsAtTheLimit: an identity, and an address without one, may have as
// many sessions as allowed. A session that ends makes room.
func TestSessionsAtTheLimit(t *testing.T) {
	for name, who := range map[string]string{"identity": "Authorization: Bearer x", "address": "X-Address: 10.0.0.1"} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, Config{SessionTTL: 30 * time.Millisecond, Limits: Limits{Sessions: 2}, Address: addressHeader}, nil)
			one := h.begin("s1", who)
			one.barrier()
			h.dial("s2", version1, who)
			if resp, body := h.do("GET", "/a?observe=s3", who); resp.StatusCode != 429 || !strings.Contains(string(body), "too_many_sessions") {
				t.Errorf("GET for a third session: %d %s", resp.StatusCode, body)
			}
			if _, err := h.tryDial("s3", version1, who); err == nil || err.Error() != "handshake answered 429" {
				t.Errorf("version 1 socket of a third session: %v", err)
			}
			h.dial("s3", version2, who).expectClose(wire.CloseTooMany)
			h.begin("s4", "Authorization: Bearer y", "X-Address: 10.0.0.2").barrier()
			h.begin("s5", "X-Address: 10.0.0.2").barrier()
			_ = one.conn.Close()
			h.awaitEvent(event.SessionEnded)
			h.begin("s3", who).barrier()
		})
	}
}

func addressHeader(r *http.Request) string { return r.Header.Get("X-Address") }

// TestNoLimits: a negative value is no limit, and is told as none.
func TestNoLimits(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{
		Subscriptions: -1, Sessions: -1, Undelivered: -1, LogDiffs: -1, LogBytes: -1, FrameBytes: -1,
		FramesPerSecond: -1, FrameBurst: -1, Items: -1, Stall: -1,
	}}, nil)
	e := h.observe("/a", "s1")
	for i := range 1100 {
		h.worker.set(map[string][]diff.Item{"/a": items(fmt.Sprintf("1:%s%d", strings.Repeat("x", 2000), i))})
	}
	h.awaitState(e.Observer, 1100)
	c := h.dial("s1", version2)
	if hello := c.next(); strings.Contains(hello.raw, "9223372036854775807") {
		t.Errorf("%s", hello.raw)
	}
	c.say(`{"type":"resume","observers":{%q:{"epoch":%q,"seq":0,"url":"/a"}}}`, e.Observer, e.Epoch)
	for range 300 {
		c.say(`{"type":"ping","id":"x","more":"%s"}`, strings.Repeat("x", 2000))
	}
	_, before := c.until("pong")
	if n := len(before); n < 1100 || before[n-1].Type != "progress" {
		t.Errorf("%d frames before the first pong, want every diff", n)
	}
	for i := range 120 {
		h.observe("/b", "t"+strconv.Itoa(i))
	}
}

// costOf is what one item changed to a text of that length costs.
func costOf(length int) int {
	c := &wire.Changes{Ops: diff.Between(items("1:"), items("1:"+strings.Repeat("x", length)))}
	return newEntry(c, "", nil).body.Load().cost
}

// TestUndeliveredAtTheLimit: diffs up to the limit are kept for a client that
// is away. One byte more, and each list that has some gets one snapshot in
// place of them, version 1 a make-good of what they named; the others go on.
func TestUndeliveredAtTheLimit(t *testing.T) {
	const length = 50
	full := 4 * costOf(length)
	for _, limit := range []int{full + 1, full, full - 1} {
		for _, v := range []version{version1, version2} {
			t.Run(fmt.Sprintf("version %d, %+d", v, limit-full), func(t *testing.T) { undelivered(t, v, limit, full > limit) })
		}
	}
}

func undelivered(t *testing.T, v version, limit int, dropped bool) {
	h := newHouse(t, Config{Limits: Limits{Undelivered: limit}}, nil)
	c := h.dial("s1", v)
	if v == version2 {
		c.expect("hello")
		c.say(`{"type":"resume","observers":{}}`)
		c.barrier()
	}
	var last envelope
	for _, path := range []string{"/a", "/b", "/c"} {
		h.worker.lists[path] = items("1:", "2:same")
		last = h.observe(path, "s1")
	}
	write := h.holdWriter("s1")
	for i := range 2 {
		list := items("1:"+strings.Repeat(string(rune('x'+i)), 50), "2:same")
		h.worker.set(map[string][]diff.Item{"/a": list, "/b": list})
	}
	h.awaitProgress(h.worker.pos())
	write()
	h.worker.set(map[string][]diff.Item{"/c": nil})
	var got []string
	for {
		f := c.next()
		if f.Observer == last.Observer {
			break
		}
		if f.Type != "progress" {
			got = append(got, strings.TrimSpace(f.Msg+f.Type+" "+f.Reason))
		}
	}
	want := map[version]string{version1: "changed changed changed changed", version2: "changes changes changes changes"}[v]
	if dropped {
		want = map[version]string{
			version1: "removed added removed added", version2: "snapshot slow_consumer snapshot slow_consumer",
		}[v]
	}
	if text := strings.Join(got, " "); text != want {
		t.Errorf("got %q, want %q", text, want)
	}
	s := h.gw.session("s1")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owed != 0 {
		t.Errorf("%d bytes owed when all is sent", s.owed)
	}
}

// holdWriter keeps a session's socket from being written, as a client that
// takes nothing would, until the returned function is called.
func (h *house) holdWriter(session string) (write func()) {
	h.t.Helper()
	s := h.gw.session(session)
	s.mu.Lock()
	c := s.socket
	s.mu.Unlock()
	for deadline := time.Now().Add(waitMost); !c.wanted.CompareAndSwap(0, 1); {
		if time.Now().After(deadline) {
			h.t.Fatal("the socket is always being written")
		}
		<-time.After(time.Millisecond)
	}
	return c.write
}

// throttled dials a session's socket over small buffers, and reads nothing.
func (h *house) throttled(session string) *net.TCPConn {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.server.Listener.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	tcp := conn.(*net.TCPConn)
	_ = tcp.SetReadBuffer(64 << 10)
	fmt.Fprintf(tcp, "GET /ws/%s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Protocol: %s\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", session, wire.Subprotocol)
	h.awaitEvent(event.SocketOpened)
	h.gw.mu.Lock()
	defer h.gw.mu.Unlock()
	for c := range h.gw.sockets {
		if c.id == session {
			_ = c.conn.(*net.TCPConn).SetWriteBuffer(64 << 10)
		}
	}
	frame := ws.MaskFrame(ws.NewTextFrame([]byte(`{"type":"resume","observers":{}}`)))
	if err := ws.WriteFrame(tcp, frame); err != nil {
		h.t.Fatal(err)
	}
	return tcp
}

// large is a list of some megabytes.
func large(name string) []diff.Item {
	return items("1:"+name+strings.Repeat("x", 6<<20), "2:end")
}

// TestStall: a client that accepts no byte for Limits.Stall is let go. One that
// accepts some, however few, is not, and has all in the end.
func TestStall(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{Stall: 400 * time.Millisecond, Undelivered: 1000}}, nil)
	e := h.observe("/a", "slow")
	h.observe("/a", "dead")
	slow, dead := h.throttled("slow"), h.throttled("dead")
	h.worker.set(map[string][]diff.Item{"/a": large("a")})
	h.awaitState(e.Observer, 1)
	began := time.Now()
	buf := make([]byte, 64<<10)
	read := 0
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var closed event.Event
	for time.Since(began) < time.Second || closed.Kind != event.SocketClosed {
		<-tick.C
		n, err := slow.Read(buf)
		if read += n; err != nil {
			t.Fatalf("the slow client was cut off after %v: %v", time.Since(began), err)
		}
		select {
		case e := <-h.events:
			if e.Kind == event.SocketClosed {
				closed = e
			}
		default:
		}
		if time.Since(began) > waitMost {
			t.Fatal("the client that accepts nothing is still there")
		}
	}
	if closed.Code != strconv.Itoa(wire.CloseTooSlow) {
		t.Errorf("the socket was closed with %s", closed.Code)
	}
	_ = slow.SetReadDeadline(time.Now().Add(waitMost))
	var text strings.Builder
	for !strings.Contains(text.String(), `"id":2,"v":"end"`) || !strings.Contains(text.String(), "progress") {
		n, err := slow.Read(buf)
		if err != nil {
			t.Fatalf("after %d bytes: %v", read, err)
		}
		text.Write(buf[:n])
	}
	_ = dead.SetReadDeadline(time.Now().Add(waitMost))
	if _, err := io.Copy(io.Discard, dead); errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// TestSnapshotsInTurn: what a slow client will get instead of its diffs is made
// when its turn comes, one list at a time.
func TestSnapshotsInTurn(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{Undelivered: 1}}, nil)
	observers := map[string]string{}
	for _, path := range []string{"/a", "/b", "/c"} {
		observers[path] = h.observe(path, "slow").Observer
	}
	h.throttled("slow")
	for _, path := range []string{"/a", "/b", "/c"} {
		h.worker.set(map[string][]diff.Item{path: large("x")})
		h.awaitState(observers[path], 1)
	}
	framed := func(path string) int {
		st := h.gw.feed(observers[path]).state.Load()
		st.mu.Lock()
		defer st.mu.Unlock()
		return len(st.frames)
	}
	deadline := time.Now().Add(waitMost)
	for framed("/a") == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the first snapshot is not made")
		}
		<-time.After(time.Millisecond)
	}
	if framed("/b")+framed("/c") != 0 {
		t.Error("snapshots were made before their turn")
	}
}

// TestLogAtTheLimit: the newest diffs can be resumed from, up to the limits by
// number and by bytes; from before that there is a snapshot.
func TestLogAtTheLimit(t *testing.T) {
	const diffs = 6
	for name, limits := range map[string]Limits{"diffs": {LogDiffs: 4}, "bytes": {LogBytes: 4 * costOf(50)}} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, Config{Limits: limits}, nil)
			h.worker.lists["/a"] = items("1:")
			h.begin("keeps").barrier()
			e := h.observe("/a", "keeps")
			for i := range diffs {
				h.worker.set(map[string][]diff.Item{"/a": items("1:" + strings.Repeat(string(rune('p'+i)), 50))})
			}
			h.awaitState(e.Observer, diffs)
			for missed, want := range map[int]string{
				0: "", 3: "changes", 4: "changes", 5: "snapshot resume_gap", 6: "snapshot resume_gap",
			} {
				c := h.dial(fmt.Sprint("s", missed), version2)
				c.expect("hello")
				c.say(`{"type":"resume","observers":{%q:{"epoch":%q,"seq":%d,"url":"/a"}}}`, e.Observer, e.Epoch, diffs-missed)
				got := map[string]int{}
				for _, f := range c.barrier() {
					if f.Type == "changes" || f.Type == "snapshot" {
						got[strings.TrimSpace(f.Type+" "+f.Reason)]++
					}
				}
				count := 1
				if want == "changes" {
					count = missed
				}
				if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[want] != count) {
					t.Errorf("%d missed: got %v, want %d %q", missed, got, count, want)
				}
			}
		})
	}
}

// TestFrameLimitsOfASocket: frames as long as allowed, and as many; one byte
// more is answered with 1009, one frame more with 4429.
func TestFrameLimitsOfASocket(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{FrameBytes: 1000, FramesPerSecond: 1, FrameBurst: 20}}, nil)
	ping := func(length int) string {
		const bare = `{"type":"ping","id":"b","x":""}`
		return strings.Replace(bare, `"x":"`, `"x":"`+strings.Repeat("x", length-len(bare)), 1)
	}
	c := h.begin("s1") // one frame
	c.say("%s", ping(999))
	c.say("%s", ping(1000))
	c.until("pong")
	c.until("pong")
	c.say("%s", ping(1001))
	c.expectClose(1009)

	c = h.begin("s2")
	for range 19 {
		c.say("%s", ping(100))
	}
	for range 19 {
		c.until("pong")
	}
	c.say("%s", ping(100))
	c.say("%s", ping(100)) // a second may have given back one
	c.say("%s", ping(100))
	c.expectClose(wire.CloseTooMany)
	h.begin("s3").barrier()
}

// TestFramesComeBack: frames are given back at the rate, up to the burst.
func TestFramesComeBack(t *testing.T) {
	r := newFrameReader(nil, &Limits{FramesPerSecond: 50, FrameBurst: 200})
	now := time.Unix(1000, 0)
	spend := func(n int) bool {
		for range n - 1 {
			if !r.spend(now) {
				t.Fatal("refused too early")
			}
		}
		return r.spend(now)
	}
	if !spend(200) {
		t.Error("the burst was refused")
	}
	now = now.Add(time.Second)
	if !spend(50) {
		t.Error("a second gave back less than 50")
	}
	now = now.Add(time.Hour)
	if !spend(200) || r.spend(now) {
		t.Error("an hour gave back something else than the burst")
	}
}
