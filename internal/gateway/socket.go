package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/wire"
)

// socket is one connection of a client. Idle, it costs the goroutine that
// reads it.
type socket struct {
	gateway *Gateway
	conn    carrier
	version version
	coding  coding // of version 2
	view    bool   // an event stream of one view: its session is its own, and ends with it
	// Of event streams: the observer of the view, and what begins the ids of a
	// session's events.
	observer, tag string
	id            string // of the session asked for
	opened        time.Time
	ctx           context.Context // done when the connection has ended
	cancel        context.CancelFunc
	wanted        atomic.Int64 // wakes that the writer has not seen; 0: no writer
	heard         atomic.Int64 // when the client was heard last, Unix nanoseconds

	// The writer's alone: the deadline of writes, and how much was written until
	// the kernel was told how much it may take.
	deadline time.Time
	written  int

	mu      sync.Mutex
	session *session      // nil until the client is admitted
	control []byte        // frames that go before all else
	closing []byte        // the close frame, after which nothing goes
	code    int           // of the close frame
	said    bool          // the close frame is being written, or was: the client may answer it
	over    bool          // nothing can be written any more
	flushed chan struct{} // closed when the close frame is out, or cannot be
	pending pending

	// Guarded by session.mu once there is a session.
	started  bool // lists may be sent
	proof    *proof
	pinged   uint64 // number of the last ping
	unproven int    // pings that no pong has answered
	pingAt   time.Time
	pingDue  bool
	beatDue  bool
	nextBeat time.Time
	barriers []barrier
	filled   uint64 // session.sent when the stream was filled last
	filling  int64  // when it is being filled, Unix nanoseconds

	peer *peer  // of the handshake, then of the reader alone
	who  *claim // likewise; nil while refused
}

