package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/readset/readsettest"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/source/sourcetest"
)

// TestTriggersConformance: on a server as they come, where triggers may say that
// they wrote. On the one that other tests share transactions can be prepared, and
// so the change log is looked at once a second.
func TestTriggersConformance(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Set("max_prepared_transactions", "0"))
	sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
		fresh := server.Database(t)
		fresh.Exec(t, itemTable)
		db, s := open(t, Config{URL: fresh.URL, Triggers: true})
		return sourcetest.Harness{
			Source: s, OldImages: true, Lags: true, Write: writer(db), Rows: itemRows,
			Trim: func(t *testing.T) { catchUp(t, s); s.history.Load().trim() },
		}
	})
}

// TestTriggersRecorder: the recorder knows nothing of how changes come.
func TestTriggersRecorder(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, recordSchema, "ALTER TABLE keyless SET UNLOGGED")
	handle, s := open(t, Config{URL: db.URL, Triggers: true})
	promises(t, db, s, readsettest.Harness{DB: handle})
}

// triggered is a database that is followed by triggers, and its stream.
type triggered struct {
	*pgtest.DB
	s    *Source
	next func() (change.Changeset, error, bool)
	at   change.Position // read up to
}

func openTriggered(t *testing.T, c Config, tables ...string) *triggered {
	t.Helper()
	db := pgtest.Database(t)
	db.Exec(t, tables...)
	c.URL, c.Triggers = db.URL, true
	f := &triggered{DB: db}
	_, f.s = open(t, c)
	f.stream(t)
	return f
}

func (f *triggered) stream(t *testing.T) {
	next, stop := iter.Pull2(f.s.Stream(t.Context(), f.s.Position()))
	t.Cleanup(stop)
	f.next, f.at = next, ""
}

// sets reads the changesets with changes up to now.
func (f *triggered) sets(t *testing.T) []change.Changeset {
	t.Helper()
	snapshot, err := f.s.Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := snapshot.Position()
	if err := snapshot.Close(); err != nil {
		t.Fatal(err)
	}
	var all []change.Changeset
	for !f.at.Reaches(now) {
		set, err, ok := f.next()
		if err != nil || !ok {
			t.Fatal(err, ok)
		}
		if set.Everything || len(set.Changes) > 0 {
			all = append(all, set)
		}
		f.at = set.Position
	}
	return all
}

// said writes the changes up to now.
func (f *triggered) said(t *testing.T) string {
	t.Helper()
	return written(f.sets(t))
}

// written writes changes: + for what comes, - for what goes, the table alone
// where anything may have changed.
func written(sets []change.Changeset) string {
	var all []string
	for _, set := range sets {
		var one []string
		if set.Everything {
			one = append(one, "everything")
		}
		for _, c := range set.Changes {
			text := c.Table
			if c.Old != nil {
				text += fmt.Sprint(" -", c.Old)
			}
			if c.New != nil {
				text += fmt.Sprint(" +", c.New)
			}
			one = append(one, text)
		}
		all = append(all, strings.Join(one, "; "))
	}
	return strings.Join(all, " | ")
}

func (f *triggered) expect(t *testing.T, want string, statements ...string) {
	t.Helper()
	f.Exec(t, statements...)
	if got := f.said(t); got != want {
		t.Errorf("%q says\n%s\nwant\n%s", statements, got, want)
	}
}

