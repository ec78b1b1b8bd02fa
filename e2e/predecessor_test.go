package e2e

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/internal/checker"
	"github.com/wakeful-dev/wakeful/internal/follow"
)

// The tests TestL1 to TestL20 and TestD1 to TestD4 are the ways in which the
// system that Wakeful succeeds lost or delayed data. L5 to L9 and L20 are about
// its queues, caches and workers: here they are what comes nearest. L9 has no
// counterpart while everything runs in one process.

const insertPost = "INSERT INTO post (author, title, score, state) VALUES (?, ?, ?, 'open')"

// A session that observes a query between a write and its evaluation must not
// take the change away from another one.
func TestL1_SubscribeBetweenWriteAndEvaluation(t *testing.T) {
	both(t, func(t *testing.T, version int) {
		w := newWorld(t, options{})
		first := w.connected(t, version, "first")
		list := first.observe("/posts?author=1")
		for i := range 30 {
			w.own(insertPost, 1, fmt.Sprint("post ", i), i)
			second := w.connected(t, version, fmt.Sprint("second-", i))
			other := second.observe("/posts?author=1")
			first.until("the write arrives", func() bool { return len(list.Items) == i+1 })
			second.same(other)
		}
		first.same(list)
	})
}

// own writes through the application's handle.
func (w *world) own(text string, arguments ...any) {
	w.t.Helper()
	if _, err := w.db.ExecContext(within(w.t), text, arguments...); err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
}

