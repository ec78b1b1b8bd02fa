package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/internal/follow"
	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/sqlite"
	"github.com/wakeful-dev/wakeful/wakefultest"
	"github.com/wakeful-dev/wakeful/where"
)

// union is an application whose users see the rows of their clubs: which these
// are says a table, which the scope reads with each request.
type union struct {
	t      *testing.T
	db     *sql.DB
	live   *wakeful.Server
	server *wakefultest.Server

	mu       sync.Mutex
	commits  int
	members  map[string]map[string][]stay // by user and club
	quitting bool
}

// stay is a time in a club, in commits: from is the first with it, to the first
// without.
type stay struct{ from, to int }

const ongoing = 1 << 60

func newUnion(t *testing.T) *union {
	db, source, err := sqlite.Open(filepath.Join(t.TempDir(), "union.db"))
	if err != nil {
		t.Fatal(err)
	}
	u := &union{t: t, db: db, members: map[string]map[string][]stay{}}
	t.Cleanup(func() {
		if err := errors.Join(db.Close(), source.Close()); err != nil {
			t.Error(err)
		}
	})
	u.exec(`CREATE TABLE member (user TEXT, club TEXT, note INTEGER, PRIMARY KEY (user, club))`)
	u.exec(`CREATE TABLE entry (id INTEGER PRIMARY KEY, club TEXT NOT NULL, at INTEGER NOT NULL)`)
	config := resource.Config[resource.Record]{
		DB: db, Catalog: source, Table: "entry", Allow: permit.Public, Page: resource.Page{Max: 500},
		Scope: func(r *http.Request, _ permit.Action) (where.Expr, error) { return u.scope(r) },
	}
	entries, err := resource.New(config)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	entries.Mount(mux, "/entries")
	u.live, err = wakeful.New(wakeful.Config{Source: source})
	if err != nil {
		t.Fatal(err)
	}
	u.server = wakefultest.Start(t, u.live, mux)
	return u
}

// scope is the rows of the asker's clubs.
func (u *union) scope(r *http.Request) (where.Expr, error) {
	rows, err := u.db.QueryContext(r.Context(), `SELECT club FROM member WHERE user = ?`, r.Header.Get("Authorization"))
	if err != nil {
		return where.None(), err
	}
	defer rows.Close()
	var clubs []any
	for rows.Next() {
		var club string
		if err := rows.Scan(&club); err != nil {
			return where.None(), err
		}
		clubs = append(clubs, club)
	}
	if len(clubs) == 0 {
		return where.None(), rows.Err()
	}
	return where.In("club", clubs...), rows.Err()
}

func (u *union) exec(statement string, args ...any) {
	u.t.Helper()
	if _, err := u.db.Exec(statement, args...); err != nil {
		u.t.Fatalf("%s: %v", statement, err)
	}
}

// write commits a change of the entries, which says in each row that it makes
// which commit it was.
func (u *union) write(r *rand.Rand, clubs int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.commits++
	club := fmt.Sprint("club", r.IntN(clubs))
	switch r.IntN(4) {
	case 0:
		u.exec(`INSERT INTO entry (club, at) VALUES (?, ?)`, club, u.commits)
	case 1:
		u.exec(`DELETE FROM entry WHERE id = (SELECT min(id) FROM entry WHERE club = ?) AND (SELECT count(*) FROM entry WHERE club = ?) > 3`, club, club)
	case 2:
		u.exec(`UPDATE entry SET at = ? WHERE club = ?`, u.commits, club)
	case 3: // a row goes from one club to another
		u.exec(`UPDATE entry SET at = ?, club = ? WHERE id = (SELECT max(id) FROM entry)`, u.commits, club)
	}
}

// join commits that a user is in a club, or no longer.
func (u *union) join(user, club string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.commits++
	if u.members[user] == nil {
		u.members[user] = map[string][]stay{}
	}
	stays := u.members[user][club]
	if n := len(stays); n > 0 && stays[n-1].to == ongoing {
		u.exec(`DELETE FROM member WHERE user = ? AND club = ?`, user, club)
		stays[n-1].to = u.commits
		return
	}
	u.exec(`INSERT INTO member (user, club) VALUES (?, ?)`, user, club)
	u.members[user][club] = append(stays, stay{u.commits, ongoing})
}

