package e2e

import "testing"

// Nothing is sent for a list once its unsubscribe was answered: neither diffs,
// nor, over and over, that it was closed.
func TestNothingComesAfterUnsubscribe(t *testing.T) {
	both(t, func(t *testing.T, version int) {
		w := newWorld(t, options{})
		c := w.connected(t, version, "leaver")
		left, stays := c.observe("/posts?author=1"), c.observe("/labels")
		w.own(insertPost, 1, "one", 1)
		c.same(left)
		c.unsubscribe(left)
		w.own(insertPost, 1, "two", 2)
		closed := c.observe("/posts?author=2")
		w.live.Clear()
		c.until("the lists are closed", func() bool { return closed.Ended && stays.Ended })
		c.unsubscribe(closed)
		c.unsubscribe(stays)
		for range 2 {
			c.cut()
			c.connect()
		}
		again := c.observe("/labels")
		w.own("INSERT INTO label VALUES ('new', 1)")
		c.same(again)
	})
}
