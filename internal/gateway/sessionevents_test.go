package gateway

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/wire"
)

func TestEventsOfASession(t *testing.T) {
	over(t, Config{}, func(t *testing.T, h *house, client *http.Client) {
		h.worker.set(map[string][]diff.Item{"/a": items("1:x"), "/b": items("1:x")})
		a := h.observeOver(client, "/a", "s").Observer
		l := h.listenOver(client, "/ws/s")
		hello := l.next()
		if hello.name != "hello" || fmt.Sprint(hello.Observers) != fmt.Sprint([]string{a}) || hello.id != "" {
			t.Fatalf("first event: %s", hello.raw)
		}
		b := h.observeOver(client, "/b", "s").Observer
		position := h.worker.set(map[string][]diff.Item{"/a": items("1:y"), "/b": items("1:z")})
		p, before := l.until("progress")
		for p.Position != string(position) {
			var more []sent
			p, more = l.until("progress")
			before = append(before, more...)
		}
		got := map[string]string{}
		for _, e := range before {
			if e.name == "changes" {
				got[e.Observer] = e.id + string(e.Ops)
			}
		}
		if !strings.Contains(got[a], `"y"`) || !strings.Contains(got[b], `"z"`) || len(got) != 2 {
			t.Errorf("changes: %v", got)
		}
		if !strings.Contains(p.id, ":") {
			t.Errorf("id of the progress: %q", p.id)
		}
	})
}

// eventful is a client of a session's events that is cut now and then. It keeps
// its lists by observer, and takes each diff once, as a version 2 client.
type eventful struct {
	h     *house
	lists map[string][]diff.Item
	seq   map[string]uint64
	paths map[string]string
}

func (k *eventful) take(e sent) {
	switch e.name {
	case "snapshot":
		k.lists[e.Observer], k.seq[e.Observer] = follows(k.h.t, nil, e), e.Seq
	case "changes":
		if e.Seq <= k.seq[e.Observer] {
			return
		}
		if e.Seq != k.seq[e.Observer]+1 {
			k.h.t.Fatalf("changes %d after %d: %s", e.Seq, k.seq[e.Observer], e.raw)
		}
		k.lists[e.Observer], k.seq[e.Observer] = follows(k.h.t, k.lists[e.Observer], e), e.Seq
	}
}

// TestEventsOfASessionSurviveCuts: whatever a cut took, with the id of the
// last event that was read or without, the client comes to what the server
// has, and is sent nothing again that its id says it has.
func TestEventsOfASessionSurviveCuts(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			h := newHouse(t, Config{Limits: Limits{LogDiffs: 12}}, nil)
			paths := []string{"/a", "/b", "/c"}
			lists := map[string][]diff.Item{}
			change := func() string {
				path := paths[random.IntN(3)]
				lists[path] = items(fmt.Sprintf("%d:v%d", random.IntN(3), random.IntN(1000)), fmt.Sprintf("%d:w", 5+random.IntN(3)))
				return string(h.worker.set(map[string][]diff.Item{path: lists[path]}))
			}
			for range 6 {
				change()
			}
			k := &eventful{h: h, lists: map[string][]diff.Item{}, seq: map[string]uint64{}, paths: map[string]string{}}
			for _, path := range paths {
				e := h.observe(path, "s")
				k.lists[e.Observer], k.seq[e.Observer], k.paths[e.Observer] = modelOf(e.Items).items, e.Seq, path
			}
			id := ""
			for range 25 {
				var lines []string
				surely := map[string]uint64{}
				if id != "" && random.IntN(4) > 0 {
					lines = []string{"Last-Event-ID: " + id}
				}
				l := h.listen("/ws/s", lines...)
				if hello := l.next(); hello.name != "hello" || len(hello.Observers) != 3 {
					t.Fatalf("hello: %s", hello.raw)
				}
				for range random.IntN(8) {
					change()
				}
				for range random.IntN(6) { // then the cut: more may have been sent
					select {
					case e := <-l.events:
						k.take(e)
						if e.id != "" {
							id = e.id
							for observer, seq := range k.seq {
								surely[observer] = seq
							}
						}
					default:
					}
				}
				l.cut()
				for range random.IntN(5) {
					change()
				}
			}
			last := change()
			l := h.listen("/ws/s", "Last-Event-ID: "+id)
			for {
				e := l.next()
				k.take(e)
				if e.name == "progress" && e.Position == last {
					break
				}
			}
			for observer, list := range k.lists {
				if want := lists[k.paths[observer]]; text(list) != text(want) {
					t.Errorf("%s: holds %s, want %s", k.paths[observer], text(list), text(want))
				}
			}
		})
	}
}

