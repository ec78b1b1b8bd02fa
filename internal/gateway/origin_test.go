package gateway

import (
	"net/http/httptest"
	"testing"
)

func TestForeignPages(t *testing.T) {
	g := newHouse(t, Config{Origins: []string{"https://app.example.org"}}, nil).gw
	tests := []struct {
		name              string
		origin, site, ref string
		get, socket       bool // foreign
	}{
		{"no browser", "", "", "", false, false},
		{"own page, https", "https://api.example.org", "same-origin", "", false, false},
		{"own page, http", "http://api.example.org", "", "", false, false},
		{"own page, port said", "https://api.example.org:443", "", "", false, false},
		{"own page, upper case", "https://API.example.org", "", "", false, false},
		{"listed", "https://app.example.org", "cross-site", "", false, false},
		{"listed with another scheme", "http://app.example.org", "", "", true, true},
		{"listed with another port", "https://app.example.org:8443", "", "", true, true},
		{"own with another port", "http://api.example.org:81", "", "", true, true},
		{"foreign", "https://evil.example", "cross-site", "", true, true},
		{"foreign on http", "http://evil.example", "", "", true, true},
		{"foreign that ends alike", "https://evil-api.example.org", "", "", true, true},
		{"foreign that begins alike", "https://api.example.org.evil.example", "", "", true, true},
		{"sandboxed", "null", "", "", true, true},
		{"a file", "file://", "", "", true, true},
		{"sandboxed, fetched", "null", "cross-site", "", true, true},
		{"no origin, cross-site", "", "cross-site", "", true, false},
		{"typed by hand", "", "none", "", false, false},
		{"referer of ours", "", "", "http://api.example.org/page", false, false},
		{"referer foreign", "", "", "http://evil.example/api.example.org", true, false},
		{"referer broken", "", "", "://", true, false},
	}
	for _, tt := range tests {
		r := httptest.NewRequest("GET", "http://api.example.org/a", nil)
		for name, value := range map[string]string{"Origin": tt.origin, "Sec-Fetch-Site": tt.site, "Referer": tt.ref} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if got := g.foreignGet(r); got != tt.get {
			t.Errorf("%s: GET foreign is %v, want %v", tt.name, got, tt.get)
		}
		if got := g.foreignSocket(r); got != tt.socket {
			t.Errorf("%s: socket foreign is %v, want %v", tt.name, got, tt.socket)
		}
	}
}

func TestCrossOriginAnswers(t *testing.T) {
	h := newHouse(t, Config{Origins: []string{"https://app.example.org"}}, nil)
	unsubscribe := "/api/queryobserver/unsubscribe?observer=x&subscriber=s1"
	resp, _ := h.do("OPTIONS", unsubscribe, "Origin: https://app.example.org", "Access-Control-Request-Method: POST")
	if resp.StatusCode != 204 || resp.Header.Get("Access-Control-Allow-Origin") != "https://app.example.org" ||
		resp.Header.Get("Access-Control-Allow-Credentials") != "true" || resp.Header.Get("Access-Control-Allow-Methods") == "" {
		t.Errorf("preflight of a listed origin: %d %v", resp.StatusCode, resp.Header)
	}
	resp, _ = h.do("OPTIONS", unsubscribe, "Origin: https://evil.example", "Access-Control-Request-Method: POST")
	if resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight of a foreign origin: %v", resp.Header)
	}
	resp, _ = h.do("GET", "/a?observe=s1", "Origin: https://app.example.org", "Sec-Fetch-Site: cross-site")
	if resp.StatusCode != 200 || resp.Header.Get("Access-Control-Allow-Origin") != "https://app.example.org" || resp.Header.Get("Vary") != "Origin" {
		t.Errorf("GET of a listed origin: %d %v", resp.StatusCode, resp.Header)
	}
	resp, _ = h.do("GET", "/a", "Origin: https://app.example.org")
	if resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("an unobserved GET is the app's own: %v", resp.Header)
	}
	if _, err := h.tryDial("s1", version1, "Origin: https://evil.example"); err == nil || err.Error() != "handshake answered 403" {
		t.Errorf("version 1 socket of a foreign page: %v", err)
	}
	h.dial("s1", version2, "Origin: https://evil.example").expectClose(4403)
	h.dial("s1", version2, "Origin: https://app.example.org").expect("hello")
}

func TestConfigIsChecked(t *testing.T) {
	b := newHouse(t, Config{}, nil).gw.Bus
	for name, cfg := range map[string]Config{
		"no bus":             {},
		"prefix":             {Bus: b, Prefix: "api"},
		"socket prefix":      {Bus: b, SocketPrefix: "/ws"},
		"socket prefix root": {Bus: b, SocketPrefix: "/"},
		"origin with a path": {Bus: b, Origins: []string{"https://a.example/"}},
		"origin no scheme":   {Bus: b, Origins: []string{"a.example"}},
		"origin wildcard":    {Bus: b, Origins: []string{"*"}},
		"origin capitals":    {Bus: b, Origins: []string{"https://A.example"}},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: New takes it", name)
		}
	}
}
