package gateway

import (
	"slices"
	"time"

	"github.com/wakeful-dev/wakeful/wire"
)

const (
	// maxTakeovers within takeoverSpan are no client that came back: they are
	// two clients with one session id.
	maxTakeovers = 3
	takeoverSpan = 30 * time.Second
)

// admit gives a socket its session. An older socket of it is replaced.
func (g *Gateway) admit(c *socket, who *claim) *refusal {
	s, problem := g.open(c.id, who)
	if problem != nil {
		return refusalOf(problem)
	}
	g.regard(s, who, c.peer)
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return refusalOf(foreignSession())
	}
	old := s.seat(c)
	s.mu.Unlock()
	if old != nil {
		old.close(wire.CloseReplaced, "another socket took over")
	}
	if c.version == version1 {
		g.revive(s, who, c.peer)
		c.peer = nil
	}
	c.wake()
	return nil
}

// seat makes a socket the session's and returns the one it replaces. s.mu is
// held.
func (s *session) seat(c *socket) (old *socket) {
	if old = s.socket; old != nil {
		old.proof.gone = time.Now()
	}
	s.socket, s.version = c, c.version
	c.proof = &proof{number: s.proven}
	if c.version == version1 {
		s.proofs = append(s.proofs, c.proof)
		s.reconnectV1()
	} else {
		c.proof.number = s.sent // only its own frames are ever asked for
		s.hush()
	}
	c.pinged = c.proof.number
	c.mu.Lock()
	c.session = s
	if c.coding == sentEvent && !c.view {
		c.tag = s.eventTag()
	}
	c.mu.Unlock()
	return old
}

// survived is told that the client of a replaced socket answered that it was
// closed: so it lives beside the one that took over. A client that came back
// over a new connection does not answer on the old one.
func (c *socket) survived() {
	c.mu.Lock()
	s := c.session
	replaced := s != nil && c.said && c.code == wire.CloseReplaced
	c.mu.Unlock()
	if !replaced {
		return
	}
	s.mu.Lock()
	now := time.Now()
	s.takeover = slices.DeleteFunc(s.takeover, func(at time.Time) bool { return now.Sub(at) >= takeoverSpan })
	s.takeover = append(s.takeover, now)
	fight := len(s.takeover) >= maxTakeovers
	s.mu.Unlock()
	if fight {
		c.gateway.endSession(s, wire.CloseReplaced, true)
	}
}

// leave takes a socket that has ended from its session.
func (s *session) leave(c *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if c.proof != nil && c.proof.gone.IsZero() {
		c.proof.gone = now
	}
	if s.socket == c {
		s.settled(s.replies)
		s.socket, s.since, s.replies = nil, now, nil
	}
}
