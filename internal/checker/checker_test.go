package checker_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/checker"
	"github.com/wakeful-dev/wakeful/internal/follow"
)

// world is a database with a log, and what clients saw of it.
type world struct {
	t      *testing.T
	db     *sql.DB
	replay *sql.DB
	c      *checker.Checker
	tracks map[string]*checker.Track
	lists  map[string]*follow.List
}

func openDB(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(0)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func newWorld(t *testing.T, schema string, views ...*checker.View) *world {
	t.Helper()
	w := &world{t: t, c: checker.New(views...), tracks: map[string]*checker.Track{}, lists: map[string]*follow.List{}}
	w.db = openDB(t, filepath.Join(t.TempDir(), "app.db"))
	w.db.SetMaxOpenConns(1)
	w.exec(schema)
	copied := filepath.Join(t.TempDir(), "replay.db")
	if err := checker.Install(t.Context(), w.db, copied); err != nil {
		t.Fatal(err)
	}
	w.replay = openDB(t, copied)
	if err := checker.OpenReplay(t.Context(), w.replay); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) exec(text string) {
	w.t.Helper()
	if _, err := w.db.ExecContext(w.t.Context(), text); err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
}

// commit runs statements as one transaction and returns its number.
func (w *world) commit(statements string) int64 {
	w.t.Helper()
	ctx := context.Background()
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	n, err := checker.Begin(ctx, tx)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, statements); err != nil {
		w.t.Fatalf("%s: %v", statements, err)
	}
	if err := checker.End(ctx, tx); err != nil {
		w.t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) track(name string) *checker.Track {
	if w.tracks[name] == nil {
		w.tracks[name] = w.c.Track(name, "")
	}
	return w.tracks[name]
}

// list sets what a client holds: "a b" is two items with these names.
func (w *world) list(client, url, names string) *follow.List {
	w.t.Helper()
	list := w.lists[client+url]
	if list == nil {
		list = &follow.List{URL: url, PrimaryKey: "name"}
		w.lists[client+url] = list
	}
	list.Items = nil
	for name := range strings.FieldsSeq(names) {
		item, err := follow.NewItem(fmt.Appendf(nil, `{"name":%q}`, name), "name")
		if err != nil {
			w.t.Fatal(err)
		}
		list.Items = append(list.Items, item)
	}
	return list
}

// play carries out the words of a script, one client's doings per line:
//
//	client url: names          a state (version 2, or a GET answer)
//	client url@position: names the same, with its position
//	client url -: names        the state after a version 1 removal
//	client url +2: names       … after an addition or change at place 2
//	client whole position      a progress with whole: true over all its lists
//	client progress position   one with whole: false
//	client proof               a version 1 ping
//	client dropped             its connection ended
//	client last                the end
func (w *world) play(script string) {
	w.t.Helper()
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		head, names, isState := strings.Cut(line, ":")
		words := strings.Fields(head)
		watch := w.track(words[0]).Watch()
		switch {
		case isState:
			url, position, _ := strings.Cut(words[1], "@")
			list := w.list(words[0], url, names)
			list.Position = change.Position(position)
			if len(words) == 2 {
				watch.State(list)
				break
			}
			var m follow.Message
			if m.Removed = words[2] == "-"; !m.Removed {
				fmt.Sscan(words[2][1:], &m.Order)
			}
			watch.Message(list, m)
		case words[1] == "whole" || words[1] == "progress":
			p := follow.Progress{Whole: words[1] == "whole"}
			if len(words) > 2 {
				p.Position = change.Position(words[2])
			}
			watch.Progress(p, w.held(words[0]))
		case words[1] == "proof":
			watch.Proof(w.held(words[0]))
		case words[1] == "dropped":
			watch.Dropped()
		case words[1] == "last":
			w.track(words[0]).Last(w.held(words[0]))
		}
	}
}

func (w *world) held(client string) (lists []*follow.List) {
	for name, list := range w.lists {
		if strings.HasPrefix(name, client) {
			lists = append(lists, list)
		}
	}
	return lists
}

