package gateway

import (
	"slices"
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
		sub.gated, sub.until, sub.beyond = false, nil, false
		if len(sub.later) > 0 {
			sub.held, sub.later = slices.Concat(sub.held, sub.later), nil
		}
		s.awaitLocked(sub.feed.observer, -1)
		if s.subs.of(sub.feed.observer) == sub {
			s.enqueue(sub)
		}
	}
}

// settle does what the app's answer means for the subscribers with these
// credentials, and for nobody else. It reports false where that was said too
// early: the app is to be asked again.
func (f *feed) settle(t *grant, tr *trial) bool {
	g, now := f.gateway, time.Now()
	w := g.newWakes()
	fresh := false // nobody had shown these to the app
	f.mu.Lock()
	if tr.verdict == alive && tr.proof != f.doubted {
		f.mu.Unlock()
		return false
	}
	t.trial = nil
	switch tr.verdict {
	case alive:
		if f.proves(tr.proof) {
			fresh = t.proven.IsZero() && len(t.subs) > 0 && (f.request == nil || f.request.Credentials != t.request.Credentials)
			f.admit(t, w)
			f.prove(t, now, tr.proof)
		}
	case revoked, unfit, moved:
		t.proven, t.proof = time.Time{}, 0
		f.expel(t, tr.closed(f.observer), w)
	case unclear:
		t.failures++
		t.due = now.Add(min(time.Second<<min(t.failures, 10), g.Recheck))
		if !t.provenWithin(now, 2*g.Recheck) {
			f.withhold(t)
		}
	}
	other := (*grant)(nil)
	if tr.ends() {
		other = f.carrier(t)
	}
	f.mu.Unlock()
	w.wake()
	switch {
	case fresh:
		g.carry(f, t) // the newest carry the observer on
	case other != nil:
		g.carry(f, other)
	}
	return true
}

// admit lets the subscribers of a grant go on. f.mu is held.
func (f *feed) admit(t *grant, w *wakes) {
	if !t.gating {
		return
	}
	t.gating = false
	for _, sub := range t.subs {
		s := sub.session
		s.mu.Lock()
		s.ungate(sub)
		w.add(s)
		s.mu.Unlock()
	}
}

// withhold pauses the subscribers of a grant, all that have one for nil. f.mu
// is held.
func (f *feed) withhold(t *grant) {
	subs := f.subs
	if t != nil {
		subs = t.subs
	}
	for _, sub := range subs {
		if sub.grant != nil {
			sub.session.mu.Lock()
			sub.session.gate(sub)
			sub.session.mu.Unlock()
		}
	}
}

// expel ends the subscriptions of a grant. f.mu is held.
func (f *feed) expel(t *grant, closed wire.Closed, w *wakes) {
	st := f.state.Load()
	for _, sub := range slices.Clone(t.subs) {
		s := sub.session
		s.mu.Lock()
		s.end(sub, sub.shown(st), closed)
		w.add(s)
		s.mu.Unlock()
		f.remove(sub)
	}
}

// questions returns a new trial of each grant that somebody follows with and
// that is wanted, unless one is under way. f.mu is held.
func (f *feed) questions(wanted func(*grant) bool) map[*grant]*trial {
	trials := map[*grant]*trial(nil)
	for _, t := range f.grants {
		if len(t.subs) == 0 || !wanted(t) {
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
	if p != nil && p.proves() && sub.grant != nil && who.identity == sub.grant.identity && !f.public() {
		f.use(sub, g.withPeer(sub.request, p, f, who.identity), who.identity)
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
	if now := time.Now(); sub.feed.trusts(t, now) {
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

// public reports whether everybody is asked for the same.
func (f *feed) public() bool {
	view := f.view.Load()
	return view != nil && view.Public
}

// proves reports whether a handshake, or what came after it, carries
// credentials.
func (p *peer) proves() bool { return p.header["Authorization"] != nil || p.header["Cookie"] != nil }

// withPeer is a request with the credentials of a peer in place of its own.
func (g *Gateway) withPeer(request *bus.Request, p *peer, f *feed, identity string) *bus.Request {
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
	return g.evaluated(&with, identity, f.scope != "")
}

// let takes a subscription's credentials from it. f.mu is held.
func (f *feed) let(sub *sub) {
	if t := sub.grant; t != nil {
		t.leave(sub)
		f.drop(t)
		sub.grant = nil
	}
}

// use has a subscription follow with a request's credentials, which are of an
// identity. f.mu is held.
func (f *feed) use(sub *sub, request *bus.Request, identity string) {
	if request.Credentials == "" || sub.grant != nil && sub.grant.request.Credentials == request.Credentials {
		return
	}
	old := sub.grant
	f.gateway.granted.add(f)
	if old != nil {
		old.leave(sub)
		f.drop(old)
	}
	f.grant(request, identity).join(sub)
	sub.request = sub.grant.request
}
