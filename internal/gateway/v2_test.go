package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/wire"
)

// begin connects with version 2 and starts the stream with an empty resume.
func (h *house) begin(session string, lines ...string) *client {
	h.t.Helper()
	c := h.dial(session, version2, lines...)
	c.expect("hello")
	c.say(`{"type":"resume","observers":{}}`)
	return c
}

func TestHello(t *testing.T) {
	h := newHouse(t, Config{Heartbeat: 20 * time.Second}, nil)
	f := h.dial("s1", version2).next()
	for _, want := range []string{`"type":"hello"`, `"session":"s1"`, `"heartbeat_ms":20000`, `"subscriptions":1000`, `"frame_bytes":65536`} {
		if !strings.Contains(f.raw, want) {
			t.Errorf("hello %s lacks %s", f.raw, want)
		}
	}
}

// TestNothingBeforeTheFirstResume keeps frames back until the client says what
// it holds, and ends sockets that never do.
func TestNothingBeforeTheFirstResume(t *testing.T) {
	h := newHouse(t, Config{StartWait: 100 * time.Millisecond}, nil)
	c := h.dial("s1", version2)
	c.expect("hello")
	h.observe("/a", "s1")
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	if raw, err := c.readFrame(20 * time.Millisecond); err == nil {
		t.Errorf("before the resume came %s", raw)
	}
	c.expectClose(wire.CloseBadRequest)
	c = h.begin("s1")
	c.expect("changes", "progress")
}

func TestSubscribeRefusals(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{Subscriptions: 1}}, nil)
	h.worker.answers["/b"] = &bus.Observed{Response: &bus.Response{Status: 403}}
	h.worker.answers["/c"] = &bus.Observed{Response: &bus.Response{Status: 418}}
	c := h.begin("s1")
	tests := []struct {
		name, frame string
		code        wire.Code
	}{
		{"unmarked", `{"type":"subscribe","id":1,"url":"/plain"}`, wire.CodeNotObservable},
		{"unknown route", `{"type":"subscribe","id":1,"url":"/none"}`, wire.CodeNotObservable},
		{"other host", `{"type":"subscribe","id":1,"url":"http://evil.example/a"}`, wire.CodeBadRequest},
		{"other host without scheme", `{"type":"subscribe","id":1,"url":"//evil.example/a"}`, wire.CodeBadRequest},
		{"no path", `{"type":"subscribe","id":1,"url":"a"}`, wire.CodeBadRequest},
		{"broken path", `{"type":"subscribe","id":1,"url":"/%zz"}`, wire.CodeBadRequest},
		{"header", `{"type":"subscribe","id":1,"url":"/a","headers":{"Cookie":"user=root"}}`, wire.CodeBadRequest},
		{"forbidden", `{"type":"subscribe","id":1,"url":"/b"}`, wire.CodePermissionRevoked},
		{"view fails", `{"type":"subscribe","id":1,"url":"/c"}`, wire.CodeViewError},
		{"no url", `{"type":"subscribe","id":1}`, wire.CodeBadRequest},
	}
	for _, tt := range tests {
		c.say("%s", tt.frame)
		if f := c.next(); f.Type != "error" || f.Code != string(tt.code) || string(f.ID) != "1" {
			t.Errorf("%s: %s, want error %s", tt.name, f.raw, tt.code)
		}
	}
	c.say(`{"type":"subscribe","id":2,"url":"/a","headers":{"accept-language":"de"}}`)
	c.expect("subscribed", "snapshot")
	c.say(`{"type":"subscribe","id":3,"url":"/a?x=1"}`)
	if f := c.next(); f.Code != string(wire.CodeTooManySubscriptions) {
		t.Errorf("second list: %s", f.raw)
	}
	c.say(`{"type":"whatever"}`)
	if frames := c.barrier(); len(frames) != 0 {
		t.Errorf("an unknown type was answered: %v", frames)
	}
}

