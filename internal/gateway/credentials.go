package gateway

import (
	"net/http"
	"slices"

	"github.com/wakeful-dev/wakeful/bus"
)

// evaluated takes from a request the credentials that its identity does not
// rest on, and returns it. Requests of equal identity share a list, which is
// evaluated with the credentials of one of them: a cookie that did not count
// would give its owner's rows to all of them.
func (g *Gateway) evaluated(request *bus.Request, identity string) *bus.Request {
	header := http.Header(request.Header)
	switch {
	case g.byCookies:
		keepCookies(header, g.Cookies)
	case identity == "":
		header.Del("Authorization")
		header.Del("Cookie")
	}
	return request
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
