package gateway

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/wire"
)

// follows applies an event to a list as a version 2 client does.
func follows(t testing.TB, list []diff.Item, e sent) []diff.Item {
	t.Helper()
	if e.Type == "snapshot" {
		var raw []json.RawMessage
		if err := json.Unmarshal(e.Items, &raw); err != nil {
			t.Fatal(err)
		}
		return modelOf(raw).items
	}
	if e.Type != "changes" {
		return list
	}
	m, err := wire.DecodeServer([]byte(e.raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range m.(*wire.ChangesFrame).Ops {
		list = carryOut(t, list, op)
	}
	return list
}

func carryOut(t testing.TB, list []diff.Item, op wire.FrameOp) []diff.Item {
	t.Helper()
	at := -1
	for i := range list {
		if list[i].Key == op.Key {
			at = i
		}
	}
	item := diff.Item{Key: op.Key, Data: op.Item}
	if at >= 0 && op.Item == nil && op.Op == "changed" {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(list[at].Data, &fields); err != nil {
			t.Fatal(err)
		}
		for name, value := range op.Set {
			fields[name] = value
		}
		item.Data, _ = json.Marshal(fields)
	}
	place := at
	var out []diff.Item
	for i := range list {
		if i != at {
			out = append(out, list[i])
		}
	}
	if op.Op == "removed" {
		return out
	}
	if op.Order != nil {
		place = *op.Order
	}
	if place < 0 || place > len(out) {
		t.Fatalf("no place %d for %q in a list of %d", place, op.Key, len(out))
	}
	return append(out[:place:place], append([]diff.Item{item}, out[place:]...)...)
}

// over runs a test over HTTP/1.1 and over HTTP/2.
func over(t *testing.T, cfg Config, test func(*testing.T, *house, *http.Client)) {
	t.Run("HTTP/1.1", func(t *testing.T) {
		h := newHouse(t, cfg, nil)
		test(t, h, http.DefaultClient)
	})
	t.Run("HTTP/2", func(t *testing.T) {
		h := newHouse(t, cfg, nil)
		server := httptest.NewUnstartedServer(h.server.Config.Handler)
		server.EnableHTTP2 = true
		server.StartTLS()
		h.server.Close()
		h.server = server
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
		t.Cleanup(transport.CloseIdleConnections)
		test(t, h, &http.Client{Transport: transport})
	})
}

func TestEventsOfAView(t *testing.T) {
	over(t, Config{}, func(t *testing.T, h *house, client *http.Client) {
		h.worker.set(map[string][]diff.Item{"/a": items("1:x", "2:y")})
		l := h.listenOver(client, "/a?n=1")
		for name, want := range map[string]string{"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept"} {
			if got := l.resp.Header.Get(name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		first := l.next()
		if first.name != "snapshot" || first.Reason != wire.ReasonSubscribe || first.id != fmt.Sprintf("%s:%d", first.Epoch, first.Seq) {
			t.Fatalf("first event: %s %s %s", first.name, first.id, first.raw)
		}
		list := follows(t, nil, first)
		for i, want := range [][]diff.Item{items("2:y", "1:x"), items("2:z", "1:x", "3:new"), items("3:new")} {
			position := h.worker.set(map[string][]diff.Item{"/a": want})
			e, _ := l.until("changes")
			if e.id != fmt.Sprintf("%s:%d", first.Epoch, i+1) {
				t.Errorf("id of changes %d: %s", i, e.id)
			}
			list = follows(t, list, e)
			if text(list) != text(want) {
				t.Fatalf("holds %s, want %s", text(list), text(want))
			}
			p := l.next()
			if p.name != "progress" || p.id != "" || p.Position != string(position) || !p.Whole {
				t.Errorf("after the changes: %q %s", p.id, p.raw)
			}
		}
		if got := h.worker.asked[0].Request; got.URL != "/a?n=1" || len(got.Header["Accept"]) != 0 {
			t.Errorf("evaluated: %s with Accept %q", got.URL, got.Header["Accept"])
		}
		l.cut()
		h.awaitEvent(event.SessionEnded)
	})
}

func TestEventsShareTheObserver(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	e := h.observe("/a", "s")
	for _, accept := range []string{"text/event-stream", "text/event-stream, */*;q=0.5"} {
		l := h.listen("/a", "Accept: "+accept)
		if got := l.next(); got.Observer != e.Observer {
			t.Errorf("%s: observer %s, a GET has %s", accept, got.Observer, e.Observer)
		}
	}
	if l := h.listen("/a", "Accept: text/event-stream, application/json;q=0.9"); l.next().Observer == e.Observer {
		t.Error("what the view is asked for beside events does not count")
	}
}

func TestEventsAreMadeOnce(t *testing.T) {
	b := newEntry(&wire.Changes{Observer: "o", Epoch: "e", Seq: 1, PrimaryKey: "id", Ops: diff.Between(nil, items("1:x"))}, "", nil).body.Load()
	if a, b := b.frameV2(sentEvent), b.frameV2(sentEvent); &a[0] != &b[0] {
		t.Error("the diff is encoded anew for a second client")
	}
	st := &state{Snapshot: wire.Snapshot{Observer: "o", Epoch: "e", PrimaryKey: "id", Items: diff.NewList(items("1:x"))}}
	if a, b := st.frame(sentEvent, wire.ReasonSubscribe), st.frame(sentEvent, wire.ReasonSubscribe); &a[0] != &b[0] {
		t.Error("the list is encoded anew for a second client")
	}
	if a, b := st.frame(sentEvent, wire.ReasonSubscribe), st.frame(textFrame, wire.ReasonSubscribe); string(a) == string(b) {
		t.Error("an event is a WebSocket frame")
	}
}

// TestWhoAsksForEvents: what Accept must say.
func TestWhoAsksForEvents(t *testing.T) {
	for accept, want := range map[string]bool{
		"text/event-stream":                         true,
		"Text/Event-Stream; charset=utf-8":          true,
		"text/event-stream, */*":                    true,
		"text/event-stream, application/json;q=0.9": true,
		"text/event-stream;q=0.9, text/html;q=0.8":  true,
		"":                                    false,
		"*/*":                                 false,
		"text/*":                              false,
		"application/json":                    false,
		"application/json, text/event-stream": false,
		"text/event-stream;q=0.5, */*":        false,
		"text/event-stream;q=0":               false,
		"text/event-stream;q=no":              false,
		"text/event-stream;q=2":               false,
		"text/event-stream;q=NaN":             false,
		"application/json, text/event-stream;q=0.1": false,
		"text/event-streams":                        false,
		",;,":                                       false,
	} {
		if got := prefersEvents(http.Header{"Accept": {accept}}); got != want {
			t.Errorf("Accept: %s: got %t", accept, got)
		}
	}
	if !prefersEvents(http.Header{"Accept": {"application/json;q=0.1", "text/event-stream"}}) {
		t.Error("a second line does not count")
	}
}

// TestEventsPassThrough: what is not asked for on a marked route is the app's.
func TestEventsPassThrough(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	for _, c := range []struct{ method, target, accept string }{
		{"GET", "/plain?ticket=theirs", "text/event-stream"},
		{"GET", "/a?ticket=theirs", "application/json"},
		{"GET", "/a", "*/*"},
		{"POST", "/a", "text/event-stream"},
		{"GET", "/a", "text/event-stream;q=0"},
	} {
		resp, body := h.do(c.method, c.target, "Accept: "+c.accept)
		_, query, _ := strings.Cut(c.target, "?")
		if string(body) != "plain" || resp.Header.Get("X-Query") != query || resp.Header.Get("Vary") != "" {
			t.Errorf("%v: %q %v", c, body, resp.Header)
		}
	}
	if h.worker.asks() != 0 {
		t.Error("the worker was asked")
	}
}

func TestEventsStatuses(t *testing.T) {
	h := newHouse(t, Config{Origins: []string{"https://app.example.org"}}, nil)
	h.worker.answers["/a"] = &bus.Observed{Response: &bus.Response{Status: 403, Header: map[string][]string{"X-Why": {"no"}}, Body: []byte("no")}}
	h.worker.answers["/b"] = &bus.Observed{Problem: wire.NewProblem(500, wire.CodeUnobservableResult, "list")}
	if resp, body := h.do("GET", "/a", "Accept: text/event-stream"); resp.StatusCode != 403 || string(body) != "no" || resp.Header.Get("X-Why") != "no" {
		t.Errorf("403 of the view: %d %s", resp.StatusCode, body)
	}
	for _, c := range []struct {
		status int
		code   wire.Code
		target string
		lines  []string
	}{
		{500, wire.CodeUnobservableResult, "/b", nil},
		{403, wire.CodeCrossSite, "/c", []string{"Sec-Fetch-Site: cross-site"}},
		{403, wire.CodeCrossSite, "/c", []string{"Origin: https://evil.example"}},
		{400, wire.CodeBadRequest, "/c", []string{"Wakeful-Position: !"}},
		{401, wire.CodeBadTicket, "/c?ticket=x", nil},
	} {
		resp, body := h.do("GET", c.target, append(c.lines, "Accept: text/event-stream")...)
		var problem wire.Problem
		if err := json.Unmarshal(body, &problem); err != nil || resp.StatusCode != c.status || problem.Code != c.code {
			t.Errorf("%s %v: %d %s", c.target, c.lines, resp.StatusCode, body)
		}
	}
	h.worker.set(map[string][]diff.Item{"/c": items()})
	l := h.listen("/c", "Origin: https://app.example.org", "Sec-Fetch-Site: cross-site")
	if got := l.resp.Header.Get("Access-Control-Allow-Origin"); got != "https://app.example.org" {
		t.Errorf("a listed origin: %q", got)
	}
	if got := l.next(); got.name != "snapshot" || string(got.Items) != "[]" {
		t.Errorf("an empty list: %s", got.raw)
	}
	if h.gw.Status().Sessions != 1 {
		t.Errorf("%d sessions: what was refused has one", h.gw.Status().Sessions)
	}
}

// TestLastEventID: a client that comes back gets what it missed where the id
// is this list's, else the list.
func TestLastEventID(t *testing.T) {
	over(t, Config{}, func(t *testing.T, h *house, client *http.Client) {
		h.worker.set(map[string][]diff.Item{"/a": items("1:x"), "/b": items("7:q")})
		l := h.listenOver(client, "/a")
		list := follows(t, nil, l.next())
		h.worker.set(map[string][]diff.Item{"/a": items("1:x", "2:y")})
		e, _ := l.until("changes")
		list = follows(t, list, e)
		l.cut()
		h.awaitEvent(event.SessionEnded)
		h.worker.set(map[string][]diff.Item{"/a": items("2:y")})
		want := items("3:z", "2:y")
		h.worker.set(map[string][]diff.Item{"/a": want})

		back := h.listenOver(client, "/a", "Last-Event-ID: "+l.lastID)
		for range 2 {
			e := back.next()
			if e.name != "changes" {
				t.Fatalf("after %s: %s", l.lastID, e.raw)
			}
			list = follows(t, list, e)
		}
		if text(list) != text(want) {
			t.Fatalf("holds %s, want %s", text(list), text(want))
		}
		other := h.listenOver(client, "/b").next()
		for _, id := range []string{
			other.id, e.Epoch, e.Epoch + ":", e.Epoch + ":-1", e.Epoch + ":4000", ":1", "x:1", "%00", strings.Repeat("e", 5000) + ":1",
			e.Epoch + ":99999999999999999999", "tag:testtest0000000000000001",
		} {
			got := h.listenOver(client, "/a", "Last-Event-ID: "+id).next()
			if got.name != "snapshot" || text(follows(t, nil, got)) != text(want) {
				t.Errorf("Last-Event-ID %.40q: %s", id, got.raw)
			}
		}
	})
}

// TestLongAwayFromAView: what the gateway has let go comes from the worker's
// log.
func TestLongAwayFromAView(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{LogDiffs: 1}}, nil)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	l := h.listen("/a")
	list := follows(t, nil, l.next())
	l.cut()
	h.awaitEvent(event.SessionEnded)
	for i := range 4 {
		h.worker.set(map[string][]diff.Item{"/a": items(fmt.Sprintf("1:x%d", i))})
	}
	back := h.listen("/a", "Last-Event-ID: "+l.lastID)
	for {
		e := back.next()
		list = follows(t, list, e)
		if e.name == "progress" {
			break
		}
	}
	if want := items("1:x3"); text(list) != text(want) {
		t.Errorf("holds %s", text(list))
	}
}

func TestEventsHeartbeat(t *testing.T) {
	h := newHouse(t, Config{Heartbeat: 20 * time.Millisecond}, nil)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	l := h.listen("/a")
	for comments := 0; comments < 5; {
		e, ok := l.any()
		if !ok {
			t.Fatal("the stream has ended")
		}
		if e.name == ":" {
			comments++
		}
	}
}

// TestEventsEnd: a list that ends says so and ends the stream, and so does the
// server.
func TestEventsEnd(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x"), "/b": items("1:x")})
	a, b := h.listen("/a"), h.listen("/b")
	a.next()
	b.next()
	h.worker.close("/a", wire.CodePermissionRevoked)
	if e, _ := a.until("closed"); e.Code != string(wire.CodePermissionRevoked) {
		t.Errorf("closed: %s", e.raw)
	}
	a.expectEnd()
	h.stop()
	if e, _ := b.until("closed"); e.Code != string(wire.CodeShutdown) || e.retry == "" || e.Observer == "" {
		t.Errorf("shutdown: %q %s", e.retry, e.raw)
	}
	b.expectEnd()
	if resp, body := h.do("GET", "/b", "Accept: text/event-stream"); resp.StatusCode != 503 {
		t.Errorf("after the end: %d %s", resp.StatusCode, body)
	}
}

func TestEventsStale(t *testing.T) {
	h := newHouse(t, Config{StaleAfter: 20 * time.Millisecond}, nil)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	l := h.listen("/a")
	l.until("stale")
	h.worker.set(map[string][]diff.Item{"/a": items("1:x", "2:y")})
	l.until("progress")
}

// TestStreamsCount: a stream of a view counts as a session of its identity.
func TestStreamsCount(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{Sessions: 2}}, nil)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	h.listen("/a")
	second := h.listen("/a")
	resp, body := h.do("GET", "/a", "Accept: text/event-stream")
	if resp.StatusCode != 429 || !strings.Contains(string(body), string(wire.CodeTooManySessions)) {
		t.Errorf("a third: %d %s", resp.StatusCode, body)
	}
	second.cut()
	h.awaitEvent(event.SessionEnded)
	h.listen("/a").next()
}

// veil hides what a ResponseWriter can do, but for what Unwrap leads to.
type veil struct{ http.ResponseWriter }

type unwrapping struct{ veil }

func (u unwrapping) Unwrap() http.ResponseWriter { return u.ResponseWriter }

func TestWrappedWriters(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	inner := h.server.Config.Handler
	h.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("veiled") {
			inner.ServeHTTP(veil{w}, r)
			return
		}
		inner.ServeHTTP(unwrapping{veil{unwrapping{veil{w}}}}, r)
	})
	h.listen("/a").next()
	h.listen("/ws/s").next()
	for _, target := range []string{"/a?veiled", "/ws/s?veiled"} {
		resp, body := h.do("GET", target, "Accept: text/event-stream")
		if resp.StatusCode != 500 || !strings.Contains(string(body), string(wire.CodeNoStreaming)) {
			t.Errorf("%s: %d %s", target, resp.StatusCode, body)
		}
	}
}
