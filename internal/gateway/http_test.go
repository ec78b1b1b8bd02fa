package gateway

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/wire"
)

func TestObserveAnswer(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x", "2:y")
	resp, body := h.do("GET", "/a?state=open&observe=s1", "Wakeful-Position: testtest0000000000000007")
	if resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("header %v", resp.Header)
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil || len(e.Items) != 2 || len(e.Observer) != 64 {
		t.Errorf("body %s", body)
	}
	asked := h.worker.asked[0]
	if asked.Request.URL != "/a?state=open" || asked.After != "testtest0000000000000007" {
		t.Errorf("the worker was asked for %s after %q", asked.Request.URL, asked.After)
	}
}

func TestPassThrough(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	for _, target := range []string{"/plain", "/plain?observe=s1", "/plain?x=1&observe=!", "/a", "/a?x=1"} {
		resp, body := h.do("GET", target)
		_, query, _ := strings.Cut(target, "?")
		if string(body) != "plain" || resp.Header.Get("X-Query") != query || resp.Header.Get("Set-Cookie") != "" {
			t.Errorf("GET %s: %v %s", target, resp.Header, body)
		}
	}
	if resp, body := h.do("POST", "/a?observe=s1"); string(body) != "plain" || resp.Header.Get("X-Query") != "observe=s1" {
		t.Errorf("POST: %v %s", resp.Header, body)
	}
	if h.worker.asks() != 0 || h.gw.Status().Sessions != 0 {
		t.Error("a request that is none of ours left a trace")
	}
}

// TestStreamingIsNotHeldBack reads the first part of an unmarked answer while
// its handler waits for that.
func TestStreamingIsNotHeldBack(t *testing.T) {
	read := make(chan struct{})
	h := newHouse(t, Config{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first\n")
		w.(http.Flusher).Flush()
		<-read
		_, _ = io.WriteString(w, "second\n")
	}))
	resp, err := http.Get(h.server.URL + "/stream?observe=s1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	if line, err := in.ReadString('\n'); line != "first\n" {
		t.Fatalf("%q %v", line, err)
	}
	close(read)
	if line, err := in.ReadString('\n'); line != "second\n" {
		t.Fatalf("%q %v", line, err)
	}
}

func TestHijackPasses(t *testing.T) {
	h := newHouse(t, Config{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 299 Mine\r\nContent-Length: 0\r\n\r\n")
		_ = conn.Close()
	}))
	if resp, _ := h.do("GET", "/x?observe=s1"); resp.StatusCode != 299 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// TestMarkedInsideTheHandler is wakeful.Observe: what the handler writes after
// it is swallowed, what outer middleware set before it stays.
func TestMarkedInsideTheHandler(t *testing.T) {
	h := newHouse(t, Config{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Outer", "yes")
		w.Header().Set("Content-Length", "5")
		w.Header().Set("ETag", "old")
		mark.From(r.Context()).Set(&mark.View{Name: "late", Key: []string{"id"}})
		w.Header().Set("X-Inner", "yes")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "inner")
		w.(http.Flusher).Flush()
	}))
	h.worker.lists["/late"] = items("1:x")
	resp, body := h.do("GET", "/late?observe=s1")
	if resp.StatusCode != 200 || !strings.Contains(string(body), `"items":[{"id":1`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp.Header.Get("X-Outer") != "yes" || resp.Header.Get("X-Inner") != "" || resp.Header.Get("Etag") != "" {
		t.Errorf("header %v", resp.Header)
	}
}

func TestMarkedTooLate(t *testing.T) {
	h := newHouse(t, Config{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begun, ")
		mark.From(r.Context()).Set(&mark.View{Name: "late", Key: []string{"id"}})
		_, _ = io.WriteString(w, "ended")
	}))
	if _, body := h.do("GET", "/x?observe=s1"); string(body) != "begun, ended" {
		t.Errorf("body %q: an answer that has begun must go on", body)
	}
}

