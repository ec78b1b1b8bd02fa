package gateway

import (
	"slices"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/wire"
)

// version of the protocol that a session speaks; unknown until its first
// socket.
type version uint8

const (
	versionUnknown version = iota
	version1
	version2
)

// session is one client. It outlives its sockets by Config.SessionTTL.
type session struct {
	gateway *Gateway
	id      string

	mu       sync.Mutex
	owner    owner
	account  string // whom it counts for
	version  version
	ended    bool
	since    time.Time // without a socket since
	socket   *socket   // nil for none
	subs     subs
	ready    []*sub // who has something to send, in the order in which it came
	owed     int    // bytes of diffs that are not sent
	wakeMark uint64

	sent     uint64   // messages (version 1) or frames (version 2) of lists so far
	proven   uint64   // all sockets' clients have these
	proofs   []*proof // of the sockets of the last SessionTTL
	takeover []time.Time
	endings  []*sub              // version 1: closed, but no proof says that the client knows
	dormant  map[string]*dormant // version 1: what the client holds of lists that nobody keeps now
	left     []leftover          // version 1: of lists that the client dropped, oldest first
	leftKeys int                 // in left

	progress change.Position           // told last
	partedAt time.Time                 // since when lists of it wait for others; see parts
	newest   change.Position           // of the lists and diffs given
	unheard  map[*feed]change.Position // followed since the worker spoke last, and where they were right
	awaited  map[string]int            // resumes that the worker has not answered, by observer
	stale    bool                      // told so
	tag      string                    // begins the ids of events: an id of another session says nothing
	replies  [][]byte                  // version 2 messages that come after all that is due
	unread   int                       // bytes of these and of all sub.intro
}

// proof says how much of what was sent has surely arrived at one socket's peer.
type proof struct {
	number uint64
	gone   time.Time // since when the socket is closed, zero while it is open
}

// sub is one session following one observer: a cursor into its feed. All but
// the first fields are guarded by session.mu.
type sub struct {
	session *session
	feed    *feed
	request *bus.Request
	grant   *grant     // its credentials, nil for none; set with feed.mu and session.mu held
	gated   bool       // nothing is sent before they are proven
	until   *state     // since rights are in doubt: the list that was the last before
	place   int        // in feed.subs; guarded by feed.mu
	rank    int        // in grant.subs, likewise
	from    wire.Point // where it began
	begun   uint64     // and the number of the worker's last progress then
	asking  int        // GETs that are being answered with it
	told    bool       // an answer with it has arrived

	at     *entry // sent last
	queued bool   // in session.ready
	left   bool   // dropped: nothing of it is to be sent any more
	owed   int    // part of session.owed
	ended  *wire.Closed
	last   *state // the list when it ended
	ending bool   // version 1: the removed messages before closed are under way or out
	sent   uint64 // session.sent after its last frame

	fallen string   // the diffs are gone: why a snapshot or make-good is due
	intro  [][]byte // version 2: the subscribed messages, before all else

	// Version 1, while rights are in doubt: the cursor stands behind what may be
	// shown, and the keys of that part, which the client cannot hold.
	beyond bool
	later  []string

	whole bool     // version 1: the make-good names every key
	held  []string // version 1: keys that the client may hold beside
	named []naming // version 1: keys named since the last proof
	good  *makeGood

	mended  []string // version 1: keys of make-goods so far
	unclear bool     // version 1: they are too many to say which
}

// session returns a live session, nil for none.
func (g *Gateway) session(id string) *session {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sessions[id]
}

// hasRoom reports whether who sent a request may have one session more.
func (g *Gateway) hasRoom(c *claim) bool {
	o := owner{identity: c.identity, address: c.address}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held[o.account()] < g.Limits.Sessions
}

