package postgres

import (
	"fmt"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// TestRetained: the server keeps no more of its log for us than we need, also
// while only a table is written that nobody follows. What a slot keeps goes back
// in steps, as the server takes note of what transactions run: at checkpoints,
// which come often here, and each 15 s. The slot of the bare reader, which
// is of the same tables and acknowledges whatever comes, shows these steps, and
// what a server whose processors are busy does not get out of its log.
func TestRetained(t *testing.T) {
	began := time.Now()
	server := pgtest.Start(t, pgtest.Set("max_wal_size", "192MB"))
	w := newWorld(t, server.Database(t), 1, 1)
	w.db.Exec(t, "CREATE TABLE busy (id int PRIMARY KEY, pad text)", "ALTER PUBLICATION "+bare+" ADD TABLE busy")
	w.serve(w.db.URL)
	w.begin(1)
	var most, floor int
	w.db.Exec(t, raised(0, 1))
	start := w.insertLSN(w.db.URL)
	megabytes := sized(8192, 192, 96)
	for written := 0; written < megabytes; written += 32 {
		w.db.Exec(t, "TRUNCATE busy", "INSERT INTO busy SELECT i, repeat('x', 1000) FROM generate_series(1, 30000) i") // about 32 MiB
		if !long {
			w.db.Exec(t, "CHECKPOINT") // which comes by itself, but not every second
		}
		ours, theirs := w.retained()
		most, floor = max(most, ours), max(floor, theirs)
	}
	end := w.insertLSN(w.db.URL)
	if most > floor+256<<20 {
		t.Errorf("%d MiB of the log were kept where the bare reader needed %d", most>>20, floor>>20)
	}
	loaded := time.Now()
	for {
		kept, _ := w.retained()
		if kept <= 64<<20 {
			break
		}
		if time.Since(loaded) > max(patience, 30*time.Second) {
			t.Fatalf("%d MiB of the log are kept %v after the load: %s", kept>>20, time.Since(loaded), w.slot())
		}
		if !long {
			w.db.Exec(t, "CHECKPOINT")
		}
		w.pause(100 * time.Millisecond)
	}
	took := time.Since(loaded)
	if took > 30*time.Second {
		t.Errorf("it took %v until less than 64 MiB of the log were kept", took)
	}
	w.db.Exec(t, raised(0, 2))
	w.await(0, 2)
	v := w.end(w.db.URL, false)
	v.expect(t, 2)
	prove(t, began, "retained log", v, "%d MiB written, %d MiB kept at most, %d for the bare reader, less than 64 MiB after %.1f s", (end-start)>>20, most>>20, floor>>20, took.Seconds())
}

// retained is how much of its log the server keeps for Wakeful's slot, and for
// the bare reader's.
func (w *world) retained() (ours, floor int) {
	w.t.Helper()
	text := w.db.Value(w.t, `SELECT coalesce(max(kept) FILTER (WHERE slot_name LIKE 'wakeful%'), 0) || ' ' || coalesce(max(kept) FILTER (WHERE slot_name LIKE '`+bare+`%'), 0)
		FROM (SELECT slot_name, (pg_current_wal_lsn() - restart_lsn)::bigint AS kept FROM pg_replication_slots WHERE database = current_database()) s`)
	if _, err := fmt.Sscan(text, &ours, &floor); err != nil {
		w.t.Fatal(err)
	}
	return ours, floor
}

func (w *world) slot() string {
	return w.db.Value(w.t, fmt.Sprintf("SELECT string_agg(s::text, ' ') FROM pg_replication_slots s WHERE database = '%s'", w.db.Name))
}

// pause lets the server have a moment.
func (w *world) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}
