package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Times of a Link. Everything that is lost is found by one of the two sides
// asking; nothing else is waited for.
const (
	ackDelay  = 5 * time.Millisecond  // an acknowledgement waits that long for company
	askFirst  = 20 * time.Millisecond // after that a question is asked again, then after twice that, …
	askMost   = time.Second           // … but at least that often
	heartbeat = time.Second           // a peer is told at least that often that we live
)

// ErrStopped reports that a Link's Run has ended.
var ErrStopped = errors.New("bus: link has stopped")

// LinkConfig says what a Link needs to know.
type LinkConfig struct {
	Bus  Bus    // required
	Name string // required: the member that the link is on the bus

	// Handle is given each message of a peer once, in the order sent. life
	// tells one run of the peer from the next. It must be quick: who is not
	// listened to for DeadAfter counts as silent. Required.
	Handle func(from, life string, body Body)
	// Lost says that messages between the peer and this member, in either
	// direction, are lost for good, or that the peer is a new run of itself: what the
	// two know of each other must be told anew. It comes in order with Handle,
	// before what the peer said afterwards.
	Lost func(peer string)
	// Gone says that nothing was heard of a peer for DeadAfter. The link has
	// forgotten it, and what was not delivered to it. A later message begins
	// a new life on both sides.
	Gone func(peer string)

	// Log bounds the messages that a peer has not acknowledged, and LogBytes
	// what they hold. One more, and all of them are lost. Default 16,384 and
	// 128 MiB.
	Log      int
	LogBytes int
	// DeadAfter: default 15 s.
	DeadAfter time.Duration
	Logger    *slog.Logger // nil: silent
}

// Link is reliable, ordered delivery over a Bus. Handle, Lost and Gone are
// called one at a time, never from inside Send, and may call Send.
//
// Between two members each direction counts its messages from 1 on. A life is
// one count: a member takes a new one when it starts, and for a peer that it
// had forgotten. Messages carry the lives of both sides, so none of an earlier
// count is ever taken for one of this.
type Link struct {
	cfg  LinkConfig
	life string

	mu      sync.Mutex
	peers   map[string]*peer
	made    int // peers ever made: the end of the next life
	started bool
	stopped bool

	bytes atomic.Int64 // of the messages that are not acknowledged

	wake  chan struct{} // tells Run that a peer has something to be timed
	queue deliveries
}

// NewLink checks the configuration. Nothing is received until Run.
func NewLink(cfg LinkConfig) (*Link, error) {
	if cfg.Bus == nil || cfg.Name == "" || cfg.Handle == nil {
		return nil, errors.New("bus: link: Bus, Name and Handle are required")
	}
	if cfg.Log <= 0 {
		cfg.Log = 1 << 14
	}
	if cfg.LogBytes <= 0 {
		cfg.LogBytes = 128 << 20
	}
	if cfg.DeadAfter <= 0 {
		cfg.DeadAfter = 15 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Link{cfg: cfg, life: rand.Text(), peers: map[string]*peer{}, wake: make(chan struct{}, 1)}
	l.queue.call = l.call
	return l, nil
}

// Send delivers a body to another member. It does not wait. The body is shared
// and must not be altered any more.
func (l *Link) Send(to string, body Body) error {
	if to == l.cfg.Name || body == nil {
		return fmt.Errorf("bus: link: send to %q: needs a body and another member", to)
	}
	p, err := l.peer(to)
	for ; err == nil; p, err = l.peer(to) {
		if p.send(body) {
			return nil
		}
	}
	return err
}

// Bytes is about what the messages hold that are not acknowledged.
func (l *Link) Bytes() int { return int(l.bytes.Load()) }

// peer returns the state shared with a member, a new one if there is none.
func (l *Link) peer(name string) (*peer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return nil, ErrStopped
	}
	p := l.peers[name]
	if p == nil {
		l.made++
		p = newPeer(l, name, fmt.Sprintf("%s.%d", l.life, l.made))
		l.peers[name] = p
	}
	return p, nil
}

// forget drops the state shared with a member.
func (l *Link) forget(p *peer) {
	l.mu.Lock()
	if l.peers[p.name] == p {
		delete(l.peers, p.name)
	}
	l.mu.Unlock()
	p.out.drop()
}

// receive is the link's handler on the bus.
func (l *Link) receive(m Message) {
	if m.From == l.cfg.Name || m.Life == "" {
		return
	}
	p, err := l.peer(m.From)
	for ; err == nil; p, err = l.peer(m.From) {
		if p.receive(&m) {
			break
		}
	}
	l.queue.drain()
}

func (l *Link) call(d *delivery) {
	switch {
	case d.what == bodyCame:
		l.cfg.Handle(d.from, d.life, d.body)
	case d.what == streamLost && l.cfg.Lost != nil:
		l.cfg.Lost(d.from)
	case d.what == peerGone && l.cfg.Gone != nil:
		l.cfg.Gone(d.from)
	}
}

func (l *Link) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Run joins the bus and serves the link until ctx is done, then leaves. It may
// be called once.
func (l *Link) Run(ctx context.Context) error {
	l.mu.Lock()
	again := l.started
	l.started = true
	l.mu.Unlock()
	if again {
		return errors.New("bus: link: Run was called before")
	}
	leave, err := l.cfg.Bus.Join(l.cfg.Name, l.receive)
	if err != nil {
		return fmt.Errorf("bus: link: %w", err)
	}
	l.keepTime(ctx)
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	leave()
	l.queue.close()
	return nil
}

// keepTime steps the peers whenever one of them is due.
func (l *Link) keepTime(ctx context.Context) {
	timer := time.NewTimer(heartbeat)
	defer timer.Stop()
	var peers []*peer
	due := time.Now()
	for {
		now := time.Now()
		late := now.Sub(due) // time in which we ran as little as we heard
		if late < heartbeat {
			late = 0
		}
		due = now.Add(heartbeat)
		peers = l.list(peers[:0])
		for _, p := range peers {
			if next := p.step(now, late); next.Before(due) {
				due = next
			}
		}
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-l.wake:
			due = time.Now()
		}
	}
}

func (l *Link) list(peers []*peer) []*peer {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.peers {
		peers = append(peers, p)
	}
	return peers
}
