package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/wakeful-dev/wakeful/wire"
)

// greet sends hello. Nothing else goes out before the client's first resume;
// a stream has none, and is told what its session follows.
func (c *socket) greet(observers []string) {
	limits := &c.gateway.Limits
	told := func(n int) int {
		if n == unlimited {
			return 0
		}
		return n
	}
	c.reply(c.coding.append(nil, wire.AppendHello(nil, &wire.Hello{
		Session: c.id, Heartbeat: c.gateway.Heartbeat, Observers: observers,
		Limits: wire.Limits{
			Subscriptions: told(limits.Subscriptions), Items: told(limits.Items), FrameBytes: told(limits.FrameBytes),
			FramesPerSecond: told(limits.FramesPerSecond), FrameBurst: told(limits.FrameBurst),
		},
	})))
}

// message handles one version 2 frame of the client.
func (c *socket) message(text []byte) error {
	s := c.owner()
	if s != nil && !s.heeds(c) {
		return nil // another socket has taken over: it will be told that it is closed
	}
	m, err := wire.DecodeClient(text)
	var bad *wire.FrameError
	if errors.As(err, &bad) {
		if bad.ID == "" {
			return &frameError{wire.CloseBadRequest, bad.Error()}
		}
		c.tell(&wire.Error{ID: bad.ID, Code: wire.CodeBadRequest, Detail: bad.Detail})
		return nil
	}
	switch m := m.(type) {
	case *wire.Authenticate:
		return c.authenticate(m.Token)
	case *wire.Ping:
		c.pongTo(m.ID)
		return nil
	case *wire.Unknown:
		return nil
	}
	if s == nil {
		return c.notAdmitted()
	}
	switch m := m.(type) {
	case *wire.Resume:
		c.resume(s, m)
	case *wire.Subscribe:
		c.subscribe(s, m)
	case *wire.Unsubscribe:
		if sub := s.find(m.Observer); sub != nil {
			c.gateway.unsubscribe(s, sub, c)
		}
	}
	return nil
}

// notAdmitted ends a socket that wants more than it may.
func (c *socket) notAdmitted() error {
	if c.who == nil {
		return &frameError{wire.CloseUnauthentic, "authenticate first"}
	}
	return &frameError{wire.CloseForbidden, "the session is somebody else's"}
}

// authenticate takes a token, which stands for an Authorization header in all
// that the client asks for from now on.
func (c *socket) authenticate(token string) error {
	if !validValue(token) {
		return &frameError{wire.CloseBadRequest, "a token holds no control characters"}
	}
	c.peer.authorize(token)
	r, err := c.peer.request(c.ctx, "/", nil)
	if err != nil {
		return &frameError{wire.CloseBadRequest, err.Error()}
	}
	who, err := c.gateway.claimOf(r)
	if err != nil {
		return &frameError{wire.CloseUnauthentic, "the token is refused"}
	}
	s := c.owner()
	if s == nil {
		c.who = who
		if refused := c.gateway.admit(c, who); refused != nil {
			return &frameError{refused.code, refused.detail}
		}
		return nil
	}
	if !c.gateway.renew(s, who) {
		return &frameError{wire.CloseForbidden, "the token is another identity's"}
	}
	c.who = who
	c.gateway.regard(s, who, c.peer)
	return nil
}

// renew takes a fresh proof of a session's identity, or the first.
func (g *Gateway) renew(s *session, who *claim) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.owner.identity != "" && s.owner.identity != who.identity {
		return false
	}
	g.adopt(s, who)
	return true
}

// tell sends an error frame.
func (c *socket) tell(e *wire.Error) { c.after(wire.AppendError(nil, e)) }

// pongTo answers a ping of version 2. Before a session has begun it is sent at
// once; later it comes behind all that is due, and behind the newest progress.
func (c *socket) pongTo(id wire.ID) {
	c.after(wire.AppendPong(nil, &wire.Pong{ID: id}))
}

// subscribe handles a subscribe frame. The view is asked in a goroutine of its
// own, which ends with the socket.
func (c *socket) subscribe(s *session, m *wire.Subscribe) {
	header := http.Header{}
	for name, value := range m.Headers {
		name = http.CanonicalHeaderKey(name)
		if !c.gateway.headers[name] {
			c.tell(&wire.Error{ID: m.ID, Code: wire.CodeBadRequest, Detail: fmt.Sprintf("header %.40q may not be set", name)})
			return
		}
		if !validValue(value) || header[name] != nil {
			c.tell(&wire.Error{ID: m.ID, Code: wire.CodeBadRequest, Detail: fmt.Sprintf("header %q: want one value, without control characters", name)})
			return
		}
		header.Set(name, value)
	}
	r, err := c.peer.request(c.ctx, m.URL, header)
	if err != nil {
		c.tell(&wire.Error{ID: m.ID, Code: wire.CodeBadRequest, Detail: err.Error()})
		return
	}
	want := &subscription{session: s.id, claim: c.who, socket: c, id: m.ID}
	if m.Since != nil {
		want.since = *m.Since
	}
	started := c.begin(func() {
		if problem := c.gateway.subscribeOver(r, want); problem != nil {
			c.tell(&wire.Error{ID: m.ID, Code: problem.Code, Detail: problem.Detail})
		}
	})
	if !started {
		c.tell(&wire.Error{ID: m.ID, Code: wire.CodeTooManySubscriptions, Detail: "too many subscribe frames wait for their answers"})
	}
}

// subscribeOver sends a request through the app as the client's own GET would
// be, and subscribes where its route is marked.
func (g *Gateway) subscribeOver(r *http.Request, want *subscription) *wire.Problem {
	if r.Context().Err() != nil {
		return goingAway() // the socket has ended before its turn came
	}
	view, status, err := g.probe(r)
	if err != nil {
		g.Logger.Error("subscribe: the app failed", "err", err)
		return wire.NewProblem(http.StatusInternalServerError, wire.CodeViewError, "the app failed")
	}
	if view == nil {
		return wire.NewProblem(status, wire.CodeNotObservable, fmt.Sprintf("the route is not observable; it answered %d", status))
	}
	g.aim(want, r, view)
	if want.replaces == want.observer {
		want.replaces = ""
	}
	got, problem := g.subscribe(r.Context(), want)
	switch {
	case problem != nil:
		return problem
	case got.response != nil && (got.response.Status == http.StatusUnauthorized || got.response.Status == http.StatusForbidden):
		return wire.NewProblem(got.response.Status, wire.CodePermissionRevoked, fmt.Sprintf("the view answered %d", got.response.Status))
	case got.response != nil:
		return wire.NewProblem(got.response.Status, wire.CodeViewError, fmt.Sprintf("the view answered %d", got.response.Status))
	}
	return nil
}

// late reports whether a version 2 client took too long to begin, and the code
// that says so.
func (c *socket) late(now time.Time) (code int, late bool) {
	if c.version != version2 || now.Sub(c.opened) < c.gateway.StartWait {
		return 0, false
	}
	s := c.owner()
	if s == nil {
		return wire.CloseUnauthentic, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return wire.CloseBadRequest, !c.started
}
