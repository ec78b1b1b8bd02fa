package gateway

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/wire"
)

// away waits until a session follows nothing any more.
func (h *house) away(session string) {
	h.t.Helper()
	for deadline := time.Now().Add(waitMost); ; {
		s := h.gw.session(session)
		s.mu.Lock()
		n := s.subs.len()
		s.mu.Unlock()
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			h.t.Fatal("the session never went to sleep")
		}
		<-time.After(time.Millisecond)
	}
}

// TestLongAbsence: a version 1 client that stays away longer than its session
// is kept alive is continued with the credentials that it brings back.
func TestLongAbsence(t *testing.T) {
	h := newHouse(t, Config{SessionTTL: 30 * time.Millisecond, Linger: 5 * time.Millisecond, Cookies: []string{"user"}}, nil)
	h.worker.lists["/a"] = items("1:x", "2:y")
	c := h.dial("s1", version1, "Cookie: user=ann")
	c.mute = true
	e := h.observe("/a?q=1", "s1", "Cookie: user=ann", "Accept: application/json")
	list := modelOf(e.Items)
	h.cut(c)
	h.away("s1")
	h.worker.await("the observer being left", func() bool { return len(h.worker.left) == 1 })
	want := items("3:z", "2:w")
	h.worker.set(map[string][]diff.Item{"/a": want})
	asks := h.worker.asks()
	c = h.dial("s1", version1, "Cookie: user=ann")
	c.follow(list, want)
	if got := h.worker.asks() - asks; got != 1 {
		t.Errorf("%d questions, want 1", got)
	}
	asked := h.worker.asked[asks]
	if asked.Observer != e.Observer || asked.Request.URL != "/a?q=1" || asked.Request.Header["Cookie"][0] != "user=ann" {
		t.Errorf("asked for %+v", asked)
	}
	h.worker.set(map[string][]diff.Item{"/a": items("1:v")})
	c.follow(list, items("1:v"))
}

// TestLongAbsenceOfRights: who comes back as somebody else, or to a view that
// refuses, is told to forget what it holds.
func TestLongAbsenceOfRights(t *testing.T) {
	for _, how := range []string{"other identity", "view refuses", "view fails"} {
		t.Run(how, func(t *testing.T) {
			h := newHouse(t, Config{SessionTTL: 20 * time.Millisecond, Linger: 5 * time.Millisecond, Cookies: []string{"user"}}, nil)
			h.worker.lists["/a"] = items("1:x", "2:y")
			c := h.dial("s1", version1, "Cookie: user=ann")
			h.observe("/a", "s1", "Cookie: user=ann")
			h.cut(c)
			h.away("s1")
			cookie, want := "user=ann", []string{"removed", "removed", "closed"}
			switch how {
			case "other identity":
				cookie = "user=bob; " + c.cookie
			case "view refuses":
				h.worker.answers["/a"] = &bus.Observed{Response: &bus.Response{Status: 403}}
			case "view fails":
				h.worker.answers["/a"] = &bus.Observed{Response: &bus.Response{Status: 500}}
				want = want[2:]
			}
			h.dial("s1", version1, "Cookie: "+cookie).expect(want...)
		})
	}
}

// TestTooLongAbsence: what is not remembered any more is told.
func TestTooLongAbsence(t *testing.T) {
	h := newHouse(t, Config{SessionTTL: 10 * time.Millisecond, V1SessionTTL: 20 * time.Millisecond}, nil)
	c := h.dial("s1", version1)
	h.observe("/a", "s1")
	h.cut(c)
	h.awaitEvent(event.SessionEnded)
	if _, err := h.tryDial("s1", version1); err == nil || err.Error() != "handshake answered 410" {
		t.Errorf("dialling: %v, want 410", err)
	}
	two := h.dial("s1", version2) // this version says by itself what it holds
	two.expect("hello")
}

func TestSessionWithoutSocketEnds(t *testing.T) {
	h := newHouse(t, Config{SessionTTL: 20 * time.Millisecond, Linger: 5 * time.Millisecond}, nil)
	h.observe("/a", "s1")
	h.awaitEvent(event.SessionEnded)
	h.worker.await("the observer being left", func() bool { return len(h.worker.left) == 1 })
	if got := h.gw.Status(); got.Sessions != 0 || got.Subscriptions != 0 {
		t.Errorf("%+v", got)
	}
	if len(h.gw.held) != 0 {
		t.Errorf("sessions are still counted for %d accounts", len(h.gw.held))
	}
}

const canary = "canary-7f3a"

