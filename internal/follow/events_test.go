package follow_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/follow"
)

// eventServer answers requests for events as a test says, and GETs with one
// list.
type eventServer struct {
	*httptest.Server
	asked chan eventRequest
	seq   atomic.Int64 // of the list
}

type eventRequest struct {
	lastID string
	say    chan string // events; closed at the end of the stream
}

func newEventServer(t *testing.T) *eventServer {
	s := &eventServer{asked: make(chan eventRequest, 4)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "text/event-stream" {
			fmt.Fprintf(w, `{"observer":"o","items":[{"id":1,"v":"a"}],"primary_key":"id","epoch":"e","seq":%d,"position":"testtest%02[1]d"}`, s.seq.Load())
			return
		}
		request := eventRequest{r.Header.Get("Last-Event-ID"), make(chan string)}
		s.asked <- request
		for {
			select {
			case text, ok := <-request.say:
				if !ok {
					return
				}
				fmt.Fprint(w, text)
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

// connect connects a client, which is first told these events.
func (s *eventServer) connect(t *testing.T, c *follow.Client, events ...string) eventRequest {
	t.Helper()
	done := make(chan error, 1)
	ctx := within(t)
	go func() { done <- c.Connect(ctx) }()
	request := <-s.asked
	for _, e := range events {
		request.say <- e
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return request
}

const (
	helloOfNone = "event: hello\ndata: {\"type\":\"hello\",\"session\":\"s\",\"heartbeat_ms\":1000,\"limits\":{},\"observers\":[]}\n\n"
	helloOfO    = "retry: 1000\n\nevent: hello\ndata: {\"type\":\"hello\",\"session\":\"s\",\"heartbeat_ms\":1000,\"limits\":{},\n: comment\ndata: \"observers\":[\"o\"]}\n\n"
)

func changed(seq int, value string) string {
	return fmt.Sprintf("id: e:%d\nevent: changes\ndata: {\"type\":\"changes\",\"observer\":\"o\",\"epoch\":\"e\",\"seq\":%d,\"position\":\"testtest%02d\",\"ops\":[{\"op\":\"changed\",\"key\":\"1\",\"set\":{\"v\":%q}}]}\n\n", seq, seq, seq, value)
}

func TestClientOfEvents(t *testing.T) {
	s := newEventServer(t)
	s.seq.Store(3)
	c := follow.NewEvents(follow.Config{Server: s.URL, Session: "s"})
	ctx := within(t)
	got, err := c.Get(ctx, "/list")
	if err != nil {
		t.Fatal(err)
	}
	await := func(what string, done func() bool) {
		t.Helper()
		if err := c.Wait(ctx, func(follow.View) bool { return done() }); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	first := s.connect(t, c, helloOfO, changed(4, "b"), "id: tag:4\nevent: progress\ndata: {\"type\":\"progress\",\"position\":\"testtest04\",\"whole\":true}\n\n")
	await("a diff", func() bool { return list(got) == "1=b" })
	if first.lastID != "" {
		t.Errorf("the first request has id %q", first.lastID)
	}
	first.say <- "event: close\ndata: {\"type\":\"close\",\"code\":4409,\"reason\":\"another\"}\n\n"
	if ended, err := c.AwaitEnd(ctx); err != nil || ended.Code != 4409 {
		t.Errorf("the end: %v, %v", ended, err)
	}
	second := s.connect(t, c, helloOfO, changed(4, "b"), changed(5, "c"))
	await("what was missed", func() bool { return list(got) == "1=c" })
	if second.lastID != "tag:4" {
		t.Errorf("the second request has id %q", second.lastID)
	}
	if len(c.Faults()) > 0 {
		t.Errorf("faults: %v", c.Faults())
	}
	c.Cut()
	third := s.connect(t, c, helloOfNone)
	await("the end of what hello does not name", func() bool { return got.Ended })
	s.seq.Store(7)
	if _, err := c.Get(ctx, "/list"); err != nil {
		t.Fatal(err)
	}
	await("the list again", func() bool { return !got.Ended })
	third.say <- changed(9, "late")
	await("a gap", func() bool { return true })
	close(third.say)
	if _, err := c.AwaitEnd(ctx); err != nil {
		t.Fatal(err)
	}
	if faults := fmt.Sprint(c.Faults()); len(c.Faults()) != 1 || !strings.Contains(faults, "got e:9") {
		t.Errorf("faults: %s", faults)
	}
}

func TestClientOfOneView(t *testing.T) {
	s := newEventServer(t)
	c := follow.NewView(follow.Config{Server: s.URL}, "/list")
	snapshot := func(observer, epoch string) string {
		return fmt.Sprintf("id: %s:3\nevent: snapshot\ndata: {\"type\":\"snapshot\",\"observer\":%q,\"epoch\":%q,\"seq\":3,\"position\":\"testtest05\",\"primary_key\":\"id\",\"items\":[{\"id\":1,\"v\":%q}],\"reason\":\"subscribe\"}\n\n", epoch, observer, epoch, epoch)
	}
	holds := func(want string) {
		t.Helper()
		err := c.Wait(within(t), func(v follow.View) bool { return len(v.Lists()) == 1 && list(v.Lists()[0]) == want })
		if err != nil {
			t.Fatalf("%s: %v", want, err)
		}
	}
	s.connect(t, c, snapshot("o", "e"))
	holds("1=e")
	c.Cut()
	second := s.connect(t, c, snapshot("p", "f"))
	holds("1=f")
	if second.lastID != "e:3" {
		t.Errorf("Last-Event-ID: %q", second.lastID)
	}
	c.Cut()
	c.Forget()
	third := s.connect(t, c, snapshot("p", "f"))
	if third.lastID != "" || len(c.Faults()) > 0 {
		t.Errorf("id %q, faults %v", third.lastID, c.Faults())
	}
	c.Close()
}
