package wakeful_test

import (
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/sqlite"
	"github.com/wakeful-dev/wakeful/wakefultest"
)

// TestMemoryIsCountedOnce: worker and gateway of one process hold the same
// lists and diffs, which count once.
func TestMemoryIsCountedOnce(t *testing.T) {
	db, list := newMemory()
	live := newServer(t, wakeful.Config{Source: db})
	app := wakefultest.Start(t, live, wakeful.Observable("id")(list))
	title := strings.Repeat("x", 100_000)
	put(t, db, 1, title)
	posts := app.Observe("/posts")
	if s := live.Status().Memory; s.Bytes["lists"] < 100_000 || s.Bytes["lists"] > 110_000 || s.Limit <= 0 {
		t.Errorf("with one list of 100 kB: %+v", s)
	}
	for i := range 3 {
		put(t, db, 1, fmt.Sprint(i, title))
		posts.Wait(t, func(items []wakefultest.Item) bool {
			return strings.HasPrefix(items[0]["title"].(string), fmt.Sprint(i))
		})
	}
	if s := live.Status().Memory; s.Bytes["logs"] < 300_000 || s.Bytes["logs"] > 330_000 {
		t.Errorf("with three diffs of 100 kB: %+v", s)
	}
}

// TestMemoryOfAServer: under a limit the lists stay right, and what is held
// stays below it.
func TestMemoryOfAServer(t *testing.T) {
	db, list := newMemory()
	live := newServer(t, wakeful.Config{Source: db, Memory: 300_000})
	app := wakefultest.Start(t, live, wakeful.Observable("id")(list))
	posts := app.Observe("/posts")
	for i := range 60 {
		put(t, db, int64(i%10), fmt.Sprint(i, strings.Repeat("x", 8_000)))
	}
	put(t, db, 99, "end")
	posts.Wait(t, func(items []wakefultest.Item) bool {
		return len(items) == 11 && items[10]["title"] == "end" && strings.HasPrefix(items[9]["title"].(string), "59x")
	})
	if s := live.Status().Memory; s.Limit != 300_000 || s.Total > s.Limit+s.Bytes["transit"] {
		t.Errorf("%+v", s)
	}
}

// TestMemoryHasRoomAfterManyWrites: what the source remembers of the newest
// changes does not take the room of lists.
func TestMemoryHasRoomAfterManyWrites(t *testing.T) {
	db, source, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(); _ = source.Close() })
	mustExec(t, db, `CREATE TABLE post (id INTEGER PRIMARY KEY, title TEXT)`)
	live := newServer(t, wakeful.Config{Source: source, Memory: 1 << 20})
	app := wakefultest.Start(t, live, wakeful.Observable("id")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n int
		if err := db.QueryRowContext(r.Context(), `SELECT count(*) FROM post`).Scan(&n); err != nil {
			t.Error(err)
		}
		_, _ = fmt.Fprintf(w, `[{"id":1,"count":%d}]`, n)
	})))
	app.Observe("/first")
	for range 100 {
		mustExec(t, db, `INSERT INTO post (title) VALUES ('`+strings.Repeat("x", 20_000)+`')`)
	}
	app.Observe("/second").WaitEqual(t, `[{"id":1,"count":100}]`)
	if s := live.Status().Memory; s.Bytes["source"] == 0 || s.Bytes["source"] > s.Limit/8 {
		t.Errorf("%+v", s)
	}
}

// TestMemoryDefault: a share of the runtime's limit, or a gigabyte, or none.
func TestMemoryDefault(t *testing.T) {
	db, _ := newMemory()
	limit := func(asked int) int {
		return newServer(t, wakeful.Config{Source: db, Memory: asked}).Status().Memory.Limit
	}
	old := debug.SetMemoryLimit(8 << 30)
	defer debug.SetMemoryLimit(old)
	if got := limit(0); got != 4<<30 {
		t.Errorf("of a runtime with 8 GiB: %d", got)
	}
	debug.SetMemoryLimit(math.MaxInt64)
	if got := [...]int{limit(0), limit(5), limit(-1)}; got != [...]int{1 << 30, 5, 0} {
		t.Errorf("got %v", got)
	}
}