// transaction runs statements as one, through the application's handle.
func (w *world) transaction(do func(*sql.Tx) error) {
	w.t.Helper()
	tx, err := w.db.BeginTx(within(w.t), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := do(tx); err != nil {
		w.t.Fatal(errors.Join(err, tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		w.t.Fatal(err)
	}
}

// One diff with several moves, or with additions and removals together, must
// leave a version 1 client with the right order.
func TestL2_ManyMovesInOneDiff(t *testing.T) {
	w := newWorld(t, options{})
	c := w.connected(t, 1, "mover")
	for i, name := range strings.Fields("b d f h j") {
		w.own("INSERT INTO label VALUES (?, ?)", name, 10-i)
	}
	list := c.observe("/labels")
	w.transaction(func(tx *sql.Tx) error {
		_, err := tx.Exec("DELETE FROM label WHERE name IN ('b', 'f'); INSERT INTO label VALUES ('c', 9), ('g', 7)")
		return err
	})
	c.same(list)
	random := rand.New(rand.NewPCG(2, 2))
	for range 40 {
		w.transaction(func(tx *sql.Tx) error {
			for range 6 {
				name := string(rune('a' + random.IntN(12)))
				text := "INSERT INTO label VALUES (?, ?) ON CONFLICT DO UPDATE SET uses = excluded.uses"
				if random.IntN(3) == 0 {
					text = "DELETE FROM label WHERE name = ? OR uses = -?"
				}
				if _, err := tx.Exec(text, name, random.IntN(20)); err != nil {
					return err
				}
			}
			return nil
		})
		c.same(list)
	}
}

// A socket that drops and comes back with the same session id must get what it
// missed, and everything after.
func TestL3_SocketDropsAndReturns(t *testing.T) {
	both(t, func(t *testing.T, version int) {
		w := newWorld(t, options{})
		c := w.connected(t, version, "dropper")
		list := c.observe("/posts?author=1")
		for i := range 5 {
			c.cut()
			w.own(insertPost, 1, fmt.Sprint("missed ", i), 2*i)
			c.connect()
			c.same(list)
			w.own(insertPost, 1, fmt.Sprint("after ", i), 2*i+1)
			c.same(list)
		}
	})
}

// Of two sockets with one session id the newer takes over, and nothing is lost
// when the older goes.
func TestL4_TwoSocketsOneSession(t *testing.T) {
	both(t, func(t *testing.T, version int) {
		w := newWorld(t, options{})
		old := w.connected(t, version, "tab")
		before := old.observe("/posts?author=1")
		w.own(insertPost, 1, "one", 1)
		old.same(before)
		young := w.client(t, version, "tab")
		if version == 2 {
			young.v2.Joined = true
		}
		young.connect()
		after := young.observe("/posts?author=1")
		if code := old.awaitEnd().Code; version == 2 && code != 4409 {
			t.Errorf("the older socket was closed with %d, want 4409", code)
		}
		w.own(insertPost, 1, "two", 2)
		young.same(after)
		w.own(insertPost, 1, "three", 3)
		young.same(after)
	})
}

// One query with many sessions: nobody misses anything.
func TestL5_ManySessionsOneQuery(t *testing.T) {
	sessions, writes := 300, 20
	if raceEnabled {
		sessions, writes = 50, 5
	}
	w := newWorld(t, options{})
	clients, lists := make([]*client, sessions), make([]*follow.List, sessions)
	for i := range clients {
		clients[i] = w.connected(t, 1+i%2, fmt.Sprint("many-", i))
		lists[i] = clients[i].observe("/posts?author=1")
	}
	for i := range writes {
		w.own(insertPost, 1, fmt.Sprint("post ", i), i)
	}
	for i := range clients {
		clients[i].same(lists[i])
	}
}

// The server stops with work in hand, stays away while others write, and comes
// back: nobody misses anything, in either version.
func TestL6_L7_ServerStopsWithWorkInHand(t *testing.T) {
	both(t, func(t *testing.T, version int) {
		state := filepath.Join(t.TempDir(), "sessions")
		o := options{config: func(c *wakeful.Config) { c.StateFile = state }}
		w := newWorld(t, o)
		c := w.connected(t, version, "survivor")
		list := c.observe("/posts?author=1")
		for i := range 3 {
			for j := range 10 {
				w.own(insertPost, 1, fmt.Sprintf("before %d %d", i, j), j)
			}
			w.restart(o, func() {
				w.exec("DELETE FROM post WHERE score = 3")
				w.exec(insertPost, 1, fmt.Sprint("meanwhile ", i), 7)
			})
			c.awaitEnd()
			c.connect()
			c.same(list)
		}
	})
}

// restart stops the server, and starts it again at the same address.
func (w *world) restart(o options, meanwhile func()) {
	w.t.Helper()
	address := w.http.Listener.Addr().String()
	w.stop()
	meanwhile()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.start(o, listener)
}

// The evaluations lag far behind the writes: more than a hundred
// notifications are waiting.
func TestL8_EvaluationFarBehind(t *testing.T) {
	both(t, func(t *testing.T, version int) {
		g := newGate()
		w := newWorld(t, options{wrap: gated(g, "/posts")})
		c := w.connected(t, version, "patient")
		list := c.observe("/posts?author=1")
		open := g.close()
		for i := range 300 {
			w.own(insertPost, 1, fmt.Sprint("post ", i), i)
		}
		open()
		c.same(list)
	})
}

// Writes that no program announces: raw SQL, all rows at once, another program.
func TestL10_WritesThatNobodyAnnounces(t *testing.T) {
	for _, triggerLog := range []bool{false, true} {
		t.Run(fmt.Sprintf("trigger log %t", triggerLog), func(t *testing.T) {
			both(t, func(t *testing.T, version int) {
				w := newWorld(t, options{triggerLog: triggerLog})
				c := w.connected(t, version, "watcher")
				posts, count := c.observe("/posts?author=1"), c.observe("/count?state=open")
				for _, write := range []func(string, ...any){w.own, w.exec} {
					for _, text := range []string{
						"INSERT INTO post (author, title, score, state) VALUES (1, 'a', 1, 'open'), (1, 'b', 2, 'open'), (2, 'c', 3, 'open')",
						"UPDATE post SET score = score + 1",
						"REPLACE INTO post (id, author, title, score, state) SELECT id, author, 'new ' || title, score, state FROM post",
						"DELETE FROM author WHERE id = 1",
						"INSERT INTO author VALUES (1, 'Ada', 1)",
						"DELETE FROM post",
					} {
						write(text)
						c.same(posts, count)
					}
				}
			})
		})
	}
}

// A result that depends on a second table follows that table, though nobody
// has declared it.
func TestL11_SecondTable(t *testing.T) {
	both(t, func(t *testing.T, version int) {
		w := newWorld(t, options{})
		c := w.connected(t, version, "joiner")
		w.own(insertPost, 1, "tagged", 1)
		tagged, authors := c.observe("/tagged?name=red"), c.observe("/authors")
		w.own("INSERT INTO tag SELECT id, 'red', 1 FROM post")
		c.same(tagged, authors)
		w.own("UPDATE author SET name = 'Zoe' WHERE id = 1")
		c.same(tagged, authors)
		w.own("DELETE FROM tag")
		c.same(tagged, authors)
	})
}

// What is written after the GET and before the socket is open arrives.
func TestL12_WriteBeforeTheSocket(t *testing.T) {
	both(t, func(t *testing.T, version int) {
		w := newWorld(t, options{})
		c := w.client(t, version, "late")
		list := c.observe("/posts?author=1")
		w.own(insertPost, 1, "early", 1)
		c.connect()
		c.same(list)
		w.own(insertPost, 1, "later", 2)
		c.same(list)
	})
}

// Session ids that no socket can have are refused, and do not harm others.
func TestL13_ImpossibleSessions(t *testing.T) {
	w := newWorld(t, options{})
	c := w.connected(t, 1, "zzz")
	list := c.observe("/posts?author=1")
	for _, id := range []string{"", "has space", "a.b", "ä", strings.Repeat("x", 101), "a/b"} {
		bad := w.client(t, 1, "")
		bad.v1.Session = id
		_, err := bad.v1.Get(within(t), "/posts?author=1")
		var status *follow.StatusError
		if !errors.As(err, &status) || status.Status != http.StatusBadRequest || !strings.Contains(status.Body, "bad_session") {
			t.Errorf("observe=%.20q: %v, want 400 bad_session", id, err)
		}
	}
	w.own(insertPost, 1, "for the others", 1)
	c.same(list)
	long := w.connected(t, 1, strings.Repeat("x", 100))
	list = long.observe("/posts?author=1")
	w.own(insertPost, 1, "for the longest", 2)
	long.same(list)
}

// answers adds views with fixed answers, which read a table all the same.
func answers(bodies map[string]string) func(*http.ServeMux, *sql.DB) {
	return func(mux *http.ServeMux, db *sql.DB) {
		for path, body := range bodies {
			mux.Handle("GET "+path, wakeful.Observable("id")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				rows, err := query(r.Context(), db, checker.SQL("SELECT count(*) AS n FROM label"))
				if err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprintf(w, strings.ReplaceAll(body, "N", "%[1]v"), rows[0]["n"])
			})))
		}
	}
}

