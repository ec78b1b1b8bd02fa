package readset_test

import (
	"context"
	"errors"
	"testing"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source/memsource"
)

// TestApart: what is read apart is noted apart, in the snapshot of the
// evaluation, and an error of it is no error of the evaluation.
func TestApart(t *testing.T) {
	db := memsource.New(memsource.Config{Tables: []memsource.Table{
		{Name: "user", Columns: []string{"id", "name"}}, {Name: "post", Columns: []string{"id", "text"}},
	}})
	write := func(table string, id int) {
		if _, err := db.Update(func(tx *memsource.Tx) error { return tx.Put(table, memsource.Row{"id": id}) }); err != nil {
			t.Fatal(err)
		}
	}
	write("post", 1)
	snapshot, err := db.Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	write("post", 2)

	own := &readset.Set{Snapshot: snapshot}
	ctx := readset.NewContext(t.Context(), own)
	apart, reads := readset.Apart(ctx)
	if _, err := db.Read(ctx, "user"); err != nil {
		t.Fatal(err)
	}
	posts, err := db.Read(apart, "post")
	if err != nil {
		t.Fatal(err)
	}
	if len(posts) != 1 {
		t.Errorf("read %d posts, the snapshot has 1", len(posts))
	}
	reads.Fail(errors.New("not recorded"))
	for _, one := range []struct {
		set    *readset.Set
		table  string
		failed bool
	}{{own, "user", false}, {reads, "post", true}} {
		tables := one.set.Tables()
		if len(tables) != 1 || tables[0].Table != one.table || (one.set.Err() != nil) != one.failed {
			t.Errorf("the set of %s has %v, error %v", one.table, tables, one.set.Err())
		}
	}
}

// TestApartOutside: outside of an evaluation nothing is noted anywhere.
func TestApartOutside(t *testing.T) {
	ctx := context.Background()
	if got, set := readset.Apart(ctx); got != ctx || set != nil {
		t.Errorf("got %v and %v", got, set)
	}
}
