package liveclient

import (
	"context"
	"slices"

	"github.com/wakeful-dev/wakeful/change"
)

// CaughtUp returns once every list shows all that was committed up to a
// position, which PositionOf takes from the answer to a write; at once for "".
// Lists that were refused are not waited for. It returns the error with which
// the client has ended, or the context's.
func (c *Client) CaughtUp(ctx context.Context, position change.Position) error {
	if position == "" {
		return ctx.Err()
	}
	for {
		c.mu.Lock()
		done, err, changed := c.reached(position), c.closed, c.changed
		c.mu.Unlock()
		switch {
		case err != nil:
			return err
		case done:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (c *Client) reached(position change.Position) bool {
	for _, f := range c.lists {
		if f.refs == 0 || f.phase == ended {
			continue
		}
		if !c.covers(f.shown.position, position) && !c.covers(f.reached, position) {
			return false
		}
	}
	return true
}

// covers reports whether what is true at one position holds all up to another.
// Positions of two histories do not compare: the one that was heard of later
// begins with all that the other had.
func (c *Client) covers(at, position change.Position) bool {
	if at.SameHistory(position) {
		return at.Reaches(position)
	}
	before, now := slices.Index(c.histories, position.History()), slices.Index(c.histories, at.History())
	return before >= 0 && now > before
}

// maxHistories bounds the histories that are remembered: each is a restart of
// the server's source.
const maxHistories = 16

// noted remembers that a history was heard of.
func (c *Client) noted(history string) {
	if history == "" || slices.Contains(c.histories, history) {
		return
	}
	if len(c.histories) == maxHistories {
		c.histories = slices.Delete(c.histories, 0, 1)
	}
	c.histories = append(c.histories, history)
}
