package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wakeful-dev/wakeful/internal/follow"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/postgres"
	"github.com/wakeful-dev/wakeful/wire"
)

// Ids of counters: group, writer and which of the two.
const (
	twins    = 10_000 // a group's twin has this much higher a number
	perGroup = 1000   // ids
)

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, fmt.Errorf("it did not happen within %v", patience))
	t.Cleanup(cancel)
	return ctx
}

// eventually polls until it is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	ctx := within(t)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, context.Cause(ctx))
		}
	}
}

// world is a database with counters, who raises them, and who follows them.
type world struct {
	t       testing.TB
	db      *pgtest.DB
	groups  int
	writers int
	reader  *reader
	app     *app // nil where another process serves
	server  string

	raising context.Context // ends when writers should
	enough  context.CancelFunc
	running sync.WaitGroup
	mu      sync.Mutex
	tracks  []*track
	watched []*watcher
	number  atomic.Int64 // of transactions
	errs    []error
}

// newWorld makes the tables; counters of each group and its twin are 0. There
// is one group, or an even number.
func newWorld(t testing.TB, db *pgtest.DB, groups, writers int, prepare ...string) *world {
	t.Helper()
	db.Exec(t, "CREATE TABLE counter (id int PRIMARY KEY, grp int NOT NULL, n bigint NOT NULL)",
		"CREATE INDEX ON counter (grp)", "CREATE TABLE large (id int PRIMARY KEY, grp int NOT NULL, n bigint NOT NULL, pad text) WITH (fillfactor = 45)",
		fmt.Sprintf(`INSERT INTO counter SELECT g * %d + w * 2 + b, g, 0
			FROM (SELECT g + t AS g FROM generate_series(0, %d) g, (VALUES (0), (%d)) v (t)) q, generate_series(0, %d) w, generate_series(0, 1) b
			WHERE (w + g) %% 2 = 0 OR %d = 1`,
			perGroup, groups-1, twins, writers-1, min(groups, writers)), "ANALYZE counter")
	db.Exec(t, prepare...)
	w := &world{t: t, db: db, groups: groups, writers: writers}
	w.raising, w.enough = context.WithCancel(context.Background())
	w.reader = read(t, db)
	return w
}

// serve starts the application in this process.
func (w *world) serve(url string) {
	w.t.Helper()
	a, err := serve(postgres.Config{URL: url, Logger: logTo(w.t.Output())}, nil, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.app, w.server = a, a.http.URL
	w.t.Cleanup(func() {
		w.quiet()
		w.leave()
		if err := a.stop(); err != nil {
			w.t.Errorf("the application's end: %v", err)
		}
	})
}

// quiet ends all writers.
func (w *world) quiet() {
	w.enough()
	w.running.Wait()
}

func (w *world) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs = append(w.errs, err)
	w.enough()
}

// writer says how one commits.
type writer struct {
	number   int
	settings []string      // for its connection
	pause    time.Duration // between transactions
	url      string
	stubborn bool // connects again
}

// raise starts a writer.
func (w *world) raise(of writer) {
	if of.url == "" {
		of.url = w.db.URL
	}
	w.running.Go(func() {
		random := rand.New(rand.NewPCG(uint64(of.number), 3))
		for w.raising.Err() == nil {
			err := w.session(of, random)
			if err != nil && w.raising.Err() == nil && !of.stubborn {
				w.failed(fmt.Errorf("writer %d: %w", of.number, err))
			}
		}
	})
}

// session writes on one connection until it breaks, or there is enough.
func (w *world) session(of writer, random *rand.Rand) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(max(of.pause, time.Microsecond))
	defer tick.Stop()
	conn, err := pgx.Connect(ctx, of.url)
	if err != nil {
		<-tick.C
		return err
	}
	defer conn.Close(context.Background())
	for _, setting := range of.settings {
		if _, err := conn.Exec(ctx, "SET "+setting); err != nil {
			return err
		}
	}
	for w.raising.Err() == nil {
		if of.pause > 0 {
			<-tick.C
		}
		if err := w.transact(conn, of.number, random); err != nil {
			return err
		}
	}
	return nil
}

