package gateway

import (
	"sync"
	"time"
)

// together is how long a session waits to be told a progress for a list that is
// there soon, so that all its lists change as one (W6).
const together = 250 * time.Millisecond

// parted are the sessions that were sent the diffs of some lists, and wait for
// those of others before they are told how far all are. Its mu is taken last.
type parted struct {
	mu       sync.Mutex
	sessions []*session
}

func (p *parted) add(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions = append(p.sessions, s)
}

// wake has all look again: the worker has spoken. No session's mu is held.
func (p *parted) wake(w *wakes) {
	p.mu.Lock()
	sessions := p.sessions
	p.sessions = nil
	p.mu.Unlock()
	for _, s := range sessions {
		s.mu.Lock()
		w.add(s)
		s.mu.Unlock()
	}
}

// parts reports whether a list that the session follows is not as far as others
// of it, and will be in a moment: then it is woken by what the worker says next.
// s.mu is held.
func (s *session) parts(p *progress) bool {
	if !s.leads(p) {
		return false
	}
	now := time.Now()
	if s.partedAt.IsZero() {
		s.partedAt = now
	}
	if now.Sub(s.partedAt) >= together {
		return false
	}
	g := s.gateway
	g.parted.add(s)
	if g.progress.Load() != p {
		go s.wake()
	}
	return true
}

// leads reports whether the session has diffs of which a progress does not speak,
// or waits for a list that is there soon.
func (s *session) leads(p *progress) bool {
	if !p.Position.Reaches(s.newest) {
		return true
	}
	if len(p.soon) < s.subs.len() {
		for observer := range p.soon {
			if s.subs.of(observer) != nil {
				return true
			}
		}
		return false
	}
	for observer := range s.subs.all() {
		if p.soon[observer] {
			return true
		}
	}
	return false
}
