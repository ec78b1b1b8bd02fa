package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/follow"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// TestRaces forces what a server does seldom: commits that are in the log and
// not visible (they wait for a standby that is behind), ones that are visible
// and not in the log (they do not wait for the disk), and so a visibility that
// is not in the order of the log. No diff may be computed from a snapshot that
// lacks what it is computed for.
func TestRaces(t *testing.T) {
	began := time.Now()
	server := pgtest.Start(t)
	w := newWorld(t, server.Database(t), 8, 12)
	server.Standby(t, pgtest.Set("recovery_min_apply_delay", "30ms"))
	server.Set(t, "synchronous_standby_names", "standby")
	w.serve(w.db.URL)
	w.begin(2)
	for n := range w.writers {
		of := writer{number: n}
		switch n % 6 {
		default:
			of.settings = []string{"synchronous_commit = remote_apply"}
		case 1:
			of.settings, of.pause = []string{"synchronous_commit = local"}, 20*time.Millisecond
		case 2:
			of.settings, of.pause = []string{"synchronous_commit = off"}, 20*time.Millisecond
		}
		w.raise(of)
	}
	want := sized(100_000, 5_000, 500)
	if planted {
		want = 2_000
	}
	w.awaitDiffs(want)
	v := w.end(w.db.URL, false)
	v.expect(t, want)
	prove(t, began, "races of visibility", v, "%d writers, a standby 30 ms behind", w.writers)
}

// awaitDiffs waits until the first watcher was shown so many diffs; as long as
// some come.
func (w *world) awaitDiffs(want int) {
	w.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	last, moved := 0, time.Now()
	for w.raising.Err() == nil {
		n := w.tracks[0].seen()
		switch {
		case n >= want:
			return
		case n > last:
			last, moved = n, time.Now()
		case time.Since(moved) > patience:
			w.t.Errorf("stuck at %d of %d diffs", n, want)
			return
		}
		<-tick.C
	}
}

// TestCommitThatWaits: a commit that waits for a standby is in the log, and not
// visible; one after it that does not wait is both (V1, V4).
func TestCommitThatWaits(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	w := newWorld(t, server.Database(t), 1, 2)
	w.serve(w.db.URL)
	w.begin(2)
	server.Set(t, "synchronous_standby_names", "nobody")
	eventually(t, "the server waits for nobody", func() bool { return w.db.Value(t, "SHOW synchronous_standby_names") == "nobody" })
	waiting, answered := raised(0, 1), make(chan error, 1)
	conn, other := w.db.Connect(t), w.db.Connect(t)
	go func() {
		_, err := conn.Exec(context.Background(), waiting)
		answered <- err
	}()
	eventually(t, "the commit waits", func() bool {
		return w.db.Value(t, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "1"
	})
	if _, err := other.Exec(t.Context(), "SET synchronous_commit = local"); err != nil {
		t.Fatal(err)
	}
	for n := int64(2); n < 20; n++ {
		if _, err := other.Exec(t.Context(), raised(1, n)); err != nil {
			t.Fatal(err)
		}
		w.await(2, n)
		select {
		case err := <-answered:
			t.Fatalf("the commit did not wait: %v", err)
		default:
		}
	}
	for _, p := range w.watched {
		p.track.mu.Lock()
		for _, s := range p.track.all {
			if s.values[0] != 0 {
				t.Errorf("%s was shown what no snapshot shows: %v", p.name, s.values)
			}
		}
		p.track.mu.Unlock()
	}
	server.Set(t, "synchronous_standby_names", "")
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	w.await(0, 1)
	// each step was awaited above; the count only shows that they came as diffs,
	// and not as the snapshots that a list may begin with
	w.end(w.db.URL, false).expect(t, 30)
}

// TestCommitAheadOfTheLog: a commit that does not wait for the disk is visible,
// and for ten seconds not in the log. Who reads meanwhile has it, and gets it
// once; then everybody has it (V3).
func TestCommitAheadOfTheLog(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Set("wal_writer_delay", "10s"), pgtest.Set("wal_writer_flush_after", "1GB"))
	w := newWorld(t, server.Database(t), 2, 1)
	w.serve(w.db.URL)
	w.begin(1)
	conn := w.db.Connect(t)
	if _, err := conn.Exec(t.Context(), "SET synchronous_commit = off"); err != nil {
		t.Fatal(err)
	}
	for n := int64(1); n < 10; n++ {
		if _, err := conn.Exec(t.Context(), raised(0, n)); err != nil {
			t.Fatal(err)
		}
		late := w.follow([]string{fmt.Sprintf("/counters?grp=0&reader=%d", n)}) // a list of its own
		if err := late.begin(within(t)); err != nil {
			t.Fatal(err)
		}
		if got := late.first().values[0]; got != n {
			t.Errorf("who reads after commit %d was shown %d", n, got)
		}
		w.await(0, n)
	}
	w.end(w.db.URL, false).expect(t, 9)
}

