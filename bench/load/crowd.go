package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/bench/role"
)

const (
	// atOnce bounds the handshakes under way below the kernel's queue of
	// connections to be accepted (4,096): one that overflows it waits a second,
	// which would measure the kernel's timer.
	atOnce = 1000
	// perAddress is how many sockets share one source address.
	perAddress = 2000
	// patience bounds the wait for one frame at all sockets.
	patience = 20 * time.Second
)

// crowd is a number of clients that follow one list.
type crowd struct {
	target   Target
	name     string
	sockets  []*socket
	writer   *lean
	witness  *crowd // one client that stays, while the others are away
	observer string // id, as the GETs answered
	epoch    string
	seq      uint64
	score    int64 // of the last change that it missed

	needle atomic.Pointer[[]byte]
	left   atomic.Int64
	done   chan int64 // role.Now of the last arrival
	extra  atomic.Int64
	listed atomic.Int64           // bytes that the GETs brought
	watch  atomic.Pointer[stream] // takes the frames while it runs
	// counting takes them instead.
	counting atomic.Pointer[tally]

	mu     sync.Mutex
	frames []string // of the first socket, since expect
	failed error
	kept   []*lean // over which the GETs went
}

func newCrowd(t Target, name string) *crowd {
	c := &crowd{target: t, name: name, done: make(chan int64, 1), sockets: make([]*socket, t.Clients)}
	for i := range c.sockets {
		c.sockets[i] = &socket{crowd: c, index: i, first: i == 0}
	}
	return c
}

// session names the client with the index i.
func (c *crowd) session(i int) string { return fmt.Sprintf("%s-%d", c.name, i) }

// expect waits for a frame with the needle at n sockets.
func (c *crowd) expect(needle string, n int) {
	c.mu.Lock()
	c.frames = nil
	c.mu.Unlock()
	bytes := []byte(needle)
	c.left.Store(int64(n))
	c.needle.Store(&bytes)
}

// arrived returns when the last of the expected frames came.
func (c *crowd) arrived() (int64, error) {
	overdue := time.NewTimer(patience)
	defer overdue.Stop()
	select {
	case at := <-c.done:
		return at, nil
	case <-overdue.C:
		c.mu.Lock()
		defer c.mu.Unlock()
		return 0, errors.Join(c.failed, fmt.Errorf("load: %d of %d clients did not get %s; last frames %.300q",
			c.left.Load(), len(c.sockets), *c.needle.Load(), c.frames))
	}
}

// text takes one text frame.
func (c *crowd) text(s *socket, payload []byte) {
	if counting := c.counting.Load(); counting != nil {
		counting.take(s, payload)
		return
	}
	if stream := c.watch.Load(); stream != nil {
		stream.take(payload)
		return
	}
	if s.first { // before its arrival is told: who waits for that takes the frames
		c.mu.Lock()
		c.frames = append(c.frames, string(payload))
		c.mu.Unlock()
	}
	if needle := c.needle.Load(); needle != nil && bytes.Contains(payload, *needle) {
		switch left := c.left.Add(-1); {
		case left == 0:
			c.done <- role.Now()
		case left < 0:
			c.extra.Add(1)
		}
	}
}

func (c *crowd) closedBy(payload []byte) {
	code, reason := ws.ParseCloseFrameData(payload)
	c.fail(fmt.Errorf("load: the server closed a socket: %d %s", code, reason))
}

func (c *crowd) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.failed = err
	}
}

// taken returns the frames of the first client since expect.
func (c *crowd) taken() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.frames...)
}

// connect opens all sockets at once from the addresses of a network, and has
// each send a first frame, "" for none. It returns when all are open.
func (c *crowd) connect(network int, first string) error {
	var opening sync.WaitGroup
	room := make(chan struct{}, atOnce)
	errs := make(chan error, len(c.sockets))
	for i, s := range c.sockets {
		opening.Go(func() {
			room <- struct{}{}
			early, err := s.dial(c.target, c.session(i), net.IPv4(127, byte(network), 0, byte(1+i/perAddress)))
			<-room
			if err == nil && first != "" {
				err = s.write(ws.NewTextFrame([]byte(first)))
			}
			if err != nil {
				errs <- err
				return
			}
			if c.target.Slow {
				go s.readSlowly()
			} else {
				go s.read(early)
			}
		})
	}
	opening.Wait()
	select {
	case err := <-errs:
		return fmt.Errorf("load: connect: %w", err)
	default:
		return nil
	}
}

// dial connects and shakes hands. early is what came behind the handshake.
func (s *socket) dial(t Target, session string, from net.IP) (early []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
	conn, err := dialer.DialContext(ctx, "tcp", t.Addr)
	if err != nil {
		return nil, err
	}
	var hand ws.Dialer
	if t.Version == V2 {
		hand.Protocols = []string{"wakeful.v2+json"}
	}
	if t.Users {
		hand.Header = ws.HandshakeHeaderHTTP{"Authorization": {"Bearer " + t.user(s.index)}}
	}
	in, _, err := hand.Upgrade(conn, &url.URL{Scheme: "ws", Host: t.Addr, Path: "/ws/" + session})
	if err != nil {
		conn.Close()
		return nil, err
	}
	if in != nil {
		early, _ = in.Peek(in.Buffered())
		early = bytes.Clone(early)
		ws.PutReader(in)
	}
	s.conn = conn
	if t.Slow {
		err = conn.(*net.TCPConn).SetReadBuffer(window)
	}
	return early, err
}

// close ends all sockets without a word, as a network does.
func (c *crowd) close() {
	c.needle.Store(nil)
	for _, s := range c.sockets {
		if s.conn != nil {
			s.conn.Close()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.kept {
		h.conn.Close()
	}
	c.kept = nil
}

// credentials are the header lines by which a client says who it is.
func (c *crowd) credentials(i int) []string {
	if !c.target.Users {
		return nil
	}
	return []string{"Authorization: Bearer " + c.target.user(i)}
}

// pause is the quiet before a sample.
func (c *crowd) pause() { time.Sleep(time.Duration(c.target.GapMicro) * time.Microsecond) }

// observePath is a GET of one client: that of its only list, or of one of those
// that all of them follow.
func (c *crowd) observePath(i, list int) string {
	view, sign := c.target.View, "?"
	if c.target.Lists == 0 {
		list = i
	}
	if strings.Contains(view, "%d") {
		view = fmt.Sprintf(view, c.target.First+list)
	}
	if strings.Contains(view, "?") {
		sign = "&"
	}
	return view + sign + "observe=" + c.session(i)
}
