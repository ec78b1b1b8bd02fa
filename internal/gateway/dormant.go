package gateway

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/internal/memory"
	"github.com/wakeful-dev/wakeful/wire"
)

// dormant is what is remembered of a version 1 subscription that nobody keeps
// alive: what it takes to observe the URL again, with the credentials of who
// comes back, and to repair what the client holds. It has no credentials.
type dormant struct {
	Observer   string       `json:"observer"`
	Host       string       `json:"host"`
	URL        string       `json:"url"`
	Header     http.Header  `json:"header,omitempty"` // of the canonical request
	PrimaryKey string       `json:"primary_key"`
	KeyType    wire.KeyType `json:"key_type"`
	Held       []string     `json:"held"`             // every key that the client may hold
	Scoped     bool         `json:"scoped,omitempty"` // whose it is only the route can tell
}

// keptHeaders lists the headers of a canonical request that are surely no
// credentials. A list that depends on others cannot be continued: its observer
// ends.
var keptHeaders = []string{"Accept", "Accept-Language", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Requested-With"}

// remember makes what is kept of a subscription. s.mu is held.
func (sub *sub) remember() *dormant {
	st := sub.shown(sub.feed.state.Load())
	if st == nil {
		return nil
	}
	held := sub.uncertain(st)
	held.addItems(st.Items)
	d := &dormant{
		Observer: sub.feed.observer, Host: sub.request.Host, URL: sub.request.URL, Header: http.Header{},
		PrimaryKey: st.PrimaryKey, KeyType: st.KeyType, Held: held.keys,
		Scoped: sub.feed.scope != "",
	}
	canonical := canonicalHeaders(sub.request.Header, sub.feed.view.Load())
	for _, name := range keptHeaders {
		if values := canonical[name]; len(values) > 0 {
			d.Header[name] = values
		}
	}
	return d
}

// hibernate ends the subscriptions of a version 1 session that was away for
// too long. What its client holds is remembered.
func (g *Gateway) hibernate(s *session) {
	s.mu.Lock()
	var subs []*sub
	if s.socket == nil && !s.ended {
		subs = s.sleep()
	}
	s.mu.Unlock()
	for _, sub := range subs {
		sub.feed.detach(sub)
	}
}

// sleep turns subscriptions into memories of them. s.mu is held.
func (s *session) sleep() []*sub {
	var subs []*sub
	for _, sub := range s.subs.all() {
		if d := sub.remember(); d != nil {
			s.lay(d)
		}
		subs = append(subs, sub)
	}
	for _, sub := range subs {
		s.drop(sub)
	}
	return subs
}

// lay remembers a list of the client. s.mu is held.
func (s *session) lay(d *dormant) {
	s.lift(d.Observer)
	if s.dormant == nil {
		s.dormant = map[string]*dormant{}
	}
	s.dormant[d.Observer] = d
	s.gateway.Memory.Add(memory.Keys, d.bytes())
}

// lift forgets a list of the client. s.mu is held.
func (s *session) lift(observer string) {
	if d := s.dormant[observer]; d != nil {
		s.gateway.Memory.Add(memory.Keys, -d.bytes())
		delete(s.dormant, observer)
	}
}

func (d *dormant) bytes() int { return 512 + len(d.URL) + memory.OfKeys(d.Held) }

// revive observes again what a version 1 client holds, with the credentials of
// the handshake that brought it back.
func (g *Gateway) revive(s *session, who *claim, p *peer) {
	s.mu.Lock()
	asleep := make([]*dormant, 0, len(s.dormant))
	for _, d := range s.dormant {
		asleep = append(asleep, d)
	}
	s.mu.Unlock()
	for _, d := range asleep {
		g.awaken(s, d, who, p)
	}
}

func (g *Gateway) awaken(s *session, d *dormant, who *claim, p *peer) {
	header := d.Header.Clone()
	for name, values := range p.header {
		if _, ok := header[name]; !ok {
			header[name] = values
		}
	}
	request := &bus.Request{URL: d.URL, Host: d.Host, Header: header, RemoteAddr: p.address, TLS: p.tls != nil}
	want := &subscription{session: s.id, claim: who, observer: d.Observer, asleep: d}
	if d.Scoped {
		g.background(func() { g.awakenScoped(s, d, want, request) })
		return
	}
	want.identity = who.identity
	if g.observerID(d.Host, d.URL, rights{}, d.Header) == d.Observer {
		want.identity = "" // a public view's, or what nobody has to prove anything for
	}
	if g.observerID(d.Host, d.URL, want.rights, d.Header) != d.Observer {
		s.finishDormant(d, wire.Closed{Observer: d.Observer, Code: wire.CodePermissionRevoked})
		return
	}
	want.request = g.evaluated(request, want.identity, false)
	g.awakenAs(s, d, want)
}

// awakenScoped asks the route whether the list is still that of who came back.
// One that cannot say it now leaves the list asleep.
func (g *Gateway) awakenScoped(s *session, d *dormant, want *subscription, request *bus.Request) {
	r, err := requestAnew(context.Background(), request)
	if err != nil {
		return // it was one once
	}
	want.asked = r
	problem := g.aimAgain(want)
	switch {
	case problem == nil && want.observer == d.Observer:
		g.awakenAs(s, d, want)
		return
	case problem == nil:
		s.finishDormant(d, wire.Closed{Observer: d.Observer, Code: wire.CodeScopeChanged, Detail: scopeChanged})
	case problem.Code == wire.CodePermissionRevoked:
		s.finishDormant(d, wire.Closed{Observer: d.Observer, Code: problem.Code})
	}
	s.wake()
}

// awakenAs asks the worker for a list that a client holds. Where nobody showed
// it to the credentials that brought the client back, they are tried first.
func (g *Gateway) awakenAs(s *session, d *dormant, want *subscription) {
	message := &bus.Observe{Observer: d.Observer, Request: *want.request, Vouched: want.vouched}
	g.ask(want.rights, message, func(o *bus.Observed, w *wakes) {
		if g.session(s.id) != s {
			return
		}
		closed := closedBy(o)
		if g.untried(want, o) {
			g.background(func() { g.awakenTried(s, d, want) })
			return
		}
		if closed == nil {
			got, problem := g.take(want, o, w)
			if problem == nil {
				w.sessions = append(w.sessions, got.session)
				return
			}
			closed = &wire.Closed{Code: problem.Code, Detail: problem.Detail}
		}
		closed.Observer = d.Observer
		s.finishDormant(d, *closed)
		w.sessions = append(w.sessions, s)
	})
}

func (g *Gateway) awakenTried(s *session, d *dormant, want *subscription) {
	tr := g.tryFor(context.Background(), want) // ends by itself
	switch tr.verdict {
	case alive:
		g.awakenAs(s, d, want)
	case revoked, unfit, moved:
		s.finishDormant(d, tr.closed(d.Observer))
		s.wake()
	} // else it sleeps until the client comes again
}

// finishDormant tells a client that what it holds will not go on.
func (s *session) finishDormant(d *dormant, closed wire.Closed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.dormant[d.Observer] != d {
		return
	}
	s.lift(d.Observer)
	last := &state{Snapshot: wire.Snapshot{Observer: d.Observer, PrimaryKey: d.PrimaryKey, KeyType: d.KeyType}}
	ended := &sub{
		session: s, feed: &feed{gateway: s.gateway, observer: d.Observer},
		ended: &closed, last: last, held: slices.Clone(d.Held),
	}
	s.keepEnded(ended)
	s.enqueue(ended)
}

// lostSessions remembers which version 1 sessions cannot be continued, so that
// their clients can be told.
type lostSessions map[string]time.Time

const (
	maxLost   = 100_000 // ids remembered
	lostAfter = 24 * time.Hour
)

func (l lostSessions) add(id string, at time.Time) {
	if len(l) >= maxLost {
		for other := range l { // any: the map is the memory of a server in trouble
			delete(l, other)
			break
		}
	}
	l[id] = at
}

func (l lostSessions) expire(now time.Time) {
	for id, at := range l {
		if now.Sub(at) >= lostAfter {
			delete(l, id)
		}
	}
}

func (g *Gateway) knownLost(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, lost := g.lost[id]
	return lost
}
