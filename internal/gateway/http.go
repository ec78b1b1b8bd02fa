package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/wire"
)

// Wrap goes around the whole app. It answers the gateway's own paths and the
// GETs that ask to be observed on marked routes; everything else is the app's,
// untouched. Call it once, before the first request.
func (g *Gateway) Wrap(app http.Handler) http.Handler {
	g.app = app
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, ok := strings.CutPrefix(r.URL.Path, g.SocketPrefix); ok {
			g.serveSocket(w, r, id)
			return
		}
		if rest, ok := strings.CutPrefix(r.URL.Path, g.Prefix); ok {
			switch rest {
			case "/unsubscribe", "/unsubscribe/":
				g.serveUnsubscribe(w, r)
				return
			case "/ticket", "/ticket/":
				g.serveTicket(w, r)
				return
			}
		}
		switch want, session := wantOf(r); want {
		case wantObserve:
			g.serveObserve(w, r, session)
		case wantEvents:
			g.serveView(w, r)
		case wantPoll:
			g.servePoll(w, r)
		default:
			if !g.preflightPoll(w, r) {
				app.ServeHTTP(w, r)
			}
		}
	})
}

// want is what a request asks for in place of the view's own answer.
type want uint8

const (
	wantView    want = iota // the view's own answer
	wantObserve             // to follow the view in a session
	wantEvents              // to follow the view over this request
	wantPoll                // the list, or to wait until it is another
)

// wantOf says what a request asks for, should its route be marked. session is
// the one that observe names.
func wantOf(r *http.Request) (w want, session string) {
	if r.Method != http.MethodGet {
		return wantView, ""
	}
	if r.URL.RawQuery != "" {
		if session, asked := observing(r.URL.RawQuery); asked {
			return wantObserve, session
		}
	}
	if prefersEvents(r.Header) {
		return wantEvents, ""
	}
	if _, asked := preferredWait(r.Header); asked {
		return wantPoll, ""
	}
	return wantView, ""
}

// serveObserve answers a GET with observe on a marked route.
func (g *Gateway) serveObserve(w http.ResponseWriter, r *http.Request, id string) {
	view := g.marked(w, r)
	if view == nil {
		return
	}
	if problem := g.observe(w, r, id, view); problem != nil {
		g.refuse(w, view, problem)
	}
}

func (g *Gateway) refuse(w http.ResponseWriter, view *mark.View, problem *wire.Problem) {
	g.record(event.Event{Kind: event.Refused, View: view.Name, Code: string(problem.Code)})
	problem.Write(w)
}

// marked lets the app run on the client's own request, to see whether the
// route is marked: then the answer is the gateway's, with the headers that the
// app has set before the mark. Nil: the app has answered.
func (g *Gateway) marked(w http.ResponseWriter, r *http.Request) *mark.View {
	m := &mark.Mark{}
	hold := &holdWriter{ResponseWriter: w, mark: m}
	g.app.ServeHTTP(hold, r.WithContext(mark.NewContext(r.Context(), m)))
	view := m.View()
	if view == nil {
		return nil
	}
	if hold.started {
		g.Logger.Warn("view was marked after it had begun to answer: not observed", "view", view.Name)
		return nil
	}
	header := w.Header()
	for _, name := range []string{"Content-Type", "Content-Length", "Content-Encoding", "Etag", "Last-Modified", "Accept-Ranges"} {
		header.Del(name)
	}
	g.allowOrigin(w, r)
	return view
}

// wish reads from a GET who wants to see what, and how new it must be.
func (g *Gateway) wish(r *http.Request, view *mark.View) (*subscription, *wire.Problem) {
	if g.foreignGet(r) {
		return nil, crossSite("observe")
	}
	after, err := headerPosition(r)
	if err != nil {
		return nil, wire.NewProblem(http.StatusBadRequest, wire.CodeBadRequest, "Wakeful-Position: not a position")
	}
	who, err := g.claimOf(r)
	if err != nil {
		return nil, unauthenticated()
	}
	want := &subscription{claim: who, after: after}
	g.aim(want, r, view)
	return want, nil
}

// aim says which observer a wish is for, and with which request the worker
// evaluates it.
func (g *Gateway) aim(want *subscription, r *http.Request, view *mark.View) {
	want.asked, want.view, want.request = r, view, busRequest(r)
	want.rights = rights{identity: want.claim.identity, scope: view.Scope}
	if view.Public {
		want.identity = ""
		publish(want.request, view)
	}
	want.request = g.evaluated(want.request, want.identity, want.scope != "")
	if want.scope != "" {
		want.identity = "" // the list is everybody's of that scope
	}
	want.observer = g.observerID(r.Host, want.request.URL, want.rights, canonicalHeaders(want.request.Header, view))
}

// aimAgain asks the app once more which observer a wish is for: the rights of
// who asks are not those that they were a moment ago.
func (g *Gateway) aimAgain(want *subscription) *wire.Problem {
	view, status, err := g.probe(want.asked)
	if err != nil {
		g.Logger.Error("the app failed", "err", err)
		return wire.NewProblem(http.StatusInternalServerError, wire.CodeViewError, "the app failed")
	}
	if view == nil {
		return noLongerObservable(status)
	}
	g.aim(want, want.asked, view)
	return nil
}

