package serve

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

// seen is what lies behind the edge sees of a request.
type seen struct {
	remote, host, path, uri, user, forwarded string
	tls                                      bool
	status                                   int
	id                                       string
}

func through(e *edge, set func(*http.Request)) seen {
	var s seen
	handler := e.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s = seen{remote: r.RemoteAddr, host: r.Host, path: r.URL.Path, uri: r.URL.RequestURI(), user: r.Header.Get("X-User"), tls: r.TLS != nil}
		for _, name := range forwarded {
			s.forwarded += r.Header.Get(name)
		}
	}))
	r := httptest.NewRequest(http.MethodGet, "http://api.example/api/posts?x=1", nil)
	r.RemoteAddr = "10.0.0.1:1234"
	set(r)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	s.status, s.id = w.Code, w.Header().Get(requestID)
	return s
}

func TestEdge(t *testing.T) {
	e := &edge{trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}, headers: []string{"X-User"}, base: "/shop"}
	all := func(r *http.Request) {
		r.Header.Set("X-Forwarded-For", "192.0.2.7, 10.0.0.9")
		r.Header.Set("X-Forwarded-Proto", "https")
		r.Header.Set("X-Forwarded-Host", "shop.example:8443")
		r.Header.Set("X-Forwarded-Prefix", "/shop/")
		r.Header.Set("X-User", "ada")
		r.Header.Set("X-Request-Id", "abc-1")
	}
	for _, tt := range []struct {
		name string
		set  func(*http.Request)
		want seen
	}{
		{"a trusted proxy", all, seen{remote: "192.0.2.7:0", host: "shop.example:8443", path: "/shop/api/posts", uri: "/shop/api/posts?x=1", user: "ada", tls: true, id: "abc-1"}},
		{"anybody", func(r *http.Request) { all(r); r.RemoteAddr = "192.0.2.1:1" },
			seen{remote: "192.0.2.1:1", host: "api.example", path: "/api/posts", uri: "/api/posts?x=1"}},
		{"a proxy that says nothing", func(r *http.Request) {},
			seen{remote: "10.0.0.1:1234", host: "api.example", path: "/api/posts", uri: "/api/posts?x=1"}},
		{"a client that lies to the proxy", func(r *http.Request) { r.Header["X-Forwarded-For"] = []string{"203.0.113.1", "192.0.2.7"} },
			seen{remote: "192.0.2.7:0", host: "api.example", path: "/api/posts", uri: "/api/posts?x=1"}},
		{"a chain of proxies alone", func(r *http.Request) { r.Header.Set("X-Forwarded-For", "10.1.1.1, [::1]:99") },
			seen{remote: "10.1.1.1:0", host: "api.example", path: "/api/posts", uri: "/api/posts?x=1"}},
		{"nonsense before the proxies", func(r *http.Request) { r.Header.Set("X-Forwarded-For", "unknown, 10.0.0.9") },
			seen{remote: "10.0.0.9:0", host: "api.example", path: "/api/posts", uri: "/api/posts?x=1"}},
		{"nonsense alone", func(r *http.Request) {
			r.Header.Set("X-Forwarded-For", "nobody")
			r.Header.Set("X-Forwarded-Proto", "gopher")
			r.Header.Set("X-Forwarded-Host", "evil/../x@y")
			r.Header.Set("X-Forwarded-Prefix", "/other")
			r.Header.Set("X-Request-Id", "a b")
		}, seen{remote: "10.0.0.1:1234", host: "api.example", path: "/api/posts", uri: "/api/posts?x=1"}},
		{"a path that is there already", func(r *http.Request) {
			r.URL.Path = "/shop/api/posts"
			r.Header.Set("X-Forwarded-Prefix", "/shop")
		}, seen{remote: "10.0.0.1:1234", host: "api.example", path: "/shop/api/posts", uri: "/shop/api/posts?x=1"}},
	} {
		got := through(e, tt.set)
		if got.id == "" || tt.want.id != "" && got.id != tt.want.id || tt.want.id == "" && (got.id == "abc-1" || got.id == "a b") {
			t.Errorf("%s: request id %q", tt.name, got.id)
		}
		tt.want.id, tt.want.status = got.id, 200
		if got != tt.want {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.name, got, tt.want)
		}
	}
}

// TestEdgeKnowsItsNames: without sign-in a page of the web cannot lead here by
// a name of its own.
func TestEdgeKnowsItsNames(t *testing.T) {
	e := &edge{hosts: []string{"app.example"}, trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for host, want := range map[string]int{
		"localhost": 200, "localhost:8080": 200, "127.0.0.1:8080": 200, "[::1]:8080": 200, "x.localhost": 200, "APP.example": 200,
		"evil.example": 421, "evil.example:8080": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421, "": 421,
	} {
		got := through(e, func(r *http.Request) { r.Host, r.RemoteAddr = host, "127.0.0.1:1" })
		if got.status != want {
			t.Errorf("host %q: %d, want %d", host, got.status, want)
		}
		if got := through(e, func(r *http.Request) { r.Host = host }); got.status != 200 {
			t.Errorf("host %q by a trusted proxy: %d", host, got.status)
		}
	}
}

func TestOrigins(t *testing.T) {
	o, err := newOrigins([]string{"https://app.example"})
	if err != nil {
		t.Fatal(err)
	}
	reached := false
	handler := o.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	for _, tt := range []struct {
		name, method, origin, site, asks string
		status                           int
		reached                          bool
		allowed                          string
	}{
		{"a program", "POST", "", "", "", 200, true, ""},
		{"the own page", "POST", "https://api.example", "same-origin", "", 200, true, ""},
		{"a listed page", "POST", "https://app.example", "cross-site", "", 200, true, "https://app.example"},
		{"a listed page reads", "GET", "https://app.example", "cross-site", "", 200, true, "https://app.example"},
		{"a listed page asks first", "OPTIONS", "https://app.example", "cross-site", "PATCH", 204, false, "https://app.example"},
		{"a foreign page", "POST", "https://evil.example", "cross-site", "", 403, false, ""},
		{"a foreign page without Sec-Fetch-Site", "DELETE", "https://evil.example", "", "", 403, false, ""},
		{"a page of the same site", "PUT", "https://other.api.example", "same-site", "", 403, false, ""},
		{"a page of no origin", "POST", "null", "", "", 403, false, ""},
		{"a foreign page reads", "GET", "https://evil.example", "cross-site", "", 200, true, ""},
		{"a foreign page asks first", "OPTIONS", "https://evil.example", "cross-site", "PATCH", 200, true, ""},
	} {
		reached = false
		r := httptest.NewRequest(tt.method, "http://api.example/api/posts", nil)
		for name, value := range map[string]string{"Origin": tt.origin, "Sec-Fetch-Site": tt.site, "Access-Control-Request-Method": tt.asks} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != tt.status || reached != tt.reached || w.Header().Get("Access-Control-Allow-Origin") != tt.allowed || w.Header().Get("Vary") != "Origin" {
			t.Errorf("%s: %d, reached %v, %v", tt.name, w.Code, reached, w.Header())
		}
	}
}
