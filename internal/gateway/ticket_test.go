package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/wire"
)

// byBearer names whom a token is of: "ada-2" is ada's.
func byBearer(r *http.Request) (string, error) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	name, _, _ := strings.Cut(token, "-")
	if name == "bad" {
		return "", errors.New("bad token")
	}
	return name, nil
}

// ticket gets a ticket.
func (h *house) ticket(lines ...string) string {
	h.t.Helper()
	resp, body := h.do("POST", "/api/queryobserver/ticket", lines...)
	var got struct {
		Ticket    string `json:"ticket"`
		ExpiresIn int    `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &got); err != nil || resp.StatusCode != 200 || got.ExpiresIn != 30 {
		h.t.Fatalf("ticket: %d %s", resp.StatusCode, body)
	}
	if resp.Header.Get("Cache-Control") != "no-store" || len(got.Ticket) < 43 {
		h.t.Errorf("ticket %q, %v", got.Ticket, resp.Header)
	}
	return got.Ticket
}

func TestTickets(t *testing.T) {
	now := time.Unix(1, 0)
	var ts tickets
	first := ts.issue(&ticket{account: "a"}, now)
	if got := ts.take(first, now.Add(ticketTTL-1)); got == nil {
		t.Error("a ticket is refused before its time is over")
	}
	if ts.take(first, now) != nil || ts.take("", now) != nil {
		t.Error("a ticket is good twice")
	}
	late := ts.issue(&ticket{account: "a"}, now)
	if ts.take(late, now.Add(ticketTTL)) != nil {
		t.Error("a ticket is good when its time is over")
	}
	seen := map[string]bool{}
	for i := range maxTicketsEach {
		value := ts.issue(&ticket{account: "a"}, now)
		if value == "" || seen[value] {
			t.Fatalf("ticket %d: %q", i, value)
		}
		seen[value] = true
	}
	if ts.issue(&ticket{account: "a"}, now) != "" {
		t.Error("one identity has more than it may")
	}
	if ts.issue(&ticket{account: "b"}, now) == "" {
		t.Error("another has none")
	}
	ts.expire(now.Add(ticketTTL))
	if len(ts.live)+len(ts.count) != 0 {
		t.Errorf("%d tickets, %d accounts after all are over", len(ts.live), len(ts.count))
	}
	for i := range maxTickets {
		if ts.issue(&ticket{account: fmt.Sprint(i / maxTicketsEach)}, now) == "" {
			t.Fatalf("ticket %d is refused", i)
		}
	}
	if ts.issue(&ticket{account: "late"}, now) != "" {
		t.Error("more in all than there may be")
	}
}

// TestTicketOpens: a ticket stands for the credentials of who got it, once,
// and nobody downstream sees it.
func TestTicketOpens(t *testing.T) {
	var log bytes.Buffer
	seen := make(chan string, 100)
	app := testApp()
	h := newHouse(t, Config{Identity: byBearer, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))},
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen <- r.URL.RawQuery + r.RequestURI
			app.ServeHTTP(w, r)
		}))
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	ada := "Authorization: Bearer ada"
	hers := h.observe("/a?n=1", "hers", ada)

	value := h.ticket(ada)
	l := h.listen("/a?n=1&ticket=" + value)
	if got := l.next(); got.name != "snapshot" || got.Observer != hers.Observer {
		t.Errorf("events of the view by ticket: %s, her list is %s", got.raw, hers.Observer)
	}
	for _, o := range h.worker.asked {
		if o.Request.URL != "/a?n=1" || http.Header(o.Request.Header).Get("Authorization") != "Bearer ada" {
			t.Errorf("evaluated: %s as %v", o.Request.URL, o.Request.Header)
		}
	}
	session := h.ticket(ada)
	if got := h.listen("/ws/hers?ticket=" + session).next(); len(got.Observers) != 1 {
		t.Errorf("events of the session by ticket: %s", got.raw)
	}
	socket := h.ticket(ada)
	c := h.dialTicket("hers", socket)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x", "2:y")})
	c.expect("added")

	for range len(seen) {
		query := <-seen
		for _, secret := range []string{value, session, socket} {
			if strings.Contains(query, secret) {
				t.Errorf("the app sees a ticket that was good: %s", query)
			}
		}
	}

	for _, used := range []string{value, session, socket, "", "garbage"} {
		for _, target := range []string{"/a?n=1&ticket=", "/ws/hers?ticket="} {
			resp, body := h.do("GET", target+used, "Accept: text/event-stream", ada)
			if resp.StatusCode != 401 || !strings.Contains(string(body), string(wire.CodeBadTicket)) {
				t.Errorf("%s with a used ticket: %d %s", target, resp.StatusCode, body)
			}
		}
		var refused *refusedError
		if _, err := h.tryDial("hers?ticket="+used, version1, ada); !errors.As(err, &refused) || refused.status != 401 {
			t.Errorf("version 1 with a used ticket: %v", err)
		}
	}
	h.stop()
	for _, secret := range []string{value, session, socket, "Bearer"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}

func (h *house) dialTicket(session, ticket string) *client {
	return h.dial(session+"?ticket="+ticket, version1)
}

// TestTicketOfAnother opens nobody's session but its owner's.
func TestTicketOfAnother(t *testing.T) {
	h := newHouse(t, Config{Identity: byBearer}, nil)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	h.observe("/a", "hers", "Authorization: Bearer ada")
	h.observe("/a", "nobodys")
	for _, session := range []string{"hers", "nobodys"} {
		resp, body := h.do("GET", "/ws/"+session+"?ticket="+h.ticket("Authorization: Bearer bob"), "Accept: text/event-stream")
		if resp.StatusCode != 403 || !strings.Contains(string(body), string(wire.CodeForeignSession)) {
			t.Errorf("%s by events: %d %s", session, resp.StatusCode, body)
		}
		var refused *refusedError
		if _, err := h.tryDial(session+"?ticket="+h.ticket("Authorization: Bearer bob"), version1); !errors.As(err, &refused) || refused.status != 403 {
			t.Errorf("%s by a socket: %v", session, err)
		}
	}
	// The ticket counts, and not what the request has beside it.
	resp, _ := h.do("GET", "/ws/hers?ticket="+h.ticket("Authorization: Bearer bob"), "Accept: text/event-stream", "Authorization: Bearer ada")
	if resp.StatusCode != 403 {
		t.Errorf("bob's ticket with her token: %d", resp.StatusCode)
	}
	l := h.listen("/a?ticket="+h.ticket("Authorization: Bearer bob"), "Authorization: Bearer ada")
	if got := h.observe("/a", "his", "Authorization: Bearer bob"); l.next().Observer != got.Observer {
		t.Error("bob's ticket shows another's list")
	}
}

func TestTicketRefusals(t *testing.T) {
	revoked := false
	h := newHouse(t, Config{Origins: []string{"https://app.example.org"}, Identity: func(r *http.Request) (string, error) {
		if revoked {
			return "", errors.New("revoked")
		}
		return byBearer(r)
	}}, nil)
	for _, c := range []struct {
		status int
		method string
		code   wire.Code
		line   string
	}{
		{405, "GET", wire.CodeBadRequest, "Accept: */*"},
		{403, "POST", wire.CodeCrossSite, "Sec-Fetch-Site: cross-site"},
		{403, "POST", wire.CodeCrossSite, "Origin: https://evil.example"},
		{401, "POST", wire.CodeUnauthenticated, "Authorization: Bearer bad"},
	} {
		resp, body := h.do(c.method, "/api/queryobserver/ticket", c.line)
		if resp.StatusCode != c.status || !strings.Contains(string(body), string(c.code)) {
			t.Errorf("%s with %s: %d %s", c.method, c.line, resp.StatusCode, body)
		}
	}
	resp, _ := h.do("OPTIONS", "/api/queryobserver/ticket", "Origin: https://app.example.org", "Access-Control-Request-Method: POST")
	if resp.StatusCode != 204 || resp.Header.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("preflight: %d %v", resp.StatusCode, resp.Header)
	}
	value := h.ticket("Authorization: Bearer ada")
	for range maxTicketsEach - 1 {
		h.ticket("Authorization: Bearer ada")
	}
	if resp, body := h.do("POST", "/api/queryobserver/ticket", "Authorization: Bearer ada"); resp.StatusCode != 429 || !strings.Contains(string(body), string(wire.CodeTooManyTickets)) {
		t.Errorf("one too many: %d %s", resp.StatusCode, body)
	}
	revoked = true
	if resp, body := h.do("GET", "/ws/s?ticket="+value, "Accept: text/event-stream"); resp.StatusCode != 401 || !strings.Contains(string(body), string(wire.CodeBadTicket)) {
		t.Errorf("credentials that are good no more: %d %s", resp.StatusCode, body)
	}
}

// TestTicketCarriesWhatCounts: cookies, and headers of its own making, as the
// identity rests on them; never the client cookie.
func TestTicketCarriesWhatCounts(t *testing.T) {
	key := func(r *http.Request) (string, error) { return r.Header.Get("X-Key"), nil }
	for name, c := range map[string]struct {
		cfg  Config
		line string
	}{
		"cookie": {Config{Cookies: []string{"user"}}, `Cookie: a=b; user="ada q"; wakeful_client=0123456789012345678901234; c`},
		"header": {Config{Identity: key}, "X-Key: ada"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, c.cfg, nil)
			h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
			want := h.observe("/a", "s", c.line).Observer
			l := h.listen("/a?ticket=" + h.ticket(c.line))
			if got := l.next(); got.Observer != want && name == "cookie" {
				t.Errorf("observer %s, by the request itself %s", got.Observer, want)
			}
			h.gw.mu.Lock()
			defer h.gw.mu.Unlock()
			for _, s := range h.gw.sessions {
				if s.owner.identity == "" {
					t.Error("a session of nobody's")
				}
			}
		})
	}
}

// TestTicketOnARouteThatIsNotMarked: the app gets its request as it came.
func TestTicketOnARouteThatIsNotMarked(t *testing.T) {
	h := newHouse(t, Config{Identity: byBearer}, nil)
	value := h.ticket("Authorization: Bearer ada")
	resp, body := h.do("GET", "/plain?x=1&ticket="+value, "Accept: text/event-stream")
	if string(body) != "plain" || resp.Header.Get("X-Query") != "x=1&ticket="+value {
		t.Errorf("%s, query %s", body, resp.Header.Get("X-Query"))
	}
	select {
	case e := <-h.events:
		if e.Kind == event.Refused {
			t.Errorf("refused: %v", e)
		}
	default:
	}
}
