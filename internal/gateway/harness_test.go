package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/wire"
)

// waitMost bounds every wait of a test.
const waitMost = 5 * time.Second

// fakeWorker answers for the paths of its lists, each with the scope if there is
// one ("/a red"), and sends what a test says.
type fakeWorker struct {
	t    testing.TB
	link *bus.Link

	mu        sync.Mutex
	lists     map[string][]diff.Item // by path
	answers   map[string]*bus.Observed
	deaf      map[string]bool // paths whose questions are not answered
	refuses   func(*bus.Request) bool
	doubts    bool // its lists are old: nobody's credentials are proven by them
	observers map[string]*fakeObserver
	position  uint64
	owed      bool // a doubt that leaves with the next diffs
	asked     []*bus.Observe
	left      []string
	changed   chan struct{} // replaced and closed on every question and leave
}

type fakeObserver struct {
	id, path, epoch string
	seq             uint64
	list            *diff.List
	log             []*wire.Changes
}

func newFakeWorker(t testing.TB, b bus.Bus) *fakeWorker {
	w := &fakeWorker{
		t: t, lists: map[string][]diff.Item{}, answers: map[string]*bus.Observed{}, deaf: map[string]bool{},
		observers: map[string]*fakeObserver{}, changed: make(chan struct{}),
	}
	link, err := bus.NewLink(bus.LinkConfig{Bus: b, Name: "worker", Handle: func(_, _ string, body bus.Body) { w.handle(body) }})
	if err != nil {
		t.Fatal(err)
	}
	w.link = link
	return w
}

func (w *fakeWorker) handle(body bus.Body) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { close(w.changed); w.changed = make(chan struct{}) }()
	switch m := body.(type) {
	case *bus.Leave:
		w.left = append(w.left, m.Observer)
		delete(w.observers, m.Observer)
	case *bus.Observe:
		w.asked = append(w.asked, m)
		path, _, _ := strings.Cut(m.Request.URL, "?")
		if m.Scope != "" {
			path += " " + m.Scope
		}
		if !w.deaf[path] {
			w.send(w.answer(m, path))
		}
	}
}

func (w *fakeWorker) answer(m *bus.Observe, path string) *bus.Observed {
	if w.refuses != nil && w.refuses(&m.Request) {
		return &bus.Observed{ID: m.ID, Response: &bus.Response{Status: http.StatusUnauthorized, Body: []byte("expired")}}
	}
	if scripted := w.answers[path]; scripted != nil {
		out := *scripted
		out.ID = m.ID
		return &out
	}
	o := w.observers[m.Observer]
	if o == nil {
		o = &fakeObserver{id: m.Observer, path: path, epoch: fmt.Sprintf("epoch-%d", len(w.asked)), list: diff.NewList(w.lists[path])}
		w.observers[m.Observer] = o
	}
	if m.Epoch == o.epoch && m.Seq <= o.seq && m.Seq+uint64(len(o.log)) >= o.seq {
		return &bus.Observed{ID: m.ID, Proven: !w.doubts, Resumed: &bus.Resumed{
			Observer: o.id, PrimaryKey: "id", Changes: o.log[uint64(len(o.log))-(o.seq-m.Seq):]}}
	}
	return &bus.Observed{ID: m.ID, Proven: !w.doubts, Snapshot: &wire.Snapshot{
		Observer: o.id, Epoch: o.epoch, Seq: o.seq, Position: w.pos(), PrimaryKey: "id", KeyType: wire.KeyInteger, Items: o.list}}
}

func (w *fakeWorker) pos() change.Position { return change.NewPosition("testtest", w.position) }

func (w *fakeWorker) send(body bus.Body) {
	if err := w.link.Send("gateway", body); err != nil && !errors.Is(err, bus.ErrStopped) { // the test is over
		w.t.Error(err)
	}
}

// set gives paths new lists in one round and returns its position.
func (w *fakeWorker) set(lists map[string][]diff.Item) change.Position {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.position++
	round := &bus.Round{Progress: &wire.Progress{Position: w.pos(), Whole: true}}
	if w.owed {
		round.Doubted, w.owed = w.allInDoubt(""), false
	}
	for path, list := range lists {
		w.lists[path] = list
		for _, o := range w.observers {
			if o.path == path {
				round.Changes = append(round.Changes, w.step(o, list)...)
			}
		}
	}
	w.send(round)
	return w.pos()
}

// doubt says that something has changed that all rights rest on.
func (w *fakeWorker) doubt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.position++
	w.send(&bus.Round{Doubted: w.allInDoubt("")})
}

// commit says that a request has committed what all rights rest on. late has
// the request hear of it after the gateway.
func (w *fakeWorker) commit(writes *readset.Writes, late bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	writes.Begin()
	w.position++
	at := w.pos()
	if !late {
		writes.End(at)
	}
	w.send(&bus.Round{Doubted: w.allInDoubt(at)})
	if late {
		writes.End(at)
	}
}

func (w *fakeWorker) allInDoubt(at change.Position) []*bus.Doubt {
	var list []*bus.Doubt
	for _, observer := range w.followed() {
		list = append(list, &bus.Doubt{Observer: observer, By: change.Commit{Position: at}})
	}
	return list
}

// doubtLater says it with the next diffs.
func (w *fakeWorker) doubtLater() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.position++
	w.owed = true
}

func (w *fakeWorker) followed() []string { return slices.Sorted(maps.Keys(w.observers)) }

