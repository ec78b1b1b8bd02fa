package liveclient

import (
	"slices"
	"time"

	"github.com/wakeful-dev/wakeful/wire"
)

// show says that there is something newer of a list. What nobody has seen yet,
// and what the server does not hold back for the others either, becomes visible
// at once; all else with the next progress, or after Config.Hold.
func (c *Client) show(f *feed) {
	if !f.partial {
		f.now.status, f.now.err = c.statusOf(f), nil
	}
	c.reveal(f)
}

// doubt says that a list is not followed for the moment.
func (c *Client) doubt(f *feed, why *Error) {
	if f.loaded {
		f.now.status, f.now.err = Stale, why
		c.reveal(f)
	}
}

// reveal has a list's newest version shown when that is due.
func (c *Client) reveal(f *feed) {
	f.dirty = true
	if f.shown.status == Loading || f.shown.status == Failed || c.behind[f.observer] {
		c.publish(f)
		return
	}
	if c.holding == nil {
		c.holding = time.AfterFunc(c.config.Hold, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.publishAll()
		})
	}
}

// statusOf is how a list is doing that is followed.
func (c *Client) statusOf(f *feed) Status {
	switch {
	case !f.loaded:
		return Loading
	case c.stale:
		return Stale
	}
	return Following
}

func (c *Client) publishAll() {
	if c.holding != nil {
		c.holding.Stop()
		c.holding = nil
	}
	dirty := make([]*feed, 0, len(c.lists))
	for _, f := range c.lists {
		dirty = append(dirty, f)
	}
	c.publish(dirty...)
}

// publish makes the newest versions visible, all of them together.
func (c *Client) publish(feeds ...*feed) {
	for _, f := range feeds {
		if !f.dirty {
			continue
		}
		f.dirty = false
		v := f.now
		f.shown = &v
		close(f.changed)
		f.changed = make(chan struct{})
	}
	c.turn()
}

// turn wakes all who wait for something about the client.
func (c *Client) turn() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// progress makes all that came before it visible. Called back with it is who
// reads, once nothing is locked.
func (c *Client) progress(m *wire.Progress) *Progress {
	c.refusals = 0
	c.noted(m.Position.History())
	if !m.Position.SameHistory(c.told.Position) || m.Position > c.told.Position {
		c.told.Position = m.Position
	}
	c.told.Whole, c.told.Behind = m.Whole, nil
	clear(c.behind)
	for _, observer := range m.Behind {
		c.behind[observer] = true
	}
	for _, f := range c.lists {
		if f.phase != followed || f.partial || c.behind[f.observer] {
			c.told.Behind = append(c.told.Behind, f.url)
		} else {
			f.reached = m.Position
		}
	}
	if c.isStale() {
		c.endStale()
	}
	c.publishAll()
	told := c.told
	told.Behind = slices.Clone(told.Behind)
	return &told
}

func (c *Client) isStale() bool { return c.state.Kind == Behind }

// setStale marks every list that was true.
func (c *Client) setStale(m *wire.Stale) {
	c.stale = true
	c.become(Connection{Kind: Behind, Transport: c.state.Transport, Since: m.Since, Reason: m.Reason})
	c.restate()
}

func (c *Client) endStale() {
	c.stale = false
	c.become(Connection{Kind: Online, Transport: c.state.Transport})
	c.restate()
}

// restate says of every list that is followed how it is doing, and shows it.
func (c *Client) restate() {
	for _, f := range c.lists {
		if f.phase == followed && f.loaded && !f.partial {
			f.now.status = c.statusOf(f)
			f.dirty = f.dirty || f.now.status != f.shown.status
		}
	}
	c.publishAll()
}
