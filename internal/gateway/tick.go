package gateway

import (
	"time"

	"github.com/wakeful-dev/wakeful/wire"
)

// tick looks after everything that time alone moves.
func (g *Gateway) tick(now time.Time) {
	g.mu.Lock()
	sessions := make([]*session, 0, len(g.sessions))
	for _, s := range g.sessions {
		sessions = append(sessions, s)
	}
	sockets := make([]*socket, 0, len(g.sockets))
	for c := range g.sockets {
		sockets = append(sockets, c)
	}
	feeds := len(g.feeds)
	if now.Sub(g.lostSwept) > time.Minute {
		g.lostSwept = now
		g.lost.expire(now)
	}
	g.mu.Unlock()
	for _, c := range sockets {
		g.tickSocket(c, now)
	}
	for _, s := range sessions {
		g.tickSession(s, now)
	}
	g.tickAlone(now)
	g.tickets.expire(now)
	g.tickGranted(now)
	if feeds == 0 {
		g.heard.Store(now.UnixNano()) // it has nothing to say to us
	}
	g.relieve()
	g.checkStale(now, sessions)
	g.noteLive(now, sessions)
}

// tickSocket ends sockets that are dead or never began, and keeps the others
// from being silent.
func (g *Gateway) tickSocket(c *socket, now time.Time) {
	if c.isClosing() {
		return // it has its deadline, which must not be put off
	}
	if code, late := c.late(now); late {
		c.close(code, "the client did not begin in time")
		return
	}
	if now.Sub(time.Unix(0, c.heard.Load())) > 3*g.Heartbeat {
		c.close(closeNormal, "no answer to pings")
		c.abort()
		return
	}
	s := c.owner()
	if s == nil {
		return
	}
	s.mu.Lock()
	wake := false
	if s.socket == c && c.started {
		if !now.Before(c.nextBeat) {
			c.nextBeat, c.beatDue = now.Add(g.Heartbeat), true
		}
		if c.version == version1 && s.sent > c.pinged && now.Sub(c.pingAt) >= pingPause {
			c.pingDue = true
		}
		wake = c.beatDue || c.pingDue
	}
	s.mu.Unlock()
	if wake {
		c.wake()
	}
}

// tickSession ends sessions that were without a socket for too long.
func (g *Gateway) tickSession(s *session, now time.Time) {
	s.mu.Lock()
	s.skip()
	away := now.Sub(s.since)
	gone := s.socket == nil && away >= g.SessionTTL
	holds := s.version == version1 && s.subs.len()+len(s.dormant)+len(s.ready)+len(s.endings) > 0
	remembers := holds || len(s.left) > 0
	s.mu.Unlock()
	switch {
	case !gone:
	case !remembers:
		g.endSession(s, closeNormal, false)
	case away >= g.SessionTTL+g.V1SessionTTL:
		g.endSession(s, wire.CloseLost, holds)
	default:
		g.hibernate(s)
	}
}

// checkStale tells sessions when the worker has been silent for too long.
func (g *Gateway) checkStale(now time.Time, sessions []*session) {
	heard := time.Unix(0, g.heard.Load())
	if now.Sub(heard) < g.StaleAfter {
		return
	}
	g.mu.Lock()
	g.stale = true
	g.mu.Unlock()
	for _, s := range sessions {
		s.markStale(heard)
	}
}
