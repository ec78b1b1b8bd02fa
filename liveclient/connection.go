package liveclient

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/wakeful-dev/wakeful/wire"
)

// Kind is how the connection is doing.
type Kind string

const (
	Idle       Kind = "idle" // nothing is followed yet, or Run was not called
	Connecting Kind = "connecting"
	Online     Kind = "online"
	Behind     Kind = "stale"   // the server cannot say how current it is
	Waiting    Kind = "waiting" // for the next attempt
	Closed     Kind = "closed"  // for good
)

// Connection is the connection at one moment.
type Connection struct {
	Kind      Kind
	Transport Transport // while it is Online or Behind
	Attempt   int       // while it is Connecting, from 1
	Until     time.Time // while it is Waiting
	Since     time.Time // while it is Behind
	Reason    string    // while it is Behind
	Err       *Error    // while it is Waiting or Closed
}

// Connection says how the connection is doing.
func (c *Client) Connection() Connection {
	state, _ := c.Watch()
	return state
}

// Watch is Connection with a channel that is closed when it, or how far the
// lists are, is another.
func (c *Client) Watch() (Connection, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state, c.changed
}

// Told is the newest progress of the server.
func (c *Client) Told() Progress {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.told
}

func (c *Client) become(state Connection) {
	c.state = state
	c.turn()
}

// Authenticate has a fresh token of Config.Token told to the server, on the
// connection that there is, and lists that were refused asked for again. It
// does not wait for that. A token of another identity begins a session anew.
func (c *Client) Authenticate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.config.Token == nil {
		return
	}
	for _, f := range c.lists {
		if f.phase == ended && (f.now.err.Code == wire.CodePermissionRevoked || f.now.err.Code == wire.CodeUnauthenticated) {
			c.want(f)
		}
	}
	c.refreshed = false
	if c.conn != nil {
		c.renew()
	}
}

// Run keeps the connection until the context is done, and returns nil then. It
// returns an *Error before that where trying again is of no use: what answers
// is no server of Wakeful, or it refuses who asks. It is called once.
func (c *Client) Run(ctx context.Context) error {
	var failed *Error
	wasOnline, attempt := false, 0
	for failed == nil && c.awaitList(ctx) {
		attempt++
		c.set(Connection{Kind: Connecting, Attempt: attempt})
		began := time.Now()
		err := c.connect(ctx)
		if ctx.Err() != nil {
			break
		}
		if err.online {
			wasOnline = true
			if time.Since(began) > c.config.MaxWait || err.progress {
				attempt = 0
			}
		}
		failed = c.pause(ctx, err.Error, attempt, wasOnline)
	}
	c.finish(failed)
	if failed != nil {
		return failed
	}
	return nil
}

func (c *Client) set(state Connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.become(state)
}

// awaitList returns true once a list is asked for, false when the context is done.
func (c *Client) awaitList(ctx context.Context) bool {
	for ctx.Err() == nil {
		c.mu.Lock()
		n := len(c.lists)
		if n == 0 {
			c.become(Connection{Kind: Idle})
		}
		c.mu.Unlock()
		if n > 0 {
			return true
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
		}
	}
	return false
}

// pause waits before the next attempt. It returns the error where there is to
// be none.
func (c *Client) pause(ctx context.Context, err *Error, attempt int, wasOnline bool) *Error {
	c.mu.Lock()
	wait := c.backoff(max(attempt, 1)) + err.wait
	switch final := c.weigh(err, wasOnline); {
	case final:
		err.Retry = false
		c.mu.Unlock()
		return err
	case errors.Is(err, errRefresh):
		wait = 0
	}
	err.Retry = true
	c.become(Connection{Kind: Waiting, Until: time.Now().Add(wait), Err: err})
	c.mu.Unlock()
	c.config.Logger.Info("no connection", "err", err, "wait", wait)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

// maxRefusals is how often in a row a server may refuse who asks, or a session,
// before it is believed.
const maxRefusals = 3

// weigh reports whether an error is final. What a session may be to blame for
// begins another one.
func (c *Client) weigh(err *Error, wasOnline bool) (final bool) {
	switch err.Status {
	case http.StatusUnauthorized, wire.CloseUnauthentic:
		c.refusals++
		return c.config.Token == nil || c.refusals >= maxRefusals
	case http.StatusForbidden, wire.CloseForbidden:
		c.refusals++
		c.renewSession()
		return c.refusals >= maxRefusals
	case http.StatusConflict, http.StatusGone, wire.CloseBadRequest, wire.CloseReplaced, wire.CloseLost:
		c.renewSession()
		return false
	}
	return !wasOnline && (err.Code == CodeNotWakeful || err.Code == CodeVersion)
}

// renewSession begins another session: nothing of the former is known any more.
func (c *Client) renewSession() {
	c.session = newSession()
	clear(c.leaving)
}

// backoff is a wait with jitter, longer each time.
func (c *Client) backoff(attempt int) time.Duration {
	wait := c.config.MaxWait
	if shift := attempt - 1; shift < 20 {
		wait = min(c.config.MinWait<<shift, wait)
	}
	return wait/2 + rand.N(wait/2+1)
}

// finish ends the client: lists keep what they show.
func (c *Client) finish(err *Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = err
	if c.closed == nil {
		c.closed = &Error{Code: CodeClosed, Detail: "the client has ended"}
	}
	for _, f := range c.lists {
		if f.now.status != Failed || f.now.err.Retry {
			f.now.status, f.now.err, f.dirty = Failed, c.closed.of(f.url), true
		}
		f.phase = ended
	}
	c.state = Connection{Kind: Closed, Err: err}
	c.publishAll()
}

// disconnected takes every list back to where it can be gone on with.
func (c *Client) disconnected(on *conn, why *Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != on {
		return
	}
	if c.parting > 0 {
		c.renewSession() // they may be carried out at any time
	}
	c.conn, c.asking, c.parting, c.stale, c.queue = nil, 0, 0, false, nil
	for _, f := range c.lists {
		f.queued = false
		switch {
		case f.refs == 0:
			c.forgetObserver(f)
			delete(c.lists, f.url)
			continue
		case f.phase == followed || f.phase == resuming:
			f.phase = lost
		case f.phase == asked:
			f.phase = wanted
		}
		if f.phase != ended {
			c.offline(f, why)
			c.enqueue(f)
		}
	}
	c.publishAll()
}

// offline marks a list. One that was never there is still being loaded.
func (c *Client) offline(f *feed, why *Error) {
	if f.partial = false; f.loaded {
		f.now.status, f.now.err, f.dirty = Offline, why, true
	}
}
