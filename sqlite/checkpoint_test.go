package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestLogIsCopiedBesideTheCommits(t *testing.T) {
	db, s, err := Open(filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer db.Close()
	write := func(text string) (frames uint32) {
		t.Helper()
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.copier.seen
	}
	asked := func() bool {
		select {
		case <-s.copier.wake:
			return true
		default:
			return false
		}
	}
	write(`CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)`)
	for frames := uint32(0); frames < copyEvery; {
		if asked() {
			t.Fatalf("a copy is asked for at %d frames", frames)
		}
		frames = write(`INSERT INTO t (body) VALUES (zeroblob(400000))`)
	}
	if !asked() {
		t.Fatal("no copy is asked for")
	}
	if frames := write(`INSERT INTO t (body) VALUES (1)`); frames <= copyEvery || asked() {
		t.Fatalf("a commit has copied the log, or one more copy is asked for at %d frames", frames)
	}
	if err := s.checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
	if frames := write(`INSERT INTO t (body) VALUES (2)`); frames > copyEvery/2 {
		t.Errorf("the log has %d frames after it was copied", frames)
	}
	for frames := uint32(0); frames < copyEvery; {
		frames = write(`INSERT INTO t (body) VALUES (zeroblob(400000))`)
	}
	if !asked() {
		t.Error("no copy is asked for the second time")
	}
}

func TestOwnAutocheckpointIsLeftAlone(t *testing.T) {
	db, s, err := Config{Path: filepath.Join(t.TempDir(), "app.db"), Pragmas: []string{"wal_autocheckpoint(77)"}}.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer db.Close()
	var pages int
	if err := db.QueryRow("PRAGMA wal_autocheckpoint").Scan(&pages); err != nil || pages != 77 {
		t.Fatalf("%d pages, %v", pages, err)
	}
	for i := range 20 {
		if _, err := db.Exec(fmt.Sprintf("CREATE TABLE t%d (body)", i)); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(fmt.Sprintf("INSERT INTO t%d VALUES (zeroblob(4000000))", i)); err != nil {
			t.Fatal(err)
		}
		if len(s.copier.wake) > 0 {
			t.Fatal("a copy is asked for")
		}
	}
}

// TestNoConnectionMakesAFile: while the path names no file, neither the copy of
// the log nor a statement makes one, which would be taken for the file that
// replaces it.
func TestNoConnectionMakesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	db, s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer db.Close()
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := s.checkpoint(t.Context()); err == nil {
		t.Error("a file that is away was copied into")
	}
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (id INTEGER PRIMARY KEY)"); err == nil {
		t.Error("a file that is away was written")
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a file again: %v", err)
	}
}
