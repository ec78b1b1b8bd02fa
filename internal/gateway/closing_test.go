package gateway

import (
	"errors"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

// TestNoSocketWhileClosing: an app may go on to serve when the gateway has
// ended. Version 1 clients must not take it for being connected: they would
// send what they held back, to a server that cannot answer.
func TestNoSocketWhileClosing(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.stop()
	_, err := h.tryDial("s1", version1)
	var refused *refusedError
	if !errors.As(err, &refused) || refused.status != http.StatusServiceUnavailable {
		t.Errorf("version 1: %v, want 503", err)
	}
	h.dial("s2", version2).expectClose(wire.CloseGoingAway)
}

// TestReplacedClientIsHeard: the close frame leaves the connection open for the
// client's answer, which tells that it lives. Many proxies close both ways when
// one end says that nothing more will come.
func TestReplacedClientIsHeard(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	first := h.dial("s1", version1)
	h.dial("s1", version1)
	first.expectClose(wire.CloseReplaced)
	select {
	case <-first.frames:
		t.Error("the connection ended before the client could answer")
	case <-time.After(100 * time.Millisecond):
	}
	first.write(ws.OpClose, ws.NewCloseFrameBody(wire.CloseReplaced, ""))
	select {
	case <-first.frames:
	case <-time.After(waitMost):
		t.Error("the connection goes on after the answer")
	}
}

// TestEndIsToldFirst: while a list is being closed, nobody follows it that has
// nothing to send of it. A progress would vouch for what was not sent.
func TestEndIsToldFirst(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.set(map[string][]diff.Item{"/a": items("1")})
	for _, session := range []string{"s1", "s2"} {
		h.observe("/a", session)
	}
	f := h.feedOf("/a")
	first, second := h.gw.session("s1"), h.gw.session("s2")
	first.mu.Lock() // which has the closing wait in its middle
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		f.close(wire.Closed{Observer: f.observer, Code: wire.CodeCleared}, h.gw.newWakes())
	}()
	for f.mu.TryLock() {
		f.mu.Unlock()
		runtime.Gosched()
	}
	for range 1000 {
		second.mu.Lock()
		if second.subs.of(f.observer) != nil && f.state.Load() == nil {
			t.Error("a list is let go that a session still follows")
		}
		second.mu.Unlock()
		runtime.Gosched()
	}
	first.mu.Unlock()
	<-closed
	if second.find(f.observer) != nil || f.state.Load() != nil {
		t.Error("the list was not closed")
	}
}
