package orm

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/postgres"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/wakefultest"
)

const itemsTable = "CREATE TABLE items (id bigint PRIMARY KEY, shop bigint NOT NULL, name text NOT NULL); CREATE INDEX ON items (shop)"

// each runs a test with each way to the database, on one of its own.
func each(t *testing.T, test func(t *testing.T, s store, from *postgres.Source, db *pgtest.DB)) {
	for name, make := range over {
		t.Run(name, func(t *testing.T) {
			db := pgtest.Database(t)
			db.Exec(t, itemsTable)
			handle, from, err := postgres.Open(db.URL)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := errors.Join(handle.Close(), from.Close()); err != nil {
					t.Error(err)
				}
			})
			s, err := make(handle)
			if err != nil {
				t.Fatal(err)
			}
			test(t, s, from, db)
		})
	}
	t.Run("sqlc, pgx", func(t *testing.T) {
		db := pgtest.Database(t)
		db.Exec(t, itemsTable)
		config, err := pgxpool.ParseConfig(db.URL)
		if err != nil {
			t.Fatal(err)
		}
		pool, from, err := postgres.Config{}.OpenPool(config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			pool.Close()
			if err := from.Close(); err != nil {
				t.Error(err)
			}
		})
		test(t, pgxStore{pool}, from, db)
	})
}

// TestNoted: what is read is noted, and read in the snapshot, in a transaction
// too.
func TestNoted(t *testing.T) {
	each(t, func(t *testing.T, s store, from *postgres.Source, db *pgtest.DB) {
		if err := s.add(t.Context(), item{1, 7, "one"}); err != nil {
			t.Fatal(err)
		}
		snapshot, err := from.Pin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer snapshot.Close()
		db.Exec(t, "INSERT INTO items VALUES (2, 7, 'two')")
		set := &readset.Set{Snapshot: snapshot}
		ctx := readset.NewContext(t.Context(), set)
		alone, err := s.list(ctx, 7)
		if err != nil || len(alone) != 1 {
			t.Errorf("read %v, %v", alone, err)
		}
		first, second, err := s.both(ctx, 7)
		if err != nil || len(first) != 1 || !slices.Equal(first, second) {
			t.Errorf("in a transaction read %v and %v, %v", first, second, err)
		}
		tables := set.Tables()
		if set.Err() != nil || len(tables) != 1 || tables[0].Table != "items" || !slices.Contains(tables[0].Columns, "shop") {
			t.Errorf("%v, reads %v", set.Err(), tables)
		}
		uses := 0
		for _, use := range set.Uses() {
			if len(use.Statement.Reads) > 0 {
				uses++
			}
			if use.Statement.Schema == nil && len(use.Statement.Reads) > 0 {
				t.Errorf("nothing is told of the schema of %s", use.Statement.Text)
			}
		}
		if uses != 3 {
			t.Errorf("%d statements were noted, want 3", uses)
		}
		if after, err := s.list(t.Context(), 7); err != nil || len(after) != 2 {
			t.Errorf("outside of the evaluation read %v, %v", after, err)
		}
	})
}

// TestLive: a list follows what the app writes, and what others do.
func TestLive(t *testing.T) {
	each(t, func(t *testing.T, s store, from *postgres.Source, db *pgtest.DB) {
		app := http.NewServeMux()
		app.Handle("GET /shops/{shop}", wakeful.Observable("id")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			shop, _ := strconv.ParseInt(r.PathValue("shop"), 10, 64)
			items, err := s.list(r.Context(), shop)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			if items == nil {
				items = []item{}
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(items)
		})))
		app.HandleFunc("POST /items", func(w http.ResponseWriter, r *http.Request) {
			if err := s.add(r.Context(), item{1, 1, "tea"}); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
		live, err := wakeful.New(wakeful.Config{Source: from})
		if err != nil {
			t.Fatal(err)
		}
		server := wakefultest.Start(t, live, app)
		first, second := server.Observe("/shops/1"), server.Observe("/shops/2")
		first.WaitEqual(t, `[]`)
		answer, err := http.Post(server.URL+"/items", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK || !strings.Contains(strings.ToLower(strings.Join(keys(answer.Header), " ")), "wakeful-position") {
			t.Errorf("POST: %s, %v", answer.Status, answer.Header)
		}
		first.WaitEqual(t, `[{"id": 1, "name": "tea"}]`)
		db.Exec(t, "INSERT INTO items VALUES (2, 2, 'nails')", "UPDATE items SET name = 'milk' WHERE id = 1")
		first.WaitEqual(t, `[{"id": 1, "name": "milk"}]`)
		second.WaitEqual(t, `[{"id": 2, "name": "nails"}]`)
	})
}

func keys(h http.Header) (names []string) {
	for name := range h {
		names = append(names, name)
	}
	return names
}
