package wakeful_test

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/sqlite"
	"github.com/wakeful-dev/wakeful/wakefultest"
)

// newBoard is an app over a SQLite file, and a list of its posts that is
// followed.
func newBoard(t *testing.T) (db *sql.DB, path string, posts *wakefultest.List) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "app.db")
	db, source, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	})
	mustExec(t, db, `CREATE TABLE post (id INTEGER PRIMARY KEY, title TEXT)`)
	list := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rows, err := db.QueryContext(r.Context(), `SELECT id, title FROM post ORDER BY id`)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer rows.Close()
		items := []map[string]any{}
		for rows.Next() {
			var id int64
			var title string
			if err := rows.Scan(&id, &title); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			items = append(items, map[string]any{"id": id, "title": title})
		}
		if err := rows.Err(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(items)
	})
	posts = wakefultest.Observe(t, newServer(t, wakeful.Config{Source: source}), wakeful.Observable("id")(list), "/posts")
	return db, path, posts
}

func mustExec(t *testing.T, db *sql.DB, text string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

// TestDatabaseFull: a write that does not fit fails for its writer, and the
// lists go on with what is there.
func TestDatabaseFull(t *testing.T) {
	db, _, posts := newBoard(t)
	db.SetMaxOpenConns(1) // the limit is one connection's
	mustExec(t, db, `PRAGMA max_page_count = 3`)
	mustExec(t, db, `INSERT INTO post VALUES (1, 'fits')`)
	if _, err := db.ExecContext(t.Context(), `INSERT INTO post VALUES (2, hex(zeroblob(100000)))`); err == nil {
		t.Fatal("a full database took a write")
	}
	mustExec(t, db, `PRAGMA max_page_count = 1000`)
	mustExec(t, db, `INSERT INTO post VALUES (3, 'fits again')`)
	posts.WaitEqual(t, `[{"id":1,"title":"fits"},{"id":3,"title":"fits again"}]`)
}

// TestDatabaseReplaced: another file under the same name is noticed, and the
// lists become what it holds.
func TestDatabaseReplaced(t *testing.T) {
	db, path, posts := newBoard(t)
	mustExec(t, db, `INSERT INTO post VALUES (1, 'old')`)
	posts.WaitEqual(t, `[{"id":1,"title":"old"}]`)
	other := filepath.Join(t.TempDir(), "other.db")
	restored, source, err := sqlite.Open(other)
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, restored, `CREATE TABLE post (id INTEGER PRIMARY KEY, title TEXT)`)
	mustExec(t, restored, `INSERT INTO post VALUES (7, 'restored')`)
	if err := restored.Close(); err != nil {
		t.Fatal(err)
	}
	if err := source.Close(); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	posts.WaitEqual(t, `[{"id":7,"title":"restored"}]`)
	mustExec(t, db, `INSERT INTO post VALUES (8, 'and on')`)
	posts.WaitEqual(t, `[{"id":7,"title":"restored"},{"id":8,"title":"and on"}]`)
}

// TestDatabaseLocked: while another program holds the file for itself, writes
// fail or wait, and afterwards the lists are right.
func TestDatabaseLocked(t *testing.T) {
	db, path, posts := newBoard(t)
	other, err := sql.Open("sqlite", "file:"+path+"?_txlock=exclusive&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(`INSERT INTO post VALUES (1, 'theirs')`); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		_, err := db.Exec(`INSERT INTO post VALUES (2, 'ours')`)
		written <- err
	}()
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	posts.WaitEqual(t, `[{"id":1,"title":"theirs"},{"id":2,"title":"ours"}]`)
}
