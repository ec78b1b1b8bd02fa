package follow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/wakeful-dev/wakeful/change"
)

// subprotocol is what a version 2 client asks for.
const subprotocol = "wakeful.v2+json"

// Client is one version 2 session. Methods may be called from several
// goroutines, but Connect only when there is no connection.
type Client struct {
	session
	signal // guards what follows

	lists      map[string]*List   // by observer
	unanswered int                // GETs and subscribes whose observer is not known yet
	held       map[string][]frame // for observers that are not answered
	gone       map[string]bool    // unsubscribed, and told so
	position   change.Position    // of the newest progress
	whole      bool
	behind     []string
	stale      bool
	calls      map[string]*call // frames of ours that are not answered, by id
	lastID     int
	socket     connection
	events     *events // nil where frames come over a WebSocket
	greeted    bool    // hello has come
	ended      *CloseError
	late       late
	faults     []error
}

// call is one subscribe or resume on its way.
type call struct {
	url     string          // of a subscribe
	begun   bool            // … that was answered by subscribed
	resumes map[string]bool // the lists of a resume that are not answered
	done    bool
	err     error
	alone   bool // nobody waits for it
}

// NewClient makes a client; it is not connected.
func NewClient(c Config) *Client {
	return &Client{
		session: newSession(c),
		lists:   map[string]*List{},
		held:    map[string][]frame{},
		gone:    map[string]bool{},
		calls:   map[string]*call{},
	}
}

// Connect opens the socket and resumes every list that the client holds. It
// returns when the server has answered for all of them.
func (c *Client) Connect(ctx context.Context) error {
	if c.events != nil {
		return c.listen(ctx)
	}
	socket, err := dial(ctx, c.socketURL(""), c.http.Jar, c.Header, subprotocol)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.socket, c.ended, c.greeted, c.late = socket, nil, false, late{}
	c.mu.Unlock()
	go c.run(socket)
	err = c.wait(ctx, func() (bool, error) {
		if c.ended != nil {
			return false, c.ended
		}
		return c.greeted, nil
	})
	if err != nil {
		return err
	}
	return c.Resume(ctx)
}

func (c *Client) run(socket connection) {
	err := socket.read(c.take, func([]byte) {})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.socket == socket {
		c.socket = nil
		errors.As(err, &c.ended)
	}
	c.turn()
}

// Resume tells the server where the client stands, and returns when it has
// answered for every list.
func (c *Client) Resume(ctx context.Context) error {
	c.mu.Lock()
	id, err := c.resume()
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return c.answered(ctx, id)
}

// resume is called with mu held. Lists wait for their answer from then on.
func (c *Client) resume() (string, error) {
	type since struct {
		Epoch string `json:"epoch"`
		Seq   uint64 `json:"seq"`
		URL   string `json:"url"`
	}
	observers := map[string]since{}
	for id, list := range c.lists {
		if !list.Ended {
			observers[id] = since{list.Epoch, list.Seq, list.URL}
			list.answered, list.sent = false, false
		}
	}
	made := &call{resumes: map[string]bool{}, done: len(observers) == 0}
	for id := range observers {
		made.resumes[id] = true
	}
	id := c.nextID(made)
	return id, c.write(map[string]any{"type": "resume", "id": id, "observers": observers})
}

func (c *Client) nextID(made *call) string {
	c.lastID++
	id := strconv.Itoa(c.lastID)
	c.calls[id] = made
	return id
}

func (c *Client) write(message any) error {
	data, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	if c.socket == nil && c.ended != nil {
		return c.ended
	}
	if c.socket == nil {
		return errors.New("follow: not connected")
	}
	return c.socket.send(data)
}

func (c *Client) answered(ctx context.Context, id string) error {
	return c.wait(ctx, func() (bool, error) {
		made := c.calls[id]
		if made.done {
			delete(c.calls, id)
			return true, made.err
		}
		if c.ended != nil {
			return false, c.ended
		}
		return false, nil
	})
}

