package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

// client is a WebSocket client of a test, which sees every frame. It takes
// them off the connection as they come; a ping is answered when the test has
// read all before it.
type client struct {
	t      testing.TB
	conn   net.Conn
	frames chan ws.Frame // closed at the end of the connection
	pings  [][]byte      // payloads seen
	mute   bool          // does not answer pings
	cookie string
}

func (c *client) receive(in *bufio.Reader) {
	defer close(c.frames)
	for {
		header, err := ws.ReadHeader(in)
		if err != nil {
			return
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(in, payload); err != nil {
			return
		}
		c.frames <- ws.Frame{Header: header, Payload: payload}
	}
}

// refusedError is a handshake that was answered with a status.
type refusedError struct{ status int }

func (e *refusedError) Error() string { return fmt.Sprintf("handshake answered %d", e.status) }

func (h *house) tryDial(session string, v version, lines ...string) (*client, error) {
	header := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		header.Add(name, value)
	}
	c := &client{t: h.t, frames: make(chan ws.Frame, 100_000)}
	dialer := ws.Dialer{
		Header:  ws.HandshakeHeaderHTTP(header),
		Timeout: 5 * time.Second,
		NetDial: h.dialNet,
		OnHeader: func(key, value []byte) error {
			if strings.EqualFold(string(key), "Set-Cookie") {
				c.cookie, _, _ = strings.Cut(string(value), ";")
			}
			return nil
		},
	}
	if v == version2 {
		dialer.Protocols = []string{wire.Subprotocol}
	}
	conn, in, _, err := dialer.Dial(context.Background(), strings.Replace(h.server.URL, "http", "ws", 1)+"/ws/"+session)
	var status ws.StatusError
	if errors.As(err, &status) {
		return nil, &refusedError{int(status)}
	}
	if err != nil {
		return nil, err
	}
	if in == nil {
		in = bufio.NewReader(conn)
	}
	c.conn = conn
	go c.receive(in)
	h.t.Cleanup(func() { _ = conn.Close() })
	return c, nil
}

func (h *house) dial(session string, v version, lines ...string) *client {
	h.t.Helper()
	c, err := h.tryDial(session, v, lines...)
	if err != nil {
		h.t.Fatalf("dial %s: %v", session, err)
	}
	return c
}

// closedError is a close frame.
type closedError struct {
	code   int
	reason string
}

func (e *closedError) Error() string { return fmt.Sprintf("closed: %d %s", e.code, e.reason) }

// readFrame returns the next text frame; pings are answered on the way.
func (c *client) readFrame(wait time.Duration) ([]byte, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return nil, os.ErrDeadlineExceeded
		case f, ok := <-c.frames:
			if !ok {
				return nil, io.EOF
			}
			if text, err := c.take(f); text != nil || err != nil {
				return text, err
			}
		}
	}
}

func (c *client) take(f ws.Frame) (text []byte, err error) {
	switch f.Header.OpCode {
	case ws.OpText:
		return f.Payload, nil
	case ws.OpPing:
		c.pings = append(c.pings, f.Payload)
		if !c.mute {
			c.write(ws.OpPong, f.Payload)
		}
	case ws.OpClose:
		code, reason := ws.ParseCloseFrameData(f.Payload)
		return nil, &closedError{int(code), reason}
	}
	return nil, nil
}

func (c *client) write(op ws.OpCode, payload []byte) {
	frame := ws.MaskFrame(ws.NewFrame(op, true, slices.Clone(payload)))
	if err := ws.WriteFrame(c.conn, frame); err != nil {
		c.t.Logf("write: %v", err)
	}
}

func (c *client) say(format string, args ...any) {
	c.write(ws.OpText, fmt.Appendf(nil, format, args...))
}

