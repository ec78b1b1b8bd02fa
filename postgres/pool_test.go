package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/readset"
)

func pooled(t *testing.T, text ...string) (*pgxpool.Pool, *Source, *pgtest.DB) {
	t.Helper()
	db := pgtest.Database(t)
	db.Exec(t, text...)
	pool, s, err := OpenPool(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pool.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return pool, s, db
}

// evaluation is the context of one, in a snapshot that a later row is not in.
func evaluation(t *testing.T, s *Source) (context.Context, *readset.Set) {
	t.Helper()
	set := &readset.Set{}
	var err error
	if set.Snapshot, err = openStandalone(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = set.Snapshot.Close() })
	return readset.NewContext(t.Context(), set), set
}

const countItems = "SELECT count(*) FROM item"

// TestPoolSeesTheSnapshot: however a statement is sent with pgx, it is noted
// with its arguments and runs in the snapshot.
func TestPoolSeesTheSnapshot(t *testing.T) {
	pool, s, db := pooled(t, "CREATE TABLE item (id int PRIMARY KEY, name text)", "INSERT INTO item VALUES (1, 'one')")
	ways := map[string]func(ctx context.Context) (int, error){
		"a query": func(ctx context.Context) (n int, err error) {
			err = pool.QueryRow(ctx, countItems+" WHERE id < $1", 10).Scan(&n)
			return n, err
		},
		"named arguments": func(ctx context.Context) (n int, err error) {
			err = pool.QueryRow(ctx, countItems+" WHERE id < @most", pgx.NamedArgs{"most": 10}).Scan(&n)
			return n, err
		},
		"without preparing": func(ctx context.Context) (n int, err error) {
			err = pool.QueryRow(ctx, countItems+" WHERE id < $1", pgx.QueryExecModeExec, 10).Scan(&n)
			return n, err
		},
		"a batch": func(ctx context.Context) (n int, err error) {
			b := &pgx.Batch{}
			b.Queue("SELECT 1")
			b.Queue(countItems+" WHERE id < $1", 10).QueryRow(func(row pgx.Row) error { return row.Scan(&n) })
			err = pool.SendBatch(ctx, b).Close()
			return n, err
		},
		"a name": func(ctx context.Context) (n int, err error) {
			err = pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
				if _, err := conn.Conn().Prepare(ctx, "counting", countItems+" WHERE id < $1"); err != nil {
					return err
				}
				return conn.QueryRow(ctx, "counting", 10).Scan(&n)
			})
			return n, err
		},
		"a transaction of one state": func(ctx context.Context) (n int, err error) {
			err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
				return tx.QueryRow(ctx, countItems+" WHERE id < $1", 10).Scan(&n)
			})
			return n, err
		},
		"the evaluation's": func(ctx context.Context) (n int, err error) {
			tx, ok := Tx(ctx)
			if !ok {
				return 0, errors.New("there is none")
			}
			err = tx.QueryRow(ctx, countItems+" WHERE id < $1", 10).Scan(&n)
			return n, err
		},
		"a batch on the evaluation's": func(ctx context.Context) (n int, err error) {
			tx, ok := Tx(ctx)
			if !ok {
				return 0, errors.New("there is none")
			}
			b := &pgx.Batch{}
			b.Queue(countItems+" WHERE id < $1", 10).QueryRow(func(row pgx.Row) error { return row.Scan(&n) })
			err = tx.SendBatch(ctx, b).Close()
			return n, err
		},
	}
	id := 1
	for name, run := range ways {
		ctx, set := evaluation(t, s)
		want := id
		id++
		db.Exec(t, fmt.Sprintf("INSERT INTO item VALUES (%d, '')", -id))
		got, err := run(ctx)
		if err != nil || got != want {
			t.Errorf("%s: counts %d, %v; want %d", name, got, err, want)
		}
		if err := set.Err(); err != nil || set.Unstamped() != "" {
			t.Errorf("%s: %v, unstamped %q", name, err, set.Unstamped())
		}
		noted := slices.ContainsFunc(set.Uses(), func(u readset.Use) bool {
			return strings.HasPrefix(u.Statement.Text, countItems) && fmt.Sprint(u.Args) == "[10]"
		})
		if !noted || reads(set) != "item(id)" {
			t.Errorf("%s: noted %v, reads %s", name, set.Uses(), reads(set))
		}
		if strings.HasSuffix(name, "the evaluation's") {
			continue
		}
		if got, err := run(t.Context()); err != nil || got != id {
			t.Errorf("%s outside: counts %d, %v", name, got, err)
		}
	}
}

// TestPoolTellsLate: what functions read is told by locks here too, and one
// that writes may.
func TestPoolTellsLate(t *testing.T) {
	pool, s, db := pooled(t, describeSchema)
	for text, want := range map[string]string{
		"SELECT pl(1)":                    "x",
		"SELECT composed('secret')::text": "1",
		"SELECT writing(77)::text":        "1",
	} {
		ctx, set := evaluation(t, s)
		db.Exec(t, "INSERT INTO secret SELECT max(id) + 1, '' FROM secret")
		var got string
		if err := pool.QueryRow(ctx, text).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q, %v", text, got, err)
		}
		if set.Err() != nil || !strings.Contains(reads(set), "secret(*)") {
			t.Errorf("%s: %v, reads %s", text, set.Err(), reads(set))
		}
		db.Exec(t, "DELETE FROM secret WHERE id > 1")
	}
	var n int
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM gift WHERE id = 77").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows were written, %v", n, err)
	}
}

