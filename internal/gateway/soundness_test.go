package gateway

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

// stuckWriter is a client that stops reading, and then goes away.
type stuckWriter struct {
	http.ResponseWriter
	reached, gone chan struct{}
	once          sync.Once
}

func (w *stuckWriter) Write([]byte) (int, error) {
	w.once.Do(func() { close(w.reached) })
	<-w.gone
	return 0, errors.New("broken pipe")
}

// A page asks, asks again and gives up its first question, as one that is
// rendered twice does. What it was answered goes on.
func TestOneOfTwoGetsGivenUp(t *testing.T) {
	for name, v := range map[string]version{"version 1": version1, "version 2": version2} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, Config{}, nil)
			h.worker.lists["/a"] = items("1:x")
			c := h.dial("s1", v)
			if v == version2 {
				c.until("hello")
				c.say(`{"type":"resume","id":0,"observers":{}}`)
			}
			first := &stuckWriter{ResponseWriter: httptest.NewRecorder(), reached: make(chan struct{}), gone: make(chan struct{})}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				r := httptest.NewRequest(http.MethodGet, "/a?observe=s1", nil)
				r.Host = h.server.Listener.Addr().String()
				h.server.Config.Handler.ServeHTTP(first, r)
			}()
			<-first.reached
			second := h.observe("/a", "s1")
			close(first.gone)
			<-ended
			if s := h.gw.session("s1"); s.find(second.Observer) == nil {
				t.Error("a GET was answered with an observer that the session does not follow")
			}
		})
	}
}

// What was sent before it was counted as owed is not owed for ever.
func TestSentBeforeItWasCounted(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x")
	e := h.observe("/a", "s1")
	s := h.gw.session("s1")
	sub := s.find(e.Observer)
	f := sub.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := f.state.Load()
	c := &wire.Changes{Observer: e.Observer, Epoch: e.Epoch, Seq: 1, PrimaryKey: "id", KeyType: wire.KeyInteger,
		Ops: diff.Between(st.Items.Slice(), items("1:y")), List: diff.NewList(items("1:y"))}
	next := newEntry(c, "", nil)
	// publish links the entry, a writer that runs sends it, then publish counts it.
	st.tail.next.Store(next)
	s.enqueue(sub)
	if _, _, done := s.fillV2(&socket{}, sub, nil); !done {
		t.Fatal("not all is sent")
	}
	s.dequeue()
	s.due(sub, next.body.Load().cost)
	if _, _, done := s.fillV2(&socket{}, sub, nil); !done {
		t.Fatal("not all is sent")
	}
	s.dequeue()
	if s.owed != 0 || sub.owed != 0 {
		t.Errorf("%d bytes are owed although all is sent: they add up to a slow consumer", s.owed)
	}
}

// Who shares a list shares what it is evaluated with. What does not count as
// identity is therefore no credential of an evaluation.
func TestNoSharedListIsEvaluatedWithSomebodysCookie(t *testing.T) {
	tests := map[string]struct {
		cfg        Config
		lines      []string
		one, other string
	}{
		"cookies that nobody named": {Config{}, nil, "sid=alice", "sid=bob"},
		"beside an authorization": {Config{Cookies: []string{"sid"}}, []string{"Authorization: Basic c3RhZ2luZzpwYXNz"},
			"sid=alice", "sid=bob"},
		"beside a named cookie": {Config{Cookies: []string{"lang"}}, nil, "lang=en; sid=alice", "lang=en; sid=bob"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, test.cfg, nil)
			h.worker.lists["/a"] = items("1:x")
			h.observe("/a", "s1", append(slices.Clone(test.lines), "Cookie: "+test.one)...)
			h.observe("/a", "s2", append(slices.Clone(test.lines), "Cookie: "+test.other)...)
			h.worker.mu.Lock()
			defer h.worker.mu.Unlock()
			a, b := h.worker.asked[0], h.worker.asked[1]
			if a.Observer == b.Observer && !slices.Equal(a.Request.Header["Cookie"], b.Request.Header["Cookie"]) {
				t.Errorf("%q and %q share one list, which is evaluated with the cookies of one of them",
					a.Request.Header["Cookie"], b.Request.Header["Cookie"])
			}
		})
	}
}
