package resolwe

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait for a client. The client itself redials only every
// 5 s, and the machine may be busy.
const patience = time.Minute

// tab is a browser tab of its own process with the published client in it.
type tab struct {
	t       *testing.T
	process *exec.Cmd
	stdin   io.WriteCloser
	exited  chan struct{}

	mu       sync.Mutex
	pulse    chan struct{} // closed and made anew at every event
	session  string
	up       bool     // what the client's isConnected said last
	ups      int      // how often it said that it is connected
	shown    int      // lists that were shown anew, in all
	messages []string // "<msg> <observer>", in order of arrival
	errors   []string // error events of the client
	refused  int      // error events since it was connected last
	broken   []string // what must never happen
	next     int
	replies  map[int]chan event
	queries  map[string]query
}

// query is what one list of a tab asks for.
type query struct {
	resource   string
	parameters map[string]string
}

func (q query) path() string {
	values := url.Values{}
	for name, value := range q.parameters {
		values.Set(name, value)
	}
	return strings.TrimSuffix("/api/"+q.resource+"?"+values.Encode(), "?")
}

// event is one line from tab.mjs.
type event struct {
	Reply    int                        `json:"reply"`
	Event    string                     `json:"event"`
	Session  string                     `json:"session"`
	Value    bool                       `json:"value"`
	Msg      string                     `json:"msg"`
	Observer string                     `json:"observer"`
	Name     string                     `json:"name"`
	Message  string                     `json:"message"`
	Lists    map[string]json.RawMessage `json:"lists"`
}

// openTab opens a page at origin and waits until its socket is open. Tabs with
// the same seed have the same session id; without one it is the client's own.
func openTab(t *testing.T, origin, seed string) *tab {
	t.Helper()
	p := &tab{
		t: t, process: exec.Command("node", "tab.mjs", origin, seed), exited: make(chan struct{}),
		pulse: make(chan struct{}), replies: map[int]chan event{}, queries: map[string]query{},
	}
	p.process.Stderr = os.Stderr
	var err error
	if p.stdin, err = p.process.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := p.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.process.Start(); err != nil {
		t.Fatal(err)
	}
	go p.listen(stdout)
	t.Cleanup(p.close)
	p.await("the socket to open", func() bool { return p.up })
	return p
}

// close ends the process as a crash of the tab would.
func (p *tab) close() {
	_ = p.process.Process.Kill() // it may be gone already
	<-p.exited
}

// hang lets the page do nothing for a time, as a browser does with a page that
// nobody looks at: its sockets stay open and nobody reads.
func (p *tab) hang(d time.Duration) {
	p.t.Helper()
	p.ask(map[string]any{"op": "hang", "ms": d.Milliseconds()})
}

func (p *tab) listen(stdout io.Reader) {
	defer close(p.exited)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			e = event{Event: "broken", Message: "not a line of the driver: " + lines.Text()}
		}
		p.take(e)
	}
	_ = p.process.Wait() // killed, most often
}

func (p *tab) take(e event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.Event {
	case "ready":
		p.session = e.Session
	case "connected":
		p.up = e.Value
		if e.Value {
			p.ups++
			p.refused = 0
		}
	case "list":
		p.shown++
	case "message":
		p.messages = append(p.messages, e.Msg+" "+e.Observer)
	case "error":
		p.errors = append(p.errors, e.Name+": "+e.Message)
		p.refused++
	case "broken":
		p.broken = append(p.broken, e.Message)
	case "":
		p.replies[e.Reply] <- e
		delete(p.replies, e.Reply)
	}
	close(p.pulse)
	p.pulse = make(chan struct{})
}

// await waits until done says so, which is asked under the lock at every event.
func (p *tab) await(what string, done func() bool) {
	p.t.Helper()
	late := time.After(patience)
	for {
		p.mu.Lock()
		pulse, ok := p.pulse, done()
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-pulse:
		case <-p.exited:
			p.t.Fatalf("the tab ended while waiting for %s%s", what, p.state())
		case <-late:
			p.t.Fatalf("no end after %v of waiting for %s%s", patience, what, p.state())
		}
	}
}

// state tells what the client went through, for failures.
func (p *tab) state() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.messages[max(0, len(p.messages)-20):]
	return fmt.Sprintf("\nsession %s, connected %v, %d times\nerror events: %q\nbroken: %q\n%d messages, the last:\n  %s",
		p.session, p.up, p.ups, p.errors, p.broken, len(p.messages), strings.Join(last, "\n  "))
}

// ask sends a command and returns the reply.
func (p *tab) ask(command map[string]any) event {
	p.t.Helper()
	reply := make(chan event, 1)
	p.mu.Lock()
	p.next++
	command["id"] = p.next
	p.replies[p.next] = reply
	line, err := json.Marshal(command)
	if err == nil {
		_, err = p.stdin.Write(append(line, '\n'))
	}
	p.mu.Unlock()
	if err != nil {
		p.t.Fatal(err)
	}
	select {
	case e := <-reply:
		return e
	case <-p.exited:
		p.t.Fatalf("the tab ended instead of an answer to %s%s", line, p.state())
	case <-time.After(patience):
		p.t.Fatalf("no answer to %s%s", line, p.state())
	}
	return event{}
}

// start begins a live query under a name, without waiting for its answer.
func (p *tab) start(list string, q query) {
	p.t.Helper()
	p.queries[list] = q
	p.ask(map[string]any{"op": "observe", "list": list, "resource": q.resource, "query": q.parameters})
}

// observe begins a live query and waits until the client shows its list.
func (p *tab) observe(list string, q query) {
	p.t.Helper()
	p.start(list, q)
	late := time.After(patience)
	for {
		pulse := p.pulsing()
		if items := p.lists()[list]; items != nil && string(items) != "null" {
			return
		}
		select {
		case <-pulse:
		case <-late:
			p.t.Fatalf("%s was never shown%s", list, p.state())
		}
	}
}

// dispose ends a live query: the client unsubscribes.
func (p *tab) dispose(list string) {
	p.t.Helper()
	delete(p.queries, list)
	p.ask(map[string]any{"op": "dispose", "list": list})
}

// idle waits until no request of the client is under way: one that fails makes
// the client useless, whatever the server does.
func (p *tab) idle() {
	p.t.Helper()
	p.ask(map[string]any{"op": "idle"})
}

// lists returns what the client shows now, by the lists' names.
func (p *tab) lists() map[string]json.RawMessage {
	p.t.Helper()
	return p.ask(map[string]any{"op": "lists"}).Lists
}

func (p *tab) pulsing() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pulse
}

// received is how many messages have reached the client.
func (p *tab) received() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.messages)
}

// unharmed fails where the client raised anything but the allowed number of
// connection errors: what a cut costs, and nothing else.
func (p *tab) unharmed(cuts int) {
	p.t.Helper()
	p.mu.Lock()
	dropped := 0
	for _, e := range p.errors {
		if strings.HasPrefix(e, "WebsocketError: ") {
			dropped++
		}
	}
	bad := len(p.broken) > 0 || dropped != len(p.errors) || (cuts == 0) != (dropped == 0) || p.ups != cuts+1
	unknown := slices.ContainsFunc(p.messages, func(m string) bool {
		kind, _, _ := strings.Cut(m, " ")
		return kind != "added" && kind != "changed" && kind != "removed"
	})
	p.mu.Unlock()
	if bad || unknown {
		p.t.Errorf("want %d cuts and no other trouble%s", cuts, p.state())
	}
}