func TestTriggers(t *testing.T) {
	f := openTriggered(t, Config{MaxRows: 5},
		"CREATE TABLE a (id int, n int)", // no key
		"CREATE TABLE b (id int PRIMARY KEY, at timestamptz, body bytea, x float8, n int GENERATED ALWAYS AS (id * 2) STORED)",
		"CREATE TABLE p (id int, n int) PARTITION BY RANGE (id)", "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
		"CREATE TABLE p2 (n int, gone int, id int)", "ALTER TABLE p2 DROP gone", "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)",
		"CREATE TABLE parent (id int PRIMARY KEY)", "CREATE TABLE child (id int REFERENCES parent ON DELETE CASCADE)",
		"CREATE ROLE app_"+"of_triggers", "GRANT ALL ON a TO app_of_triggers")
	t.Cleanup(func() { f.Exec(t, "DROP OWNED BY app_of_triggers", "DROP ROLE app_of_triggers") })

	t.Run("rows without a key", func(t *testing.T) {
		f.expect(t, "a +[1 1]; a +[1 1] | a -[1 1] +[1 <nil>]; a -[1 1] +[1 <nil>] | a -[1 <nil>]; a -[1 <nil>]",
			"INSERT INTO a VALUES (1, 1), (1, 1)", "UPDATE a SET n = NULL", "DELETE FROM a")
	})
	t.Run("whatever the session's settings", func(t *testing.T) {
		f.expect(t, `b +[1 2026-01-02 03:04:05+00 [0 92] 0.1 2]`, `SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'; SET bytea_output = 'escape';
			SET extra_float_digits = -15; SET search_path = pg_temp;
			INSERT INTO public.b VALUES (1, '2026-01-02 03:04:05+00', '\x005c', 0.1)`, "RESET ALL")
	})
	t.Run("savepoints", func(t *testing.T) {
		f.expect(t, "a +[1 1]; a +[4 1]", `BEGIN; INSERT INTO a VALUES (1, 1); SAVEPOINT s; INSERT INTO a SELECT i, 2 FROM generate_series(1, 100) AS i;
			ROLLBACK TO s; SAVEPOINT s; INSERT INTO a VALUES (3, 1); ROLLBACK TO s; INSERT INTO a VALUES (4, 1); COMMIT`)
	})
	t.Run("many rows", func(t *testing.T) {
		f.expect(t, "b -[1 2026-01-02 03:04:05+00 [0 92] 0.1 2]; a", "BEGIN; INSERT INTO a SELECT i, 2 FROM generate_series(1, 1000) AS i; DELETE FROM b; UPDATE a SET n = 3; COMMIT")
		if n, err := strconv.Atoi(f.Value(t, "SELECT count(*) FROM wakeful.log")); err != nil || n > 60 {
			t.Errorf("%d rows in the change log, %v", n, err)
		}
		f.expect(t, "a | a | a", "TRUNCATE a", "INSERT INTO a SELECT i FROM generate_series(1, 9) AS i", "DELETE FROM a")
	})
	t.Run("partitions", func(t *testing.T) {
		f.expect(t, "p +[1 5]; p +[11 6] | p -[1 5]; p +[12 5] | p -[11 6] +[11 7] | p", "INSERT INTO p VALUES (1, 5), (11, 6)",
			"UPDATE p SET id = 12 WHERE id = 1", "UPDATE p2 SET n = 7 WHERE id = 11", "TRUNCATE p2")
	})
	t.Run("cascade", func(t *testing.T) {
		f.expect(t, "parent +[1]; child +[1]; child +[1] | parent -[1]; child -[1]; child -[1]",
			"BEGIN; INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1), (1); COMMIT", "DELETE FROM parent")
	})
	t.Run("a role without rights", func(t *testing.T) {
		f.expect(t, "a +[7 7]", "SET ROLE app_of_triggers; INSERT INTO a VALUES (7, 7)", "RESET ROLE")
	})
	t.Run("as a replica", func(t *testing.T) {
		f.expect(t, "a +[8 8]", "SET session_replication_role = replica; INSERT INTO a VALUES (8, 8)", "RESET session_replication_role")
	})
}

