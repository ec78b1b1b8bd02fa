package gateway

import (
	"crypto/rand"
	"encoding/base64"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// clientCookie proves that two requests come from one browser.
const clientCookie = "wakeful_client"

// claim is what one request proves about who sends it.
type claim struct {
	client   string // hash of the client cookie, of the fresh one where none came
	proven   bool   // the cookie came with the request
	fresh    string // value of a cookie to set, "" for none
	identity string // hash, "" for nobody's
	alone    bool   // the identity rests on an Authorization header that no page can make a browser send; a ticket is none
	address  string
}

// claimOf reads what a request proves. The error is Identity's.
func (g *Gateway) claimOf(r *http.Request) (*claim, error) {
	identity, err := g.Identity(r)
	if err != nil {
		return nil, err
	}
	c := &claim{identity: g.hashed("identity", identity), address: g.Address(r)}
	c.alone = identity != "" && !byTicket(r) && g.authorizedAlone(r, identity)
	g.claimClient(r, c)
	return c, nil
}

func (g *Gateway) claimClient(r *http.Request, c *claim) {
	if cookie, err := r.Cookie(clientCookie); err == nil && len(cookie.Value) >= 22 && len(cookie.Value) <= 64 {
		c.client, c.proven = g.hashed("client", cookie.Value), true
		return
	}
	var random [24]byte
	_, _ = rand.Read(random[:]) // never fails: it ends the program instead
	c.fresh = base64.RawURLEncoding.EncodeToString(random[:])
	c.client = g.hashed("client", c.fresh)
}

// authorizedAlone reports whether the identity is the same without any cookie
// and comes from a header that a browser never adds by itself, as it does for
// passwords that it remembers.
func (g *Gateway) authorizedAlone(r *http.Request, identity string) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "", "basic", "digest", "negotiate", "ntlm":
		return false
	}
	if r.Header.Get("Cookie") == "" {
		return true
	}
	bare := r.Clone(r.Context())
	bare.Header.Del("Cookie")
	same, err := g.Identity(bare)
	return err == nil && same == identity
}

// admits reports whether a request may use a session that c's owner holds:
// the same client, the same identity, or an Authorization header alone where
// no other identity holds it. Nobody's session is open to nobody's requests,
// so that clients without a cookie jar work on public data.
func (o *owner) admits(c *claim) bool {
	switch {
	case c.proven && c.client == o.client:
		return true
	case c.identity == o.identity:
		return true
	}
	return c.alone && o.identity == ""
}

// owner is who holds a session: the client that began it, and the last
// identity that was proven for it. An anonymous request does not take the
// identity away: the sockets of browsers carry no token.
type owner struct {
	client   string
	identity string
	address  string
}

// account names whom a session counts for.
func (o *owner) account() string {
	if o.identity != "" {
		return o.identity
	}
	return "@" + o.address
}

// setCookie hands a client its cookie where it has none yet.
func (c *claim) setCookie(header http.Header, secure bool) {
	if c.fresh == "" {
		return
	}
	cookie := clientCookie + "=" + c.fresh + "; Path=/; HttpOnly"
	if secure {
		cookie += "; Secure"
	}
	header.Add("Set-Cookie", cookie+"; SameSite=Lax")
}

// defaultIdentity goes by the Authorization header and by named cookies.
func defaultIdentity(cookies []string) func(*http.Request) (string, error) {
	return func(r *http.Request) (string, error) {
		var b strings.Builder
		if values := r.Header["Authorization"]; len(values) > 0 {
			b.WriteString("authorization " + strconv.Quote(strings.Join(values, "\n")))
		}
		for _, name := range cookies {
			for _, cookie := range r.CookiesNamed(name) {
				b.WriteString("cookie " + strconv.Quote(name) + strconv.Quote(cookie.Value))
			}
		}
		return b.String(), nil
	}
}

func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
