package liveclient

import (
	"net/http"
	"slices"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/wire"
)

// take handles one message of the server. It is the whole of the protocol that
// the two transports share; what follows of it goes out by next (a WebSocket)
// or by HTTP (events). It returns a progress that has become visible.
func (c *Client) take(on *conn, m wire.ServerMessage) (told *Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on != c.conn {
		return nil // of a connection that was given up
	}
	switch m := m.(type) {
	case *wire.Hello:
		c.greeted(on, m)
	case *wire.Subscribed:
		c.subscribed(on, m)
	case *wire.SnapshotFrame:
		c.stream(on, m.Observer, m, nil)
	case *wire.ChangesFrame:
		c.stream(on, m.Observer, nil, m)
	case *wire.Progress:
		on.progressed = true
		told = c.progress(m)
	case *wire.Stale:
		c.setStale(m)
	case *wire.Closed:
		c.ended(on, m)
	case *wire.Error:
		c.refused(on, m)
	}
	on.kick()
	return told
}

// greeted begins the session.
func (c *Client) greeted(on *conn, m *wire.Hello) {
	if on.greeted {
		return
	}
	on.greeted = true
	on.limit(m)
	c.become(Connection{Kind: Online, Transport: on.transport})
	if on.transport == Events {
		c.named(m.Observers)
	}
}

// named is the hello of an event stream: lists that it does not name are asked for
// again, those that it names stream on.
func (c *Client) named(observers []string) {
	for _, f := range c.lists {
		switch {
		case f.phase != lost:
		case slices.Contains(observers, f.observer):
			f.phase = followed
			c.show(f)
		default:
			c.forgetObserver(f)
			c.want(f)
		}
	}
}

// subscribed answers a subscribe, or one entry of a resume.
func (c *Client) subscribed(on *conn, m *wire.Subscribed) {
	if f := on.calls[m.ID]; f != nil {
		delete(on.calls, m.ID)
		c.asking--
		if f.refs == 0 {
			delete(c.lists, f.url)
			c.leave(m.Observer)
			return
		}
		c.attach(f, m.Observer)
		if f.partial = f.now.epoch != m.Epoch || f.now.seq != m.Seq; !f.partial {
			c.show(f)
		}
		return
	}
	from := m.Observer
	if m.Replaces != "" {
		from = m.Replaces
	}
	for _, f := range slices.Clone(c.observers[from]) {
		if f.phase != resuming {
			continue
		}
		c.asking--
		c.forgetObserver(f)
		if f.refs == 0 {
			delete(c.lists, f.url)
			c.leave(m.Observer)
			continue
		}
		c.attach(f, m.Observer)
		if f.partial = f.now.epoch != m.Epoch || f.now.seq < m.Seq; !f.partial {
			c.show(f)
		}
	}
}

func (c *Client) attach(f *feed, observer string) {
	f.observer, f.phase, f.failures = observer, followed, 0
	c.refreshed = false
	c.observers[observer] = append(c.observers[observer], f)
	delete(c.leaving, observer)
}

// forgetObserver ends what joins a list to an observer.
func (c *Client) forgetObserver(f *feed) {
	if f.observer == "" {
		return
	}
	left := slices.DeleteFunc(c.observers[f.observer], func(g *feed) bool { return g == f })
	c.observers[f.observer] = left
	if len(left) == 0 {
		delete(c.observers, f.observer)
	}
	f.observer = ""
}

// stream takes a snapshot or changes for every list of an observer.
func (c *Client) stream(on *conn, observer string, whole *wire.SnapshotFrame, diff *wire.ChangesFrame) {
	on.hold(observer, whole, diff) // of a GET that is not answered
	feeds := c.observers[observer]
	if len(feeds) == 0 && c.asking == 0 {
		c.leave(observer) // it was asked for on a connection that broke, and dropped
	}
	for _, f := range slices.Clone(feeds) {
		c.deliver(on, f, whole, diff)
	}
}

