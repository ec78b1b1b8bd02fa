package postgres

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// TestLogStatus: it says how far the log is read, and what is kept of it.
func TestLogStatus(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, "CREATE TABLE a (id int PRIMARY KEY, text text)")
	handle, source, err := Open(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	defer handle.Close()
	db.Exec(t, "INSERT INTO a SELECT n, repeat('x', 1000) FROM generate_series(1, 1000) AS n")
	now, err := source.LogStatus(t.Context())
	if err != nil || now.Read || now.Unread < 1_000_000 || now.Kept < now.Unread || now.Most != 1<<30 || now.Slot != source.slotName() || now.Waiting != 0 {
		t.Errorf("before the log is read: %+v, %v", now, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range source.Stream(ctx, "") {
		}
	}()
	defer func() { cancel(); <-ended }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		now, err := source.LogStatus(t.Context())
		if err == nil && now.Read && now.Unread < 100_000 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("when all is read: %+v, %v", now, err)
		}
	}
	cancel()
	<-ended
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		if _, err = source.meta.Exec(t.Context(), "SELECT pg_drop_replication_slot($1)", now.Slot); err == nil || time.Now().After(deadline) {
			break
		}
	}
	if _, err := source.LogStatus(t.Context()); err == nil || !strings.Contains(err.Error(), "is not there") {
		t.Errorf("without the slot: %v", err)
	}
}
