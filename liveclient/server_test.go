package liveclient_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/liveclient"
	"github.com/wakeful-dev/wakeful/sqlite"
)

// post is a row of the application.
type post struct {
	ID     int    `json:"id"`
	Author int    `json:"author"`
	Title  string `json:"title"`
}

// world is a real server of a real application.
type world struct {
	t      *testing.T
	db     *sql.DB
	server *httptest.Server
	wires  *wires
	live   *wakeful.Server
	good   atomic.Int64 // the token that the lists want, 0 for none
}

// patience is how long anything may take that needs no luck.
const patience = 20 * time.Second

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, errors.New("it did not happen in time"))
	t.Cleanup(cancel)
	return ctx
}

// newWorld serves /posts?author= and /count; around, if given, goes around all.
func newWorld(t *testing.T, around func(http.Handler) http.Handler) *world {
	t.Helper()
	db, source, err := sqlite.Config{Path: filepath.Join(t.TempDir(), "app.db"), Pragmas: []string{"synchronous(0)"}}.Open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`CREATE TABLE post (id INTEGER PRIMARY KEY, author INTEGER NOT NULL, title TEXT NOT NULL)`); err != nil {
		t.Fatal(err)
	}
	live, err := wakeful.New(wakeful.Config{
		Source: source, Heartbeat: 200 * time.Millisecond, Limits: wakeful.Limits{Sessions: 1000}, Recheck: 100 * time.Millisecond,
		Identity: func(r *http.Request) (string, error) {
			if r.Header.Get("Authorization") == "" {
				return "", nil
			}
			return "ann", nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: db, live: live, wires: &wires{}}
	handler := live.Wrap(w.routes())
	if around != nil {
		handler = around(handler)
	}
	w.server = httptest.NewServer(handler)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- live.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
		w.server.CloseClientConnections()
		w.server.Close()
		if err := errors.Join(db.Close(), source.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) routes() *http.ServeMux {
	mux := http.NewServeMux()
	answer := func(rw http.ResponseWriter, r *http.Request, text string, args ...any) {
		if n := w.good.Load(); n != 0 && r.Header.Get("Authorization") != fmt.Sprint("Bearer t", n) {
			http.Error(rw, "this token is worth nothing", http.StatusUnauthorized)
			return
		}
		var body sql.NullString
		if err := w.db.QueryRowContext(r.Context(), text, args...).Scan(&body); err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		rw.Header().Set("Content-Type", "application/json")
		fmt.Fprint(rw, body.String)
	}
	mux.Handle("GET /posts", wakeful.Observable("id")(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		answer(rw, r, `SELECT coalesce(json_group_array(json_object('id', id, 'author', author, 'title', title)), '[]')
			FROM (SELECT * FROM post WHERE author = ? ORDER BY title, id)`, r.URL.Query().Get("author"))
	})))
	mux.Handle("GET /count", wakeful.Observable("id")(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		answer(rw, r, `SELECT json_object('id', 1, 'posts', count(*)) FROM post`)
	})))
	mux.HandleFunc("POST /exec", func(rw http.ResponseWriter, r *http.Request) {
		if _, err := w.db.ExecContext(r.Context(), r.FormValue("sql")); err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("GET /page", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		fmt.Fprint(rw, "<h1>no list</h1>")
	})
	return mux
}

// exec writes, and returns the answer.
func (w *world) exec(text string, args ...any) *http.Response {
	w.t.Helper()
	answer, err := http.PostForm(w.server.URL+"/exec", map[string][]string{"sql": {fmt.Sprintf(text, args...)}})
	if err != nil {
		w.t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: %s", text, answer.Status)
	}
	return answer
}

// posts is what a plain GET says.
func (w *world) posts(author int) (list []post) {
	w.t.Helper()
	answer, err := http.Get(fmt.Sprintf("%s/posts?author=%d", w.server.URL, author))
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil {
		w.t.Fatal(err)
	}
	return list
}

// client makes a client and runs it until the test ends.
func (w *world) client(config liveclient.Config) *liveclient.Client {
	w.t.Helper()
	config.URL = w.server.URL
	config.HTTP = &http.Client{Transport: &http.Transport{DialContext: w.wires.dial}}
	return started(w.t, config)
}

