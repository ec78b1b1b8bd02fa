package gateway

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/inspect"
	"github.com/wakeful-dev/wakeful/wire"
)

// maxInspected bounds the connections that an inspection lists.
const maxInspected = 500

// delivered counts a diff that is being handed to the session's connection. How
// long that took counts where its client was there from the beginning: one that
// comes back is owed what is old. s.mu is held.
func (s *session) delivered(b *body) {
	s.gateway.Events.Add(event.DiffSent, 1)
	if seen := b.changes.Seen; seen != 0 && seen > s.socket.opened.UnixNano() {
		s.gateway.latency.Observe(time.Duration(s.socket.filling - seen))
	}
}

// Latency returns how long diffs took from when their change was seen until they
// were handed to a connection, over all connections so far.
func (g *Gateway) Latency() inspect.Buckets { return g.latency.Buckets() }

// Inspect adds to a report who is connected.
func (g *Gateway) Inspect(to *inspect.Report) {
	g.mu.Lock()
	to.Totals.Sessions, to.Totals.Sockets = len(g.sessions), len(g.sockets)
	for _, n := range g.polls {
		to.Totals.Polls += n
	}
	sessions := make([]*session, 0, len(g.sessions))
	for _, s := range g.sessions {
		sessions = append(sessions, s)
	}
	g.mu.Unlock()
	type found struct {
		inspect.Connection
		session *session
	}
	all := make([]found, 0, len(sessions))
	for _, s := range sessions {
		one, subscriptions := s.inspect()
		to.Totals.Subscriptions += subscriptions
		all = append(all, found{one, s})
	}
	if len(all) > maxInspected {
		slices.SortFunc(all, func(a, b found) int {
			return cmp.Or(cmp.Compare(b.Undelivered, a.Undelivered), a.Opened.Compare(b.Opened), cmp.Compare(a.session.id, b.session.id))
		})
		all = all[:maxInspected]
	}
	for _, one := range all {
		one.ID = g.sessionMark(one.session.id)
		to.Connections = append(to.Connections, one.Connection)
	}
	slices.SortFunc(to.Connections, func(a, b inspect.Connection) int { return cmp.Compare(a.ID, b.ID) })
}

// sessionMark stands for a session: its id is as good as a credential.
func (g *Gateway) sessionMark(id string) string { return g.hashed("session", id)[:16] }

// inspect tells of a session all but its mark. Its identity is the hash that it
// is held by: who reports it hashes it again.
func (s *session) inspect() (c inspect.Connection, subscriptions int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c = inspect.Connection{
		Identity: s.owner.identity, Transport: "none", Address: classOf(s.owner.address),
		Subscriptions: s.subs.len(), Undelivered: s.owed, Stale: s.stale,
	}
	switch s.version {
	case version1:
		c.Protocol = 1
	case version2:
		c.Protocol = 2
	}
	socket := s.socket
	if socket == nil {
		c.Absent = s.since
		return c, c.Subscriptions
	}
	c.Opened, c.Heard = socket.opened, time.Unix(0, socket.heard.Load())
	if c.Transport = "websocket"; socket.coding == sentEvent {
		c.Transport = "events"
	}
	return c, c.Subscriptions
}

// classOf says no more of an address than what kind of one it is.
func classOf(address string) string {
	a, err := netip.ParseAddr(address)
	switch {
	case err != nil:
		return "unknown"
	case a.Unmap().IsLoopback():
		return "loopback"
	case a.Unmap().IsPrivate() || a.IsLinkLocalUnicast():
		return "private"
	}
	return "public"
}

// Audiences returns how many sessions follow each of the observers.
func (g *Gateway) Audiences(observers func(func(id string))) []int {
	var feeds []*feed
	g.mu.Lock()
	observers(func(id string) { feeds = append(feeds, g.feeds[id]) })
	g.mu.Unlock()
	counts := make([]int, len(feeds))
	for i, f := range feeds {
		if f != nil {
			f.mu.Lock()
			counts[i] = len(f.subs)
			f.mu.Unlock()
		}
	}
	return counts
}

// EndSession ends the session that a report named so: its client is told that it
// is lost, and begins anew. It is false where there is none.
func (g *Gateway) EndSession(mark string) bool {
	g.mu.Lock()
	var found *session
	for id, s := range g.sessions {
		if g.sessionMark(id) == mark {
			found = s
			break
		}
	}
	g.mu.Unlock()
	if found == nil {
		return false
	}
	g.endSession(found, wire.CloseLost, true)
	return true
}
