package declared

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain demands that the servers leave no goroutine behind.
func TestMain(m *testing.M) {
	code := m.Run()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// scenario is one kind of lists and writers.
type scenario struct {
	name         string
	transactions int
	plain        bool // lists that are decided in memory, few rows at a time
	wild         bool // bulk, DDL, cuts, lists that come and go
	outside      bool // some write as another program does
	triggerLog   bool

	postgres bool
	full     bool // REPLICA IDENTITY FULL

	// keysAlone: of a row that is altered the log has the former key and nothing
	// else that was, so what a condition was of it is asked of the database.
	keysAlone bool
}

var onlySQLite = []scenario{
	{name: "plain", transactions: 100, plain: true},
	{name: "asking", transactions: 60},
	{name: "wild", transactions: 40, wild: true},
	{name: "outside", transactions: 20, wild: true, outside: true},
	{name: "outside with trigger log", transactions: 20, wild: true, outside: true, triggerLog: true},
}

// summary is what a run has shown.
type summary struct {
	*scenario
	*world
	steps, reads, statements, evaluations uint64
	shapes, committed                     int
	ran                                   string // the lists that were evaluated, explained
	seconds                               float64
}

// firstSeed is WAKEFUL_SEED, or else of the clock.
func firstSeed(t testing.TB) uint64 {
	seed := uint64(time.Now().UnixNano()) % 1_000_000
	if text := os.Getenv("WAKEFUL_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatalf("WAKEFUL_SEED: %v", err)
		}
	}
	return seed
}

// TestDeclared: after every transaction each list of each client is what a
// fresh GET answers, order and the object beside it included; and where memory
// can decide, nothing is run again.
func TestDeclared(t *testing.T) { declared(t, onlySQLite, "declared.md") }

func declared(t *testing.T, scenarios []scenario, proof string) {
	seed := firstSeed(t)
	var all []*summary
	for i := range scenarios {
		s := &scenarios[i]
		t.Run(s.name, func(t *testing.T) { all = append(all, s.run(t, seed+uint64(i))) })
	}
	if path := os.Getenv("WAKEFUL_PROOF"); path != "" && !t.Failed() {
		writeProof(t, path, proof, all)
	}
}

func (s *scenario) run(t *testing.T, seed uint64) *summary {
	began := time.Now()
	w := newWorld(t, seed, s)
	rows, clients, lists := 150, 4, 14
	if raceEnabled { // SQLite without cgo is 25 times slower under the race detector
		rows, clients, lists = 40, 2, 8
	}
	w.begin(rows)
	for n := range clients {
		c := w.join(n + 1)
		for _, r := range w.routed {
			if n == 0 && !(s.plain && r.asks) && !r.rights {
				w.observe(c, r.path) // a list with something in it shows that the resource's plans are right
			}
		}
		for len(c.lists) < lists {
			w.follow(c, s.plain, s.wild)
		}
	}
	if !s.plain {
		w.alike()
	}
	w.settle()
	w.judge()
	w.batched()
	w.reasons()
	before := w.live.Counts()
	sum := &summary{scenario: s, world: w, shapes: w.shapes()}
	first := w.transactions
	for w.transactions < first+s.count() {
		w.act(s)
		w.settle()
		w.judge()
		if !s.wild && !s.keysAlone {
			w.batched()
		}
	}
	after := w.live.Counts()
	if !s.wild {
		sum.ran = w.evaluated()
	}
	sum.committed = w.transactions - first
	sum.steps = after["stepped"] - before["stepped"]
	sum.reads, sum.statements = after["read"]-before["read"], after["batch read"]-before["batch read"]
	sum.evaluations = after["evaluated"] - before["evaluated"]
	sum.seconds = time.Since(began).Seconds()
	t.Logf("seed %d: %d states of lists after %d transactions of %d rows: %d steps, %d reads in %d statements (%d shapes), %d evaluations; %d URLs refused, %d lists ended and %d scopes changed; %.1f s%s",
		seed, w.states, w.transactions, w.changed, sum.steps, sum.reads, sum.statements, sum.shapes, sum.evaluations, w.unanswered, w.ended, w.moved, sum.seconds, told(w.reasons()))
	sum.demand(t)
	return sum
}

// count is how many transactions there is time for: WAKEFUL_TRANSACTIONS of each
// scenario, or what follows.
func (s *scenario) count() int {
	n, err := strconv.Atoi(os.Getenv("WAKEFUL_TRANSACTIONS"))
	switch {
	case err == nil:
		return n
	case os.Getenv("WAKEFUL_LONG") != "":
		return s.transactions * 50
	case raceEnabled:
		return max(s.transactions/10, 3)
	}
	return s.transactions
}

