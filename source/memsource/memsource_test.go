package memsource

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
)

func put(t *testing.T, db *DB, rows ...Row) change.Position {
	t.Helper()
	p, err := db.Update(func(tx *Tx) error {
		for _, row := range rows {
			if err := tx.Put("item", row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	return p
}

func read(t *testing.T, ctx context.Context, db *DB, columns ...string) []Row {
	t.Helper()
	rows, err := db.Read(ctx, "item", columns...)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return rows
}

func TestReadIsInTheOrderOfKeys(t *testing.T) {
	db := items()
	put(t, db, Row{"id": "b"}, Row{"id": 10}, Row{"id": "a"}, Row{"id": int64(9), "name": "x"}, Row{"id": -1})
	want := []Row{
		{"id": int64(-1), "name": nil},
		{"id": int64(9), "name": "x"},
		{"id": int64(10), "name": nil},
		{"id": "a", "name": nil},
		{"id": "b", "name": nil},
	}
	if got := read(t, t.Context(), db); !reflect.DeepEqual(got, want) {
		t.Errorf("Read = %v, want %v", got, want)
	}
}

func TestReadNotesWhatItReads(t *testing.T) {
	db := items()
	put(t, db, Row{"id": 1, "name": "a"})
	snapshot, err := db.Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	put(t, db, Row{"id": 1, "name": "b"}, Row{"id": 2, "name": "c"})

	set := &readset.Set{Snapshot: snapshot}
	ctx := readset.NewContext(t.Context(), set)
	if got, want := read(t, ctx, db, "name"), []Row{{"name": "a"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("Read in a snapshot = %v, want %v", got, want)
	}
	if got, err := db.Get(ctx, "item", 2); got != nil || err != nil {
		t.Errorf("Get of a row that came later = %v, %v", got, err)
	}
	want := []readset.Read{{Table: "item", Columns: []string{"id", "name"}}}
	if got := set.Tables(); !reflect.DeepEqual(got, want) {
		t.Errorf("the read set has %v, want %v", got, want)
	}
	uses := set.Uses()
	if got := uses[0].Statement.Reads[0].Columns; !slices.Equal(got, []string{"name"}) {
		t.Errorf("Read noted the columns %q", got)
	}
	if got := uses[1].Args; !reflect.DeepEqual(got, []any{2}) {
		t.Errorf("Get noted the arguments %v", got)
	}

	if got := read(t, t.Context(), db); len(got) != 2 {
		t.Errorf("Read outside of an evaluation = %v", got)
	}
	other, err := items().Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	foreign := readset.NewContext(t.Context(), &readset.Set{Snapshot: other})
	if got := read(t, foreign, db); len(got) != 2 {
		t.Errorf("Read in the snapshot of another database = %v", got)
	}
}

func TestBadReadsFailTheEvaluation(t *testing.T) {
	db := items()
	for _, do := range []func(ctx context.Context) error{
		func(ctx context.Context) error { _, err := db.Read(ctx, "nowhere"); return err },
		func(ctx context.Context) error { _, err := db.Read(ctx, "item", "colour"); return err },
		func(ctx context.Context) error { _, err := db.Get(ctx, "nowhere", 1); return err },
	} {
		set := &readset.Set{}
		if err := do(readset.NewContext(t.Context(), set)); err == nil || !errors.Is(set.Err(), err) {
			t.Errorf("a bad read gave %v, the read set has %v", err, set.Err())
		}
		if err := do(t.Context()); err == nil {
			t.Error("a bad read outside of an evaluation gave no error")
		}
	}
	if _, err := db.Get(t.Context(), "item", 1.5); err == nil {
		t.Error("Get took a key that is no key")
	}
}

func TestUpdateRefuses(t *testing.T) {
	tests := []struct {
		name string
		do   func(tx *Tx) error
	}{
		{"unknown table", func(tx *Tx) error { return tx.Put("nowhere", Row{"id": 1}) }},
		{"unknown column", func(tx *Tx) error { return tx.Put("item", Row{"id": 1, "colour": "red"}) }},
		{"no key", func(tx *Tx) error { return tx.Put("item", Row{"name": "a"}) }},
		{"a key of another type", func(tx *Tx) error { return tx.Put("item", Row{"id": 1.5}) }},
		{"a value of another type", func(tx *Tx) error { return tx.Put("item", Row{"id": 1, "name": []int{1}}) }},
		{"delete from an unknown table", func(tx *Tx) error { _, err := tx.Delete("nowhere", 1); return err }},
		{"delete of what is no key", func(tx *Tx) error { _, err := tx.Delete("item", nil); return err }},
		{"truncate of an unknown table", func(tx *Tx) error { return tx.Truncate("nowhere") }},
		{"get from an unknown table", func(tx *Tx) error { _, err := tx.Get("nowhere", 1); return err }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := items()
			before := put(t, db, Row{"id": 5})
			_, err := db.Update(func(tx *Tx) error {
				if err := tx.Put("item", Row{"id": 6}); err != nil {
					t.Fatal(err)
				}
				return tt.do(tx)
			})
			if err == nil || db.Position() != before || len(read(t, t.Context(), db)) != 1 {
				t.Errorf("Update gave %v and left %v at %s", err, read(t, t.Context(), db), db.Position())
			}
		})
	}
}

func TestUpdateThatPanics(t *testing.T) {
	db := items()
	before := db.Position()
	func() {
		defer func() { _ = recover() }()
		_, _ = db.Update(func(tx *Tx) error {
			if err := tx.Put("item", Row{"id": 1}); err != nil {
				return err
			}
			panic("oh no")
		})
	}()
	if db.Position() != before || len(read(t, t.Context(), db)) != 0 {
		t.Error("a transaction that panicked was committed")
	}
	put(t, db, Row{"id": 1}) // the lock is free
}

func TestUpdateThatChangesNothing(t *testing.T) {
	db := items()
	before := put(t, db, Row{"id": 1, "name": "a"})
	after, err := db.Update(func(tx *Tx) error {
		_, err := tx.Delete("item", 2)
		return errors.Join(err, tx.Put("item", Row{"id": 1, "name": "a"}))
	})
	if after != before || err != nil || db.Position() != before {
		t.Errorf("Update = %s, %v at %s; want %s", after, err, db.Position(), before)
	}
}

func TestTxSeesItself(t *testing.T) {
	db := items()
	put(t, db, Row{"id": 1, "name": "a"}, Row{"id": 2, "name": "b"})
	_, err := db.Update(func(tx *Tx) error {
		there, err := tx.Delete("item", 1)
		if err != nil || !there {
			t.Errorf("Delete = %t, %v", there, err)
		}
		if row, err := tx.Get("item", 1); row != nil || err != nil {
			t.Errorf("Get of a deleted row = %v, %v", row, err)
		}
		row, err := tx.Get("item", 2)
		if row["name"] != "b" || err != nil {
			t.Errorf("Get = %v, %v", row, err)
		}
		return tx.Put("item", Row{"id": 3, "name": row["name"]})
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, t.Context(), db, "id"); !reflect.DeepEqual(got, []Row{{"id": int64(2)}, {"id": int64(3)}}) {
		t.Errorf("Read = %v", got)
	}
}

func TestTruncate(t *testing.T) {
	db := items()
	start := put(t, db, Row{"id": 1})
	if _, err := db.Update(func(tx *Tx) error { return tx.Truncate("item") }); err != nil {
		t.Fatal(err)
	}
	for set, err := range db.Stream(t.Context(), start) {
		if err != nil || len(set.Changes) != 1 || set.Changes[0].Kind != change.Everything {
			t.Errorf("the stream tells %+v, %v", set, err)
		}
		break
	}
	if got := read(t, t.Context(), db); len(got) != 0 {
		t.Errorf("Read after Truncate = %v", got)
	}
}

// TestHistoryIsBounded: the log keeps what Config.History says and no more.
func TestHistoryIsBounded(t *testing.T) {
	db := New(Config{Tables: []Table{{"item", []string{"id"}}}, History: 3})
	var positions []change.Position
	for i := range 10 {
		positions = append(positions, put(t, db, Row{"id": i}))
	}
	for i, p := range positions[:9] { // after the tenth a stream would wait
		var first error
		for _, err := range db.Stream(t.Context(), p) {
			first = err
			break
		}
		if gone := errors.Is(first, source.ErrPositionGone); gone != (i < 6) {
			t.Errorf("a stream after commit %d of 10 with 3 kept: %v", i+1, first)
		}
	}
}

// TestAFutureIsGone: a position that this database has not reached is not one
// of its own.
func TestAFutureIsGone(t *testing.T) {
	db := items()
	future := change.NewPosition(db.Position().History(), 7)
	for _, err := range db.Stream(t.Context(), future) {
		if !errors.Is(err, source.ErrPositionGone) {
			t.Errorf("a stream after a commit to come yields %v", err)
		}
	}
}

func TestPinned(t *testing.T) {
	db := items()
	first, err := db.Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := db.Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{1, 1, 0} {
		if err := []source.Snapshot{first, first, second}[i].Close(); err != nil {
			t.Fatal(err)
		}
		if got := db.Pinned(); got != want {
			t.Errorf("Pinned = %d, want %d", got, want)
		}
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Pin(done); !errors.Is(err, context.Canceled) {
		t.Errorf("Pin in a context that is done: %v", err)
	}
}

func TestValuesAreCopied(t *testing.T) {
	db := items()
	name := []byte("abc")
	put(t, db, Row{"id": 1, "name": name})
	name[0] = 'x'
	if got := read(t, t.Context(), db)[0]["name"]; string(got.([]byte)) != "abc" {
		t.Errorf("a stored value changed to %s", got)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	put(t, db, Row{"id": 2, "name": at}, Row{"id": 3, "name": true}, Row{"id": 4, "name": 1.5})
	if got := read(t, t.Context(), db, "name"); got[1]["name"] != at || got[2]["name"] != true || got[3]["name"] != 1.5 {
		t.Errorf("Read = %v", got)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, tables := range map[string][]Table{
		"no columns": {{Name: "a"}},
		"twice":      {{"a", []string{"id"}}, {"a", []string{"id"}}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("New took the tables")
				}
			}()
			New(Config{Tables: tables})
		})
	}
}