// TestTriggersOrder: a statement inside of another has its rows written first;
// a transaction that began first may commit what came last.
func TestTriggersOrder(t *testing.T) {
	f := openTriggered(t, Config{}, "CREATE TABLE a (id int PRIMARY KEY, n int)", "INSERT INTO a VALUES (1, 0), (2, 0)", "CREATE TABLE b (id int)",
		`CREATE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			UPDATE a SET n = NEW.n + 100 WHERE id = 2 AND pg_trigger_depth() = 1 AND NEW.id = 1; RETURN NULL; END $$`,
		`CREATE FUNCTION inner_update() RETURNS int LANGUAGE plpgsql AS $$ BEGIN UPDATE a SET n = 7 WHERE id = 2; RETURN 8; END $$`)
	t.Run("inside of a trigger", func(t *testing.T) {
		f.expect(t, "a", "CREATE TRIGGER aa AFTER UPDATE ON a FOR EACH ROW EXECUTE FUNCTION follow(); UPDATE a SET n = 1; DROP TRIGGER aa ON a")
		if got := f.Value(t, "SELECT n FROM a WHERE id = 2"); got != "101" {
			t.Errorf("the test tests nothing: n is %s", got)
		}
	})
	t.Run("inside of a function", func(t *testing.T) {
		f.expect(t, "a -[2 101] +[2 7]; a -[1 1] +[1 8]", "UPDATE a SET n = inner_update() WHERE id = 1")
		f.expect(t, "a -[1 8] +[1 9]; a -[1 9] +[1 8]", "BEGIN; UPDATE a SET n = 9 WHERE id = 1; UPDATE a SET n = 8 WHERE id = 1; COMMIT")
	})
	t.Run("a writer's place while another transaction is open", func(t *testing.T) {
		open := f.Connect(t)
		if _, err := open.Exec(t.Context(), "BEGIN; INSERT INTO b VALUES (0)"); err != nil {
			t.Fatal(err)
		}
		end, err := parseLSN(f.Value(t, "SELECT pg_current_wal_insert_lsn()::text"))
		if err != nil {
			t.Fatal(err)
		}
		want := f.s.history.Load().position(end, 0)
		for set := (change.Changeset{}); !set.Position.Reaches(want); {
			if set, err, _ = f.next(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := open.Exec(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("late commits", func(t *testing.T) {
		older, newer := f.Connect(t), f.Connect(t)
		do := func(c *pgx.Conn, text string) {
			t.Helper()
			if _, err := c.Exec(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		do(older, "BEGIN; INSERT INTO b VALUES (1)")
		do(newer, "BEGIN; UPDATE a SET n = 20 WHERE id = 1; COMMIT")
		do(older, "UPDATE a SET n = 10 WHERE id = 1; COMMIT")
		f.expect(t, "a -[1 8] +[1 20] | b +[1]; a -[1 20] +[1 10]")
	})
}

// TestTriggersAltered: what is altered is never read by what it was, and what
// is new is followed.
func TestTriggersAltered(t *testing.T) {
	f := openTriggered(t, Config{}, "CREATE TABLE a (id int PRIMARY KEY, n int, m int)", "INSERT INTO a VALUES (1, 2, 3)",
		"CREATE TABLE p (id int) PARTITION BY LIST (id)", "CREATE TABLE seen (id int)")
	settled := func() { // until the catalogue has been looked at
		f.Exec(t, "CREATE TABLE IF NOT EXISTS last (id int)")
		f.s.noteReleased(&change.Changeset{Everything: true})
		for {
			set, err, _ := f.next()
			if err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(set.Changes, func(c change.Change) bool { return c.Table == "last" }) {
				return
			}
		}
	}
	f.Exec(t, "UPDATE a SET m = 4", "ALTER TABLE a RENAME n TO x; ALTER TABLE a RENAME m TO n", "UPDATE a SET n = 5")
	for _, set := range f.sets(t) {
		for _, c := range set.Changes {
			if !set.Everything && c.Table == "a" && c.Kind != change.Everything {
				t.Errorf("a change by what the table was: %+v", c)
			}
		}
	}
	f.Exec(t, "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)", "ALTER TABLE seen DISABLE TRIGGER ALL; INSERT INTO seen VALUES (1); ALTER TABLE seen ENABLE TRIGGER ALL")
	settled()
	f.Exec(t, "UPDATE a SET n = 6", "INSERT INTO p VALUES (1)", "TRUNCATE p1", "INSERT INTO seen VALUES (2)")
	rows := slices.DeleteFunc(f.sets(t), func(set change.Changeset) bool { return set.Everything }) // the next look sees the new triggers
	if got := written(rows); got != "a -[1 2 5] +[1 2 6] | p | p | seen +[2]" {
		t.Errorf("after the look: %s", got)
	}
	for _, name := range []string{"a", "p", "p1", "seen", "last"} {
		if err := f.s.Covers(t.Context(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	var uncovered *source.UncoveredError
	if err := f.s.Covers(t.Context(), "wakeful.log"); !errors.As(err, &uncovered) {
		t.Errorf("the change log itself: %v", err)
	}
	told, err := f.s.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range told.Tables {
		if strings.HasPrefix(table.Name, "wakeful.") {
			t.Errorf("%s is a table for resources", table.Name)
		}
	}
}

// TestTriggersWithoutFollower: while nobody follows nothing is written, who
// begins to follow waits for those who did not write, and nobody else can.
func TestTriggersWithoutFollower(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, "CREATE TABLE a (id int PRIMARY KEY)")
	c := Config{URL: db.URL, Triggers: true}
	first, s, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Open(); err == nil || !strings.Contains(err.Error(), "followed by process") {
		t.Errorf("a second one of the name: %v", err)
	}
	if err := errors.Join(first.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	writer := db.Connect(t)
	if _, err := writer.Exec(t.Context(), "BEGIN; INSERT INTO a VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	if n := db.Value(t, "SELECT count(*) FROM wakeful.log"); n != "0" {
		t.Errorf("%s rows in the log of nobody", n)
	}
	opened := make(chan *Source)
	go func() {
		_, s := open(t, c)
		opened <- s
	}()
	waiting := time.NewTicker(5 * time.Millisecond)
	defer waiting.Stop()
	waits := func() bool {
		return db.Value(t, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") != "0"
	}
	for !waits() {
		select {
		case <-waiting.C:
		case <-opened:
			t.Fatal("it follows while a transaction is open that does not write")
		}
	}
	db.Exec(t, "INSERT INTO a VALUES (2)")
	if _, err := writer.Exec(t.Context(), "INSERT INTO a VALUES (3); COMMIT"); err != nil {
		t.Fatal(err)
	}
	f := &triggered{DB: db, s: <-opened}
	f.stream(t)
	f.expect(t, "a +[4]", "INSERT INTO a VALUES (4)")

	// its connection ends: what is written then is not written down
	wrote := make(chan error, 1)
	go func() { // first in the queue for the lock
		wrote <- db.Try("BEGIN; SELECT pg_advisory_xact_lock_shared(" + f.s.triggerLog().Lock() + "); INSERT INTO a VALUES (5); COMMIT")
	}()
	eventually(t, waits)
	db.Exec(t, fmt.Sprintf("SELECT pg_terminate_backend(%d)", f.s.notes.pid))
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	before := f.s.Position()
	for {
		if _, err, _ := f.next(); err != nil {
			if !errors.Is(err, source.ErrPositionGone) {
				t.Errorf("the stream ends with %v", err)
			}
			f.next() // the stream has ended when it returns
			break
		}
	}
	if f.s.Position().SameHistory(before) {
		t.Error("the history goes on")
	}
	f.stream(t)
	f.Exec(t, "INSERT INTO a VALUES (6)")
	// the fifth may have been written down already by the time that it followed again
	if got := strings.TrimPrefix(f.said(t), "a +[5] | "); got != "a +[6]" {
		t.Errorf("the new history says %s", got)
	}
	s = f.s
	if err := s.meta.QueryRow(t.Context(), "SELECT 1").Scan(new(int)); err != nil {
		t.Fatal(err)
	}
}

func TestTriggersCheckFixDrop(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, "CREATE TABLE a (id int PRIMARY KEY)")
	c := Config{URL: db.URL, Triggers: true, Name: "other"}
	if found, err := c.Check(t.Context()); err != nil || len(found) != 2 || found[0].Statements == nil || found[1].Table != "a" {
		t.Errorf("in an empty database: %+v, %v", found, err)
	}
	if left, err := c.Fix(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("left when all is made: %+v, %v", left, err)
	}
	handle, s, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Drop(t.Context()); err == nil || !strings.Contains(err.Error(), "followed by process") {
		t.Errorf("dropped while it is followed: %v", err)
	}
	if err := errors.Join(handle.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if n := db.Value(t, "SELECT count(*) FROM pg_trigger WHERE tgname LIKE '!other%'"); n != "2" {
		t.Errorf("%s triggers", n)
	}
	if err := c.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := db.Value(t, "SELECT count(*) FROM pg_trigger WHERE tgname LIKE '!other%'") + db.Value(t, "SELECT count(*) FROM pg_namespace WHERE nspname = 'other'"); n != "00" {
		t.Errorf("%s things are left", n)
	}
}

// TestTriggersReplay: writers at random, with savepoints. At each snapshot the
// changes up to its position make the table that it shows.
func TestTriggersReplay(t *testing.T) {
	rounds := 40
	switch {
	case os.Getenv("WAKEFUL_LONG") != "":
		rounds *= 100
	case os.Getenv("WAKEFUL_RACE") != "":
		rounds = 8
	}
	f := openTriggered(t, Config{}, "CREATE TABLE a (id int, n int, name text)") // no key: rows may be equal
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	done := make(chan error)
	for i := range 3 {
		conn := f.Connect(t)
		go func() { done <- writeRandomly(t.Context(), conn, rand.New(rand.NewPCG(seed, uint64(i))), rounds*5) }()
	}
	model := map[string]int{}
	var ahead change.Changeset // read, and not in the last snapshot
	running := 3
	for range rounds {
		snapshot, err := f.s.Pin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want, err := rowsIn(t.Context(), snapshot)
		if err := errors.Join(err, snapshot.Close()); err != nil {
			t.Fatal(err)
		}
		for !f.at.Reaches(snapshot.Position()) {
			if ahead.Position == "" {
				var err error
				if ahead, err, _ = f.next(); err != nil {
					t.Fatal(err)
				}
			}
			if !snapshot.Contains(&ahead) {
				break
			}
			for i := range ahead.Changes {
				replayRow(t, model, ahead.Changes[i].Old, -1)
				replayRow(t, model, ahead.Changes[i].New, 1)
			}
			f.at, ahead = ahead.Position, change.Changeset{}
		}
		if !reflect.DeepEqual(model, want) {
			t.Fatalf("by the changes\n%v\nin the snapshot\n%v", model, want)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running--
		default:
		}
	}
	for range running {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func replayRow(t *testing.T, model map[string]int, row []any, by int) {
	t.Helper()
	if row == nil {
		return
	}
	key := fmt.Sprintf("%#v", row)
	if model[key] += by; model[key] == 0 {
		delete(model, key)
	} else if model[key] < 0 {
		t.Fatalf("a row goes that is not there: %s", key)
	}
}

func rowsIn(ctx context.Context, in source.Snapshot) (map[string]int, error) {
	rows, err := in.(pinner).reads(sourceOf(in)).Query(ctx, &readset.Set{}, &readset.Statement{}, "SELECT id, n, name FROM a", nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]int{}
	for {
		row := make([]driver.Value, 3)
		switch err := rows.Next(row); err {
		case nil:
			all[fmt.Sprintf("%#v", []any{row[0], row[1], row[2]})]++
		case io.EOF:
			return all, nil
		default:
			return nil, err
		}
	}
}

// writeRandomly runs transactions, some of which are rolled back, in whole or
// in part.
func writeRandomly(ctx context.Context, conn *pgx.Conn, random *rand.Rand, transactions int) error {
	for range transactions {
		statements := []string{"BEGIN"}
		for range 1 + random.IntN(6) {
			id := random.IntN(8)
			statements = append(statements, []string{
				fmt.Sprintf("INSERT INTO a SELECT %d, i, 'x' FROM generate_series(1, %d) AS i", id, random.IntN(4)),
				fmt.Sprintf("UPDATE a SET n = n + 1 WHERE id = %d", id),
				fmt.Sprintf("UPDATE a SET name = nullif('%d', '3') WHERE id = %d", random.IntN(5), id),
				fmt.Sprintf("DELETE FROM a WHERE id = %d", id),
				"SAVEPOINT s", "SAVEPOINT s; ROLLBACK TO s",
			}[random.IntN(6)])
		}
		if slices.Contains(statements, "SAVEPOINT s") && random.IntN(2) == 0 {
			statements = append(statements, "ROLLBACK TO s")
		}
		statements = append(statements, []string{"COMMIT", "COMMIT", "ROLLBACK"}[random.IntN(3)])
		for _, statement := range statements {
			if _, err := conn.Exec(ctx, statement); err != nil {
				if isCode(err, "40P01") { // a deadlock: another one went on
					statement = "ROLLBACK"
					_, err = conn.Exec(ctx, statement)
				}
				if err != nil {
					return fmt.Errorf("%s: %w", statement, err)
				}
				break
			}
		}
	}
	return nil
}
