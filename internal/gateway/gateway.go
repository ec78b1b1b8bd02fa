// Package gateway connects clients to observers.
//
// A client is a session, which it names itself. It subscribes with an ordinary
// GET that carries observe=<session>, or over its WebSocket, and is then sent
// every change of each list that it follows: over the WebSocket, or as
// server-sent events. A GET of a view as events is a session of its own. The
// gateway knows nothing of views and databases: it asks a worker over the bus,
// and keeps of each observer a feed, which is the current list and a log of the
// last diffs.
//
// # Promises
//
// The first diff that a session gets for an observer is the one after the
// snapshot it was given; then each follows, in order, none twice, over a short
// absence and a reconnect too. What cannot be continued becomes a snapshot
// (version 1: a make-good) or a closed, never a gap. A session is used by the
// client that began it and by nobody else (see owner.go).
//
// # Slow clients
//
// Nothing is queued for a client: a subscription is a cursor into the feed's
// log, and diffs are encoded once for all who follow. A client that falls off
// the log gets a snapshot. An idle socket costs one goroutine that reads.
//
// # Locks
//
// Gateway.mu, then feed.mu, then session.mu, then socket.mu; never the other
// way. None is held while a socket is written.
//
// Pipeline: diff → bus → [gateway] → client. Rules: docs/protocol.md.
package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/inspect"
	"github.com/wakeful-dev/wakeful/wire"
)

// Gateway holds the sessions of one process. Its methods may be called from
// several goroutines.
type Gateway struct {
	Config
	app     http.Handler // set by Wrap, before the first request
	idKey   []byte       // makes observer ids, and hashes credentials
	macs    sync.Pool    // of hash.Hash under idKey, which stays as New leaves it
	headers map[string]bool
	link    *bus.Link

	mu       sync.Mutex
	sessions map[string]*session
	held     map[string]int // sessions by who holds them
	tickets  tickets
	lost     lostSessions   // version 1 sessions that cannot be continued, and since when
	polls    map[string]int // under way, by who asks
	feeds    map[string]*feed
	alone    feedSet   // nobody follows them; one that somebody follows again stays until it is looked at
	granted  feedSet   // somebody follows them with credentials, likewise
	tried    time.Time // when granted was looked at
	asks     map[uint64]*ask
	lastAsk  uint64
	catching int // feeds whose state is asked again: no progress meanwhile
	sockets  map[*socket]struct{}
	closing  bool
	pressed  chan struct{} // has one element when the account wants memory back
	trials   chan struct{} // a place for each question to the app whether credentials are good
	trust    time.Duration // how long credentials that were tried need not be again
	leaving  chan struct{} // closed with closing: what waits long ends
	stale    bool          // sessions were told that the worker is silent

	latency   inspect.Histogram // of diffs, from the change seen to the connection
	progress  atomic.Pointer[progress]
	parted    parted
	heard     atomic.Int64 // when the worker last said how far it is, Unix nanoseconds
	lostSwept time.Time

	own      ownCommits
	doubts   atomic.Uint64 // of rights so far, of all feeds
	wakeMark atomic.Uint64
	told     atomic.Uint64   // progress messages of the worker so far
	noted    map[string]bool // sessions in the state file; of Run alone
	notedAt  time.Time
	readers  sync.WaitGroup // goroutines of sockets
}

// progress is what the worker said last about how far all lists are.
type progress struct {
	wire.Progress
	number uint64          // counts what the worker said
	soon   map[string]bool // observers of Behind that will be there in a moment
	frame  [codings]frames // the version 2 frame of sessions of which nothing is behind
	half   [codings]frames // the same with whole false
}

// framed returns the frame of sessions of which nothing is behind, shared by
// them all. Most of what the worker says no session is ever sent.
func (p *progress) framed(k coding, whole bool) []byte {
	f := &p.half[k]
	if whole {
		f = &p.frame[k]
	}
	f.once.Do(func() {
		f.bytes = k.append(nil, wire.AppendProgress(nil, &wire.Progress{Position: p.Position, Whole: whole}))
	})
	return f.bytes
}

