package gateway

import (
	"context"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/wire"
)

// stream is the answer to a request for server-sent events, as what a socket
// is written to. Only the handler of the request may return it to net/http:
// from then on it takes nothing any more.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	over    chan struct{} // closed when there is nothing more to write
	close   func()

	writing sync.Mutex // held while w is written
	mu      sync.Mutex
	ended   bool // w is no longer ours
}

// pieceSize is how much of a stream, or over TLS, is written at once. The time in
// which a client must accept something is that of a piece: net/http does not say
// how much of one has left, and a TLS connection is lost with the first write
// that is not done in time.
const pieceSize = 8 << 10

// flushes reports whether what is written to w can be sent at once.
func flushes(w http.ResponseWriter) bool {
	for {
		switch inner := w.(type) {
		case interface{ FlushError() error }, http.Flusher:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = inner.Unwrap()
		default:
			return false
		}
	}
}

func noStreaming() *wire.Problem {
	return wire.NewProblem(http.StatusInternalServerError, wire.CodeNoStreaming,
		"events need a ResponseWriter that can be flushed: a middleware around the server wraps it without Flush or Unwrap")
}

// openStream makes the socket of an event stream. It is written by nobody
// before carry.
func (g *Gateway) openStream(w http.ResponseWriter, id string, who *claim) (*socket, *wire.Problem) {
	now := time.Now()
	out := &stream{w: w, control: http.NewResponseController(w), over: make(chan struct{})}
	out.close = sync.OnceFunc(func() { close(out.over) })
	c := &socket{
		gateway: g, conn: out, version: version2, coding: sentEvent, id: id, who: who,
		opened: now, nextBeat: now.Add(g.Heartbeat), beatDue: true,
		control: []byte("retry: " + strconv.Itoa(1000+rand.IntN(2000)) + "\n\n"), // so that a crowd does not come back at once
	}
	c.wanted.Store(1) // the first writer is carry
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.heard.Store(now.UnixNano())
	if !g.enter(c) {
		c.cancel()
		return nil, goingAway()
	}
	g.record(event.Event{Kind: event.SocketOpened, Session: g.sessionLabel(event.SocketOpened, id)})
	return c, nil
}

// carry answers the request with the stream, until its client goes or it is
// over.
func (c *socket) carry(r *http.Request) {
	defer c.gateway.readers.Done()
	out := c.conn.(*stream)
	header := out.w.Header()
	header.Set("Content-Type", eventStream)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
	header.Add("Vary", "Accept")
	_ = out.control.SetReadDeadline(time.Time{}) // the server's is for requests that end
	out.w.WriteHeader(http.StatusOK)
	c.write()
	select {
	case <-out.over:
	case <-r.Context().Done():
	}
	out.end()
	c.finish()
}

// abandon ends a stream that nothing was written to.
func (c *socket) abandon() {
	defer c.gateway.readers.Done()
	c.conn.(*stream).end()
	c.finish()
}

// Write writes all of p and sends it at once.
func (s *stream) Write(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	if ended {
		return 0, net.ErrClosed
	}
	if n, err := s.w.Write(p); err != nil {
		return n, err
	}
	if err := s.control.Flush(); err != nil {
		return 0, err
	}
	return len(p), nil
}

// end takes the writer back. A write under way is given up.
func (s *stream) end() {
	if !s.writing.TryLock() {
		_ = s.SetWriteDeadline(time.Now())
		s.writing.Lock()
	}
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.writing.Unlock()
}

// Close has the handler of the request return.
func (s *stream) Close() error {
	s.close()
	return nil
}

// SetWriteDeadline bounds the writes to come. Where the server has none, only
// the end of the connection ends them.
func (s *stream) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return net.ErrClosed
	}
	return s.control.SetWriteDeadline(t)
}

// SetDeadline is SetWriteDeadline: nothing is read.
func (s *stream) SetDeadline(t time.Time) error { return s.SetWriteDeadline(t) }

// SetReadDeadline does nothing: nothing is read.
func (s *stream) SetReadDeadline(time.Time) error { return nil }

// Read reads nothing.
func (s *stream) Read([]byte) (int, error) { return 0, io.EOF }

// piece is how much of p is written at once.
func (c *socket) piece(p []byte) []byte {
	if _, encrypted := c.conn.(*tls.Conn); encrypted || c.coding == sentEvent {
		return p[:min(len(p), pieceSize)]
	}
	return p
}

// rest takes the write deadline off a stream that has nothing to write: over
// HTTP/2 it would end it.
func (c *socket) rest() {
	if c.coding != sentEvent {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing == nil && !c.over {
		c.deadline = time.Time{}
		_ = c.conn.SetWriteDeadline(c.deadline)
	}
}

// wrote is told that all that was gathered has left: there are no pongs to
// wait for. It reports whether the stream has nothing more to say.
func (c *socket) wrote(s *session) (over bool) {
	c.heard.Store(time.Now().UnixNano()) // a beat that is not taken ends it elsewhere
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socket != c {
		return false
	}
	c.prove(c.filled)
	return c.view && s.subs.len()+len(s.ready) == 0
}

// appendBeat appends what keeps a stream from being silent.
func (s *session) appendBeat(c *socket, buf []byte) []byte {
	if c.beatDue {
		buf = append(buf, ":\n\n"...)
	}
	c.beatDue, c.pingDue, c.filled = false, false, s.sent
	return buf
}

// farewell is the last that is said on a socket. c.mu is held.
func (c *socket) farewell(code int, reason string) []byte {
	if c.coding != sentEvent {
		return appendClose(nil, code, reason)
	}
	var last []byte
	if wait := waitOf(reason); code == wire.CloseRestart && wait != "" {
		last = append(last, "retry: "+wait+"\n"...)
	}
	if c.view {
		return wire.AppendEvent(last, wire.AppendClosed(nil, &wire.Closed{Observer: c.observer, Code: closedCode(code), Detail: reason}))
	}
	if code == wire.CloseReplaced {
		last = wire.AppendEventID(last, c.tag+":"+replacedMark)
	}
	return wire.AppendEvent(last, wire.AppendClose(nil, &wire.Close{Code: code, Reason: reason}))
}

// closedCode says in a closed message what a close code says.
func closedCode(code int) wire.Code {
	switch code {
	case wire.CloseUnauthentic, wire.CloseForbidden:
		return wire.CodePermissionRevoked
	case wire.CloseTooSlow, wire.CloseTooMany:
		return wire.CodeLimit
	}
	return wire.CodeShutdown
}
