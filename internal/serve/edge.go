package serve

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/wire"
)

// edge is where requests come in: what a trusted proxy says of them counts,
// what anybody else says of that kind does not.
type edge struct {
	trusted []netip.Prefix
	// headers are those in which a trusted proxy says who the user is.
	headers []string
	base    string
	// hosts are the names under which a server may be asked that nobody has to
	// sign in to, and that only this machine reaches; nil: under any. A page of
	// the web could else have its own name lead here.
	hosts []string
}

// forwarded are the headers that say what a proxy was asked.
var forwarded = []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix", "Forwarded", "X-Real-Ip"}

const requestID = "X-Request-Id"

// note is what is found out about a request on its way, for the log.
type note struct {
	id      string
	route   string
	subject bool // somebody has signed in
}

type noteKey struct{}

// noteOf returns the note of a request; in an evaluation nobody reads it.
func noteOf(ctx context.Context) *note {
	if n, ok := ctx.Value(noteKey{}).(*note); ok {
		return n
	}
	return &note{}
}

// Wrap has next see requests as the client sent them.
func (e *edge) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := &note{route: "other"}
		r = r.WithContext(context.WithValue(r.Context(), noteKey{}, n))
		r.Header = r.Header.Clone()
		trusted := e.trusts(r.RemoteAddr)
		if trusted {
			n.id = validID(r.Header.Get(requestID))
			e.believe(r)
		} else {
			for _, name := range e.headers {
				r.Header.Del(name)
			}
		}
		for _, name := range forwarded {
			r.Header.Del(name) // nobody behind here may believe them
		}
		if n.id == "" {
			n.id = rand.Text()
		}
		w.Header().Set(requestID, n.id)
		if !trusted && !e.knows(r.Host) {
			wire.NewProblem(http.StatusMisdirectedRequest, wire.CodeCrossSite,
				"this server is asked as localhost or by its address; behind a proxy, name the proxy with --trusted-proxy").Write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// trusts reports whether a peer is a trusted proxy.
func (e *edge) trusts(remote string) bool {
	address, ok := addressOf(remote)
	return ok && e.contains(address)
}

func (e *edge) contains(address netip.Addr) bool {
	return slices.ContainsFunc(e.trusted, func(p netip.Prefix) bool { return p.Contains(address) })
}

// addressOf reads an address with or without a port.
func addressOf(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return address.Unmap().WithZone(""), err == nil
}

// believe takes over what a trusted proxy says.
func (e *edge) believe(r *http.Request) {
	if client, ok := e.client(r.Header.Values("X-Forwarded-For")); ok {
		r.RemoteAddr = net.JoinHostPort(client.String(), "0")
	}
	switch strings.ToLower(last(r.Header.Values("X-Forwarded-Proto"))) {
	case "https", "wss":
		if r.TLS == nil {
			r.TLS = &tls.ConnectionState{HandshakeComplete: true}
		}
	case "http", "ws":
		r.TLS = nil
	}
	if host := last(r.Header.Values("X-Forwarded-Host")); validHost(host) {
		r.Host = host
	}
	if prefix := last(r.Header.Values("X-Forwarded-Prefix")); e.base != "" && "/"+strings.Trim(prefix, "/") == e.base && !under(r.URL.Path, e.base) {
		u := *r.URL
		u.Path = e.base + r.URL.Path
		if u.RawPath != "" {
			u.RawPath = e.base + r.URL.RawPath
		}
		r.URL, r.RequestURI = &u, u.RequestURI()
	}
}

// client is who the outermost trusted proxy was asked by: read from the right,
// the first that is no proxy of ours. What stands to its left anybody may have
// written.
func (e *edge) client(values []string) (netip.Addr, bool) {
	hops := strings.Split(strings.Join(values, ","), ",")
	var found netip.Addr
	for _, hop := range slices.Backward(hops) {
		address, ok := addressOf(hop)
		if !ok {
			break
		}
		if found = address; !e.contains(address) {
			break
		}
	}
	return found, found.IsValid()
}

// last is the last element of a header that each proxy appends to.
func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	elements := strings.Split(values[len(values)-1], ",")
	return strings.TrimSpace(elements[len(elements)-1])
}

func validHost(host string) bool {
	u, err := url.Parse("http://" + host)
	return host != "" && err == nil && u.Host == host && u.User == nil
}

// validID returns an id that a proxy has given, "" where it is none.
func validID(id string) string {
	if len(id) > 128 {
		return ""
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' {
			return ""
		}
	}
	return id
}

// knows reports whether a request may be asked under this name.
func (e *edge) knows(host string) bool {
	if e.hosts == nil {
		return true
	}
	name := host
	if bare, _, err := net.SplitHostPort(host); err == nil {
		name = bare
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	return slices.Contains(e.hosts, name)
}

// under reports whether a path is base or lies in it.
func under(path, base string) bool {
	rest, ok := strings.CutPrefix(path, base)
	return ok && (rest == "" || rest[0] == '/')
}
