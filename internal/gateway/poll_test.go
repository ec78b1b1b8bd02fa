package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/wire"
)

// pollAnswer is what a poll got.
type pollAnswer struct {
	*http.Response
	envelope
	raw string
}

// poll polls once and returns the answer, which must be 200 or 304.
func (h *house) poll(path, tag string, wait int, lines ...string) pollAnswer {
	h.t.Helper()
	lines = append(lines, fmt.Sprintf("Prefer: wait=%d", wait))
	if tag != "" {
		lines = append(lines, "If-None-Match: "+tag)
	}
	resp, body := h.do("GET", path, lines...)
	a := pollAnswer{Response: resp, raw: string(body)}
	switch resp.StatusCode {
	case http.StatusOK:
		if err := json.Unmarshal(body, &a.envelope); err != nil {
			h.t.Errorf("poll %s: %v: %s", path, err, body)
		}
		if want := fmt.Sprintf(`"w-%s-%d"`, a.Epoch, a.Seq); resp.Header.Get("ETag") != want {
			h.t.Errorf("poll %s: ETag %s, want %s", path, resp.Header.Get("ETag"), want)
		}
	case http.StatusNotModified:
		if len(body) > 0 || resp.Header.Get("ETag") == "" {
			h.t.Errorf("poll %s: 304 with ETag %q and body %q", path, resp.Header.Get("ETag"), body)
		}
	default:
		h.t.Errorf("poll %s: %d %s", path, resp.StatusCode, body)
	}
	return a
}

func (a pollAnswer) tag() string { return a.Header.Get("ETag") }

// polling starts a poll and returns when its question has reached the worker.
func (h *house) polling(path, tag string, wait int, lines ...string) <-chan pollAnswer {
	h.t.Helper()
	asked := h.worker.asks()
	done := make(chan pollAnswer, 1)
	go func() { done <- h.poll(path, tag, wait, lines...) }()
	h.worker.await("the poll", func() bool { return len(h.worker.asked) > asked })
	return done
}

func TestPollAnswer(t *testing.T) {
	h := newHouse(t, Config{PollWait: 20 * time.Millisecond}, nil)
	h.worker.lists["/a"] = items("1:x", "2:y")
	first := h.poll("/a?state=open", "", 5)
	if first.Observer != "" || strings.Contains(first.raw, `"observer"`) || len(first.Items) != 2 || first.Position == "" {
		t.Errorf("body %s", first.raw)
	}
	again := h.poll("/a?state=open", first.tag(), 5)
	if again.StatusCode != 304 {
		t.Errorf("the current tag: %d", again.StatusCode)
	}
	for _, a := range []pollAnswer{first, again} {
		for name, want := range map[string]string{
			"Etag": first.tag(), "Cache-Control": "private, no-cache", "Vary": "*", "Preference-Applied": "wait=0", "Set-Cookie": "",
		} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%d: %s %q, want %q", a.StatusCode, name, got, want)
			}
		}
	}
	for _, tag := range []string{"", `"foreign"`, `"w-epoch-9-0"`, strings.TrimSuffix(first.tag(), `"`), strings.Trim(first.tag(), `"`)} {
		if a := h.poll("/a?state=open", tag, 5); a.StatusCode != 200 {
			t.Errorf("If-None-Match %s: %d, want 200 at once", tag, a.StatusCode)
		}
	}
	for _, tag := range []string{"*", "W/" + first.tag(), `"foreign", ` + first.tag()} {
		if a := h.poll("/a?state=open", tag, 0); a.StatusCode != 304 {
			t.Errorf("If-None-Match %s: %d, want 304", tag, a.StatusCode)
		}
	}
	if a := h.poll("/b", first.tag(), 5); a.StatusCode != 200 {
		t.Errorf("another list's tag: %d", a.StatusCode)
	}
	if s := h.gw.Status(); s.Sessions+s.Subscriptions+s.Polls != 0 {
		t.Errorf("polls left %+v", s)
	}
}

