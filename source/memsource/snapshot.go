package memsource

import (
	"context"
	"sync"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/source"
)

// snapshot is one state, which stays as it is however long it is held.
type snapshot struct {
	db       *DB
	state    *state
	position change.Position
	close    func()
}

var _ source.Snapshot = (*snapshot)(nil)

// Pin implements source.Source.
func (db *DB) Pin(ctx context.Context) (source.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if db.lag != nil {
		return db.pinLagging(ctx)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.pin(db.state), nil
}

// pin makes a snapshot of a state of which nothing newer is logged. The caller
// holds mu.
func (db *DB) pin(of *state) *snapshot {
	db.pinned++
	return &snapshot{db, of, db.newest(), sync.OnceFunc(db.unpin)}
}

// pinnedState is the state that an evaluation is to read, nil where it has none
// of this database.
func (db *DB) pinnedState(s source.Snapshot) *state {
	if early, ok := s.(*early); ok {
		s = early.snapshot
	}
	if pinned, ok := s.(*snapshot); ok && pinned.db == db {
		return pinned.state
	}
	return nil
}

func (db *DB) unpin() {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.pinned--
}

func (s *snapshot) Position() change.Position { return s.position }

func (s *snapshot) Contains(set *change.Changeset) bool {
	if set.Mark != "" {
		return s.position.SameHistory(set.Position) && set.Mark <= markOf(s.state.number)
	}
	return s.position.SameHistory(set.Position) && s.position.Reaches(set.Position)
}

func (s *snapshot) Close() error {
	s.close()
	return nil
}
