package gateway

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/wire"
)

// subscription is the wish of a session to follow an observer.
type subscription struct {
	session string
	claim   *claim
	rights
	observer string
	asked    *http.Request // by which the route was asked for its mark
	request  *bus.Request
	after    change.Position // the list must not be older
	view     *mark.View      // nil where the route was not asked
	asleep   *dormant        // version 1: what is to be followed again, nil for a client's own wish

	// Of version 2, beside a GET: the socket that asked, and what it calls it.
	socket *socket
	id     wire.ID
	since  wire.Point // what the client holds, zero for nothing
	stream bool       // the session is this request's own, and no GET's answer precedes it
	// replaces is the id that the client of a resume knows the list by.
	replaces string
	// vouched: the app said just now that the credentials are good; proven is
	// when it did, and proof what it proves (feed.doubted).
	vouched bool
	proven  time.Time
	proof   uint64

	state atomic.Int32
}

// A wish is taken once: by the worker's answer, or by whom gave up waiting.
const (
	waiting int32 = iota
	taken
	givenUp
)

// subscribed is what became of a subscription.
type subscribed struct {
	session  *session
	sub      *sub
	first    bool           // the session did not follow the observer before
	snapshot *wire.Snapshot // nil where the view answered with no list
	response *bus.Response
}

// maxAims is how often a wish is aimed: its rights may change while it is
// carried out.
const maxAims = 4

// subscribe has a session follow the list that a wish is for: where its route
// says another scope by the time that its credentials are tried, the list of
// that one.
func (g *Gateway) subscribe(ctx context.Context, want *subscription) (*subscribed, *wire.Problem) {
	for aims := 1; ; aims++ {
		got, problem := g.subscribeAsAimed(ctx, want)
		if problem == nil || problem.Code != wire.CodeScopeChanged || aims == maxAims {
			return got, problem
		}
		if problem := g.aimAgain(want); problem != nil {
			return nil, problem
		}
		want.vouched, want.proven, want.proof = false, time.Time{}, 0
		want.state.Store(waiting)
	}
}

// subscribeAsAimed asks the worker for the list and makes the session follow it
// from exactly there on.
func (g *Gateway) subscribeAsAimed(ctx context.Context, want *subscription) (*subscribed, *wire.Problem) {
	if s := g.session(want.session); s != nil {
		if problem := s.checkRoom(want.claim, want.observer); problem != nil {
			return nil, problem
		}
		if s.find(want.observer) == nil {
			// Progress that is told before the answer may be newer than the list,
			// and reach a client after it: it must not speak for the list.
			s.await(want.observer, 1)
			defer s.await(want.observer, -1)
		}
		want.after = s.floor(want.after)
	} else if !g.hasRoom(want.claim) {
		return nil, tooManySessions()
	}
	if g.feed(want.observer) == nil && !g.Memory.Room() {
		return nil, g.noRoom()
	}
	ctx, cancel := context.WithTimeout(ctx, g.AnswerWait)
	defer cancel()

	for {
		got, problem, untried := g.askAndTake(ctx, want)
		if !untried {
			return got, problem
		}
		switch tr := g.tryFor(ctx, want); {
		case tr.verdict == alive:
			want.state.Store(waiting)
		case tr.response != nil:
			return &subscribed{response: tr.response}, nil
		default:
			return nil, tr.problem()
		}
	}
}

// tryFor tries the credentials of a wish, and notes in it what that proves.
func (g *Gateway) tryFor(ctx context.Context, want *subscription) *trial {
	f, t := g.hold(want)
	tr := f.try(ctx, t)
	want.proven, want.proof = g.unhold(f, t)
	want.vouched = tr.verdict == alive
	return tr
}

// askAndTake asks the worker and takes its answer. untried says that it is a
// list which the asker's credentials were not tried for.
func (g *Gateway) askAndTake(ctx context.Context, want *subscription) (_ *subscribed, _ *wire.Problem, untried bool) {
	type outcome struct {
		got     *subscribed
		problem *wire.Problem
		untried bool
	}
	done := make(chan outcome, 1)
	message := &bus.Observe{Observer: want.observer, Request: *want.request, After: want.after, Vouched: want.vouched}
	if want.since.Epoch != "" {
		g.prepare(want, message)
	}
	g.ask(want.rights, message, func(o *bus.Observed, w *wakes) {
		if want.state.CompareAndSwap(waiting, taken) {
			if g.untried(want, o) {
				done <- outcome{untried: true}
				return
			}
			got, problem := g.take(want, o, w)
			done <- outcome{got: got, problem: problem}
		}
	})
	select {
	case out := <-done:
		return out.got, out.problem, out.untried
	case <-ctx.Done():
	}
	if !want.state.CompareAndSwap(waiting, givenUp) {
		out := <-done
		return out.got, out.problem, out.untried
	}
	return nil, noAnswer(), false
}

// untried reports whether the worker answered with a list that nobody showed to
// the credentials of the asker, or may show no longer. It runs in the order of
// the bus.
func (g *Gateway) untried(want *subscription, o *bus.Observed) bool {
	f := g.feed(want.observer)
	if closedBy(o) != nil || want.request.Credentials == "" || f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.doubted == 0 {
		if o.Proven {
			want.proven = time.Now()
		}
		return !o.Proven && !want.vouched
	}
	if t := f.grants[want.request.Credentials]; t != nil && f.trusts(t, time.Now()) {
		want.proven, want.proof = t.proven, t.proof
	}
	return !f.proves(want.proof)
}

