package pgtest

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// TestDatabase: each is empty and its test's own, and goes with its slots while
// somebody is connected.
func TestDatabase(t *testing.T) {
	have(t)
	var name, server string
	t.Run("one test", func(t *testing.T) {
		db := Database(t)
		name, server = db.Name, db.Server.URL
		db.Exec(t, "CREATE TABLE a (id int PRIMARY KEY)", "CREATE PUBLICATION p FOR TABLE a",
			"SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
		db.Connect(t)
		follower, err := pgconn.Connect(t.Context(), db.URL+"&replication=database")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { follower.Close(context.Background()) })
		follower.Frontend().SendQuery(&pgproto3.Query{String: "START_REPLICATION SLOT s LOGICAL 0/0 (proto_version '1', publication_names 'p')"})
		if err := follower.Frontend().Flush(); err != nil {
			t.Fatal(err)
		}
		if answer, err := follower.ReceiveMessage(t.Context()); err != nil {
			t.Fatalf("%v, %v", answer, err)
		}
		if level := db.Value(t, "SHOW wal_level"); level != "logical" {
			t.Errorf("wal_level is %s", level)
		}
		if slots := db.Value(t, "SELECT count(*) FROM pg_replication_slots"); slots != "1" {
			t.Errorf("%s slots, want 1", slots)
		}
	})
	for _, left := range []string{"SELECT count(*) FROM pg_database WHERE datname = '" + name + "'", "SELECT count(*) FROM pg_replication_slots"} {
		if n, err := value(server, left); err != nil || n != "0" {
			t.Errorf("%s: %s, %v", left, n, err)
		}
	}
}

// TestServer: what was committed is there after a stop and after a crash.
func TestServer(t *testing.T) {
	s := Start(t, Set("work_mem", "5MB"))
	db := s.Database(t)
	db.Exec(t, "CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
	c := db.Connect(t)
	s.Kill(t)
	if err := c.Ping(t.Context()); err == nil {
		t.Error("a connection outlived its server")
	}
	s.Restart(t)
	db.Exec(t, "INSERT INTO a VALUES (2)")
	s.Restart(t, Set("wal_level", "replica"))
	if got := db.Value(t, "SELECT count(*) FROM a"); got != "2" {
		t.Errorf("%s rows, want 2", got)
	}
	for name, want := range map[string]string{"work_mem": "5MB", "wal_level": "replica"} {
		if got := db.Value(t, "SHOW "+name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// TestStandby: it follows, waits as it is told, and takes over.
func TestStandby(t *testing.T) {
	s := Start(t)
	db := s.Database(t)
	db.Exec(t, "CREATE TABLE a (id int PRIMARY KEY)")
	standby := s.Standby(t, Set("recovery_min_apply_delay", "30ms"))
	s.Set(t, "synchronous_standby_names", "standby")
	c := db.Connect(t)
	wait(t, "the standby is asked", func() bool {
		return db.Value(t, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1"
	})
	if _, err := c.Exec(t.Context(), "SET synchronous_commit = remote_apply"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := c.Exec(t.Context(), "INSERT INTO a VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 25*time.Millisecond {
		t.Errorf("the commit took %v, less than the standby waits", took)
	}
	s.Kill(t)
	standby.Promote(t)
	if err := execute(standby.DatabaseURL(db.Name), "INSERT INTO a VALUES (2)"); err != nil {
		t.Error(err)
	}
	if n, err := value(standby.DatabaseURL(db.Name), "SELECT count(*) FROM a"); err != nil || n != "2" {
		t.Errorf("%s rows, want 2: %v", n, err)
	}
}

// TestEnd: a test binary that is killed leaves no server and no folder.
func TestEnd(t *testing.T) {
	have(t)
	if os.Getenv("PGTEST_CHILD") != "" {
		s := Start(t)
		os.Stdout.WriteString("started " + s.URL + " " + s.Folder + "\n")
		select {}
	}
	child := exec.Command(os.Args[0], "-test.run=^TestEnd$")
	child.Env = append(os.Environ(), "PGTEST_CHILD=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var words []string
	for lines := bufio.NewScanner(out); len(words) != 3 && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "started ") {
			words = strings.Fields(lines.Text())
		}
	}
	child.Process.Kill()
	child.Wait()
	if len(words) != 3 {
		t.Fatal("the child did not start its server")
	}
	wait(t, "the server and its folder are gone", func() bool {
		_, err := value(words[1], "SELECT 1")
		_, folder := os.Stat(words[2])
		return err != nil && errors.Is(folder, os.ErrNotExist)
	})
}

// wait polls until it is so.
func wait(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !so(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}
