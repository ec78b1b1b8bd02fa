package liveclient

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"sync"

	"github.com/wakeful-dev/wakeful/change"
)

// State is a list at one moment. It is shared: never alter what it holds.
type State[T any] struct {
	// Items in the server's order. What did not change is not decoded again.
	Items []T
	// Keys of the items, as text, and the field that they stand in.
	Keys       []string
	PrimaryKey string
	// Meta is what the view says beside its list (count, next, previous), as a
	// JSON object; nil where it says nothing.
	Meta   json.RawMessage
	Status Status
	// Err is why Status is Failed, and while it is Offline why there is no connection.
	Err *Error
	// Position in the database's commit order at which the items were true; "" before the first.
	Position change.Position
}

// List is a live list. It is followed from the moment it is made until Close.
type List[T any] struct {
	client *Client
	feed   *feed
	once   sync.Once

	mu    sync.Mutex
	of    *version // that state was made of
	state State[T]
}

// Live follows the list of a URL: a path on the client's server, with its
// query, or the whole address. Lists of one URL share what they hold. T is what
// an item is decoded into; json.RawMessage leaves it as it is.
func Live[T any](c *Client, url string) *List[T] {
	path, bad := c.resolve(url)
	c.mu.Lock()
	defer c.mu.Unlock()
	if bad != nil {
		return &List[T]{client: c, feed: failed(url, bad)}
	}
	f := c.lists[path]
	if f == nil {
		f = newFeed(path)
		c.lists[path] = f
		if c.closed != nil {
			f = failed(path, c.closed)
			delete(c.lists, path)
		} else {
			c.enqueue(f)
		}
	}
	f.refs++
	return &List[T]{client: c, feed: f}
}

// failed is a list that cannot be.
func failed(url string, why *Error) *feed {
	f := newFeed(url)
	f.phase = ended
	f.now.status, f.now.err = Failed, why
	v := f.now
	f.shown = &v
	return f
}

// URL is the path and query that the list is of.
func (l *List[T]) URL() string { return l.feed.url }

// Close ends following; the state stays what it was. A second call does nothing.
func (l *List[T]) Close() { l.once.Do(func() { l.client.drop(l.feed) }) }

// drop gives a list up.
func (c *Client) drop(f *feed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.refs--; f.refs > 0 || c.lists[f.url] != f {
		return
	}
	if f.phase == asked || f.phase == resuming {
		return // once that is answered
	}
	observer := f.observer
	c.forgetObserver(f)
	delete(c.lists, f.url)
	f.phase = ended // also where it is queued
	c.leave(observer)
	if c.conn != nil {
		c.conn.kick()
	} else if len(c.leaving) > maxLeaving {
		c.renewSession()
	}
	c.turn()
}

// State is the newest state. Nothing changes while it is looked at, and no
// later call gives an older one.
func (l *List[T]) State() State[T] {
	state, _ := l.look()
	return state
}

// Changed is closed when there is a newer state than that which State gave
// before Changed was called. It lets one select wait for several lists:
//
//	changed := list.Changed()
//	show(list.State())
//	<-changed
func (l *List[T]) Changed() <-chan struct{} {
	l.client.mu.Lock()
	defer l.client.mu.Unlock()
	return l.feed.changed
}

func (l *List[T]) look() (State[T], <-chan struct{}) {
	l.client.mu.Lock()
	v, changed := l.feed.shown, l.feed.changed
	l.client.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of != v {
		l.of, l.state = v, stateOf[T](v, l.feed.url)
	}
	return l.state, changed
}

// stateOf decodes a version.
func stateOf[T any](v *version, url string) State[T] {
	state := State[T]{
		Items: make([]T, len(v.items)), Keys: make([]string, len(v.items)),
		PrimaryKey: v.key, Meta: v.meta, Status: v.status, Err: v.err, Position: v.position,
	}
	for at, i := range v.items {
		value, err := decode[T](i)
		if err != nil {
			state.Items, state.Keys, state.Status = nil, nil, Failed
			state.Err = &Error{Code: CodeDecode, Detail: fmt.Sprintf("item %.100q: %v", i.key, err), URL: url, Err: err}
			return state
		}
		state.Items[at], state.Keys[at] = value, i.key
	}
	return state
}

// Ready returns the first state that holds a list, or the error that it was
// refused with where the client does not try again.
func (l *List[T]) Ready(ctx context.Context) (State[T], error) {
	for {
		state, changed := l.look()
		switch {
		case state.Status == Failed && !state.Err.Retry:
			return state, state.Err
		case state.Position != "" && state.Status != Failed:
			return state, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if state.Err != nil {
				return state, fmt.Errorf("%w: %w", context.Cause(ctx), state.Err)
			}
			return state, context.Cause(ctx)
		}
	}
}

// States yields the state, and from then on the newest after each change, until
// the context is done. Who is slow skips states and misses no change.
func (l *List[T]) States(ctx context.Context) iter.Seq[State[T]] {
	return func(yield func(State[T]) bool) {
		for ctx.Err() == nil {
			state, changed := l.look()
			if !yield(state) {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
}