// TestPollPassesThrough: what does not prefer to wait is the app's alone.
func TestPollPassesThrough(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	for _, lines := range [][]string{
		{"GET", "/a", "Prefer: respond-async"}, {"GET", "/a", `If-None-Match: "x"`}, {"GET", "/plain", "Prefer: wait=5"},
		{"GET", "/plain", "Prefer: wait=-1"}, {"POST", "/a", "Prefer: wait=5"}, {"PUT", "/a", "Prefer: wait=0"},
		{"OPTIONS", "/a", "Prefer: wait=0", "Origin: http://a.example", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: prefer"},
	} {
		resp, body := h.do(lines[0], lines[1], lines[2:]...)
		if string(body) != "plain" || resp.Header.Get("Preference-Applied") != "" {
			t.Errorf("%v: %d %v %s", lines, resp.StatusCode, resp.Header, body)
		}
	}
	if resp, _ := h.do("HEAD", "/a", "Prefer: wait=5"); resp.Header.Get("Etag") != "" || resp.ContentLength != int64(len("plain")) {
		t.Errorf("HEAD: %v", resp.Header)
	}
	if h.worker.asks() != 0 {
		t.Error("the worker was asked")
	}
}

func TestPollRefusals(t *testing.T) {
	h := newHouse(t, Config{Origins: []string{"https://app.example.org"}, Identity: func(r *http.Request) (string, error) {
		if r.Header.Get("Authorization") == "bad" {
			return "", io.ErrUnexpectedEOF
		}
		return "", nil
	}}, nil)
	h.worker.answers["/b"] = &bus.Observed{Response: &bus.Response{Status: 403, Body: []byte("no")}}
	h.worker.answers["/c"] = &bus.Observed{Problem: wire.NewProblem(500, wire.CodeUnobservableResult, "a view")}
	tests := []struct {
		path, prefer, line string
		status             int
		say                string
	}{
		{"/a", "wait=-1", "", 400, "from 0 to 60"},
		{"/a", "wait", "", 400, "wait=<seconds>"},
		{"/a", "wait=soon", "", 400, "bad_request"},
		{"/a", "wait=5", "Wakeful-Position: !", 400, "bad_request"},
		{"/a", "wait=5", "Sec-Fetch-Site: cross-site", 403, "cross_site"},
		{"/a", "wait=5", "Authorization: bad", 401, "unauthenticated"},
		{"/b", "wait=5", "", 403, "no"},
		{"/c", "wait=5", "", 500, "unobservable_result"},
	}
	for _, tt := range tests {
		lines := []string{"Prefer: " + tt.prefer, "Origin: https://app.example.org"}
		if strings.HasPrefix(tt.line, "Sec-") {
			lines[1] = "Origin: https://evil.example"
		}
		if tt.line != "" {
			lines = append(lines, tt.line)
		}
		resp, body := h.do("GET", tt.path, lines...)
		if resp.StatusCode != tt.status || !strings.Contains(string(body), tt.say) || resp.Header.Get("ETag") != "" {
			t.Errorf("%s %v: %d %s, want %d with %q", tt.path, lines, resp.StatusCode, body, tt.status, tt.say)
		}
	}
	if s := h.gw.Status(); s.Polls != 0 {
		t.Errorf("%d polls are left", s.Polls)
	}
}

func TestPollIsHeldUntilSomethingChanges(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x")
	first := h.poll("/a", "", 30)
	second := h.polling("/a", first.tag(), 30)
	at := h.worker.set(map[string][]diff.Item{"/a": items("1:y")})
	got := <-second
	if got.StatusCode != 200 || !strings.Contains(got.raw, `"v":"y"`) || got.Position != string(at) || got.Seq != 1 {
		t.Errorf("%d %s, want the list at %s", got.StatusCode, got.raw, at)
	}
	held := h.polling("/a", got.tag(), 30)
	h.worker.close("/a", wire.CodeCleared)
	if got := <-held; got.StatusCode != 200 || got.Seq != 0 {
		t.Errorf("the observer ended and began anew: %d %s", got.StatusCode, got.raw)
	}
}

// TestPollEndsWithItsObserver: where the view no longer answers with a list,
// the poll gets what it answers.
func TestPollEndsWithItsObserver(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	tag := h.poll("/a", "", 0).tag()
	status := make(chan int, 1)
	go func() {
		resp, _ := h.do("GET", "/a", "Prefer: wait=30", "If-None-Match: "+tag)
		status <- resp.StatusCode
	}()
	h.worker.await("the poll", func() bool { return len(h.worker.asked) == 2 })
	h.worker.mu.Lock()
	h.worker.answers["/a"] = &bus.Observed{Response: &bus.Response{Status: 403}}
	h.worker.mu.Unlock()
	h.worker.close("/a", wire.CodePermissionRevoked)
	if got := <-status; got != 403 {
		t.Errorf("got %d, want what the view answers now", got)
	}
}

// TestCrowdOfPolls: all that wait for one list wake together, and their
// questions are few.
func TestCrowdOfPolls(t *testing.T) {
	const crowd = 300
	h := newHouse(t, Config{Limits: Limits{Polls: -1}}, nil)
	tag := h.poll("/a", "", 0).tag()
	done := make([]<-chan pollAnswer, crowd)
	for i := range done {
		answer := make(chan pollAnswer, 1)
		go func() { answer <- h.poll("/a", tag, 30) }()
		done[i] = answer
	}
	h.worker.await("somebody", func() bool { return len(h.worker.asked) > 1 })
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	for _, answer := range done {
		if a := <-answer; a.StatusCode != 200 || len(a.Items) != 1 {
			t.Fatalf("%d %s", a.StatusCode, a.raw)
		}
	}
	if asks := h.worker.asks() - 1; asks > crowd { // one is of the first poll
		t.Errorf("the worker was asked %d times for %d polls", asks, crowd)
	}
}

// TestPollAsksOnceForMany: questions that come while one is under way are one.
func TestPollAsksOnceForMany(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{Polls: -1}}, nil)
	h.worker.deaf["/a"] = true
	first := h.polling("/a", "", 0)
	var others []<-chan pollAnswer
	for range 20 {
		answer := make(chan pollAnswer, 1)
		go func() { answer <- h.poll("/a", "", 0) }()
		others = append(others, answer)
	}
	for h.gw.Status().Polls < 21 {
		runtime.Gosched()
	}
	for h.waiting() == nil {
		runtime.Gosched()
	}
	h.worker.mu.Lock()
	delete(h.worker.deaf, "/a")
	h.worker.send(h.worker.answer(h.worker.asked[0], "/a"))
	h.worker.mu.Unlock()
	<-first
	for _, answer := range others {
		<-answer
	}
	if asks := h.worker.asks(); asks > 5 {
		t.Errorf("the worker was asked %d times for 21 polls at once", asks)
	}
}