// New checks a Config and makes a Gateway. It starts nothing: see Run.
func New(cfg Config) (*Gateway, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		Config:   cfg,
		idKey:    cfg.Secret,
		headers:  map[string]bool{},
		sessions: map[string]*session{},
		held:     map[string]int{},
		lost:     lostSessions{},
		polls:    map[string]int{},
		feeds:    map[string]*feed{},
		asks:     map[uint64]*ask{},
		sockets:  map[*socket]struct{}{},
		pressed:  make(chan struct{}, 1),
		leaving:  make(chan struct{}),
		trials:   make(chan struct{}, maxTrials),
		trust:    provenFor,
	}
	for _, name := range cfg.SubscribeHeaders {
		g.headers[http.CanonicalHeaderKey(name)] = true
	}
	if g.idKey == nil {
		g.idKey = make([]byte, 32)
		_, _ = rand.Read(g.idKey) // never fails: it ends the program instead
	}
	if err := g.loadState(time.Now()); err != nil {
		g.Logger.Warn("session state not read: version 1 sessions start anew, and the file is replaced", "file", g.StateFile, "err", err)
	}
	g.link, err = bus.NewLink(bus.LinkConfig{
		Bus: cfg.Bus, Name: cfg.Name, Handle: g.receive, Lost: g.linkLost, Gone: g.linkLost, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	g.countMemory()
	return g, nil
}

// Run joins the bus and looks after the sessions until ctx is done. Then it
// closes all sockets over Config.Drain, writes the state of version 1 sessions
// and returns nil.
func (g *Gateway) Run(ctx context.Context) error {
	g.heard.Store(time.Now().UnixNano())
	linkCtx, stopLink := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLink()
	linkDone := make(chan error, 1)
	go func() { linkDone <- g.link.Run(linkCtx) }()

	tick := time.NewTicker(g.tickEvery())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			g.drain(tick.C)
			stopLink()
			err := <-linkDone
			g.failAsks()
			return errors.Join(err, g.saveState())
		case err := <-linkDone:
			g.drain(tick.C)
			g.failAsks()
			return err
		case <-g.pressed:
			g.relieve()
		case now := <-tick.C:
			g.tick(now)
		}
	}
}

// receive takes what a worker says, one at a time and in order.
func (g *Gateway) receive(_, _ string, body bus.Body) {
	switch m := body.(type) {
	case *bus.Observed:
		g.observed(m)
	case *bus.Round:
		g.applyRound(m)
	}
}

// applyRound has those wait whose rights are in doubt, publishes the diffs of a
// round, then how far it goes, and only then wakes who has something to send, so
// that both leave in one write.
func (g *Gateway) applyRound(r *bus.Round) {
	for _, d := range r.Doubted {
		if f := g.feed(d.Observer); f != nil && !g.own.has(d.By) {
			f.doubt()
		}
	}
	w := g.newWakes()
	for _, c := range r.Changes {
		if f := g.feed(c.Observer); f != nil {
			f.apply(c, w)
		}
	}
	for i := range r.Closed {
		if f := g.feed(r.Closed[i].Observer); f != nil {
			f.end(r.Closed[i], w)
		}
	}
	if r.Progress != nil {
		g.setProgress(r.Progress, r.Soon, w)
	}
	w.wake()
}

// wakes collects sessions that have something to send, each once.
type wakes struct {
	mark     uint64
	sessions []*session
}

func (g *Gateway) newWakes() *wakes { return &wakes{mark: g.wakeMark.Add(1)} }

// add takes a session, whose mu is held.
func (w *wakes) add(s *session) {
	if s.wakeMark != w.mark {
		s.wakeMark = w.mark
		w.sessions = append(w.sessions, s)
	}
}

// wake starts the writers. No lock may be held.
func (w *wakes) wake() {
	for _, s := range w.sessions {
		s.wake()
	}
}

// setProgress notes how far all lists are, and which of those behind are there
// soon. Sessions that were told that nobody knows are told at once, and those that
// wait for a list; the others with their next diff or heartbeat.
func (g *Gateway) setProgress(p *wire.Progress, soon []string, w *wakes) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.heard.Store(time.Now().UnixNano())
	told := g.told.Add(1)
	old := g.progress.Load()
	if g.catching > 0 || old != nil && old.Position.SameHistory(p.Position) && p.Position < old.Position {
		return
	}
	next := &progress{Progress: *p, number: told}
	if len(soon) > 0 {
		next.soon = make(map[string]bool, len(soon))
		for _, observer := range soon {
			next.soon[observer] = true
		}
	}
	g.progress.Store(next)
	g.parted.wake(w)
	if !g.stale {
		return
	}
	g.stale = false
	for _, s := range g.sessions {
		s.mu.Lock()
		if s.stale {
			w.add(s)
		}
		s.mu.Unlock()
	}
}

func (g *Gateway) feed(observer string) *feed {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.feeds[observer]
}

// later returns the later of two positions. Those of different histories do
// not compare: then it is the second.
func later(a, b change.Position) change.Position {
	if b == "" || a.SameHistory(b) && a > b {
		return a
	}
	return b
}

func (g *Gateway) record(e event.Event) { g.Events.Record(e) }

func discardLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }
