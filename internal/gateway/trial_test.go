package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/wire"
)

// tokens is an app whose tokens die one by one. "ann-1" and "ann-2" are of one
// identity.
type tokens struct {
	mu    sync.Mutex
	dead  map[string]int // and the status that says so
	tried map[string]int
}

func (k *tokens) kill(token string, status int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dead[token] = status
}

func (k *tokens) tries(token string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.tried[token]
}

func (k *tokens) status(token string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tried[token]++
	return k.dead[token]
}

func tokenOf(header http.Header) string {
	return strings.TrimPrefix(header.Get("Authorization"), "Bearer ")
}

func (k *tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := mark.From(r.Context())
	m.Set(&mark.View{Name: r.URL.Path, Key: []string{"id"}})
	if m != nil && m.Evaluating {
		switch status := k.status(tokenOf(r.Header)); status {
		case 0:
		case -1:
			panic("ill")
		default:
			http.Error(w, "expired", status)
		}
	}
}

// newTokenHouse is a house whose app is of tokens. Nothing is trusted for
// longer than it takes to say it.
func newTokenHouse(t *testing.T, cfg Config) (*house, *tokens) {
	k := &tokens{dead: map[string]int{}, tried: map[string]int{}}
	cfg.Identity = func(r *http.Request) (string, error) {
		name, _, _ := strings.Cut(tokenOf(r.Header), "-")
		return name, nil
	}
	h := newHouse(t, cfg, k)
	h.gw.mu.Lock()
	h.gw.trust = 0
	h.gw.mu.Unlock()
	h.worker.refuses = func(r *bus.Request) bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		status := k.dead[tokenOf(r.Header)]
		return status == 401 || status == 403
	}
	return h, k
}

const ann1, ann2 = "Authorization: Bearer ann-1", "Authorization: Bearer ann-2"

// recheck lets the time come for all credentials to be tried.
func (h *house) recheck() { h.gw.recheck(time.Now().Add(h.gw.Recheck)) }

// TestDeadTokenEndsItsSubscriberAlone: two tokens of one identity share a list;
// one of them expires at the app.
func TestDeadTokenEndsItsSubscriberAlone(t *testing.T) {
	for _, status := range []int{401, 403} {
		h, k := newTokenHouse(t, Config{})
		h.worker.lists["/a"] = items("1:x", "2:y")
		old, one, two := h.dial("s0", version1, ann1), h.begin("s1", ann1), h.begin("s2", ann2)
		h.observe("/a", "s0", ann1)
		h.observe("/a", "s1", ann1)
		e := h.observe("/a", "s2", ann2)
		k.kill("ann-1", status)
		h.recheck()
		if f, _ := one.until("closed"); f.Code != string(wire.CodePermissionRevoked) || f.Observer != e.Observer {
			t.Errorf("version 2: %s", f.raw)
		}
		if f, removed := old.until("closed"); f.Code != string(wire.CodePermissionRevoked) || len(removed) != 2 {
			t.Errorf("version 1: %s after %d removed", f.raw, len(removed))
		}
		h.worker.set(map[string][]diff.Item{"/a": items("1:secret")})
		two.until("changes")
		for _, f := range one.barrier() {
			if f.Type == "changes" || f.Type == "snapshot" {
				t.Errorf("who has no rights was sent %s", f.raw)
			}
		}
	}
}

// TestAnothersCredentialsCarryOn: the worker evaluates with a token that
// expires; who has a good one goes on, who has the dead one does not.
func TestAnothersCredentialsCarryOn(t *testing.T) {
	h, k := newTokenHouse(t, Config{})
	h.worker.lists["/a"] = items("1:x")
	one, two := h.begin("s1", ann1), h.begin("s2", ann2)
	h.observe("/a", "s1", ann1)
	h.observe("/a", "s2", ann2)
	k.kill("ann-2", 401)
	h.worker.mu.Lock()
	h.worker.lists["/a"] = items("1:new")
	h.worker.mu.Unlock()
	h.worker.close("/a", wire.CodePermissionRevoked)
	if f, _ := two.until("closed"); f.Code != string(wire.CodePermissionRevoked) {
		t.Errorf("%s", f.raw)
	}
	if f, _ := one.until("snapshot"); f.Reason != wire.ReasonEpoch || !strings.Contains(f.raw, "new") {
		t.Errorf("%s", f.raw)
	}
	h.worker.set(map[string][]diff.Item{"/a": items("1:newer")})
	one.until("changes")
	k.kill("ann-1", 401)
	h.worker.close("/a", wire.CodePermissionRevoked)
	if f, _ := one.until("closed"); f.Code != string(wire.CodePermissionRevoked) {
		t.Errorf("%s", f.raw)
	}
}

