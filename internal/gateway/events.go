package gateway

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/wire"
)

// serveView answers a GET that asks for the events of a view. A ticket stands
// for credentials, so the route is looked for with them; where it is not
// marked the app gets the request as it came.
func (g *Gateway) serveView(w http.ResponseWriter, r *http.Request) {
	asked, problem := g.ticketed(r)
	if asked != r {
		if view, _, err := g.probe(asked); err != nil || view == nil {
			g.app.ServeHTTP(w, r)
			return
		}
	}
	view := g.marked(w, asked)
	if view == nil {
		return
	}
	if problem == nil {
		problem = g.streamView(w, asked, view)
	}
	if problem != nil {
		g.refuse(w, view, problem)
	}
}

// streamView subscribes a session of the request's own and streams it, or
// returns why not.
func (g *Gateway) streamView(w http.ResponseWriter, r *http.Request, view *mark.View) *wire.Problem {
	if !flushes(w) {
		return noStreaming()
	}
	bare := r.Clone(r.Context())
	withoutEvents(bare.Header)
	want, problem := g.wish(bare, view)
	if problem != nil {
		return problem
	}
	want.session, want.stream = viewSession(), true
	want.since = wire.ParsePoint(r.Header.Get("Last-Event-ID"))
	got, problem := g.subscribe(r.Context(), want)
	if problem != nil {
		return problem
	}
	if got.response != nil {
		passThrough(w, got.response)
		return nil
	}
	c, problem := g.openStream(w, want.session, want.claim)
	if problem != nil {
		g.endSession(got.session, closeNormal, false)
		return problem
	}
	c.view, c.observer, c.started = true, want.observer, true
	if refused := g.admit(c, want.claim); refused != nil {
		c.abandon()
		g.endSession(got.session, closeNormal, false)
		return wire.NewProblem(refused.status, refused.word, refused.detail)
	}
	want.claim.setCookie(w.Header(), r.TLS != nil)
	c.carry(r)
	return nil
}

// viewSession names the session of one stream. No client can name it: its
// characters are not those of a session id.
func viewSession() string { return "view:" + randomText() }

func randomText() string {
	var random [12]byte
	_, _ = rand.Read(random[:]) // never fails: it ends the program instead
	return hex.EncodeToString(random[:])
}

// serveSession answers a GET that asks for the events of a session.
func (g *Gateway) serveSession(w http.ResponseWriter, r *http.Request, id string) {
	g.allowOrigin(w, r)
	if problem := g.streamSession(w, r, id); problem != nil {
		g.record(event.Event{Kind: event.Refused, Code: string(problem.Code)})
		problem.Write(w)
	}
}

func (g *Gateway) streamSession(w http.ResponseWriter, r *http.Request, id string) *wire.Problem {
	switch {
	case !validSession(id):
		return badSession("session")
	case g.foreignGet(r):
		return crossSite("connect")
	case !flushes(w):
		return noStreaming()
	}
	r, problem := g.ticketed(r)
	if problem != nil {
		return problem
	}
	who, err := g.claimOf(r)
	if err != nil {
		return unauthenticated()
	}
	last := r.Header.Get("Last-Event-ID")
	if s := g.session(id); s != nil && s.wasReplaced(last) {
		return wire.NewProblem(http.StatusConflict, wire.CodeReplaced, "another connection took over the session: do not come back")
	}
	c, problem := g.openStream(w, id, who)
	if problem != nil {
		return problem
	}
	c.peer = newPeer(r)
	refused := g.admit(c, who)
	c.peer = nil
	if refused != nil {
		c.abandon()
		return wire.NewProblem(refused.status, refused.word, refused.detail)
	}
	c.start(last)
	who.setCookie(w.Header(), r.TLS != nil)
	c.carry(r)
	return nil
}

// start begins a stream of a session: it says which lists the session follows,
// and sends all that its client may lack of them.
func (c *socket) start(lastID string) {
	s := c.owner()
	w := c.gateway.newWakes()
	s.rewind(c, nil, s.toldUpTo(lastID), w)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socket == c {
		c.greet(s.subs.observers())
		c.started = true
	}
}

// replacedMark stands in the id of the event that tells a client that its
// session was taken over.
const replacedMark = "replaced"

// eventTag returns what the ids of the session's events begin with. s.mu is
// held.
func (s *session) eventTag() string {
	if s.tag == "" {
		s.tag = randomText()
	}
	return s.tag
}

// wasReplaced reports whether an id is that of the event that told a client
// that another has taken over: one that comes back by itself would fight.
func (s *session) wasReplaced(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tag != "" && id == s.tag+":"+replacedMark
}

// toldUpTo is the number of the progress that an event id is of, before which
// its client was surely sent everything: 0 where that id is not one of this
// session.
func (s *session) toldUpTo(id string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	tag, text, _ := strings.Cut(id, ":")
	if s.tag == "" || tag != s.tag {
		return 0
	}
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil || number > s.gateway.told.Load() {
		return 0
	}
	return number
}
