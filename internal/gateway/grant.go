package gateway

import (
	"context"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
)

// grant is one set of credentials at one observer: how many use it, and what the
// app said of it. Everybody else of the same identity or scope may have
// credentials of his own, and another's carry the observer on only for those
// whose own are good.
type grant struct {
	request  *bus.Request
	identity string // whose credentials they are, a hash

	// Guarded by feed.mu.
	users     int       // subscriptions and polls
	subs      []*sub    // that follow with it
	proven    time.Time // when the app said last that the credentials are good
	proof     uint64    // which doubt that came after (feed.doubted)
	due       time.Time // when it is asked again
	ends      time.Time // when they end by themselves, zero where that is not known
	trial     *trial    // under way, nil for none
	gating    bool      // some of the subscriptions wait for it
	failures  int       // trials in a row that came to nothing
	now, next *survey
}

// survey is one question to the worker that several polls share: all that came
// before it was asked.
type survey struct {
	done   chan struct{}
	answer *bus.Observed
}

// grant returns the one of a request's credentials, and counts a user of it.
// f.mu is held.
func (f *feed) grant(request *bus.Request, identity string) *grant {
	t := f.grants[request.Credentials]
	if t == nil {
		t = &grant{request: request, identity: identity, ends: f.gateway.expiry(request)}
		if f.grants == nil {
			f.grants = map[string]*grant{}
		}
		f.grants[request.Credentials] = t
	}
	t.users++
	return t
}

// join has a subscription follow with the grant. f.mu is held.
func (t *grant) join(sub *sub) {
	sub.grant, sub.rank = t, len(t.subs)
	t.subs = append(t.subs, sub)
	t.gating = t.gating || sub.gated
}

// leave ends that. f.mu is held.
func (t *grant) leave(sub *sub) {
	last := len(t.subs) - 1
	t.subs[sub.rank] = t.subs[last]
	t.subs[sub.rank].rank = sub.rank
	t.subs[last] = nil
	t.subs = t.subs[:last]
}

// drop counts a user less. f.mu is held.
func (f *feed) drop(t *grant) {
	if t.users--; t.users == 0 && f.grants[t.request.Credentials] == t {
		delete(f.grants, t.request.Credentials)
	}
}

// turning returns a channel that is closed when the list changes, or ends.
func (f *feed) turning() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.turned == nil {
		f.turned = make(chan struct{})
	}
	return f.turned
}

// turn wakes all polls. f.mu is held.
func (f *feed) turn() {
	if f.turned != nil {
		close(f.turned)
		f.turned = nil
	}
}

// survey asks the worker for the list with the credentials of a grant, once for
// all who ask while a question is under way. It returns nil where ctx ends.
func (f *feed) survey(ctx context.Context, t *grant) *bus.Observed {
	f.mu.Lock()
	s := t.next
	first := false
	if s == nil {
		s = &survey{done: make(chan struct{})}
		if first = t.now == nil; first {
			t.now = s
		} else {
			t.next = s
		}
	}
	f.mu.Unlock()
	if first {
		f.carryOut(t, s)
	}
	select {
	case <-s.done:
		return s.answer
	case <-ctx.Done():
		return nil
	}
}

func (f *feed) carryOut(t *grant, s *survey) {
	message := &bus.Observe{Observer: f.observer, Request: *t.request}
	f.gateway.ask(f.rights, message, func(o *bus.Observed, _ *wakes) {
		s.answer = o
		close(s.done)
		f.mu.Lock()
		t.now, t.next = t.next, nil
		next := t.now
		f.mu.Unlock()
		if next != nil {
			f.carryOut(t, next)
		}
	})
}

// askFor asks the worker for a list that is not older than a position.
func (f *feed) askFor(ctx context.Context, t *grant, after change.Position) *bus.Observed {
	answer := make(chan *bus.Observed, 1)
	message := &bus.Observe{Observer: f.observer, Request: *t.request, After: after}
	f.gateway.ask(f.rights, message, func(o *bus.Observed, _ *wakes) { answer <- o })
	select {
	case o := <-answer:
		return o
	case <-ctx.Done():
		return nil
	}
}
