package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/wire"
)

// poll is one conditional request while it is answered. It is no session: its
// client is known by nothing but the tag that it brings, and is owed nothing
// once it is answered. It costs the goroutine of its request and no other.
type poll struct {
	gateway *Gateway
	view    *mark.View
	wait    time.Duration
	after   change.Position // the list must not be older
	feed    *feed
	grant   *grant
}

// polled is what a poll is answered with: a list, one that the client holds, or
// why there is none.
type polled struct {
	state    *state
	same     bool // the client holds it
	leaving  bool // the server is going away: come back over another connection
	response *bus.Response
	problem  *wire.Problem
}

// servePoll answers a GET that prefers to wait, where its route is marked.
func (g *Gateway) servePoll(w http.ResponseWriter, r *http.Request) {
	view := g.marked(w, r)
	if view == nil {
		return
	}
	if header := w.Header(); header.Get("Access-Control-Allow-Origin") != "" {
		header.Set("Access-Control-Expose-Headers", "ETag, Preference-Applied")
	}
	if problem := g.poll(w, r, view); problem != nil {
		g.refuse(w, view, problem)
	}
}

// poll answers with a list, or that it is as it was, or returns why not.
func (g *Gateway) poll(w http.ResponseWriter, r *http.Request, view *mark.View) *wire.Problem {
	preference, _ := preferredWait(r.Header)
	wait, err := parseWait(preference, g.PollWait)
	if err != nil {
		return wire.NewProblem(http.StatusBadRequest, wire.CodeBadRequest, err.Error())
	}
	want, problem := g.wish(r, view)
	if problem != nil {
		return problem
	}
	account := (&owner{identity: want.claim.identity, address: want.claim.address}).account()
	if !g.enterPoll(account) {
		return wire.NewProblem(http.StatusTooManyRequests, wire.CodeTooManyPolls,
			fmt.Sprintf("%d polls of this client are being held: one for each list is enough", g.Limits.Polls))
	}
	p := &poll{gateway: g, view: view, wait: wait, after: want.after}
	control := http.NewResponseController(w)
	// Nobody minds where it cannot be set: then the server's own is not known either.
	_ = control.SetWriteDeadline(time.Now().Add(wait + g.AnswerWait + min(g.Limits.Stall, time.Hour)))
	out := p.serve(r, want)
	g.leavePoll(account) // before the answer: the client polls again when it has it
	switch {
	case out.problem != nil:
		return out.problem
	case out.response != nil:
		passThrough(w, out.response)
	case out.state != nil:
		p.write(w, out)
		_ = control.Flush()                       // before its deadline is taken off
		_ = control.SetWriteDeadline(time.Time{}) // the connection may serve others
	}
	return nil
}

// serve waits for what the poll is to be answered with: nothing where the client
// has gone. One whose scope is another meanwhile is answered with the list of
// that.
func (p *poll) serve(r *http.Request, want *subscription) polled {
	over := time.NewTimer(p.wait)
	defer over.Stop()
	for aims := 1; ; aims++ {
		p.feed, p.grant = p.gateway.hold(want)
		out := p.run(r.Context(), r.Header, over.C)
		p.release()
		if out.problem == nil || out.problem.Code != wire.CodeScopeChanged || aims == maxAims {
			return out
		}
		if problem := p.gateway.aimAgain(want); problem != nil {
			return polled{problem: problem}
		}
	}
}

// run waits for what a list has to answer the poll with.
func (p *poll) run(ctx context.Context, header http.Header, over <-chan time.Time) polled {
	held := "" // the tag that the client holds
	for first := true; ; first = false {
		out := p.ask(ctx)
		if out == (polled{}) {
			continue // the observer ended right behind the answer
		}
		if out.state == nil {
			return out
		}
		if first && holds(header, out.state.tag()) {
			held = out.state.tag()
		}
		if out = p.hold(ctx, held, over); out != (polled{}) || ctx.Err() != nil {
			return out
		}
		// The observer has ended. Whether it can begin anew, its view says.
	}
}

// hold waits until there is another list than the held one, or nothing to wait
// for. Whenever rights are in doubt it tries those of the client. It returns
// nothing where the client has gone or the observer has ended.
func (p *poll) hold(ctx context.Context, held string, over <-chan time.Time) polled {
	seen := p.feed.lastDoubt()
	for {
		out, doubted := p.watch(ctx, held, over, seen)
		seen = p.feed.lastDoubt()
		if out.state != nil && !out.leaving {
			out = p.prove(ctx, held)
		}
		if !doubted || !out.same {
			return out
		}
	}
}

// prove tries the client's own credentials, and returns what it may have then:
// nothing where the observer has ended meanwhile, or rights are in doubt again.
func (p *poll) prove(ctx context.Context, held string) polled {
	tr := p.feed.try(ctx, p.grant)
	st, sure := p.feed.visible(p.grant)
	switch {
	case tr.response != nil:
		return polled{response: tr.response}
	case tr.verdict != alive:
		return polled{problem: tr.problem()}
	case st == nil || !sure:
		return polled{}
	}
	return polled{state: st, same: st.tag() == held}
}

