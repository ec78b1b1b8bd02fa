package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/internal/planted"
)

// IgnoredHeaders lists, in lower case, the request headers that never tell
// observers apart; those that begin with "sec-" do not either. Credentials
// count through the identity. A handler whose answer depends on one of these
// names it in View.Headers.
var IgnoredHeaders = []string{
	// credentials, and what belongs to them
	"authorization", "cookie", "proxy-authorization", "x-csrftoken", "x-csrf-token", "x-xsrf-token",
	// how this request travels
	"accept-encoding", "cache-control", "connection", "content-length", "content-type", "expect", "host",
	"keep-alive", "max-forwards", "pragma", "priority", "proxy-connection", "range", "te", "trailer",
	"transfer-encoding", "upgrade", "upgrade-insecure-requests", "via",
	// who sends it, and from where
	"cf-connecting-ip", "dnt", "fastly-client-ip", "forwarded", "origin", "referer", "true-client-ip",
	"user-agent", "x-forwarded-for", "x-forwarded-port", "x-real-ip",
	// conditions
	"if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-event-id",
	"prefer", "wakeful-position",
	// tracing
	"b3", "baggage", "cf-ray", "traceparent", "tracestate", "x-amzn-trace-id", "x-b3-flags",
	"x-b3-parentspanid", "x-b3-sampled", "x-b3-spanid", "x-b3-traceid", "x-cloud-trace-context",
	"x-correlation-id", "x-request-id", "x-request-start",
}

var ignored = func() map[string]bool {
	set := map[string]bool{}
	for _, name := range IgnoredHeaders {
		set[name] = true
	}
	return set
}()

// notForwarded lists the headers that an evaluation must not see: they ask for
// a part of the answer, an encoding of it, or none.
var notForwarded = []string{
	"Accept-Encoding", "Connection", "Content-Length", "Expect", "If-Match", "If-Modified-Since", "If-None-Match",
	"If-Range", "If-Unmodified-Since", "Keep-Alive", "Last-Event-Id", "Proxy-Authorization", "Proxy-Connection",
	"Range", "Sec-Websocket-Extensions", "Sec-Websocket-Key", "Sec-Websocket-Protocol", "Sec-Websocket-Version",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Wakeful-Position",
}

// counts reports whether a header tells observers apart.
func counts(name string, view *mark.View) bool {
	if view != nil && view.Public && isCredential(name) {
		return false
	}
	if view != nil && (view.Headers != nil || view.Public) {
		return slices.ContainsFunc(view.Headers, func(h string) bool { return strings.EqualFold(h, name) })
	}
	name = strings.ToLower(name)
	return !ignored[name] && !strings.HasPrefix(name, "sec-")
}

// canonicalHeaders is the part of a request's header that counts.
func canonicalHeaders(header http.Header, view *mark.View) http.Header {
	out := http.Header{}
	for name, values := range header {
		if !counts(name, view) || len(values) == 0 {
			continue
		}
		if name == "Accept" && len(values) == 1 && values[0] == "*/*" {
			continue // says what its absence says
		}
		out[name] = values
	}
	return out
}

// busRequest is what the worker needs to send the request through the app
// again. It shares nothing with r.
func busRequest(r *http.Request) *bus.Request {
	header := r.Header.Clone()
	for _, name := range notForwarded {
		delete(header, name)
	}
	target := r.URL.EscapedPath()
	if query := withoutObserve(r.URL.RawQuery); query != "" {
		target += "?" + query
	}
	return &bus.Request{URL: target, Host: r.Host, Header: header, RemoteAddr: r.RemoteAddr, TLS: r.TLS != nil}
}

// rights says whose an observer's list is: an identity's, or everybody's who
// may see the same rows. Of these at most one is not "".
type rights struct {
	identity string // hash
	scope    string // as the route says it
}

