package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/wakeful-dev/wakeful/readset"
)

// TestCloseInAnyOrder: the documented order leaves no file behind; the other
// one harms nobody.
func TestCloseInAnyOrder(t *testing.T) {
	for _, sourceFirst := range []bool{false, true} {
		db, s, err := Open(filepath.Join(t.TempDir(), "test.db"))
		if err != nil {
			t.Fatal(err)
		}
		mustExec(t, db, "CREATE TABLE t (x)")
		snapshot, err := s.Pin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if sourceFirst {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			mustExec(t, db, "INSERT INTO t VALUES (1)")
			if _, err := s.Pin(t.Context()); !errors.Is(err, errClosed) {
				t.Errorf("Pin of a closed source: %v", err)
			}
			if err := s.Covers(t.Context(), "t"); !errors.Is(err, errClosed) {
				t.Logf("Covers of a closed source: %v", err)
			}
		}
		if err := errors.Join(snapshot.Close(), db.Close(), s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(s.path + "-shm"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the -shm file is left: %v", err)
		}
	}
}

// TestDescribeInAClosedSnapshot: its connection may stand in another one.
func TestDescribeInAClosedSnapshot(t *testing.T) {
	_, s := open(t, describeSchema)
	snapshot, err := s.Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := snapshot.Close(); err != nil {
		t.Fatal(err)
	}
	ctx := readset.NewContext(t.Context(), &readset.Set{Snapshot: snapshot})
	if _, err := s.Describe(ctx, "SELECT x FROM a"); err == nil {
		t.Error("a statement is described in a closed snapshot")
	}
}

// TestTwoSourcesOfOneFile: to each the other's handle is somebody else.
func TestTwoSourcesOfOneFile(t *testing.T) {
	db, s := open(t, "CREATE TABLE t (x)")
	second, other := openConfig(t, Config{Path: s.path}, "SELECT 1")
	start, otherStart := s.Position(), other.Position()
	mustExec(t, db, "INSERT INTO t VALUES (1)")
	mustExec(t, second, "INSERT INTO t VALUES (2)")
	pin(t, s)
	pin(t, other)
	if got := render(published(t, s, start)); len(got) != 2 || got[0] != "+t[1]" || got[1] != "everything" {
		t.Errorf("the first published %q", got)
	}
	if got := render(published(t, other, otherStart)); len(got) != 2 || got[0] != "everything" || got[1] != "+t[2]" {
		t.Errorf("the second published %q", got)
	}
}