// TestRestart continues version 1 clients over a restart, from a file without
// credentials.
func TestRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	cfg := Config{StateFile: file, Cookies: []string{"user"}}
	h := newHouse(t, cfg, nil)
	h.worker.lists["/a"] = items("1:x", "2:y")
	c := h.dial("s1", version1, "Cookie: user="+canary)
	e := h.observe("/a?q=1", "s1", "Cookie: user="+canary+"; other="+canary, "X-Key: "+canary+"x", "Accept: text/x")
	plain := h.observe("/b", "s1", "Cookie: user="+canary)
	list := modelOf(h.observe("/a", "s1", "Cookie: user="+canary, "Accept: text/x").Items)
	h.stop()
	c.expectClose(wire.CloseRestart)
	data, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(data), canary) || !strings.Contains(string(data), plain.Observer) {
		t.Fatalf("state file %s %v", data, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("state file: %v %v, want mode 0600", info.Mode(), err)
	}

	cfg.Bus = nil
	h = newHouse(t, cfg, nil)
	want := items("2:z")
	h.worker.lists["/a"] = want
	c = h.dial("s1", version1, "Cookie: user="+canary)
	for list.String() != text(want) {
		f := c.next()
		if f.Observer == e.Observer { // it had a header that is not kept
			continue
		}
		if f.Observer != plain.Observer {
			list.apply(f)
		}
	}
	if resp, _ := h.do("GET", "/a?observe=s1", "Cookie: user=somebody"); resp.StatusCode != 403 {
		t.Errorf("another identity after the restart: %d, want 403", resp.StatusCode)
	}
}

// TestEndUntold: a list has ended, nobody could tell the client, and the server
// stops. The next run knows nothing of the list: the client must begin anew.
func TestEndUntold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	h := newHouse(t, Config{StateFile: file}, nil)
	h.observe("/b", "s1")
	h.observe("/a", "s1")
	h.cut(h.dial("s1", version1))
	h.worker.close("/a", wire.CodeViewError)
	h.awaitEvent(event.ObserverEnded)
	h.stop()
	next := newHouse(t, Config{StateFile: file}, nil)
	if _, err := next.tryDial("s1", version1); err == nil || err.Error() != "handshake answered 410" {
		t.Errorf("dialling the next run: %v, want 410", err)
	}
}

// TestKilled: a run that ended without a word leaves behind whose clients must
// be told.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "state")
	h := newHouse(t, Config{StateFile: file, SessionTTL: 40 * time.Millisecond}, nil)
	h.dial("s1", version1)
	h.observe("/a", "s1")
	var data []byte
	for deadline := time.Now().Add(waitMost); !strings.Contains(string(data), `"live":["s1"]`); {
		data, _ = os.ReadFile(file)
		if time.Now().After(deadline) {
			t.Fatalf("state file %s", data)
		}
		<-time.After(time.Millisecond)
	}
	left := filepath.Join(dir, "left")
	if err := os.WriteFile(left, data, 0o600); err != nil {
		t.Fatal(err)
	}
	next := newHouse(t, Config{StateFile: left}, nil)
	if _, err := next.tryDial("s1", version1); err == nil || err.Error() != "handshake answered 410" {
		t.Errorf("dialling the next run: %v, want 410", err)
	}
	next.dial("s2", version1)
}

func TestBrokenStateFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	for name, data := range map[string]string{
		"no JSON":      "x",
		"other secret": `{"format":1,"secret":"AAAA","check":"no","sessions":[{"id":"s1","since":"2999-01-01T00:00:00Z"}]}`,
		"empty":        "",
		"expired":      `{"format":1,"sessions":[{"id":"s1","since":"2001-01-01T00:00:00Z"}]}`,
	} {
		if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		h := newHouse(t, Config{StateFile: file}, nil)
		h.observe("/a", "s2")
		if strings.Contains(data, "s1") && !h.gw.knownLost("s1") {
			t.Errorf("%s: nobody knows that s1 is lost", name)
		}
		h.stop()
		var saved savedState
		written, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(written, &saved) != nil || len(saved.Secret) < 32 {
			t.Errorf("%s: the file after it is %s %v", name, written, err)
		}
	}
}

// TestChangeWhileGoingToSleep: a diff comes when a session has dropped its lists,
// and they do not know yet. It is owed to nobody: who comes back is made good.
func TestChangeWhileGoingToSleep(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x", "2:y")
	c := h.dial("s1", version1)
	list := modelOf(h.observe("/a", "s1").Items)
	h.cut(c)
	s, f := h.gw.session("s1"), h.feedOf("/a")
	s.mu.Lock()
	dropped := s.sleep()
	s.mu.Unlock()
	h.worker.set(map[string][]diff.Item{"/a": items("1:x", "2:y", "3:z")})
	h.awaitSeq(f, 1)
	for _, sub := range dropped {
		f.detach(sub)
	}
	s.mu.Lock()
	if len(s.ready) > 0 || s.owed > 0 {
		t.Errorf("%d lists that nobody follows have something to send, %d bytes are owed of them", len(s.ready), s.owed)
	}
	s.mu.Unlock()
	h.gw.forget(f, true)
	h.worker.await("the observer being left", func() bool { return len(h.worker.left) == 1 })
	want := items("2:w")
	h.worker.set(map[string][]diff.Item{"/a": want})
	h.dial("s1", version1).follow(list, want)
}

// awaitSeq waits until a feed has come to a diff.
func (h *house) awaitSeq(f *feed, seq uint64) {
	h.t.Helper()
	for deadline := time.Now().Add(waitMost); f.state.Load().Seq < seq; {
		if time.Now().After(deadline) {
			h.t.Fatal("the diff never came")
		}
		<-time.After(time.Millisecond)
	}
}
