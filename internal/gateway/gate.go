package gateway

import (
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/wire"
)

// gate holds back what a subscription would be sent, until its credentials are
// proven. No progress speaks for it meanwhile. f.mu and s.mu are held.
func (s *session) gate(sub *sub) {
	if !sub.gated && s.subs.of(sub.feed.observer) == sub {
		sub.gated, sub.grant.gating = true, true
		s.awaitLocked(sub.feed.observer, 1)
	}
}

// ungate sends it. s.mu is held.
func (s *session) ungate(sub *sub) {
	if sub.gated {
		sub.gated = false
		s.awaitLocked(sub.feed.observer, -1)
		if s.subs.of(sub.feed.observer) == sub {
			s.enqueue(sub)
		}
	}
}

// settle does what the app's answer means for the subscribers with these
// credentials, and for nobody else.
func (f *feed) settle(t *grant, tr *trial) {
	g, now := f.gateway, time.Now()
	w := g.newWakes()
	fresh := false // nobody had shown these to the app
	f.mu.Lock()
	t.trial = nil
	switch tr.verdict {
	case alive:
		fresh = t.proven.IsZero() && t.following > 0 && (f.request == nil || f.request.Credentials != t.request.Credentials)
		f.admit(t, w)
		t.prove(now, g.Recheck)
	case revoked, unfit:
		t.proven = time.Time{}
		f.expel(t, tr.closed(f.observer), w)
	case unclear:
		t.failures++
		t.due = now.Add(min(time.Second<<min(t.failures, 10), g.Recheck))
		if !t.trusted(now, 2*g.Recheck) {
			f.withhold(t)
		}
	}
	other := f.carrier(t)
	f.mu.Unlock()
	w.wake()
	switch {
	case fresh:
		g.carry(f, t) // the newest carry the observer on
	case other != nil && (tr.verdict == revoked || tr.verdict == unfit):
		g.carry(f, other)
	}
}

// admit lets the subscribers of a grant go on. f.mu is held.
func (f *feed) admit(t *grant, w *wakes) {
	if !t.gating {
		return
	}
	t.gating = false
	for _, sub := range f.subs {
		if sub.grant == t {
			s := sub.session
			s.mu.Lock()
			s.ungate(sub)
			w.add(s)
			s.mu.Unlock()
		}
	}
}

// withhold pauses the subscribers of a grant, all of them for nil. f.mu is
// held.
func (f *feed) withhold(t *grant) {
	for _, sub := range f.subs {
		if t == nil || sub.grant == t {
			sub.session.mu.Lock()
			sub.session.gate(sub)
			sub.session.mu.Unlock()
		}
	}
}

// expel ends the subscriptions of a grant. f.mu is held.
func (f *feed) expel(t *grant, closed wire.Closed, w *wakes) {
	st := f.state.Load()
	var out []*sub
	for _, sub := range f.subs {
		if sub.grant == t {
			out = append(out, sub)
		}
	}
	for _, sub := range out {
		s := sub.session
		s.mu.Lock()
		s.end(sub, st, closed)
		w.add(s)
		s.mu.Unlock()
		f.remove(sub)
	}
}

// carrier is another grant that somebody follows with, the one proven last.
// f.mu is held.
func (f *feed) carrier(not *grant) (best *grant) {
	for _, t := range f.grants {
		if t != not && t.following > 0 && !t.proven.IsZero() && (best == nil || t.proven.After(best.proven)) {
			best = t
		}
	}
	return best
}

// carry has the worker evaluate the observer with the credentials of a grant
// from now on.
func (g *Gateway) carry(f *feed, t *grant) {
	f.mu.Lock()
	f.request = t.request
	f.mu.Unlock()
	message := &bus.Observe{Observer: f.observer, Request: *t.request, Vouched: true}
	g.ask(f.identity, message, func(*bus.Observed, *wakes) {})
}

// end takes the worker's word that the observer has ended. Where that was for
// the credentials that it was evaluated with, those of others may be good: it
// goes on with them, and nothing is sent until it is known with whose.
func (f *feed) end(closed wire.Closed, w *wakes) {
	f.mu.Lock()
	contested := closed.Code == wire.CodePermissionRevoked && f.identity != "" && len(f.subs) > 0 && f.state.Load() != nil
	begin := contested && !f.contested
	if begin {
		f.contested = true
		f.withhold(nil)
		f.turn() // polls ask for themselves
	}
	f.mu.Unlock()
	switch {
	case begin:
		f.contest(closed, w)
	case !contested:
		f.close(closed, w)
	}
}

// contest asks the worker with one subscriber's credentials after the other's,
// until it answers with a list. No lock is held.
func (f *feed) contest(closed wire.Closed, w *wakes) {
	g := f.gateway
	f.mu.Lock()
	var t *grant
	for _, other := range f.grants {
		if other.following > 0 && (t == nil || other.proven.After(t.proven)) {
			t = other
		}
	}
	f.contested = t != nil
	f.mu.Unlock()
	if t == nil {
		f.close(closed, w)
		return
	}
	message := &bus.Observe{Observer: f.observer, Request: *t.request, Vouched: true}
	g.ask(f.identity, message, func(o *bus.Observed, w *wakes) {
		ended := closedBy(o)
		switch {
		case ended == nil:
			f.resolve(t, w)
		case ended.Code == wire.CodePermissionRevoked:
			ended.Observer, ended.Detail = f.observer, closed.Detail
			f.mu.Lock()
			f.expel(t, *ended, w)
			f.mu.Unlock()
			f.contest(closed, w)
		default:
			ended.Observer = f.observer
			f.close(*ended, w)
		}
	})
}

