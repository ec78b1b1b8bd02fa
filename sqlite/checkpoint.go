package sqlite

import "context"

// The log is copied into the database file by a goroutine of the stream's, every
// copyEvery frames. SQLite would do it within the commit that makes the log so
// long, and wait for the disk while that holds the commit lock: every other
// commit and every snapshot would wait with it. Where commits follow each other
// so closely that a copy is never complete, the log cannot begin anew, and at
// maxFrames SQLite does what is left of it after all.
const (
	copyEvery = 1_000
	maxFrames = 10_000
)

// copier knows when the log is to be copied next. Source.mu guards all but wake.
type copier struct {
	off    bool // the user has said when it is done
	wake   chan struct{}
	seen   uint32 // frames of the log
	copyAt uint32
}

func newCopier(off bool) copier {
	return copier{off: off, wake: make(chan struct{}, 1), copyAt: copyEvery}
}

// grown takes the number of frames that the newest commit has left.
func (c *copier) grown(frames uint32) {
	if frames < c.seen { // the log has begun anew
		c.copyAt = copyEvery
	}
	if c.seen = frames; frames < c.copyAt || c.off {
		return
	}
	c.copyAt = frames + copyEvery
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// copyLog copies the log whenever it has grown, until ctx ends.
func (s *Source) copyLog(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.copier.wake:
		}
		if err := s.checkpoint(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("sqlite: the log could not be copied into the database file; commits will do it", "path", s.path, "error", err)
		}
	}
}

// checkpoint copies what it can without waiting for anybody. The connection is
// a new one each time: the file may have been replaced.
func (s *Source) checkpoint(ctx context.Context) error {
	conn, err := s.connector.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return run(conn, "PRAGMA wal_checkpoint(PASSIVE)")
}