// TestSubscribeSharesWithGet: the two ways lead to one observer.
func TestSubscribeSharesWithGet(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	e := h.observe("/a?b=1&a=2", "s1", "Accept: */*", "User-Agent: browser")
	c := h.begin("s2")
	c.say(`{"type":"subscribe","id":1,"url":"/a?a=2&b=1&observe=s9"}`)
	if f := c.expect("subscribed", "snapshot")[0]; f.Observer != e.Observer {
		t.Error("the same request has two observers")
	}
}

func TestSubscribeSince(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	e := h.observe("/a", "s1")
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	h.worker.set(map[string][]diff.Item{"/a": items("1:x", "2:y")})
	c := h.begin("s2")
	c.say(`{"type":"subscribe","id":1,"url":"/a","since":{"epoch":%q,"seq":1}}`, e.Epoch)
	first, _ := c.until("subscribed")
	if next := c.expect("changes")[0]; first.Seq != 1 || next.Seq != 2 {
		t.Errorf("%s, %s", first.raw, next.raw)
	}
	c.say(`{"type":"subscribe","id":2,"url":"/a","since":{"epoch":"old","seq":1}}`)
	f, _ := c.until("snapshot")
	if f.Reason != wire.ReasonEpoch {
		t.Errorf("%s", f.raw)
	}
}

// TestResume covers what a client can hold when it comes back.
func TestResume(t *testing.T) {
	tests := []struct {
		name   string
		epoch  string // "" for the right one
		seq    int
		want   []string
		reason string
	}{
		{"nothing missed", "", 3, []string{"subscribed"}, ""},
		{"one missed", "", 2, []string{"subscribed", "changes"}, ""},
		{"all that the log has", "", 1, []string{"subscribed", "changes", "changes"}, ""},
		{"more than the log has", "", 0, []string{"subscribed", "snapshot"}, wire.ReasonResumeGap},
		{"the future", "", 9, []string{"subscribed", "snapshot"}, wire.ReasonResumeGap},
		{"another epoch", "other", 2, []string{"subscribed", "snapshot"}, wire.ReasonEpoch},
	}
	for _, own := range []bool{true, false} {
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s, own session %v", tt.name, own), func(t *testing.T) {
				h := newHouse(t, Config{Limits: Limits{LogDiffs: 2}}, nil)
				e := h.observe("/a", "s1")
				for _, list := range []string{"1:x", "2:y", "3:z"} {
					h.worker.set(map[string][]diff.Item{"/a": items(list)})
				}
				h.awaitState(e.Observer, 3)
				asks := h.worker.asks()
				session := "s1"
				if !own {
					session = "s2"
				}
				c := h.dial(session, version2)
				c.expect("hello")
				if tt.epoch == "" {
					tt.epoch = e.Epoch
				}
				c.say(`{"type":"resume","id":7,"observers":{%q:{"epoch":%q,"seq":%d,"url":"/a"}}}`, e.Observer, tt.epoch, tt.seq)
				got := c.expect(append(tt.want, "progress")...)
				if string(got[0].ID) != "7" || got[0].Observer != e.Observer {
					t.Errorf("%s", got[0].raw)
				}
				if tt.reason != "" && got[1].Reason != tt.reason {
					t.Errorf("%s, want reason %s", got[1].raw, tt.reason)
				}
				if h.worker.asks() != asks {
					t.Errorf("%d questions to the worker, want none", h.worker.asks()-asks)
				}
			})
		}
	}
}

// awaitState waits until a feed has come to a diff.
func (h *house) awaitState(observer string, seq uint64) {
	h.t.Helper()
	for deadline := time.Now().Add(waitMost); ; {
		if f := h.gw.feed(observer); f != nil && f.state.Load() != nil && f.state.Load().Seq >= seq {
			return
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("the feed did not come to %d", seq)
		}
		<-time.After(time.Millisecond)
	}
}