func (w *world) check() *checker.Report {
	w.t.Helper()
	log, err := checker.ReadLog(w.t.Context(), w.db)
	if err != nil {
		w.t.Fatal(err)
	}
	report, err := w.c.Check(w.t.Context(), log, w.replay)
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// kinds lists what was found, each kind once, in order.
func kinds(r *checker.Report) string {
	var found []string
	for _, v := range r.Violations {
		if len(found) == 0 || found[len(found)-1] != v.Kind {
			found = append(found, v.Kind)
		}
	}
	return strings.Join(found, " ")
}

const (
	pos2 = change.Position("history00000000000000002")
	pos3 = change.Position("history00000000000000003")
)

// The history of TestCheck: /all is a, then a b, then c a b, then c b, then
// a b again; /last is the newest letter.
func letters(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, `
		CREATE TABLE letter (name TEXT PRIMARY KEY, place INTEGER);
		CREATE TABLE newest (id INTEGER PRIMARY KEY, name TEXT);
		INSERT INTO letter VALUES ('a', 10); INSERT INTO newest VALUES (1, 'a');`,
		&checker.View{URL: "/all", Tables: []string{"letter"}, Key: []string{"name"},
			Items: checker.SQL("SELECT name FROM letter ORDER BY place")},
		&checker.View{URL: "/last", Tables: []string{"newest"}, Key: []string{"name"},
			Items: checker.SQL("SELECT name FROM newest")})
	w.commit(`INSERT INTO letter VALUES ('b', 20); UPDATE newest SET name = 'b'`)
	w.c.Committed(pos2, w.commit(`INSERT INTO letter VALUES ('c', 5); UPDATE newest SET name = 'c'`))
	w.c.Committed(pos3, w.commit(`DELETE FROM letter WHERE name = 'a'`))
	w.commit(`DELETE FROM letter WHERE name = 'c'; INSERT INTO letter VALUES ('a', 1); UPDATE newest SET name = 'a'`)
	return w
}

func TestCheck(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"every state", "v2 /all: a\n v2 /all: a b\n v2 /all: c a b\n v2 /all: c b\n v2 /all: a b\n v2 last", ""},
		{"states may be skipped", "v2 /all: a\n v2 /all: c b\n v2 /all: a b\n v2 last", ""},
		{"the same twice", "v2 /all: a\n v2 /all: a\n v2 /all: a b\n v2 /all: a b\n v2 last", ""},
		{"a list that never was", "v2 /all: a\n v2 /all: a c b", "unreal"},
		{"another order", "v2 /all: b a", "unreal"},
		{"half a transaction", "v2 /all: b", "unreal"},
		{"back in time", "v2 /all: c a b\n v2 /all: a", "backward"},
		{"back in time over a result that came again", "v2 /all: a b\n v2 /all: c b\n v2 /all: a b\n v2 /all: c b", "backward"},
		{"two clients do not hold each other", "x /all: c b\n y /all: a", ""},
		{"not the newest at the end", "v2 /all: a\n v2 /all: c b\n v2 last", "unequal"},

		{"one point", "v2 /all: a b\n v2 /last: b\n v2 whole", ""},
		{"one point that greed must pass over", "v2 /all: a b\n v2 /last: a\n v2 whole", ""},
		{"two points", "v2 /all: a b\n v2 /last: c\n v2 whole", "torn"},
		{"two points are allowed without whole", "v2 /all: a b\n v2 /last: c\n v2 progress", ""},
		{"a cut is a point for what comes next", "v2 /all: a b\n v2 /last: a\n v2 whole\n v2 /all: c b", "backward"},

		{"as new as its position", "v2 /all@" + string(pos2) + ": c a b", ""},
		{"newer than its position", "v2 /all@" + string(pos2) + ": c b", ""},
		{"older than its position", "v2 /all@" + string(pos3) + ": c a b", "late"},
		{"position of a result that came again", "v2 /all@" + string(pos3) + ": a b\n v2 /all: c b", "backward"},
		{"older than progress", "v2 /all: a\n v2 progress " + string(pos2), "late"},
		{"another history says nothing", "v2 /all@other00000000000000009: a", ""},

		{"version 1, one message per diff", "v1 /all: a\n v1 /all +1: a b\n v1 proof\n v1 /all +0: c a b\n v1 proof\n v1 /all -: c b\n v1 proof", ""},
		{"version 1, one diff of two messages", "v1 /all: c b\n v1 /all -: b\n v1 /all +0: a b\n v1 proof\n v1 last", ""},
		{"version 1, three diffs before a proof", "v1 /all: a\n v1 /all +1: a b\n v1 /all +0: c a b\n v1 /all -: c b\n v1 proof", ""},
		{"version 1, proof within a diff", "v1 /all: c b\n v1 /all -: b\n v1 proof\n v1 /all +0: a b", "unreal"},
		{"version 1, a diff cut short and made good", "v1 /all: c b\n v1 /all -: b\n v1 dropped\n v1 /all -: \n v1 /all +0: a\n v1 /all +1: a b\n v1 proof\n v1 last", ""},
		{"version 1, a message lost", "v1 /all: c b\n v1 /all +0: a c b\n v1 proof", "unreal"},
		{"version 1, messages that are no diff", "v1 /all: a\n v1 /all +0: x a\n v1 /all -: a\n v1 /all +1: a b", "unreal"},
		{"version 1, places that descend", "v1 /all: a\n v1 /all +1: a x\n v1 /all +0: b a\n v1 /all +0: c b", "unreal"},
		{"version 1, back in time", "v1 /all: c a b\n v1 /all -: a b\n v1 /all -: a\n v1 proof", "backward"},
		{"version 1, not the newest at the end", "v1 /all: c a b\n v1 /all -: c b\n v1 last", "unequal"},
		{"a view that nobody named", "v2 /nothing: a", "broken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := letters(t)
			w.play(tt.script)
			report := w.check()
			if got := kinds(report); got != tt.want {
				t.Errorf("found %q, want %q\n%v", got, tt.want, report.Violations)
			}
			if report.Transactions != 4 {
				t.Errorf("%d transactions, want 4", report.Transactions)
			}
		})
	}
}