func started(t *testing.T, config liveclient.Config) *liveclient.Client {
	t.Helper()
	if config.MinWait == 0 {
		config.MinWait = time.Millisecond
	}
	client, err := liveclient.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		if config.HTTP != nil {
			config.HTTP.CloseIdleConnections()
		}
	})
	return client
}

// wires are the connections of clients, to be cut.
type wires struct {
	mu   sync.Mutex
	open []net.Conn
}

func (w *wires) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		w.mu.Lock()
		w.open = append(w.open, conn)
		w.mu.Unlock()
	}
	return conn, err
}

func (w *wires) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range w.open {
		conn.Close()
	}
	w.open = nil
}

// until returns the first state that done says true of.
func until[T any](t testing.TB, l *liveclient.List[T], what string, done func(liveclient.State[T]) bool) liveclient.State[T] {
	t.Helper()
	ctx := within(t)
	var last liveclient.State[T]
	for last = range l.States(ctx) {
		if done(last) {
			return last
		}
	}
	t.Fatalf("%s: %s never: %s %v, %v", l.URL(), what, last.Status, last.Err, last.Items)
	return last
}

func live[T any](s liveclient.State[T]) bool { return s.Status == liveclient.Following }

func titles(list []post) string {
	var all []string
	for _, p := range list {
		all = append(all, p.Title)
	}
	return strings.Join(all, " ")
}

// overEach runs a test over each transport.
func overEach(t *testing.T, test func(*testing.T, liveclient.Transport)) {
	for _, transport := range []liveclient.Transport{liveclient.WebSocket, liveclient.Events} {
		t.Run(string(transport), func(t *testing.T) { test(t, transport) })
	}
}

func TestListsFollow(t *testing.T) {
	overEach(t, func(t *testing.T, transport liveclient.Transport) {
		w := newWorld(t, nil)
		w.exec(`INSERT INTO post VALUES (1, 7, 'a'), (2, 7, 'b'), (3, 8, 'c')`)
		client := w.client(liveclient.Config{Transport: transport})
		posts := liveclient.Live[post](client, "/posts?author=7")
		count := liveclient.Live[map[string]int](client, w.server.URL+"/count")
		state, err := posts.Ready(within(t))
		if err != nil || titles(state.Items) != "a b" || fmt.Sprint(state.Keys) != "[1 2]" {
			t.Fatalf("first: %+v, %v", state, err)
		}
		if _, err := count.Ready(within(t)); err != nil {
			t.Fatal(err)
		}
		for n, write := range []string{
			`INSERT INTO post VALUES (4, 7, 'aa')`,
			`UPDATE post SET title = 'z' WHERE id = 1`,
			`DELETE FROM post WHERE id = 2`,
			`UPDATE post SET author = 7`,
		} {
			answer := w.exec("%s", write)
			position := liveclient.PositionOf(answer)
			if position == "" {
				t.Fatal("the write has no position")
			}
			if err := client.CaughtUp(within(t), position); err != nil {
				t.Fatal(err)
			}
			if got, want := posts.State().Items, w.posts(7); !slices.Equal(got, want) {
				t.Errorf("after write %d: %v, want %v", n, got, want)
			}
		}
		if got := count.State().Items[0]["posts"]; got != 3 {
			t.Errorf("count is %d, want 3", got)
		}
		posts.Close()
		posts.Close()
		if client.CaughtUp(within(t), liveclient.PositionOf(w.exec(`DELETE FROM post`))) != nil || len(posts.State().Items) != 3 {
			t.Errorf("a list that was closed shows %v", posts.State().Items)
		}
		until(t, count, "it goes on", func(s liveclient.State[map[string]int]) bool { return s.Items[0]["posts"] == 0 })
		again := liveclient.Live[post](client, "/posts?author=7")
		if state, err := again.Ready(within(t)); err != nil || len(state.Items) != 0 {
			t.Errorf("followed again: %+v, %v", state, err)
		}
	})
}