// prepare asks for the list of a feed that has none yet, before the diffs that
// the client missed are asked for: they alone would not say what the list is.
func (g *Gateway) prepare(want *subscription, message *bus.Observe) {
	if f := g.feed(want.observer); f == nil || f.state.Load() == nil {
		first := *message
		g.ask(want.rights, &first, func(*bus.Observed, *wakes) {})
	}
	message.Epoch, message.Seq = want.since.Epoch, want.since.Seq
}

// take makes the subscription out of the worker's answer. It runs in the order
// of the bus.
func (g *Gateway) take(want *subscription, o *bus.Observed, w *wakes) (*subscribed, *wire.Problem) {
	switch {
	case o.Problem != nil:
		return nil, o.Problem
	case o.Response != nil:
		return &subscribed{response: o.Response}, nil
	}
	s, problem := g.open(want.session, want.claim)
	if problem != nil {
		return nil, problem
	}
	g.mu.Lock()
	f := g.feeds[want.observer]
	g.mu.Unlock()
	if f == nil {
		return nil, observerEnded()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.follow(f, want, w)
}

// follow attaches the session to a feed at its newest point. f.mu and s.mu are
// held.
func (s *session) follow(f *feed, want *subscription, w *wakes) (*subscribed, *wire.Problem) {
	st := f.state.Load()
	if want.socket != nil && s.socket != want.socket {
		return nil, replaced()
	}
	dropped := want.asleep != nil && s.dormant[f.observer] != want.asleep
	if st == nil || s.ended || f.gone || dropped {
		return nil, observerEnded()
	}
	got := &subscribed{session: s, sub: s.subs.of(f.observer), snapshot: &st.Snapshot}
	if got.sub == nil {
		if s.subs.len() >= s.gateway.Limits.Subscriptions {
			return nil, tooManySubscriptions()
		}
		got.first = true
		got.sub = &sub{session: s, feed: f, at: st.tail, from: wire.Point{Epoch: st.Epoch, Seq: st.Seq}, begun: s.gateway.told.Load(), request: f.share(want.request)}
		s.join(f, got)
		if got.sub.queued {
			w.add(s)
		}
	}
	f.use(got.sub, want.request, f.asker(got.sub, want))
	if t := got.sub.grant; t != nil && want.proven.After(t.proven) && f.prove(t, want.proven, want.proof) {
		if got.sub.gated && !f.contested {
			s.ungate(got.sub)
			w.add(s)
		}
	}
	if want.view != nil {
		f.view.Store(want.view)
	}
	direct := want.socket != nil || want.stream // told by messages, not by the answer of a GET
	if !direct {
		got.sub.asking++
	}
	got.sub.told = got.sub.told || direct || !got.first && got.sub.whole
	s.newest = later(s.newest, st.Position)
	s.watchNew(f)
	if direct {
		s.introduce(f, got.sub, want)
		w.add(s)
	}
	return got, nil
}

// asker is the identity whose credentials a wish brings.
func (f *feed) asker(sub *sub, want *subscription) string {
	switch {
	case f.scope == "":
		return f.identity
	case want.claim != nil:
		return want.claim.identity
	case sub.grant != nil:
		return sub.grant.identity
	}
	return ""
}

// join adds a new subscription. Where the client of a version 1 session holds
// the list since long ago, it is no first one, and will be made good.
func (s *session) join(f *feed, got *subscribed) {
	f.attach(got.sub)
	if s.socket == nil && s.subs.len() == 0 {
		s.since = time.Now()
	}
	s.subs.put(got.sub)
	if d := s.dormant[f.observer]; d != nil {
		s.lift(f.observer)
		got.first, got.sub.whole, got.sub.held = false, true, d.Held
		s.enqueue(got.sub)
	}
	if l := s.takeLeftover(f.observer); l != nil {
		got.sub.whole = got.sub.whole || l.Whole
		got.sub.held = append(slices.Clone(got.sub.held), l.Keys...)
		s.enqueue(got.sub)
	}
}

// introduce has a version 2 client told that it follows a list, and from where
// on. f.mu and s.mu are held.
func (s *session) introduce(f *feed, sub *sub, want *subscription) {
	reason := wire.ReasonSubscribe
	if want.since.Epoch != "" {
		reason = wire.ReasonResumeGap
	}
	s.paid(sub, sub.owed)
	sub.from, sub.begun = s.place(f, sub, want.since, reason), s.gateway.told.Load()
	if want.stream {
		return
	}
	text := wire.AppendSubscribed(nil, &wire.Subscribed{
		ID: want.id, Observer: f.observer, Epoch: sub.from.Epoch, Seq: sub.from.Seq,
		PrimaryKey: f.state.Load().PrimaryKey, Replaces: want.replaces,
	})
	if s.owes(want.socket, text) {
		sub.intro = append(sub.intro, text)
	}
}

// share returns a request with equal credentials that the feed has already, so
// that followers of one identity keep one copy; else the one given. f.mu is
// held.
func (f *feed) share(request *bus.Request) *bus.Request {
	if f.request == nil || len(f.subs) == 0 {
		f.request = request
	}
	if f.request.URL == request.URL && f.request.Credentials == request.Credentials {
		return f.request
	}
	return request
}

// unsubscribe ends a subscription: nothing for it is sent from now on. by is the
// socket that said so, nil for a request.
func (g *Gateway) unsubscribe(s *session, sub *sub, by *socket) {
	sub.feed.mu.Lock()
	defer sub.feed.mu.Unlock()
	s.mu.Lock()
	heeded := by == nil || s.socket == by
	if heeded {
		s.keepOf(sub)
		s.drop(sub)
	}
	s.mu.Unlock()
	if heeded {
		sub.feed.remove(sub)
	}
}