// noLongerObservable tells what became of a route that was marked just now.
func noLongerObservable(status int) *wire.Problem {
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return wire.NewProblem(status, wire.CodePermissionRevoked, fmt.Sprintf("the view answered %d", status))
	}
	return wire.NewProblem(http.StatusServiceUnavailable, wire.CodeUnavailable, fmt.Sprintf("the view answered %d: ask again", status))
}

// observe subscribes a session and answers with the list, or returns why not.
func (g *Gateway) observe(w http.ResponseWriter, r *http.Request, id string, view *mark.View) *wire.Problem {
	if !validSession(id) {
		return badSession("observe")
	}
	want, problem := g.wish(r, view)
	if problem != nil {
		return problem
	}
	want.session = id
	got, problem := g.subscribe(r.Context(), want)
	if problem != nil {
		return problem
	}
	if got.response != nil {
		passThrough(w, got.response)
		return nil
	}
	want.claim.setCookie(w.Header(), r.TLS != nil)
	// Asked before: a client that closes its connection when it has the answer
	// has the answer.
	err := r.Context().Err()
	if err == nil {
		err = writeEnvelope(w, got.snapshot)
	}
	g.answered(got, err == nil)
	return nil
}

// answered ends a GET: what nobody was told of is undone, and a version 1
// client that follows the list already is made good.
func (g *Gateway) answered(got *subscribed, arrived bool) {
	switch {
	case g.undone(got, arrived):
		got.sub.feed.detach(got.sub)
	case !got.first:
		got.session.restate(got.sub)
	}
}

// undone notes how a GET has ended, and drops its subscription where no answer
// with it has arrived and no other GET is about to give one.
func (g *Gateway) undone(got *subscribed, arrived bool) bool {
	s, sub := got.session, got.sub
	sub.feed.mu.Lock()
	defer sub.feed.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	sub.asking--
	sub.told = sub.told || arrived
	if sub.told || sub.asking > 0 {
		return false
	}
	s.keepOf(sub)
	s.drop(sub)
	return true
}

func headerPosition(r *http.Request) (change.Position, error) {
	text := r.Header.Get("Wakeful-Position")
	if text == "" {
		return "", nil
	}
	return change.ParsePosition(text)
}

func validSession(id string) bool {
	if len(id) == 0 || len(id) > 100 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func writeEnvelope(w http.ResponseWriter, snapshot *wire.Snapshot) error {
	body := wire.AppendEnvelope(nil, snapshot)
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if _, err := w.Write(body); err != nil {
		return err
	}
	// A writer that cannot be flushed writes when the handler returns.
	if err := http.NewResponseController(w).Flush(); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// passThrough answers with what the view itself said. Cookies that an
// evaluation sets are no client's.
func passThrough(w http.ResponseWriter, response *bus.Response) {
	header := w.Header()
	for name, values := range response.Header {
		switch name {
		case "Set-Cookie", "Content-Length", "Connection", "Transfer-Encoding":
		default:
			header[name] = values
		}
	}
	header.Set("Content-Length", strconv.Itoa(len(response.Body)))
	w.WriteHeader(response.Status)
	_, _ = w.Write(response.Body) // nothing is subscribed: nothing to undo
}

// serveUnsubscribe ends a subscription. It answers when all that was sent for
// the observer is proven to have arrived.
func (g *Gateway) serveUnsubscribe(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		g.preflight(w, r)
		return
	}
	g.allowOrigin(w, r)
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST, OPTIONS")
		wire.NewProblem(http.StatusMethodNotAllowed, wire.CodeBadRequest, "unsubscribe takes POST").Write(w)
		return
	}
	query := r.URL.Query()
	observer, id := query.Get("observer"), query.Get("subscriber")
	if observer == "" || id == "" {
		wire.NewProblem(http.StatusBadRequest, wire.CodeMissingParameter,
			"want the parameters observer and subscriber in the URL").Write(w)
		return
	}
	if who, err := g.claimOf(r); err == nil && !g.foreignGet(r) {
		if s := g.session(id); s != nil && s.admits(who) {
			g.unsubscribeAndWait(r.Context(), s, observer)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte("{}")) // a client that is gone is nobody to tell
}

// unsubscribeAndWait ends a subscription and waits for the proof that nothing
// sent for it is still on its way; failing that in time, the socket is closed.
func (g *Gateway) unsubscribeAndWait(ctx context.Context, s *session, observer string) {
	s.mu.Lock()
	dropped := s.dropEnded(observer)
	s.mu.Unlock()
	if sub := s.find(observer); sub != nil {
		g.unsubscribe(s, sub, nil)
		dropped = append(dropped, sub)
	}
	if len(dropped) == 0 {
		s.dropDormant(observer)
		return
	}
	c, proof := s.barrier(dropped)
	if c == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, g.StartWait)
	defer cancel()
	select {
	case <-proof:
	case <-c.ctx.Done():
	case <-ctx.Done():
		c.close(wire.CloseTooSlow, "unsubscribe was not proven in time")
		c.abort()
	}
}