// TestEventIDOfASession: what an id says was received is not sent again; an id
// of another session, or none, sends all since the GET.
func TestEventIDOfASession(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x"), "/b": items("1:x")})
	h.observe("/a", "s")
	h.observe("/b", "s")
	h.observe("/a", "other")
	l, o := h.listen("/ws/s"), h.listen("/ws/other")
	for i := range 4 {
		position := h.worker.set(map[string][]diff.Item{"/a": items(fmt.Sprintf("1:x%d", i))})
		for p := (sent{}); p.Position != string(position); p, _ = l.until("progress") {
		}
		for p := (sent{}); p.Position != string(position); p, _ = o.until("progress") {
		}
	}
	id, foreign := l.lastID, o.lastID
	h.worker.set(map[string][]diff.Item{"/b": items("2:y")})
	l.until("changes") // read, but no progress says so
	for _, c := range []struct {
		id   string
		want int
	}{{id, 1}, {foreign, 5}, {"", 5}, {"garbage", 5}, {strings.Replace(id, ":", ":x", 1), 5}, {id + "9", 5}} {
		back := h.listen("/ws/s", "Last-Event-ID: "+c.id)
		_, before := back.until("progress")
		changes := 0
		for _, e := range before {
			if e.name == "changes" {
				changes++
			}
		}
		if changes != c.want {
			t.Errorf("id %q: %d changes, want %d", c.id, changes, c.want)
		}
	}
}

// TestEventsAfterTheSessionEnded: hello names what is followed, so a client
// learns what is not.
func TestEventsAfterTheSessionEnded(t *testing.T) {
	h := newHouse(t, Config{SessionTTL: 20 * time.Millisecond}, nil)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	h.observe("/a", "s")
	h.awaitEvent(event.SessionEnded)
	if hello := h.listen("/ws/s", "Last-Event-ID: x:y").next(); hello.Observers == nil || len(hello.Observers) != 0 {
		t.Errorf("hello: %s", hello.raw)
	}
}

// TestEventsTakeOver: one session is one client, whichever way it listens.
func TestEventsTakeOver(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	h.observe("/a", "s")
	replaced := func(l *listener) {
		t.Helper()
		e, _ := l.until("close")
		if e.CloseCode != wire.CloseReplaced {
			t.Errorf("close: %s", e.raw)
		}
		l.expectEnd()
	}
	first := h.listen("/ws/s")
	first.next()
	second := h.listen("/ws/s")
	replaced(first)
	resp, body := h.do("GET", "/ws/s", "Accept: text/event-stream", "Last-Event-ID: "+first.lastID)
	if resp.StatusCode != http.StatusConflict || !strings.Contains(string(body), string(wire.CodeReplaced)) {
		t.Errorf("who was replaced comes back by itself: %d %s", resp.StatusCode, body)
	}
	c := h.dial("s", version2)
	c.say(`{"type":"resume","id":1,"observers":{}}`)
	replaced(second)
	h.worker.set(map[string][]diff.Item{"/a": items("1:y")})
	c.until("changes")
	third := h.listen("/ws/s")
	c.expectClose(wire.CloseReplaced)
	if e, _ := third.until("changes"); !strings.Contains(string(e.Ops), `"y"`) {
		t.Errorf("after the socket: %s", e.raw)
	}
}

// TestUnsubscribeOfAStream: it is answered when all was written that comes
// before, and nothing comes after.
func TestUnsubscribeOfAStream(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x"), "/b": items("1:x")})
	a, b := h.observe("/a", "s"), h.observe("/b", "s")
	l := h.listen("/ws/s")
	for i := range 20 {
		h.worker.set(map[string][]diff.Item{"/a": items(fmt.Sprintf("1:%d", i))})
	}
	if resp, body := h.do("POST", "/api/queryobserver/unsubscribe?subscriber=s&observer="+a.Observer); resp.StatusCode != 200 || string(body) != "{}" {
		t.Fatalf("unsubscribe: %d %s", resp.StatusCode, body)
	}
	h.worker.set(map[string][]diff.Item{"/a": items("1:late"), "/b": items("1:late")})
	for {
		e, _ := l.until("changes")
		if strings.Contains(string(e.Ops), "late") {
			if e.Observer != b.Observer {
				t.Errorf("after the unsubscribe was answered: %s", e.raw)
			}
			break
		}
	}
	if c := h.listen("/ws/s"); len(c.next().Observers) != 1 {
		t.Error("the session follows it still")
	}
}

