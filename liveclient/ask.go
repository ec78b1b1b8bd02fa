package liveclient

import (
	"strconv"
	"time"

	"github.com/wakeful-dev/wakeful/wire"
)

// fail says that a list has ended, and has it asked for again later where that
// may help.
func (c *Client) fail(f *feed, why *Error) {
	f.phase, f.partial = ended, false
	f.now.status, f.now.err = Failed, why
	f.dirty = true
	c.publish(f)
	if !why.Retry {
		return
	}
	f.failures++
	time.AfterFunc(c.backoff(f.failures), func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if f.phase == ended && f.refs > 0 && c.closed == nil {
			f.faults = 0
			c.want(f)
		}
	})
}

// want asks for a list anew.
func (c *Client) want(f *feed) {
	f.phase, f.partial = wanted, false
	c.enqueue(f)
}

func (c *Client) enqueue(f *feed) {
	if !f.queued {
		f.queued = true
		c.queue = append(c.queue, f)
	}
	if c.conn != nil {
		c.conn.kick()
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// leave unsubscribes from an observer that nothing is joined to.
func (c *Client) leave(observer string) {
	if observer != "" && len(c.observers[observer]) == 0 && len(c.leaving) <= maxLeaving {
		c.leaving[observer] = struct{}{}
	}
}

// maxAsking bounds the questions that are under way, maxLeaving the observers
// of a session that nobody could be told to leave.
const (
	maxAsking  = 64
	maxLeaving = 1000
)

// next returns what is to be said next over a WebSocket, nil for nothing.
func (c *Client) next(on *conn) wire.ClientMessage {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on != c.conn || !on.greeted {
		return nil
	}
	if on.fresh != "" {
		token := on.fresh
		on.fresh = ""
		return &wire.Authenticate{Token: token}
	}
	if c.refresh && on.began {
		return nil // what is asked for now would be refused
	}
	resume := c.resume(on)
	if !on.began || len(resume.Observers) > 0 {
		on.began = true
		return resume
	}
	if c.asking == 0 {
		for observer := range c.leaving {
			delete(c.leaving, observer)
			if len(c.observers[observer]) == 0 {
				return &wire.Unsubscribe{Observer: observer}
			}
		}
	}
	f := c.pop(on)
	if f == nil {
		return nil
	}
	f.phase = asked
	c.asking++
	id := c.newID()
	on.calls[id] = f
	return &wire.Subscribe{ID: id, URL: f.url}
}

// pop takes the next list that is to be asked for, nil where there is none, or
// where enough are under way.
func (c *Client) pop(on *conn) *feed {
	for len(c.queue) > 0 && len(on.calls) < maxAsking {
		f := c.queue[0]
		c.queue = c.queue[1:]
		f.queued = false
		if f.phase == wanted && f.refs > 0 {
			return f
		}
	}
	return nil
}

func (c *Client) newID() wire.ID {
	c.lastID++
	return wire.ID(strconv.Itoa(c.lastID))
}

// resume says where lists are, as many as one frame takes.
func (c *Client) resume(on *conn) *wire.Resume {
	m := &wire.Resume{Observers: map[string]wire.Resuming{}}
	size := 128
	var rest []*feed
	for _, f := range c.queue {
		switch {
		case f.phase == ended:
			f.queued = false
		case f.phase != lost:
			rest = append(rest, f)
		case size+len(f.url)*2+256 > on.frameBytes && len(m.Observers) > 0:
			rest = append(rest, f)
		default:
			f.queued, f.phase = false, resuming
			c.asking++
			size += len(f.url)*2 + 256
			at := f.point()
			switch had, twice := m.Observers[f.observer]; {
			case twice && had.Epoch != at.Epoch:
				at.Epoch, at.Seq = "", 0 // both need the whole list
			case twice:
				at.Seq = min(at.Seq, had.Seq)
			}
			m.Observers[f.observer] = at
		}
	}
	c.queue = rest
	if len(m.Observers) > 0 {
		m.ID = c.newID()
	}
	return m
}
