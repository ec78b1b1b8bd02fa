package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/wire"
)

const (
	// provenFor is how long what the app said of credentials is what it says
	// now: those who ask within it share one question.
	provenFor = time.Second
	// trialWait is how long the app may take to say it.
	trialWait = 10 * time.Second
	// trialGap is the first of the waits before the app is asked again because
	// rights were doubted while it was asked; each is twice the one before.
	trialGap = time.Millisecond
	// maxTrials bounds how many questions the app is asked at once.
	maxTrials = 8
)

// verdict is what the app says of credentials.
type verdict uint8

const (
	unclear verdict = iota // it could not say: it is ill, or too busy
	alive
	revoked
	unfit // the view answers them with something else than a list
	moved // they are good, for other rows: the list is no longer theirs
)

// trial is one question to the app whether credentials are still good, and for
// the same rows. It is asked with the subscriber's own request and touches no
// observer: Config.Alive answers, or else the view's status does; the scope is
// the route's to say.
type trial struct {
	done     chan struct{} // closed when the rest is known
	proof    uint64        // feed.doubted when the app was asked
	verdict  verdict
	response *bus.Response // what the view said instead of a list, nil for nothing
}

// ends reports whether a subscriber's list ends with the answer.
func (tr *trial) ends() bool {
	return tr.verdict == revoked || tr.verdict == unfit || tr.verdict == moved
}

// closed is what a subscriber is told who did not pass.
func (tr *trial) closed(observer string) wire.Closed {
	switch tr.verdict {
	case unfit:
		return wire.Closed{Observer: observer, Code: wire.CodeViewError, Detail: fmt.Sprintf("the view answered %d", tr.response.Status)}
	case moved:
		return wire.Closed{Observer: observer, Code: wire.CodeScopeChanged, Detail: scopeChanged}
	}
	return wire.Closed{Observer: observer, Code: wire.CodePermissionRevoked, Detail: "the credentials are no longer good"}
}

const scopeChanged = "other rows are to be seen now: observe again"

// problem is what a request is told that did not pass, where the view itself
// said nothing.
func (tr *trial) problem() *wire.Problem {
	switch tr.verdict {
	case unclear:
		return wire.NewProblem(http.StatusServiceUnavailable, wire.CodeUnavailable, "the credentials could not be tried: ask again")
	case moved:
		return wire.NewProblem(http.StatusConflict, wire.CodeScopeChanged, scopeChanged)
	}
	return wire.NewProblem(http.StatusForbidden, wire.CodePermissionRevoked, "the credentials of the request are no longer good")
}

// try says whether the credentials of a grant are good: what the app said
// within provenFor, or says now. All who ask meanwhile share one question.
func (f *feed) try(ctx context.Context, t *grant) *trial {
	f.mu.Lock()
	if f.trusts(t, time.Now()) {
		f.mu.Unlock()
		return &trial{verdict: alive}
	}
	tr, first := t.question()
	f.mu.Unlock()
	if first {
		f.gateway.conduct(f, t, tr)
	}
	select {
	case <-tr.done:
		return tr
	case <-ctx.Done():
		return &trial{}
	}
}

// question returns the trial under way, or a new one that the caller conducts.
// The feed's mu is held.
func (t *grant) question() (tr *trial, first bool) {
	if t.trial == nil {
		t.trial, first = &trial{done: make(chan struct{})}, true
	}
	return t.trial, first
}

// provenWithin reports whether the app said lately that the credentials are good.
func (t *grant) provenWithin(now time.Time, lately time.Duration) bool {
	return !t.proven.IsZero() && now.Sub(t.proven) < lately
}

// prove notes that the app has said so now. The next trial is spread, so that
// those who came together do not stay together; where some wait for one still,
// it is due.
func (t *grant) prove(now time.Time, recheck time.Duration) {
	t.proven, t.failures = now, 0
	t.due = now
	if !t.gating {
		t.due = now.Add(recheck/2 + rand.N(recheck/2))
	}
	if t.ends.After(now) && t.ends.Before(t.due) {
		t.due = t.ends
	}
}