// mayHold reports whether a row that a commit wrote was a user's to see at some
// time since.
func (u *union) mayHold(user, club string, at int) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.ContainsFunc(u.members[user][club], func(s stay) bool { return s.to > at })
}

// wanted is what a user is to hold in the end.
func (u *union) wanted(user string) string {
	rows, err := u.db.Query(`SELECT id, at FROM entry WHERE club IN (SELECT club FROM member WHERE user = ?) ORDER BY id`, user)
	if err != nil {
		u.t.Fatal(err)
	}
	defer rows.Close()
	var text strings.Builder
	for rows.Next() {
		var id, at int
		if err := rows.Scan(&id, &at); err != nil {
			u.t.Fatal(err)
		}
		fmt.Fprintf(&text, "%d@%d ", id, at)
	}
	return text.String()
}

// witness is a user who follows, and notes what he should not have seen.
type witness struct {
	*union
	user, held string
	states     atomic.Int64
	leaks      []string
}

// over reports whether a user holds what is his when nothing changes any more.
func (u *union) over(w *witness) bool {
	u.mu.Lock()
	quitting := u.quitting
	u.mu.Unlock()
	return quitting && w.held == u.wanted(w.user)
}

// take looks at a list.
func (w *witness) take(l *follow.List) {
	w.states.Add(1)
	var text strings.Builder
	for _, item := range l.Items {
		var row struct {
			ID, At int
			Club   string
		}
		if err := json.Unmarshal(item.Data, &row); err != nil {
			w.leaks = append(w.leaks, err.Error())
			return
		}
		fmt.Fprintf(&text, "%d@%d ", row.ID, row.At)
		if !w.mayHold(w.user, row.Club, row.At) {
			w.leaks = append(w.leaks, fmt.Sprintf("%s of %s, written at %d, who was in it in %v", item.Key, row.Club, row.At, w.members[w.user][row.Club]))
		}
	}
	w.held = text.String()
}

func (w *witness) config() follow.Config {
	return follow.Config{
		Server: w.server.URL, Session: w.user, Header: http.Header{"Authorization": {w.user}},
		Watch: follow.Watch{
			State:   w.take,
			Message: func(l *follow.List, _ follow.Message) { w.take(l) },
		},
	}
}

// await follows in one way until the list is as wanted.
func (w *witness) await(ctx context.Context, kind string, done func() bool) error {
	const path = "/entries?limit=500"
	switch kind {
	case "version 1":
		c := follow.NewClientV1(w.config())
		if err := c.Connect(ctx); err != nil {
			return err
		}
		defer c.Close()
		for {
			switch _, err := c.Get(ctx, path); {
			case follow.Moving(err):
				continue
			case err != nil:
				return err
			}
			over := false
			err := c.Wait(ctx, func(lists []*follow.List) bool {
				over = done()
				return over || !slices.ContainsFunc(lists, func(l *follow.List) bool { return !l.Ended })
			})
			if err != nil || over {
				return errors.Join(err, errors.Join(c.Faults()...))
			}
		}
	case "version 2", "events of a session":
		c := follow.NewClient(w.config())
		if kind != "version 2" {
			c = follow.NewEvents(w.config())
		}
		if _, err := c.Get(ctx, path); err != nil {
			return err
		}
		if err := c.Connect(ctx); err != nil {
			return err
		}
		defer c.Close()
		err := c.Wait(ctx, func(follow.View) bool { return done() })
		return errors.Join(err, errors.Join(c.Faults()...))
	case "events of a view":
		c := follow.NewView(w.config(), path)
		defer c.Close()
		for {
			err := c.Connect(ctx)
			if ended := (*follow.CloseError)(nil); errors.As(err, &ended) || follow.Moving(err) {
				continue // before its first event: rights have changed meanwhile
			}
			if err != nil {
				return err
			}
			over := false
			err = c.Wait(ctx, func(v follow.View) bool { over = done(); return over || v.Ended() != nil })
			if err != nil || over {
				return errors.Join(err, errors.Join(c.Faults()...))
			}
		}
	}
	c := follow.NewPoller(w.config())
	for !done() {
		if _, err := c.Poll(ctx, path, 1, ""); err != nil && !follow.Moving(err) {
			return err
		}
	}
	return errors.Join(c.Faults()...)
}

