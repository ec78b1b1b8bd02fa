package sqlite

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"database/sql"

	"github.com/wakeful-dev/wakeful/change"
)

// The rows that the changesets name are the rows that the tables hold.
func TestRandomStatementsReplay(t *testing.T) {
	for seed := range uint64(12) {
		replay(t, seed)
	}
}

func replay(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	db, s, err := Open(filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, v);
		CREATE TABLE w (a, b, v, u UNIQUE, PRIMARY KEY (a, b)) WITHOUT ROWID;
		CREATE TABLE c (id INTEGER PRIMARY KEY, tid REFERENCES t(id) ON DELETE CASCADE ON UPDATE CASCADE, v);
		CREATE TABLE l (x, n);
		CREATE TRIGGER tr AFTER UPDATE OF v ON t BEGIN INSERT INTO l VALUES (new.id, new.v); DELETE FROM l WHERE n = 3; END;
		CREATE TRIGGER ts BEFORE INSERT ON c WHEN new.v = 7 BEGIN SELECT RAISE(IGNORE); END;
		CREATE TRIGGER tf AFTER INSERT ON c WHEN new.v = 8 BEGIN SELECT RAISE(ABORT, 'no'); END`); err != nil {
		t.Fatal(err)
	}
	shadow := map[string][]string{}
	n := func(k int) int { return rng.IntN(k) }
	makers := []func() string{
		func() string { return fmt.Sprintf("INSERT INTO t VALUES (%d, 'u%d', %d)", n(8), n(8), n(5)) },
		func() string { return fmt.Sprintf("REPLACE INTO t VALUES (%d, 'u%d', %d)", n(8), n(8), n(5)) },
		func() string {
			return fmt.Sprintf("INSERT OR IGNORE INTO t SELECT id+%d, u||'x', v FROM t", n(4))
		},
		func() string {
			return fmt.Sprintf("UPDATE OR REPLACE t SET id = %d, u = 'u%d' WHERE v = %d", n(8), n(8), n(5))
		},
		func() string { return fmt.Sprintf("UPDATE OR FAIL t SET u = 'u%d' WHERE id > %d", n(8), n(8)) },
		func() string { return fmt.Sprintf("UPDATE OR ROLLBACK t SET u = 'u%d' WHERE id > %d", n(8), n(8)) },
		func() string { return fmt.Sprintf("UPDATE t SET v = v + 1 WHERE id < %d", n(8)) },
		func() string {
			return fmt.Sprintf("INSERT INTO t VALUES (%d, 'u%d', 1) ON CONFLICT (u) DO UPDATE SET v = v + 1", n(8), n(8))
		},
		func() string { return fmt.Sprintf("REPLACE INTO w VALUES (%d, %d, %d, %d)", n(3), n(3), n(5), n(6)) },
		func() string {
			return fmt.Sprintf("UPDATE OR REPLACE w SET a = %d, u = %d WHERE b = %d", n(3), n(6), n(3))
		},
		func() string { return fmt.Sprintf("UPDATE OR IGNORE w SET a = a + 1, v = %d", n(3)) },
		func() string { return fmt.Sprintf("DELETE FROM w WHERE a = %d RETURNING v", n(3)) },
		func() string { return fmt.Sprintf("INSERT INTO c VALUES (%d, %d, %d)", n(12), n(8), n(10)) },
		func() string { return fmt.Sprintf("INSERT OR FAIL INTO c SELECT id + %d, id, v + 5 FROM t", n(12)) },
		func() string { return fmt.Sprintf("DELETE FROM t WHERE id = %d", n(8)) },
		func() string {
			return []string{"DELETE FROM t", "DELETE FROM w", "DELETE FROM c", "DELETE FROM l"}[n(4)]
		},
		func() string { return fmt.Sprintf("UPDATE c SET tid = %d WHERE id = %d", n(8), n(12)) },
		func() string { return "SAVEPOINT s" + fmt.Sprint(n(2)) },
		func() string { return "ROLLBACK TO s" + fmt.Sprint(n(2)) },
		func() string { return "RELEASE s" + fmt.Sprint(n(2)) },
		func() string { return "BEGIN" },
		func() string { return "COMMIT" },
		func() string { return "COMMIT" },
		func() string { return "ROLLBACK" },
		func() string {
			return fmt.Sprintf("INSERT INTO t VALUES (%d, 'm', 0); UPDATE t SET v = 2 WHERE u = 'm'; DELETE FROM l", n(8))
		},
		func() string { return "ALTER TABLE l ADD COLUMN z" + fmt.Sprint(n(3)) },
		func() string { return "VACUUM" },
		func() string { return "PRAGMA user_version = 3" },
	}
	var done []string
	at := s.history.Load().last()
	out, err := sql.Open("sqlite", filepath.Join(s.path))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for range 400 {
		text := makers[n(len(makers))]()
		rows, err := db.Query(text)
		if err == nil {
			for rows.Next() {
			}
			err = rows.Err()
			rows.Close()
		}
		done = append(done, fmt.Sprint(text, " -- ", err))
		sets, reached, err := s.history.Load().since(at)
		if err != nil {
			t.Fatal(err)
		}
		at = reached
		for _, name := range []string{"t", "w", "c", "l"} {
			actual := rowsIn(t, out, name)
			shadow[name] = replayOn(t, s, shadow[name], name, sets, actual)
			if !slices.Equal(shadow[name], actual) {
				t.Fatalf("seed %d: %s\n%s\nfollowed %v\nholds    %v\nsets %+v", seed, name, strings.Join(done[max(0, len(done)-12):], "\n"), shadow[name], actual, sets)
			}
		}
	}
}

func rowsIn(t *testing.T, db *sql.DB, table string) (out []string) {
	columns := map[string]string{"t": "id, u, v", "w": "a, b, v, u", "c": "id, tid, v", "l": "x, n"}[table]
	rows, err := db.Query("SELECT " + columns + " FROM " + table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		row := make([]any, strings.Count(columns, ",")+1)
		to := make([]any, len(row))
		for i := range row {
			to[i] = &row[i]
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(row))
	}
	slices.Sort(out)
	return out
}

func replayOn(t *testing.T, _ *Source, list []string, table string, sets []change.Changeset, actual []string) []string {
	list = slices.Clone(list)
	width := map[string]int{"t": 3, "w": 4, "c": 3, "l": 2}[table]
	for _, set := range sets {
		if set.Everything {
			return actual
		}
		for _, c := range set.Changes {
			if c.Table != table {
				continue
			}
			if c.Kind == change.Everything {
				return actual
			}
			if c.Old != nil {
				i := slices.Index(list, fmt.Sprint(c.Old[:width]))
				if i < 0 {
					t.Errorf("%s: %v is not there to go: %v", table, c.Old, list)
					return actual
				}
				list = slices.Delete(list, i, i+1)
			}
			if c.New != nil {
				list = append(list, fmt.Sprint(c.New[:width]))
			}
		}
	}
	slices.Sort(list)
	return list
}
