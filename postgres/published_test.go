package postgres

import (
	"slices"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// TestPublicationAltered: what somebody else makes of the publication while it
// is followed is mended where the role may, and its tables count as changed; a
// table of which some changes are left out is refused.
func TestPublicationAltered(t *testing.T) {
	for name, statement := range map[string]string{
		"KindsLeftOut":  "ALTER PUBLICATION wakeful SET (publish = 'insert')",
		"TableTakenOut": "ALTER PUBLICATION wakeful DROP TABLE item",
	} {
		t.Run(name, func(t *testing.T) {
			db := pgtest.Database(t)
			db.Exec(t, itemTable)
			_, s := open(t, Config{URL: db.URL})
			f := follow(t, s)
			f.connected()
			db.Exec(t, statement, "INSERT INTO item VALUES (1, 'x')")
			f.until(func() bool { return slices.Contains(f.changesOf("item"), "everything") })
			f.until(func() bool { return s.Covers(t.Context(), "item") == nil })
			db.Exec(t, "UPDATE item SET name = 'y'")
			f.until(func() bool { return slices.Contains(f.changesOf("item"), "update") })
		})
	}
	t.Run("RowsLeftOut", func(t *testing.T) {
		db := pgtest.Database(t)
		db.Exec(t, itemTable)
		if db.Value(t, "SELECT (current_setting('server_version_num')::int >= 150000)::text") != "true" {
			t.Skip("PostgreSQL 14 knows no row filters")
		}
		_, s := open(t, Config{URL: db.URL})
		f := follow(t, s)
		f.connected()
		db.Exec(t, "ALTER PUBLICATION wakeful SET TABLE item WHERE (id > 1)")
		f.until(func() bool { return slices.Contains(f.changesOf("item"), "everything") })
		if err := s.Covers(t.Context(), "item"); err == nil {
			t.Error("it covers a table of which rows are left out")
		}
	})
}

// TestPublicationAlteredWhileAdopted: the publication is altered while another
// table of it is being waited for. What is lost by that is said all the same.
func TestPublicationAlteredWhileAdopted(t *testing.T) {
	db := pgtest.Database(t)
	if db.Value(t, "SELECT (current_setting('server_version_num')::int >= 150000)::text") != "true" {
		t.Skip("PostgreSQL 14 knows no row filters")
	}
	db.Exec(t, itemTable)
	_, s := open(t, Config{URL: db.URL})
	if err := s.Covers(t.Context(), "item"); err != nil {
		t.Fatal(err)
	}
	db.Exec(t, "CREATE TABLE other (id int PRIMARY KEY)")
	if fresh, err := s.syncTables(t.Context()); err != nil || !fresh {
		t.Fatalf("the new table: %v, %v", fresh, err)
	}
	h := s.history.Load()
	before := h.last()
	db.Exec(t, "ALTER PUBLICATION wakeful SET TABLE item WHERE (id > 1), other")
	if err := s.adoptFresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.heedCatalog(t.Context(), print{}, print{published: "altered"}); err != nil {
		t.Fatal(err)
	}
	if s.Covers(t.Context(), "item") == nil {
		t.Error("it covers a table of which rows are left out")
	}
	said := func(table string) bool {
		sets, _, err := h.since(before)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(sets, func(set change.Changeset) bool {
			return slices.ContainsFunc(set.Changes, func(c change.Change) bool { return c.Table == table && c.Kind == change.Everything })
		})
	}
	if !said("item") {
		t.Error("nothing says that the table is followed no more")
	}
}

// TestPublicationDropped: the server cannot read its log past a place where
// there was no publication; a new slot is made, in a new history.
func TestPublicationDropped(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, itemTable)
	_, s := open(t, Config{URL: db.URL})
	f := follow(t, s)
	f.connected()
	before := s.Position()
	db.Exec(t, "DROP PUBLICATION wakeful; INSERT INTO item VALUES (1, 'x')") // in one transaction: it is back at once
	f.until(func() bool { return !s.Position().SameHistory(before) && s.Covers(t.Context(), "item") == nil })
	f.connected()
	db.Exec(t, "INSERT INTO item VALUES (2, 'x')")
	f.until(func() bool { return slices.Contains(f.ids(), 2) })
}