func TestResumeWithADeadToken(t *testing.T) {
	for name, v := range map[string]version{"version 1": version1, "version 2": version2} {
		t.Run(name, func(t *testing.T) {
			h, k := newTokenHouse(t, Config{})
			h.worker.lists["/a"] = items("1:x")
			e := h.observe("/a", "s1", ann1)
			k.kill("ann-1", 401)
			h.worker.mu.Lock() // not the worker's word: the app's
			h.worker.refuses = nil
			h.worker.mu.Unlock()
			h.worker.set(map[string][]diff.Item{"/a": items("1:secret")})
			c := h.dial("s1", v, ann1)
			if v == version2 {
				c.until("hello")
				c.say(`{"type":"resume","id":1,"observers":{%q:{"epoch":%q,"seq":0,"url":"/a"}}}`, e.Observer, e.Epoch)
			}
			f, before := c.until("closed")
			if f.Code != string(wire.CodePermissionRevoked) {
				t.Errorf("%s", f.raw)
			}
			for _, f := range before {
				if strings.Contains(f.raw, "secret") {
					t.Errorf("a dead token was sent %s", f.raw)
				}
			}
		})
	}
}

// TestReturnWithAFreshToken: the credentials that come with the socket count,
// not those of long ago.
func TestReturnWithAFreshToken(t *testing.T) {
	h, k := newTokenHouse(t, Config{})
	h.worker.lists["/a"] = items("1:x")
	e := h.observe("/a", "s1", ann1)
	k.kill("ann-1", 401)
	h.worker.set(map[string][]diff.Item{"/a": items("1:y")})
	c := h.dial("s1", version2, ann2)
	c.until("hello")
	c.say(`{"type":"resume","id":1,"observers":{%q:{"epoch":%q,"seq":0,"url":"/a"}}}`, e.Observer, e.Epoch)
	c.until("changes")
	h.worker.await("the fresh token", func() bool {
		return tokenOf(h.worker.asked[len(h.worker.asked)-1].Request.Header) == "ann-2"
	})
	h.recheck()
	h.worker.set(map[string][]diff.Item{"/a": items("1:z")})
	c.until("changes")
	c.say(`{"type":"authenticate","token":"ann-3"}`)
	h.worker.await("the token of authenticate", func() bool {
		return tokenOf(h.worker.asked[len(h.worker.asked)-1].Request.Header) == "ann-3"
	})
}

func TestPollWithADeadToken(t *testing.T) {
	h, k := newTokenHouse(t, Config{})
	h.worker.lists["/a"] = items("1:x")
	tag := h.poll("/a", "", 0, ann1).tag()
	h.worker.mu.Lock()
	h.worker.refuses = nil
	h.worker.mu.Unlock()
	dead := make(chan string, 1)
	asked := h.worker.asks()
	go func() {
		resp, body := h.do("GET", "/a", "Prefer: wait=30", "If-None-Match: "+tag, ann1)
		dead <- resp.Status + string(body)
	}()
	h.worker.await("the poll", func() bool { return len(h.worker.asked) > asked })
	good := h.polling("/a", tag, 30, ann2)
	k.kill("ann-1", 401)
	h.worker.set(map[string][]diff.Item{"/a": items("1:secret")})
	if got := <-dead; !strings.HasPrefix(got, "401") || strings.Contains(got, "secret") || !strings.Contains(got, "expired") {
		t.Errorf("the dead token got %s", got)
	}
	if got := <-good; got.StatusCode != 200 || !strings.Contains(got.raw, "secret") {
		t.Errorf("the good token got %d %s", got.StatusCode, got.raw)
	}
	if resp, body := h.do("GET", "/a", "Prefer: wait=0", ann1); resp.StatusCode != 401 {
		t.Errorf("the dead token polls again: %d %s", resp.StatusCode, body)
	}
}

