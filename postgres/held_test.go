package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/readset"
)

const heldTables = `CREATE DOMAIN number AS int; CREATE TYPE mood AS ENUM ('ok');
	CREATE TABLE item (id int PRIMARY KEY, name text); INSERT INTO item VALUES (1, 'one'), (-2, 'two');
	CREATE TABLE pair (a int8, b varchar(9), c int2, note text, PRIMARY KEY (b, c, a)); INSERT INTO pair VALUES (9, 'x', -1, ''), (8, '', 2, '');
	CREATE TABLE code (id uuid PRIMARY KEY, name text); INSERT INTO code VALUES ('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '');
	CREATE TABLE price (id numeric PRIMARY KEY); INSERT INTO price VALUES (1.0);
	CREATE TABLE count (id number PRIMARY KEY); INSERT INTO count VALUES (1);
	CREATE TABLE feeling (id mood PRIMARY KEY); INSERT INTO feeling VALUES ('ok');
	CREATE TABLE padded (id char(4) PRIMARY KEY); INSERT INTO padded VALUES ('a');
	CREATE TABLE whole (id int PRIMARY KEY); ALTER TABLE whole REPLICA IDENTITY FULL; INSERT INTO whole VALUES (1);
	CREATE TABLE many (id int PRIMARY KEY); INSERT INTO many SELECT generate_series(1, 10001);
	CREATE VIEW items AS SELECT * FROM item`

// TestHeld: the keys of a result's rows are told, as the log has them, where the
// server says which columns they are; however few of the rows the view takes.
func TestHeld(t *testing.T) {
	s, _ := opened(t, heldTables)
	of := func(values ...any) string {
		key, ok := change.AppendKey(nil, values...)
		if !ok {
			t.Fatalf("%v has no key", values)
		}
		return string(key)
	}
	items := []string{of(int64(-2)), of(int64(1))}
	for text, want := range map[string][]string{
		"SELECT * FROM item": items,
		"SELECT name AS id, id AS name FROM item ORDER BY 1": items,
		"TABLE item":                                 items,
		"SELECT id FROM item LIMIT 0":                {},
		"SELECT * FROM item WHERE $1":                items,
		"SELECT * FROM pair":                         {of("", int64(2), int64(8)), of("x", int64(-1), int64(9))},
		"SELECT c, note, a, b FROM pair WHERE c < 0": {of("x", int64(-1), int64(9))},
		"SELECT a, b FROM pair":                      nil,
		"SELECT * FROM code":                         {of("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")},
		"SELECT id::text FROM code":                  nil,
		"SELECT * FROM price":                        nil,
		"SELECT * FROM count":                        nil,
		"SELECT * FROM feeling":                      nil,
		"SELECT * FROM padded":                       nil,
		"SELECT * FROM whole":                        nil,
		"SELECT * FROM items":                        nil,
		"SELECT * FROM many":                         nil,
		"SELECT * FROM many LIMIT 9":                 {of(int64(1)), of(int64(2)), of(int64(3)), of(int64(4)), of(int64(5)), of(int64(6)), of(int64(7)), of(int64(8)), of(int64(9))},
		"SELECT id + 0 AS id FROM item":              nil,
		"SELECT item.id, pair.a FROM item, pair":     nil,
		"SELECT count(*) FROM item":                  nil,
		"SELECT id FROM item; SELECT 1":              nil,
	} {
		var args []any
		if strings.Contains(text, "$1") {
			args = []any{true}
		}
		for way, run := range heldWays(s) {
			if strings.Contains(text, ";") && way != "a handle" {
				continue
			}
			ctx, set := evaluation(t, s)
			if err := run(ctx, text, args); err != nil && want != nil {
				t.Errorf("%s by %s: %v", text, way, err)
			}
			var got []string
			if uses := set.Uses(); len(uses) > 0 && uses[0].Held != nil {
				got = slices.Sorted(slices.Values(uses[0].Held.Keys))
				if got == nil {
					got = []string{}
				}
			}
			want := slices.Clone(want)
			slices.Sort(want)
			if (got == nil) != (want == nil) || !slices.Equal(got, want) {
				t.Errorf("%s by %s: holds %q, want %q", text, way, got, want)
			}
			apart, beside := readset.Apart(ctx)
			if err := run(apart, text, args); err == nil && slices.ContainsFunc(beside.Uses(), func(u readset.Use) bool { return u.Held != nil }) {
				t.Errorf("%s by %s: a set that is apart is told its rows", text, way)
			}
		}
	}
}

// heldWays run a statement and take one row of it at most.
func heldWays(s *Source) map[string]func(context.Context, string, []any) error {
	return map[string]func(context.Context, string, []any) error{
		"a handle": func(ctx context.Context, text string, args []any) error {
			set := readset.From(ctx)
			statement, err := s.Describe(ctx, text)
			if err != nil {
				return err
			}
			set.Add(statement, args)
			rows, err := s.Pinned(set.Snapshot).Query(ctx, set, statement, text, ordinals(args))
			if err != nil {
				return err
			}
			return rows.Close()
		},
		"a transaction": func(ctx context.Context, text string, args []any) error {
			tx, ok := Tx(ctx)
			if !ok {
				return fmt.Errorf("there is none")
			}
			rows, err := tx.Query(ctx, text, args...)
			if err != nil {
				return err
			}
			rows.Next()
			rows.Close()
			return rows.Err()
		},
	}
}

// TestHeldBytes: keys that take too much are not told.
func TestHeldBytes(t *testing.T) {
	k := &keyed{table: "t", names: []string{"id"}, of: []keyColumn{{typ: 25}}, at: []int{0}}
	for size, want := range map[int]bool{readset.MaxHeldBytes/1000 - 8: true, readset.MaxHeldBytes/1000 + 1: false} {
		held := k.collect(1000, func(int, int) (any, bool) { return strings.Repeat("x", size), true })
		if (held != nil) != want {
			t.Errorf("1000 keys of %d bytes are told: %t", size, held != nil)
		}
	}
}
