package memsource

import (
	"context"
	"fmt"
	"iter"
	"slices"

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
		var err error
		for err == nil {
			var sets []change.Changeset
			sets, err = db.next(ctx, after)
			for _, set := range sets {
				if ctx.Err() != nil {
					break // next says so
				}
				if !yield(set, nil) {
					return
				}
				after = set.Position
			}
		}
		yield(change.Changeset{}, err)
	}
}

// next waits for what was logged after the given position.
func (db *DB) next(ctx context.Context, after change.Position) ([]change.Changeset, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		db.mu.Lock()
		base, newest, log, advance := db.base, db.newest(), db.log, db.advance
		db.mu.Unlock()
		if !after.Reaches(base) || !newest.Reaches(after) {
			return nil, fmt.Errorf("memsource: %w: the log holds %d changesets after %s up to %s, asked after %s",
				source.ErrPositionGone, len(log), base, newest, after)
		}
		first, _ := slices.BinarySearchFunc(log, after, func(set change.Changeset, p change.Position) int {
			if set.Position <= p {
				return -1
			}
			return 1
		})
		if first < len(log) {
			return log[first:], nil
		}
		select {
		case <-ctx.Done():
		case <-advance:
		}
	}
}
