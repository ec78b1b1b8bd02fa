package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/wire"
)

// sent is one server-sent event, or a comment, which has the name ":".
type sent struct {
	frame
	Observers       []string // of hello
	CloseCode       int      // of close
	name, id, retry string
}

// read takes the data of an event.
func (e *sent) read(data string) error {
	e.raw = data
	if e.name == "close" {
		var closing wire.Close
		err := json.Unmarshal([]byte(data), &closing)
		e.Type, e.CloseCode, e.Reason = "close", closing.Code, closing.Reason
		return err
	}
	var hello wire.Hello
	if e.name == "hello" {
		if err := json.Unmarshal([]byte(data), &hello); err != nil {
			return err
		}
		e.Observers = hello.Observers
	}
	return json.Unmarshal([]byte(data), &e.frame)
}

// listener is a client of events that reads as the standard says.
type listener struct {
	t      testing.TB
	resp   *http.Response
	events chan sent // closed at the end of the stream
	lastID string    // of the events that the test has read
	cut    context.CancelFunc
}

// listen asks for events, with header lines "Name: value".
func (h *house) listen(target string, lines ...string) *listener {
	h.t.Helper()
	return h.listenOver(http.DefaultClient, target, lines...)
}

func (h *house) listenOver(client *http.Client, target string, lines ...string) *listener {
	h.t.Helper()
	l := h.tryListen(client, target, lines...)
	if l.resp.StatusCode != 200 || l.resp.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(l.resp.Body)
		h.t.Fatalf("GET %s: %d %s", target, l.resp.StatusCode, body)
	}
	go l.receive()
	return l
}

func (h *house) tryListen(client *http.Client, target string, lines ...string) *listener {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "GET", h.server.URL+target, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	resp, err := client.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	l := &listener{t: h.t, resp: resp, events: make(chan sent, 100_000)}
	l.cut = func() {
		cancel()
		_ = resp.Body.Close()
	}
	h.t.Cleanup(l.cut)
	return l
}

func (l *listener) receive() {
	defer close(l.events)
	in := bufio.NewReader(l.resp.Body)
	var e sent
	var data []string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && data == nil:
			if e.retry != "" {
				l.events <- sent{name: "retry", retry: e.retry}
			}
			e = sent{}
		case line == "":
			if err := e.read(strings.Join(data, "\n")); err != nil {
				l.t.Errorf("data %s: %v", e.raw, err)
			}
			l.events <- e
			e, data = sent{}, nil
		case field == "":
			l.events <- sent{name: ":"}
		case field == "event":
			e.name = value
		case field == "data":
			data = append(data, value)
		case field == "id":
			e.id = value
		case field == "retry":
			e.retry = value
		default:
			l.t.Errorf("line %q", line)
		}
	}
}

// observeOver subscribes a session to a path.
func (h *house) observeOver(client *http.Client, path, session string) (e envelope) {
	h.t.Helper()
	resp := h.tryListen(client, path+"?observe="+session, "Accept: */*").resp
	if err := json.NewDecoder(resp.Body).Decode(&e); err != nil || resp.StatusCode != 200 {
		h.t.Fatalf("GET %s: %d %v", path, resp.StatusCode, err)
	}
	return e
}

// any returns the next event, comment or retry.
func (l *listener) any() (sent, bool) {
	l.t.Helper()
	select {
	case e, ok := <-l.events:
		if e.id != "" {
			l.lastID = e.id
		}
		return e, ok
	case <-time.After(waitMost):
		l.t.Fatal("no event")
		return sent{}, false
	}
}

// next returns the next event.
func (l *listener) next() sent {
	l.t.Helper()
	for {
		e, ok := l.any()
		if !ok {
			l.t.Fatal("the stream has ended")
		}
		if e.name != ":" && e.name != "retry" {
			if e.name != e.Type {
				l.t.Fatalf("event %s holds %s", e.name, e.raw)
			}
			return e
		}
	}
}

// until returns the first event of that name, and those before it.
func (l *listener) until(name string) (sent, []sent) {
	l.t.Helper()
	var before []sent
	for {
		e := l.next()
		if e.name == name {
			return e, before
		}
		before = append(before, e)
	}
}

// expectEnd reads on to the end of the stream.
func (l *listener) expectEnd() {
	l.t.Helper()
	for {
		if e, ok := l.any(); !ok {
			return
		} else if e.name != "progress" && e.name != ":" {
			l.t.Fatalf("%s before the end", e.raw)
		}
	}
}
