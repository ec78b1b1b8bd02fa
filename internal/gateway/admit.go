package gateway

import (
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
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return refusalOf(foreignSession())
	}
	old := s.seat(c)
	fight := len(s.takeover) >= maxTakeovers
	s.mu.Unlock()
	if old != nil {
		old.close(wire.CloseReplaced, "another socket took over")
	}
	if fight {
		g.endSession(s, wire.CloseReplaced, true)
		return nil
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
	now := time.Now()
	if old = s.socket; old != nil {
		old.proof.gone = now
		recent := s.takeover[:0]
		for _, at := range s.takeover {
			if now.Sub(at) < takeoverSpan {
				recent = append(recent, at)
			}
		}
		s.takeover = append(recent, now)
	}
	s.socket, s.version = c, c.version
	c.proof = &proof{number: s.proven}
	if c.version == version1 {
		s.proofs = append(s.proofs, c.proof)
		s.reconnectV1()
	} else {
		c.proof.number = s.sent // only its own frames are ever asked for
	}
	c.pinged = c.proof.number
	c.mu.Lock()
	c.session = s
	c.mu.Unlock()
	return old
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
		s.socket, s.since, s.replies = nil, now, nil
	}
}