func TestObserveRefusals(t *testing.T) {
	tests := []struct {
		name, target string
		lines        []string
		status       int
		code         wire.Code
	}{
		{"empty session", "/a?observe=", nil, 400, wire.CodeBadSession},
		{"no value", "/a?observe", nil, 400, wire.CodeBadSession},
		{"space", "/a?observe=has%20space", nil, 400, wire.CodeBadSession},
		{"dot", "/a?observe=a.b", nil, 400, wire.CodeBadSession},
		{"umlaut", "/a?observe=%C3%A4", nil, 400, wire.CodeBadSession},
		{"101 characters", "/a?observe=" + strings.Repeat("x", 101), nil, 400, wire.CodeBadSession},
		{"100 characters", "/a?observe=" + strings.Repeat("x", 100), nil, 200, ""},
		{"every character", "/a?observe=Az0_-", nil, 200, ""},
		{"position", "/a?observe=s1", []string{"Wakeful-Position: !"}, 400, wire.CodeBadRequest},
		{"cross site", "/a?observe=s1", []string{"Sec-Fetch-Site: cross-site"}, 403, wire.CodeCrossSite},
	}
	h := newHouse(t, Config{}, nil)
	for _, tt := range tests {
		resp, body := h.do("GET", tt.target, tt.lines...)
		var p wire.Problem
		_ = json.Unmarshal(body, &p)
		if resp.StatusCode != tt.status || p.Code != tt.code {
			t.Errorf("%s: %d %s, want %d %s", tt.name, resp.StatusCode, body, tt.status, tt.code)
		}
		if tt.code != "" && resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: Content-Type %s", tt.name, resp.Header.Get("Content-Type"))
		}
	}
}

func TestAnswersOfTheViewPass(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.answers["/a"] = &bus.Observed{Response: &bus.Response{
		Status: 402, Header: map[string][]string{"Content-Type": {"text/x"}, "Set-Cookie": {"a=b"}}, Body: []byte("pay")}}
	resp, body := h.do("GET", "/a?observe=s1")
	if resp.StatusCode != 402 || string(body) != "pay" || resp.Header.Get("Content-Type") != "text/x" || resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
	h.worker.answers["/b"] = &bus.Observed{Problem: wire.NewProblem(503, wire.CodePositionTimeout, "late")}
	if resp, body = h.do("GET", "/b?observe=s1"); resp.StatusCode != 503 || !strings.Contains(string(body), "position_timeout") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if status := h.gw.Status(); status.Sessions != 0 || status.Subscriptions != 0 {
		t.Errorf("nothing was observed, but there is %+v", status)
	}
}

func TestNoAnswerInTime(t *testing.T) {
	h := newHouse(t, Config{AnswerWait: 20e6}, nil)
	h.worker.deaf["/a"] = true
	if resp, body := h.do("GET", "/a?observe=s1"); resp.StatusCode != 503 || !strings.Contains(string(body), "unavailable") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// TestLimits: one more than allowed is refused, and nothing else suffers.
func TestLimits(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{Subscriptions: 2, Sessions: 2}}, nil)
	h.observe("/a", "s1")
	h.observe("/b", "s1")
	h.observe("/a", "s1") // has it
	if resp, body := h.do("GET", "/c?observe=s1"); resp.StatusCode != 429 || !strings.Contains(string(body), "too_many_subscriptions") {
		t.Errorf("third list: %d %s", resp.StatusCode, body)
	}
	h.observe("/a", "s2")
	if resp, body := h.do("GET", "/a?observe=s3"); resp.StatusCode != 429 || !strings.Contains(string(body), "too_many_sessions") {
		t.Errorf("third session: %d %s", resp.StatusCode, body)
	}
	h.observe("/a", "s4", "Authorization: Bearer x") // another account
	if _, err := h.tryDial("s3", version1); err == nil || err.Error() != "handshake answered 429" {
		t.Errorf("socket of a third session: %v", err)
	}
	h.dial("s3", version2).expectClose(wire.CloseTooMany)
	h.dial("s1", version1)
}