// TestCuts: over cuts at any moment a list ends as a plain GET has it, and every
// state on the way is one that the database had.
func TestCuts(t *testing.T) {
	overEach(t, func(t *testing.T, transport liveclient.Transport) {
		w := newWorld(t, nil)
		var healed []*liveclient.Error
		var mu sync.Mutex
		client := w.client(liveclient.Config{Transport: transport, Healed: func(err *liveclient.Error) {
			mu.Lock()
			defer mu.Unlock()
			healed = append(healed, err)
		}})
		posts := liveclient.Live[post](client, "/posts?author=7")
		if _, err := posts.Ready(within(t)); err != nil {
			t.Fatal(err)
		}
		history := map[string]int{"": 0}
		for n := 1; n <= 40; n++ {
			w.exec(`INSERT INTO post VALUES (%d, 7, 'p%02d')`, n, 99-n)
			if n > 5 {
				w.exec(`DELETE FROM post WHERE id = %d`, n-5)
			}
			history[titles(w.posts(7))] = n
			if n%4 == 0 {
				w.wires.cut()
			}
			if n%10 == 0 {
				until(t, posts, "it comes back", live)
			}
		}
		want := titles(w.posts(7))
		until(t, posts, "the newest list", func(s liveclient.State[post]) bool { return titles(s.Items) == want && live(s) })
		if len(healed) > 0 {
			t.Errorf("healed: %v", healed)
		}
	})
}

// TestTwoURLsOfOneView: the server may know two URLs as one list.
func TestTwoURLsOfOneView(t *testing.T) {
	overEach(t, func(t *testing.T, transport liveclient.Transport) {
		w := newWorld(t, nil)
		client := w.client(liveclient.Config{Transport: transport})
		a := liveclient.Live[post](client, "/posts?author=7&x=1")
		b := liveclient.Live[post](client, "/posts?x=1&author=7")
		for round, l := range []*liveclient.List[post]{a, b} {
			if _, err := l.Ready(within(t)); err != nil {
				t.Fatal(err)
			}
			w.exec(`INSERT INTO post VALUES (%d, 7, 'a')`, round+1)
			for _, l := range []*liveclient.List[post]{a, b} {
				until(t, l, "the insert", func(s liveclient.State[post]) bool { return len(s.Items) == round+1 })
			}
		}
		w.wires.cut()
		a.Close()
		w.exec(`INSERT INTO post VALUES (9, 7, 'b')`)
		until(t, b, "the insert after the other was closed", func(s liveclient.State[post]) bool { return len(s.Items) == 3 && live(s) })
	})
}

func TestManyLists(t *testing.T) {
	overEach(t, func(t *testing.T, transport liveclient.Transport) {
		w := newWorld(t, nil)
		client := w.client(liveclient.Config{Transport: transport})
		var lists []*liveclient.List[post]
		n := 300 // more frames than the server takes at once, and a resume of more than one
		if liveclient.RaceEnabled {
			n = 240
		}
		for author := range n {
			lists = append(lists, liveclient.Live[post](client, fmt.Sprintf("/posts?author=%d", author)))
		}
		for _, l := range lists {
			if _, err := l.Ready(within(t)); err != nil {
				t.Fatal(err)
			}
		}
		w.wires.cut()
		position := liveclient.PositionOf(w.exec(`INSERT INTO post VALUES (1, %d, 'x')`, n-1))
		if err := client.CaughtUp(within(t), position); err != nil {
			t.Fatal(err)
		}
		if got := titles(lists[n-1].State().Items); got != "x" {
			t.Errorf("the last list is %q", got)
		}
		for _, l := range lists[1:] {
			l.Close()
		}
		until(t, lists[0], "it is live", live)
	})
}

func TestBlockedWebSockets(t *testing.T) {
	w := newWorld(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Upgrade") != "" {
				http.Error(rw, "the proxy does not know this", http.StatusBadRequest)
				return
			}
			next.ServeHTTP(rw, r)
		})
	})
	client := w.client(liveclient.Config{})
	posts := liveclient.Live[post](client, "/posts?author=7")
	if _, err := posts.Ready(within(t)); err != nil {
		t.Fatal(err)
	}
	if now := client.Connection(); now.Transport != liveclient.Events {
		t.Errorf("the connection is %+v, want events", now)
	}
	w.wires.cut()
	w.exec(`INSERT INTO post VALUES (1, 7, 'a')`)
	until(t, posts, "the insert", func(s liveclient.State[post]) bool { return titles(s.Items) == "a" && live(s) })
}
