package gateway

import (
	"cmp"
	"slices"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/wire"
)

// Status is what a gateway holds at one moment.
type Status struct {
	Sessions      int          `json:"sessions"`
	Sockets       int          `json:"sockets"`
	Polls         int          `json:"polls"` // long polls under way
	Subscriptions int          `json:"subscriptions"`
	Feeds         []FeedStatus `json:"feeds"` // the largest audience first
}

// FeedStatus is what a gateway keeps of one observer.
type FeedStatus struct {
	Observer    string `json:"observer"` // first characters of its id
	Subscribers int    `json:"subscribers"`
	Items       int    `json:"items"`
	Diffs       int    `json:"diffs"` // in the log
	Bytes       int    `json:"bytes"` // of the log, about
}

// Status returns what the gateway holds.
func (g *Gateway) Status() Status {
	g.mu.Lock()
	status := Status{Sessions: len(g.sessions), Sockets: len(g.sockets)}
	for _, n := range g.polls {
		status.Polls += n
	}
	feeds := make([]*feed, 0, len(g.feeds))
	for _, f := range g.feeds {
		feeds = append(feeds, f)
	}
	g.mu.Unlock()
	for _, f := range feeds {
		f.mu.Lock()
		one := FeedStatus{Observer: short(f.observer), Subscribers: len(f.subs), Diffs: max(len(f.log)-1, 0), Bytes: f.logBytes}
		f.mu.Unlock()
		if st := f.state.Load(); st != nil {
			one.Items = st.Items.Len()
		}
		status.Subscriptions += one.Subscribers
		status.Feeds = append(status.Feeds, one)
	}
	slices.SortFunc(status.Feeds, func(a, b FeedStatus) int {
		return cmp.Or(cmp.Compare(b.Subscribers, a.Subscribers), cmp.Compare(a.Observer, b.Observer))
	})
	return status
}

// Clear ends every observer that is followed. Clients are told, and may
// observe again.
func (g *Gateway) Clear() {
	g.mu.Lock()
	feeds := make([]*feed, 0, len(g.feeds))
	for _, f := range g.feeds {
		feeds = append(feeds, f)
	}
	g.mu.Unlock()
	w := g.newWakes()
	for _, f := range feeds {
		f.close(wire.Closed{Observer: f.observer, Code: wire.CodeCleared}, w)
		g.send(&bus.Leave{Observer: f.observer})
	}
	w.wake()
}
