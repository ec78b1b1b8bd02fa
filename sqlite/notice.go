package sqlite

import (
	"context"
	"errors"
	"os"
	"runtime"
	"time"

	"github.com/wakeful-dev/wakeful/change"
)

const (
	// pollInterval is how often the wal-index is looked at where nothing
	// tells of a change.
	pollInterval = 5 * time.Millisecond
	// safetyInterval is how often all is looked at, whatever has been told.
	safetyInterval = 250 * time.Millisecond
	// spinFor is how long a commit takes from its first byte in the log to the
	// wal-index. A timer would not be back before a millisecond has gone.
	spinFor = 100 * time.Microsecond
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
	l := lookout{source: s, watch: w}
	told := false
	for ctx.Err() == nil {
		s.maintainLog(ctx)
		if !told && !w.wait(safetyInterval) {
			s.look()
			s.checkFile()
			continue
		}
		told = l.lookFor(ctx)
	}
}

// lookout looks for commits of others when it is told that the log was written.
type lookout struct {
	source *Source
	watch  *watcher
	last   header // as the last look left it
	told   time.Time
	quick  int // times in a row that it was told again within lull
}

// lookFor looks until an outside commit is found, the reason to look is old, or
// there is another, which it reports. The log is written before the wal-index
// says that it counts, and nothing tells of the latter; a writer with
// synchronous=FULL waits for the disk in between. Own commits are told of too:
// where there was one since the last look, it was the reason, most likely.
func (l *lookout) lookFor(ctx context.Context) (told bool) {
	news, own := l.look()
	for until := time.Now().Add(spinFor); !news && !own && time.Now().Before(until); {
		runtime.Gosched()
		news, _ = l.look()
	}
	pause := time.Millisecond
	for n := 0; !news && pause < safetyInterval && ctx.Err() == nil; n++ {
		if own || n > 30 {
			pause *= 2
		}
		if l.watch.wait(pause) {
			l.rest(ctx)
			return true
		}
		news, _ = l.look()
	}
	return false
}

// look publishes what others have committed. It says whether they have, and
// whether this process has since the last look.
func (l *lookout) look() (news, own bool) {
	s := l.source
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.seen
	s.absorb()
	own = !before.same(l.last)
	news = !s.seen.same(before)
	l.last = s.seen
	return news, own
}

// rest keeps a burst of own commits from waking the lookout for each of them.
// They find what others committed, and the lookout does when it has rested.
func (l *lookout) rest(ctx context.Context) {
	if time.Since(l.told) >= lull {
		l.quick = 0
	} else if l.quick++; l.quick >= burst {
		l.watch.hear(false)
		sleep(ctx, pauseAfter(l.quick))
		l.watch.hear(true)
	}
	l.told = time.Now()
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
	s.history.Swap(newHistory(s.keep, s.keepBytes)).end()
	s.publish(change.Changeset{Everything: true})
}
