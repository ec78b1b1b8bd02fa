package bus

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// ErrFull reports that a member has too many messages waiting.
var ErrFull = errors.New("bus: queue is full")

// queueLimit bounds the messages that wait for one member of an InProcess bus.
const queueLimit = 1 << 16

// InProcess is the Bus of a single process. Messages are passed on as they are,
// not copied. It loses none and keeps their order, but for a member with 65,536
// messages waiting: Send to it fails with ErrFull.
type InProcess struct {
	mu      sync.RWMutex
	members map[string]*member
}

var _ Bus = (*InProcess)(nil)

// New returns a Bus without members.
func New() *InProcess {
	return &InProcess{members: map[string]*member{}}
}

// member has one goroutine, from Join until leave, that hands messages on.
type member struct {
	handle func(Message)
	wake   chan struct{} // has one element when there may be something to do
	done   chan struct{} // closed when the goroutine has ended

	left    atomic.Bool
	mu      sync.Mutex
	waiting []Message
}

// Join implements Bus.
func (b *InProcess) Join(name string, handle func(Message)) (leave func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, taken := b.members[name]; taken {
		return nil, fmt.Errorf("bus: join: there is a member %q already", name)
	}
	m := &member{handle: handle, wake: make(chan struct{}, 1), done: make(chan struct{})}
	b.members[name] = m
	go m.run()
	return sync.OnceFunc(func() { b.leave(name, m) }), nil
}

func (b *InProcess) leave(name string, m *member) {
	b.mu.Lock()
	delete(b.members, name)
	b.mu.Unlock()
	m.left.Store(true)
	m.mu.Lock()
	m.waiting = nil
	m.mu.Unlock()
	m.signal()
	<-m.done
}

// Send implements Bus.
func (b *InProcess) Send(to string, message Message) error {
	b.mu.RLock()
	m := b.members[to]
	b.mu.RUnlock()
	if m == nil || m.left.Load() {
		return nil
	}
	m.mu.Lock()
	waiting := len(m.waiting)
	if waiting >= queueLimit {
		m.mu.Unlock()
		return fmt.Errorf("bus: send to %q: %w", to, ErrFull)
	}
	m.waiting = append(m.waiting, message)
	m.mu.Unlock()
	if waiting == 0 {
		m.signal()
	}
	return nil
}

func (m *member) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// run hands messages on, taking all that wait at once: while it works through
// them, senders fill the other slice.
func (m *member) run() {
	defer close(m.done)
	var batch []Message
	for range m.wake {
		for {
			m.mu.Lock()
			batch, m.waiting = m.waiting, batch[:0]
			m.mu.Unlock()
			if !m.handleAll(batch) {
				return
			}
			if len(batch) == 0 {
				break
			}
			if cap(batch) > keepBatch {
				batch = nil
			}
		}
	}
}

// keepBatch is the capacity above which a slice is not kept for the next burst.
const keepBatch = 4096

// handleAll reports whether the member is still one.
func (m *member) handleAll(batch []Message) bool {
	for i := range batch {
		if m.left.Load() {
			return false
		}
		m.handle(batch[i])
		batch[i] = Message{} // let go of it
	}
	return !m.left.Load()
}
