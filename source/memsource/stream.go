package memsource

import (
	"context"
	"fmt"
	"iter"
	"strconv"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/source"
)

// Stream implements source.Source. Any number of streams may be read at a
// time; "now", for the position "", is the call of Stream.
func (db *DB) Stream(ctx context.Context, after change.Position) iter.Seq2[change.Changeset, error] {
	if after == "" {
		after = db.Position()
	}
	return func(yield func(change.Changeset, error) bool) {
		done, err := db.number(after)
		for err == nil {
			var sets []change.Changeset
			sets, err = db.next(ctx, done)
			for _, set := range sets {
				if ctx.Err() != nil {
					break // next says so
				}
				if !yield(set, nil) {
					return
				}
				done++
			}
		}
		yield(change.Changeset{}, err)
	}
}

// number is the commit that a position of this database names.
func (db *DB) number(p change.Position) (uint64, error) {
	if !p.SameHistory(db.position(0)) {
		return 0, fmt.Errorf("memsource: %w: %s is of another history than %s", source.ErrPositionGone, p, db.history)
	}
	n, err := strconv.ParseUint(string(p[change.HistoryLen:]), 16, 64)
	if err != nil {
		return 0, fmt.Errorf("memsource: %w: %s is no position", source.ErrPositionGone, p)
	}
	return n, nil
}

// next waits for what was committed after the given number.
func (db *DB) next(ctx context.Context, done uint64) ([]change.Changeset, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		db.mu.Lock()
		newest, log, advance := db.state.number, db.log, db.advance
		db.mu.Unlock()
		switch missing := newest - done; {
		case done > newest || missing > uint64(len(log)):
			return nil, fmt.Errorf("memsource: %w: the log holds %d changesets up to %d, asked after %d",
				source.ErrPositionGone, len(log), newest, done)
		case missing > 0:
			return log[uint64(len(log))-missing:], nil
		}
		select {
		case <-ctx.Done():
		case <-advance:
		}
	}
}