// watched reports whether a poll is held.
func (h *house) watched() bool {
	h.gw.mu.Lock()
	defer h.gw.mu.Unlock()
	for _, f := range h.gw.feeds {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, t := range f.grants {
			return f.turned != nil && t.now == nil
		}
	}
	return false
}

// waiting is the question that will be asked next, nil for none.
func (h *house) waiting() *survey {
	h.gw.mu.Lock()
	defer h.gw.mu.Unlock()
	for _, f := range h.gw.feeds {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, t := range f.grants {
			return t.next
		}
	}
	return nil
}

func TestPollLimit(t *testing.T) {
	h := newHouse(t, Config{Cookies: []string{"user"}, Limits: Limits{Polls: 1}}, nil)
	tag := h.poll("/a", "", 0).tag()
	held := h.polling("/a", tag, 30)
	resp, body := h.do("GET", "/b", "Prefer: wait=0")
	if resp.StatusCode != 429 || !strings.Contains(string(body), "too_many_polls") {
		t.Errorf("second poll: %d %s", resp.StatusCode, body)
	}
	h.poll("/b", "", 0, "Cookie: user=ann") // another account
	h.observe("/b", "s1")                   // and no poll
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	<-held
	h.poll("/b", "", 0)
}

// TestPollOfAClientThatGoesAway leaves nothing behind.
func TestPollOfAClientThatGoesAway(t *testing.T) {
	h := newHouse(t, Config{SessionTTL: 30 * time.Millisecond, Linger: 10 * time.Millisecond}, nil)
	tag := h.poll("/a", "", 0).tag()
	ctx, leave := context.WithCancel(context.Background())
	r := httptest.NewRequest("GET", "/a", nil).WithContext(ctx)
	r.Host = h.server.Listener.Addr().String()
	r.Header.Set("Prefer", "wait=30")
	r.Header.Set("If-None-Match", tag)
	returned := make(chan struct{})
	asks := h.worker.asks()
	go func() {
		defer close(returned)
		h.server.Config.Handler.ServeHTTP(httptest.NewRecorder(), r)
	}()
	h.worker.await("the poll", func() bool { return len(h.worker.asked) > asks })
	leave()
	<-returned
	if n := h.gw.Status().Polls; n != 0 {
		t.Errorf("%d polls are left", n)
	}
	h.worker.await("the observer being left", func() bool { return len(h.worker.left) == 1 })
}

