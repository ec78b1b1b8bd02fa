package sqlite

import (
	"context"
	"time"
)

// pollInterval is how often the wal-index is looked at where nothing tells of
// a change.
const pollInterval = 5 * time.Millisecond

// notice publishes commits of others until ctx ends.
func (s *Source) notice(ctx context.Context) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.look()
		}
	}
}

// look publishes what others have committed.
func (s *Source) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.absorb()
}
