package gateway

import (
	"sync"
	"time"
)

// alone are the feeds that nobody follows, so that looking for those to forget
// costs nothing for the others. A feed that somebody follows again stays until
// it is busy at. No other lock is taken under mu.
type alone struct {
	mu    sync.Mutex
	feeds map[*feed]struct{}
}

func (a *alone) add(f *feed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.feeds == nil {
		a.feeds = map[*feed]struct{}{}
	}
	a.feeds[f] = struct{}{}
}

func (a *alone) drop(f *feed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.feeds, f)
}

func (a *alone) list() []*feed {
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
