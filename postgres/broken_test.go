package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/source"
)

// ids lists the rows of item that were inserted, in the order of the stream.
func (f *follower) ids() (ids []int64) {
	sets, _ := f.all()
	for i := range sets {
		for j := range sets[i].Changes {
			if c := &sets[i].Changes[j]; c.Table == "item" && c.Kind == change.Insert {
				ids = append(ids, c.New[0].(int64))
			}
		}
	}
	return ids
}

// wantIDs waits until rows 1 to n have come, each once and in their order, and
// no stream has ended.
func (f *follower) wantIDs(n int64) {
	f.t.Helper()
	f.until(func() bool { return slices.Contains(f.ids(), n) })
	want := make([]int64, n)
	for i := range want {
		want[i] = int64(i) + 1
	}
	if got := f.ids(); !slices.Equal(got, want) {
		f.t.Errorf("of %d rows there came %d: %v", n, len(got), got)
	}
	if _, errs := f.all(); len(errs) > 0 {
		f.t.Errorf("the stream ended: %v", errs)
	}
}

func insert(id int64) string { return fmt.Sprintf("INSERT INTO item VALUES (%d, 'x')", id) }

const cut = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database()"

// TestConnectionCut: over a connection that is cut again and again nothing is
// lost and nothing doubled, in one history.
func TestConnectionCut(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, itemTable)
	_, s := open(t, Config{URL: db.URL})
	f := follow(t, s)
	conn := db.Connect(t)
	for id := int64(1); id <= 60; id++ {
		if _, err := conn.Exec(t.Context(), insert(id)); err != nil {
			t.Fatal(err)
		}
		if id%20 == 0 {
			f.connected()
			db.Exec(t, cut)
		}
	}
	f.wantIDs(60)
}

// TestServerRestart: a server that is stopped, and one that crashes, goes on in
// the same history.
func TestServerRestart(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	db := server.Database(t)
	db.Exec(t, itemTable)
	_, s := open(t, Config{URL: db.URL})
	f := follow(t, s)
	f.connected()
	db.Exec(t, insert(1))
	server.Restart(t)
	db.Exec(t, insert(2))
	f.wantIDs(2)
	server.Kill(t)
	server.Restart(t)
	db.Exec(t, insert(3))
	f.wantIDs(3)
}

// newHistory waits until the stream has ended because its history has, and
// another one has begun, which goes on.
func (f *follower) newHistory(former string, go_on func()) {
	f.t.Helper()
	f.until(func() bool { return f.s.Position().History() != former && f.s.flow.Load() != nil })
	if _, errs := f.all(); len(errs) == 0 || !errors.Is(errs[len(errs)-1], source.ErrPositionGone) {
		f.t.Fatalf("the streams ended with %v, want %v", errs, source.ErrPositionGone)
	}
	go_on()
}

// TestSlotDropped: without the slot there is a new history.
func TestSlotDropped(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, itemTable)
	_, s := open(t, Config{URL: db.URL})
	f := follow(t, s)
	f.connected()
	former := s.Position().History()
	db.Exec(t, insert(1))
	f.until(func() bool { return len(f.ids()) == 1 })
	eventually(t, func() bool {
		return db.Try(cut, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()") == nil
	})
	f.newHistory(former, func() {
		db.Exec(t, insert(2))
		f.until(func() bool { return slices.Contains(f.ids(), 2) })
	})
}

// TestSlotMadeAgain: somebody who drops the slot and makes one of its name while
// the connection is lost is found out.
func TestSlotMadeAgain(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, itemTable)
	_, s := open(t, Config{URL: db.URL})
	before := s.Position()
	db.Exec(t, fmt.Sprintf("SELECT pg_drop_replication_slot('%s')", s.slotName()), insert(1),
		fmt.Sprintf("SELECT pg_create_logical_replication_slot('%s', 'pgoutput')", s.slotName()))
	for _, err := range s.Stream(t.Context(), before) {
		if !errors.Is(err, source.ErrPositionGone) {
			t.Errorf("the stream begins with %v, want %v", err, source.ErrPositionGone)
		}
	}
	if s.Position().SameHistory(before) {
		t.Error("it is the same history")
	}
}

