package wakeful_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/sqlite"
	"github.com/wakeful-dev/wakeful/wakefultest"
)

// strayApp has views that run statements without their request's context.
func strayApp(t *testing.T, cfg wakeful.Config) (live *wakeful.Server, mux *http.ServeMux, db *sql.DB) {
	t.Helper()
	db, source, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(); _ = source.Close() })
	mustExec(t, db, `CREATE TABLE post (id INTEGER PRIMARY KEY, title TEXT)`)
	cfg.Source = source
	count := func(ctx context.Context) (n int) {
		if err := db.QueryRowContext(ctx, `SELECT count(*) FROM post`).Scan(&n); err != nil {
			t.Error(err)
		}
		return n
	}
	view := func(path string, read func(ctx context.Context) int) {
		mux.Handle("GET "+path, wakeful.View{Name: path}.Observable(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, `{"count":%d}`, read(r.Context()))
		})))
	}
	mux = http.NewServeMux()
	view("/good", count)
	view("/background", func(ctx context.Context) int { return count(ctx) + 0*count(context.Background()) })
	view("/prepared", func(ctx context.Context) int {
		stmt, err := db.PrepareContext(ctx, `SELECT count(*) FROM post`)
		if err != nil {
			t.Error(err)
			return 0
		}
		defer stmt.Close()
		var n int
		if err := stmt.QueryRow().Scan(&n); err != nil {
			t.Error(err)
		}
		return n + 0*count(ctx)
	})
	view("/goroutine", func(ctx context.Context) int {
		var n int
		var other sync.WaitGroup
		other.Go(func() { n = count(context.Background()) })
		other.Wait()
		return n + 0*count(ctx)
	})
	view("/declared", func(ctx context.Context) int {
		wakeful.DependsOn(ctx, "post")
		return count(context.Background())
	})
	view("/polled", func(ctx context.Context) int {
		wakeful.Poll(ctx, time.Minute)
		return count(context.Background())
	})
	view("/seen", func(ctx context.Context) int { // in a middleware, say
		if _, err := db.Exec(`UPDATE post SET title = 'seen' WHERE id = -1`); err != nil {
			t.Error(err)
		}
		return count(ctx)
	})
	mux.HandleFunc("/plain", func(http.ResponseWriter, *http.Request) { count(context.Background()) })
	return newServer(t, cfg), mux, db
}

// TestStrict: a view that runs a statement without its context fails and is
// told where; one that says what it depends on, and everybody else, does not.
func TestStrict(t *testing.T) {
	live, mux, _ := strayApp(t, wakeful.Config{Strict: true})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- live.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	server := httptest.NewServer(live.Wrap(mux))
	defer server.Close()
	get := func(path string) (int, string) {
		resp, err := http.Get(server.URL + path)
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	stop := make(chan struct{})
	var others sync.WaitGroup
	for range 4 { // requests that nobody observes run statements all the while
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					get("/plain")
				}
			}
		})
	}
	for range 5 {
		for path, want := range map[string]string{
			"/good": "", "/declared": "", "/polled": "",
			"/background": "strayApp", "/prepared": "strayApp", "/goroutine": "strayApp", "/seen": "strayApp",
		} {
			status, body := get(path + "?observe=me")
			switch {
			case want == "" && status != 200:
				t.Errorf("%s: %d %s", path, status, body)
			case want != "" && (status != 500 || !strings.Contains(body, "nothing_read") || !strings.Contains(body, "strict_test.go:") ||
				!strings.Contains(body, want) || !strings.Contains(body, "db.QueryContext(r.Context()")):
				t.Errorf("%s: %d %s", path, status, body)
			}
		}
	}
	close(stop)
	others.Wait()
}

// TestStrayIsLogged: where it is not strict the list is served, and the log
// says once where the statement is called, with its stack.
func TestStrayIsLogged(t *testing.T) {
	said := &sink{}
	live, mux, db := strayApp(t, wakeful.Config{Logger: slog.New(slog.NewTextHandler(said, nil))})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- live.Run(ctx) }()
	handler := live.Wrap(mux)
	for i := range 400 {
		mustExec(t, db, fmt.Sprintf(`INSERT INTO post VALUES (%d, 'x')`, i))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/background?observe=me", nil))
		if w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if strings.Contains(said.String(), "without the context of its evaluation") && i > 50 {
			break
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	text := said.String()
	if n := strings.Count(text, `msg="statement without the context of its evaluation"`); n != 1 || !strings.Contains(text, "strict_test.go:") || !strings.Contains(text, "goroutine ") {
		t.Errorf("it was logged %d times: %s", n, text)
	}
}

// TestStrictByDefaultInTests: wakefultest fails what would stand still later.
func TestStrictByDefaultInTests(t *testing.T) {
	live, mux, _ := strayApp(t, wakeful.Config{})
	server := wakefultest.Start(t, live, mux)
	server.Observe("/good")
	resp, err := http.Get(server.URL + "/background?observe=me")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 500 || !strings.Contains(string(body), "strict_test.go:") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