// transact raises a writer's four counters of a random group; one time in
// twenty it thinks better of it.
func (w *world) transact(conn *pgx.Conn, writer int, random *rand.Rand) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	group, n := w.groupFor(writer, random), w.number.Add(1)
	id := group*perGroup + writer*2
	text := fmt.Sprintf("UPDATE counter SET n = %d WHERE id IN (%d, %d, %d, %d)", n, id, id+1, id+twins*perGroup, id+1+twins*perGroup)
	if random.IntN(20) == 0 {
		text = "BEGIN; " + text + "; ROLLBACK"
	}
	_, err := conn.PgConn().Exec(ctx, text).ReadAll()
	return err
}

// groupFor chooses a group that the writer has counters in: every other one, so
// that lists are short; but all where there is one group or one writer.
func (w *world) groupFor(writer int, random *rand.Rand) int {
	if min(w.groups, w.writers) == 1 {
		return random.IntN(w.groups)
	}
	return 2*random.IntN(w.groups/2) + writer%2
}

// watcher is a person who follows lists, and comes back.
type watcher struct {
	w      *world
	name   string
	urls   []string
	track  *track
	client *follow.Client
	times  int
	lost   bool // the session is to be begun anew
}

// all are the lists of every group and its twin.
func (w *world) all() (urls []string) {
	for group := range w.groups {
		urls = append(urls, fmt.Sprintf("/counters?grp=%d", group), fmt.Sprintf("/counters?grp=%d", group+twins))
	}
	return urls
}

// follow makes a watcher of lists.
func (w *world) follow(urls []string) *watcher {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := fmt.Sprintf("watcher-%d", len(w.tracks))
	p := &watcher{w: w, name: name, urls: urls, track: &track{name: name}}
	w.tracks = append(w.tracks, p.track)
	w.watched = append(w.watched, p)
	return p
}

// begin is a new session with all lists.
func (p *watcher) begin(ctx context.Context) error {
	if p.client != nil {
		p.client.Close()
	}
	p.lost = true
	p.times++
	p.client = follow.NewClient(follow.Config{Server: p.w.server, Session: fmt.Sprintf("%s-%s-%d", p.w.db.Name, p.name, p.times), Watch: p.track.watch()})
	if err := p.client.Connect(ctx); err != nil {
		return err
	}
	for i, url := range p.urls {
		var err error
		if i%2 == 0 {
			_, err = p.client.Get(ctx, url)
		} else {
			_, err = p.client.Subscribe(ctx, url)
		}
		if err != nil {
			return fmt.Errorf("%s: %s: %w", p.name, url, err)
		}
	}
	p.lost = false
	return nil
}

// heal comes back after an end, and observes again what was closed.
func (p *watcher) heal(ctx context.Context) error {
	if p.lost {
		return p.begin(ctx)
	}
	if ended := p.client.Ended(); ended != nil {
		if ended.Code == wire.CloseLost {
			return p.begin(ctx)
		}
		if err := p.client.Connect(ctx); err != nil {
			p.lost = true // the server may be another by now
			return err
		}
	}
	var closed []string
	_ = p.client.Wait(ctx, func(v follow.View) bool { // says yes at once
		for _, l := range v.Lists() {
			if l.Ended {
				closed = append(closed, l.URL)
			}
		}
		return true
	})
	for _, url := range closed {
		if _, err := p.client.Get(ctx, url); err != nil {
			return fmt.Errorf("%s: %s again: %w", p.name, url, err)
		}
	}
	return nil
}

// leave closes every watcher's connection.
func (w *world) leave() {
	for _, p := range w.watched {
		if p.client != nil {
			p.client.Close()
		}
	}
}

