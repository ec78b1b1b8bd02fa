package sourcetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/source"
)

// patience is how long the suite waits for what must come.
const patience = 30 * time.Second

// follower reads a stream in the background.
type follower struct {
	sets chan change.Changeset
	err  chan error // the stream's last word
	stop context.CancelFunc
	last change.Position // of what next was given
}

// follow streams from the position until the test or the follower stops.
func follow(t *testing.T, s source.Source, after change.Position) *follower {
	ctx, cancel := context.WithCancel(context.Background())
	f := &follower{make(chan change.Changeset, 16), make(chan error, 1), cancel, ""}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.err <- f.read(ctx, s, after)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return f
}

func (f *follower) read(ctx context.Context, s source.Source, after change.Position) error {
	for set, err := range s.Stream(ctx, after) {
		if err != nil {
			return err
		}
		select {
		case f.sets <- set:
		case <-ctx.Done():
		}
	}
	return nil
}

// next waits for one changeset that says something. Those between them that only
// say how far the stream is have to be in order too.
func (f *follower) next(t *testing.T) change.Changeset {
	t.Helper()
	for {
		select {
		case set := <-f.sets:
			if set.Position == f.last || !set.Position.Reaches(f.last) {
				t.Fatalf("changeset at %s came after %s", set.Position, f.last)
			}
			if f.last = set.Position; !silent(&set) {
				return set
			}
		case err := <-f.err:
			t.Fatalf("the stream ended: %v", err)
		case <-time.After(patience):
			t.Fatalf("no changeset for %v", patience)
		}
	}
}

// silent reports whether a changeset says nothing but its position.
func silent(set *change.Changeset) bool { return len(set.Changes) == 0 && !set.Everything }

// end waits for the stream's error.
func (f *follower) end(t *testing.T) error {
	t.Helper()
	for {
		select {
		case <-f.sets:
		case err := <-f.err:
			return err
		case <-time.After(patience):
			t.Fatalf("the stream has not ended for %v", patience)
		}
	}
}

// until waits for the changeset that brings a row with the id in.
func (f *follower) until(t *testing.T, h *Harness, id int64) []change.Changeset {
	t.Helper()
	var sets []change.Changeset
	for {
		set := f.next(t)
		sets = append(sets, set)
		rows := map[int64]string{}
		if err := h.replay(rows, &set); err != nil {
			t.Fatal(err)
		}
		if _, there := rows[id]; there {
			return sets
		}
	}
}

// replay does to rows what a changeset says.
func (h *Harness) replay(rows map[int64]string, set *change.Changeset) error {
	for i := range set.Changes {
		c := &set.Changes[i]
		if c.Table != h.Table {
			continue
		}
		switch c.Kind {
		case change.Insert, change.Update:
			id, name, err := image(c, c.New)
			if err != nil {
				return fmt.Errorf("new row of %s: %w", c.Kind, err)
			}
			rows[id] = name
		case change.Delete:
			id, _, err := image(c, c.Old)
			if err != nil && id == 0 {
				return fmt.Errorf("old row of %s: %w", c.Kind, err)
			}
			delete(rows, id)
		default:
			return fmt.Errorf("a change of kind %s where rows are told", c.Kind)
		}
	}
	return nil
}

// image reads a row's values; where only the name is unknown it returns the id
// with the error.
func image(c *change.Change, values []any) (int64, string, error) {
	value := func(column string) any {
		if i := slices.Index(c.Columns, column); i >= 0 && i < len(values) {
			return values[i]
		}
		return nil
	}
	id, ok := value("id").(int64)
	if !ok {
		return 0, "", fmt.Errorf("id is %v (%T) in %v, want an int64", value("id"), value("id"), values)
	}
	name, ok := value("name").(string)
	if !ok {
		return id, "", fmt.Errorf("name is %v (%T) in %v, want a string", value("name"), value("name"), values)
	}
	return id, name, nil
}

// checkSteps reads the stream until the table is as in the last of states. Each
// changeset must lead from one state to the next one, or to a later one where
// the source folds.
func (h *Harness) checkSteps(t *testing.T, f *follower, states []map[int64]string) {
	t.Helper()
	rows := maps.Clone(states[0])
	for at := 0; at < len(states)-1; {
		set := f.next(t)
		if err := h.replay(rows, &set); err != nil {
			t.Fatal(err)
		}
		reached := at + 1
		for h.Folds && reached < len(states)-1 && !maps.Equal(rows, states[reached]) {
			reached++
		}
		if !maps.Equal(rows, states[reached]) {
			t.Fatalf("changeset %s leads from %v to %v, want %v", set.Position, states[at], rows, states[reached])
		}
		at = reached
	}
}
