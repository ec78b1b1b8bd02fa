package gateway

import (
	"maps"
	"slices"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/wire"
)

// ask is one question to the worker that is not answered yet.
type ask struct {
	feed    *feed
	message *bus.Observe
	// answer takes what the worker said, after the feed took it. It runs in
	// the order of the bus, so what it does lies exactly between two rounds.
	// It must not block.
	answer func(*bus.Observed, *wakes)
}

// ask sends a question about an observer. Its feed stays for as long as the
// question is not answered.
func (g *Gateway) ask(of rights, message *bus.Observe, answer func(*bus.Observed, *wakes)) {
	if !g.note(of, message, answer) {
		answer(&bus.Observed{Problem: goingAway()}, g.newWakes())
	}
}

// note sends a question, unless the gateway is closing.
func (g *Gateway) note(of rights, message *bus.Observe, answer func(*bus.Observed, *wakes)) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing {
		return false
	}
	f := g.feedFor(message.Observer, of)
	f.asking++
	g.lastAsk++
	message.ID, message.Identity, message.Scope = g.lastAsk, of.identity, of.scope
	g.asks[message.ID] = &ask{feed: f, message: message, answer: answer}
	g.send(message)
	return true
}

// feedFor returns the feed of an observer, which it begins where there is none.
// g.mu is held.
func (g *Gateway) feedFor(observer string, of rights) *feed {
	f := g.feeds[observer]
	if f == nil {
		f = &feed{gateway: g, observer: observer, rights: of, unused: time.Now()}
		if of.scope != "" {
			f.doubted = g.doubts.Add(1) // nobody is let in unseen
		}
		g.feeds[observer] = f
		g.alone.add(f)
	}
	return f
}

// send hands a message to the link. It does not block; what is lost for good
// is reported to linkLost.
func (g *Gateway) send(body bus.Body) {
	if err := g.link.Send(g.Worker, body); err != nil {
		g.Logger.Warn("message to the worker not sent", "err", err)
	}
}

// observed takes the answer to a question.
func (g *Gateway) observed(o *bus.Observed) {
	g.mu.Lock()
	a := g.asks[o.ID]
	delete(g.asks, o.ID)
	g.mu.Unlock()
	if a == nil {
		return // answered before: the question was sent twice
	}
	w := g.newWakes()
	a.feed.rejoin(o)
	switch {
	case o.Snapshot != nil:
		a.feed.restate(o.Snapshot, w)
	case o.Resumed != nil:
		if err := a.feed.extend(o.Resumed.Changes, w); err != nil {
			g.Logger.Warn("feed out of step: its state is asked again", "observer", short(a.feed.observer), "err", err)
			g.reask(a.feed)
		}
	}
	a.answer(o, w)
	g.mu.Lock()
	a.feed.asking--
	g.mu.Unlock()
	w.wake()
}

// reask takes the state of a feed anew, from where it stands if the worker
// still knows that. Meanwhile no progress is told.
func (g *Gateway) reask(f *feed) {
	f.mu.Lock()
	request := f.request
	again := request == nil || f.reasking
	if !again {
		f.reasking = true
	}
	f.mu.Unlock()
	if again {
		return // the question under way brings all
	}
	message := &bus.Observe{Observer: f.observer, Request: *request}
	if st := f.state.Load(); st != nil {
		message.Epoch, message.Seq = st.Epoch, st.Seq
	}
	g.mu.Lock()
	g.catching++
	g.progress.Store(nil)
	g.mu.Unlock()
	g.ask(f.rights, message, func(o *bus.Observed, w *wakes) {
		g.mu.Lock()
		g.catching--
		g.mu.Unlock()
		f.mu.Lock()
		f.reasking = false
		f.mu.Unlock()
		if closed := closedBy(o); closed != nil {
			closed.Observer = f.observer
			f.end(*closed, w)
		}
	})
}

// closedBy says what an answer that is no list means to those who follow.
func closedBy(o *bus.Observed) *wire.Closed {
	switch {
	case o.Problem != nil:
		return &wire.Closed{Code: o.Problem.Code, Detail: o.Problem.Detail}
	case o.Response != nil && (o.Response.Status == 401 || o.Response.Status == 403):
		return &wire.Closed{Code: wire.CodePermissionRevoked}
	case o.Response != nil:
		return &wire.Closed{Code: wire.CodeViewError, Detail: "the view no longer answers with a list"}
	}
	return nil
}

// linkLost is told that messages from or to the worker are gone for good, or
// that it is another run of it: all questions are asked again, and the state
// of each feed is.
func (g *Gateway) linkLost(string) {
	g.mu.Lock()
	g.progress.Store(nil)
	feeds := make([]*feed, 0, len(g.feeds))
	for _, f := range g.feeds {
		feeds = append(feeds, f)
	}
	for _, a := range g.asks {
		g.send(a.message)
	}
	g.mu.Unlock()
	for _, f := range feeds {
		if f.state.Load() != nil {
			f.lose()
			g.reask(f)
		}
	}
}

// failAsks answers every question itself. The link has stopped.
func (g *Gateway) failAsks() {
	g.mu.Lock()
	ids := slices.Collect(maps.Keys(g.asks))
	g.mu.Unlock()
	for _, id := range ids {
		g.observed(&bus.Observed{ID: id, Problem: goingAway()})
	}
}

// forget drops a feed that nobody follows and nobody asks for; leave tells the
// worker, which need not know where the observer ended there.
func (g *Gateway) forget(f *feed, leave bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone || f.asking+f.holding > 0 || len(f.subs) > 0 {
		return
	}
	f.gone = true
	f.release()
	delete(g.feeds, f.observer)
	g.alone.drop(f)
	if leave {
		g.send(&bus.Leave{Observer: f.observer})
	}
}