// TestSubscribeWithADeadToken: the list is there already, made with another's
// credentials.
func TestSubscribeWithADeadToken(t *testing.T) {
	h, k := newTokenHouse(t, Config{})
	h.worker.lists["/a"] = items("1:x")
	h.worker.doubts = true
	h.observe("/a", "s1", ann1)
	k.kill("ann-2", 403)
	h.worker.mu.Lock()
	h.worker.refuses = nil
	h.worker.mu.Unlock()
	if resp, body := h.do("GET", "/a?observe=s2", ann2); resp.StatusCode != 403 || !strings.Contains(string(body), "expired") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	c := h.begin("s3", ann2)
	c.say(`{"type":"subscribe","id":1,"url":"/a"}`)
	if f, _ := c.until("error"); f.Code != string(wire.CodePermissionRevoked) {
		t.Errorf("%s", f.raw)
	}
	h.observe("/a", "s4", "Authorization: Bearer ann-4")
	h.worker.mu.Lock()
	defer h.worker.mu.Unlock()
	for _, m := range h.worker.asked {
		if m.Vouched && tokenOf(m.Request.Header) == "ann-2" {
			t.Error("a dead token was vouched for")
		}
	}
	if last := h.worker.asked[len(h.worker.asked)-1]; !last.Vouched || tokenOf(last.Request.Header) != "ann-4" {
		t.Errorf("the last question is of %s", tokenOf(last.Request.Header))
	}
}

// TestIllAppRevokesNobody: an app that cannot say is asked again, and only
// after long do those wait for whom it never did.
func TestIllAppRevokesNobody(t *testing.T) {
	for _, status := range []int{500, 503, 429, -1} {
		h, k := newTokenHouse(t, Config{})
		h.worker.lists["/a"] = items("1:x")
		c := h.begin("s1", ann1)
		e := h.observe("/a", "s1", ann1)
		k.kill("ann-1", status)
		h.recheck()
		h.awaitTries(k, "ann-1", 1)
		h.worker.set(map[string][]diff.Item{"/a": items("1:y")})
		c.until("changes")
		f := h.gw.feed(e.Observer)
		f.mu.Lock()
		for _, g := range f.grants {
			g.proven = g.proven.Add(-2 * h.gw.Recheck)
		}
		f.mu.Unlock()
		before := k.tries("ann-1")
		h.recheck()
		h.awaitTries(k, "ann-1", before+1)
		h.worker.set(map[string][]diff.Item{"/a": items("1:z")})
		for _, f := range c.barrier() {
			if f.Type == "changes" || f.Type == "closed" {
				t.Errorf("%d: %s, want that it waits", status, f.raw)
			}
		}
		k.kill("ann-1", 0)
		h.recheck()
		c.until("changes")
	}
}

// awaitTries waits until a token has been tried so often, and nothing is under
// way.
func (h *house) awaitTries(k *tokens, token string, n int) {
	h.t.Helper()
	deadline := time.Now().Add(waitMost)
	for k.tries(token) < n || h.trying() {
		if time.Now().After(deadline) {
			h.t.Fatalf("%s was tried %d times, want %d", token, k.tries(token), n)
		}
	}
}

func (h *house) trying() bool {
	h.gw.mu.Lock()
	defer h.gw.mu.Unlock()
	for _, f := range h.gw.feeds {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, t := range f.grants {
			if t.trial != nil {
				return true
			}
		}
	}
	return false
}

// TestEqualCredentialsAreTriedOnce, at each recheck, however many have them;
// and none without credentials.
func TestEqualCredentialsAreTriedOnce(t *testing.T) {
	h, k := newTokenHouse(t, Config{})
	for _, session := range []string{"s1", "s2", "s3", "s4"} {
		h.observe("/a", session, ann1)
	}
	h.observe("/a", "s5", ann2)
	h.observe("/b", "s6")
	h.observe("/b", "s7")
	h.gw.recheck(time.Now().Add(h.gw.Recheck/2 - time.Second))
	if n := k.tries("ann-1"); n != 0 {
		t.Errorf("tried %d times before it was due", n)
	}
	h.recheck()
	h.awaitTries(k, "ann-1", 1)
	h.awaitTries(k, "ann-2", 1)
	if one, two, none := k.tries("ann-1"), k.tries("ann-2"), k.tries(""); one != 1 || two != 1 || none != 0 {
		t.Errorf("tried %d and %d times, and %d times nobody", one, two, none)
	}
}