// carrier is what a socket reads and writes.
type carrier interface {
	io.ReadWriteCloser
	SetDeadline(time.Time) error
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// barrier is somebody who waits for a proof.
type barrier struct {
	number uint64
	proven chan struct{}
}

// refusal is why a socket is not admitted.
type refusal struct {
	status int // version 1
	code   int // version 2
	word   wire.Code
	detail string
}

func refusalOf(p *wire.Problem) *refusal {
	code := wire.CloseForbidden
	switch p.Status {
	case http.StatusBadRequest:
		code = wire.CloseBadRequest
	case http.StatusTooManyRequests:
		code = wire.CloseTooMany
	case http.StatusServiceUnavailable:
		code = wire.CloseGoingAway
	}
	return &refusal{p.Status, code, p.Code, p.Detail}
}

// serveSocket answers the handshake for a session.
func (g *Gateway) serveSocket(w http.ResponseWriter, r *http.Request, id string) {
	switch {
	case r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "":
		g.preflight(w, r)
		return
	case r.Method == http.MethodGet && !hasToken(r.Header["Upgrade"], "websocket") && prefersEvents(r.Header):
		g.serveSession(w, r, id)
		return
	}
	if problem := checkUpgrade(w, r); problem != nil {
		g.record(event.Event{Kind: event.Refused, Code: string(problem.Code)})
		problem.Write(w)
		return
	}
	v := version1
	if slices.Contains(protocols(r), wire.Subprotocol) {
		v = version2
	}
	if v == version1 {
		var problem *wire.Problem
		if r, problem = g.ticketed(r); problem != nil {
			g.record(event.Event{Kind: event.Refused, Code: string(problem.Code)})
			problem.Write(w)
			return
		}
	}
	who, refused := g.checkHandshake(r, id, v)
	if refused != nil && v == version1 {
		g.record(event.Event{Kind: event.Refused, Code: string(refused.word)})
		wire.NewProblem(refused.status, refused.word, refused.detail).Write(w)
		return
	}
	g.accept(w, r, id, v, who, refused)
}

// checkHandshake says who opens a socket, or why it is refused before there is
// one. A version 2 client may still authenticate over it: then who is nil.
func (g *Gateway) checkHandshake(r *http.Request, id string, v version) (*claim, *refusal) {
	if !validSession(id) {
		return nil, refusalOf(badSession("session"))
	}
	if g.foreignSocket(r) {
		return nil, refusalOf(crossSite("connect"))
	}
	who, err := g.claimOf(r)
	if err != nil {
		if v == version2 {
			return nil, nil
		}
		return nil, &refusal{http.StatusForbidden, wire.CloseUnauthentic, wire.CodeUnauthenticated, "the identity of the request is refused"}
	}
	if v == version1 {
		return who, g.checkV1(id, who)
	}
	return who, nil
}

// checkV1 refuses a version 1 socket while it can still be told by a status.
func (g *Gateway) checkV1(id string, who *claim) *refusal {
	s := g.session(id)
	switch {
	case g.isClosing():
		// A socket that opens, if only for a moment, makes the client send
		// the requests that it held back.
		return refusalOf(goingAway())
	case s == nil && g.knownLost(id):
		return &refusal{http.StatusGone, wire.CloseLost, wire.CodeSessionLost, "the session is gone: load the lists anew with a new one"}
	case s == nil && !g.hasRoom(who):
		return refusalOf(tooManySessions())
	case s != nil && !s.admits(who):
		return refusalOf(foreignSession())
	}
	return nil
}

func protocols(r *http.Request) []string {
	var names []string
	for _, value := range r.Header["Sec-Websocket-Protocol"] {
		for name := range strings.SplitSeq(value, ",") {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

// accept upgrades the connection and starts its reader. The handler returns
// meanwhile, and with it the buffers of net/http.
func (g *Gateway) accept(w http.ResponseWriter, r *http.Request, id string, v version, who *claim, refused *refusal) {
	header := http.Header{}
	if refused == nil {
		if who != nil {
			who.setCookie(header, r.TLS != nil)
		} else {
			(&claim{}).setCookie(header, r.TLS != nil)
		}
	}
	up := ws.HTTPUpgrader{Header: header}
	if v == version2 {
		// Of all that a client offers, and however it lists it, this is taken.
		r.Header["Sec-Websocket-Protocol"] = []string{wire.Subprotocol}
		up.Protocol = func(string) bool { return true }
	}
	answer := &handshake{ResponseWriter: w}
	conn, rw, _, err := up.Upgrade(r, answer)
	if err != nil {
		if conn != nil {
			_ = conn.SetDeadline(time.Now().Add(closeWait))
			_, _ = conn.Write(answer.text.Bytes()) // why not; the client may be gone
			_ = conn.Close()
		}
		return
	}
	now := time.Now()
	c := &socket{
		gateway: g, conn: conn, version: v, id: id, opened: now, nextBeat: now.Add(g.Heartbeat), started: v == version1,
		control: answer.text.Bytes(),
		pingAt:  now.Add(-rand.N(pingPause)), // so that a crowd is not asked all at once
	}
	c.wanted.Store(1) // the first writer is this goroutine, when all that is first is known
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.heard.Store(now.UnixNano())
	var in io.Reader = conn
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ := rw.Reader.Peek(n) // what the client sent right behind the handshake
		in = io.MultiReader(strings.NewReader(string(early)), conn)
	}
	if !g.enter(c) {
		if v == version2 {
			_ = conn.SetDeadline(now.Add(closeWait))
			_, _ = conn.Write(appendClose(c.control, wire.CloseGoingAway, "the server is going away")) // the client may be gone
		}
		_ = conn.Close()
		return
	}
	g.record(event.Event{Kind: event.SocketOpened, Session: g.sessionLabel(event.SocketOpened, id)})
	c.peer, c.who = newPeer(r), who
	if v == version2 {
		c.greet(nil)
	}
	if refused == nil && who != nil {
		if refused = g.admit(c, who); refused != nil && v == version2 && who.identity == "" && refused.status == http.StatusForbidden {
			refused = nil // it may still authenticate
		}
	}
	if refused != nil {
		g.record(event.Event{Kind: event.Refused, Code: string(refused.word)})
		c.close(refused.code, string(refused.word)+": "+refused.detail)
	}
	go c.read(in)
	c.write()
}

// handshake keeps the answer of an upgrade, so that it leaves in one write
// with the first frames.
type handshake struct {
	http.ResponseWriter
	text bytes.Buffer
}

// Hijack hands over the connection with a writer that does not reach it.
func (h *handshake) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	rw.Writer.Reset(&h.text)
	return conn, rw, nil
}

func (g *Gateway) isClosing() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closing
}

// enter counts a socket in, unless the gateway is closing.
func (g *Gateway) enter(c *socket) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing {
		return false
	}
	g.sockets[c] = struct{}{}
	g.readers.Add(1)
	return true
}