// frame is any frame of the server, either version.
type frame struct {
	Msg        string          `json:"msg"`
	Type       string          `json:"type"`
	ID         json.RawMessage `json:"id"`
	Observer   string          `json:"observer"`
	PrimaryKey string          `json:"primary_key"`
	Order      int             `json:"order"`
	Item       json.RawMessage `json:"item"`
	Code       string          `json:"code"`
	Epoch      string          `json:"epoch"`
	Seq        uint64          `json:"seq"`
	Position   string          `json:"position"`
	Reason     string          `json:"reason"`
	Whole      bool            `json:"whole"`
	Behind     []string        `json:"behind"`
	Items      json.RawMessage `json:"items"`
	Ops        json.RawMessage `json:"ops"`

	raw string
}

func (c *client) next() frame {
	c.t.Helper()
	raw, err := c.readFrame(waitMost)
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	f := frame{raw: string(raw)}
	if err := json.Unmarshal(raw, &f); err != nil {
		c.t.Fatalf("frame %s: %v", raw, err)
	}
	return f
}

// expect reads frames of these kinds (msg or type), in order.
func (c *client) expect(kinds ...string) []frame {
	c.t.Helper()
	var frames []frame
	for i, kind := range kinds {
		f := c.next()
		if f.Msg+f.Type != kind {
			c.t.Fatalf("frame %d: got %s, want %s", i, f.raw, kind)
		}
		frames = append(frames, f)
	}
	return frames
}

// until reads frames up to the first of that kind.
func (c *client) until(kind string) (frame, []frame) {
	c.t.Helper()
	var before []frame
	for {
		f := c.next()
		if f.Msg+f.Type == kind {
			return f, before
		}
		before = append(before, f)
	}
}

// expectClose reads up to a close frame.
func (c *client) expectClose(code int) {
	c.t.Helper()
	for {
		raw, err := c.readFrame(waitMost)
		var closed *closedError
		switch {
		case errors.As(err, &closed):
			if closed.code != code {
				c.t.Fatalf("closed with %d %q, want %d", closed.code, closed.reason, code)
			}
			return
		case err != nil:
			c.t.Fatalf("read: %v, want close %d", err, code)
		}
		_ = raw
	}
}

// barrier proves that the server has handled all that was sent, and that all
// it sent before has come: it returns the frames that came.
func (c *client) barrier() []frame {
	c.t.Helper()
	c.say(`{"type":"ping","id":"barrier"}`)
	_, frames := c.until("pong")
	return frames
}

// model is a list as a version 1 client holds it.
type model struct {
	items []diff.Item
}

func modelOf(raw []json.RawMessage) *model {
	m := &model{}
	for _, data := range raw {
		m.items = append(m.items, diff.Item{Key: keyOf(data), Data: data})
	}
	return m
}

func keyOf(item []byte) string {
	var fields struct {
		ID json.Number `json:"id"`
	}
	_ = json.Unmarshal(item, &fields)
	return fields.ID.String()
}

// apply does what the published client does with a message.
func (m *model) apply(f frame) {
	key := keyOf(f.Item)
	at := slices.IndexFunc(m.items, func(i diff.Item) bool { return i.Key == key })
	item := diff.Item{Key: key, Data: f.Item}
	switch f.Msg {
	case "added":
		m.items = slices.Insert(m.items, min(f.Order, len(m.items)), item)
	case "removed":
		m.items = slices.DeleteFunc(m.items, func(i diff.Item) bool { return i.Key == key })
	case "changed":
		switch {
		case at < 0:
		case at == f.Order:
			m.items[at] = item
		default:
			m.items = slices.Delete(m.items, at, at+1)
			m.items = slices.Insert(m.items, min(f.Order, len(m.items)), item)
		}
	}
}

func (m *model) String() string { return text(m.items) }

func text(list []diff.Item) string {
	var b strings.Builder
	for _, item := range list {
		b.Write(item.Data)
	}
	return b.String()
}

// follow applies messages to a list until it is as wanted.
func (c *client) follow(m *model, want []diff.Item) {
	c.t.Helper()
	for m.String() != text(want) {
		raw, err := c.readFrame(waitMost)
		if err != nil {
			c.t.Fatalf("client holds %s, want %s: %v", m, text(want), err)
		}
		var f frame
		if err := json.Unmarshal(raw, &f); err != nil {
			c.t.Fatal(err)
		}
		m.apply(f)
	}
}