// TestResumeOfAnUnknownObserver asks the view, and names the new id beside the
// old one.
func TestResumeOfAnUnknownObserver(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x")
	h.worker.answers["/b"] = &bus.Observed{Response: &bus.Response{Status: 401}}
	c := h.dial("s1", version2)
	c.expect("hello")
	c.say(`{"type":"resume","id":1,"observers":{"old":{"epoch":"e","seq":4,"url":"/a"}}}`)
	got := c.expect("subscribed", "snapshot")
	if !strings.Contains(got[0].raw, `"replaces":"old"`) || len(got[0].Observer) != 64 || got[1].Reason != wire.ReasonEpoch {
		t.Errorf("%s, %s", got[0].raw, got[1].raw)
	}
	for entry, code := range map[string]wire.Code{
		`{"epoch":"e","seq":4}`:                              wire.CodeUnknownObserver,
		`{"epoch":"e","seq":4,"url":"/plain"}`:               wire.CodeUnknownObserver,
		`{"epoch":"e","seq":4,"url":"http://evil.example/"}`: wire.CodeUnknownObserver,
		`{"epoch":"e","seq":4,"url":"/b"}`:                   wire.CodePermissionRevoked,
	} {
		c.say(`{"type":"resume","id":2,"observers":{"gone":%s}}`, entry)
		if f, _ := c.until("closed"); f.Observer != "gone" || f.Code != string(code) {
			t.Errorf("%s: %s, want %s", entry, f.raw, code)
		}
	}
}

// TestResumeFromTheWorkersLog: a gateway that knows nothing of an observer asks
// the worker, whose log still reaches back.
func TestResumeFromTheWorkersLog(t *testing.T) {
	h := newHouse(t, Config{Linger: 5 * time.Millisecond, SessionTTL: 20 * time.Millisecond}, nil)
	h.worker.lists["/a"] = items("1:x")
	e := h.observe("/a", "s1")
	h.worker.set(map[string][]diff.Item{"/a": items("1:x", "2:y")})
	h.worker.mu.Lock()
	o := h.worker.observers[e.Observer]
	h.worker.mu.Unlock()
	h.worker.await("the observer being left", func() bool { return len(h.worker.left) == 1 })
	h.worker.mu.Lock()
	h.worker.observers[e.Observer] = o // it lingers there
	h.worker.mu.Unlock()
	c := h.dial("s1", version2)
	c.expect("hello")
	c.say(`{"type":"resume","id":1,"observers":{%q:{"epoch":%q,"seq":0,"url":"/a"}}}`, e.Observer, e.Epoch)
	first, _ := c.until("subscribed") // a progress may come first: it says that the list is behind
	if next := c.expect("changes")[0]; first.Seq != 0 || next.Seq != 1 {
		t.Errorf("%s, %s", first.raw, next.raw)
	}
	h.worker.set(map[string][]diff.Item{"/a": items("2:y")})
	if f, _ := c.until("changes"); f.Seq != 2 {
		t.Errorf("%s", f.raw)
	}
}

// TestUnnamedListsStreamOnFromTheirGet: the GET's answer may still be on its
// way when the socket resumes.
func TestUnnamedListsStreamOnFromTheirGet(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	c := h.begin("s1")
	h.observe("/a", "s1")
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	c.expect("changes")
	h.cut(c)
	h.worker.set(map[string][]diff.Item{"/a": items("2:y")})
	c = h.begin("s1")
	got := c.expect("changes", "changes", "progress")
	if got[0].Seq != 1 || got[1].Seq != 2 {
		t.Errorf("%s, %s", got[0].raw, got[1].raw)
	}
}

