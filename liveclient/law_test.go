package liveclient

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

// sim is a server of a few lists and its connection to one client, which loses,
// doubles and spoils what it sends.
type sim struct {
	t        *testing.T
	random   *rand.Rand
	client   *Client
	on       *conn
	urls     []string
	observed map[string]*observed // by id
	ids      map[string]string    // of URLs: two of them share one
	follows  map[string]bool      // by the session
	out      [][]byte             // on the way to the client
	clock    uint64
	faithful bool // nothing is lost or spoilt any more
	seen     map[string]int
	lists    []*List[json.RawMessage]
}

// observed is one list of the server with all that it ever was.
type observed struct {
	epochs int
	epoch  string
	seq    uint64
	items  []diff.Item
	log    []wire.Changes    // of the epoch
	was    map[string]string // by epoch and seq
	order  []string          // every list that it was, the oldest first
}

func newSim(t *testing.T, random *rand.Rand) *sim {
	s := &sim{
		t: t, random: random, follows: map[string]bool{}, observed: map[string]*observed{},
		urls: []string{"/a", "/b", "/c", "/a?again"}, seen: map[string]int{},
		ids: map[string]string{"/a": "A", "/b": "B", "/c": "C", "/a?again": "A"},
	}
	client, err := New(Config{URL: "http://sim", MinWait: time.Millisecond, MaxWait: 8 * time.Millisecond, Hold: time.Duration(1+random.IntN(5)) * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s.client = client
	for _, id := range []string{"A", "B", "C"} {
		s.observed[id] = &observed{was: map[string]string{}}
		s.begin(id)
	}
	return s
}

func text(items []diff.Item) string {
	var all []string
	for _, i := range items {
		all = append(all, string(i.Data))
	}
	return strings.Join(all, " ")
}

func point(epoch string, seq uint64) string { return fmt.Sprintf("%s:%d", epoch, seq) }

func (s *sim) position() change.Position { return change.NewPosition("history0", s.clock) }

// begin begins a new epoch of a list.
func (s *sim) begin(id string) {
	o := s.observed[id]
	o.epochs++
	o.epoch, o.seq, o.log = fmt.Sprintf("%s%d", id, o.epochs), 0, nil
	o.note()
}

func (o *observed) note() {
	o.was[point(o.epoch, o.seq)] = text(o.items)
	o.order = append(o.order, text(o.items))
}

// turn changes a list.
func (s *sim) turn(id string) {
	o := s.observed[id]
	after := slices.Clone(o.items)
	for range 1 + s.random.IntN(3) {
		s.clock++
		key := fmt.Sprint(s.random.IntN(12))
		at := slices.IndexFunc(after, func(i diff.Item) bool { return i.Key == key })
		made := diff.Item{Key: key, Data: fmt.Appendf(nil, `{"id":%s,"n":%d,"same":"a text that is longer than a field"}`, key, s.clock)}
		switch {
		case at < 0:
			after = slices.Insert(after, s.random.IntN(len(after)+1), made)
		case s.random.IntN(3) == 0:
			after = slices.Delete(after, at, at+1)
		default:
			after = slices.Insert(slices.Delete(after, at, at+1), s.random.IntN(len(after)), made)
		}
	}
	ops := diff.Between(o.items, after)
	o.items = after
	o.seq++
	o.note()
	c := wire.Changes{Observer: id, Epoch: o.epoch, Seq: o.seq, Position: s.position(), PrimaryKey: "id", KeyType: wire.KeyInteger, Ops: ops}
	o.log = append(o.log, c)
	if s.follows[id] {
		s.say(wire.AppendChanges(nil, &c))
	}
}

func (s *sim) say(frame []byte) {
	if !s.faithful {
		switch s.random.IntN(60) {
		case 0:
			return // lost
		case 1:
			s.out = append(s.out, frame)
		case 2:
			frame = []byte(strings.Replace(string(frame), `"op":"added"`, `"op":"inserted"`, 1))
		case 3:
			frame = []byte(strings.Replace(string(frame), `"order":`, `"order":9`, 1))
		}
	}
	s.out = append(s.out, frame)
}

func (s *sim) snapshot(id, reason string) {
	o := s.observed[id]
	s.say(wire.AppendSnapshot(nil, &wire.Snapshot{
		Observer: id, Epoch: o.epoch, Seq: o.seq, Position: s.position(), PrimaryKey: "id", KeyType: wire.KeyInteger, Items: diff.NewList(o.items),
	}, reason))
}

// join follows a list from a point on.
func (s *sim) join(id string, call wire.ID, at wire.Point) {
	o := s.observed[id]
	s.follows[id] = true
	from := o.seq
	missed := at.Epoch == o.epoch && at.Seq <= o.seq
	if missed {
		from = at.Seq
	}
	// An answer is never lost: the connection is one.
	s.out = append(s.out, wire.AppendSubscribed(nil, &wire.Subscribed{ID: call, Observer: id, Epoch: o.epoch, Seq: from, PrimaryKey: "id"}))
	if !missed {
		s.snapshot(id, wire.ReasonSubscribe)
		return
	}
	for _, c := range o.log[at.Seq:] {
		s.say(wire.AppendChanges(nil, &c))
	}
}

// hear takes what the client has to say.
func (s *sim) hear() bool {
	m := s.client.next(s.on)
	if m == nil {
		return false
	}
	frame, err := wire.EncodeClient(m)
	if err != nil {
		s.t.Fatal(err)
	}
	got, err := wire.DecodeClient(frame)
	if err != nil {
		s.t.Fatalf("the client says %s: %v", frame, err)
	}
	switch m := got.(type) {
	case *wire.Subscribe:
		if s.random.IntN(10) == 0 && !s.faithful {
			s.out = append(s.out, wire.AppendError(nil, &wire.Error{ID: m.ID, Code: wire.CodeUnavailable, Detail: "not now"}))
			return true
		}
		s.join(s.ids[m.URL], m.ID, wire.Point{})
	case *wire.Resume:
		for id, at := range m.Observers {
			if s.random.IntN(10) == 0 && !s.faithful {
				delete(s.follows, id)
				s.out = append(s.out, wire.AppendClosed(nil, &wire.Closed{Observer: id, Code: wire.CodeUnknownObserver}))
				continue
			}
			s.join(id, m.ID, wire.Point{Epoch: at.Epoch, Seq: at.Seq})
		}
	case *wire.Unsubscribe:
		delete(s.follows, m.Observer)
	default:
		s.t.Fatalf("the client says %s", frame)
	}
	return true
}

// deliver brings one frame to the client.
func (s *sim) deliver() bool {
	if len(s.out) == 0 {
		return false
	}
	frame := s.out[0]
	s.out = s.out[1:]
	if err := s.on.received(frame); err != nil {
		s.t.Fatalf("%s: %v", frame, err)
	}
	s.look()
	return true
}

// connect begins a connection; what was on its way is lost with the one before.
func (s *sim) connect() {
	if s.on != nil {
		s.client.disconnected(s.on, &Error{Code: CodeNetwork, Retry: true})
		s.on.silence.Stop()
		s.look()
	}
	s.out = nil
	if s.random.IntN(4) == 0 {
		clear(s.follows) // it was away for too long
	}
	s.on = &conn{client: s.client, transport: WebSocket, kicked: make(chan struct{}, 1), calls: map[wire.ID]*feed{}, frameBytes: 1000}
	s.on.silence = time.AfterFunc(time.Hour, func() {})
	s.client.mu.Lock()
	s.client.conn = s.on
	s.client.mu.Unlock()
	s.out = append(s.out, wire.AppendHello(nil, &wire.Hello{Session: "s", Heartbeat: time.Second}))
}

func (s *sim) progress() {
	p := &wire.Progress{Position: s.position(), Whole: true}
	if s.random.IntN(4) == 0 {
		p.Behind = []string{"B"}
	}
	s.out = append(s.out, wire.AppendProgress(nil, p))
}

// look holds what is shown against what the lists were.
func (s *sim) look() {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	for url, f := range s.client.lists {
		v := f.shown
		if v.epoch == "" && len(v.items) == 0 {
			continue
		}
		o := s.observed[s.ids[url]]
		var all []string
		for _, i := range v.items {
			all = append(all, string(i.data))
		}
		got := strings.Join(all, " ")
		if want, ok := o.was[point(v.epoch, v.seq)]; v.epoch != "" && (!ok || want != got) {
			s.t.Fatalf("%s shows at %s\n     %s\nwant %s", url, point(v.epoch, v.seq), got, want)
		}
		at := slices.Index(o.order[min(s.seen[url], len(o.order)):], got)
		if at < 0 {
			s.t.Fatalf("%s goes back, or shows what never was: %s", url, got)
		}
		s.seen[url] += at
	}
}

func (s *sim) act() {
	ids := []string{"A", "B", "C"}
	id := ids[s.random.IntN(3)]
	switch n := s.random.IntN(100); {
	case n < 30:
		s.turn(id)
	case n < 60:
		s.deliver()
	case n < 75:
		s.hear()
	case n < 83:
		s.progress()
	case n < 85 && s.follows[id]:
		s.snapshot(id, wire.ReasonSlowConsumer)
	case n < 86:
		s.begin(id)
		if s.follows[id] {
			s.snapshot(id, wire.ReasonEpoch)
		}
	case n < 88 && s.follows[id]:
		delete(s.follows, id)
		codes := []wire.Code{wire.CodeCleared, wire.CodeScopeChanged, wire.CodeViewError}
		s.out = append(s.out, wire.AppendClosed(nil, &wire.Closed{Observer: id, Code: codes[s.random.IntN(3)]}))
	case n < 89:
		s.out = append(s.out, wire.AppendStale(nil, &wire.Stale{Reason: "test"}))
	case n < 91:
		s.connect()
	case n < 94 && len(s.lists) > 0:
		at := s.random.IntN(len(s.lists))
		gone := s.lists[at]
		s.lists = slices.Delete(s.lists, at, at+1)
		gone.Close()
		s.client.mu.Lock()
		if gone.feed.refs == 0 {
			delete(s.seen, gone.URL())
		}
		s.client.mu.Unlock()
	case n < 97 && len(s.lists) < 6:
		s.lists = append(s.lists, Live[json.RawMessage](s.client, s.urls[s.random.IntN(len(s.urls))]))
	default:
		<-time.After(time.Duration(1+s.random.IntN(4)) * time.Millisecond)
	}
}

// settle lets everything come to its end, and holds the lists against the server's.
func (s *sim) settle() {
	s.faithful = true
	for range 3 { // what was lost is noticed by what comes next
		for _, id := range []string{"A", "B", "C"} {
			s.turn(id)
		}
		for range 20 {
			for s.hear() || s.deliver() {
			}
			<-time.After(20 * time.Millisecond) // what is asked for later
		}
	}
	s.out = append(s.out, wire.AppendProgress(nil, &wire.Progress{Position: s.position(), Whole: true}))
	for s.deliver() {
	}
	for _, l := range s.lists {
		state := l.State()
		var all []string
		for _, data := range state.Items {
			all = append(all, string(data))
		}
		want := text(s.observed[s.ids[l.URL()]].items)
		if got := strings.Join(all, " "); got != want || state.Status != Following || state.Err != nil {
			s.t.Errorf("%s is %s %v at the end\n got %s\nwant %s", l.URL(), state.Status, state.Err, got, want)
		}
	}
	if err := s.client.CaughtUp(s.t.Context(), s.position()); err != nil {
		s.t.Error(err)
	}
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	if c := s.client; c.asking != 0 || len(c.queue) != 0 || len(c.leaving) != 0 || len(s.on.calls) != 0 {
		s.t.Errorf("left: %d asked, %d queued, %d leaving, %d calls", c.asking, len(c.queue), len(c.leaving), len(s.on.calls))
	}
	for id := range s.follows {
		if len(s.client.observers[id]) == 0 {
			s.t.Errorf("%s is still followed, and nobody wants it", id)
		}
	}
}

// TestLaw: whatever a connection loses, doubles and spoils, every list that is
// shown is one that the server had, none goes back, and all come to the newest.
func TestLaw(t *testing.T) {
	runs := 400
	if raceEnabled || testing.Short() {
		runs = 30
	}
	if os.Getenv("WAKEFUL_LONG") != "" {
		runs *= 100
	}
	seed := rand.Uint64()
	for n := range runs {
		synctest.Test(t, func(t *testing.T) {
			s := newSim(t, rand.New(rand.NewPCG(seed, uint64(n))))
			s.connect()
			for range 300 {
				s.act()
			}
			s.settle()
			s.client.finish(nil)
			if t.Failed() {
				t.Fatalf("seed %d, run %d", seed, n)
			}
		})
	}
}

// TestApply: the vectors say what a client holds after frames of one list.
func TestApply(t *testing.T) {
	var vectors []struct {
		Name       string            `json:"name"`
		PrimaryKey string            `json:"primary_key"`
		Keys       []string          `json:"keys"`
		Before     []json.RawMessage `json:"before"`
		Frames     []json.RawMessage `json:"frames"`
		After      []json.RawMessage `json:"after"`
		Meta       json.RawMessage   `json:"meta"`
	}
	load(t, "apply_v2.json", &vectors)
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			f := newFeed("/x")
			before := &wire.Envelope{Observer: "0a", Epoch: "e", PrimaryKey: v.PrimaryKey, Items: v.Before, Keys: v.Keys}
			if _, err := f.snapshot(before); err != nil {
				t.Fatal(err)
			}
			for _, frame := range v.Frames {
				m, err := wire.DecodeServer(frame)
				if err != nil {
					t.Fatal(err)
				}
				switch m := m.(type) {
				case *wire.SnapshotFrame:
					_, err = f.snapshot(&m.Envelope)
				case *wire.ChangesFrame:
					_, err = f.changes(m)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			var got []json.RawMessage
			for _, i := range f.now.items {
				got = append(got, i.data)
			}
			if a, b := canonical(t, got), canonical(t, v.After); a != b {
				t.Errorf("holds %s, want %s", a, b)
			}
			if a, b := canonical(t, f.now.meta), canonical(t, v.Meta); a != b {
				t.Errorf("meta is %s, want %s", a, b)
			}
		})
	}
}

// TestEveryMessage: no message of a server, whole or cut short, does harm.
func TestEveryMessage(t *testing.T) {
	var vectors []struct {
		Name  string          `json:"name"`
		Frame json.RawMessage `json:"frame"`
	}
	load(t, "v2_server.json", &vectors)
	s := newSim(t, rand.New(rand.NewPCG(1, 1)))
	s.connect()
	list := Live[json.RawMessage](s.client, "/a")
	defer list.Close()
	for _, v := range vectors {
		for n := range v.Frame {
			if err := s.on.received(v.Frame[:n]); err == nil {
				t.Errorf("%s: %s is taken", v.Name, v.Frame[:n])
			}
		}
		if err := s.on.received(v.Frame); err != nil && v.Name != "close" {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
	if state := list.State(); state.Status != Loading {
		t.Errorf("a list that was not answered is %s", state.Status)
	}
	s.client.finish(nil)
}

func load(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("../wire/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func canonical(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	var plain any
	if err := decoder.Decode(&plain); err != nil {
		t.Fatal(err)
	}
	if plain == nil || fmt.Sprint(plain) == "[]" {
		return "nothing"
	}
	data, err = json.Marshal(plain)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestUnchangedItemsAreTheSame: what did not change is not decoded again.
func TestUnchangedItemsAreTheSame(t *testing.T) {
	type row struct{ ID, N int }
	s := newSim(t, rand.New(rand.NewPCG(1, 1)))
	s.faithful = true
	s.connect()
	list := Live[*row](s.client, "/a")
	defer list.Close()
	for range 4 {
		s.turn("A")
	}
	pump := func() {
		for s.hear() || s.deliver() {
		}
	}
	pump()
	before := list.State()
	s.turn("A")
	s.progress()
	pump()
	after := list.State()
	same := 0
	for at, i := range after.Items {
		if had := slices.Index(before.Keys, after.Keys[at]); had >= 0 && before.Items[had] == i {
			same++
		}
	}
	if len(before.Items) < 3 || same == 0 || fmt.Sprint(before.Items) == fmt.Sprint(after.Items) {
		t.Errorf("%d of %d items are the same", same, len(after.Items))
	}
	s.client.finish(nil)
	if err := s.client.CaughtUp(context.Background(), change.NewPosition("history0", 1<<40)); err == nil {
		t.Error("a client that has ended is caught up with what it never saw")
	}
}