// read takes what the client sends until the connection ends.
func (c *socket) read(in io.Reader) {
	defer c.gateway.readers.Done()
	defer c.finish()
	frames := newFrameReader(in, &c.gateway.Limits)
	for {
		opcode, payload, err := frames.next()
		if err == nil {
			c.heard.Store(time.Now().UnixNano())
			err = c.take(frames, opcode, payload)
		}
		var bad *frameError
		if errors.As(err, &bad) {
			c.close(bad.code, bad.reason)
			c.drain()
			return
		}
		if err != nil {
			return
		}
	}
}

// errClosed ends the reading after the client's close frame.
var errClosed = errors.New("gateway: the client closed the socket")

// take handles one message or control frame. When the server has said that it
// closes, only what tells of the client still counts: its close frame and its
// pongs.
func (c *socket) take(frames *frameReader, opcode ws.OpCode, payload []byte) error {
	if opcode != ws.OpClose && opcode != ws.OpPong && c.isClosing() {
		return nil
	}
	switch opcode {
	case ws.OpPing:
		c.reply(appendFrame(nil, ws.OpPong, payload))
	case ws.OpPong:
		if number, err := strconv.ParseUint(string(payload), 10, 64); err == nil && c.pong(number) {
			frames.refund()
		}
	case ws.OpClose:
		code, err := parseClose(payload)
		if err != nil {
			return err
		}
		c.survived()
		c.close(code, "")
		c.abort()
		return errClosed
	case ws.OpText:
		if c.version == version2 {
			return c.message(payload)
		}
	case ws.OpBinary:
		if c.version == version2 {
			return &frameError{wire.CloseBadRequest, "binary frames mean nothing here"}
		}
	}
	return nil // version 1 clients have nothing to say
}

// pong hands a proof on, and reports whether it answers a ping.
func (c *socket) pong(number uint64) bool {
	s := c.owner()
	if s == nil {
		return false
	}
	return s.pong(c, number)
}

// drain reads what the client still sends until it has taken the close frame,
// so that the connection is not reset before.
func (c *socket) drain() {
	c.abort()
	_, _ = io.Copy(io.Discard, c.conn)
}

// owner returns the session that the socket is admitted to, nil for none.
func (c *socket) owner() *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

// finish ends the connection, when the close frame is out if there is one.
func (c *socket) finish() {
	c.mu.Lock()
	flushed := c.flushed
	c.mu.Unlock()
	if flushed != nil {
		<-flushed
	}
	_ = c.conn.Close()
	c.mu.Lock()
	c.over = true
	s, code := c.session, c.code
	c.mu.Unlock()
	g := c.gateway
	if s != nil {
		s.leave(c)
		if c.view {
			g.endSession(s, closeNormal, false)
		}
	}
	c.cancel()
	g.mu.Lock()
	delete(g.sockets, c)
	g.mu.Unlock()
	g.record(event.Event{Kind: event.SocketClosed, Session: g.sessionLabel(event.SocketClosed, c.id), Code: strconv.Itoa(code)})
}
