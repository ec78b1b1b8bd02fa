package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/wire"
)

// Four identities of the cross product: nobody, two users by cookie, one by an
// Authorization header.
var people = []struct {
	name string
	line string // header that says so
}{
	{"anonymous", ""},
	{"ann", "Cookie: user=ann"},
	{"bob", "Cookie: user=bob"},
	{"carl", "Authorization: Bearer carl"},
}

func lines(line string, more ...string) []string {
	if line == "" {
		return more
	}
	return append([]string{line}, more...)
}

// mayUse is the rule, said anew: same identity, or an Authorization header
// where no other identity holds the session.
func mayUse(holder, user int) bool {
	return holder == user || user == 3 && holder == 0
}

// TestOwnershipCrossProduct lets each identity use a session that each of them
// began, without the client cookie, in each way there is.
func TestOwnershipCrossProduct(t *testing.T) {
	for holder := range people {
		for user := range people {
			name := fmt.Sprintf("%s uses the session of %s", people[user].name, people[holder].name)
			t.Run(name, func(t *testing.T) {
				h := newHouse(t, Config{Cookies: []string{"user"}}, nil)
				h.worker.lists["/a"] = items("1:secret")
				first := h.observe("/a", "s1", lines(people[holder].line)...)
				ok := mayUse(holder, user)
				checkGet(t, h, user, ok)
				checkUnsubscribe(t, h, user, first.Observer, ok)
				checkSocket(t, h, user, ok)
				checkEvents(t, h, user, ok)
				checkResume(t, h, user, first.Observer, ok)
			})
		}
	}
}

func checkGet(t *testing.T, h *house, user int, ok bool) {
	t.Helper()
	resp, body := h.do("GET", "/b?observe=s1", lines(people[user].line)...)
	if (resp.StatusCode == 200) != ok {
		t.Errorf("GET: %d %s, want allowed %v", resp.StatusCode, body, ok)
	}
	if !ok && (resp.StatusCode != 403 || !strings.Contains(string(body), string(wire.CodeForeignSession))) {
		t.Errorf("GET: %d %s, want 403 foreign_session", resp.StatusCode, body)
	}
}

func checkUnsubscribe(t *testing.T, h *house, user int, observer string, ok bool) {
	t.Helper()
	resp, body := h.do("POST", "/api/queryobserver/unsubscribe?subscriber=s1&observer="+observer, lines(people[user].line)...)
	if resp.StatusCode != 200 || string(body) != "{}" {
		t.Errorf("unsubscribe: %d %s, want 200 {} whoever asks", resp.StatusCode, body)
	}
	if gone := h.gw.session("s1").find(observer) == nil; gone != ok {
		t.Errorf("unsubscribe took effect: %v, want %v", gone, ok)
	}
}

func checkSocket(t *testing.T, h *house, user int, ok bool) {
	t.Helper()
	c, err := h.tryDial("s1", version1, lines(people[user].line)...)
	var refused *refusedError
	switch {
	case ok && err != nil:
		t.Errorf("socket: %v, want it to be allowed", err)
	case !ok && (!errors.As(err, &refused) || refused.status != 403):
		t.Errorf("socket: %v, want status 403", err)
	}
	if c != nil {
		_ = c.conn.Close()
	}
}

func checkEvents(t *testing.T, h *house, user int, ok bool) {
	t.Helper()
	l := h.tryListen(http.DefaultClient, "/ws/s1", lines(people[user].line)...)
	defer l.cut()
	if want := map[bool]int{true: 200, false: 403}[ok]; l.resp.StatusCode != want {
		t.Errorf("events: %d, want %d", l.resp.StatusCode, want)
	}
}

