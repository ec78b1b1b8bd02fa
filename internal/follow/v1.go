package follow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// ClientV1 is one version 1 session. It does what the published clients do:
// after a broken connection it dials again with the same session id and asks
// for nothing. Methods may be called from several goroutines, but Connect only
// when there is no connection.
type ClientV1 struct {
	session
	signal // guards what follows

	lists  map[string]*List // by observer
	queued map[string][]message
	gone   map[string]bool // unsubscribed, and told so
	asking int             // GETs that are not answered
	closed map[string]bool // while some were not: the answer may be of a list that has ended
	socket *socket
	ended  *CloseError
	late   late
	faults []error
}

// message is what a version 1 server sends.
type message struct {
	Msg        string          `json:"msg"`
	Observer   string          `json:"observer"`
	PrimaryKey string          `json:"primary_key"`
	Order      int             `json:"order"`
	Item       json.RawMessage `json:"item"`
	Code       string          `json:"code"`
}

// NewClientV1 makes a client; it is not connected.
func NewClientV1(c Config) *ClientV1 {
	return &ClientV1{
		session: newSession(c),
		lists:   map[string]*List{},
		queued:  map[string][]message{},
		gone:    map[string]bool{},
		closed:  map[string]bool{},
	}
}

// Connect opens the socket.
func (c *ClientV1) Connect(ctx context.Context) error {
	socket, err := dial(ctx, c.socketURL("?subscribe-broadcast"), c.http.Jar, c.Header)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.socket, c.ended, c.late = socket, nil, late{}
	c.mu.Unlock()
	go c.run(socket)
	return nil
}

func (c *ClientV1) run(socket *socket) {
	err := socket.read(c.take, c.proof)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.socket == socket {
		c.socket = nil
		errors.As(err, &c.ended)
	}
	if c.Watch.Dropped != nil {
		c.Watch.Dropped()
	}
	c.turn()
}

// Get subscribes to a view. The answer of a further GET of an observer is
// ignored, as the published client does.
func (c *ClientV1) Get(ctx context.Context, path string) (*List, error) {
	if err := c.leaveUnclear(ctx, path); err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.asking++
	c.mu.Unlock()
	answer, err := c.observe(ctx, path, "")
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.turn()
	c.asking--
	closed := err == nil && c.closed[answer.Observer]
	if c.asking == 0 {
		clear(c.closed)
	}
	if err != nil {
		return nil, err
	}
	if list := c.lists[answer.Observer]; list != nil && !list.Ended {
		return list, nil
	}
	list := &List{URL: path, Observer: answer.Observer, answered: true, ByHTTP: true}
	c.lists[answer.Observer] = list
	delete(c.gone, answer.Observer)
	if err := list.replace(answer); err != nil {
		c.fault(err)
	}
	if c.Watch.State != nil {
		c.Watch.State(list)
	}
	queued := c.queued[answer.Observer]
	delete(c.queued, answer.Observer)
	for i := range queued {
		c.apply(list, &queued[i])
	}
	if closed { // which of the two came first nobody can tell
		list.unclear = true
		if !list.Ended {
			list.Ended, list.Why = true, "closed while it was asked for"
		}
	}
	return list, nil
}

// leaveUnclear unsubscribes from the lists of a path of which nobody knows
// whether the server has ended them: what comes for the next is the next's.
func (c *ClientV1) leaveUnclear(ctx context.Context, path string) error {
	c.mu.Lock()
	var unclear []*List
	for _, list := range c.lists {
		if list.unclear && list.URL == path {
			unclear = append(unclear, list)
		}
	}
	c.mu.Unlock()
	for _, list := range unclear {
		if err := c.Unsubscribe(ctx, list); err != nil {
			return err
		}
	}
	return nil
}

// Unsubscribe ends a subscription. Nothing for it may come once it was
// answered.
func (c *ClientV1) Unsubscribe(ctx context.Context, list *List) error {
	c.mu.Lock()
	list.leaving = true
	c.mu.Unlock()
	if err := c.unsubscribe(ctx, list.Observer); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.turn()
	delete(c.lists, list.Observer)
	delete(c.queued, list.Observer)
	c.gone[list.Observer] = true
	if c.Watch.Forget != nil {
		c.Watch.Forget(list)
	}
	return nil
}

// Close says goodbye to the server.
func (c *ClientV1) Close() { c.leave((*socket).close) }

// Cut breaks the connection without a word.
func (c *ClientV1) Cut() { c.leave((*socket).cut) }

func (c *ClientV1) leave(how func(*socket)) {
	c.mu.Lock()
	socket := c.socket
	c.mu.Unlock()
	if socket == nil {
		return
	}
	how(socket)
	_ = c.wait(context.Background(), func() (bool, error) { return c.socket != socket, nil })
}

