package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/wire"
)

// pipes is a network of pipes: nothing is accepted that the other end does not
// read, no end is told that the other has vanished, and it works in a bubble,
// where a minute is nothing.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	close func()
}

func newPipes() *pipes {
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.done) })
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.close(); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "h", Net: "pipe"} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// newPipeHouse is a house on pipes, to be used in a bubble.
func newPipeHouse(t *testing.T, cfg Config, server *http.Server) *house {
	t.Helper()
	network := newPipes()
	h := newHouseOn(t, cfg, nil, &httptest.Server{Listener: network, Config: server})
	h.dialNet = network.dial
	return h
}

// pipe is a connection to the server of which nothing is read but what the
// test reads.
func (h *house) pipe() *rawConn {
	h.t.Helper()
	conn, err := h.dialNet(context.Background(), "", "")
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	return &rawConn{t: h.t, Conn: conn, in: bufio.NewReader(conn)}
}

// pass lets time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// following is a client that has the list /a and answers pings.
func (h *house) following(session string) *client {
	h.t.Helper()
	c := h.begin(session)
	c.say(`{"type":"subscribe","id":1,"url":"/a"}`)
	c.until("snapshot")
	return c
}

// connGoroutines counts the goroutines that serve connections.
func connGoroutines() int {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	n := 0
	for one := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(one, "gateway.(*socket).") || strings.Contains(one, "net/http.(*conn).") {
			n++
		}
	}
	return n
}

// TestVanishedPeers: a peer that is gone without a word is noticed by its
// silence, whatever it was about to say, and all that it held is freed; another
// client is served on meanwhile.
func TestVanishedPeers(t *testing.T) {
	vanished := []struct {
		name    string
		version version
		last    []byte
		takes   bool // what is sent to it is swallowed by the network
		within  time.Duration
	}{
		{"idle", version1, nil, true, 80 * time.Second},
		{"idle, nothing taken", version1, nil, false, 80 * time.Second},
		{"idle, version 2", version2, masked(ws.OpText, true, `{"type":"resume","observers":{}}`), true, 80 * time.Second},
		{"idle, version 2, nothing taken", version2, masked(ws.OpText, true, `{"type":"resume","observers":{}}`), false, 80 * time.Second},
		{"never began", version2, nil, true, 10 * time.Second},
		{"in a header", version1, []byte{0x81}, true, 80 * time.Second},
		{"in a length", version1, []byte{0x81, 0xfe, 1}, true, 80 * time.Second},
		{"in a payload", version1, header(0x81, 0xfe, 1, 0, 0, 0, 0, 0, 'x'), true, 80 * time.Second},
		{"in a message", version1, masked(ws.OpText, false, "x"), true, 80 * time.Second},
		{"in a close frame", version1, header(0x88, 0x82, 0, 0, 0, 0, 3), true, 80 * time.Second},
		{"after its close frame", version1, masked(ws.OpClose, true, ""), false, 5 * time.Second},
		{"after a wrong frame", version1, header(0x81, 0x00), false, 5 * time.Second},
	}
	for _, tt := range vanished {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newPipeHouse(t, Config{}, &http.Server{})
				other := h.following("other")
				synctest.Wait()
				before := connGoroutines()
				c := h.pipe()
				lines := plainHandshake()
				if tt.version == version2 {
					lines = with(lines, "Sec-WebSocket-Protocol: "+wire.Subprotocol)
				}
				if resp := c.send(lines); resp.StatusCode != 101 {
					t.Fatalf("status %d", resp.StatusCode)
				}
				if _, err := c.Write(tt.last); err != nil {
					t.Fatal(err)
				}
				if tt.takes {
					go func() { _, _ = io.Copy(io.Discard, c.Conn) }()
				}
				gone := time.Duration(-1)
				const step = 5 * time.Second
				for i := range 32 {
					h.worker.set(map[string][]diff.Item{"/a": items(fmt.Sprintf("1:%d", i))})
					other.until("changes")
					pass(step)
					if gone < 0 && h.gw.Status().Sockets == 1 {
						gone = time.Duration(i+1) * step
					}
				}
				if gone < 0 || gone > tt.within {
					t.Errorf("its socket was let go after %v, want within %v", gone, tt.within)
				}
				if status := h.gw.Status(); status.Sessions != 1 || status.Subscriptions != 1 {
					t.Errorf("left %+v", status)
				}
				if n := connGoroutines(); n != before || before == 0 {
					t.Errorf("%d goroutines, %d before it came", n, before)
				}
			})
		})
	}
}