// TestUnsubscribeBehindALargeDiff: one that is written by itself counts too.
func TestUnsubscribeBehindALargeDiff(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x"), "/b": items("1:x")})
	a := h.observe("/a", "s")
	h.observe("/b", "s")
	l := h.listen("/ws/s")
	l.next()
	h.worker.mu.Lock()
	h.worker.position++
	large := items("1:" + strings.Repeat("x", 2*directSize))
	h.worker.send(&bus.Round{Changes: h.worker.step(h.worker.observers[a.Observer], large)})
	h.worker.mu.Unlock()
	l.until("changes")
	h.do("POST", "/api/queryobserver/unsubscribe?subscriber=s&observer="+a.Observer)
	h.worker.set(map[string][]diff.Item{"/b": items("1:late")})
	l.until("changes") // else the stream was closed, because nobody said that it is written
}

func TestSessionEventsRefusals(t *testing.T) {
	h := newHouse(t, Config{Identity: byBearer, Limits: Limits{Sessions: 1}, Origins: []string{"https://app.example.org"}}, nil)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	h.observe("/a", "hers", "Authorization: Bearer ada")
	for _, c := range []struct {
		status int
		code   wire.Code
		target string
		lines  []string
	}{
		{400, wire.CodeBadSession, "/ws/a%20b", nil},
		{403, wire.CodeCrossSite, "/ws/s", []string{"Sec-Fetch-Site: cross-site"}},
		{401, wire.CodeUnauthenticated, "/ws/s", []string{"Authorization: Bearer bad"}},
		{403, wire.CodeForeignSession, "/ws/hers", []string{"Authorization: Bearer bob"}},
		{403, wire.CodeForeignSession, "/ws/hers", nil},
		{429, wire.CodeTooManySessions, "/ws/more", []string{"Authorization: Bearer ada"}},
		{426, wire.CodeBadRequest, "/ws/s", []string{"Accept: */*"}},
	} {
		lines := c.lines
		if c.status != 426 {
			lines = append(lines, "Accept: text/event-stream")
		}
		resp, body := h.do("GET", c.target, lines...)
		if resp.StatusCode != c.status || !strings.Contains(string(body), `"`+string(c.code)+`"`) {
			t.Errorf("%s %v: %d %s", c.target, c.lines, resp.StatusCode, body)
		}
	}
	resp, _ := h.do("OPTIONS", "/ws/s", "Origin: https://app.example.org", "Access-Control-Request-Method: GET")
	if resp.StatusCode != 204 || !strings.Contains(resp.Header.Get("Access-Control-Allow-Headers"), "Last-Event-ID") {
		t.Errorf("preflight: %d %v", resp.StatusCode, resp.Header)
	}
	h.stop()
	if resp, body := h.do("GET", "/ws/s", "Accept: text/event-stream"); resp.StatusCode != 503 {
		t.Errorf("after the end: %d %s", resp.StatusCode, body)
	}
}

func TestSessionEventsShutdown(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	l := h.listen("/ws/s")
	l.next()
	h.stop()
	if e, _ := l.until("close"); e.CloseCode != wire.CloseRestart || !strings.Contains(e.Reason, e.retry) || e.retry == "" {
		t.Errorf("close: retry %q, %s", e.retry, e.raw)
	}
	l.expectEnd()
}

// TestStalledStream: a client that reads nothing is ended, and its session
// lives on.
func TestStalledStream(t *testing.T) {
	over(t, Config{Limits: Limits{Stall: 50 * time.Millisecond}}, func(t *testing.T, h *house, client *http.Client) {
		h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
		h.observeOver(client, "/a", "s")
		h.tryListen(client, "/ws/s") // and reads nothing
		big := strings.Repeat("x", 1<<20)
		for i := range 200 {
			h.worker.set(map[string][]diff.Item{"/a": items("1:" + big + strconv.Itoa(i))})
			select {
			case e := <-h.events:
				if e.Kind != event.SocketClosed {
					continue
				}
				if h.gw.session("s") == nil {
					t.Error("the session has ended with its stream")
				}
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
		t.Fatal("the stream is open")
	})
}

// TestDiffAtAToldPosition: a view that is evaluated again without a commit has a
// diff at a position that the client was told already. It is not missed over a
// cut.
func TestDiffAtAToldPosition(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	a := h.observe("/a", "s")
	l := h.listen("/ws/s")
	position := h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	for p, _ := l.until("progress"); p.Position != string(position); p, _ = l.until("progress") {
	}
	l.cut()
	h.awaitSockets(0)
	h.worker.mu.Lock()
	h.worker.send(&bus.Round{Changes: h.worker.step(h.worker.observers[a.Observer], items("1:y"))})
	h.worker.mu.Unlock()
	h.awaitState(a.Observer, 2)
	back := h.listen("/ws/s", "Last-Event-ID: "+l.lastID)
	if e, before := back.until("changes"); e.Seq != 2 || len(before) != 1 {
		t.Errorf("after %v: %s", before, e.raw)
	}
}
