package gateway

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/wire"
)

const (
	ticketParameter = "ticket"
	ticketTTL       = 30 * time.Second
	// maxTickets may wait to be used in all, maxTicketsEach of one identity, or
	// of one address without an identity.
	maxTickets     = 10_000
	maxTicketsEach = 100
)

// tickets are those that wait to be used. A ticket stands once for the
// credentials of the request that got it, where a browser cannot send them: in
// the URL of a socket or of an event stream. It is known by its hash only.
type tickets struct {
	mu    sync.Mutex
	live  map[[sha256.Size]byte]*ticket
	count map[string]int // by account
}

type ticket struct {
	identity string // hash; what the credentials prove, and must still prove
	account  string // whom it counts for
	header   http.Header
	until    time.Time
}

// issue makes a ticket. It is "" where there are too many.
func (ts *tickets) issue(t *ticket, now time.Time) (value string) {
	ts.expire(now)
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if len(ts.live) >= maxTickets || ts.count[t.account] >= maxTicketsEach {
		return ""
	}
	if ts.live == nil {
		ts.live, ts.count = map[[sha256.Size]byte]*ticket{}, map[string]int{}
	}
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails: it ends the program instead
	value = base64.RawURLEncoding.EncodeToString(random[:])
	t.until = now.Add(ticketTTL)
	ts.live[sha256.Sum256([]byte(value))] = t
	ts.count[t.account]++
	return value
}

// take returns a ticket and forgets it, nil where there is none.
func (ts *tickets) take(value string, now time.Time) *ticket {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	hash := sha256.Sum256([]byte(value))
	t := ts.live[hash]
	if t == nil {
		return nil
	}
	ts.drop(hash, t)
	if !now.Before(t.until) {
		return nil
	}
	return t
}

// expire forgets those that are too old.
func (ts *tickets) expire(now time.Time) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for hash, t := range ts.live {
		if !now.Before(t.until) {
			ts.drop(hash, t)
		}
	}
}

func (ts *tickets) drop(hash [sha256.Size]byte, t *ticket) {
	delete(ts.live, hash)
	if ts.count[t.account]--; ts.count[t.account] <= 0 {
		delete(ts.count, t.account)
	}
}

// serveTicket gives a ticket to whom the request proves to be its sender.
func (g *Gateway) serveTicket(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		g.preflight(w, r)
		return
	}
	g.allowOrigin(w, r)
	value, problem := g.issueTicket(w, r)
	if problem != nil {
		g.record(event.Event{Kind: event.Refused, Code: string(problem.Code)})
		problem.Write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(wire.AppendTicket(nil, value, ticketTTL)) // a client that is gone is nobody to tell
}

func (g *Gateway) issueTicket(w http.ResponseWriter, r *http.Request) (string, *wire.Problem) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST, OPTIONS")
		return "", wire.NewProblem(http.StatusMethodNotAllowed, wire.CodeBadRequest, "ticket takes POST")
	}
	if g.foreignGet(r) {
		return "", wire.NewProblem(http.StatusForbidden, wire.CodeCrossSite, "a page of another site gets no ticket")
	}
	identity, err := g.Identity(r)
	if err != nil {
		return "", unauthenticated()
	}
	hashed := g.hashed("identity", identity)
	o := owner{identity: hashed, address: g.Address(r)}
	t := &ticket{identity: hashed, account: o.account(), header: g.carried(r, identity)}
	value := g.tickets.issue(t, time.Now())
	if value == "" {
		return "", wire.NewProblem(http.StatusTooManyRequests, wire.CodeTooManyTickets,
			"too many tickets wait to be used: use them, or wait 30 s")
	}
	return value, nil
}

// negotiated lists headers of a request for a ticket that are about that
// request.
var negotiated = []string{"Accept", "Accept-Charset", "Accept-Language", "Content-Encoding", "Content-Language"}

// carried are the headers that a request's identity rests on:
// Authorization and cookies, or all that count where those do not suffice.
func (g *Gateway) carried(r *http.Request, identity string) http.Header {
	kept := http.Header{}
	for _, name := range []string{"Authorization", "Cookie"} {
		if values := r.Header[name]; len(values) > 0 {
			kept[name] = slices.Clone(values)
		}
	}
	replaceCookie(kept, clientCookie, "") // says from where the request came, not from whom
	alone := r.Clone(r.Context())
	alone.Header = kept.Clone()
	if same, err := g.Identity(alone); err == nil && same == identity {
		return kept
	}
	all := canonicalHeaders(r.Header.Clone(), nil)
	for _, name := range negotiated {
		all.Del(name)
	}
	maps.Copy(all, kept)
	return all
}

// replaceCookie drops all cookies of a name, and adds one of that value where
// it is not "". The others stay as they were written.
func replaceCookie(header http.Header, name, value string) {
	var left []string
	for _, line := range header["Cookie"] {
		for cookie := range strings.SplitSeq(line, ";") {
			cookie = strings.TrimSpace(cookie)
			if other, _, _ := strings.Cut(cookie, "="); cookie != "" && strings.TrimSpace(other) != name {
				left = append(left, cookie)
			}
		}
	}
	if value != "" {
		left = append(left, name+"="+value)
	}
	header.Del("Cookie")
	if len(left) > 0 {
		header.Set("Cookie", strings.Join(left, "; "))
	}
}

type ticketKey struct{}

// byTicket reports whether the credentials of a request are a ticket's.
func byTicket(r *http.Request) bool { return r.Context().Value(ticketKey{}) != nil }

// ticketed returns a request with the credentials of its ticket in place of
// its own, and without the ticket: the request itself where there is none, or
// none that is good, which is a problem.
func (g *Gateway) ticketed(r *http.Request) (*http.Request, *wire.Problem) {
	value, has := valueOf(r.URL.RawQuery, ticketParameter)
	if !has {
		return r, nil
	}
	t := g.tickets.take(value, time.Now())
	if t == nil {
		return r, wire.NewProblem(http.StatusUnauthorized, wire.CodeBadTicket,
			"the ticket is unknown, was used, or is older than 30 s: get a new one")
	}
	asked := r.Clone(context.WithValue(r.Context(), ticketKey{}, true))
	asked.URL.RawQuery = without(r.URL.RawQuery, ticketParameter)
	asked.RequestURI = asked.URL.RequestURI()
	asked.Header.Del("Authorization")
	asked.Header.Del("Cookie")
	for name, values := range t.header {
		asked.Header[name] = slices.Clone(values)
	}
	if own, err := r.Cookie(clientCookie); err == nil {
		replaceCookie(asked.Header, clientCookie, own.Value)
	}
	if identity, err := g.Identity(asked); err != nil || g.hashed("identity", identity) != t.identity {
		return r, wire.NewProblem(http.StatusUnauthorized, wire.CodeBadTicket,
			"the credentials that the ticket stands for are good no more: get a new one")
	}
	return asked, nil
}