// TestReadYourWrites: whoever says where the log was after its commit is given
// a list that has it, also where the commit does not wait for the disk, and
// progress that says so.
func TestReadYourWrites(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Set("wal_writer_delay", "10s"), pgtest.Set("wal_writer_flush_after", "1GB"))
	w := newWorld(t, server.Database(t), 2, 1)
	w.serve(w.db.URL)
	w.begin(1)
	conn, p := w.db.Connect(t), w.watched[0]
	for n := int64(1); n < 12; n++ {
		wait := "off"
		if n%2 == 0 {
			wait = "on"
		}
		if _, err := conn.PgConn().Exec(t.Context(), "SET synchronous_commit = "+wait+";"+raised(0, n)).ReadAll(); err != nil {
			t.Fatal(err)
		}
		var at uint64
		if err := conn.QueryRow(t.Context(), "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint").Scan(&at); err != nil {
			t.Fatal(err)
		}
		position := change.NewPosition(p.first().at.History(), at-1) + "ffffffffffffffff"
		list, err := p.client.Get(within(t), "/counters?grp=0", position)
		if err != nil {
			t.Fatal(err)
		}
		_ = p.client.Wait(within(t), func(follow.View) bool { // says yes at once
			if got := values(list)[0]; got != n {
				t.Errorf("who has committed %d and said so was shown %d", n, got)
			}
			return true
		})
		if err := p.client.Wait(within(t), func(v follow.View) bool {
			return v.Progress().Position.Reaches(position) && len(v.Progress().Behind) == 0
		}); err != nil {
			t.Errorf("progress does not come to %s: %v", position, err)
		}
	}
	w.end(w.db.URL, false).expect(t, 5)
}

// first is the first list that was shown.
func (p *watcher) first() shown {
	p.track.mu.Lock()
	defer p.track.mu.Unlock()
	for _, s := range p.track.all {
		if s.group >= 0 {
			return s
		}
	}
	return shown{}
}

// raised is the statement that raises a writer's counters of group 0.
func raised(writer int, n int64) string {
	id := writer * 2
	return fmt.Sprintf("UPDATE counter SET n = %d WHERE id IN (%d, %d, %d, %d)", n, id, id+1, id+twins*perGroup, id+1+twins*perGroup)
}

// await waits until every watcher of group 0 has a counter of it at n.
func (w *world) await(id int, n int64) {
	w.t.Helper()
	for _, p := range w.watched {
		err := p.client.Wait(within(w.t), func(v follow.View) bool {
			for _, l := range v.Lists() {
				if group, _ := groupOf(l); group == 0 && values(l)[id] != n {
					return false
				}
			}
			return true
		})
		if err != nil {
			w.t.Fatalf("%s does not see counter %d at %d: %v", p.name, id, n, err)
		}
	}
}

// found is what the judge prints of a violation.
var found = regexp.MustCompile(`(torn|late|backward|unreal|broken): .{0,120}|does not hold what the database has.{0,120}`)

// TestGateIsNeeded proves the judge: a build whose gate lets everything
// through is caught.
func TestGateIsNeeded(t *testing.T) {
	if raceEnabled || planted {
		t.Skip("it builds the tests anew")
	}
	pgtest.Database(t) // or there is nothing to prove it with
	binary := filepath.Join(t.TempDir(), "postgres.test")
	if out, err := exec.Command("go", "test", "-c", "-tags", "planted", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build with planted bugs: %v\n%s", err, out)
	}
	for bug, test := range map[string]string{"gate_open": "^TestRaces$"} {
		t.Run(bug, func(t *testing.T) {
			began := time.Now()
			for runs := 1; ; runs++ {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				command := exec.CommandContext(ctx, binary, "-test.run", test, "-test.timeout", "1m")
				command.Env = append(os.Environ(), "WAKEFUL_PLANT="+bug, "WAKEFUL_PROOF=", "WAKEFUL_LONG=")
				var out bytes.Buffer
				command.Stdout, command.Stderr = &out, &out
				err := command.Run()
				cancel()
				if m := found.Find(out.Bytes()); err != nil && m != nil {
					prove(t, began, "planted "+bug, nil, "found in run %d: %s", runs, m)
					return
				}
				if err != nil || time.Since(began) > time.Minute {
					t.Fatalf("not found, %v:\n%s", errors.Join(err, context.Cause(ctx)), out.Bytes())
				}
			}
		})
	}
}
