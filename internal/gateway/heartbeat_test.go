package gateway

import (
	"io"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/wire"
)

// TestHeartbeat: no socket is silent for longer than a heartbeat. Version 1
// clients are pinged, version 2 clients are told how far they are as well.
func TestHeartbeat(t *testing.T) {
	const beat = 60 * time.Millisecond
	h := newHouse(t, Config{Heartbeat: beat}, nil)
	one, two := h.dial("s1", version1), h.begin("s2")
	h.observe("/a", "s2")
	h.worker.set(nil)
	began := time.Now()
	for range 4 {
		for pings := len(one.pings); len(one.pings) == pings; {
			if _, err := one.readFrame(10 * time.Millisecond); err == io.EOF || time.Since(began) > waitMost {
				t.Fatalf("no ping: %v", err)
			}
		}
		two.until("progress")
	}
	if took := time.Since(began); took > waitMost/2 {
		t.Errorf("four heartbeats of %v took %v", beat, took)
	}
}

// TestDeadPeer: a peer of which nothing is heard for three heartbeats is closed,
// one that only answers pings stays.
func TestDeadPeer(t *testing.T) {
	for _, v := range []version{version1, version2} {
		h := newHouse(t, Config{Heartbeat: 40 * time.Millisecond, StartWait: time.Minute}, nil)
		alive, dead := h.dial("alive", v), h.dial("dead", v)
		dead.mute = true
		if v == version2 {
			for _, c := range []*client{alive, dead} {
				c.expect("hello")
				c.say(`{"type":"resume","observers":{}}`)
			}
		}
		answering := make(chan struct{})
		ended := make(chan error, 1)
		go func() {
			for {
				select {
				case <-answering:
					ended <- nil
					return
				default:
				}
				if _, err := alive.readFrame(10 * time.Millisecond); err == io.EOF {
					ended <- err
					return
				}
			}
		}()
		began := time.Now()
		dead.expectClose(closeNormal)
		if took := time.Since(began); took < 100*time.Millisecond {
			t.Errorf("version %d: closed after %v, before three heartbeats", v, took)
		}
		close(answering)
		if err := <-ended; err != nil {
			t.Errorf("version %d: who answers pings was closed too: %v", v, err)
		}
		if s := h.gw.session("alive"); s == nil {
			t.Errorf("version %d: the session that answers is gone", v)
		}
	}
}

// TestDeadPeerThatNeverBegan: a half-open socket ends as well.
func TestDeadPeerThatNeverBegan(t *testing.T) {
	h := newHouse(t, Config{StartWait: 30 * time.Millisecond}, nil)
	c := h.dial("s1", version2)
	c.expect("hello")
	c.expectClose(wire.CloseBadRequest)
}
