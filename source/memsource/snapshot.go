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
	db.mu.Lock()
	defer db.mu.Unlock()
	db.pinned++
	return &snapshot{db, db.state, db.position(db.state.number), sync.OnceFunc(db.unpin)}, nil
}

func (db *DB) unpin() {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.pinned--
}

func (s *snapshot) Position() change.Position { return s.position }

func (s *snapshot) Contains(set *change.Changeset) bool {
	return s.position.SameHistory(set.Position) && s.position.Reaches(set.Position)
}

func (s *snapshot) Close() error {
	s.close()
	return nil
}