// observerID names an observer: equal for equal canonical requests with the same
// rights, and not to be guessed without the key.
func (g *Gateway) observerID(host, target string, rights rights, header http.Header) string {
	if planted.Is(planted.IdentityMixed) {
		rights.identity = ""
	}
	mac := g.mac()
	defer g.macs.Put(mac)
	path, query, _ := strings.Cut(target, "?")
	field(mac, "observer")
	field(mac, strings.ToLower(host))
	field(mac, path)
	params, exact := splitQuery(query)
	if exact {
		query = "" // the parameters say it all
	}
	field(mac, query)
	names := slices.Sorted(maps.Keys(params))
	number(mac, len(names))
	for _, name := range names {
		fields(mac, name, params[name])
	}
	names = slices.Sorted(maps.Keys(header))
	number(mac, len(names))
	for _, name := range names {
		fields(mac, name, header[name])
	}
	field(mac, rights.identity)
	if rights.scope != "" {
		field(mac, "scope")
		field(mac, rights.scope)
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// mac returns a hash under the gateway's key. It belongs to g.macs afterwards:
// the two inner states of one are most of what a short text costs.
func (g *Gateway) mac() hash.Hash {
	if mac, ok := g.macs.Get().(hash.Hash); ok {
		mac.Reset()
		return mac
	}
	return hmac.New(sha256.New, g.idKey)
}

// hashed turns a credential into what may be kept: its keyed hash, "" for "".
func (g *Gateway) hashed(purpose, credential string) string {
	if credential == "" {
		return ""
	}
	mac := g.mac()
	defer g.macs.Put(mac)
	field(mac, purpose)
	field(mac, credential)
	return hex.EncodeToString(mac.Sum(nil))
}

func fields(h hash.Hash, name string, values []string) {
	field(h, name)
	number(h, len(values))
	for _, value := range values {
		field(h, value)
	}
}

// field writes text so that no two sequences of fields give the same bytes.
func field(h hash.Hash, text string) {
	number(h, len(text))
	_, _ = h.Write([]byte(text))
}

func number(h hash.Hash, n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	_, _ = h.Write(b[:])
}

const observeParameter = "observe"

// pairs yields each raw parameter of a query and its name.
func pairs(query string, yield func(raw, name string) bool) {
	for query != "" {
		var raw string
		raw, query, _ = strings.Cut(query, "&")
		if raw == "" {
			continue
		}
		name, _, _ := strings.Cut(raw, "=")
		if !yield(raw, unescape(name)) {
			return
		}
	}
}

// unescape decodes a name or value of a query; what cannot be decoded stands
// as it is.
func unescape(text string) string {
	if !strings.ContainsAny(text, "%+") {
		return text
	}
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

// splitQuery decodes a query into the values of each name, in order. It is
// exact unless parsers may read the query in different ways.
func splitQuery(query string) (params map[string][]string, exact bool) {
	params, exact = map[string][]string{}, !strings.Contains(query, ";")
	pairs(query, func(raw, name string) bool {
		_, value, _ := strings.Cut(raw, "=")
		params[name] = append(params[name], unescape(value))
		_, err := url.QueryUnescape(raw)
		exact = exact && err == nil
		return true
	})
	return params, exact
}

// observing returns the session that a query asks to observe for.
func observing(query string) (session string, asked bool) { return valueOf(query, observeParameter) }

// valueOf returns the first value of a parameter.
func valueOf(query, parameter string) (value string, has bool) {
	pairs(query, func(raw, name string) bool {
		if name != parameter {
			return true
		}
		_, value, _ = strings.Cut(raw, "=")
		value, has = unescape(value), true
		return false
	})
	return value, has
}

// withoutObserve is the query without that parameter, all else as it was.
func withoutObserve(query string) string { return without(query, observeParameter) }

// without is a query without one parameter, all else as it was.
func without(query, parameter string) string {
	if _, has := valueOf(query, parameter); !has {
		return query
	}
	var kept []string
	pairs(query, func(raw, name string) bool {
		if name != parameter {
			kept = append(kept, raw)
		}
		return true
	})
	return strings.Join(kept, "&")
}