// checkResume connects with version 2 and names what the holder follows.
func checkResume(t *testing.T, h *house, user int, observer string, ok bool) {
	t.Helper()
	c := h.dial("s1", version2, lines(people[user].line)...)
	c.next() // hello
	if ok {
		c.say(`{"type":"resume","id":1,"observers":{}}`)
		c.barrier()
		return
	}
	c.say(`{"type":"resume","id":1,"observers":{%q:{"epoch":"epoch-1","seq":0,"url":"/a"}}}`, observer)
	for {
		raw, err := c.readFrame(waitMost)
		if strings.Contains(string(raw), "secret") {
			t.Fatalf("foreign client was sent %s", raw)
		}
		var closed *closedError
		if errors.As(err, &closed) {
			if closed.code != wire.CloseForbidden {
				t.Errorf("resume: closed with %d, want 4403", closed.code)
			}
			return
		}
		if err != nil {
			t.Fatalf("resume: %v, want close 4403", err)
		}
	}
}

// TestResumeInAnotherSession takes an observer's id to a session of one's own:
// the id is no key to another identity's list.
func TestResumeInAnotherSession(t *testing.T) {
	h := newHouse(t, Config{Cookies: []string{"user"}}, nil)
	h.worker.lists["/a"] = items("1:secret")
	e := h.observe("/a", "s1", "Cookie: user=ann")
	h.worker.lists["/a"] = items("1:mine")
	c := h.dial("s2", version2, "Cookie: user=bob")
	c.expect("hello")
	c.say(`{"type":"resume","id":1,"observers":{%q:{"epoch":%q,"seq":0,"url":"/a"}}}`, e.Observer, e.Epoch)
	got := c.expect("subscribed", "snapshot")
	if strings.Contains(got[1].raw, "secret") || got[1].Observer == e.Observer {
		t.Errorf("bob got %s", got[1].raw)
	}
}

// TestFixation is the predecessor's worst hole: a foreign page makes a victim's
// browser observe into the attacker's session.
func TestFixation(t *testing.T) {
	for _, attacker := range []string{"", "Cookie: user=mallory"} {
		h := newHouse(t, Config{Cookies: []string{"user"}}, nil)
		h.worker.lists["/a"] = items("1:secret")
		c := h.dial("trap", version1, lines(attacker)...)
		for _, page := range [][]string{
			{"Sec-Fetch-Site: cross-site"},
			{"Origin: http://evil.example"},
			{"Referer: http://evil.example/page"},
			{}, // a browser that says nothing
		} {
			resp, body := h.do("GET", "/a?observe=trap", append(page, "Cookie: user=victim")...)
			if resp.StatusCode != 403 {
				t.Errorf("victim's browser observed into the attacker's session: %d %s", resp.StatusCode, body)
			}
		}
		if got := h.gw.Status().Subscriptions; got != 0 {
			t.Errorf("%d subscriptions, want none", got)
		}
		if asks := h.worker.asks(); asks != 0 {
			t.Errorf("the view was evaluated %d times for a refused request", asks)
		}
		_ = c.conn.Close()
	}
}

func TestRememberedPasswordIsNoProof(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:secret")
	h.dial("trap", version1) // an attacker without an identity
	resp, _ := h.do("GET", "/a?observe=trap", "Authorization: Basic dmljdGltOng=")
	if resp.StatusCode != 403 {
		t.Errorf("a password that the browser adds by itself opened a foreign session: %d", resp.StatusCode)
	}
}