// Wait returns when done says true; it is asked after everything that happens,
// while the client is locked.
func (c *ClientV1) Wait(ctx context.Context, done func(lists []*List) bool) error {
	return c.wait(ctx, func() (bool, error) {
		return done(slices.Collect(maps.Values(c.lists))), nil
	})
}

// AwaitEnd returns how the connection ended, once it has.
func (c *ClientV1) AwaitEnd(ctx context.Context) (ended *CloseError, err error) {
	err = c.wait(ctx, func() (bool, error) {
		ended = c.ended
		return ended != nil, nil
	})
	return ended, err
}

// Ended is how the connection ended, nil while it lasts.
func (c *ClientV1) Ended() *CloseError {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// Faults returns each thing that the server did against the protocol.
func (c *ClientV1) Faults() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.faults)
}

func (c *ClientV1) fault(err error) {
	c.faults = append(c.faults, err)
	if c.Watch.Fault != nil {
		c.Watch.Fault(err)
	}
}

func (c *ClientV1) take(text []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.turn()
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		c.fault(fmt.Errorf("follow: message: %w: %.200s", err, text))
		return
	}
	if m.Msg == "" {
		return
	}
	if c.gone[m.Observer] && c.asking == 0 {
		c.late.add(fmt.Errorf("follow: %s of %s after its unsubscribe was answered", m.Msg, m.Observer))
	}
	if m.Msg == "closed" && c.asking > 0 {
		c.closed[m.Observer] = true
	}
	list := c.lists[m.Observer]
	if list == nil || list.Ended && c.asking > 0 { // it may be the next list's, whose answer is on its way
		c.queued[m.Observer] = append(c.queued[m.Observer], m)
		return
	}
	c.apply(list, &m)
}

// proof hears a ping: every diff so far is whole.
func (c *ClientV1) proof([]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late.flush(c.fault)
	if c.Watch.Proof == nil {
		return
	}
	var followed []*List
	for _, list := range c.lists {
		if !list.leaving && !list.Ended {
			followed = append(followed, list)
		}
	}
	c.Watch.Proof(followed)
}

// apply does to the list what the published client does.
func (c *ClientV1) apply(list *List, m *message) {
	if m.Msg == "closed" {
		list.Ended, list.Why = true, m.Code
		return
	}
	if list.Ended {
		return // what comes belongs to a list that the client has not asked for anew
	}
	if m.PrimaryKey != list.PrimaryKey {
		c.fault(fmt.Errorf("follow: %s of %s names key field %q, not %q", m.Msg, list.URL, m.PrimaryKey, list.PrimaryKey))
	}
	item, err := NewItem(m.Item, m.PrimaryKey)
	if err != nil {
		c.fault(err)
		return
	}
	switch m.Msg {
	case "added":
		c.added(list, m, item)
	case "changed":
		c.changed(list, m, item)
	case "removed":
		c.removed(list, item)
	default:
		c.fault(fmt.Errorf("follow: unknown message %q", m.Msg))
		return
	}
	list.ByHTTP = false
	if c.Watch.Message != nil {
		c.Watch.Message(list, Message{Removed: m.Msg == "removed", Order: m.Order, What: m.Msg + " " + item.Key})
	}
}

// added inserts without looking for the key; beyond the end is the end.
func (c *ClientV1) added(list *List, m *message, item Item) {
	if indexOfLiteral(list.Items, item.Key) >= 0 {
		c.fault(fmt.Errorf("follow: added %s is in %s", item.Key, list.URL))
	}
	at := m.Order
	if at < 0 || at > len(list.Items) {
		c.fault(fmt.Errorf("follow: added %s at %d of %d in %s", item.Key, at, len(list.Items), list.URL))
		at = len(list.Items)
	}
	list.Items = slices.Insert(slices.Clone(list.Items), at, item)
}

func (c *ClientV1) changed(list *List, m *message, item Item) {
	at := indexOfLiteral(list.Items, item.Key)
	if at < 0 {
		c.fault(fmt.Errorf("follow: changed %s is not in %s", item.Key, list.URL))
		return
	}
	items := slices.Clone(list.Items)
	if at == m.Order {
		items[at] = item
	} else {
		items = slices.Delete(items, at, at+1)
		items = slices.Insert(items, min(max(m.Order, 0), len(items)), item)
	}
	list.Items = items
}

// removed drops every item with the key. A key that is not there is no fault:
// a make-good names what the client may hold.
func (c *ClientV1) removed(list *List, item Item) {
	if len(item.Data) != len(`{":}`)+1+len(list.PrimaryKey)+len(item.Key) {
		c.fault(fmt.Errorf("follow: removed %s of %s holds more than its key: %.100s", item.Key, list.URL, item.Data))
	}
	list.Items = slices.DeleteFunc(slices.Clone(list.Items), func(i Item) bool { return i.Key == item.Key })
}
