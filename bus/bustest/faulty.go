package bustest

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
)

// Faulty returns a Bus that sends over b and loses, doubles and delays each
// message with the probability rate, each fault on its own. A delayed message
// is sent after one to three later ones to the same member, or after some
// milliseconds. Equal seeds make equal faults for equal messages in equal order.
func Faulty(b bus.Bus, seed uint64, rate float64) bus.Bus {
	return &faulty{Bus: b, rate: rate, random: rand.New(rand.NewPCG(seed, 1)), held: map[string][]*held{}}
}

type faulty struct {
	bus.Bus
	rate float64

	mu     sync.Mutex
	random *rand.Rand
	held   map[string][]*held // by receiver
}

// held is a message that waits for later ones to overtake it.
type held struct {
	message bus.Message
	after   int // later messages
	timer   *time.Timer
}

func (f *faulty) hits() bool { return f.random.Float64() < f.rate }

// Send implements bus.Bus. It never fails: what the bus below refuses is lost.
func (f *faulty) Send(to string, m bus.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.hits() {
		f.pass(to, m)
	}
	if f.hits() {
		f.pass(to, m)
	}
	return nil
}

// pass sends a message now or later.
func (f *faulty) pass(to string, m bus.Message) {
	if f.hits() {
		f.hold(to, m)
		return
	}
	_ = f.Bus.Send(to, m)
	for _, h := range f.held[to] {
		h.after--
		if h.after == 0 && h.timer.Stop() {
			f.release(to, h)
		}
	}
}

func (f *faulty) hold(to string, m bus.Message) {
	h := &held{message: m, after: 1 + f.random.IntN(3)}
	h.timer = time.AfterFunc(time.Duration(1+f.random.IntN(5))*time.Millisecond, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.release(to, h)
	})
	f.held[to] = append(f.held[to], h)
}

func (f *faulty) release(to string, h *held) {
	rest := make([]*held, 0, len(f.held[to]))
	for _, other := range f.held[to] {
		if other != h {
			rest = append(rest, other)
		}
	}
	f.held[to] = rest
	_ = f.Bus.Send(to, h.message)
}