// open returns the session of that id for the sender of a request, a new one
// where there is none.
func (g *Gateway) open(id string, c *claim) (*session, *wire.Problem) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.sessions[id]
	if s == nil {
		return g.openNew(id, c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || !s.owner.admits(c) {
		return nil, foreignSession()
	}
	g.adopt(s, c)
	return s, nil
}

func (g *Gateway) openNew(id string, c *claim) (*session, *wire.Problem) {
	s := &session{
		gateway: g, id: id, since: time.Now(),
		owner: owner{client: c.client, identity: c.identity, address: c.address},
	}
	s.account = s.owner.account()
	if g.closing {
		return nil, goingAway()
	}
	if g.held[s.account] >= g.Limits.Sessions {
		return nil, tooManySessions()
	}
	g.held[s.account]++
	g.sessions[id] = s
	delete(g.lost, id)
	g.record(event.Event{Kind: event.SessionOpened, Session: g.sessionLabel(event.SessionOpened, id)})
	return s, nil
}

// adopt notes the identity that a request proved. g.mu and s.mu are held.
func (g *Gateway) adopt(s *session, c *claim) {
	if c.identity == "" || c.identity == s.owner.identity {
		return
	}
	s.owner.identity = c.identity
	g.release(s.account)
	s.account = s.owner.account()
	g.held[s.account]++
}

// release counts one session less. g.mu is held.
func (g *Gateway) release(account string) {
	if g.held[account]--; g.held[account] <= 0 {
		delete(g.held, account)
	}
}

// sessionLabel stands for a session in events of that kind, where somebody
// sees them: its id is as good as a name.
func (g *Gateway) sessionLabel(kind event.Kind, id string) string {
	if !g.Events.Heard(kind) {
		return ""
	}
	return short(g.hashed("session", id))
}

// endSession ends a session and all it follows. known says that its client
// will be told that it is lost, should it come back.
func (g *Gateway) endSession(s *session, code int, known bool) {
	g.mu.Lock()
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		g.mu.Unlock()
		return
	}
	s.ended = true
	delete(g.sessions, s.id)
	g.release(s.account)
	if known {
		g.lost.add(s.id, time.Now())
	}
	subs := make([]*sub, 0, s.subs.len())
	for _, sub := range s.subs.all() {
		subs = append(subs, sub)
	}
	c := s.socket
	s.ready = nil
	for observer := range s.dormant {
		s.lift(observer)
	}
	for len(s.left) > 0 {
		s.takeLeftover(s.left[0].Observer)
	}
	s.mu.Unlock()
	g.mu.Unlock()
	for _, sub := range subs {
		sub.feed.detach(sub)
	}
	if c != nil {
		c.close(code, "the session has ended")
	}
	g.record(event.Event{Kind: event.SessionEnded, Session: g.sessionLabel(event.SessionEnded, s.id)})
}

func (s *session) admits(c *claim) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.ended && s.owner.admits(c)
}

// heeds reports whether what a socket says counts: it has not been replaced.
func (s *session) heeds(c *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.socket == c
}

// checkRoom says why a request may not subscribe in this session.
func (s *session) checkRoom(c *claim, observer string) *wire.Problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.owner.admits(c):
		return foreignSession()
	case s.subs.of(observer) == nil && s.subs.len() >= s.gateway.Limits.Subscriptions:
		return tooManySubscriptions()
	}
	return nil
}

// floor is the position that a new list must reach: what the client asks for,
// and what the session was told.
func (s *session) floor(after change.Position) change.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	if after != "" && !after.SameHistory(s.progress) && s.progress != "" {
		return s.progress // a position of the past says nothing about this history
	}
	return later(after, s.progress)
}

func (s *session) find(observer string) *sub {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.subs.of(observer)
}

// due notes that a subscription has a diff of that cost to send. The feed may not
// know yet that it was dropped.
func (s *session) due(sub *sub, cost int) {
	if sub.left || s.ended {
		return
	}
	s.enqueue(sub)
	if sub.fallen != "" {
		return // the snapshot will contain it
	}
	sub.owed += cost
	s.owed += cost
	if s.owed <= s.gateway.Limits.Undelivered {
		return
	}
	for _, sub := range s.ready {
		if sub.owed > 0 {
			s.paid(sub, sub.owed)
			sub.fallen = wire.ReasonSlowConsumer
		}
	}
}

// paid takes what was sent, or dropped, off what is owed.
func (s *session) paid(sub *sub, cost int) {
	cost = min(cost, sub.owed)
	sub.owed -= cost
	s.owed -= cost
}

// enqueue has a subscription's turn to send come, unless it was dropped: its list
// may be let go before that.
func (s *session) enqueue(sub *sub) {
	if !sub.queued && !sub.left && !s.ended {
		sub.queued = true
		s.ready = append(s.ready, sub)
	}
}

