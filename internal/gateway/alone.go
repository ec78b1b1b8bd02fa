package gateway

import (
	"sync"
	"time"
)

// feedSet is some of the feeds, so that looking after these costs nothing for
// the others. No other lock is taken under mu.
type feedSet struct {
	mu    sync.Mutex
	feeds map[*feed]struct{}
}

func (a *feedSet) add(f *feed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.feeds == nil {
		a.feeds = map[*feed]struct{}{}
	}
	a.feeds[f] = struct{}{}
}

func (a *feedSet) drop(f *feed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.feeds, f)
}

func (a *feedSet) list() []*feed {
	a.mu.Lock()
	defer a.mu.Unlock()
	feeds := make([]*feed, 0, len(a.feeds))
	for f := range a.feeds {
		feeds = append(feeds, f)
	}
	return feeds
}

// tickAlone forgets the feeds that nobody has followed for Linger, nor polled
// for SessionTTL.
func (g *Gateway) tickAlone(now time.Time) {
	for _, f := range g.alone.list() {
		f.mu.Lock()
		busy := len(f.subs) > 0 || f.gone
		if busy {
			g.alone.drop(f) // detach adds it again, under f.mu too
		}
		idle := !busy && now.Sub(f.unused) >= g.Linger && now.Sub(f.polled) >= g.SessionTTL
		f.mu.Unlock()
		if idle {
			g.forget(f, true)
		}
	}
}
