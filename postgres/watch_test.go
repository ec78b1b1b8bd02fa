package postgres

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/readset"
)

// handled is a recorded handle of a database of its own.
func handled(t *testing.T, text ...string) (*sql.DB, *Source, *pgtest.DB) {
	t.Helper()
	db := pgtest.Database(t)
	db.Exec(t, text...)
	handle, s, err := Open(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(handle.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return handle, s, db
}

// first reads one text.
func first(ctx context.Context, in interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, text string, args ...any) (got string) {
	if err := in.QueryRowContext(ctx, text, args...).Scan(&got); err != nil {
		return err.Error()
	}
	return got
}

const ownerSchema = `
CREATE TABLE note (id int PRIMARY KEY, owner text);
INSERT INTO note VALUES (1, 'ada'), (2, 'bob');
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON note USING (owner = current_setting('app.user', true));`

const whose = "SELECT current_user || ':' || coalesce(string_agg(owner, ' '), '') FROM note"

// TestStatementsHaveTheirRole: each statement runs as its own context says,
// alone, in a transaction, in an evaluation, and after going back in one.
func TestStatementsHaveTheirRole(t *testing.T) {
	handle, s, db := handled(t, ownerSchema)
	reader := db.Name + "_reader"
	db.Exec(t, "CREATE ROLE "+reader+"; GRANT ALL ON note TO "+reader)
	t.Cleanup(func() { db.Exec(t, "DROP OWNED BY "+reader+"; DROP ROLE "+reader) })
	handle.SetMaxOpenConns(1)
	as := func(ctx context.Context, user string) context.Context {
		if user == "" {
			return ctx
		}
		return WithRole(ctx, Role{Name: reader, Settings: map[string]string{"app.user": user}})
	}
	wanted := map[string]string{"": "postgres:ada bob", "ada": reader + ":ada", "bob": reader + ":bob", "x": reader + ":"}
	users := []string{"ada", "", "bob", "bob", "x", "", "ada"}
	check := func(where, user, got string) {
		t.Helper()
		if got != wanted[user] {
			t.Errorf("%s as %q: %s, want %s", where, user, got, wanted[user])
		}
	}
	snapshot, err := openStandalone(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range users {
		check("alone", user, first(as(t.Context(), user), handle, whose))
		set := &readset.Set{Snapshot: snapshot}
		check("in an evaluation", user, first(as(readset.NewContext(t.Context(), set), user), handle, whose))
		first(as(readset.NewContext(t.Context(), set), user), handle, "SELECT 1/0")
	}
	if err := snapshot.Close(); err != nil {
		t.Fatal(err)
	}
	tx, err := handle.BeginTx(as(t.Context(), "ada"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range users {
		check("in a transaction", user, first(as(t.Context(), user), tx, whose))
	}
	if _, err := tx.Exec("SAVEPOINT here"); err != nil {
		t.Fatal(err)
	}
	for _, user := range users {
		check("behind a savepoint", user, first(as(t.Context(), user), tx, whose))
		if _, err := tx.ExecContext(as(t.Context(), user), "ROLLBACK TO here"); err != nil {
			t.Fatal(err)
		}
		check("after going back", user, first(as(t.Context(), user), tx, whose))
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	check("afterwards", "", first(t.Context(), handle, whose))
	rows, err := handle.QueryContext(as(t.Context(), "ada"), "SELECT owner FROM note")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(rows.Close(), rows.Err()); err != nil {
		t.Error(err)
	}
	check("after rows that nobody has read", "", first(t.Context(), handle, whose))
	if _, err := handle.ExecContext(as(t.Context(), "ada"), "INSERT INTO note VALUES (3, 'bob')"); err == nil || !strings.Contains(err.Error(), "policy") {
		t.Errorf("a row of another: %v", err)
	}
	if _, err := handle.ExecContext(as(t.Context(), "ada"), "INSERT INTO note VALUES (3, 'ada')"); err != nil {
		t.Error(err)
	}
	if _, err := handle.ExecContext(as(t.Context(), "ada"), "ROLLBACK; DELETE FROM note"); err == nil || !strings.Contains(err.Error(), "one by one") {
		t.Errorf("a text that ends its transaction: %v", err)
	}
	check("in the end", "ada", strings.ReplaceAll(first(as(t.Context(), "ada"), handle, whose), "ada ada", "ada"))
}

// TestUndescribedAsTheRole: what the role may not read is not read otherwise.
func TestUndescribedAsTheRole(t *testing.T) {
	handle, s, db := handled(t, "CREATE TABLE secret (id int PRIMARY KEY); INSERT INTO secret VALUES (1)")
	reader := db.Name + "_reader"
	db.Exec(t, "CREATE ROLE "+reader)
	t.Cleanup(func() { db.Exec(t, "DROP ROLE "+reader) })
	snapshot, err := openStandalone(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	ctx := readset.NewContext(WithRole(t.Context(), Role{Name: reader}), &readset.Set{Snapshot: snapshot})
	if got := first(ctx, handle, "SELECT id FROM secret"); !strings.Contains(got, "permission denied") {
		t.Errorf("read %s", got)
	}
}

// TestPositionsOfWrites: who asks is told a place that the commit is before,
// and where it can be known the number of its transaction.
func TestPositionsOfWrites(t *testing.T) {
	handle, s, db := handled(t, "CREATE TABLE item (id int PRIMARY KEY, name text)",
		"CREATE TABLE deferred (id int REFERENCES item DEFERRABLE INITIALLY DEFERRED)",
		"CREATE FUNCTION add(int) RETURNS int LANGUAGE sql AS 'INSERT INTO item VALUES ($1) RETURNING id'")
	exec := func(text string) func(context.Context) error {
		return func(ctx context.Context) error { _, err := handle.ExecContext(ctx, text); return err }
	}
	query := func(text string) func(context.Context) error {
		return func(ctx context.Context) error {
			rows, err := handle.QueryContext(ctx, text)
			if err != nil {
				return err
			}
			for rows.Next() {
			}
			return errors.Join(rows.Err(), rows.Close())
		}
	}
	inTx := func(end func(*sql.Tx) error, texts ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			tx, err := handle.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			for _, text := range texts {
				if _, err := tx.ExecContext(ctx, text); err != nil {
					return errors.Join(err, tx.Rollback())
				}
			}
			return end(tx)
		}
	}
	const none, known, unknown = 0, 1, 2
	for _, tt := range []struct {
		name             string
		run              func(context.Context) error
		plain, evaluated int
	}{
		{"insert", exec("INSERT INTO item VALUES (1)"), unknown, known},
		{"returning", query("INSERT INTO item VALUES (2) RETURNING id"), unknown, known},
		{"returning many", query("INSERT INTO item SELECT i FROM generate_series(100, 2000) i RETURNING id"), unknown, known},
		{"a function", query("SELECT add(3)"), unknown, known},
		{"a transaction", inTx((*sql.Tx).Commit, "INSERT INTO item VALUES (4)", "INSERT INTO item VALUES (5)"), known, known},
		{"one that only reads", inTx((*sql.Tx).Commit, "SELECT 1"), none, none},
		{"one that is rolled back", inTx((*sql.Tx).Rollback, "INSERT INTO item VALUES (6)"), none, none},
		{"a query", query("SELECT id FROM item WHERE id = 1"), none, none},
		{"a failure", func(ctx context.Context) error {
			if _, err := handle.ExecContext(ctx, "INSERT INTO item VALUES (1), (1)"); err == nil {
				return errors.New("it succeeds")
			}
			return nil
		}, none, none},
		{"a failure at the end", func(ctx context.Context) error {
			if _, err := handle.ExecContext(ctx, "INSERT INTO deferred VALUES (77777)"); err == nil {
				return errors.New("it succeeds")
			}
			return nil
		}, none, none},
	} {
		for _, evaluated := range []bool{false, true} {
			want := tt.plain
			writes := &readset.Writes{}
			ctx := readset.NewWritesContext(t.Context(), writes)
			if evaluated {
				db.Exec(t, "TRUNCATE item, deferred")
				want = tt.evaluated
				ctx = readset.NewContext(ctx, &readset.Set{})
			}
			if err := tt.run(ctx); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			position, ok := writes.Position()
			if ok != (want != none) || len(writes.Commits()) != min(want, 1) {
				t.Errorf("%s, evaluated %t: position %q, commits %q", tt.name, evaluated, position, writes.Commits())
				continue
			}
			if want == none {
				continue
			}
			if position.History() != s.Position().History() {
				t.Fatalf("%s: position %q is of another history than %s", tt.name, position, s.Position())
			}
			checkWritten(t, handle, tt.name, position, want == known)
		}
	}
}

// checkWritten looks at a position when nothing else has been written since.
func checkWritten(t *testing.T, handle *sql.DB, name string, position change.Position, known bool) {
	t.Helper()
	if len(position) != change.HistoryLen+32 {
		t.Fatalf("%s: position %q", name, position)
	}
	var now, newest uint64
	if err := handle.QueryRow("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint, (pg_snapshot_xmax(pg_current_snapshot())::text)::bigint").Scan(&now, &newest); err != nil {
		t.Fatal(err)
	}
	lsn, err := strconv.ParseUint(string(position[8:24]), 16, 64)
	if err != nil || lsn >= now {
		t.Errorf("%s: its place %x is not before %x, %v", name, lsn, now, err)
	}
	mark := string(position[24:])
	if !known && mark != "ffffffffffffffff" {
		t.Errorf("%s: mark %s", name, mark)
	}
	if xid, err := strconv.ParseUint(mark, 16, 64); known && (err != nil || xid >= newest || xid+100 < newest) {
		t.Errorf("%s: mark %s, the next transaction is %d", name, mark, newest)
	}
}

// TestToldHere: what runs on the connection of the app is told of by its locks.
func TestToldHere(t *testing.T) {
	handle, s, _ := handled(t, describeSchema,
		`CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.item = (SELECT count(*) FROM secret); RETURN NEW; END $$;
		CREATE TRIGGER stamp BEFORE INSERT ON gift FOR EACH ROW EXECUTE FUNCTION stamp()`,
		"CREATE TABLE app.item (id int PRIMARY KEY, name text, only_here int); INSERT INTO app.item VALUES (1, 'of app')")
	evaluate := func(run func(ctx context.Context) string) (string, []readset.Read) {
		t.Helper()
		set := &readset.Set{}
		var err error
		if set.Snapshot, err = openStandalone(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		defer set.Snapshot.Close()
		got := run(readset.NewContext(t.Context(), set))
		if err := set.Err(); err != nil || set.Unstamped() != "" {
			t.Errorf("%v, unstamped %q", err, set.Unstamped())
		}
		return got, set.Tables()
	}
	has := func(reads []readset.Read, table string) bool {
		return slices.ContainsFunc(reads, func(r readset.Read) bool { return r.Table == table })
	}
	for _, text := range []string{"SELECT writing(7)", "INSERT INTO gift VALUES (8, 0) RETURNING item"} {
		got, reads := evaluate(func(ctx context.Context) string { return first(ctx, handle, text) })
		if got != "1" || !has(reads, "secret") {
			t.Errorf("%s: %s, reads %v", text, got, reads)
		}
	}
	if got := first(t.Context(), handle, "SELECT count(*) FROM gift WHERE id IN (7, 8)"); got != "2" {
		t.Errorf("%s rows were written", got)
	}
	before, err := handle.Begin()
	if err != nil {
		t.Fatal(err)
	}
	set := &readset.Set{}
	first(readset.NewContext(t.Context(), set), before, "INSERT INTO gift VALUES (9, 0) RETURNING id")
	if err := before.Rollback(); err != nil || set.Unstamped() == "" {
		t.Errorf("what runs in a transaction begun before is taken to be in the snapshot, %v", err)
	}
	for _, set := range []string{"SELECT 1; SET search_path = app", "SET search_path = app"} {
		got, reads := evaluate(func(ctx context.Context) string {
			conn, err := handle.Conn(ctx)
			if err != nil {
				return err.Error()
			}
			defer conn.Close()
			if _, err := conn.ExecContext(ctx, set); err != nil {
				return err.Error()
			}
			return first(ctx, conn, "SELECT name FROM item WHERE id = 1 AND only_here IS NULL")
		})
		if got != "of app" || len(reads) != 1 || !has(reads, "app.item") {
			t.Errorf("after %s: %s, reads %v", set, got, reads)
		}
	}
}
