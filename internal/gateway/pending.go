package gateway

import (
	"github.com/wakeful-dev/wakeful/wire"
)

const (
	// maxSubscribing bounds what one socket asks the app and the worker at once.
	maxSubscribing = 64
	// maxPending bounds what waits for its turn.
	maxPending = 1000
	// maxUnread bounds the bytes of answers to a client that does not read them:
	// more than the longest frame by default can have as its answer.
	maxUnread = 2 << 20
)

// pending is what a client asked for over its socket and has no answer to.
type pending struct {
	running int
	waiting []func()
}

// begin runs f in a goroutine that the gateway waits for: at once, or when its
// turn has come. It refuses where too much waits.
func (c *socket) begin(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending.running == maxSubscribing {
		if len(c.pending.waiting) == maxPending {
			return false
		}
		c.pending.waiting = append(c.pending.waiting, f)
		return true
	}
	c.pending.running++
	c.gateway.readers.Add(1)
	go func() {
		defer c.gateway.readers.Done()
		for f := f; f != nil; f = c.nextPending() {
			f()
		}
	}()
	return true
}

// nextPending returns what is to run next, nil where nothing waits.
func (c *socket) nextPending() (f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.pending
	if len(p.waiting) == 0 {
		p.running, p.waiting = p.running-1, nil
		return nil
	}
	f, p.waiting[0] = p.waiting[0], nil
	p.waiting = p.waiting[1:]
	return f
}

// after sends a message behind all that is due.
func (c *socket) after(text []byte) {
	s := c.owner()
	if s == nil {
		c.reply(c.coding.append(nil, text))
		return
	}
	s.mu.Lock()
	if s.socket == c {
		s.say(c, text)
	}
	s.mu.Unlock()
	c.wake()
}

// say has a message sent behind all that is due. s.mu is held.
func (s *session) say(c *socket, text []byte) {
	if s.owes(c, text) {
		s.replies = append(s.replies, text)
	}
}

// owes counts an answer that is to be sent. A client that asks and asks, and
// reads no answer, is closed: it would else miss one and never know. s.mu is
// held.
func (s *session) owes(c *socket, text []byte) bool {
	if s.unread+len(text) > maxUnread {
		c.close(wire.CloseTooMany, "the answers to what was asked are not read")
		return false
	}
	s.unread += len(text)
	return true
}

// settled takes answers that are sent, or that nobody waits for, off what is
// owed. s.mu is held.
func (s *session) settled(texts [][]byte) {
	for _, text := range texts {
		s.unread -= len(text)
	}
}

// hush drops the answers to what was asked over a former socket: the client of
// the next one may have given the same ids to something else. s.mu is held.
func (s *session) hush() {
	s.settled(s.replies)
	s.replies, s.stale = nil, false // it is told again that nobody knows how current it is
	for _, sub := range s.subs.all() {
		s.settled(sub.intro)
		sub.intro = nil
	}
	for _, sub := range s.ready { // those too that have ended
		s.settled(sub.intro)
		sub.intro = nil
	}
}

// validValue reports whether text may stand in a header.
func validValue(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
