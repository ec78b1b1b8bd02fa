package memsource_test

import (
	"context"
	"fmt"

	"github.com/wakeful-dev/wakeful/source/memsource"
)

// A database in memory reports each transaction that is committed.
func Example() {
	db := memsource.New(memsource.Config{Tables: []memsource.Table{
		{Name: "ticket", Columns: []string{"id", "title", "score"}},
	}})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	changes := db.Stream(ctx, "") // from now on

	_, err := db.Update(func(tx *memsource.Tx) error {
		if err := tx.Put("ticket", memsource.Row{"id": 1, "title": "Fix the door", "score": 3}); err != nil {
			return err
		}
		return tx.Put("ticket", memsource.Row{"id": 2, "title": "Paint the wall", "score": 5})
	})
	if err != nil {
		fmt.Println(err)
	}
	rows, err := db.Read(ctx, "ticket", "id", "title")
	fmt.Println(rows, err)

	for set, err := range changes {
		if err != nil {
			fmt.Println(err)
		}
		for _, change := range set.Changes {
			fmt.Println(change.Kind, change.Table, change.New)
		}
		break
	}
	// Output:
	// [map[id:1 title:Fix the door] map[id:2 title:Paint the wall]] <nil>
	// insert ticket [1 Fix the door 3]
	// insert ticket [2 Paint the wall 5]
}
