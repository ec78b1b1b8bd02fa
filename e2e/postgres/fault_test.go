package postgres

import (
	"fmt"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// busy starts writers that come back, and watchers that do.
func (w *world) busy() {
	w.returning()
	for n := range w.writers {
		w.raise(writer{number: n, pause: 5 * time.Millisecond, stubborn: true})
	}
}

// TestServerRestarts: in an orderly way and not, under load.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	began := time.Now()
	server := pgtest.Start(t)
	w := newWorld(t, server.Database(t), 4, 4)
	w.serve(w.db.URL)
	w.begin(3)
	w.busy()
	times := sized(20, 2, 2)
	for n := range times {
		w.awaitDiffs(w.tracks[0].seen() + 50)
		if n%2 == 1 {
			server.Kill(t)
		}
		server.Restart(t)
		w.awaitDiffs(w.tracks[0].seen() + 50)
	}
	v := w.end(w.db.URL, false)
	v.expect(t, 100)
	prove(t, began, "server restarts under load", v, "%d restarts, half of them crashes", times)
}

// TestSlotDropped: somebody takes our slot away under load.
func TestSlotDropped(t *testing.T) {
	began := time.Now()
	w := newWorld(t, pgtest.Database(t), 4, 4)
	w.serve(w.db.URL)
	w.begin(3)
	w.busy()
	times := sized(20, 3, 2)
	for range times {
		w.awaitDiffs(w.tracks[0].seen() + 50)
		eventually(t, "the slot is dropped", func() bool {
			// The follower may come back in between.
			return w.db.Try(`DO $$ BEGIN
				PERFORM pg_terminate_backend(active_pid, 1000) FROM pg_replication_slots WHERE slot_name LIKE 'wakeful%' AND database = current_database() AND active;
				PERFORM pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'wakeful%' AND database = current_database();
			END $$`) == nil
		})
		w.awaitDiffs(w.tracks[0].seen() + 50)
	}
	v := w.end(w.db.URL, false)
	v.expect(t, 100)
	prove(t, began, "slot dropped under load", v, "%d times", times)
}

// TestFailover: the server is lost and its standby takes over, once with all
// that was committed and once without the newest of it.
func TestFailover(t *testing.T) {
	for _, lossy := range []bool{false, true} {
		t.Run(fmt.Sprintf("lossy %t", lossy), func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			server := pgtest.Start(t)
			w := newWorld(t, server.Database(t), 4, 4)
			standby := server.Standby(t)
			if !lossy {
				server.Set(t, "synchronous_standby_names", "standby")
			}
			url := fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/%s?sslmode=disable&target_session_attrs=read-write", server.Port, standby.Port, w.db.Name)
			w.serve(url)
			w.begin(3)
			w.returning()
			for n := range w.writers {
				w.raise(writer{number: n, pause: 5 * time.Millisecond, stubborn: true, url: url})
			}
			w.awaitDiffs(200)
			if lossy {
				standby.Stop(t)
				w.awaitDiffs(w.tracks[0].seen() + 200) // of what will be lost
				server.Kill(t)
				standby.Restart(t)
			} else {
				server.Kill(t)
			}
			standby.Promote(t)
			w.awaitDiffs(w.tracks[0].seen() + 100)
			v := w.end(standby.DatabaseURL(w.db.Name), true)
			v.expect(t, 300)
			prove(t, began, fmt.Sprintf("failover, commits lost: %t", lossy), v, "")
		})
	}
}
