package gateway

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

// TestFloods: whoever sends more than 200 frames at once is closed with 4429,
// whatever the frames are; another client of the server notices nothing.
func TestFloods(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{FramesPerSecond: 50, FrameBurst: 200}}, nil)
	h.worker.lists["/a"] = items("1:x")
	other := h.begin("other")
	other.say(`{"type":"subscribe","id":1,"url":"/a"}`)
	other.expect("subscribed", "snapshot")
	floods := map[string][]byte{
		"pings":                  masked(ws.OpPing, true, strings.Repeat("p", 125)),
		"pongs":                  masked(ws.OpPong, true, "12345"),
		"pongs of the last ping": masked(ws.OpPong, true, "0"),
		"pongs that are nothing": masked(ws.OpPong, true, ""),
		"messages":               masked(ws.OpText, true, ignoredText),
		"empty fragments":        join(masked(ws.OpText, false, "{"), masked(ws.OpContinuation, true, `"type":"x"}`)),
	}
	for name, one := range floods {
		for _, v := range []version{version1, version2} {
			c := h.open("s1", v)
			go func() { _, _ = c.conn.Write(bytes.Repeat(one, 1000)) }() // the server closes while it is written
			pongs := 0
			for f := range c.frames {
				if f.Header.OpCode == ws.OpPong {
					pongs++
				}
				if f.Header.OpCode == ws.OpClose {
					if code, _ := ws.ParseCloseFrameData(f.Payload); code != wire.CloseTooMany {
						t.Errorf("%s, version %d: closed with %d", name, v, code)
					}
					_ = c.conn.Close()
				}
			}
			if pongs > 200 {
				t.Errorf("%s, version %d: %d answers", name, v, pongs)
			}
			h.worker.set(map[string][]diff.Item{"/a": items(fmt.Sprintf("1:%s %d", name, v))})
			other.until("changes")
		}
	}
	_ = other.conn.Close()
	h.awaitSockets(0)
}

// TestPongsOfOurPingsAreFree: a client that answers what it is asked stays
// below the limit, however often it is asked; an answer given twice counts.
func TestPongsOfOurPingsAreFree(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{FramesPerSecond: 1, FrameBurst: 20}, Heartbeat: 1e12}, nil)
	c := h.dial("s1", version1)
	s := h.gw.session("s1")
	for range 100 {
		s.mu.Lock()
		s.socket.pingDue = true
		s.mu.Unlock()
		s.wake()
		for f := range c.frames {
			if f.Header.OpCode == ws.OpPing {
				c.write(ws.OpPong, f.Payload)
				break
			}
			t.Fatalf("frame %+v %s", f.Header, f.Payload)
		}
	}
	c.write(ws.OpPing, []byte("x"))
	if f := <-c.frames; f.Header.OpCode != ws.OpPong {
		t.Fatalf("frame %+v %s", f.Header, f.Payload)
	}
	for range 25 {
		c.write(ws.OpPong, []byte("0"))
	}
	c.expectClose(wire.CloseTooMany)
}

// manyViews is an app of any number of lists: /list/<n>.
func manyViews() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/list/{n}", observable(func(http.ResponseWriter, *http.Request) {}))
	return mux
}

// TestThousandSubscribesOnOneSocket: each is answered, those over the limit with
// an error, and all that were taken follow.
func TestThousandSubscribesOnOneSocket(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{Subscriptions: 900}}, manyViews())
	c := h.begin("s1")
	for i := range 1000 {
		c.say(`{"type":"subscribe","id":%d,"url":"/list/%d"}`, i, i)
	}
	ids, lists, refused := map[string]bool{}, 0, 0
	for len(ids) < 1000 || lists < 900 {
		switch f := c.next(); f.Type {
		case "subscribed":
			ids[string(f.ID)] = true
		case "snapshot":
			lists++
		case "error":
			if ids[string(f.ID)] = true; f.Code != string(wire.CodeTooManySubscriptions) {
				t.Errorf("%s", f.raw)
			}
			refused++
		}
	}
	if lists != 900 || refused != 100 || h.gw.Status().Subscriptions != 900 {
		t.Errorf("%d lists, %d refused, %d subscriptions", lists, refused, h.gw.Status().Subscriptions)
	}
	c.say(`{"type":"subscribe","id":"again","url":"/list/7"}`)
	c.say(`{"type":"subscribe","id":"more","url":"/list/5000"}`)
	c.until("error")
	s := h.gw.session("s1")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unread != 0 {
		t.Errorf("%d bytes of answers are counted that were sent", s.unread)
	}
}

// TestThousandGetsOfOneSession come at once, while another client follows.
func TestThousandGetsOfOneSession(t *testing.T) {
	h := newHouse(t, Config{Linger: 50e6}, manyViews())
	app := h.server.Config.Handler
	other := h.begin("other")
	other.say(`{"type":"subscribe","id":1,"url":"/list/0"}`)
	other.expect("subscribed", "snapshot")
	statuses := make([]int, 1050)
	var group sync.WaitGroup
	for i := range statuses {
		group.Go(func() {
			w := httptest.NewRecorder()
			app.ServeHTTP(w, httptest.NewRequest("GET", fmt.Sprintf("http://h/list/%d?observe=s1", i), nil))
			if statuses[i] = w.Code; w.Code == http.StatusTooManyRequests && !strings.Contains(w.Body.String(), string(wire.CodeTooManySubscriptions)) {
				t.Errorf("list %d: %s", i, w.Body)
			}
		})
	}
	group.Wait()
	count := map[int]int{}
	for _, status := range statuses {
		count[status]++
	}
	if count[200] != 1000 || count[429] != 50 {
		t.Errorf("answers %v, want 1,000 lists and 50 refused", count)
	}
	if n := h.gw.Status().Subscriptions; n != 1001 {
		t.Errorf("%d subscriptions, want 1,001", n)
	}
	// Lists that nobody may follow are let go, those that were asked for at all.
	h.settled("lists that nobody follows", func() error {
		for _, f := range h.gw.Status().Feeds {
			if f.Subscribers == 0 {
				return fmt.Errorf("%s is still there", f.Observer)
			}
		}
		return nil
	})
	h.worker.set(map[string][]diff.Item{"/list/0": items("1:x")})
	other.until("changes")
}

// TestResumeOfThousands: every entry is answered, however many one frame holds,
// and a client that holds more than it may is told which lists it has lost.
func TestResumeOfThousands(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{FrameBytes: 1 << 20}}, manyViews())
	c := h.dial("s1", version2)
	c.expect("hello")
	var text strings.Builder
	text.WriteString(`{"type":"resume","id":1,"observers":{"x":{}`)
	for i := range 10_000 {
		fmt.Fprintf(&text, `,"%d":{"epoch":"e","seq":%d,"url":"/list/%d"}`, i, i, i)
	}
	text.WriteString(`}}`)
	c.say("%s", text.String())
	named := map[string]bool{}
	subscribed, closed := 0, 0
	for subscribed+closed < 10_001 {
		switch f := c.next(); f.Type {
		case "closed":
			if named[f.Observer] {
				t.Fatalf("told twice: %s", f.raw)
			}
			named[f.Observer] = true
			closed++
		case "subscribed":
			subscribed++
		}
	}
	if n := h.gw.Status().Subscriptions; n != subscribed || n > 1000 || n < maxSubscribing {
		t.Errorf("%d subscriptions, %d were told", n, subscribed)
	}
	c.barrier()
}
