package follow

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// passing reports whether a list ended, or was refused, for a reason that asking
// for it again may end: other rows are to be seen, the server does not know the
// observer any more, or could not say.
func passing(code string) bool {
	return code == "scope_changed" || code == "unknown_observer" || code == "unavailable"
}

// again observes a list anew that ended in passing: it may be the list of
// another observer now, and the client's under the same URL. The events of
// one view end with it; who connects again gets the other.
func (c *Client) again(list *List) {
	list.again = true
	switch {
	case c.events == nil:
		made := &call{url: list.URL, alone: true}
		id := c.nextID(made)
		c.unanswered++
		if c.write(map[string]any{"type": "subscribe", "id": id, "url": list.URL}) != nil {
			c.unanswered-- // the connection has ended: it stays ended
			delete(c.calls, id)
		}
	case c.events.view == "":
		url := list.URL
		go func() {
			for {
				if _, err := c.Get(context.Background(), url); !Moving(err) {
					return // refused: it stays ended
				}
			}
		}()
	}
}

// Moving reports whether a request was refused because the rights of its client
// changed as often as they were looked at: it is to be sent again.
func Moving(err error) bool {
	var refused *StatusError
	return errors.As(err, &refused) && refused.Status == http.StatusConflict && strings.Contains(refused.Body, `"scope_changed"`)
}

// renewed returns the list of a URL that is observed again, under the observer
// that it has now; nil where there is none.
func (c *Client) renewed(url, observer string) *List {
	for old, list := range c.lists {
		if list.again && list.Ended && list.URL == url {
			delete(c.lists, old)
			delete(c.gone, observer)
			list.Observer, list.Ended, list.again = observer, false, false
			list.Epoch, list.Position = "", "" // the past is another observer's
			c.lists[observer] = list
			return list
		}
	}
	return nil
}

// forgetAnswered drops the calls that nobody waits for and that are answered.
func (c *Client) forgetAnswered() {
	for id, made := range c.calls {
		if made.alone && made.done {
			delete(c.calls, id)
		}
	}
}
