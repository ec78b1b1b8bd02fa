package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
	"go.uber.org/goleak"
)

// TestMain is also the other process: with OTHER_PROCESS set it runs the lines
// of its input as statements on that file, and answers each.
func TestMain(m *testing.M) {
	if path := os.Getenv("OTHER_PROCESS"); path != "" {
		otherProcess(path)
		return
	}
	goleak.VerifyTestMain(m)
}

func otherProcess(path string) {
	db, err := sql.Open("sqlite", "file://"+path+"?_pragma=busy_timeout(20000)")
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(1)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		text, times := lines.Text(), 1
		if n, err := fmt.Sscanf(text, "%d TIMES", &times); n == 1 && err == nil {
			text = text[strings.Index(text, "TIMES")+5:]
		}
		for ; times > 0 && err == nil; times-- {
			_, err = db.Exec(text)
		}
		fmt.Printf("%d %v\n", time.Now().UnixNano(), err)
		err = nil
	}
}

// other is another process that has the file open.
type other struct {
	t       testing.TB
	in      *bufio.Writer
	answers *bufio.Scanner
}

func startOther(t testing.TB, s *Source) *other {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), "OTHER_PROCESS="+s.path)
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := command.Wait(); err != nil {
			t.Error("the other process:", err)
		}
	})
	return &other{t, bufio.NewWriter(in), bufio.NewScanner(out)}
}

// exec runs a statement there and returns when it was done.
func (o *other) exec(text string) time.Time {
	o.t.Helper()
	fmt.Fprintln(o.in, text)
	if err := o.in.Flush(); err != nil {
		o.t.Fatal(err)
	}
	if !o.answers.Scan() {
		o.t.Fatal("the other process has ended")
	}
	var at int64
	answer := o.answers.Text()
	if fmt.Sscan(answer, &at); !strings.HasSuffix(answer, "<nil>") {
		o.t.Fatalf("%s: %s", text, answer)
	}
	return time.Unix(0, at)
}

// read streams from now on into a channel.
func read(t testing.TB, s *Source) <-chan change.Changeset {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	sets := make(chan change.Changeset, 1024)
	stream := s.Stream(ctx, s.Position())
	var all sync.WaitGroup
	all.Go(func() {
		defer close(sets)
		for set, err := range stream {
			if err != nil {
				if !errors.Is(err, context.Canceled) && !errors.Is(err, source.ErrPositionGone) {
					t.Error(err)
				}
				return
			}
			select {
			case sets <- set:
			case <-ctx.Done():
			}
		}
	})
	t.Cleanup(func() { cancel(); all.Wait() })
	return sets
}

func TestOutsideCommitIsNoticed(t *testing.T) {
	db, s := open(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, x)")
	o := startOther(t, s)
	sets := read(t, s)
	o.exec("INSERT INTO t VALUES (0, 0)") // both are warm
	<-sets
	var waited []time.Duration
	for i := range 100 {
		done := o.exec(fmt.Sprintf("INSERT INTO t (x) VALUES (%d)", i))
		set := <-sets
		waited = append(waited, time.Since(done))
		if !set.Everything {
			t.Fatalf("an outside commit came as %+v", set)
		}
	}
	slices.Sort(waited)
	t.Logf("noticed after p50 %v, p99 %v", waited[50], waited[99])
	mustExec(t, db, "INSERT INTO t (x) VALUES ('own')")
	if set := <-sets; set.Everything || len(set.Changes) != 1 {
		t.Fatalf("an own commit after outside ones came as %+v", set)
	}
}