// shapes counts the lists by what is asked, whatever the values.
func (w *world) shapes() int {
	seen := map[string]bool{}
	for _, c := range w.clients {
		for address := range c.lists {
			seen[shapeOf(address)] = true
		}
	}
	return len(seen)
}

// demand fails where more was run than the rows asked for.
func (s *summary) demand(t *testing.T) {
	switch {
	case s.plain:
		steps := s.steps - min(s.steps, uint64(s.committed)) // without the clock's
		if all := steps + s.reads + s.evaluations; !s.keysAlone && all-steps > max(all/100, 1) {
			t.Errorf("%d of %d lists that were affected were stepped, want 99 %%", steps, all)
		}
		if s.evaluations > 0 {
			t.Errorf("%d evaluations, want none\n%s", s.evaluations, s.ran)
		}
	case !s.wild:
		if s.evaluations > 0 {
			t.Errorf("%d evaluations, want none\n%s", s.evaluations, s.ran)
		}
		if s.reads >= 50 && s.statements >= s.reads { // a few need not fall together
			t.Errorf("%d statements for %d lists read: none were read together", s.statements, s.reads)
		}
		if again := uint64(s.world.reread); again > max(s.statements/50, 1) {
			t.Errorf("%d of %d statements read lists of a shape that was read already for the same transaction", again, s.statements)
		}
	}
}

// act commits one transaction, and in the wild lets clients come and go.
func (w *world) act(s *scenario) {
	db := w.db
	if s.outside && w.chance(2) {
		db = w.outside
	}
	tables := sortedKeys(w.columns)
	for s.plain && w.chance(4) || s.wild && w.chance(2) {
		w.small(pick(w, []*sql.DB{w.db, db}), tables) // the server is at it yet when the next one comes
	}
	if !s.wild {
		w.small(db, tables)
		return
	}
	if w.chance(4) { // clients come and go while others write
		dbs := []*sql.DB{w.db, w.db}
		if s.outside {
			dbs = append(dbs, w.outside)
		}
		defer w.race(dbs, tables)()
	}
	switch w.random.IntN(20) {
	case 0:
		w.bulk(db, pick(w, bulks))
	case 1:
		w.define(db)
	case 2:
		w.transact(db, func(tx execer) { w.exec(tx, "DELETE FROM "+pick(w, tables)) })
	case 3:
		w.transact(db, func(execer) {}) // nothing but the clock
	case 4, 5: // what somebody may see is another thing
		w.transact(db, func(tx execer) {
			w.exec(tx, w.replace("person", "id, name, team, level", "?, 'x', ?, ?"), 1+w.random.IntN(len(w.clients)), pick(w, small), pick(w, small))
		})
	default:
		w.small(db, tables)
	}
	c := pick(w, w.clients)
	switch w.random.IntN(10) {
	case 0:
		c.Cut()
		if err := c.Connect(within(w.t)); err != nil {
			w.t.Fatalf("seed %d: connect again: %v", w.seed, err)
		}
	case 1:
		address := pick(w, sortedKeys(c.lists))
		if address == "/clock/1" {
			break
		}
		if err := c.Unsubscribe(within(w.t), c.lists[address]); err != nil {
			w.t.Fatalf("seed %d: %v", w.seed, err)
		}
		delete(c.lists, address)
		delete(c.known, address)
		w.follow(c, false, true)
	}
}

// writeProof keeps what a run has shown.
func writeProof(t *testing.T, path, name string, all []*summary) {
	commit, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		commit = []byte("unknown")
	}
	var md strings.Builder
	fmt.Fprintf(&md, "# Lists of resources\n\nAfter every transaction each list of each client was held against a fresh GET, order, `count`, `next` and\n"+
		"`previous` included. Written by `WAKEFUL_PROOF=%s WAKEFUL_LONG=%s go test -run %s ./e2e/declared`\non %s, commit %s.\n\n",
		path, os.Getenv("WAKEFUL_LONG"), t.Name(), time.Now().UTC().Format(time.DateOnly), strings.TrimSpace(string(commit)))
	md.WriteString("| scenario | seed | transactions | rows | states of lists | steps | lists read | statements of that | evaluations | violations | seconds |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range all {
		fmt.Fprintf(&md, "| %s | %d | %d | %d | %d | %d | %d | %d | %d | 0 | %.0f |\n", s.name, s.seed, s.world.transactions, s.changed, s.states,
			s.steps, s.reads, s.statements, s.evaluations, s.seconds)
	}
	md.WriteString("\nIn *plain* at least 99 % of the lists that a transaction affected must be stepped and none evaluated; in *asking* none may be\n" +
		"evaluated, and but for two in a hundred one statement reads all lists of a shape after a transaction: else the test fails.\n")
	if err := os.WriteFile(filepath.Join(path, name), []byte(md.String()), 0o644); err != nil {
		t.Error(err)
	}
}
