package bus_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
)

// station is a link with what it was told, in order: "from: text", "lost peer",
// "gone peer".
type station struct {
	link *bus.Link
	stop func() // ends Run and waits for it

	mu     sync.Mutex
	hears  func(event string)
	events []string
	inside bool
}

func (s *station) tell(t *testing.T, event string) {
	s.mu.Lock()
	if s.inside {
		t.Error("a callback was called while another was running")
	}
	s.inside = true
	s.events = append(s.events, event)
	hears := s.hears
	s.mu.Unlock()
	if hears != nil {
		hears(event)
	}
	s.mu.Lock()
	s.inside = false
	s.mu.Unlock()
}

func (s *station) onEvent(hears func(event string)) {
	s.mu.Lock()
	s.hears = hears
	s.mu.Unlock()
}

// heard returns what was told, and forgets it.
func (s *station) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.events
	s.events = nil
	return events
}

func (s *station) send(t *testing.T, to, text string) {
	t.Helper()
	if err := s.link.Send(to, &bus.Leave{Observer: text}); err != nil {
		t.Errorf("Send(%q, %q): %v", to, text, err)
	}
}

// open makes a station and runs it until the end of the test, or stop.
func open(t *testing.T, b bus.Bus, name string, with func(*bus.LinkConfig)) *station {
	t.Helper()
	s := &station{}
	cfg := bus.LinkConfig{
		Bus: b, Name: name,
		Handle: func(from, life string, body bus.Body) {
			if life == "" {
				t.Error("no life")
			}
			s.tell(t, from+": "+body.(*bus.Leave).Observer)
		},
		Lost: func(peer string) { s.tell(t, "lost "+peer) },
		Gone: func(peer string) { s.tell(t, "gone "+peer) },
	}
	if with != nil {
		with(&cfg)
	}
	link, err := bus.NewLink(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.link = link
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- link.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

// pass lets time pass on the clock of a synctest bubble.
func pass(d time.Duration) { <-time.After(d) }

func wants(t *testing.T, name string, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s heard\n got %.300q\nwant %.300q", name, got, want)
	}
}

func lines(from string, first, last int) []string {
	list := make([]string, 0, last-first+1)
	for n := first; n <= last; n++ {
		list = append(list, from+": "+strconv.Itoa(n))
	}
	return list
}

// replay keeps what went to one member, to send it once more.
type replay struct {
	bus.Bus
	to string

	mu   sync.Mutex
	kept []bus.Message
}

func (r *replay) Send(to string, m bus.Message) error {
	if to == r.to {
		r.mu.Lock()
		r.kept = append(r.kept, m)
		r.mu.Unlock()
	}
	return r.Bus.Send(to, m)
}

func (r *replay) again(t *testing.T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.kept {
		if err := r.Bus.Send(r.to, m); err != nil {
			t.Error(err)
		}
	}
}

// cut loses everything to some members.
type cut struct {
	bus.Bus
	mu    sync.Mutex
	lost  map[string]bool
	count int // messages passed on
}

func (c *cut) lose(to string, lose bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost == nil {
		c.lost = map[string]bool{}
	}
	c.lost[to] = lose
}

func (c *cut) Send(to string, m bus.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost[to] {
		return nil
	}
	c.count++
	return c.Bus.Send(to, m)
}

func (c *cut) sent() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.count
	c.count = 0
	return n
}
