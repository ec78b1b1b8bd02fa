package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/source/sourcetest"
)

const itemTable = "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)"

func TestConformance(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
		c := Config{Path: filepath.Join(t.TempDir(), "test.db")}
		c.Parameters = map[string][]string{"_txlock": {"immediate"}}
		db, s := openConfig(t, c, itemTable)
		return sourcetest.Harness{
			Source:    s,
			OldImages: true,
			Uncovered: "sqlite_schema",
			Write:     writer(db),
			Rows:      itemRows(db),
			Trim:      func(*testing.T) { s.history.Load().trim() },
		}
	})
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

func itemRows(db *sql.DB) func(context.Context, source.Snapshot) (map[int64]string, error) {
	return func(ctx context.Context, in source.Snapshot) (map[int64]string, error) {
		set := &readset.Set{Snapshot: in}
		rows, err := db.QueryContext(readset.NewContext(ctx, set), "SELECT id, name FROM item")
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		names := map[int64]string{}
		for rows.Next() {
			var id int64
			var name string
			if err := rows.Scan(&id, &name); err != nil {
				return nil, err
			}
			names[id] = name
		}
		return names, errors.Join(rows.Err(), set.Err())
	}
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
	return i.exec("INSERT INTO item VALUES (?, ?)", id, name)
}

func (i itemTx) Update(id int64, name string) error {
	return i.exec("UPDATE item SET name = ? WHERE id = ?", name, id)
}

func (i itemTx) Delete(id int64) error { return i.exec("DELETE FROM item WHERE id = ?", id) }

// trim forgets all changesets.
func (h *history) trim() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.first += uint64(len(h.sets))
	h.sets, h.kept = nil, 0
}