// TestObserverLivesOnBetweenPolls: the next poll finds its tag, though nobody
// followed in between.
func TestObserverLivesOnBetweenPolls(t *testing.T) {
	h := newHouse(t, Config{Linger: 5 * time.Millisecond, SessionTTL: time.Hour}, nil)
	tag := h.poll("/a", "", 0).tag()
	h.observe("/b", "s1")
	h.do("POST", "/api/queryobserver/unsubscribe?subscriber=s1&observer="+h.worker.asked[1].Observer)
	h.worker.await("that /b is left", func() bool { return len(h.worker.left) == 1 })
	h.gw.tickAlone(time.Now().Add(time.Minute))
	if a := h.poll("/a", tag, 0); a.StatusCode != 304 {
		t.Errorf("the tag is not known any more: %d", a.StatusCode)
	}
	h.gw.tickAlone(time.Now().Add(2 * time.Hour))
	h.worker.await("that /a is left", func() bool { return len(h.worker.left) == 2 })
}

func TestPollAtShutdown(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	tag := h.poll("/a", "", 0).tag()
	held := h.polling("/a", tag, 30)
	for !h.watched() {
		runtime.Gosched()
	}
	h.stop()
	if a := <-held; a.StatusCode != 304 || !a.Close {
		t.Errorf("%d, connection kept: %t", a.StatusCode, !a.Close)
	}
	if resp, body := h.do("GET", "/a", "Prefer: wait=5"); resp.StatusCode != 503 || !strings.Contains(string(body), "shutdown") {
		t.Errorf("after the end: %d %s", resp.StatusCode, body)
	}
}

func TestPollAfterAPosition(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	want := change.NewPosition("testtest", 7)
	h.poll("/a", "", 0, "Wakeful-Position: "+string(want))
	if got := h.worker.asked[0].After; got != want {
		t.Errorf("asked after %q", got)
	}
}

func TestPollVary(t *testing.T) {
	views := map[string]*mark.View{
		"/declared": {Headers: []string{"Accept-Language", "x-tenant"}},
		"/none":     {Headers: []string{}},
		"/public":   {Public: true, Headers: []string{"accept-language", "Cookie"}},
		"/open":     {Public: true},
	}
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "seen=1")
		view := *views[r.URL.Path]
		view.Key = []string{"id"}
		mark.From(r.Context()).Set(&view)
	})
	h := newHouse(t, Config{Cookies: []string{"user"}, Origins: []string{"https://app.example.org"}}, app)
	for path, want := range map[string][2]string{
		"/declared": {"Origin, Prefer, Accept-Language, X-Tenant, Authorization, Cookie", "private, no-cache"},
		"/none":     {"Origin, Prefer, Authorization, Cookie", "private, no-cache"},
		"/public":   {"Origin, Prefer, Accept-Language", "public, max-age=1"},
		"/open":     {"Origin, Prefer", "public, max-age=1"},
	} {
		a := h.poll(path, "", 0)
		if got := [2]string{a.Header.Get("Vary"), a.Header.Get("Cache-Control")}; got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
		if public := views[path].Public; public != (a.Header.Get("Set-Cookie") == "") {
			t.Errorf("%s: Set-Cookie %q", path, a.Header.Get("Set-Cookie"))
		}
	}
}

// TestPublicView: everybody shares one observer, which knows nothing of anybody.
func TestPublicView(t *testing.T) {
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mark.From(r.Context()).Set(&mark.View{Key: []string{"id"}, Public: true, Headers: []string{"Accept-Language"}})
	})
	h := newHouse(t, Config{Cookies: []string{"user"}}, app)
	one := h.poll("/p", "", 0, "Cookie: user=ann", "Authorization: Bearer secret", "X-Api-Key: k", "Accept-Language: de").tag()
	if a := h.poll("/p", one, 0, "Cookie: user=bob", "Accept-Language: de"); a.StatusCode != 304 {
		t.Errorf("bob does not share ann's public list: %d", a.StatusCode)
	}
	if a := h.poll("/p", one, 0, "Accept-Language: en"); a.StatusCode != 200 {
		t.Errorf("a declared header does not count: %d", a.StatusCode)
	}
	e := h.observe("/p", "s1", "Cookie: user=ann", "Accept-Language: de")
	h.worker.mu.Lock()
	defer h.worker.mu.Unlock()
	for _, m := range h.worker.asked {
		if len(m.Request.Header) != 1 || m.Request.Header["Accept-Language"] == nil || m.Identity != "" || m.Request.Credentials != "" {
			t.Errorf("the public view is evaluated with %v of identity %q", m.Request.Header, m.Identity)
		}
	}
	if e.Observer != h.worker.asked[0].Observer {
		t.Error("a session does not share it")
	}
}