// resolve goes on with who has good credentials, and tries those of the others.
func (f *feed) resolve(good *grant, w *wakes) {
	g := f.gateway
	f.mu.Lock()
	f.contested, f.request = false, good.request
	f.admit(good, w)
	good.prove(time.Now(), g.Recheck)
	others := f.questions(func(t *grant) bool { return t != good })
	f.mu.Unlock()
	g.conductAll(f, others)
}

// questions returns a new trial of each grant that somebody follows with and
// that is wanted, unless one is under way. f.mu is held.
func (f *feed) questions(wanted func(*grant) bool) map[*grant]*trial {
	trials := map[*grant]*trial(nil)
	for _, t := range f.grants {
		if t.following == 0 || !wanted(t) {
			continue
		}
		if tr, first := t.question(); first {
			if trials == nil {
				trials = map[*grant]*trial{}
			}
			trials[t] = tr
		}
	}
	return trials
}

// conductAll asks the app what questions returned. No lock is held.
func (g *Gateway) conductAll(f *feed, trials map[*grant]*trial) {
	for t, tr := range trials {
		g.conduct(f, t, tr)
	}
}

// tickGranted rechecks what is followed with credentials. That is looked at
// seldom: most are not due.
func (g *Gateway) tickGranted(now time.Time) {
	g.mu.Lock()
	early := now.Sub(g.tried) < g.Recheck/30
	if !early {
		g.tried = now
	}
	g.mu.Unlock()
	if early {
		return
	}
	g.recheck(now)
}

func (g *Gateway) recheck(now time.Time) {
	for _, f := range g.granted.list() {
		f.recheck(now)
	}
}

// recheck tries the credentials whose time has come.
func (f *feed) recheck(now time.Time) {
	f.mu.Lock()
	if len(f.subs) == 0 {
		f.gateway.granted.drop(f) // use adds it again, under f.mu too
	}
	due := f.questions(func(t *grant) bool { return t.request.Credentials != "" && !now.Before(t.due) })
	f.mu.Unlock()
	f.gateway.conductAll(f, due)
}

// regard has what a session follows wait until its credentials are proven: a
// socket has come, or a resume. Where the request that brought it has some of
// its own, they count from now on: p is nil where it has not.
func (g *Gateway) regard(s *session, who *claim, p *peer, observers ...string) {
	s.mu.Lock()
	var subs []*sub
	for observer, sub := range s.subs.all() {
		if sub.grant != nil && (len(observers) == 0 || observer == observers[0]) {
			subs = append(subs, sub)
		}
	}
	s.mu.Unlock()
	for _, sub := range subs {
		g.regardOne(s, sub, who, p)
	}
}

func (g *Gateway) regardOne(s *session, sub *sub, who *claim, p *peer) {
	f := sub.feed
	f.mu.Lock()
	s.mu.Lock()
	if s.subs.of(f.observer) != sub {
		s.mu.Unlock()
		f.mu.Unlock()
		return
	}
	if p != nil && p.proves() && who.identity == f.identity {
		f.use(sub, g.withPeer(sub.request, p, f.identity))
	}
	t, tr := s.doubt(sub)
	s.mu.Unlock()
	f.mu.Unlock()
	if tr != nil {
		g.conduct(f, t, tr)
	}
}

// doubt gates a subscription unless its credentials were proven just now. It
// returns the trial that its caller is to conduct, nil for none. f.mu and s.mu
// are held.
func (s *session) doubt(sub *sub) (*grant, *trial) {
	t := sub.grant
	if t == nil {
		return nil, nil
	}
	if now := time.Now(); t.trusted(now, s.gateway.trust) {
		if sub.gated {
			t.due = now // it waited with other credentials
		}
		return nil, nil
	}
	s.gate(sub)
	if tr, first := t.question(); first {
		return t, tr
	}
	return nil, nil
}

// proves reports whether a handshake, or what came after it, carries
// credentials.
func (p *peer) proves() bool { return p.header["Authorization"] != nil || p.header["Cookie"] != nil }

// withPeer is a request with the credentials of a peer in place of its own.
func (g *Gateway) withPeer(request *bus.Request, p *peer, identity string) *bus.Request {
	with := *request
	header := make(map[string][]string, len(request.Header))
	for name, values := range request.Header {
		if !isCredential(name) {
			header[name] = values
		}
	}
	for _, name := range []string{"Authorization", "Cookie"} {
		if values := p.header[name]; len(values) > 0 {
			header[name] = values
		}
	}
	with.Header, with.Credentials = header, ""
	return g.evaluated(&with, identity)
}

// let takes a subscription's credentials from it. f.mu is held.
func (f *feed) let(sub *sub) {
	if t := sub.grant; t != nil {
		t.following--
		f.drop(t)
		sub.grant = nil
	}
}

// use has a subscription follow with a request's credentials. f.mu is held.
func (f *feed) use(sub *sub, request *bus.Request) {
	if request.Credentials == "" || sub.grant != nil && sub.grant.request.Credentials == request.Credentials {
		return
	}
	old := sub.grant
	f.gateway.granted.add(f)
	sub.grant = f.grant(request)
	sub.grant.following++
	sub.request = sub.grant.request
	sub.grant.gating = sub.grant.gating || sub.gated
	if old != nil {
		old.following--
		f.drop(old)
	}
}
