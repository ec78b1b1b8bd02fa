package gateway

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/mark"
)

func idOf(t *testing.T, g *Gateway, target, identity string, view *mark.View, lines ...string) string {
	t.Helper()
	r := httptest.NewRequest("GET", target, nil)
	for i := 0; i < len(lines); i += 2 {
		r.Header.Add(lines[i], lines[i+1])
	}
	request := busRequest(r)
	return g.observerID(request.Host, request.URL, rights{identity: identity}, canonicalHeaders(request.Header, view))
}

func testGateway(t *testing.T) *Gateway {
	t.Helper()
	return newHouse(t, Config{Secret: make([]byte, 32)}, nil).gw
}

// TestObserversAreToldApart holds L16 of the predecessor: queries that hash
// alike there are different observers here.
func TestObserversAreToldApart(t *testing.T) {
	g := testGateway(t)
	different := []struct {
		name                string
		target, identity    string
		header, headerValue string
	}{
		{"plain", "http://h/a", "", "", ""},
		{"other host", "http://g/a", "", "", ""},
		{"other path", "http://h/b", "", "", ""},
		{"encoded slash", "http://h/a%2Fb", "", "", ""},
		{"slash", "http://h/a/b", "", "", ""},
		{"name and value 1", "http://h/a?name__startswith=th", "", "", ""},
		{"name and value 2", "http://h/a?name__starts=withth", "", "", ""},
		{"repeated 1 2", "http://h/a?id__in=1&id__in=2", "", "", ""},
		{"repeated 9 2", "http://h/a?id__in=9&id__in=2", "", "", ""},
		{"repeated 2 1", "http://h/a?id__in=2&id__in=1", "", "", ""},
		{"one of them", "http://h/a?id__in=2", "", "", ""},
		{"value with a separator", "http://h/a?x=1%26y=2", "", "", ""},
		{"two parameters", "http://h/a?x=1&y=2", "", "", ""},
		{"bad escape", "http://h/a?x=%25zz", "", "", ""},
		{"semicolon", "http://h/a?x=1;y=2", "", "", ""},
		{"empty value", "http://h/a?x", "", "", ""},
		{"empty name", "http://h/a?=x", "", "", ""},
		{"header", "http://h/a", "", "X-Tenant", "1"},
		{"header value", "http://h/a", "", "X-Tenant", "2"},
		{"parameter like a header", "http://h/a?X-Tenant=1", "", "", ""},
		{"identity", "http://h/a", "ann", "", ""},
		{"identity like a header value", "http://h/a", "1", "", ""},
		{"language", "http://h/a", "", "Accept-Language", "de"},
	}
	seen := map[string]string{g.observerID("h", "/a?x=%zz", rights{}, nil): "broken escape"}
	for _, tt := range different {
		var lines []string
		if tt.header != "" {
			lines = []string{tt.header, tt.headerValue}
		}
		id := idOf(t, g, tt.target, tt.identity, nil, lines...)
		if len(id) != 64 {
			t.Errorf("%s: id %q has %d digits, want 64", tt.name, id, len(id))
		}
		if other := seen[id]; other != "" {
			t.Errorf("%s has the id of %s", tt.name, other)
		}
		seen[id] = tt.name
	}
}

