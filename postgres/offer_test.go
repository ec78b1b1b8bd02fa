package postgres

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/source"
)

// TestOfferedIsAPrefix: while some write at once, each snapshot that is offered
// shows exactly the changesets that it says it contains, the newest that was yielded
// among them; and what nobody takes is closed.
func TestOfferedIsAPrefix(t *testing.T) {
	db, s := openConfig(t, Config{}, itemTable)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const times = 80
	var writing sync.WaitGroup
	defer writing.Wait()
	written := 0
	write := func(together int) {
		for range together {
			written++
			id := written
			writing.Go(func() {
				if _, err := db.ExecContext(ctx, "INSERT INTO item VALUES ($1, $2)", id, fmt.Sprint(id)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	write(1)
	model, offered := map[int64]string{}, 0
	var taken source.Snapshot
	var rows map[int64]string // in it
	for set, err := range s.Stream(ctx, s.Position()) {
		if err != nil {
			t.Fatal(err)
		}
		if taken != nil && !taken.Contains(&set) {
			if !maps.Equal(rows, model) {
				t.Fatalf("at %s the changes make %v, and the snapshot shows %v", taken.Position(), model, rows)
			}
			taken = nil
		}
		for _, c := range set.Changes {
			if c.Kind == change.Insert {
				model[c.New[0].(int64)] = c.New[1].(string)
			}
		}
		if taken == nil {
			if taken, rows = takeOffered(t, s, &set); taken != nil {
				offered++
			}
		}
		if len(model) < written {
			continue
		}
		if written >= times {
			break
		}
		write([]int{1, 1, 2, 4}[written%4])
	}
	if offered == 0 {
		t.Error("none was offered")
	}
	writing.Wait()
	for {
		var open int
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'").Scan(&open); err != nil {
			t.Fatal(err)
		}
		if open == 0 {
			return
		}
	}
}

// takeOffered takes what is offered, and reads it. Where there is nothing it asks
// for a snapshot, as one does then.
func takeOffered(t *testing.T, s *Source, set *change.Changeset) (source.Snapshot, map[int64]string) {
	t.Helper()
	snapshot := s.Offered(set.Position)
	if snapshot == nil {
		pinned, err := s.Pin(t.Context())
		if err == nil {
			err = pinned.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		return nil, nil
	}
	if !snapshot.Contains(set) || !snapshot.Position().Reaches(set.Position) {
		t.Fatalf("the snapshot of %s does not contain %s", snapshot.Position(), set.Position)
	}
	rows, err := itemRows(t.Context(), snapshot)
	if err == nil {
		err = snapshot.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return snapshot, rows
}
