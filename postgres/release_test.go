package postgres

import (
	"context"
	"testing"
	"time"
)

// TestProbeMoves: a look that released something says so, whether its snapshot is
// to be offered or not. What it says it has not moved is looked for ever later.
func TestProbeMoves(t *testing.T) {
	for _, offering := range []bool{false, true} {
		db, s := openConfig(t, Config{}, itemTable)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		h := s.history.Load()
		following := make(chan error, 1)
		go func() { following <- s.follow(ctx, h) }() // and nobody else looks
		for id := range 5 {
			if _, err := db.ExecContext(ctx, "INSERT INTO item VALUES ($1, 'new')", id); err != nil {
				t.Fatal(err)
			}
			for {
				first, came := h.waiting()
				if !first.IsZero() {
					break
				}
				select {
				case <-came:
				case err := <-following:
					t.Fatalf("the log is not read: %v", err)
				}
			}
			if offering {
				s.offers.want()
			}
			moved, err := s.probeOnce(ctx, h)
			if err != nil || !moved {
				t.Errorf("offering %t: insert %d had been committed, and a look says moved: %t, %v", offering, id, moved, err)
			}
			s.withdraw()
		}
		cancel()
		<-following
	}
}