// expiry says when the credentials of a request end by themselves.
func (g *Gateway) expiry(request *bus.Request) time.Time {
	if g.Expires == nil || request.Credentials == "" {
		return time.Time{}
	}
	r, err := evaluation(context.Background(), request)
	if err != nil {
		return time.Time{}
	}
	return g.Expires(r)
}

// conduct asks the app in a goroutine of its own, a few at once, and then does
// what its answer means. No lock is held.
func (g *Gateway) conduct(f *feed, t *grant, tr *trial) {
	begun := g.background(func() {
		defer close(tr.done)
		select {
		case g.trials <- struct{}{}:
			defer func() { <-g.trials }()
		case <-g.leaving:
			return
		}
		for wait := trialGap; g.hear(f, t, tr) && !f.settle(t, tr); wait = min(2*wait, time.Second) {
			// Rights were doubted while the app was asked.
			select {
			case <-time.After(wait):
			case <-g.leaving:
				return
			}
		}
	})
	if !begun {
		close(tr.done)
	}
}

// hear takes what the app says. It reports false where the gateway is closing.
func (g *Gateway) hear(f *feed, t *grant, tr *trial) bool {
	ctx, cancel := context.WithTimeout(context.Background(), trialWait)
	defer cancel()
	tr.proof = f.lastDoubt()
	answer := make(chan trial, 1)
	go func() { answer <- g.inquire(ctx, t.request, f.scope) }() // an app that heeds no context is left behind
	select {
	case said := <-answer:
		tr.verdict, tr.response = said.verdict, said.response
	case <-ctx.Done():
		tr.verdict, tr.response = unclear, nil
	case <-g.leaving:
		return false
	}
	return true
}

// background runs a function in a goroutine that the gateway waits for, unless
// it is closing.
func (g *Gateway) background(do func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing {
		return false
	}
	g.readers.Add(1)
	go func() {
		defer g.readers.Done()
		do()
	}()
	return true
}

// inquire asks the app, and where rows are shared by scope the route too: the
// rows that credentials may see are not Config.Alive's to know.
func (g *Gateway) inquire(ctx context.Context, request *bus.Request, scope string) (said trial) {
	defer func() {
		if v := recover(); v != nil {
			g.Logger.Warn("credentials could not be tried: the app panicked", "panic", v)
			said = trial{}
		}
	}()
	ctx, end := g.own.during(ctx)
	defer end()
	r, err := evaluation(ctx, request)
	if err != nil {
		return trial{}
	}
	if g.Alive != nil {
		good, err := g.Alive(r)
		switch {
		case err != nil:
			g.Logger.Warn("credentials could not be tried", "err", err)
			return trial{}
		case !good:
			return trial{verdict: revoked}
		case scope == "":
			return trial{verdict: alive}
		}
	}
	w := &probeWriter{header: http.Header{}, keeps: true}
	g.app.ServeHTTP(w, r)
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.status == http.StatusOK || w.status == http.StatusNotFound {
		if said := mark.From(r.Context()).View(); said != nil && said.Scope != scope || said == nil && scope != "" {
			return trial{verdict: moved}
		}
		return trial{verdict: alive}
	}
	said.response = &bus.Response{Status: w.status, Header: w.header, Body: w.body}
	switch {
	case w.status == http.StatusUnauthorized || w.status == http.StatusForbidden:
		said.verdict = revoked
	case w.status != http.StatusTooManyRequests && w.status < 500:
		said.verdict = unfit
	}
	return said
}

// evaluation makes a request once more, marked as what it is.
func evaluation(ctx context.Context, request *bus.Request) (*http.Request, error) {
	return requestAnew(mark.NewContext(ctx, &mark.Mark{Evaluating: true, Trial: true}), request)
}

// requestAnew makes a request of what the worker would make one of.
func requestAnew(ctx context.Context, request *bus.Request) (*http.Request, error) {
	u, err := url.ParseRequestURI(request.URL)
	if err != nil {
		return nil, err
	}
	header := http.Header(request.Header).Clone()
	header.Del("Prefer")
	r := &http.Request{
		Method: http.MethodGet, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header,
		Body: http.NoBody, Host: request.Host, RemoteAddr: request.RemoteAddr, RequestURI: request.URL,
	}
	if request.TLS {
		r.TLS = &tls.ConnectionState{HandshakeComplete: true}
	}
	return r.WithContext(ctx), nil
}
