package gateway

import (
	"errors"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/wire"
)

const (
	// fillTarget is how much is gathered for one write. It is what a client
	// that does not read holds in memory.
	fillTarget = 8 << 10
	// maxUnsent is how many bytes the kernel takes for a client before they can
	// be sent.
	maxUnsent = 32 << 10
	// directSize is from where on a shared frame is written from where it
	// lies, without being copied.
	directSize = 4 << 10
	// pingPause is the least time between two proofs that a version 1 client is
	// asked for. It is not asked with the diffs themselves: the pongs of a crowd
	// would come while the others of it are still being told.
	pingPause = time.Second
	// closeWait is how long a close frame may take to be written, and the
	// client to answer it.
	closeWait = time.Second
)

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// wake starts the socket's writer, or has the one that runs look again. There
// is a writer only while there is something to write.
func (c *socket) wake() {
	if c.wanted.Add(1) == 1 {
		go c.write()
	}
}

func (c *socket) write() {
	buf := buffers.Get().(*[]byte)
	for {
		seen := c.wanted.Load()
		for c.writeOnce(buf) {
		}
		c.rest()
		if c.wanted.CompareAndSwap(seen, 0) {
			break
		}
	}
	if cap(*buf) <= 2*fillTarget {
		buffers.Put(buf)
	}
}

// writeOnce gathers what is to be sent, control frames first, and writes it.
// It reports whether there may be more.
func (c *socket) writeOnce(buf *[]byte) bool {
	c.mu.Lock()
	out := append((*buf)[:0], c.control...)
	c.control = nil
	closing, s := c.closing, c.session
	over := c.over
	c.said = c.said || closing != nil && !over
	c.mu.Unlock()
	if over {
		return false
	}
	var direct []byte
	if closing != nil {
		out = append(out, closing...)
	} else if s != nil {
		out, direct = s.fill(c, out)
	}
	*buf = out
	if len(out) == 0 && direct == nil {
		if c.coding == sentEvent && c.wrote(s) {
			c.finishWriting(true)
		}
		return false
	}
	err := c.send(out)
	if err == nil && direct != nil {
		err = c.send(direct)
	}
	switch {
	case err != nil:
		c.finishWriting(false)
	case closing != nil || c.coding == sentEvent && c.wrote(s):
		c.finishWriting(true)
		return false
	}
	return err == nil
}

// finishWriting ends the sending side. After a close frame the client has a
// moment to answer it, so that it reads it before the connection is reset.
func (c *socket) finishWriting(said bool) {
	c.mu.Lock()
	c.over = true
	if c.flushed != nil {
		close(c.flushed)
	}
	c.mu.Unlock()
	if !said || c.coding == sentEvent {
		_ = c.conn.Close() // the reader ends with it
		return
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(closeWait))
}

// send writes bytes. It gives up only when the client accepts none of them for
// Limits.Stall.
func (c *socket) send(p []byte) error {
	for len(p) > 0 {
		began := time.Now()
		c.arm(began)
		c.limit(len(p))
		n, err := c.conn.Write(c.piece(p))
		p = p[n:]
		if now := time.Now(); n > 0 && now.Sub(began) >= time.Second {
			c.heard.Store(now.UnixNano()) // it made room: no pong can come before what it still reads
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || c.isClosing() {
			return err
		}
		if n == 0 {
			c.stalled()
			return err
		}
		c.deadline = time.Time{}
	}
	return nil
}

// limit bounds what the kernel takes for a client, before it is given as much
// as that in all: most sockets are never sent so much, and a crowd that comes
// back needs not wait for one system call more of each.
func (c *socket) limit(more int) {
	if c.written >= maxUnsent {
		return
	}
	if c.written += more; c.written >= maxUnsent {
		limitUnsent(c.conn)
	}
}

// stalled notes why the connection ends: no close frame can tell the client.
func (c *socket) stalled() {
	c.mu.Lock()
	c.code = wire.CloseTooSlow
	c.mu.Unlock()
}

// arm sets the write deadline, seldom: it is late by up to a sixth. The short
// one that close sets stays.
func (c *socket) arm(now time.Time) {
	stall := c.gateway.Limits.Stall
	if c.deadline.Sub(now) >= stall {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing == nil {
		c.deadline = now.Add(stall + stall/6)
		_ = c.conn.SetWriteDeadline(c.deadline)
	}
}

func (c *socket) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing != nil
}

// reply sends a control frame before all else. A client that asks for more
// than it reads gets no answers.
func (c *socket) reply(frame []byte) {
	c.mu.Lock()
	if len(c.control) < 4<<10 {
		c.control = append(c.control, frame...)
	}
	c.mu.Unlock()
	c.wake()
}

// close sends a close frame after what is being written, and nothing more.
func (c *socket) close(code int, reason string) {
	c.mu.Lock()
	first := c.closing == nil && !c.over
	if first {
		c.closing = c.farewell(code, reason)
		c.code, c.flushed = code, make(chan struct{})
		_ = c.conn.SetWriteDeadline(time.Now().Add(closeWait))
	}
	c.mu.Unlock()
	if first {
		c.wake()
	}
}

// abort ends the connection soon, whether or not the client answers.
func (c *socket) abort() { _ = c.conn.SetDeadline(time.Now().Add(closeWait)) }

// fill gathers what the session has for its socket: the diffs in the order in
// which they came, then how far that is. direct is to be written after out.
func (s *session) fill(c *socket, buf []byte) (out, direct []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socket != c || !c.started {
		return buf, nil
	}
	if len(s.ready) > 0 {
		c.filling = time.Now().UnixNano()
	}
	// Loaded before the last look at ready: what it covers was marked before.
	p := s.gateway.progress.Load()
	for len(s.ready) > 0 && len(buf) < fillTarget && direct == nil {
		sub, done := s.ready[0], false
		if sub.gated {
			s.dequeue() // it comes back when its credentials are proven
			continue
		}
		if c.version == version1 {
			buf, direct, done = s.fillV1(sub, buf)
		} else {
			buf, direct, done = s.fillV2(c, sub, buf)
		}
		if done {
			s.dequeue()
		}
	}
	if len(s.ready) > 0 || direct != nil {
		return buf, direct
	}
	return s.appendTail(c, buf, p), nil
}

// appendTail appends what comes when nothing else is left.
func (s *session) appendTail(c *socket, buf []byte, p *progress) []byte {
	if c.version == version2 {
		buf = s.appendProgress(c, buf, p)
		buf = s.appendReplies(c, buf)
	}
	switch {
	case c.coding == sentEvent:
		buf = s.appendBeat(c, buf)
	case c.pingDue || c.beatDue:
		buf = appendFrame(buf, ws.OpPing, strconv.AppendUint(nil, s.sent, 10))
		c.pinged, c.pingAt, c.pingDue, c.beatDue = s.sent, time.Now(), false, false
		c.unproven++
	}
	return buf
}

// appendReplies appends answers, as many as one write has room for. What is
// taken here is not counted as unread any more.
func (s *session) appendReplies(c *socket, buf []byte) []byte {
	n := 0
	for ; n < len(s.replies) && len(buf) < fillTarget; n++ {
		buf = c.coding.append(buf, s.replies[n])
	}
	s.settled(s.replies[:n])
	if s.replies = s.replies[n:]; len(s.replies) == 0 {
		s.replies = nil
	}
	return buf
}