// TestOutsideCommitsAreNotMissed: with two processes and several handles that
// write at once, the content of each snapshot is what all changesets up to its
// number account for, and nothing is missed at the end.
func TestOutsideCommitsAreNotMissed(t *testing.T) {
	times, pins := 3000, 2000
	if raceDetector || testing.Short() {
		times, pins = 200, 100
	}
	db, s := open(t, "CREATE TABLE t (who TEXT PRIMARY KEY, n INTEGER); INSERT INTO t VALUES ('own', 0), ('other', 0)")
	o := startOther(t, s)
	sets := read(t, s)
	const up = "UPDATE t SET n = n + 1 WHERE who = '%s'"
	var all sync.WaitGroup
	all.Go(func() { o.exec(fmt.Sprintf("%d TIMES "+up, times, "other")) })
	all.Go(func() {
		for range times {
			mustExec(t, db, fmt.Sprintf(up, "own"))
		}
	})
	var outside atomic.Int64
	var last *Snapshot
	var lastOther int
	for range pins {
		snapshot, err := s.Pin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, n := counts(t, db, snapshot)
		own := snapshot.(*Snapshot)
		// What the other process did between two snapshots must lie between
		// their numbers.
		if last != nil && n != lastOther && !anyOutside(t, s, last.number, own.number) {
			t.Fatalf("%d outside commits between numbers %d and %d, and none is published", n-lastOther, last.number, own.number)
		}
		last, lastOther = own, n
		if err := snapshot.Close(); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	snapshot, err := s.Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	ownN, otherN := counts(t, db, snapshot)
	ownSets := 0
	for set := range sets {
		if set.Everything {
			outside.Add(1)
		} else {
			ownSets++
			if c := set.Changes[0]; c.New[1].(int64) != int64(ownSets) {
				t.Fatalf("own commit %d shows %v", ownSets, c.New)
			}
		}
		if set.Position == snapshot.Position() {
			break
		}
	}
	if ownN != times || otherN != times || ownSets != times {
		t.Errorf("%d own and %d outside commits, %d own published", ownN, otherN, ownSets)
	}
	t.Logf("%d outside commits came as %d changesets", otherN, outside.Load())
}

func anyOutside(t *testing.T, s *Source, from, to uint64) bool {
	t.Helper()
	sets, _, err := s.history.Load().since(from)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(sets[:to-from], func(set change.Changeset) bool { return set.Everything })
}

func counts(t *testing.T, db *sql.DB, in source.Snapshot) (own, other int) {
	t.Helper()
	ctx := readset.NewContext(t.Context(), &readset.Set{Snapshot: in})
	err := db.QueryRowContext(ctx, "SELECT (SELECT n FROM t WHERE who = 'own'), (SELECT n FROM t WHERE who = 'other')").Scan(&own, &other)
	if err != nil {
		t.Fatal(err)
	}
	return own, other
}

func TestReplacedFile(t *testing.T) {
	dir := t.TempDir()
	db, s := openConfig(t, Config{Path: filepath.Join(dir, "test.db")}, "CREATE TABLE t (x); INSERT INTO t VALUES ('old')")
	fresh, err := sql.Open("sqlite", filepath.Join(dir, "fresh.db"))
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, fresh, "CREATE TABLE t (x)")
	mustExec(t, fresh, "INSERT INTO t VALUES ('new')")
	if err := fresh.Close(); err != nil {
		t.Fatal(err)
	}
	before := s.Position()
	sets := read(t, s)
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(s.path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(filepath.Join(dir, "fresh.db"), s.path); err != nil {
		t.Fatal(err)
	}
	for range sets { // ends: the history has no future
		t.Error("a changeset of the old history")
	}
	if s.Position().SameHistory(before) {
		t.Errorf("the history of another file goes on at %s", s.Position())
	}
	var x string
	if err := db.QueryRow("SELECT x FROM t").Scan(&x); err != nil || x != "new" {
		t.Errorf("the handle reads %q, %v", x, err)
	}
	snapshot, err := s.Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	for _, err := range s.Stream(t.Context(), before) {
		if !errors.Is(err, source.ErrPositionGone) {
			t.Errorf("a stream after a position of the old file: %v", err)
		}
	}
}

// TestSchemaOfTheReplacedFile: an evaluation that is still in the file that was
// replaced says nothing about the new one, though both count to one version of
// their schemas.
func TestSchemaOfTheReplacedFile(t *testing.T) {
	dir := t.TempDir()
	db, s := openConfig(t, Config{Path: filepath.Join(dir, "old.db")}, "CREATE TABLE t (x TEXT COLLATE NOCASE)")
	fresh, other := openConfig(t, Config{Path: filepath.Join(dir, "fresh.db")}, "CREATE TABLE t (y TEXT, x INTEGER)")
	if err := errors.Join(fresh.Close(), other.Close()); err != nil {
		t.Fatal(err)
	}
	db.SetMaxIdleConns(0)
	definition := func(snapshot source.Snapshot, text string) string {
		t.Helper()
		statement, err := s.Describe(readset.NewContext(t.Context(), &readset.Set{Snapshot: snapshot}), text)
		if err != nil {
			t.Fatal(err)
		}
		return statement.Schema.Tables["t"].Definition
	}
	old, err := s.Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(s.path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(filepath.Join(dir, "fresh.db"), s.path); err != nil {
		t.Fatal(err)
	}
	now, err := s.Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer now.Close()
	if a, b := old.(*Snapshot).version, now.(*Snapshot).version; a != b {
		t.Fatalf("the files count to %d and %d", a, b)
	}
	if _, err := s.currentSchema(); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"SELECT x FROM t", "SELECT x FROM t WHERE x = 1"} {
		was, is := definition(old, text), definition(now, text)
		if !strings.Contains(was, "NOCASE") || !strings.Contains(is, "INTEGER") {
			t.Errorf("%s: described by %q in the old file, by %q in the new one", text, was, is)
		}
	}
}
