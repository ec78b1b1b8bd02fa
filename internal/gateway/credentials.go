package gateway

import (
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/internal/mark"
)

// isCredential reports whether a header says who sends a request.
func isCredential(name string) bool {
	switch strings.ToLower(name) {
	case "authorization", "cookie", "proxy-authorization":
		return true
	}
	return false
}

// evaluated takes from a request the credentials that its identity does not
// rest on, and returns it. Requests of equal identity share a list, which is
// evaluated with the credentials of one of them: a cookie that did not count
// would give its owner's rows to all of them. Where the route says a scope even
// nobody has credentials: the scope may be another tomorrow.
func (g *Gateway) evaluated(request *bus.Request, identity string, scoped bool) *bus.Request {
	header := http.Header(request.Header)
	switch {
	case g.byCookies:
		keepCookies(header, g.Cookies)
	case identity == "":
		header.Del("Authorization")
		header.Del("Cookie")
	}
	if identity != "" || scoped {
		request.Credentials = g.credentials(header)
	}
	return request
}

// credentials is what requests of one observer with equal credentials have in
// common: all that an identity can rest on, which is every header that is not
// known to say nothing of who sends it.
func (g *Gateway) credentials(header http.Header) string {
	mac := g.mac()
	defer g.macs.Put(mac)
	field(mac, "credentials")
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if isCredential(name) || counts(name, nil) {
			fields(mac, name, header[name])
		}
	}
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// publish takes from a request for a public view all that its view does not
// name: whoever asks, the view is asked for the same.
func publish(request *bus.Request, view *mark.View) {
	maps.DeleteFunc(request.Header, func(name string, _ []string) bool { return !counts(name, view) })
}

// keepCookies drops all cookies but the named.
func keepCookies(header http.Header, names []string) {
	had, kept := http.Request{Header: header}, http.Request{Header: http.Header{}}
	for _, cookie := range had.Cookies() {
		if slices.Contains(names, cookie.Name) {
			kept.AddCookie(cookie)
		}
	}
	header.Del("Cookie")
	if values := kept.Header["Cookie"]; len(values) > 0 {
		header["Cookie"] = values
	}
}
