package follow

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// events is what a client of server-sent events knows beside a Client of
// WebSockets.
type events struct {
	view   string   // the one view that is followed, "" for a session
	lastID string   // of the newest event that had one
	asked  int      // streams asked for so far
	names  []string // what the session follows, as the newest hello has it
}

// NewEvents makes a client of a session's event stream: lists come by Get and
// go by Unsubscribe. It is not connected.
func NewEvents(c Config) *Client {
	client := NewClient(c)
	client.events = &events{}
	return client
}

// NewView makes a client that follows the events of one view. It is not
// connected.
func NewView(c Config, path string) *Client {
	client := NewEvents(c)
	client.events.view = path
	return client
}

// Forget has the next Connect say nothing of what was received.
func (c *Client) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events.lastID = ""
}

// listen asks for the stream, and returns when it has begun: with hello, or
// with the first event of a view.
func (c *Client) listen(ctx context.Context) error {
	c.mu.Lock()
	if len(c.held) > 0 { // all since the GETs comes again, also what is held
		clear(c.held)
		c.events.lastID = ""
	}
	c.events.asked++
	view, id := c.events.view, c.events.lastID
	c.mu.Unlock()
	stream, err := c.open(ctx, view, id)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.socket, c.ended, c.greeted, c.late = stream, nil, view != "", late{}
	c.mu.Unlock()
	began := func() bool { return c.greeted && (view == "" || len(c.lists) > 0) }
	go c.run(stream)
	return c.wait(ctx, func() (bool, error) {
		if c.ended != nil {
			return false, c.ended
		}
		return began(), nil
	})
}

func (c *Client) open(ctx context.Context, view, id string) (*eventStream, error) {
	address := c.socketURL("")
	if view != "" {
		address = c.Server + view
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	request, err := http.NewRequestWithContext(life, http.MethodGet, address, nil)
	if err != nil {
		end()
		return nil, fmt.Errorf("follow: %w", err)
	}
	for name, values := range c.Header {
		request.Header[name] = values
	}
	request.Header.Set("Accept", "text/event-stream")
	if id != "" {
		request.Header.Set("Last-Event-ID", id)
	}
	inTime := context.AfterFunc(ctx, end)
	response, err := c.http.Do(request)
	inTime()
	if err != nil {
		end()
		return nil, fmt.Errorf("follow: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(response.Body) // what there is of it
		response.Body.Close()
		end()
		return nil, &StatusError{Status: response.StatusCode, Body: string(body)}
	}
	return &eventStream{body: response.Body, end: end, id: c.received}, nil
}

// received notes the id of an event, before the event is taken.
func (c *Client) received(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events.lastID = id
}

// named takes the list of what the session follows.
func (c *Client) named(f *frame) {
	if c.events == nil {
		return
	}
	if f.Observers == nil {
		c.fault(errors.New("follow: hello of a stream does not say what it follows"))
	}
	c.events.names = f.Observers
	for _, list := range c.lists {
		c.notFollowed(list)
	}
}

// notFollowed ends a list that the stream does not bring, though its GET was
// sent before.
func (c *Client) notFollowed(list *List) {
	if c.events == nil || c.events.view != "" || !c.greeted || list.asked >= c.events.asked || slices.Contains(c.events.names, list.Observer) {
		return
	}
	list.Ended, list.Why = true, "the session does not follow it"
	list.answered = false
}

// aside reports whether a snapshot or changes is none for a list that the
// client holds. Nothing proves to the server what has arrived, so what was on
// its way when a list was dropped comes late; it is older than what a GET
// answered since.
func (c *Client) aside(f *frame) bool {
	list := c.lists[f.Observer]
	if c.events.view != "" && list == nil {
		c.begin(f)
		return false
	}
	switch {
	case list == nil:
		return c.gone[f.Observer] && c.unanswered == 0
	case list.Epoch != f.Epoch && list.answered:
		return list.Position.SameHistory(f.Position) && f.Position < list.Position
	}
	return false
}

// begin takes the observer of the one view: another after a restart.
func (c *Client) begin(f *frame) {
	if f.Type != "snapshot" {
		c.fault(fmt.Errorf("follow: %s of %s before any snapshot of it", f.Type, f.Observer))
	}
	list := &List{URL: c.events.view}
	for observer, old := range c.lists {
		delete(c.lists, observer)
		list = old
	}
	list.Observer, list.answered = f.Observer, true
	c.lists[f.Observer] = list
}

// eventStream is the answer to one request for events.
type eventStream struct {
	body io.ReadCloser
	end  context.CancelFunc
	id   func(string)
}

func (s *eventStream) send([]byte) error { return errors.New("follow: a stream takes no frames") }
func (s *eventStream) close()            { s.cut() }
func (s *eventStream) cut()              { s.end() }

// read gives the data of each event to text, as the standard has it, and each
// comment to ping.
func (s *eventStream) read(text, ping func([]byte)) error {
	defer s.end()
	defer s.body.Close()
	in := bufio.NewReader(s.body)
	var name, id string
	var data []string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return &CloseError{Code: abnormal, Reason: err.Error()}
		}
		line = strings.TrimSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "data":
			data = append(data, value)
		case "id":
			id = value
		case "":
			if line != "" {
				ping([]byte(value))
				continue
			}
			if err := s.dispatch(name, id, strings.Join(data, "\n"), text); err != nil {
				return err
			}
			name, id, data = "", "", nil
		}
	}
}

// dispatch hands over one event. The last of a stream ends it.
func (s *eventStream) dispatch(name, id, data string, text func([]byte)) error {
	if name == "close" {
		closed := &CloseError{}
		if err := json.Unmarshal([]byte(data), closed); err != nil {
			return &CloseError{Code: abnormal, Reason: err.Error()}
		}
		return closed
	}
	if data != "" {
		text([]byte(data))
	}
	if id != "" {
		s.id(id)
	}
	return nil
}
