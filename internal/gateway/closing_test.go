package gateway

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/gobwas/ws"
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