func (c *Client) deliver(on *conn, f *feed, whole *wire.SnapshotFrame, diff *wire.ChangesFrame) {
	if f.phase != followed && (f.phase != resuming || whole == nil) {
		return // it comes again
	}
	if on.transport == Events && late(f, whole, diff) {
		return
	}
	var was verdict
	var err error
	if whole != nil {
		was, err = f.snapshot(&whole.Envelope)
	} else {
		was, err = f.changes(diff)
	}
	switch {
	case err != nil:
		c.heal(on, f, &Error{Code: CodeProtocol, Detail: err.Error(), URL: f.url, Retry: true, Err: err}, true)
	case was == gap:
		c.heal(on, f, &Error{Code: CodeProtocol, Detail: "a diff is missing", URL: f.url, Retry: true}, false)
	case was == applied:
		c.noted(f.now.position.History())
		c.show(f)
	}
}

// late reports whether a frame of an event stream is one that was on its way
// when the list was dropped: of another epoch, and older than what is held.
func late(f *feed, whole *wire.SnapshotFrame, diff *wire.ChangesFrame) bool {
	var epoch string
	var position change.Position
	if whole != nil {
		epoch, position = whole.Epoch, whole.Position
	} else {
		epoch, position = diff.Epoch, diff.Position
	}
	return epoch != f.now.epoch && position.SameHistory(f.now.position) && position < f.now.position
}

// maxFaults is how often in a row a list is put right at once.
const maxFaults = 3

// heal goes on with a list from where it is, or, where that is in doubt, takes
// all of it.
func (c *Client) heal(on *conn, f *feed, why *Error, all bool) {
	c.healed(why)
	if f.faults++; f.faults > maxFaults {
		observer := f.observer
		c.forgetObserver(f)
		c.leave(observer)
		c.fail(f, why)
		return
	}
	if all {
		f.forget()
	}
	if on.transport == Events {
		c.forgetObserver(f)
		c.want(f)
		return
	}
	f.phase = lost
	c.enqueue(f)
}

func (c *Client) healed(why *Error) {
	c.config.Logger.Warn("healed", "url", why.URL, "err", why)
	if c.config.Healed != nil {
		c.config.Healed(why)
	}
}

// ended takes the end of an observer.
func (c *Client) ended(on *conn, m *wire.Closed) {
	on.holdClosed(m)
	feeds := slices.Clone(c.observers[m.Observer])
	for _, f := range feeds {
		if f.phase == resuming {
			c.asking--
		}
		c.forgetObserver(f)
		err, atOnce := closedError(m.Code, m.Detail, f.url)
		switch {
		case f.refs == 0:
			delete(c.lists, f.url)
		case m.Code == wire.CodePermissionRevoked && c.renew():
			c.doubt(f, err)
			c.want(f)
		case atOnce && f.faults < maxFaults:
			f.faults++
			c.doubt(f, err)
			c.want(f)
		default:
			c.fail(f, err)
		}
	}
}

// refused takes the answer to what the server could not carry out.
func (c *Client) refused(on *conn, m *wire.Error) {
	f := on.calls[m.ID]
	if f == nil {
		c.healed(&Error{Code: m.Code, Detail: m.Detail})
		return
	}
	delete(on.calls, m.ID)
	c.asking--
	c.deny(f, refusedError(m.Code, m.Detail, f.url, 0))
}

// deny ends the asking for a list.
func (c *Client) deny(f *feed, why *Error) {
	if f.refs == 0 {
		delete(c.lists, f.url)
		return
	}
	if (why.Code == wire.CodePermissionRevoked || why.Code == wire.CodeUnauthenticated || why.Status == http.StatusUnauthorized) && c.renew() {
		c.want(f)
		return
	}
	c.fail(f, why)
}

// renew asks for a fresh token once for each refusal, until one has been good.
func (c *Client) renew() bool {
	if c.config.Token == nil || c.refreshed && !c.refresh {
		return false
	}
	c.refresh, c.refreshed = true, true
	c.conn.kick()
	return true
}
