package console_test

import (
	"context"
	"database/sql"
	"encoding/json"
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
	"github.com/wakeful-dev/wakeful/console"
	"github.com/wakeful-dev/wakeful/internal/follow"
	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/sqlite"
)

const token = "canary-operator-token"

// world is an app over a database, and the console beside it.
type world struct {
	t       *testing.T
	db      *sql.DB
	live    *wakeful.Server
	url     string
	clients int   // so far
	said    *sink // what the console and the app's server log
}

// sink takes a log.
type sink struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// newWorld has items as a resource, whose lists are stepped, and as a view that
// is evaluated. Configure may alter how the console works.
func newWorld(t *testing.T, configure func(*console.Config)) *world {
	t.Helper()
	db, source, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: db, said: &sink{}}
	w.exec(`CREATE TABLE item (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, name TEXT NOT NULL)`)
	w.exec(`CREATE TABLE other (id INTEGER PRIMARY KEY)`)
	w.exec(`INSERT INTO item VALUES (1, 7, 'canary-row-1'), (2, 8, 'canary-row-2')`)
	items, err := resource.New(resource.Config[resource.Record]{
		DB: db, Catalog: source, Table: "item", Allow: permit.Public, Filters: resource.Filters{resource.AllColumns: resource.Every},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	items.Mount(mux, "/items")
	mux.Handle("GET /plain", wakeful.Observable("id")(http.HandlerFunc(w.plain)))
	logger := slog.New(slog.NewTextHandler(w.said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if w.live, err = wakeful.New(wakeful.Config{Source: source, Cookies: []string{"session"}, Logger: logger, Audit: -1}); err != nil {
		t.Fatal(err)
	}
	cfg := console.Config{Server: w.live, Token: token, Name: "app", Version: "1", Logger: logger}
	if configure != nil {
		configure(&cfg)
	}
	shown, err := console.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	outer := http.NewServeMux()
	outer.Handle("/console/", shown)
	outer.Handle("/", w.live.Wrap(mux))
	server := httptest.NewServer(outer)
	w.url = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- w.live.Run(ctx) }()
	go func() { ended <- shown.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		server.CloseClientConnections()
		server.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// plain is a view of any handler: of one owner.
func (w *world) plain(out http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("fail") != "" && r.Header.Get("X-Wakeful") == "" {
		var n int
		if err := w.db.QueryRowContext(r.Context(), `SELECT count(*) FROM other`).Scan(&n); err != nil || n > 0 {
			http.Error(out, "canary-row in an error", http.StatusInternalServerError)
			return
		}
	}
	rows, err := w.db.QueryContext(r.Context(), `SELECT id, name FROM item WHERE name >= ? ORDER BY id`, r.URL.Query().Get("from"))
	if err != nil {
		http.Error(out, err.Error(), http.StatusInternalServerError)
		return
	}
	defer rows.Close()
	list := []map[string]any{}
	for rows.Next() {
		var id int64
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			http.Error(out, err.Error(), http.StatusInternalServerError)
			return
		}
		list = append(list, map[string]any{"id": id, "name": name})
	}
	_ = json.NewEncoder(out).Encode(list)
}

func (w *world) exec(text string, args ...any) {
	w.t.Helper()
	if _, err := w.db.ExecContext(w.t.Context(), text, args...); err != nil {
		w.t.Fatal(err)
	}
}

// observe follows a URL of the app.
func (w *world) observe(target string, header http.Header) (*follow.Client, *follow.List) {
	w.t.Helper()
	w.clients++
	return w.follows(follow.Config{Server: w.url, Session: "canary-session-" + fmt.Sprint(w.clients), Header: header}, target)
}

// watch follows a list of the console, as an operator with the token.
func (w *world) watch(session, list string) (*follow.Client, *follow.List) {
	w.t.Helper()
	return w.follows(follow.Config{
		Server: w.url, Session: session, Prefix: "/console/api/queryobserver", SocketPrefix: "/console/ws/",
		Header: http.Header{"Authorization": {"Bearer " + token}},
	}, "/console/api/"+list)
}

func (w *world) follows(cfg follow.Config, target string) (*follow.Client, *follow.List) {
	w.t.Helper()
	c := follow.NewClient(cfg)
	if err := c.Connect(w.t.Context()); err != nil {
		w.t.Fatalf("connect for %s: %v", target, err)
	}
	w.t.Cleanup(func() {
		c.Close()
		for _, fault := range c.Faults() {
			w.t.Error(fault)
		}
	})
	list, err := c.Get(w.t.Context(), target)
	if err != nil {
		w.t.Fatalf("GET %s: %v", target, err)
	}
	return c, list
}

// waitFor waits until a list holds an item of which that is true.
func waitFor[Item any](t *testing.T, c *follow.Client, list *follow.List, what string, done func(*Item) bool) *Item {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var found *Item
	err := c.Wait(ctx, func(follow.View) bool {
		for _, one := range list.Items {
			item := new(Item)
			if err := json.Unmarshal(one.Data, item); err != nil {
				t.Error(err)
				return true
			}
			if done(item) {
				found = item
				return true
			}
		}
		return false
	})
	if err != nil {
		var all []string
		for _, one := range list.Items {
			all = append(all, string(one.Data))
		}
		t.Fatalf("%s: %v; the list is\n%s", what, err, strings.Join(all, "\n"))
	}
	return found
}

// ask is one request to the console, with the token.
func (w *world) ask(method, path, body string, into any) int {
	w.t.Helper()
	status, _, text := w.send(method, path, body, http.Header{"Authorization": {"Bearer " + token}})
	if into != nil {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			w.t.Fatalf("%s %s: %v: %s", method, path, err, text)
		}
	}
	return status
}

// send is one request; redirects are not followed.
func (w *world) send(method, path, body string, header http.Header) (status int, got http.Header, text string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if header != nil {
		r.Header = header.Clone()
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	if body != "" && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(all)
}

// eventually waits for what nothing tells of.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !done(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

// deadline bounds what is waited for.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}
