package postgres

import (
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/postgres/internal/gate"
	"github.com/wakeful-dev/wakeful/source"
)

// pinned takes a snapshot and returns it with the ids that it shows.
func pinIDs(t *testing.T, s *Source) (source.Snapshot, []int64) {
	t.Helper()
	snapshot, err := s.Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snapshot.Close() })
	rows, err := itemRows(t.Context(), snapshot)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for id := range rows {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return snapshot, ids
}

// standstill is a server on which commits wait for a standby that there is not.
func standstill(t *testing.T) (*pgtest.DB, func()) {
	server := pgtest.Start(t, pgtest.Set("synchronous_standby_names", "nobody"), pgtest.Set("synchronous_commit", "local"))
	db := server.Database(t)
	db.Exec(t, itemTable)
	return db, func() { server.Set(t, "synchronous_standby_names", "") }
}

// commitSlowly has a commit wait for the standby, and returns when the log has
// brought it, with what tells when it has returned.
func commitSlowly(t *testing.T, db *pgtest.DB, s *Source, text string) (returned chan error) {
	t.Helper()
	conn := db.Connect(t)
	if _, err := conn.Exec(t.Context(), "SET synchronous_commit = on"); err != nil {
		t.Fatal(err)
	}
	h := s.history.Load()
	before := h.pendings()
	returned = make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), text)
		returned <- err
	}()
	eventually(t, func() bool { return h.pendings() > before })
	return returned
}

func (h *history) pendings() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.gate.Pending())
}

// TestUnseenCommit: a commit that the log has brought and that waits for a
// standby is not released; one that comes after it and does not wait is; every
// snapshot shows what has been released.
func TestUnseenCommit(t *testing.T) {
	t.Parallel()
	db, release := standstill(t)
	_, s := open(t, Config{URL: db.URL})
	f := follow(t, s)
	f.connected()
	returned := commitSlowly(t, db, s, insert(1))
	db.Exec(t, insert(2))
	later := f.has(func(set *change.Changeset) bool { return len(set.Changes) > 0 })
	if got := f.ids(); !slices.Equal(got, []int64{2}) {
		t.Fatalf("released: %v", got)
	}
	snapshot, ids := pinIDs(t, s)
	if !slices.Equal(ids, []int64{2}) || !snapshot.Contains(&later) {
		t.Errorf("a snapshot shows %v", ids)
	}
	h := s.history.Load()
	if at := h.now(); string(at[8:24]) >= digits(h.gate.Pending()[0].End) {
		t.Errorf("the place %s is behind a commit that nobody sees", at)
	}
	release()
	if err := <-returned; err != nil {
		t.Fatal(err)
	}
	f.until(func() bool { return len(f.ids()) == 2 })
	sets, _ := f.all()
	for i := range sets {
		if len(sets[i].Changes) > 0 && snapshot.Contains(&sets[i]) != (sets[i].Position == later.Position) {
			t.Errorf("the snapshot contains %+v", sets[i])
		}
	}
	if now, ids := pinIDs(t, s); len(ids) != 2 || !now.Position().Reaches(sets[len(sets)-1].Position) {
		t.Errorf("a snapshot at %s shows %v", now.Position(), ids)
	}
}

// warnings collects what is logged.
type warnings struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *warnings) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *warnings) has(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Contains(w.text.String(), text)
}

// TestSetAside: a commit that nobody sees for long is told to the operator; at
// half of what the server keeps it is set aside, and when it is seen its tables
// count as changed altogether. One who has just started says that anything may
// have changed when it is seen.
func TestSetAside(t *testing.T) {
	t.Parallel()
	db, release := standstill(t)
	said := &warnings{}
	_, s := open(t, Config{URL: db.URL, Logger: slog.New(slog.NewTextHandler(said, nil))})
	f := follow(t, s)
	f.connected()
	returned := commitSlowly(t, db, s, insert(1))
	h := s.history.Load()
	record := h.gate.Pending()[0].Record
	if h.ack() > record {
		t.Fatal("what nobody sees is acknowledged")
	}
	f.until(func() bool { return said.has("nobody sees it") })
	h.setAside()
	if h.ack() < record {
		t.Error("what is set aside is not acknowledged")
	}
	f.until(func() bool {
		v, err := s.lookSlot(t.Context())
		return err == nil && v.confirmed >= record
	})
	f.stop()
	_, again := open(t, Config{URL: db.URL})
	fresh := follow(t, again)
	fresh.connected()
	release()
	if err := <-returned; err != nil {
		t.Fatal(err)
	}
	fresh.has(func(set *change.Changeset) bool { return set.Everything })
	fresh.stop()
	f = follow(t, s)
	f.has(func(set *change.Changeset) bool {
		return len(set.Changes) == 1 && set.Changes[0].Table == "item" && set.Changes[0].Kind == change.Everything
	})
}