// dequeue takes the first of the ready away: all it had is sent.
func (s *session) dequeue() {
	s.paid(s.ready[0], s.ready[0].owed) // a snapshot may have been ahead of its diffs
	s.ready[0].queued = false
	s.ready[0] = nil
	s.ready = s.ready[1:]
	if len(s.ready) == 0 {
		s.ready = nil
	}
}

// drop ends a subscription without a word.
func (s *session) drop(sub *sub) {
	sub.left = true
	if s.subs.of(sub.feed.observer) == sub {
		s.subs.drop(sub.feed.observer)
	}
	s.ungate(sub)
	s.paid(sub, sub.owed)
	s.unready(sub)
}

// unready takes a subscription from those that have something to send.
func (s *session) unready(sub *sub) {
	if i := slices.Index(s.ready, sub); i >= 0 {
		s.ready = append(s.ready[:i:i], s.ready[i+1:]...)
		sub.queued = false
	}
	s.settled(sub.intro)
	sub.intro = nil
}

// dropEnded forgets that the client is still to be told, or told again, that an
// observer has ended. It returns the ended subscriptions. s.mu is held.
func (s *session) dropEnded(observer string) (dropped []*sub) {
	for _, sub := range slices.Concat(s.endings, s.ready) {
		if sub.ended != nil && sub.feed.observer == observer {
			s.unready(sub)
			dropped = append(dropped, sub)
		}
	}
	s.endings = slices.DeleteFunc(s.endings, func(sub *sub) bool { return sub.feed.observer == observer })
	return dropped
}

// end ends a subscription and tells the client why. What it was not sent yet
// it will not get: it may have no right to it.
func (s *session) end(sub *sub, last *state, closed wire.Closed) {
	if s.ended || s.subs.of(sub.feed.observer) != sub {
		return
	}
	s.subs.drop(sub.feed.observer)
	beyond := sub.beyond
	sub.later = nil
	s.ungate(sub)
	s.paid(sub, sub.owed)
	sub.beyond = beyond
	sub.ended, sub.last, sub.good = &closed, last, nil
	s.keepEnded(sub)
	s.enqueue(sub)
}

// owesEnd reports whether a client may not know of an end. s.mu is held.
func (s *session) owesEnd() bool {
	return len(s.endings) > 0 || slices.ContainsFunc(s.ready, func(sub *sub) bool { return sub.ended != nil })
}

// wake starts the writer of the session's socket.
func (s *session) wake() {
	s.mu.Lock()
	c := s.socket
	s.mu.Unlock()
	if c != nil {
		c.wake()
	}
}

// barrier asks for a proof that all that was sent for subscriptions has
// arrived. No socket: there is nothing to wait for.
func (s *session) barrier(subs []*sub) (*socket, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := uint64(0)
	for _, sub := range subs {
		last = max(last, sub.sent)
	}
	c := s.socket
	if c == nil || last <= c.proof.number {
		return nil, nil
	}
	proven := make(chan struct{})
	c.barriers = append(c.barriers, barrier{number: last, proven: proven})
	c.pingDue = true
	defer c.wake()
	return c, proven
}

// pong takes a proof of arrival. Only a number that this socket was pinged
// with proves anything, and only one pong for each ping is asked for.
func (s *session) pong(c *socket, number uint64) (asked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if number > c.pinged || number < c.proof.number {
		return false
	}
	c.prove(number)
	s.settle()
	if asked = c.unproven > 0; asked {
		c.unproven--
	}
	return asked
}

// prove tells those who wait for it that all up to a number has arrived.
// session.mu is held.
func (c *socket) prove(number uint64) {
	c.proof.number = number
	kept := c.barriers[:0]
	for _, b := range c.barriers {
		if b.number <= number {
			close(b.proven)
		} else {
			kept = append(kept, b)
		}
	}
	c.barriers = kept
}

// settle forgets what is proven by all sockets of the last SessionTTL.
func (s *session) settle() {
	lowest := s.sent
	kept := s.proofs[:0]
	for _, p := range s.proofs {
		if !p.gone.IsZero() && time.Since(p.gone) > s.gateway.SessionTTL {
			continue
		}
		kept = append(kept, p)
		lowest = min(lowest, p.number)
	}
	s.proofs = kept
	if lowest <= s.proven {
		return
	}
	s.proven = lowest
	for _, sub := range s.subs.all() {
		sub.forget(lowest)
	}
	s.endings = slices.DeleteFunc(s.endings, func(sub *sub) bool { return sub.sent <= lowest })
}
