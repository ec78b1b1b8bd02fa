package gateway

import (
	"maps"
	"net/url"
	"slices"
)

// Followed returns the observer that a session follows under a URL, "" for
// none. The order of parameters of different names does not count, and
// observe is none of them.
func (g *Gateway) Followed(session, target string) string {
	wanted, err := url.Parse(target)
	if err != nil {
		return ""
	}
	g.mu.Lock()
	s := g.sessions[session]
	g.mu.Unlock()
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, sub := range s.subs.all() {
		if sub.ended != nil {
			continue
		}
		if u, err := url.Parse(sub.request.URL); err == nil && sameTarget(u, wanted) {
			return id
		}
	}
	return ""
}

func sameTarget(a, b *url.URL) bool {
	x, y := a.Query(), b.Query()
	x.Del("observe")
	y.Del("observe")
	return a.Path == b.Path && maps.EqualFunc(x, y, slices.Equal)
}

// Subscribers returns how many sessions follow an observer.
func (g *Gateway) Subscribers(observer string) int {
	g.mu.Lock()
	f := g.feeds[observer]
	g.mu.Unlock()
	if f == nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.subs)
}