// TestObserversAreScopes: 500 users, who are in one of 40 sets of clubs, have 40
// observers.
func TestObserversAreScopes(t *testing.T) {
	const users, scopes = 500, 40
	u := newUnion(t)
	u.exec(`INSERT INTO entry (club, at) VALUES ('club1', 0), ('club2', 0)`)
	seen := map[string]string{}
	for i := range users {
		user, of := fmt.Sprint("user", i), i%scopes
		u.join(user, fmt.Sprint("club", of%8))
		if of >= 8 {
			u.join(user, fmt.Sprint("club", 8+of/8))
		}
	}
	for i := range users {
		user, of := fmt.Sprint("user", i), i%scopes
		c := follow.NewClient(follow.Config{Server: u.server.URL, Session: user, Header: http.Header{"Authorization": {user}}})
		l, err := c.Get(t.Context(), "/entries")
		if err != nil {
			t.Fatal(err)
		}
		if had := seen[strconv.Itoa(of)]; had != "" && had != l.Observer {
			t.Fatalf("%s has another observer than others who see the same", user)
		}
		seen[strconv.Itoa(of)] = l.Observer
	}
	if n := len(u.live.Status().Worker.Observers); n != scopes {
		t.Errorf("%d observers, want %d", n, scopes)
	}
}

// TestMembersLeave: users join clubs and leave them while the entries of these
// change, and follow them in every way. A commit that ends a membership is the
// last of which its user sees a row of that club; and in the end everybody holds
// what is his to see.
func TestMembersLeave(t *testing.T) {
	const clubs, users, commits = 5, 20, 400
	u := newUnion(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	kinds := []string{"version 1", "version 2", "events of a session", "events of a view", "polls"}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var all sync.WaitGroup
	var witnesses []*witness
	errs := make([]error, users)
	for i := range users {
		w := &witness{union: u, user: fmt.Sprint("user", i)}
		u.join(w.user, fmt.Sprint("club", r.IntN(clubs)))
		witnesses = append(witnesses, w)
	}
	for i, w := range witnesses {
		all.Go(func() { errs[i] = w.await(ctx, kinds[i%len(kinds)], func() bool { return u.over(w) }) })
	}
	late := func(w *witness) bool { return w.states.Load() < 10 }
	for n := 0; n < commits || n < 50*commits && slices.ContainsFunc(witnesses, late); n++ {
		u.write(r, clubs)
		if n%4 == 0 {
			u.join(witnesses[r.IntN(users)].user, fmt.Sprint("club", r.IntN(clubs)))
		}
		<-time.After(time.Duration(r.IntN(1500)) * time.Microsecond)
	}
	u.mu.Lock()
	u.quitting = true
	u.mu.Unlock()
	u.exec(`INSERT INTO entry (club, at) VALUES ('everybody', 0)`)
	for _, w := range witnesses {
		u.join(w.user, "everybody")
	}
	patience := time.AfterFunc(time.Minute, func() { cancel(errors.New("it never came to hold what it may see")) })
	defer patience.Stop()
	all.Wait()
	for i, w := range witnesses {
		kind := kinds[i%len(kinds)]
		if errs[i] != nil {
			t.Errorf("%s over %s: %v\nholds %s\nwants %s", w.user, kind, errs[i], w.held, u.wanted(w.user))
		}
		for _, leak := range w.leaks[:min(len(w.leaks), 3)] {
			t.Errorf("%s over %s saw %s", w.user, kind, leak)
		}
		if seen := w.states.Load(); seen < 10 {
			t.Errorf("%s over %s saw %d states: that proves nothing", w.user, kind, seen)
		}
	}
}
