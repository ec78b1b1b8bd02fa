package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"log/slog"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/postgres/internal/gate"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/source/sourcetest"
)

const itemTable = "CREATE TABLE item (id bigint PRIMARY KEY, name text)"

// openConfig opens a source on a fresh database with tables in it.
func openConfig(t testing.TB, c Config, tables ...string) (*sql.DB, *Source) {
	t.Helper()
	db := pgtest.Database(t)
	db.Exec(t, tables...)
	c.URL = db.URL
	return open(t, c)
}

// open opens a source that is closed when the test ends.
func open(t testing.TB, c Config) (*sql.DB, *Source) {
	t.Helper()
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	db, s, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(db.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return db, s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, full := range map[string]bool{"DefaultIdentity": false, "FullIdentity": true} {
		t.Run(name, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
				tables := []string{itemTable}
				if full {
					tables = append(tables, "ALTER TABLE item REPLICA IDENTITY FULL")
				}
				db, s := openConfig(t, Config{}, tables...)
				return sourcetest.Harness{
					Source: s, OldImages: full, Lags: true, Write: writer(db), Rows: itemRows,
					Trim: func(t *testing.T) { catchUp(t, s); s.history.Load().trim() },
				}
			})
		})
	}
}

// writer runs transactions on a handle.
func writer(db *sql.DB) func(context.Context, func(sourcetest.Tx) error) error {
	return func(ctx context.Context, do func(sourcetest.Tx) error) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if err := do(itemTx{ctx, tx}); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		return tx.Commit()
	}
}

// itemRows reads the table where a snapshot's reads run.
func itemRows(ctx context.Context, in source.Snapshot) (map[int64]string, error) {
	rows, err := in.(pinner).reads(sourceOf(in)).Query(ctx, &readset.Set{}, &readset.Statement{}, "SELECT id, name FROM item", nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return collectItems(rows)
}

type itemTx struct {
	ctx context.Context
	tx  *sql.Tx
}

func (i itemTx) exec(text string, args ...any) error {
	result, err := i.tx.ExecContext(i.ctx, text, args...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, errors.New(text+": not one row"))
	}
	return nil
}

func (i itemTx) Insert(id int64, name string) error {
	return i.exec("INSERT INTO item VALUES ($1, $2)", id, name)
}

func (i itemTx) Update(id int64, name string) error {
	return i.exec("UPDATE item SET name = $1 WHERE id = $2", name, id)
}

func (i itemTx) Delete(id int64) error { return i.exec("DELETE FROM item WHERE id = $1", id) }

// catchUp reads the stream until it has come to what is committed now.
func catchUp(t *testing.T, s *Source) {
	t.Helper()
	var now string
	if err := s.meta.QueryRow(t.Context(), "SELECT pg_current_wal_flush_lsn()::text").Scan(&now); err != nil {
		t.Fatal(err)
	}
	end, err := parseLSN(now)
	if err != nil {
		t.Fatal(err)
	}
	for set, err := range s.Stream(t.Context(), s.Position()) {
		if err != nil {
			t.Fatal(err)
		}
		if set.Position.Reaches(s.history.Load().position(gate.End(end, s.server.Load().page), 0)) {
			return
		}
	}
}

// trim forgets all changesets.
func (h *history) trim() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.first += uint64(len(h.sets))
	h.sets, h.kept = nil, 0
}

func sourceOf(in source.Snapshot) *Source {
	switch s := in.(type) {
	case *Snapshot:
		return s.source
	case *ahead:
		return s.source
	}
	return nil
}

func collectItems(rows driver.Rows) (map[int64]string, error) {
	names := map[int64]string{}
	row := make([]driver.Value, 2)
	for {
		switch err := rows.Next(row); err {
		case nil:
			names[row[0].(int64)] = row[1].(string)
		case io.EOF:
			return names, nil
		default:
			return nil, err
		}
	}
}
