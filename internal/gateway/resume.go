package gateway

import (
	"net/http"

	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/wire"
)

// resume takes what a version 2 client holds. Lists that the gateway follows
// go on from there out of the feed's log; for the others the view is asked. The
// first resume of a socket starts its stream, and takes back to their
// beginning the lists that it does not name: their GET may still be under way.
func (c *socket) resume(s *session, m *wire.Resume) {
	w := c.gateway.newWakes()
	s.mu.Lock()
	first := s.socket == c && !c.started
	s.mu.Unlock()
	if first {
		s.rewind(c, m.Observers, 0, w) // before lists come that were not there
	}
	for observer, at := range m.Observers {
		if planted.Is(planted.ResumeOffByOne) {
			at.Seq++
		}
		if !c.gateway.resumeFeed(c, s, m.ID, observer, at, w) {
			c.resumeByURL(s, m.ID, observer, at)
		}
	}
	if first {
		s.mu.Lock()
		c.started = s.socket == c
		s.mu.Unlock()
	}
	w.wake()
	c.wake()
}

// resumeFeed goes on with a list that the gateway follows for this identity. An
// end of it that the client was not told yet is nothing to it any more.
func (g *Gateway) resumeFeed(c *socket, s *session, id wire.ID, observer string, at wire.Resuming, w *wakes) bool {
	f := g.feed(observer)
	if f == nil {
		return false
	}
	t, tr := (*grant)(nil), (*trial)(nil)
	defer func() {
		if tr != nil {
			g.conduct(f, t, tr)
		}
	}()
	f.mu.Lock()
	defer f.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.gone || f.request == nil || f.state.Load() == nil || s.subs.of(observer) == nil && !f.opensTo(c.who) {
		return false
	}
	if s.socket != c {
		return true // nobody waits for the answer
	}
	s.dropEnded(observer)
	request := f.request
	if had := s.subs.of(observer); had != nil {
		request = had.request
	} else if f.identity != "" {
		request = g.withPeer(request, c.peer, f, f.identity)
	}
	want := &subscription{request: request, socket: c, id: id, since: wire.Point{Epoch: at.Epoch, Seq: at.Seq}}
	got, problem := s.follow(f, want, w)
	if problem != nil {
		s.say(c, closedText(observer, problem))
		return true
	}
	t, tr = s.doubt(got.sub)
	return true
}

// opensTo reports whether who resumes a list may follow it for being who they
// are. Which rows they may see only the route can tell.
func (f *feed) opensTo(who *claim) bool {
	return f.scope == "" && (f.identity == "" || f.identity == who.identity)
}

// resumeByURL begins a list anew that nobody here follows. Where it has ended and
// the client was not told, it is told how the list is now instead.
func (c *socket) resumeByURL(s *session, id wire.ID, observer string, at wire.Resuming) {
	s.mu.Lock()
	heeded := s.socket == c
	if heeded {
		s.dropEnded(observer)
	}
	s.mu.Unlock()
	if !heeded {
		return
	}
	want := &subscription{session: s.id, claim: c.who, socket: c, id: id, since: wire.Point{Epoch: at.Epoch, Seq: at.Seq}, replaces: observer}
	unknown := &wire.Closed{Observer: observer, Code: wire.CodeUnknownObserver}
	r, err := c.peer.request(c.ctx, at.URL, nil)
	if err != nil {
		c.after(wire.AppendClosed(nil, unknown))
		return
	}
	s.await(observer, 1)
	g := c.gateway
	started := c.begin(func() {
		defer s.await(observer, -1)
		if problem := g.subscribeOver(r, want); problem != nil {
			c.after(closedText(observer, problem))
		}
	})
	if !started {
		s.await(observer, -1)
		unknown.Code, unknown.Detail = wire.CodeLimit, "too many lists are resumed at once: subscribe again"
		c.after(wire.AppendClosed(nil, unknown))
	}
}

// closedText tells the client of a resume why a list cannot be continued. A route
// that no longer gives lists leaves nothing to know the observer by, unless it
// says that it refuses who asks.
func closedText(observer string, p *wire.Problem) []byte {
	closed := &wire.Closed{Observer: observer, Code: p.Code, Detail: p.Detail}
	switch {
	case p.Code != wire.CodeNotObservable:
	case p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden:
		closed.Code = wire.CodePermissionRevoked
	default:
		closed.Code = wire.CodeUnknownObserver
	}
	return wire.AppendClosed(nil, closed)
}

// await counts the resumes of an observer that are not answered yet: no
// progress speaks for it meanwhile.
func (s *session) await(observer string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.awaitLocked(observer, n)
}

func (s *session) awaitLocked(observer string, n int) {
	if s.awaited == nil {
		s.awaited = map[string]int{}
	}
	if s.awaited[observer] += n; s.awaited[observer] == 0 {
		delete(s.awaited, observer)
	}
	if len(s.awaited) == 0 {
		s.awaited = nil // an empty map is larger than what the session is else
	}
}

// rewind takes the subscriptions that a resume does not name back to where
// they began, or behind all that came before the progress of that number, which
// the client was surely told. Another socket than c goes on from where it is.
func (s *session) rewind(c *socket, named map[string]wire.Resuming, told uint64, w *wakes) {
	s.mu.Lock()
	var others []*sub
	for observer, sub := range s.subs.all() {
		if _, ok := named[observer]; !ok {
			others = append(others, sub)
		}
	}
	s.mu.Unlock()
	for _, sub := range others {
		f := sub.feed
		f.mu.Lock()
		s.mu.Lock()
		if s.socket == c {
			s.place(f, sub, f.reached(sub, told), wire.ReasonResumeGap)
			w.add(s)
		}
		s.mu.Unlock()
		f.mu.Unlock()
	}
}

// place moves a cursor to a point of the feed's log, or has a snapshot sent
// where that is gone. It returns where the stream goes on. f.mu and s.mu are
// held.
func (s *session) place(f *feed, sub *sub, at wire.Point, reason string) wire.Point {
	s.enqueue(sub)
	if e := f.find(at.Epoch, at.Seq); e != nil {
		sub.at, sub.fallen = e, ""
		return at
	}
	st := f.state.Load()
	if st == nil {
		return at
	}
	sub.fallen = reason
	if reason == wire.ReasonResumeGap && at.Epoch != st.Epoch {
		sub.fallen = wire.ReasonEpoch
	}
	sub.at = st.tail
	s.newest = later(s.newest, st.Position)
	return wire.Point{Epoch: st.Epoch, Seq: st.Seq}
}