func TestRechecksAreSpread(t *testing.T) {
	now := time.Now()
	var grants [1000]grant
	early := 0
	for i := range grants {
		grants[i].prove(now, 30*time.Second)
		if wait := grants[i].due.Sub(now); wait < 15*time.Second || wait >= 30*time.Second {
			t.Fatalf("due after %v, want within 30 s", wait)
		} else if wait < 20*time.Second {
			early++
		}
	}
	if early < 200 || early > 470 {
		t.Errorf("%d of 1000 are due in the first third", early)
	}
}

// TestEndingCredentialsAreDueThen: also long before they are tried anyway.
func TestEndingCredentialsAreDueThen(t *testing.T) {
	now := time.Now()
	g := &Gateway{}
	g.Expires = func(r *http.Request) time.Time {
		if tokenOf(r.Header) == "ann-1" {
			return now.Add(time.Second)
		}
		return time.Time{}
	}
	f := &feed{gateway: g}
	due := func(token string, at time.Time) time.Duration {
		t := f.grant(&bus.Request{URL: "/a", Header: http.Header{"Authorization": {"Bearer " + token}}, Credentials: token}, "ann")
		t.prove(at, time.Hour)
		return t.due.Sub(at)
	}
	if wait := due("ann-1", now); wait != time.Second {
		t.Errorf("due after %v, they end after 1 s", wait)
	}
	if wait := due("ann-1", now.Add(2*time.Second)); wait < time.Minute {
		t.Errorf("due after %v, though they were good after their end", wait)
	}
	if wait := due("ann-2", now); wait < time.Minute {
		t.Errorf("due after %v, they do not end", wait)
	}
}

func TestAliveIsAsked(t *testing.T) {
	var mu sync.Mutex
	answer, err := true, error(nil)
	asked := make(chan string, 100)
	h, k := newTokenHouse(t, Config{Alive: func(r *http.Request) (bool, error) {
		mu.Lock()
		defer mu.Unlock()
		m := mark.From(r.Context())
		if m == nil || !m.Evaluating || r.URL.Path != "/a" {
			t.Errorf("asked with %s, evaluating %+v", r.URL, m)
		}
		asked <- tokenOf(r.Header)
		return answer, err
	}})
	say := func(a bool, e error) {
		mu.Lock()
		defer mu.Unlock()
		answer, err = a, e
	}
	c := h.begin("s1", ann1)
	h.observe("/a", "s1", ann1)
	say(false, errors.New("the directory is down"))
	h.recheck()
	if got := <-asked; got != "ann-1" {
		t.Errorf("asked for %s", got)
	}
	if resp, body := h.do("GET", "/a", "Prefer: wait=0", ann1); resp.StatusCode != 503 {
		t.Errorf("a poll that cannot be proven: %d %s", resp.StatusCode, body)
	}
	say(false, nil)
	resp, body := h.do("GET", "/a", "Prefer: wait=0", ann1)
	var p wire.Problem
	if json.Unmarshal(body, &p) != nil || resp.StatusCode != 403 || p.Code != wire.CodePermissionRevoked {
		t.Errorf("a poll: %d %s", resp.StatusCode, body)
	}
	if f, _ := c.until("closed"); f.Code != string(wire.CodePermissionRevoked) {
		t.Errorf("%s", f.raw)
	}
	if n := k.tries("ann-1"); n != 0 {
		t.Errorf("the view ran %d times", n)
	}
}

// TestProofByAnotherWay: who waits for its credentials to be proven goes on when
// a GET with them has proven them, and not when they would be tried next.
func TestProofByAnotherWay(t *testing.T) {
	h, k := newTokenHouse(t, Config{Recheck: time.Hour})
	h.observe("/a", "s1", "Authorization: Bearer ann-1")
	k.kill("ann-1", 503)
	tried := k.tries("ann-1")
	c := h.begin("s1", "Authorization: Bearer ann-1")
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	for deadline := time.Now().Add(waitMost); k.tries("ann-1") == tried; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the credentials were not tried")
		}
	}
	k.kill("ann-1", 0)
	h.observe("/a", "s1", "Authorization: Bearer ann-1")
	c.until("changes")
}
