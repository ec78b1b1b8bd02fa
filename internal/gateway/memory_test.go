package gateway

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/memory"
	"github.com/wakeful-dev/wakeful/wire"
)

// recount adds up what the gateway holds. Nothing may be on its way.
func (h *house) recount() map[string]int {
	got := map[string]int{"source": 0}
	h.gw.mu.Lock()
	defer h.gw.mu.Unlock()
	for _, f := range h.gw.feeds {
		f.mu.Lock()
		if st := f.state.Load(); st != nil {
			got["lists"] += memory.OfList(st.Items)
			st.mu.Lock()
			for _, frame := range st.frames {
				got["caches"] += len(frame)
			}
			st.mu.Unlock()
		}
		for _, e := range f.log {
			b := e.body.Load()
			if b == nil {
				continue
			}
			if e.counted {
				got["logs"] += memory.OfChanges(b.changes)
			}
			got["frames"] += len(b.v1.bytes)
			for i := range b.v2 {
				got["frames"] += len(b.v2[i].bytes)
			}
		}
		f.mu.Unlock()
	}
	for _, s := range h.gw.sessions {
		s.mu.Lock()
		for _, d := range s.dormant {
			got["keys"] += d.bytes()
		}
		for i := range s.left {
			got["keys"] += s.left[i].bytes()
		}
		s.mu.Unlock()
	}
	return got
}

// agrees reports where the account and a recount differ.
func (h *house) agrees() error {
	have, want := h.gw.Memory.Status(), h.recount()
	for _, kind := range []string{"lists", "logs", "frames", "caches", "keys"} {
		if have.Bytes[kind] != want[kind] {
			return fmt.Errorf("%s: the account has %d bytes, held are %d", kind, have.Bytes[kind], want[kind])
		}
	}
	return nil
}