// TestProgress: with the diffs of a round, in one go; never back; not whole
// where a list is later than it.
func TestProgress(t *testing.T) {
	h := newHouse(t, Config{Heartbeat: 30 * time.Millisecond}, nil)
	c := h.begin("s1")
	e := h.observe("/a", "s1")
	at := h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	if got := c.expect("changes", "progress"); got[1].Position != string(at) || !got[1].Whole {
		t.Errorf("%s", got[1].raw)
	}
	if f := c.expect("progress")[0]; f.Position != string(at) || !f.Whole { // the heartbeat
		t.Errorf("%s", f.raw)
	}
	h.worker.send(&bus.Round{Progress: &wire.Progress{Position: change.NewPosition("testtest", 0), Whole: true}})
	h.worker.mu.Lock()
	h.worker.position = 7
	h.worker.mu.Unlock()
	h.observe("/b", "s1") // a list that is later than the progress
	f := c.next()
	for f.Whole {
		f = c.next()
	}
	if f.Type != "progress" || f.Position != string(at) {
		t.Errorf("%s, want the progress before, not whole", f.raw)
	}
	h.worker.send(&bus.Round{Progress: &wire.Progress{
		Position: change.NewPosition("testtest", 8), Whole: true, Behind: []string{e.Observer, "somebody else's"}}})
	for !f.Whole {
		f = c.next()
	}
	if len(f.Behind) != 1 || f.Behind[0] != e.Observer {
		t.Errorf("%s, want %s alone behind", f.raw, e.Observer)
	}
}

// TestPingTellsProgress: a client that wrote elsewhere need not wait for the
// heartbeat.
func TestPingTellsProgress(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	c := h.begin("s1")
	e := h.observe("/a", "s1")
	h.observe("/b", "s2")
	h.worker.set(map[string][]diff.Item{"/b": items("1:x")})
	h.worker.set(map[string][]diff.Item{"/b": items("2:x")})
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	h.awaitState(e.Observer, 1)
	c.until("progress")
	at := h.worker.set(map[string][]diff.Item{"/b": items("3:x")})
	h.awaitProgress(at)
	c.say(`{"type":"ping","id":"x"}`)
	if got := c.expect("progress", "pong"); got[0].Position != string(at) {
		t.Errorf("%s", got[0].raw)
	}
}

func (h *house) awaitProgress(at change.Position) {
	for p := h.gw.progress.Load(); p == nil || p.Position < at; p = h.gw.progress.Load() {
		<-time.After(time.Millisecond)
	}
}

func TestStale(t *testing.T) {
	h := newHouse(t, Config{StaleAfter: 40 * time.Millisecond}, nil)
	c := h.begin("s1")
	h.observe("/a", "s1")
	c.until("stale")
	h.worker.set(map[string][]diff.Item{"/b": items("1:x")}) // nothing of ours: progress alone
	c.expect("progress")
}

func TestClosedOnVersion2(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	c := h.begin("s1")
	e := h.observe("/a", "s1")
	h.worker.close("/a", wire.CodeTooSlow)
	if f := c.expect("closed")[0]; f.Observer != e.Observer || f.Code != string(wire.CodeTooSlow) {
		t.Errorf("%s", f.raw)
	}
	h.worker.lists["/a"] = items("1:x")
	if again := h.observe("/a", "s1"); len(again.Items) != 1 || again.Epoch == e.Epoch {
		t.Errorf("observing anew: %+v", again)
	}
	h.gw.Clear()
	if f, _ := c.until("closed"); f.Code != string(wire.CodeCleared) {
		t.Errorf("%s", f.raw)
	}
}

func TestAuthenticate(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.observe("/a", "s1", "Authorization: Bearer ann")
	c := h.dial("s1", version2)
	c.expect("hello")
	c.say(`{"type":"authenticate","token":"ann"}`)
	c.say(`{"type":"resume","observers":{}}`)
	c.barrier()
	c.say(`{"type":"authenticate","token":"ann"}`)
	c.barrier()
	c.say(`{"type":"authenticate","token":"bob"}`)
	c.expectClose(wire.CloseForbidden)
	c = h.dial("s1", version2)
	c.expect("hello")
	c.say(`{"type":"authenticate","token":"bob"}`)
	c.expectClose(wire.CloseForbidden)
	late := newHouse(t, Config{StartWait: 30 * time.Millisecond}, nil)
	late.observe("/a", "s1", "Authorization: Bearer ann")
	late.dial("s1", version2).expectClose(wire.CloseUnauthentic)
}