// TestOneByteASecond: a client that reads a byte a second is not cut off while
// it does, holds no more than it may, and catches up when it can; the others
// have everything at once.
func TestOneByteASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := Limits{Undelivered: 4000, LogDiffs: 5}
		h := newPipeHouse(t, Config{Limits: limits}, &http.Server{})
		other := h.following("other")
		slow := h.pipe()
		if resp := slow.send(with(plainHandshake(), "Sec-WebSocket-Protocol: "+wire.Subprotocol)); resp.StatusCode != 101 {
			t.Fatalf("status %d", resp.StatusCode)
		}
		// Its buffer would read ahead: what it holds is all that the client has.
		early, _ := slow.in.Peek(slow.in.Buffered())
		got := append([]byte(nil), early...)
		for _, text := range []string{`{"type":"resume","observers":{}}`, `{"type":"subscribe","id":1,"url":"/a"}`} {
			if _, err := slow.Write(masked(ws.OpText, true, text)); err != nil {
				t.Fatal(err)
			}
		}
		var last string
		for i := range 600 {
			last = fmt.Sprintf("%d %s", i, strings.Repeat("x", 500))
			h.worker.set(map[string][]diff.Item{"/a": items("1:" + last)})
			began := time.Now()
			other.until("changes")
			if late := time.Since(began); late > 100*time.Millisecond {
				t.Fatalf("another client waited for %v", late)
			}
			b := make([]byte, 1)
			if _, err := slow.Read(b); err != nil {
				t.Fatalf("cut off after %d s: %v", i, err)
			}
			got = append(got, b...)
			pass(time.Second)
			s := h.gw.session("s1")
			s.mu.Lock()
			if s.owed > limits.Undelivered || len(s.ready) > 1 || len(s.replies) > 2 {
				t.Fatalf("%d bytes owed, %d ready, %d replies", s.owed, len(s.ready), len(s.replies))
			}
			s.mu.Unlock()
			for _, feed := range h.gw.Status().Feeds {
				if feed.Diffs > limits.LogDiffs {
					t.Fatalf("%d diffs kept", feed.Diffs)
				}
			}
		}
		_ = slow.SetReadDeadline(time.Now().Add(5 * time.Second))
		rest, _ := io.ReadAll(slow.Conn)
		if got = append(got, rest...); !strings.Contains(string(got), last) {
			t.Errorf("after %d bytes the client has not the last list", len(got))
		}
	})
}

// TestHalfHandshake: how long a handshake may take is the server's
// ReadHeaderTimeout; the socket that comes of it inherits no timeout.
func TestHalfHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &http.Server{
			ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 6 * time.Second, WriteTimeout: 7 * time.Second, IdleTimeout: 8 * time.Second,
		}
		h := newPipeHouse(t, Config{}, server)
		other := h.following("other")
		slow := h.pipe()
		began := time.Now()
		text := strings.Join(plainHandshake(), "\r\n")
		go func() { _, _ = io.Copy(io.Discard, slow.Conn) }()
		var err error
		for i := 0; err == nil && i < len(text); i++ {
			_, err = slow.Write([]byte{text[i]})
			pass(time.Second)
		}
		if took := time.Since(began); err == nil || took > 10*time.Second {
			t.Errorf("half a handshake was waited for %v: %v", took, err)
		}
		for i := range 30 {
			pass(10 * time.Second)
			h.worker.set(map[string][]diff.Item{"/a": items(fmt.Sprintf("1:%d", i))})
			other.until("changes")
		}
	})
}

// TestUnreadAnswers: a client that asks and asks and reads nothing is closed,
// rather than that it is kept waiting for an answer that was dropped.
func TestUnreadAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newPipeHouse(t, Config{}, &http.Server{})
		other := h.following("other")
		c := h.pipe()
		if resp := c.send(with(plainHandshake(), "Sec-WebSocket-Protocol: "+wire.Subprotocol)); resp.StatusCode != 101 {
			t.Fatalf("status %d", resp.StatusCode)
		}
		_, err := c.Write(masked(ws.OpText, true, `{"type":"resume","observers":{}}`))
		id, _ := json.Marshal(strings.Repeat("i", 100))
		ping := masked(ws.OpText, true, `{"type":"ping","id":`+string(id)+`}`)
		for i := 0; err == nil && i < maxUnread/len(ping)+1000; i++ {
			_, err = c.Write(ping)
		}
		if err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		if n := h.gw.Status().Sockets; n != 1 {
			t.Errorf("%d sockets are left", n)
		}
		if e := h.awaitEvent(event.SocketClosed); e.Code != strconv.Itoa(wire.CloseTooMany) {
			t.Errorf("closed with %s", e.Code)
		}
		h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
		other.until("changes")
	})
}
