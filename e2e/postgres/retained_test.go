package postgres

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// TestRetained: the server keeps no more of its log for us than we need, also
// while only a table is written that nobody follows.
func TestRetained(t *testing.T) {
	began := time.Now()
	server := pgtest.Start(t, pgtest.Set("max_wal_size", "1GB"))
	w := newWorld(t, server.Database(t), 1, 1)
	w.db.Exec(t, "CREATE TABLE busy (id int PRIMARY KEY, pad text)")
	w.serve(w.db.URL)
	w.begin(1)
	var most int
	w.db.Exec(t, raised(0, 1))
	start := w.insertLSN(w.db.URL)
	megabytes := sized(8192, 192, 96)
	for written := 0; written < megabytes; written += 32 {
		w.db.Exec(t, "TRUNCATE busy", "INSERT INTO busy SELECT i, repeat('x', 1000) FROM generate_series(1, 30000) i") // about 32 MiB
		if !long {
			w.db.Exec(t, "CHECKPOINT") // which comes by itself, but not every second
		}
		most = max(most, w.retained())
	}
	end := w.insertLSN(w.db.URL)
	if most > 512<<20 {
		t.Errorf("%d MiB of the log were kept while another table was busy", most>>20)
	}
	loaded := time.Now()
	for w.retained() > 64<<20 {
		if time.Since(loaded) > max(patience, 30*time.Second) {
			t.Fatalf("%d MiB of the log are kept %v after the load: %s", w.retained()>>20, time.Since(loaded), w.slot())
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
	prove(t, began, "retained log", v, "%d MiB written, %d MiB kept at most, less than 64 MiB after %.1f s", (end-start)>>20, most>>20, took.Seconds())
}

// retained is how much of its log the server keeps for Wakeful's slot.
func (w *world) retained() int {
	w.t.Helper()
	text := w.db.Value(w.t, "SELECT coalesce(max(pg_current_wal_lsn() - restart_lsn), 0)::bigint FROM pg_replication_slots WHERE slot_name LIKE 'wakeful%' AND database = current_database()")
	n, err := strconv.Atoi(text)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
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