// ask has the worker say what the list is: not older than the poll. It returns
// nothing where that ended at once.
func (p *poll) ask(ctx context.Context) polled {
	ctx, cancel := context.WithTimeout(ctx, p.gateway.AnswerWait)
	defer cancel()
	var o *bus.Observed
	if p.after != "" {
		o = p.feed.askFor(ctx, p.grant, p.after)
	} else {
		o = p.feed.survey(ctx, p.grant)
	}
	switch {
	case o == nil:
		return polled{problem: noAnswer()}
	case o.Problem != nil:
		return polled{problem: o.Problem}
	case o.Response != nil:
		return polled{response: o.Response}
	}
	if o.Proven && p.grant.request.Credentials != "" {
		p.feed.mu.Lock()
		p.feed.prove(p.grant, time.Now(), 0) // nothing where rights were ever in doubt
		p.feed.mu.Unlock()
	}
	return polled{state: p.feed.state.Load()}
}

// watch returns when the list is another than the held one, the time is over,
// or rights were doubted since the doubt that was seen last. It returns nothing
// where the client has gone or the observer has ended.
func (p *poll) watch(ctx context.Context, held string, over <-chan time.Time, seen uint64) (out polled, doubted bool) {
	for {
		turned := p.feed.turning()
		st := p.feed.state.Load()
		if st == nil {
			return polled{}, false
		}
		if st.tag() != held {
			return polled{state: st}, false
		}
		if p.feed.lastDoubt() != seen {
			return polled{state: st, same: true}, true
		}
		select {
		case <-turned:
		case <-over:
			return polled{state: st, same: true}, false
		case <-p.gateway.leaving:
			return polled{state: st, same: true, leaving: true}, false
		case <-ctx.Done():
			return polled{}, false
		}
	}
}

// write answers the client.
func (p *poll) write(w http.ResponseWriter, out polled) {
	header := w.Header()
	header.Set("ETag", out.state.tag())
	header.Set("Preference-Applied", "wait="+strconv.Itoa(int(p.wait.Seconds())))
	p.gateway.setCaching(header, p.view)
	if out.leaving {
		header.Set("Connection", "close")
	}
	if out.same {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := out.state.envelope()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // a client that is gone asks again
}

// setCaching says who may keep the answer, and what it depends on.
func (g *Gateway) setCaching(header http.Header, view *mark.View) {
	vary := append(header.Values("Vary"), "Prefer")
	for _, name := range view.Headers {
		if counts(name, view) {
			vary = append(vary, http.CanonicalHeaderKey(name))
		}
	}
	header.Set("Cache-Control", "private, no-cache")
	switch {
	case view.Public:
		header.Set("Cache-Control", "public, max-age=1")
		header.Del("Set-Cookie") // what is everybody's carries nothing of one client
	case view.Headers == nil || !g.byCookies:
		vary = []string{"*"} // every header can matter, or whatever Identity looks at
	default:
		vary = append(vary, "Authorization")
		if len(g.Cookies) > 0 {
			vary = append(vary, "Cookie")
		}
	}
	header.Set("Vary", strings.Join(vary, ", "))
}

// envelope returns the list as a poll is answered, shared by all who get it.
func (st *state) envelope() []byte {
	st.mu.Lock()
	defer st.mu.Unlock()
	poll := snapshotFrame{} // without a reason: no frame
	if body := st.frames[poll]; body != nil {
		return body
	}
	snapshot := st.Snapshot
	snapshot.Observer = ""
	body := wire.AppendEnvelope(nil, &snapshot)
	st.keep(poll, body)
	return body
}

// enterPoll counts a poll of an account, unless it has as many as it may.
func (g *Gateway) enterPoll(account string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.polls[account] >= g.Limits.Polls {
		return false
	}
	g.polls[account]++
	return true
}

func (g *Gateway) leavePoll(account string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.polls[account]--; g.polls[account] <= 0 {
		delete(g.polls, account)
	}
}

// hold keeps the feed of a wish, which it begins where there is none.
func (g *Gateway) hold(want *subscription) (*feed, *grant) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.feedFor(want.observer, want.rights)
	f.holding++
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.request == nil {
		f.request = want.request
	}
	if want.view != nil {
		f.view.Store(want.view)
	}
	return f, f.grant(want.request, want.claim.identity)
}

// release lets the feed go: it stays for SessionTTL, for the next poll.
func (p *poll) release() {
	p.feed.mu.Lock()
	p.feed.polled = time.Now()
	p.feed.mu.Unlock()
	p.gateway.unhold(p.feed, p.grant)
}

// unhold is the opposite of hold. It returns when the credentials were proven
// last, and what that proves.
func (g *Gateway) unhold(f *feed, t *grant) (proven time.Time, proof uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f.holding--
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(t)
	return t.proven, t.proof
}

// preflightPoll answers the CORS preflight of a poll by a page of a listed
// origin: its headers are ours and not the app's. Where the route is not
// marked the answer to the GET itself, which is the app's, decides.
func (g *Gateway) preflightPoll(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodOptions || len(g.Origins) == 0 || r.Header.Get("Access-Control-Request-Method") != http.MethodGet {
		return false
	}
	asked := r.Header.Get("Access-Control-Request-Headers")
	prefers := false
	for name := range strings.SplitSeq(asked, ",") {
		prefers = prefers || strings.EqualFold(strings.TrimSpace(name), "Prefer")
	}
	if !prefers || !g.allowOrigin(w, r) {
		return false
	}
	header := w.Header()
	header.Set("Access-Control-Allow-Methods", http.MethodGet)
	header.Set("Access-Control-Allow-Headers", asked)
	header.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