// What cannot be told apart is refused with a problem that says so; values of
// every kind arrive.
func TestL14_ItemsWithoutKeysAndOddValues(t *testing.T) {
	w := newWorld(t, options{routes: answers(map[string]string{
		"/nokey":   `[{"name": "N"}]`,
		"/null":    `[{"id": null, "n": N}]`,
		"/scalars": `[1, 2, N]`,
		"/text":    `"N"`,
		"/odd":     `[{"id": 1, "at": "2026-01-02T03:04:05.678Z", "big": 12345678901234567890.5, "n": N, "t": "<ü\u0000>"}]`,
	})})
	for _, path := range []string{"/nokey", "/null", "/scalars", "/text"} {
		c := w.client(t, 2, "keys")
		_, err := c.get(path)
		var status *follow.StatusError
		if !errors.As(err, &status) || status.Status != http.StatusInternalServerError || !strings.Contains(status.Body, "unobservable_result") {
			t.Errorf("%s: %v, want 500 unobservable_result", path, err)
		}
	}
	both(t, func(t *testing.T, version int) {
		c := w.connected(t, version, fmt.Sprint("odd", version))
		list := c.observe("/odd")
		w.own("INSERT INTO label VALUES (?, 1)", fmt.Sprint("for ", version))
		c.sameAs(list, &checker.View{URL: "/odd", Key: []string{"id"}})
	})
}

// Two items with one key are refused.
func TestL15_DuplicateKeys(t *testing.T) {
	w := newWorld(t, options{routes: answers(map[string]string{"/twins": `[{"id": 1}, {"id": 1, "n": N}]`})})
	_, err := w.client(t, 2, "twins").get("/twins")
	var status *follow.StatusError
	if !errors.As(err, &status) || status.Status != http.StatusInternalServerError || !strings.Contains(status.Body, "unobservable_result") {
		t.Errorf("%v, want 500 unobservable_result", err)
	}
}