// begin lets several watchers in, of all lists.
func (w *world) begin(watchers int) {
	w.t.Helper()
	for range watchers {
		if err := w.follow(w.all()).begin(within(w.t)); err != nil {
			w.t.Fatal(err)
		}
	}
}

// end stops the writers, waits until every watcher holds what the database
// has, and judges all that was ever shown.
func (w *world) end(url string, forgiving bool) *verdict {
	w.t.Helper()
	w.quiet()
	for _, err := range w.errs {
		w.t.Fatal(err)
	}
	w.settle(url, !forgiving) // where that fails, the judge may know why
	w.leave()
	var commits []commit
	if !forgiving {
		commits = w.reader.until(w.t, w.insertLSN(url))
	}
	return judge(w.tracks, commits, forgiving)
}

// insertLSN is where the log ends.
func (w *world) insertLSN(url string) uint64 {
	w.t.Helper()
	db := *w.db
	db.URL = url
	// A commit of its own, so that everything before it is flushed.
	db.Exec(w.t, "SET synchronous_commit = local; UPDATE large SET n = 0 WHERE id = -1; SELECT pg_logical_emit_message(true, 'test', '')")
	var high, low uint64
	if _, err := fmt.Sscanf(db.Value(w.t, "SELECT pg_current_wal_insert_lsn()"), "%X/%X", &high, &low); err != nil {
		w.t.Fatal(err)
	}
	return high<<32 | low
}

// truth is what the database holds, by group.
func (w *world) truth(url string) map[int]map[int]int64 {
	w.t.Helper()
	ctx := within(w.t)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT grp, id, n FROM counter")
	if err != nil {
		w.t.Fatal(err)
	}
	all := map[int]map[int]int64{}
	var group, id int
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&group, &id, &n}, func() error {
		if all[group] == nil {
			all[group] = map[int]int64{}
		}
		all[group][id] = n
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return all
}

// settle waits until every watcher holds what the database has, with progress
// past it all.
func (w *world) settle(url string, placed bool) {
	w.t.Helper()
	at := w.insertLSN(url)
	truth := w.truth(url)
	for _, p := range w.watched {
		var wrong string
		ctx := within(w.t)
		for {
			healing := p.heal(ctx)
			short, cancel := context.WithTimeout(ctx, time.Second)
			err := p.client.Wait(short, func(v follow.View) bool {
				wrong = p.wrong(v, truth, at, placed)
				return wrong == ""
			})
			cancel()
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				w.t.Errorf("%s does not hold what the database has: %s", p.name, errors.Join(errors.New(wrong), healing))
				break
			}
		}
	}
}

// wrong says how a watcher's lists are not what they should be.
func (p *watcher) wrong(v follow.View, truth map[int]map[int]int64, at uint64, placed bool) string {
	var wrong strings.Builder
	progress := v.Progress()
	if placed && lsn(progress.Position) < at || len(progress.Behind) > 0 || v.Stale() {
		fmt.Fprintf(&wrong, "progress is %+v, stale %t, the log ends at %016x; ", progress, v.Stale(), at)
	}
	if lists := len(v.Lists()); p.urls != nil && lists != len(p.urls) {
		fmt.Fprintf(&wrong, "%d lists of %d; ", lists, len(p.urls))
	}
	for _, l := range v.Lists() {
		group, ok := groupOf(l)
		if !ok {
			continue
		}
		if got := values(l); l.Ended || told1(got) != told1(truth[group]) {
			fmt.Fprintf(&wrong, "group %d ended %t: %s, not %s; ", group, l.Ended, told1(got), told1(truth[group]))
		}
	}
	return wrong.String()
}

// expect fails the test for each violation.
func (v *verdict) expect(t testing.TB, diffs int) {
	t.Helper()
	for i, violation := range v.Violations {
		if i == told {
			t.Errorf("… and %d more", len(v.Violations)-i)
			break
		}
		t.Error(violation)
	}
	if v.Diffs < diffs {
		t.Errorf("%d diffs, want %d: the run was too short to mean anything", v.Diffs, diffs)
	}
}
