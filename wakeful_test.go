package wakeful_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/source/memsource"
	"github.com/wakeful-dev/wakeful/sqlite"
	"github.com/wakeful-dev/wakeful/wakefultest"
)

// newMemory is a database with one table, and a handler that lists it.
func newMemory() (*memsource.DB, http.Handler) {
	db := memsource.New(memsource.Config{Tables: []memsource.Table{{Name: "post", Columns: []string{"id", "title"}}}})
	return db, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rows, err := db.Read(r.Context(), "post")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(rows)
	})
}

func put(t *testing.T, db *memsource.DB, id int64, title string) {
	t.Helper()
	if _, err := db.Update(func(tx *memsource.Tx) error {
		return tx.Put("post", memsource.Row{"id": id, "title": title})
	}); err != nil {
		t.Fatal(err)
	}
}

func newServer(t *testing.T, cfg wakeful.Config) *wakeful.Server {
	t.Helper()
	live, err := wakeful.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return live
}

func TestMarkedInEachWay(t *testing.T) {
	db, list := newMemory()
	mux := http.NewServeMux()
	mux.Handle("GET /middleware", wakeful.Observable("id")(list))
	mux.Handle("GET /view", wakeful.View{Key: []string{"title"}, Headers: []string{"Accept-Language"}}.Observable(list))
	mux.HandleFunc("GET /inside", func(w http.ResponseWriter, r *http.Request) {
		wakeful.Observe(r.Context(), "id")
		list.ServeHTTP(w, r)
	})
	live := newServer(t, wakeful.Config{Source: db})
	app := wakefultest.Start(t, live, mux)
	for _, path := range []string{"/middleware", "/view", "/inside"} {
		t.Run(path, func(t *testing.T) {
			posts := app.Observe(path)
			put(t, db, int64(len(path)), "from "+path)
			posts.Wait(t, func(items []wakefultest.Item) bool {
				return len(items) > 0 && items[len(items)-1]["title"] == "from "+path
			})
		})
		if _, err := db.Update(func(tx *memsource.Tx) error { return tx.Truncate("post") }); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDependsOnAndPoll(t *testing.T) {
	db, _ := newMemory()
	count := 0
	mux := http.NewServeMux()
	mux.Handle("GET /declared", wakeful.Observable()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wakeful.DependsOn(r.Context(), "post") // reads where no recorder sees it
		rows, _ := db.Read(context.Background(), "post")
		fmt.Fprintf(w, `{"count":%d}`, len(rows))
	})))
	mux.Handle("GET /polled", wakeful.Observable()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wakeful.Poll(r.Context(), 5*time.Millisecond)
		if !wakeful.Evaluating(r.Context()) {
			t.Error("the handler ran for something else than an evaluation")
		}
		count++
		fmt.Fprintf(w, `{"count":%d}`, count)
	})))
	app := wakefultest.Start(t, newServer(t, wakeful.Config{Source: db}), mux)
	declared := app.Observe("/declared")
	put(t, db, 1, "x")
	declared.WaitEqual(t, `[{"count":1,"id":1}]`)
	app.Observe("/polled").Wait(t, func(items []wakefultest.Item) bool { return items[0]["count"].(float64) >= 3 })
}

// TestOthersPassUntouched: an app behind Wrap answers byte for byte as it does
// alone, observe on unmarked routes and on other methods included.
func TestOthersPassUntouched(t *testing.T) {
	db, list := newMemory()
	mux := http.NewServeMux()
	mux.Handle("/marked", wakeful.Observable("id")(list))
	mux.HandleFunc("/plain", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Query", r.URL.RawQuery)
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "hello "+r.Method)
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		for range 3 {
			_, _ = io.WriteString(w, "piece ")
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}
	})
	wrapped := newServer(t, wakeful.Config{Source: db}).Wrap(mux)
	for _, request := range []string{
		"GET /marked", "POST /marked?observe=a", "HEAD /marked?observe=a", "GET /plain?observe=a&x=1", "DELETE /plain",
		"GET /stream?observe=a", "GET /none?observe=a", "GET /ws", "POST /api/queryobserver",
	} {
		t.Run(request, func(t *testing.T) {
			method, url, _ := strings.Cut(request, " ")
			alone, behind := httptest.NewRecorder(), httptest.NewRecorder()
			mux.ServeHTTP(alone, httptest.NewRequest(method, url, nil))
			wrapped.ServeHTTP(behind, httptest.NewRequest(method, url, nil))
			if alone.Code != behind.Code || alone.Body.String() != behind.Body.String() ||
				fmt.Sprint(alone.Result().Header) != fmt.Sprint(behind.Result().Header) || alone.Flushed != behind.Flushed {
				t.Errorf("behind Wrap: %d %v %q\nalone: %d %v %q", behind.Code, behind.Result().Header, behind.Body, alone.Code, alone.Result().Header, alone.Body)
			}
		})
	}
}