func TestEqualRequestsShare(t *testing.T) {
	g := testGateway(t)
	want := idOf(t, g, "http://h/a?x=1&y=2", "", nil)
	tests := []struct {
		name   string
		target string
		lines  []string
	}{
		{"observe", "http://h/a?x=1&observe=s1&y=2", nil},
		{"encoded observe", "http://h/a?%6fbserve=s1&x=1&y=2", nil},
		{"order of names", "http://h/a?y=2&x=1", nil},
		{"encoding", "http://h/a?%78=%31&y=2", nil},
		{"case of the host", "http://H/a?x=1&y=2", nil},
		{"browser", "http://h/a?x=1&y=2", []string{"User-Agent", "Mozilla", "Accept", "*/*", "Accept-Encoding", "gzip", "Sec-Fetch-Site",
			"same-origin", "Sec-Ch-Ua", "x", "Referer", "http://h/", "Origin", "http://h", "Dnt", "1", "Priority", "u=1"}},
		{"credentials", "http://h/a?x=1&y=2", []string{"Cookie", "csrftoken=1; _ga=2", "Authorization", "Bearer x", "X-Csrftoken", "1"}},
		{"conditions", "http://h/a?x=1&y=2", []string{"If-None-Match", "x", "Cache-Control", "no-cache", "Pragma", "no-cache", "Range", "bytes=0-1"}},
		{"tracing", "http://h/a?x=1&y=2", []string{"Traceparent", "00-1-2-01", "X-Request-Id", "1", "Baggage", "a=b"}},
		{"position", "http://h/a?x=1&y=2", []string{"Wakeful-Position", "testtest01"}},
	}
	for _, tt := range tests {
		if got := idOf(t, g, tt.target, "", nil, tt.lines...); got != want {
			t.Errorf("%s: another observer than for the plain request", tt.name)
		}
	}
}

func TestDeclaredHeaders(t *testing.T) {
	g := testGateway(t)
	view := &mark.View{Headers: []string{"x-tenant"}}
	plain := idOf(t, g, "http://h/a", "", view)
	if got := idOf(t, g, "http://h/a", "", view, "X-Other", "1", "Accept-Language", "de"); got != plain {
		t.Error("a header that the view does not declare tells observers apart")
	}
	if got := idOf(t, g, "http://h/a", "", view, "X-Tenant", "1"); got == plain {
		t.Error("a declared header does not tell observers apart")
	}
	if got := idOf(t, g, "http://h/a", "", &mark.View{Headers: []string{}}, "X-Tenant", "1"); got != plain {
		t.Error("an empty declaration is not none")
	}
}

func TestIDsAreKeyed(t *testing.T) {
	g := testGateway(t)
	other := newHouse(t, Config{}, nil).gw
	if idOf(t, g, "http://h/a", "", nil) == idOf(t, other, "http://h/a", "", nil) {
		t.Error("two secrets give the same id: it can be guessed")
	}
}

func TestForwardedRequest(t *testing.T) {
	r := httptest.NewRequest("GET", "http://h/a%2Fb?z=1&observe=s&a=%41", nil)
	for _, name := range notForwarded {
		r.Header.Set(name, "x")
	}
	r.Header.Set("Cookie", "c=1")
	r.Header.Set("User-Agent", "u")
	got := busRequest(r)
	if got.URL != "/a%2Fb?z=1&a=%41" {
		t.Errorf("URL %q", got.URL)
	}
	if len(got.Header) != 2 || http.Header(got.Header).Get("Cookie") != "c=1" {
		t.Errorf("header %v: want Cookie and User-Agent alone", got.Header)
	}
}

func FuzzObserverID(f *testing.F) {
	f.Add("a=1&b=2", "b=2&a=1", "x", "y")
	f.Add("a=1&a=2", "a=2&a=1", "", "")
	f.Fuzz(func(t *testing.T, q1, q2, h1, h2 string) {
		g := &Gateway{idKey: []byte("k")}
		one := g.observerID("h", "/?"+q1, rights{}, http.Header{"X": {h1}})
		two := g.observerID("h", "/?"+q2, rights{}, http.Header{"X": {h2}})
		p1, exact1 := splitQuery(q1)
		p2, exact2 := splitQuery(q2)
		same := h1 == h2 && exact1 == exact2 && equalParams(p1, p2) && (exact1 || q1 == q2)
		if (one == two) != same {
			t.Errorf("%q %q and %q %q: one observer is %v, want %v", q1, h1, q2, h2, one == two, same)
		}
	})
}

func equalParams(a, b map[string][]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, values := range a {
		others, ok := b[name]
		if !ok || len(others) != len(values) {
			return false
		}
		for i := range values {
			if values[i] != others[i] {
				return false
			}
		}
	}
	return true
}