// Get subscribes with a GET of the path. After, if given, is a position that
// the answer must not be older than.
func (c *Client) Get(ctx context.Context, path string, after ...change.Position) (*List, error) {
	var floor change.Position
	if len(after) > 0 {
		floor = after[0]
	}
	c.mu.Lock()
	c.unanswered++
	told, asked := c.position, 0
	if c.events != nil {
		asked = c.events.asked
	}
	c.turn()
	c.mu.Unlock()
	answer, err := c.observe(ctx, path, floor)
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.turn()
	c.unanswered--
	if err != nil {
		c.release()
		return nil, err
	}
	for _, least := range []change.Position{told, floor} {
		if least.SameHistory(answer.Position) && answer.Position < least {
			c.fault(fmt.Errorf("follow: answer of %s is at %s, %s was known when it was asked", path, answer.Position, least))
		}
	}
	list := c.install(answer, path)
	list.asked = asked
	c.notFollowed(list)
	c.release()
	return list, nil
}

// install takes a GET's answer, unless it is older than what is held.
func (c *Client) install(answer *state, path string) *List {
	list := c.lists[answer.Observer]
	if list == nil {
		list = c.renewed(path, answer.Observer)
	}
	if list == nil {
		list = &List{URL: path, Observer: answer.Observer}
		c.lists[answer.Observer] = list
		delete(c.gone, answer.Observer)
	}
	if answer.Seq != nil && list.Epoch == answer.Epoch && *answer.Seq < list.Seq {
		return list
	}
	if err := list.replace(answer); err != nil {
		c.fault(err)
		return list
	}
	list.answered, list.ByHTTP = true, true
	c.notify(list)
	return list
}

// Subscribe subscribes by a frame on the socket.
func (c *Client) Subscribe(ctx context.Context, path string) (*List, error) {
	c.mu.Lock()
	made := &call{url: path}
	id := c.nextID(made)
	c.unanswered++
	err := c.write(map[string]any{"type": "subscribe", "id": id, "url": path})
	c.mu.Unlock()
	if err == nil {
		err = c.answered(ctx, id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		if !made.done && !made.begun {
			c.unanswered--
		}
		return nil, err
	}
	for _, list := range c.lists {
		if list.URL == path {
			return list, nil
		}
	}
	return nil, fmt.Errorf("follow: %s was subscribed and came to nothing", path)
}

// Unsubscribe ends a subscription over HTTP. Nothing for it may come once it
// was answered.
func (c *Client) Unsubscribe(ctx context.Context, list *List) error {
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
	c.gone[list.Observer] = true
	if c.Watch.Forget != nil {
		c.Watch.Forget(list)
	}
	return nil
}

// Close says goodbye to the server; Cut breaks the connection. Both return
// when nothing will be heard any more.
func (c *Client) Close() { c.leave(connection.close) }

// Cut breaks the connection without a word.
func (c *Client) Cut() { c.leave(connection.cut) }

func (c *Client) leave(how func(connection)) {
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
func (c *Client) Wait(ctx context.Context, done func(View) bool) error {
	return c.wait(ctx, func() (bool, error) { return done(View{c}), nil })
}

// View is what a client holds at one moment, for the functions of Wait.
type View struct{ c *Client }

// Lists returns what the client follows, in no order.
func (v View) Lists() []*List { return slices.Collect(maps.Values(v.c.lists)) }

// Progress is the newest one: Position "" before the first.
func (v View) Progress() Progress { return Progress{v.c.position, v.c.whole, v.c.behind} }

// Waiting counts the GETs and subscribes that are not answered.
func (v View) Waiting() int { return v.c.unanswered }

// Stale says that the server cannot tell how current the session is.
func (v View) Stale() bool { return v.c.stale }

// Ended is how the connection ended, nil while it lasts.
func (v View) Ended() *CloseError { return v.c.ended }

// AwaitEnd returns how the connection ended, once it has.
func (c *Client) AwaitEnd(ctx context.Context) (ended *CloseError, err error) {
	err = c.wait(ctx, func() (bool, error) {
		ended = c.ended
		return ended != nil, nil
	})
	return ended, err
}

// Ended is how the connection ended, nil while it lasts.
func (c *Client) Ended() *CloseError {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// Faults returns each thing that the server did against the protocol.
func (c *Client) Faults() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.faults)
}

func (c *Client) fault(err error) {
	c.faults = append(c.faults, err)
	if c.Watch.Fault != nil {
		c.Watch.Fault(err)
	}
}

func (c *Client) notify(list *List) {
	if c.Watch.State != nil {
		c.Watch.State(list)
	}
}