// TestPositionOfWrites: the answer to a write says from which position on it
// is visible, if all that was written is committed by then.
func TestPositionOfWrites(t *testing.T) {
	db, source, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"))
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
	if _, err := db.Exec(`CREATE TABLE post (id INTEGER PRIMARY KEY, title TEXT)`); err != nil {
		t.Fatal(err)
	}
	exec := func(ctx context.Context, text string) {
		if _, err := db.ExecContext(ctx, text); err != nil {
			t.Error(err)
		}
	}
	inTx := func(r *http.Request, end func(commit, rollback func() error)) {
		tx, err := db.BeginTx(r.Context(), nil)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := tx.ExecContext(r.Context(), `INSERT INTO post (title) VALUES ('in tx')`); err != nil {
			t.Error(err)
		}
		end(tx.Commit, tx.Rollback)
	}
	tests := []struct {
		name string
		do   http.HandlerFunc
		want bool
	}{
		{"autocommit", func(_ http.ResponseWriter, r *http.Request) {
			exec(r.Context(), `INSERT INTO post (title) VALUES ('a')`)
		}, true},
		{"returning", func(_ http.ResponseWriter, r *http.Request) {
			var id int64
			if err := db.QueryRowContext(r.Context(), `INSERT INTO post (title) VALUES ('r') RETURNING id`).Scan(&id); err != nil {
				t.Error(err)
			}
		}, true},
		{"transaction", func(_ http.ResponseWriter, r *http.Request) {
			inTx(r, func(commit, _ func() error) {
				if err := commit(); err != nil {
					t.Error(err)
				}
			})
		}, true},
		{"rolled back", func(_ http.ResponseWriter, r *http.Request) {
			inTx(r, func(_, rollback func() error) {
				if err := rollback(); err != nil {
					t.Error(err)
				}
			})
		}, false},
		{"committed too late", func(w http.ResponseWriter, r *http.Request) {
			exec(r.Context(), `INSERT INTO post (title) VALUES ('early')`)
			inTx(r, func(commit, _ func() error) {
				w.WriteHeader(http.StatusAccepted)
				if err := commit(); err != nil {
					t.Error(err)
				}
			})
		}, false},
		{"without the request's context", func(http.ResponseWriter, *http.Request) {
			exec(context.Background(), `INSERT INTO post (title) VALUES ('b')`)
		}, false},
		{"nothing written", func(_ http.ResponseWriter, r *http.Request) {
			exec(r.Context(), `UPDATE post SET title = 'x' WHERE id = -1`)
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			live := newServer(t, wakeful.Config{Source: source})
			w := httptest.NewRecorder()
			live.Wrap(tt.do).ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
			got := w.Result().Header.Get(wakeful.PositionHeader)
			if (got != "") != tt.want {
				t.Errorf("%s: %q", wakeful.PositionHeader, got)
			}
			if tt.want && got != string(source.Position()) {
				t.Errorf("%s: %q, the database is at %q", wakeful.PositionHeader, got, source.Position())
			}
		})
	}
}

func TestConfigErrors(t *testing.T) {
	db, _ := newMemory()
	for _, tt := range []struct {
		name string
		cfg  wakeful.Config
		want string
	}{
		{"no source", wakeful.Config{}, "Config.Source"},
		{"short secret", wakeful.Config{Source: db, Secret: []byte("x")}, "32 bytes"},
		{"socket prefix", wakeful.Config{Source: db, SocketPrefix: "ws"}, "SocketPrefix"},
		{"origin", wakeful.Config{Source: db, Origins: []string{"app.example.org"}}, "app.example.org"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := wakeful.New(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("New: %v, want one that names %s", err, tt.want)
			}
		})
	}
}

func TestStatusAndClear(t *testing.T) {
	db, list := newMemory()
	live := newServer(t, wakeful.Config{Source: db})
	app := wakefultest.Start(t, live, wakeful.Observable("id")(list))
	app.Observe("/posts?author=7")
	s := live.Status()
	if len(s.Worker.Observers) != 1 || s.Worker.Observers[0].Tables[0] != "post" || s.Gateway.Sessions != 1 || s.Counts["observer opened"] != 1 {
		t.Errorf("status %+v", s)
	}
	text, err := json.Marshal(s)
	if err != nil || strings.Contains(string(text), "author") {
		t.Errorf("the status shows a parameter: %s %v", text, err)
	}
	live.Clear()
	if n := len(live.Status().Worker.Observers); n != 0 {
		t.Errorf("%d observers after Clear", n)
	}
}
