package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// checkOrigins refuses what a browser never sends as an Origin.
func checkOrigins(origins []string) error {
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" || origin != strings.ToLower(origin) {
			return fmt.Errorf("gateway: Config.Origins: %q is not an origin like https://app.example.org", origin)
		}
	}
	return nil
}

// foreignSocket reports whether a handshake comes from a page of another site.
// Without an Origin it is no browser's.
func (g *Gateway) foreignSocket(r *http.Request) bool {
	origins := r.Header["Origin"]
	if len(origins) == 0 {
		return false
	}
	return len(origins) > 1 || !g.ownOrigin(r, origins[0])
}

// foreignGet reports whether a request was caused by a page of another site. Browsers say so on https; on plain http Origin decides, else
// Referer, and a request that has none of them is no page's.
func (g *Gateway) foreignGet(r *http.Request) bool {
	origins := r.Header["Origin"]
	if len(origins) == 1 && slices.Contains(g.Origins, strings.ToLower(origins[0])) {
		return false
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "cross-site"
	}
	if len(origins) > 0 {
		return len(origins) > 1 || !g.ownOrigin(r, origins[0])
	}
	referer := r.Header.Get("Referer")
	if referer == "" {
		return false
	}
	u, err := url.Parse(referer)
	return err != nil || !g.ownOrigin(r, u.Scheme+"://"+u.Host)
}

// ownOrigin reports whether an origin is the host that r asks for, or listed.
// The scheme does not count for the own host: behind a proxy we do not know it.
func (g *Gateway) ownOrigin(r *http.Request, origin string) bool {
	origin = strings.ToLower(origin)
	if slices.Contains(g.Origins, origin) {
		return true
	}
	scheme, host, ok := strings.Cut(origin, "://")
	if !ok || scheme != "http" && scheme != "https" {
		return false // also the origin "null"
	}
	return withoutPort(host, scheme) == withoutPort(strings.ToLower(r.Host), scheme)
}

// withoutPort drops the port that a scheme implies.
func withoutPort(host, scheme string) string {
	if scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// allowOrigin adds the CORS headers for a listed origin and reports whether
// there was one.
func (g *Gateway) allowOrigin(w http.ResponseWriter, r *http.Request) bool {
	if len(g.Origins) == 0 {
		return false
	}
	header := w.Header()
	if !slices.Contains(header.Values("Vary"), "Origin") {
		header.Add("Vary", "Origin")
	}
	origin := strings.ToLower(r.Header.Get("Origin"))
	if !slices.Contains(g.Origins, origin) {
		return false
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Allow-Credentials", "true")
	return true
}

// preflight answers a CORS preflight for one of our own paths.
func (g *Gateway) preflight(w http.ResponseWriter, r *http.Request) {
	if g.allowOrigin(w, r) {
		header := w.Header()
		header.Set("Access-Control-Allow-Methods", "GET, POST")
		header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-CSRFToken, X-Requested-With, Wakeful-Position, Last-Event-ID")
		header.Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
}