// TestSlotInvalidated: a slot for which the server would have kept too much is
// made again, and a new history begins.
func TestSlotInvalidated(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Set("max_slot_wal_keep_size", "1MB"), pgtest.Set("max_wal_size", "32MB"), pgtest.Set("min_wal_size", "32MB"))
	db := server.Database(t)
	db.Exec(t, itemTable)
	_, s := open(t, Config{URL: db.URL})
	before := s.Position()
	eventually(t, func() bool {
		db.Exec(t, "SELECT pg_logical_emit_message(false, 'fill', repeat('x', 1000000))", "SELECT pg_switch_wal()", "CHECKPOINT")
		return db.Value(t, "SELECT wal_status FROM pg_replication_slots") == "lost"
	})
	for _, err := range s.Stream(t.Context(), before) {
		if !errors.Is(err, source.ErrPositionGone) {
			t.Errorf("the stream begins with %v, want %v", err, source.ErrPositionGone)
		}
	}
	f := follow(t, s)
	f.connected()
	db.Exec(t, insert(1))
	f.wantIDs(1)
}

// TestTaken: a slot that another program reads is said to be, with the program;
// one that was cut of the same process is taken back.
func TestTaken(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, itemTable)
	_, first := open(t, Config{URL: db.URL})
	f := follow(t, first)
	f.connected()
	second, err := Config{URL: db.URL}.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = second.setUp(ctx)
	var setup *SetupError
	if !errors.As(err, &setup) || !strings.Contains(setup.What, first.application()) ||
		!strings.Contains(setup.Cure, fmt.Sprint(first.flow.Load().pid)) || !strings.Contains(setup.Cure, "Config.Name") {
		t.Errorf("a slot that is read: %v", err)
	}
	second.nonce = first.nonce // now it is the same process
	if _, err := second.setUp(t.Context()); err != nil {
		t.Errorf("a slot that was read by this process: %v", err)
	}
	db.Exec(t, insert(1))
	f.wantIDs(1)
}

// TestSlotBlocked: a transaction that keeps the slot from being made is named.
func TestSlotBlocked(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	db := server.Database(t)
	db.Exec(t, itemTable)
	conn := db.Connect(t)
	if _, err := conn.Exec(t.Context(), "BEGIN; "+insert(1)); err != nil {
		t.Fatal(err)
	}
	s, err := Config{URL: db.URL}.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.slotPatience = 200 * time.Millisecond
	_, err = s.setUp(t.Context())
	var setup *SetupError
	if !errors.As(err, &setup) || !strings.Contains(setup.What, fmt.Sprintf("process %d ", conn.PgConn().PID())) {
		t.Fatalf("a slot that cannot be made: %v", err)
	}
	if _, err := conn.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.setUp(t.Context()); err != nil {
		t.Errorf("after the transaction: %v", err)
	}
}

// TestFailover: another server, which lacks a commit, is another history, and
// nothing of what it has is missed.
func TestFailover(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	db := server.Database(t)
	db.Exec(t, itemTable)
	standby := server.Standby(t)
	_, s := open(t, Config{URL: fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/%s?sslmode=disable", server.Port, standby.Port, db.Name)})
	f := follow(t, s)
	f.connected()
	former := s.Position().History()
	db.Exec(t, insert(1))
	f.wantIDs(1)
	eventually(t, func() bool { return count(t, standby.DatabaseURL(db.Name)) == 1 })
	standby.Exec(t, "SELECT pg_wal_replay_pause()")
	db.Exec(t, insert(2)) // which is lost
	f.wantIDs(2)
	server.Kill(t)
	standby.Promote(t)
	there := standby.DatabaseURL(db.Name)
	f.newHistory(former, func() {
		run(t, there, insert(3))
		f.until(func() bool { return slices.Contains(f.ids(), 3) })
	})
	snapshot, err := s.Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	if rows, err := itemRows(t.Context(), snapshot); err != nil || len(rows) != count(t, there) {
		t.Errorf("a snapshot shows %v, %v", rows, err)
	}
}

func run(t *testing.T, url, text string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err == nil {
		defer conn.Close(t.Context())
		_, err = conn.Exec(t.Context(), text)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, url string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err == nil {
		defer conn.Close(t.Context())
		err = conn.QueryRow(t.Context(), "SELECT count(*) FROM item").Scan(&n)
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTwoNames: two servers with two names follow one database, and one name
// follows two databases of a server.
func TestTwoNames(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	one, two := server.Database(t), server.Database(t)
	var all []*follower
	for _, c := range []Config{{URL: one.URL}, {URL: one.URL, Name: "second"}, {URL: two.URL}} {
		db := one
		if c.URL == two.URL {
			db = two
		}
		if db.Value(t, "SELECT to_regclass('item') IS NULL") == "t" {
			db.Exec(t, itemTable)
		}
		_, s := open(t, c)
		f := follow(t, s)
		f.connected()
		all = append(all, f)
	}
	one.Exec(t, insert(1), insert(2))
	two.Exec(t, insert(1), insert(2), insert(3))
	all[0].wantIDs(2)
	all[1].wantIDs(2)
	all[2].wantIDs(3)
}