func TestPollAcrossOrigins(t *testing.T) {
	h := newHouse(t, Config{Origins: []string{"https://app.example.org"}}, nil)
	ask := []string{"Access-Control-Request-Method: GET", "Access-Control-Request-Headers: if-none-match, prefer"}
	resp, _ := h.do("OPTIONS", "/a", append(ask, "Origin: https://app.example.org")...)
	if resp.StatusCode != 204 || resp.Header.Get("Access-Control-Allow-Headers") != "if-none-match, prefer" ||
		resp.Header.Get("Access-Control-Allow-Origin") != "https://app.example.org" || resp.Header.Get("Access-Control-Allow-Methods") != "GET" {
		t.Errorf("preflight: %d %v", resp.StatusCode, resp.Header)
	}
	if resp, body := h.do("OPTIONS", "/a", append(ask, "Origin: https://evil.example")...); string(body) != "plain" || resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight of a foreign page: %v %s", resp.Header, body)
	}
	a := h.poll("/a", "", 0, "Origin: https://app.example.org", "Sec-Fetch-Site: cross-site")
	if a.Header.Get("Access-Control-Allow-Origin") != "https://app.example.org" || !strings.Contains(a.Header.Get("Access-Control-Expose-Headers"), "ETag") {
		t.Errorf("answer: %v", a.Header)
	}
}

// TestPollChain: a chain of polls shows lists that were true when they were
// asked for or later, hides none at a 304, and ends with the newest, whatever
// happens to the observer, the stream and the worker.
func TestPollChain(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			h := newHouse(t, Config{PollWait: 3 * time.Millisecond, Limits: Limits{Polls: -1}}, nil)
			c := &chain{house: h, random: rand.New(rand.NewPCG(seed, 1))}
			c.change()
			var pollers sync.WaitGroup
			ended := make(chan struct{})
			for n := range 4 {
				pollers.Go(func() { c.poller(rand.New(rand.NewPCG(seed, uint64(10+n))), ended) })
			}
			for range 150 {
				c.mishap()
			}
			close(ended)
			pollers.Wait()
		})
	}
}

type chain struct {
	*house
	random *rand.Rand
	mu     sync.Mutex
	newest int // number of the newest list, which its only item carries
}

func (c *chain) number() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.newest
}

func (c *chain) next() []diff.Item {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.newest++
	return items(fmt.Sprintf("1:%d", c.newest))
}

func (c *chain) change() {
	// The worker's list is the new one before the number is told.
	c.mu.Lock()
	list := items(fmt.Sprintf("1:%d", c.newest+1))
	c.mu.Unlock()
	c.worker.set(map[string][]diff.Item{"/a": list})
	c.mu.Lock()
	c.newest++
	c.mu.Unlock()
}

// mishap lets one thing happen.
func (c *chain) mishap() {
	switch c.random.IntN(12) {
	case 0:
		c.worker.close("/a", wire.CodeViewError)
	case 1:
		c.gw.Clear()
	case 2: // a diff is lost
		c.worker.mu.Lock()
		list := items(fmt.Sprintf("1:%d", c.number()+1))
		c.worker.lists["/a"] = list
		c.worker.position++
		for _, o := range c.worker.observers {
			c.worker.step(o, list)
		}
		c.worker.mu.Unlock()
		c.next()
	case 3: // the worker begins anew
		c.worker.mu.Lock()
		list := items(fmt.Sprintf("1:%d", c.number()+1))
		c.worker.lists["/a"] = list
		clear(c.worker.observers)
		c.worker.mu.Unlock()
		c.next()
		c.gw.linkLost("worker")
	default:
		c.change()
	}
	c.poll("/b", "", 0) // time passes
}

func (c *chain) poller(random *rand.Rand, ended chan struct{}) {
	tag, held, last := "", 0, false
	for !last {
		select {
		case <-ended:
			last = true
		default:
		}
		least := c.number()
		a := c.poll("/a", tag, random.IntN(2))
		if a.StatusCode == 200 {
			var item struct{ V string }
			if len(a.Items) != 1 || json.Unmarshal(a.Items[0], &item) != nil {
				c.t.Errorf("list %s", a.raw)
				return
			}
			var got int
			_, _ = fmt.Sscan(item.V, &got)
			if got < held || got < least {
				c.t.Errorf("got list %d; %d was held, %d was there when it was asked for", got, held, least)
			}
			tag, held = a.tag(), got
		} else if held < least {
			c.t.Errorf("304 hides list %d from who holds %d", least, held)
		}
	}
	if held != c.number() {
		c.t.Errorf("list %d is the last that was seen, %d is the newest", held, c.number())
	}
}
