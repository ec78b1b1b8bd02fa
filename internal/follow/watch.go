package follow

import (
	"context"
	"fmt"
	"sync"

	"github.com/wakeful-dev/wakeful/change"
)

// Progress says how far a session's stream has come.
type Progress struct {
	Position change.Position `json:"position"`
	Whole    bool            `json:"whole"`
	Behind   []string        `json:"behind"`
}

// Message is what a version 1 message did: whether it removed, and the place
// that it named. What is for people.
type Message struct {
	Removed bool
	Order   int
	What    string
}

// Watch hears what happens to a client, in order and one call at a time, while
// the client is locked: the functions must not call it. Nil functions are
// skipped.
type Watch struct {
	// State: a list has taken a GET answer or a frame. In version 1: a GET
	// answer.
	State func(*List)
	// Message: a version 1 list has taken one message.
	Message func(*List, Message)
	// Progress: the lists that it speaks for.
	Progress func(Progress, []*List)
	// Proof: a version 1 server has pinged: what was sent before are whole
	// diffs.
	Proof func([]*List)
	// Dropped: a version 1 connection has ended, perhaps in the middle of a
	// diff.
	Dropped func()
	// Forget: the client no longer follows the list.
	Forget func(*List)
	// Fault: the server broke the protocol.
	Fault func(error)
}

// signal wakes all who wait for a state of something guarded by mu.
type signal struct {
	mu     sync.Mutex
	turned chan struct{}
}

// turn is called with mu held after anything has changed.
func (s *signal) turn() {
	if s.turned != nil {
		close(s.turned)
		s.turned = nil
	}
}

// wait returns when done, asked with mu held, says true.
func (s *signal) wait(ctx context.Context, done func() (bool, error)) error {
	for {
		s.mu.Lock()
		ok, err := done()
		if ok || err != nil {
			s.mu.Unlock()
			return err
		}
		if s.turned == nil {
			s.turned = make(chan struct{})
		}
		turned := s.turned
		s.mu.Unlock()
		select {
		case <-turned:
		case <-ctx.Done():
			return fmt.Errorf("follow: %w", context.Cause(ctx))
		}
	}
}