// TestPoolRefuses: what cannot be noted is no result.
func TestPoolRefuses(t *testing.T) {
	pool, s, db := pooled(t, "CREATE TABLE item (id int PRIMARY KEY)")
	ctx, set := evaluation(t, s)
	if err := set.Snapshot.Close(); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := pool.QueryRow(ctx, countItems).Scan(&n); err == nil {
		t.Error("a closed snapshot is read")
	}
	other, _, _ := pooled(t, "CREATE TABLE item (id int PRIMARY KEY)")
	ctx, set = evaluation(t, s)
	if err := other.QueryRow(ctx, countItems).Scan(&n); err == nil || !strings.Contains(err.Error(), "other than that") || set.Err() == nil {
		t.Errorf("another database: %v, %v", err, set.Err())
	}
	ctx, set = evaluation(t, s)
	tx, err := pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.QueryRow(ctx, countItems).Scan(&n); err != nil || !strings.Contains(set.Unstamped(), "begun before") {
		t.Errorf("in a transaction begun before: %v, unstamped %q", err, set.Unstamped())
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
	ctx, _ = evaluation(t, s)
	snapshot, _ := Tx(ctx)
	for _, text := range []string{"INSERT INTO item VALUES (1)", "SELECT id FROM item FOR UPDATE"} {
		if _, err := snapshot.Exec(ctx, text); !errors.Is(err, errReadsOnly) {
			t.Errorf("%s in a snapshot: %v", text, err)
		}
	}
	if _, ok := Tx(t.Context()); ok {
		t.Error("there is a snapshot outside of an evaluation")
	}
	role := WithRole(t.Context(), Role{Name: db.Name})
	if _, err := pool.Exec(role, "INSERT INTO item VALUES (1)"); err == nil || !strings.Contains(err.Error(), "in a transaction") {
		t.Errorf("a write as a role: %v", err)
	}
}

// TestPoolHasRoles: statements run as the role of their context.
func TestPoolHasRoles(t *testing.T) {
	pool, s, db := pooled(t, ownerSchema)
	reader := db.Name + "_reader"
	db.Exec(t, "CREATE ROLE "+reader+"; GRANT ALL ON note TO "+reader)
	t.Cleanup(func() { db.Exec(t, "DROP OWNED BY "+reader+"; DROP ROLE "+reader) })
	in, _ := evaluation(t, s)
	for _, outer := range []context.Context{t.Context(), in} {
		for user, want := range map[string]string{"ada": reader + ":ada", "bob": reader + ":bob", "": "postgres:ada bob"} {
			ctx := outer
			if user != "" {
				ctx = WithRole(outer, Role{Name: reader, Settings: map[string]string{"app.user": user}})
			}
			var got string
			if err := pool.QueryRow(ctx, whose).Scan(&got); err != nil || got != want {
				t.Errorf("%s, %v; want %s", got, err, want)
			}
			if tx, ok := Tx(ctx); ok {
				if err := tx.QueryRow(t.Context(), whose).Scan(&got); err != nil || got != want {
					t.Errorf("in the snapshot, by a context without the role: %s, %v; want %s", got, err, want)
				}
			}
		}
	}
	ctx := WithRole(t.Context(), Role{Name: reader, Settings: map[string]string{"app.user": "ada"}})
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO note VALUES (3, 'ada')")
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, end := range []string{"COMMIT AND CHAIN", "END AND CHAIN", "ROLLBACK AND CHAIN", "ABORT AND CHAIN"} {
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			var before, after string
			err := tx.QueryRow(ctx, "SELECT current_user").Scan(&before)
			_, chained := tx.Exec(ctx, end)
			err = errors.Join(err, chained, tx.QueryRow(ctx, "SELECT current_user").Scan(&after))
			if before != reader || after != reader {
				t.Errorf("statements run as %s, and as %s after %s", before, after, end)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", end, err)
		}
	}
}

// TestPoolPositions: commits of pgx are told their place.
func TestPoolPositions(t *testing.T) {
	pool, _, _ := pooled(t, "CREATE TABLE item (id int PRIMARY KEY)")
	writes := &readset.Writes{}
	ctx := readset.NewWritesContext(t.Context(), writes)
	if _, err := pool.CopyFrom(ctx, pgx.Identifier{"item"}, []string{"id"}, pgx.CopyFromRows([][]any{{1}, {2}})); err != nil {
		t.Fatal(err)
	}
	after, ok := writes.Position()
	if !ok {
		t.Fatal("a COPY has no position")
	}
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO item VALUES (3)")
		if _, ok := writes.Position(); ok {
			t.Error("there is a position although something is not committed")
		}
		return err
	})
	if later, ok := writes.Position(); err != nil || !ok || later <= after || strings.HasSuffix(string(later), "ffffffffffffffff") {
		t.Errorf("a transaction: %q after %q, %v", later, after, err)
	}
}

type counting struct{ queries atomic.Int32 }

func (c *counting) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.queries.Add(1)
	return ctx
}

func (c *counting) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestPoolKeepsTheTracer: a tracer of the app's is told what the app sends.
func TestPoolKeepsTheTracer(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, "CREATE TABLE item (id int PRIMARY KEY)")
	config, err := pgxpool.ParseConfig(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	own := &counting{}
	config.ConnConfig.Tracer = own
	pool, s, err := Config{}.OpenPool(config)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer pool.Close()
	ctx, set := evaluation(t, s)
	var n int
	if err := pool.QueryRow(ctx, countItems).Scan(&n); err != nil {
		t.Fatal(err)
	}
	if own.queries.Load() != 1 || reads(set) != "item()" {
		t.Errorf("%d statements were traced, reads %s", own.queries.Load(), reads(set))
	}
}
