package sqlite

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/wakeful-dev/wakeful/change"
)

const (
	// pollInterval is how often the wal-index is looked at where nothing
	// tells of a change.
	pollInterval = 5 * time.Millisecond
	// safetyInterval is how often all is looked at, whatever has been told.
	safetyInterval = 250 * time.Millisecond
)

// notice publishes commits of others until ctx ends.
func (s *Source) notice(ctx context.Context) {
	w, err := watch(ctx, s.path)
	if err != nil {
		if !errors.Is(err, errors.ErrUnsupported) {
			s.log.Warn("sqlite: the file cannot be watched and is polled instead", "path", s.path, "error", err)
		}
		s.poll(ctx)
		return
	}
	defer w.close()
	for ctx.Err() == nil {
		s.maintainLog(ctx)
		if !w.wait(safetyInterval) {
			s.look()
			s.checkFile()
			continue
		}
		s.lookFor(ctx)
	}
}

// lookFor looks until an outside commit is found or the reason to look is old.
// The log is written before the wal-index says that it counts, and nothing
// tells of the latter; a writer with synchronous=FULL waits for the disk in
// between. Own commits are told of too, so this often finds nothing.
func (s *Source) lookFor(ctx context.Context) {
	pause := 100 * time.Microsecond
	for n := 0; !s.look() && pause < safetyInterval; n++ {
		switch {
		case n == 4:
			pause = time.Millisecond
		case n > 30:
			pause *= 2
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

// poll looks at the wal-index again and again.
func (s *Source) poll(ctx context.Context) {
	for n := 0; sleep(ctx, pollInterval); n++ {
		s.look()
		if n%int(safetyInterval/pollInterval) == 0 {
			s.checkFile()
			s.maintainLog(ctx)
		}
	}
}

// sleep reports false when ctx has ended.
func sleep(ctx context.Context, pause time.Duration) bool {
	if pause <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// look publishes what others have committed, and reports whether they have.
func (s *Source) look() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.seen
	s.absorb()
	return !s.seen.same(before)
}

// checkFile begins a new history when the path names another file than the one
// that is open. While it names none, the old one goes on.
func (s *Source) checkFile() {
	info, err := os.Stat(s.path)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if os.SameFile(info, s.file) && s.index.isFile(s.path+"-shm") {
		return
	}
	s.metaMu.Lock()
	defer s.metaMu.Unlock()
	old := s.meta
	if old == (closedConn{}) {
		return
	}
	if err := s.attach(); err != nil {
		s.log.Warn("sqlite: the database file was replaced by one that cannot be opened", "path", s.path, "error", err)
		return
	}
	_ = old.Close()
	s.forgetSchema()
	s.descriptions.clear()
	s.log.Info("sqlite: the database file was replaced; a new history begins", "path", s.path)
	s.history.Swap(newHistory(s.keep)).end()
	s.publish(change.Changeset{Everything: true})
}