// TestClientCookie lets one client change its identity within its session, and
// nobody else.
func TestClientCookie(t *testing.T) {
	h := newHouse(t, Config{Cookies: []string{"user"}}, nil)
	resp, _ := h.do("GET", "/a?observe=s1")
	set := resp.Header.Get("Set-Cookie")
	for _, want := range []string{clientCookie + "=", "HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(set, want) {
			t.Errorf("Set-Cookie %q lacks %s", set, want)
		}
	}
	if strings.Contains(set, "Secure") {
		t.Errorf("Set-Cookie %q is Secure on plain http", set)
	}
	mine, _, _ := strings.Cut(set, ";")
	resp, _ = h.do("GET", "/a?observe=s1", "Cookie: user=ann; "+mine) // login
	if resp.StatusCode != 200 || resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("after login: %d, Set-Cookie %q; want 200 and none", resp.StatusCode, resp.Header.Get("Set-Cookie"))
	}
	if resp, _ = h.do("GET", "/a?observe=s1", "Cookie: "+mine); resp.StatusCode != 200 { // logout
		t.Errorf("after logout: %d, want 200", resp.StatusCode)
	}
	if resp, _ = h.do("GET", "/a?observe=s1"); resp.StatusCode != 403 {
		t.Errorf("another anonymous client after the login: %d, want 403", resp.StatusCode)
	}
	if resp, _ = h.do("GET", "/a?observe=s1", "Cookie: "+clientCookie+"="+strings.Repeat("A", 32)); resp.StatusCode != 403 {
		t.Errorf("a made-up client cookie: %d, want 403", resp.StatusCode)
	}
}

func TestCookieComesWithTheHandshake(t *testing.T) {
	h := newHouse(t, Config{Cookies: []string{"user"}}, nil)
	c := h.dial("s1", version1)
	if !strings.HasPrefix(c.cookie, clientCookie+"=") {
		t.Fatalf("the 101 set %q", c.cookie)
	}
	if resp, body := h.do("GET", "/a?observe=s1", "Cookie: user=ann; "+c.cookie); resp.StatusCode != 200 {
		t.Errorf("the client of the socket: %d %s", resp.StatusCode, body)
	}
}

// TestBearerJoinsAnonymousSocket is how a browser with a token works on
// version 1: its socket cannot carry one.
func TestBearerJoinsAnonymousSocket(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.dial("s1", version1)
	if resp, body := h.do("GET", "/a?observe=s1", "Authorization: Bearer one"); resp.StatusCode != 200 {
		t.Fatalf("first token: %d %s", resp.StatusCode, body)
	}
	if resp, _ := h.do("GET", "/a?observe=s1", "Authorization: Bearer two"); resp.StatusCode != 403 {
		t.Errorf("another identity's token: %d, want 403", resp.StatusCode)
	}
}

func TestIdentityRefuses(t *testing.T) {
	h := newHouse(t, Config{Identity: func(r *http.Request) (string, error) {
		if r.Header.Get("Authorization") != "Bearer good" {
			return "", errors.New("who is there?")
		}
		return "good", nil
	}}, nil)
	resp, body := h.do("GET", "/a?observe=s1")
	var p wire.Problem
	if err := json.Unmarshal(body, &p); err != nil || resp.StatusCode != 401 || p.Code != wire.CodeUnauthenticated {
		t.Errorf("GET: %d %s, want 401", resp.StatusCode, body)
	}
	var refused *refusedError
	if _, err := h.tryDial("s1", version1); !errors.As(err, &refused) || refused.status != 403 {
		t.Errorf("version 1 socket: %v, want 403", err)
	}
	c := h.dial("s1", version2)
	c.expect("hello")
	c.say(`{"type":"resume","observers":{}}`)
	c.expectClose(wire.CloseUnauthentic)
	c = h.dial("s1", version2)
	c.expect("hello")
	c.say(`{"type":"authenticate","token":"bad"}`)
	c.expectClose(wire.CloseUnauthentic)
	c = h.dial("s1", version2)
	c.expect("hello")
	c.say(`{"type":"authenticate","token":"good"}`)
	c.say(`{"type":"resume","observers":{}}`)
	c.say(`{"type":"subscribe","id":1,"url":"/a"}`)
	c.expect("subscribed", "snapshot")
	h.worker.mu.Lock()
	defer h.worker.mu.Unlock()
	if got := h.worker.asked[0].Request.Header["Authorization"]; len(got) != 1 || got[0] != "Bearer good" {
		t.Errorf("the evaluation has Authorization %q", got)
	}
	if got := h.worker.asked[0].Identity; got == "good" || got == "" {
		t.Errorf("the identity crossed the bus as %q, want its hash", got)
	}
}