// TestAsynchronousCommit: what is seen before it is on disk is brought to disk
// when a snapshot shows it, so the snapshot's place is exact.
func TestAsynchronousCommit(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Set("synchronous_commit", "off"), pgtest.Set("wal_writer_delay", "10s"))
	db := server.Database(t)
	db.Exec(t, itemTable)
	_, s := open(t, Config{URL: db.URL})
	f := follow(t, s)
	f.connected()
	for id := int64(1); id <= 10; id++ {
		db.Exec(t, insert(id))
		snapshot, ids := pinIDs(t, s)
		if len(ids) != int(id) {
			t.Fatalf("a snapshot shows %v", ids)
		}
		if _, early := snapshot.(source.Overlapping); early {
			t.Errorf("the snapshot is ahead of the log")
		}
		f.wantIDs(id)
	}
}

// TestPinAhead: a snapshot that is taken while the log does not come says so,
// and knows what it contains.
func TestPinAhead(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, itemTable)
	_, s := open(t, Config{URL: db.URL})
	before := s.Position()
	db.Exec(t, insert(1))
	snapshot, ids := pinIDs(t, s)
	db.Exec(t, insert(2))
	early, ok := snapshot.(source.Overlapping)
	if !ok || !slices.Equal(ids, []int64{1}) || snapshot.Position() != before {
		t.Fatalf("a snapshot without the log is %T at %s, and shows %v", snapshot, snapshot.Position(), ids)
	}
	f := follow(t, s)
	f.until(func() bool { return len(f.ids()) == 2 })
	sets, _ := f.all()
	for i := range sets {
		for _, c := range sets[i].Changes {
			if first := c.New[0] == int64(1); snapshot.Contains(&sets[i]) != first {
				t.Errorf("the snapshot contains row %v: %t", c.New[0], !first)
			}
			if i > 0 && sets[i-1].Position.Reaches(early.Through()) && c.New[0] == int64(1) {
				t.Errorf("row 1 came behind %s, after %s", sets[i-1].Position, early.Through())
			}
		}
	}
}

// TestTornPin: when the connection is lost, and a witness that the server did
// not crash with it, a snapshot that was ahead ends the history.
func TestTornPin(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, itemTable)
	_, s := open(t, Config{URL: db.URL})
	db.Exec(t, insert(1))
	if snapshot, _ := pinIDs(t, s); snapshot.Position() != s.Position() {
		t.Fatal("it is not ahead")
	}
	if torn, err := s.torn(t.Context(), s.history.Load()); err != nil || torn {
		t.Errorf("torn although the server lives: %v", err)
	}
	db.Exec(t, "SELECT pg_terminate_backend("+digitsOf(s.prober.conn.PID())+")")
	f := follow(t, s)
	f.newHistory(s.Position().History(), func() {})
}

// TestFrontierOnIdle: a place that a writer was told is reached though nothing
// that is reported happens, and the server may forget its log.
func TestFrontierOnIdle(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, itemTable, "CREATE TABLE busy (a text)") // which has no key
	_, s := open(t, Config{URL: db.URL})
	f := follow(t, s)
	f.connected()
	db.Exec(t, "INSERT INTO busy SELECT repeat('x', 1000) FROM generate_series(1, 5000)")
	var end uint64
	now := db.Value(t, "SELECT pg_current_wal_flush_lsn()")
	if at, err := parseLSN(now); err != nil {
		t.Fatal(err)
	} else {
		end = gate.End(at, s.server.Load().page)
	}
	want := s.history.Load().position(end, 0)
	set := f.has(func(set *change.Changeset) bool { return set.Position.Reaches(want) })
	if len(set.Changes) > 0 || set.Everything {
		t.Errorf("it came with %+v", set)
	}
	f.until(func() bool {
		v, err := s.lookSlot(t.Context())
		return err == nil && v.confirmed >= end
	})
}

// TestBlockedConsumer: the server does not give up a connection because the
// reader of the stream is busy.
func TestBlockedConsumer(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, itemTable)
	_, s := open(t, Config{URL: db.URL})
	s.senderTimeout = time.Second
	db.Exec(t, insert(1))
	seen := 0
	for set, err := range s.Stream(t.Context(), s.Position()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range set.Changes {
			seen++
			if c.New[0] == int64(2) {
				if seen != 2 {
					t.Errorf("%d changes came", seen)
				}
				return
			}
			pid := s.flow.Load().pid
			for until := time.Now().Add(3 * s.senderTimeout); time.Now().Before(until); {
				db.Exec(t, "SELECT pg_sleep(0.2)")
			}
			db.Exec(t, insert(2))
			if f := s.flow.Load(); f == nil || f.pid != pid {
				t.Error("the connection was lost")
			}
		}
	}
}

func digitsOf(pid uint32) string { return strconv.FormatUint(uint64(pid), 10) }