// Requests that differ have different observers, however alike they look.
func TestL16_QueriesThatLookAlike(t *testing.T) {
	w := newWorld(t, options{})
	c := w.client(t, 2, "alike")
	seen := map[string]string{}
	for _, query := range []string{
		"author=1&x=th", "author=1&xth=", "author=1x&th=", "author=1&x=1&x=2", "author=1&x=2&x=1", "author=1&x=2",
		"author=1&x=1%26x=2", "author=1&x=12", "author=11&x=2", "author=1", "author=", "author", "author=1&author=1",
	} {
		list := c.observe("/posts?" + query)
		if other, ok := seen[list.Observer]; ok && query != "author" {
			t.Errorf("%q and %q have one observer", query, other)
		}
		seen[list.Observer] = query
	}
	again := w.client(t, 2, "again")
	if list := again.observe("/posts?x=th&author=1"); seen[list.Observer] != "author=1&x=th" {
		t.Error("the order of parameters makes another observer")
	}
}

// A view that takes too long ends its subscriptions, and says so.
func TestL17_EvaluationTooLong(t *testing.T) {
	both(t, func(t *testing.T, version int) {
		g := newGate()
		w := newWorld(t, options{wrap: gated(g, "/posts"), config: func(c *wakeful.Config) { c.Limits.Stop = time.Second }})
		c := w.connected(t, version, "slow")
		slow, fast := c.observe("/posts?author=1"), c.observe("/count?state=open")
		open := g.close()
		defer open()
		w.own(insertPost, 1, "too much", 1)
		c.until("the list is closed with too_slow", func() bool {
			return slow.Ended && strings.Contains(slow.Why, "too_slow")
		})
		c.same(fast)
		if c.ended() != nil {
			t.Errorf("the connection ended too: %v", c.ended())
		}
	})
}

// Nobody is evaluated for clients that have gone, however they went.
func TestL18_GoneClientsCostNothing(t *testing.T) {
	t.Parallel() // it waits for times to live
	both(t, func(t *testing.T, version int) {
		t.Parallel()
		w := newWorld(t, options{config: func(c *wakeful.Config) {
			c.SessionTTL, c.Linger = 50*time.Millisecond, 50*time.Millisecond
		}})
		c := w.connected(t, version, "leaver")
		list := c.observe("/posts?author=1")
		w.own(insertPost, 1, "one", 1)
		c.same(list)
		c.cut()
		w.until("no observer is left", func() bool { return len(w.live.Status().Worker.Observers) == 0 })
	})
}

// until asks again and again, for what nobody is told of.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ctx := within(w.t); !done(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Fatalf("%s: never", what)
		}
	}
}

// A frame that is no JSON harms nobody else, and leaves nothing behind.
func TestL19_FrameThatIsNoJSON(t *testing.T) {
	t.Parallel() // it waits for times to live
	both(t, func(t *testing.T, version int) {
		t.Parallel()
		w := newWorld(t, options{config: func(c *wakeful.Config) {
			c.SessionTTL, c.Linger = 50*time.Millisecond, 50*time.Millisecond
		}})
		good := w.connected(t, version, "good")
		list := good.observe("/posts?author=1")
		bad := w.client(t, version, "bad")
		bad.observe("/posts?author=2")
		dialer := ws.Dialer{}
		if version == 2 {
			dialer.Protocols = []string{"wakeful.v2+json"}
		}
		conn, _, _, err := dialer.Dial(within(t), strings.Replace(w.http.URL, "http", "ws", 1)+"/ws/bad")
		if err != nil {
			t.Fatal(err)
		}
		if err := wsutil.WriteClientText(conn, []byte("not JSON {")); err != nil {
			t.Fatal(err)
		}
		w.own(insertPost, 1, "for the good", 1)
		good.same(list)
		conn.Close()
		w.until("the other's observer is gone", func() bool { return len(w.live.Status().Worker.Observers) == 1 })
	})
}

// A socket that is older than every time to live gets what it always got.
func TestL20_OldSocket(t *testing.T) {
	both(t, func(t *testing.T, version int) {
		w := newWorld(t, options{config: func(c *wakeful.Config) {
			c.SessionTTL, c.V1SessionTTL, c.Linger = 20*time.Millisecond, 20*time.Millisecond, 20*time.Millisecond
			c.Heartbeat = 100 * time.Millisecond // silent for three of them, as a busy machine may be, the socket is closed
		}})
		c := w.connected(t, version, "old")
		list := c.observe("/posts?author=1")
		for end := time.Now().Add(400 * time.Millisecond); time.Now().Before(end); {
			w.own("UPDATE post SET score = score + 1")
		}
		w.own(insertPost, 1, "still here", 1)
		c.same(list)
	})
}

