package memsource

import (
	"context"
	"fmt"
	"testing"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/source/sourcetest"
)

func items() *DB {
	return New(Config{Tables: []Table{{Name: "item", Columns: []string{"id", "name"}}}})
}

func TestConformance(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
		db := items()
		return sourcetest.Harness{
			Source:    db,
			OldImages: true,
			Trim:      func(*testing.T) { db.Trim() },
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
	})
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
