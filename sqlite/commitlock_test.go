package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wakeful-dev/wakeful/readset"
)

// TestSnapshotNumberIsExact is the question that the design hangs on: the table
// counts the commits, so a snapshot's content tells its true number. Writers
// commit in every way a driver call can commit.
func TestSnapshotNumberIsExact(t *testing.T) {
	wanted := int64(20_000)
	if raceDetector || testing.Short() {
		wanted = 400
	}
	db, s := open(t, "CREATE TABLE counter (n INTEGER)")
	mustExec(t, db, "INSERT INTO counter VALUES (0)")
	first := s.history.Load().last()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() { commitUntil(ctx, t, db, i) })
	}
	var checked, wrong atomic.Int64
	for range 3 {
		all.Go(func() {
			for checked.Add(1) <= wanted {
				if err := checkNumber(t.Context(), db, s, first); err != nil {
					wrong.Add(1)
					t.Error(err)
				}
			}
			cancel()
		})
	}
	all.Wait()
	t.Logf("%d snapshots, %d wrong, %d commits", checked.Load(), wrong.Load(), s.history.Load().last()-first)
}

func commitUntil(ctx context.Context, t *testing.T, db *sql.DB, way int) {
	const up = "UPDATE counter SET n = n + 1"
	ways := []func() error{
		func() error { _, err := db.Exec(up); return err },
		func() error { var n int; return db.QueryRow(up + " RETURNING n").Scan(&n) },
		func() error { _, err := db.Exec(up + "; " + up + "; " + up); return err },
		func() error {
			conn, err := db.Conn(context.Background())
			if err != nil {
				return err
			}
			defer conn.Close()
			for _, text := range []string{"BEGIN IMMEDIATE", "SAVEPOINT a", up, "ROLLBACK TO a", up, "RELEASE a", "COMMIT"} {
				if _, err := conn.ExecContext(context.Background(), text); err != nil {
					return fmt.Errorf("%s: %w", text, err)
				}
			}
			return nil
		},
	}
	for ctx.Err() == nil {
		if err := ways[way](); err != nil {
			t.Errorf("way %d: %v", way, err)
			return
		}
	}
}

func checkNumber(ctx context.Context, db *sql.DB, s *Source, first uint64) error {
	snapshot, err := s.Pin(ctx)
	if err != nil {
		return err
	}
	defer snapshot.Close()
	var n uint64
	set := &readset.Set{Snapshot: snapshot}
	if err := db.QueryRowContext(readset.NewContext(ctx, set), "SELECT n FROM counter").Scan(&n); err != nil {
		return err
	}
	if at := snapshot.(*Snapshot).number - first; at != n {
		return fmt.Errorf("the snapshot's number is %d, its content %d", at, n)
	}
	return set.Err()
}