// TestSnapshotIsNotOlderThanProgress asks for at least what the session saw.
func TestSnapshotIsNotOlderThanProgress(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	c := h.dial("s1", version2)
	c.expect("hello")
	c.say(`{"type":"resume","observers":{}}`)
	h.observe("/a", "s1")
	at := h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	c.until("progress")
	h.observe("/b", "s1")
	if got := h.worker.asked[1].After; got != at {
		t.Errorf("asked after %q, want the progress %q", got, at)
	}
	later := change.NewPosition("testtest", 99)
	h.observe("/c", "s1", "Wakeful-Position: "+string(later))
	if got := h.worker.asked[2].After; got != later {
		t.Errorf("asked after %q, want the header's %q", got, later)
	}
	h.observe("/c?x", "s1", "Wakeful-Position: "+string(change.NewPosition("another1", 1)))
	if got := h.worker.asked[3].After; got != at {
		t.Errorf("asked after %q, want the progress: the header is of another history", got)
	}
}

// TestUnwrittenAnswerIsUndone breaks the connection of a GET before the worker
// answers.
func TestUnwrittenAnswerIsUndone(t *testing.T) {
	h := newHouse(t, Config{Linger: 10e6}, nil)
	h.worker.deaf["/a"] = true
	conn, err := net.Dial("tcp", h.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET /a?observe=s1 HTTP/1.1\r\nHost: h\r\n\r\n")
	h.worker.await("the question", func() bool { return len(h.worker.asked) == 1 })
	_ = conn.Close()
	h.awaitEvent(event.Refused) // nobody waits any more
	h.awaitGone(h.worker.asked[0].Observer)
}

// awaitGone answers the first question and waits until the gateway lets its
// observer go.
func (h *house) awaitGone(observer string) {
	h.t.Helper()
	h.worker.mu.Lock()
	h.worker.send(h.worker.answer(h.worker.asked[0], "/a"))
	h.worker.mu.Unlock()
	h.worker.await("the observer being left", func() bool {
		for _, left := range h.worker.left {
			if left == observer {
				return true
			}
		}
		return false
	})
	if n := h.gw.Status().Subscriptions; n != 0 {
		h.t.Errorf("%d subscriptions of a client that got no answer", n)
	}
}

func TestUnsubscribeOverHTTP(t *testing.T) {
	h := newHouse(t, Config{Linger: 10e6}, nil)
	e := h.observe("/a", "s1")
	tests := []struct {
		name, method, target string
		status               int
	}{
		{"nothing", "POST", "/api/queryobserver/unsubscribe", 400},
		{"no subscriber", "POST", "/api/queryobserver/unsubscribe?observer=x", 400},
		{"no observer", "POST", "/api/queryobserver/unsubscribe?subscriber=s1", 400},
		{"GET", "GET", "/api/queryobserver/unsubscribe?observer=x&subscriber=s1", 405},
		{"unknown observer", "POST", "/api/queryobserver/unsubscribe?observer=x&subscriber=s1", 200},
		{"unknown session", "POST", "/api/queryobserver/unsubscribe?observer=x&subscriber=none", 200},
		{"known", "POST", "/api/queryobserver/unsubscribe?observer=" + e.Observer + "&subscriber=s1", 200},
		{"again", "POST", "/api/queryobserver/unsubscribe?observer=" + e.Observer + "&subscriber=s1", 200},
	}
	for _, tt := range tests {
		resp, body := h.do(tt.method, tt.target)
		if resp.StatusCode != tt.status {
			t.Errorf("%s: %d %s, want %d", tt.name, resp.StatusCode, body, tt.status)
		}
		if tt.status == 200 && (string(body) != "{}" || resp.Header.Get("Content-Type") != "application/json") {
			t.Errorf("%s: %q %s, want {} as JSON", tt.name, body, resp.Header.Get("Content-Type"))
		}
	}
	h.worker.await("that nobody follows any more", func() bool { return len(h.worker.left) == 1 })
}
