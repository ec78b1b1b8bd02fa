package memsource

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/source/sourcetest"
)

var itemTables = []Table{{Name: "item", Columns: []string{"id", "name"}}}

func items() *DB { return New(Config{Tables: itemTables}) }

func TestConformance(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
		db := items()
		h := harness(db)
		h.OldImages, h.Trim = true, func(*testing.T) { db.Trim() }
		return h
	})
}

// TestConformanceOfALag: a log that comes behind keeps the same promises.
func TestConformanceOfALag(t *testing.T) {
	seed := uint64(0)
	sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
		seed++
		h := harness(New(Config{
			Tables: itemTables, KeyImages: true,
			Lag: &Lag{Random: rand.New(rand.NewPCG(seed, 1)), Most: 2 * time.Millisecond},
		}))
		h.Lags = true
		return h
	})
}

func harness(db *DB) sourcetest.Harness {
	return sourcetest.Harness{
		Source: db,
		Write: func(_ context.Context, do func(sourcetest.Tx) error) error {
			_, err := db.Update(func(tx *Tx) error { return do(itemTx{tx}) })
			return err
		},
		Rows: func(ctx context.Context, in source.Snapshot) (map[int64]string, error) {
			rows, err := db.Read(readset.NewContext(ctx, &readset.Set{Snapshot: in}), "item")
			names := map[int64]string{}
			for _, row := range rows {
				names[row["id"].(int64)] = row["name"].(string)
			}
			return names, err
		},
	}
}

type itemTx struct{ *Tx }

func (tx itemTx) Insert(id int64, name string) error {
	return tx.Put("item", Row{"id": id, "name": name})
}
func (tx itemTx) Update(id int64, name string) error {
	return tx.Put("item", Row{"id": id, "name": name})
}

func (tx itemTx) Delete(id int64) error {
	if there, err := tx.Tx.Delete("item", id); err != nil || !there {
		return fmt.Errorf("delete %d: %t, %w", id, there, err)
	}
	return nil
}