func TestFaultsOfTheClientCount(t *testing.T) {
	w := letters(t)
	w.track("v2").Watch().Fault(fmt.Errorf("seq 3 after 1"))
	if got := kinds(w.check()); got != checker.Broken {
		t.Errorf("found %q, want %q", got, checker.Broken)
	}
}

// TestReplay holds the second database against the first after transactions of
// every sort.
func TestReplay(t *testing.T) {
	const schema = `
		CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE, score REAL, data BLOB);
		CREATE TABLE child (parent INTEGER REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE, n INTEGER, note TEXT, PRIMARY KEY (parent, n)) WITHOUT ROWID;
		CREATE TABLE loose (word TEXT, doubled INTEGER GENERATED ALWAYS AS (length(word) * 2) STORED);
		CREATE TABLE counted (n INTEGER); INSERT INTO counted VALUES (0);
		CREATE TRIGGER counting AFTER INSERT ON loose BEGIN UPDATE counted SET n = n + 1; END;
		INSERT INTO parent VALUES (1, 'one', 0.1, x'00ff'), (2, 'two', 1e300, NULL);`
	transactions := []string{
		`INSERT INTO child VALUES (1, 1, 'it''s'), (1, 2, NULL), (2, 1, char(10) || 'ü')`,
		`INSERT INTO loose (word) VALUES ('a'), ('bb'), (NULL)`,
		`UPDATE parent SET id = 7 WHERE id = 1`,
		`UPDATE parent SET id = 99 WHERE id = 7; UPDATE parent SET id = 7 WHERE id = 2; UPDATE parent SET id = 2 WHERE id = 99`,
		`REPLACE INTO parent VALUES (3, 'one', -0.0, zeroblob(3))`,
		`UPDATE loose SET word = word || '!' WHERE word IS NOT NULL; DELETE FROM loose WHERE word = 'a!'`,
		`SAVEPOINT s; DELETE FROM parent; ROLLBACK TO s; RELEASE s; INSERT INTO parent (name, score) VALUES ('new', 3.0)`,
		`DELETE FROM parent WHERE id = 7`,
		`UPDATE child SET n = n + 10`,
		`DELETE FROM loose`,
	}
	for i, last := range transactions {
		w := newWorld(t, schema)
		w.exec("PRAGMA foreign_keys = ON")
		for _, statements := range transactions[:i+1] {
			w.commit(statements)
		}
		w.check()
		for table, columns := range map[string]string{
			"parent":  "quote(id)||quote(name)||quote(score)||quote(data)",
			"child":   "quote(parent)||quote(n)||quote(note)",
			"loose":   "quote(word)||quote(doubled)",
			"counted": "quote(n)",
		} {
			query := fmt.Sprintf("SELECT coalesce(group_concat(v, ';'), '') FROM (SELECT %s AS v FROM %s ORDER BY 1)", columns, table)
			var want, got string
			if err := w.db.QueryRow(query).Scan(&want); err != nil {
				t.Fatal(err)
			}
			if err := w.replay.QueryRow(query).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("%s after %s\n got %s\nwant %s", table, last, got, want)
			}
		}
	}
}