// timed adds views that stand still while the gate is shut, or that poll.
func timed(g *gate, every time.Duration) func(*http.ServeMux, *sql.DB) {
	return func(mux *http.ServeMux, db *sql.DB) {
		r := &route{items: args("SELECT id, title FROM post WHERE author = ? ORDER BY id", "author")}
		for path, poll := range map[string]time.Duration{"/gated": 0, "/polled": every} {
			mux.Handle("GET "+path, wakeful.Observable("id")(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				wakeful.Poll(req.Context(), poll)
				g.pass(req.Context())
				r.serve(w, req, db)
			})))
		}
	}
}

// A polling view holds nobody up, however slow it is, and ends when nobody
// watches.
func TestD1_PollingViewHoldsNobodyUp(t *testing.T) {
	t.Parallel() // it waits for times to live
	both(t, func(t *testing.T, version int) {
		t.Parallel()
		g := newGate()
		w := newWorld(t, options{routes: timed(g, 10*time.Millisecond), config: func(c *wakeful.Config) {
			c.SessionTTL, c.Linger = 50*time.Millisecond, 50*time.Millisecond
		}})
		c := w.connected(t, version, "fast")
		polled := w.connected(t, version, "polled")
		list := c.observe("/count?state=open")
		for i := range 5 {
			polled.observe(fmt.Sprint("/polled?author=", i))
		}
		open := g.close()
		for i := range 10 {
			w.own(insertPost, 1, fmt.Sprint("post ", i), i)
			c.same(list)
		}
		open()
		polled.close()
		w.until("the polling observers are gone", func() bool { return len(w.live.Status().Worker.Observers) == 1 })
	})
}

// Observers that are paced wait side by side, not one after another.
func TestD2_PacedObserversWaitSideBySide(t *testing.T) {
	const observers, interval = 20, 250 * time.Millisecond
	w := newWorld(t, options{config: func(c *wakeful.Config) { c.MinInterval = interval }})
	c := w.connected(t, 2, "paced")
	var lists []*follow.List
	for i := range observers {
		lists = append(lists, c.observe(fmt.Sprintf("/posts?author=1&n=%d", i)))
	}
	began := time.Now()
	w.own(insertPost, 1, "one", 1)
	w.own(insertPost, 1, "two", 2)
	c.same(lists...)
	w.own(insertPost, 1, "three", 3)
	c.same(lists...)
	if took := time.Since(began); took > observers*interval/2 {
		t.Errorf("%d observers took %v for three writes at an interval of %v", observers, took, interval)
	}
}

// Many evaluations of one table do not hold up those of another.
func TestD3_OneTableDoesNotHoldUpAnother(t *testing.T) {
	var heavier atomic.Bool
	w := newWorld(t, options{wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/posts" && heavier.Load() {
				<-time.After(200 * time.Millisecond) // what a heavy query takes
			}
			next.ServeHTTP(w, r)
		})
	}})
	heavy, light := w.connected(t, 2, "heavy"), w.connected(t, 2, "light")
	for i := range 100 {
		heavy.observe(fmt.Sprintf("/posts?author=1&n=%d", i))
	}
	list := light.observe("/labels")
	heavier.Store(true)
	for i := range 20 {
		w.own(insertPost, 1, fmt.Sprint("post ", i), i)
	}
	began := time.Now()
	w.own("INSERT INTO label VALUES ('prompt', 1)")
	light.same(list)
	// One after another they would take 100 · 200 ms for the last write alone.
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the other table's list came after %v", took)
	}
	heavier.Store(false)
}

// Nobody waits for a slow view of the same table.
func TestD4_SlowViewHoldsNobodyUp(t *testing.T) {
	both(t, func(t *testing.T, version int) {
		g := newGate()
		w := newWorld(t, options{routes: timed(g, 0)})
		c := w.connected(t, version, "fast")
		slow, fast := c.observe("/gated?author=1"), c.observe("/posts?author=1")
		open := g.close()
		for i := range 10 {
			w.own(insertPost, 1, fmt.Sprint("post ", i), i)
			c.same(fast)
		}
		c.until("the slow view is slow", func() bool { return len(slow.Items) == 0 })
		open()
		c.sameAs(slow, &checker.View{URL: slow.URL, Key: []string{"id"}})
	})
}