func (w *fakeWorker) step(o *fakeObserver, list []diff.Item) []*wire.Changes {
	ops := diff.Between(o.list.Slice(), list)
	if len(ops) == 0 {
		return nil
	}
	o.seq++
	o.list = diff.NewList(list)
	c := &wire.Changes{
		Observer: o.id, Epoch: o.epoch, Seq: o.seq, Position: w.pos(), PrimaryKey: "id",
		KeyType: wire.KeyInteger, Ops: ops, List: o.list,
	}
	o.log = append(o.log, c)
	return []*wire.Changes{c}
}

func (w *fakeWorker) close(path string, code wire.Code) {
	w.mu.Lock()
	defer w.mu.Unlock()
	round := &bus.Round{}
	for id, o := range w.observers {
		if o.path == path {
			round.Closed = append(round.Closed, wire.Closed{Observer: id, Code: code})
			delete(w.observers, id)
		}
	}
	w.send(round)
}

func (w *fakeWorker) asks() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asked)
}

// await waits until the worker has seen what cond looks for.
func (w *fakeWorker) await(what string, cond func() bool) {
	w.t.Helper()
	deadline := time.After(waitMost)
	for {
		w.mu.Lock()
		ok, changed := cond(), w.changed
		w.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			w.t.Fatalf("the worker did not see: %s", what)
		}
	}
}

// house is a gateway with a fake worker and an HTTP server.
type house struct {
	t      testing.TB
	gw     *Gateway
	worker *fakeWorker
	server *httptest.Server
	events chan event.Event
	stop   func() // ends the gateway
	// dialNet reaches the server; nil for TCP.
	dialNet func(ctx context.Context, network, address string) (net.Conn, error)
}

func items(list ...string) []diff.Item {
	var out []diff.Item
	for _, text := range list {
		key, data, _ := strings.Cut(text, ":")
		out = append(out, diff.Item{Key: key, Data: fmt.Appendf(nil, `{"id":%s,"v":%q}`, key, data)})
	}
	return out
}

// observable is what wakeful.Observable does.
func observable(next http.HandlerFunc, headers ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := mark.From(r.Context())
		if m != nil {
			m.Set(&mark.View{Name: r.URL.Path, Key: []string{"id"}, Headers: headers})
			if !m.Evaluating {
				return
			}
		}
		next(w, r)
	})
}

func testApp() *http.ServeMux {
	mux := http.NewServeMux()
	plain := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Query", r.URL.RawQuery)
		_, _ = io.WriteString(w, "plain")
	}
	for _, path := range []string{"/a", "/b", "/c"} {
		mux.Handle(path, observable(plain))
	}
	mux.HandleFunc("/plain", plain)
	return mux
}

func newHouse(t testing.TB, cfg Config, app http.Handler) *house {
	t.Helper()
	return newHouseOn(t, cfg, app, httptest.NewUnstartedServer(nil))
}

// newHouseOn is a house whose server is set up otherwise.
func newHouseOn(t testing.TB, cfg Config, app http.Handler, server *httptest.Server) *house {
	t.Helper()
	b := bus.New()
	if cfg.Bus == nil {
		cfg.Bus = b
	}
	events := make(chan event.Event, 10_000)
	cfg.Events = event.NewRecorder(nil, func(e event.Event) {
		select {
		case events <- e:
		default:
		}
	})
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Limits.FrameBurst == 0 {
		cfg.Limits.FramesPerSecond, cfg.Limits.FrameBurst = -1, -1
	}
	gw, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if app == nil {
		app = testApp()
	}
	h := &house{t: t, gw: gw, worker: newFakeWorker(t, cfg.Bus), events: events}
	h.server = server
	server.Config.Handler = gw.Wrap(app)
	server.Start()
	ctx, cancel := context.WithCancel(context.Background())
	workerCtx, stopWorker := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = h.worker.link.Run(workerCtx) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := gw.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	h.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(func() {
		h.stop()
		stopWorker()
		group.Wait()
		h.server.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	return h
}

// awaitEvent waits for an event of that kind.
func (h *house) awaitEvent(kind event.Kind) event.Event {
	h.t.Helper()
	deadline := time.After(waitMost)
	for {
		select {
		case e := <-h.events:
			if e.Kind == kind {
				return e
			}
		case <-deadline:
			h.t.Fatalf("no event: %v", kind)
		}
	}
}

// envelope is the answer to an observe request.
type envelope struct {
	Observer string            `json:"observer"`
	Items    []json.RawMessage `json:"items"`
	Epoch    string            `json:"epoch"`
	Seq      uint64            `json:"seq"`
	Position string            `json:"position"`
	Code     string            `json:"code"`
}

// do sends a request with header lines "Name: value".
func (h *house) do(method, target string, lines ...string) (*http.Response, []byte) {
	h.t.Helper()
	r, err := http.NewRequest(method, h.server.URL+target, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp, body
}

// observe subscribes a session to a path.
func (h *house) observe(path, session string, lines ...string) envelope {
	h.t.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	resp, body := h.do("GET", path+sep+"observe="+session, lines...)
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil || resp.StatusCode != 200 {
		h.t.Fatalf("GET %s for %s: %d %s", path, session, resp.StatusCode, body)
	}
	return e
}

// awaitSockets waits until the gateway holds that many sockets.
func (h *house) awaitSockets(n int) {
	h.t.Helper()
	for h.gw.Status().Sockets != n {
		h.awaitEvent(event.SocketClosed)
	}
}
