package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/source/memsource"
	"github.com/wakeful-dev/wakeful/wire"
)

var itemTables = []memsource.Table{
	{Name: "item", Columns: []string{"id", "name", "score"}},
	{Name: "other", Columns: []string{"id", "name"}},
}

// rig is a worker over a database in memory, and a gateway that writes down
// what it is sent. It lives in a synctest bubble.
type rig struct {
	t      *testing.T
	db     *memsource.DB
	mux    *http.ServeMux
	worker *Worker
	events *event.Recorder
	link   *bus.Link
	asked  uint64
	heard  func(bus.Body)       // after each message, where it is set
	fault  func(string, ...any) // told what does not fit

	mu      sync.Mutex
	answers map[uint64]*bus.Observed
	rounds  []*bus.Round
	came    []bus.Body             // all of it, in order
	lists   map[string][]diff.Item // as the rounds leave them
	seqs    map[string]uint64
}

// newRig starts a worker whose app has one view, /items, over a table item
// (id, name, score), and a table other that no view reads. adjust has the last
// word on the configuration.
func newRig(t *testing.T, cfg Config, adjust ...func(*rig, *Config)) *rig {
	t.Helper()
	r := &rig{
		t: t, fault: t.Errorf, mux: http.NewServeMux(), events: event.NewRecorder(nil, nil),
		answers: map[uint64]*bus.Observed{}, lists: map[string][]diff.Item{}, seqs: map[string]uint64{},
		db: memsource.New(memsource.Config{Tables: itemTables}),
	}
	r.view("/items", nil)
	cfg.Bus, cfg.Source, cfg.Events = bus.New(), r.db, r.events
	cfg.App = func() http.Handler { return r.mux }
	for _, f := range adjust {
		f(r, &cfg)
	}
	var err error
	if r.worker, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	if r.link, err = bus.NewLink(bus.LinkConfig{
		Bus: cfg.Bus, Name: "gateway", Handle: func(_, _ string, body bus.Body) { r.receive(body) },
	}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- r.worker.Run(ctx) }()
	go func() { ended <- r.link.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
		}
		if n := r.db.Pinned(); n != 0 {
			t.Errorf("%d snapshots are still open", n)
		}
	})
	synctest.Wait()
	return r
}

// view adds a view that lists the items, after doing whatever before does.
func (r *rig) view(path string, before func(ctx context.Context) error) {
	r.handle(path, mark.View{Name: path, Key: []string{"id"}}, func(w http.ResponseWriter, q *http.Request) {
		if before != nil {
			if err := before(q.Context()); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		rows, err := r.db.Read(q.Context(), "item")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(rows)
	})
}

func (r *rig) handle(path string, view mark.View, do http.HandlerFunc) {
	r.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, q *http.Request) {
		mark.From(q.Context()).Set(&view)
		do(w, q)
	})
}

func (r *rig) receive(body bus.Body) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.came = append(r.came, body)
	switch m := body.(type) {
	case *bus.Observed:
		r.answers[m.ID] = m
		if m.Snapshot != nil {
			r.lists[m.Snapshot.Observer] = m.Snapshot.Items.Slice()
			r.seqs[m.Snapshot.Observer] = m.Snapshot.Seq
		}
	case *bus.Round:
		r.rounds = append(r.rounds, m)
		for _, c := range m.Changes {
			r.apply(c)
		}
	}
	if r.heard != nil {
		r.heard(body)
	}
}

func (r *rig) apply(c *wire.Changes) {
	if c.Seq != r.seqs[c.Observer]+1 {
		r.fault("%s: seq %d follows %d", c.Observer, c.Seq, r.seqs[c.Observer])
	}
	list, err := diff.Apply(r.lists[c.Observer], c.Ops)
	if err != nil {
		r.fault("%s: %v", c.Observer, err)
	}
	if !slices.EqualFunc(list, c.List.Slice(), func(a, b diff.Item) bool { return a.Key == b.Key && bytes.Equal(a.Data, b.Data) }) {
		r.fault("%s: ops and list of seq %d differ", c.Observer, c.Seq)
	}
	r.lists[c.Observer], r.seqs[c.Observer] = list, c.Seq
}

// ask sends a request to observe and returns its number.
func (r *rig) ask(url string, more ...func(*bus.Observe)) uint64 {
	r.asked++
	m := &bus.Observe{ID: r.asked, Observer: "o:" + url, Request: bus.Request{URL: url, Host: "test"}}
	for _, f := range more {
		f(m)
	}
	if err := r.link.Send(Name, m); err != nil {
		r.t.Fatal(err)
	}
	return r.asked
}

// observe asks and waits for the snapshot.
func (r *rig) observe(url string) *wire.Snapshot {
	r.t.Helper()
	id := r.ask(url)
	synctest.Wait()
	answer := r.answer(id)
	if answer == nil || answer.Snapshot == nil {
		r.t.Fatalf("observe %s: got %+v", url, answer)
	}
	return answer.Snapshot
}

// answer is what came for a request, nil if nothing has.
func (r *rig) answer(id uint64) *bus.Observed {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answers[id]
}

// put writes items, in one transaction.
func (r *rig) put(ids ...int64) {
	r.t.Helper()
	_, err := r.db.Update(func(tx *memsource.Tx) error {
		for _, id := range ids {
			old, err := tx.Get("item", id)
			if err != nil {
				return err
			}
			score, _ := old["score"].(int64)
			if err := tx.Put("item", memsource.Row{"id": id, "name": fmt.Sprint("n", id), "score": score + 1}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// last is the newest message with diffs or a progress.
func (r *rig) last() *bus.Round {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rounds[len(r.rounds)-1]
}

// keys is the list of an observer, as "1 2 3".
func (r *rig) keys(url string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var keys []string
	for _, item := range r.lists["o:"+url] {
		keys = append(keys, item.Key)
	}
	return strings.Join(keys, " ")
}

// progress is the newest that was sent.
func (r *rig) progress() *wire.Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.rounds) - 1; i >= 0; i-- {
		if r.rounds[i].Progress != nil {
			return r.rounds[i].Progress
		}
	}
	return nil
}

// closed returns how an observer was closed, "" where it lives.
func (r *rig) closed(url string) wire.Code {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, round := range r.rounds {
		for _, c := range round.Closed {
			if c.Observer == "o:"+url {
				return c.Code
			}
		}
	}
	return ""
}

// pass lets time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