// settled waits until cond holds.
func (h *house) settled(what string, cond func() error) {
	h.t.Helper()
	deadline := time.Now().Add(waitMost)
	for {
		err := cond()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s: %v", what, err)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// TestMemoryLaw: whatever clients and lists do, the account is what is held;
// when all is quiet it is within the limit, but for lists; clients end with the
// server's lists; when all are gone it is empty.
func TestMemoryLaw(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for round := range 6 {
		t.Run(fmt.Sprintf("seed %d round %d", seed, round), func(t *testing.T) {
			memoryRound(t, rand.New(rand.NewPCG(seed, uint64(round))))
		})
	}
}

func memoryRound(t *testing.T, rnd *rand.Rand) {
	const limit = 60_000
	account := memory.New(limit)
	h := newHouse(t, Config{
		Memory: account, SessionTTL: 30 * time.Millisecond, V1SessionTTL: 60 * time.Millisecond, Linger: 10 * time.Millisecond,
		Limits: Limits{LogDiffs: 5 + rnd.IntN(50), Undelivered: 3000},
	}, nil)
	paths := []string{"/a", "/b", "/c"}
	clients := map[string]*client{}
	text := strings.Repeat("x", 200+rnd.IntN(800))
	for step := range 150 {
		id := "s" + strconv.Itoa(rnd.IntN(6))
		path := paths[rnd.IntN(len(paths))]
		switch rnd.IntN(8) {
		case 0:
			if c := clients[id]; c != nil {
				_ = c.conn.Close()
				delete(clients, id)
			} else if c, err := h.tryDial(id, version(1+rnd.IntN(2))); err == nil {
				c.say(`{"type":"resume","observers":{}}`)
				clients[id] = c
			}
		case 1, 2:
			_, _ = h.do("GET", path+"?observe="+id)
		case 3:
			if s := h.gw.session(id); s != nil {
				if f := h.feedOf(path); f != nil {
					if sub := s.find(f.observer); sub != nil {
						h.gw.unsubscribe(s, sub, nil)
					}
				}
			}
		default:
			h.worker.set(map[string][]diff.Item{path: items(fmt.Sprintf("%d:%s%d", 1+rnd.IntN(4), text, step), "9:"+text)})
		}
		for _, c := range clients {
			for len(c.frames) > 0 {
				f := <-c.frames
				_, _ = c.take(f)
			}
		}
	}
	h.settled("when all is quiet", func() error {
		if err := h.agrees(); err != nil {
			return err
		}
		if s := account.Status(); s.Total > limit && s.Total > s.Bytes["lists"]+s.Bytes["keys"] {
			return fmt.Errorf("%+v is above the limit", s)
		}
		return nil
	})
	c := h.begin("last")
	e := h.observe("/a", "last")
	model := modelOf(e.Items)
	want := items("1:end")
	h.worker.set(map[string][]diff.Item{"/a": want})
	f, _ := c.until("changes")
	if f.Observer != e.Observer || len(model.items) == 0 && f.Seq != e.Seq+1 {
		t.Errorf("the stream went on with %s", f.raw)
	}
	for _, c := range clients {
		_ = c.conn.Close()
	}
	_ = c.conn.Close()
	h.settled("when all are gone", func() error {
		if s := account.Status(); s.Total-s.Bytes["transit"] != 0 || len(h.recount()) > 1 {
			return fmt.Errorf("%+v is left", s)
		}
		return nil
	})
}

func (h *house) feedOf(path string) *feed {
	h.worker.mu.Lock()
	defer h.worker.mu.Unlock()
	for id, o := range h.worker.observers {
		if o.path == path {
			return h.gw.feed(id)
		}
	}
	return nil
}

// TestMemoryAtTheLimit: logs go when there is too much, whose client was away
// gets a snapshot, who follows goes on; a new list is refused when lists alone
// are too much, and taken when there is room again.
func TestMemoryAtTheLimit(t *testing.T) {
	h := newHouse(t, Config{Memory: memory.New(20_000), Linger: 10 * time.Millisecond}, nil)
	c := h.begin("s1")
	e := h.observe("/a", "s1")
	const diffs = 40
	for i := range diffs {
		h.worker.set(map[string][]diff.Item{"/a": items(fmt.Sprintf("1:%s%d", strings.Repeat("x", 1000), i))})
		f, _ := c.until("changes")
		if f.Seq != uint64(i+1) {
			t.Fatalf("diff %d: %.100s", i, f.raw)
		}
	}
	h.settled("logs", func() error {
		if s := h.gw.Memory.Status(); s.Total > s.Limit {
			return fmt.Errorf("%+v", s)
		}
		return h.agrees()
	})
	for seq, want := range map[uint64]string{0: "snapshot", diffs - 1: "changes"} {
		back := h.dial(fmt.Sprint("back", seq), version2)
		back.expect("hello")
		back.say(`{"type":"resume","observers":{%q:{"epoch":%q,"seq":%d,"url":"/a"}}}`, e.Observer, e.Epoch, seq)
		frames := back.barrier()
		if len(frames) < 2 || frames[1].Type != want {
			t.Errorf("resume from %d: %+v", seq, frames)
		}
	}
	h.worker.set(map[string][]diff.Item{"/a": items("1:" + strings.Repeat("y", 30_000))})
	h.settled("no room", func() error {
		if h.gw.Memory.Room() {
			return fmt.Errorf("%+v", h.gw.Memory.Status())
		}
		return nil
	})
	resp, body := h.do("GET", "/b?observe=s1")
	if resp.StatusCode != 503 || !strings.Contains(string(body), string(wire.CodeLimit)) || !strings.Contains(string(body), "Config.Memory") {
		t.Errorf("a new list when lists alone are too much: %d %s", resp.StatusCode, body)
	}
	h.observe("/a", "s2") // there already
	c.say(`{"type":"resume","id":1,"observers":{"x":{"epoch":"e","seq":1,"url":"/b"}}}`)
	if f, _ := c.until("closed"); f.Code != string(wire.CodeLimit) {
		t.Errorf("resume without room: %s", f.raw)
	}
	h.worker.set(map[string][]diff.Item{"/a": nil})
	h.settled("room", func() error {
		if !h.gw.Memory.Room() {
			return fmt.Errorf("%+v", h.gw.Memory.Status())
		}
		return nil
	})
	h.observe("/b", "s1")
}

// TestSlowClientsKeepNoDiffs: a client that takes nothing, or next to nothing,
// does not keep the diffs since.
func TestSlowClientsKeepNoDiffs(t *testing.T) {
	for _, v := range []version{version1, version2} {
		h := newHouse(t, Config{Limits: Limits{Undelivered: 2000, LogDiffs: 4}}, nil)
		c := h.dial("s1", v)
		if v == version2 {
			c.expect("hello")
			c.say(`{"type":"resume","observers":{}}`)
			c.barrier()
		}
		e := h.observe("/a", "s1")
		model := modelOf(e.Items)
		write := h.holdWriter("s1")
		var want []diff.Item
		for i := range 300 {
			want = items(fmt.Sprintf("%d:%d", 1+i%7, i), "9:x")
			h.worker.set(map[string][]diff.Item{"/a": want})
		}
		h.awaitState(e.Observer, 300)
		s := h.gw.session("s1")
		h.settled(fmt.Sprint("version ", v), func() error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if sub := s.subs.of(e.Observer); sub.at != sub.feed.state.Load().tail || v == version1 && len(sub.held) != 8 {
				return fmt.Errorf("the cursor is behind, %d keys are held", len(sub.held))
			}
			return nil
		})
		write()
		if v == version1 {
			c.follow(model, want)
		} else if f, _ := c.until("snapshot"); f.Seq != 300 || f.Reason != wire.ReasonSlowConsumer {
			t.Errorf("%s", f.raw)
		}
	}
}

// TestTransitIsCountedOnce: messages on their way count as what they take.
func TestTransitIsCountedOnce(t *testing.T) {
	account := memory.New(1 << 30)
	g, err := New(Config{Bus: bus.New(), Memory: account})
	if err != nil {
		t.Fatal(err)
	}
	g.send(&bus.Leave{Observer: "o"})
	if counted, is := account.Status().Bytes["transit"], g.link.Bytes(); counted != is || is == 0 {
		t.Errorf("%d bytes are on their way, %d are counted", is, counted)
	}
}