// TestSlowClient: what a client does not take is dropped, and it gets a
// snapshot when there is room again; the others notice nothing.
func TestSlowClient(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{Undelivered: 2000, LogDiffs: 4}}, nil)
	e := h.observe("/a", "s1") // its socket comes late
	for i := range 50 {
		h.worker.set(map[string][]diff.Item{"/a": items(fmt.Sprintf("1:%s%d", strings.Repeat("x", 100), i))})
	}
	h.awaitState(e.Observer, 50)
	c := h.begin("s1")
	f, before := c.until("snapshot")
	if f.Seq != 50 || len(before) != 0 {
		t.Errorf("%d frames and %.100s", len(before), f.raw)
	}
	h.awaitEvent(event.SnapshotSent)
	if s := h.gw.session("s1"); s.owed != 0 {
		t.Errorf("%d bytes owed after the snapshot", s.owed)
	}
}

// TestWorkerLost: another run of the worker knows other epochs; nobody is left
// with an old list.
func TestWorkerLost(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x", "2:y")
	two := h.begin("s2")
	h.observe("/a", "s2")
	one := h.dial("s1", version1)
	list := modelOf(h.observe("/a", "s1").Items)
	h.worker.mu.Lock()
	want := items("2:y", "3:z")
	h.worker.lists["/a"] = want
	clear(h.worker.observers)
	h.worker.mu.Unlock()
	h.gw.linkLost("worker")
	one.follow(list, want)
	if f, _ := two.until("snapshot"); f.Reason != wire.ReasonEpoch {
		t.Errorf("%s", f.raw)
	}
	h.worker.set(map[string][]diff.Item{"/a": items("3:z")})
	one.follow(list, items("3:z"))
	two.until("changes")
}

// TestGapInTheStream: a diff that does not follow makes the feed ask again.
func TestGapInTheStream(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	c := h.dial("s1", version1)
	e := h.observe("/a", "s1")
	list := modelOf(e.Items)
	h.worker.mu.Lock()
	o := h.worker.observers[e.Observer]
	h.worker.position++
	h.worker.step(o, items("1:x")) // lost
	h.worker.mu.Unlock()
	want := items("1:x", "2:y")
	h.worker.set(map[string][]diff.Item{"/a": want})
	c.follow(list, want)
}

func TestShutdown(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	one, two := h.dial("s1", version1), h.begin("s2")
	two.barrier()
	h.stop()
	one.expectClose(wire.CloseRestart)
	two.expectClose(wire.CloseRestart)
	if resp, body := h.do("GET", "/a?observe=s1"); resp.StatusCode != 503 {
		t.Errorf("GET after the end: %d %s", resp.StatusCode, body)
	}
	if resp, body := h.do("GET", "/a"); resp.StatusCode != 200 {
		t.Errorf("plain GET after the end: %d %s", resp.StatusCode, body)
	}
}

// TestAnswersOfAnotherSocket: what one socket asked is not answered on the next,
// whose client may have given the same id to something else.
func TestAnswersOfAnotherSocket(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	one := h.begin("s1")
	one.barrier()
	write := h.holdWriter("s1")
	defer write()
	one.say(`{"type":"ping","id":"old"}`)
	one.say(`{"type":"subscribe","id":"old","url":"/a"}`)
	s := h.gw.session("s1")
	waits := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.replies) > 0 && s.subs.len() > 0
	}
	for deadline := time.Now().Add(waitMost); !waits(); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no answer is due")
		}
	}
	two := h.begin("s1")
	two.say(`{"type":"ping","id":"new"}`)
	f, before := two.until("pong")
	for _, one := range append(before, f) {
		if strings.Contains(one.raw, "old") {
			t.Errorf("told %s", one.raw)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unread != 0 {
		t.Errorf("%d bytes are still owed", s.unread)
	}
}

// TestStaleOnTheNextSocket: who comes back while nobody knows how current a
// session is, is told so as well.
func TestStaleOnTheNextSocket(t *testing.T) {
	h := newHouse(t, Config{StaleAfter: 50 * time.Millisecond}, nil)
	h.observe("/a", "s1")
	for range 2 {
		c := h.begin("s1")
		c.until("stale")
	}
}
