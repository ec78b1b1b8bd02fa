package query_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/observer"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/postgres"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
)

// heldLaw is the law where the log has old rows by their keys alone: evaluations
// run through the recorder, in snapshots, and what changed is what the server's
// log says.
type heldLaw struct {
	t       testing.TB
	write   *pgx.Conn
	handle  *sql.DB
	source  *postgres.Source
	changes chan change.Changeset
	queries query.Cache
	tallies map[string]*heldTally
	missed  string

	*rand.Rand
	at       change.Position // how far changes were taken in
	snapshot source.Snapshot // the newest
	said     []string
}

// heldTally counts what became of the views of one form.
type heldTally struct {
	evaluated, known                  int // evaluations, and those whose rows are known
	cases, changed, woken, wokenAtAll int // the last as it would be if rows were never known
}

// heldView is an observer of a view.
type heldView struct {
	form   *heldForm
	texts  []string
	args   [][]any
	way    string
	memory *query.Arguments
	reads  []affected.Dependency
	stamp  source.Snapshot
	result string
	runs   int
}

func (v *heldView) String() string {
	return fmt.Sprintf("%s, %s: %q with %v", v.form.name, v.way, v.texts, v.args)
}

func newHeldLaw(t testing.TB) *heldLaw {
	t.Helper()
	db := pgtest.Database(t)
	db.Exec(t, heldSchema...)
	l := &heldLaw{t: t, write: db.Connect(t), changes: make(chan change.Changeset, 1024), tallies: map[string]*heldTally{}}
	var err error
	if l.handle, l.source, err = postgres.Open(db.URL); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	l.at = l.source.Position()
	go func() {
		for c, err := range l.source.Stream(ctx, l.at) {
			if err != nil {
				ended <- err
				return
			}
			select {
			case l.changes <- c:
			case <-ctx.Done():
			}
		}
	}()
	t.Cleanup(func() {
		l.unpin()
		cancel()
		<-ended
		l.handle.Close()
		l.source.Close()
	})
	l.pin()
	return l
}

// pin opens the next snapshot, and returns what has changed up to it.
func (l *heldLaw) pin() (sets []change.Changeset) {
	s, err := l.source.Pin(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	through := s.Position()
	if o, ok := s.(source.Overlapping); ok {
		through = o.Through()
	}
	for !l.at.Reaches(through) {
		select {
		case c := <-l.changes:
			l.at = c.Position
			sets = append(sets, c)
		case <-time.After(time.Minute):
			l.t.Fatalf("the stream has come to %s, the snapshot is at %s", l.at, through)
		}
	}
	l.snapshot = s
	return sets
}

// unpin closes the newest snapshot: TRUNCATE waits for those who read.
func (l *heldLaw) unpin() {
	if err := l.snapshot.Close(); err != nil {
		l.t.Fatal(err)
	}
}

func (l *heldLaw) tally(form string) *heldTally {
	if l.tallies[form] == nil {
		l.tallies[form] = &heldTally{}
	}
	return l.tallies[form]
}

// run evaluates a view in the newest snapshot, as the run of a number.
func (l *heldLaw) run(v *heldView, run int) (result string, set *readset.Set) {
	set = &readset.Set{Snapshot: l.snapshot}
	ctx := readset.NewContext(l.t.Context(), set)
	var parts []string
	for i, text := range v.texts {
		args := slices.Clone(v.args[i])
		for j, arg := range args {
			if t, ok := arg.(turns); ok {
				args[j] = t[run%len(t)]
			}
		}
		lines, err := l.read(ctx, v.way, text, args)
		if err != nil {
			l.t.Fatalf("%s: %v", v, err)
		}
		if !v.form.ordered {
			slices.Sort(lines)
		}
		parts = append(parts, strings.Join(lines, "\n"))
	}
	if err := set.Err(); err != nil {
		l.t.Fatalf("%s: %v", v, err)
	}
	return strings.Join(parts, "\n--\n"), set
}

// read runs a statement, one of the ways in which a handler may.
func (l *heldLaw) read(ctx context.Context, way, text string, args []any) (lines []string, err error) {
	if strings.HasPrefix(way, "tx") {
		tx, _ := postgres.Tx(ctx)
		rows, err := tx.Query(ctx, text, args...)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			lines = append(lines, fmt.Sprintf("%q", rows.RawValues()))
			if way == "tx first" {
				rows.Close()
			}
		}
		return lines, rows.Err()
	}
	var rows *sql.Rows
	if way == "prepared" {
		stmt, err := l.handle.PrepareContext(context.Background(), text)
		if err != nil {
			return nil, err
		}
		defer stmt.Close()
		rows, err = stmt.QueryContext(ctx, args...)
		if err != nil {
			return nil, err
		}
	} else if rows, err = l.handle.QueryContext(ctx, text, args...); err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("%+v", values))
		if way == "first" {
			return lines, nil
		}
	}
	return lines, rows.Err()
}

// note takes over what an evaluation has read.
func (l *heldLaw) note(v *heldView, result string, set *readset.Set) {
	v.reads, _ = observer.Needs(set, &l.queries, v.memory, time.Now())
	v.result, v.stamp = result, l.snapshot
	if v.runs++; v.moves() && v.runs == 1 {
		return // what differs is known from the second time on
	}
	tl := l.tally(v.form.name)
	tl.evaluated++
	known := len(v.reads) > 0
	for _, d := range v.reads {
		known = known && d.Held != nil
	}
	if known {
		tl.known++
	}
}

// view makes an observer of a random view.
func (l *heldLaw) view(forms []*heldForm) *heldView {
	v := &heldView{form: forms[l.IntN(len(forms))], memory: query.NewArguments("/x")}
	ways := []string{"whole", "whole", "prepared", "tx"}
	if v.form.ordered {
		ways = append(ways, "first", "tx first")
	}
	v.way = ways[l.IntN(len(ways))]
	g := &heldGenerator{Rand: l.Rand}
	v.form.write(g)
	v.texts, v.args = g.texts, g.args
	runs := 1
	if v.moves() {
		runs = 2
	}
	for range runs {
		result, set := l.run(v, v.runs)
		l.note(v, result, set)
	}
	return v
}

func (v *heldView) moves() bool {
	return slices.ContainsFunc(v.args, func(args []any) bool {
		return slices.ContainsFunc(args, func(arg any) bool { _, ok := arg.(turns); return ok })
	})
}

// world runs some transactions under some views.
func (l *heldLaw) world(seed uint64, forms []*heldForm, views, transactions int) {
	l.Rand = rand.New(rand.NewPCG(seed, 29))
	l.unpin()
	l.fill()
	l.pin()
	var all []*heldView
	for range views {
		all = append(all, l.view(forms))
	}
	for range transactions {
		if l.missed == "" {
			l.transaction(all)
		}
	}
}

// transaction writes, and looks whether the reads of each view that shows
// something else now are touched.
func (l *heldLaw) transaction(all []*heldView) {
	before := make([]string, len(all))
	for i, v := range all {
		if before[i] = v.result; v.moves() {
			before[i], _ = l.run(v, v.runs)
		}
	}
	l.unpin()
	l.said = nil
	l.writeSome()
	sets := l.pin()
	for i, v := range all {
		tl := l.tally(v.form.name)
		after, set := l.run(v, v.runs)
		hit, atAll := l.touched(v.reads, v.stamp, sets), l.touched(unknown(v.reads), v.stamp, sets)
		tl.cases++
		if atAll {
			tl.wokenAtAll++
		}
		if after != before[i] {
			tl.changed++
		}
		switch {
		case hit && !atAll:
			l.missed = fmt.Sprintf("%s is touched only where its rows are known, by %+v", v, sets)
		case hit:
			tl.woken++
			l.note(v, after, set)
		case after != before[i]:
			l.missed = fmt.Sprintf("%s\nreads %+v\nbefore\n%s\nafter\n%s\nafter\n%s\nand %+v does not touch it",
				v, v.reads, before[i], strings.Join(l.said, "\n"), after, sets)
		}
		if l.missed != "" {
			return
		}
	}
}

// touched asks an index and the reads themselves.
func (l *heldLaw) touched(reads []affected.Dependency, stamp source.Snapshot, sets []change.Changeset) bool {
	index, named, hit := affected.New[int](), false, false
	index.Replace(1, reads)
	for i := range sets {
		if stamp.Contains(&sets[i]) {
			continue
		}
		index.Affected(&sets[i], func(int) { named = true })
		hit = hit || affected.Touches(reads, &sets[i])
	}
	if hit && !named {
		l.missed = fmt.Sprintf("Touches says that %+v is touched by %+v, the index does not", reads, sets)
	}
	return named
}

// unknown is the same where no rows are known.
func unknown(reads []affected.Dependency) []affected.Dependency {
	reads = slices.Clone(reads)
	for i := range reads {
		reads[i].Held = nil
	}
	return reads
}

const (
	heldViews        = 60
	heldTransactions = 40
)

func heldWorlds() int { return max(worlds()/10, 1) }

// TestNothingMissedByKeys is the law of TestNothingMissed where the log has the
// old rows by their keys alone: what the rows are that a view has read must be
// known of single tables, and of nothing else.
func TestNothingMissedByKeys(t *testing.T) {
	l := newHeldLaw(t)
	for seed := range uint64(heldWorlds()) {
		if l.world(seed, heldForms, heldViews, heldTransactions); l.missed != "" {
			t.Fatalf("seed %d: %s", seed, l.missed)
		}
	}
	for _, f := range heldForms {
		tl := l.tally(f.name)
		t.Logf("%-16s rows known of %5d evaluations of %5d, %5d cases, %5d changed, %5d woken, %5d if rows were never known", f.name,
			tl.known, tl.evaluated, tl.cases, tl.changed, tl.woken, tl.wokenAtAll)
		switch {
		case tl.evaluated == 0:
			t.Logf("%s: nothing was evaluated", f.name)
		case f.known && tl.known < tl.evaluated:
			t.Errorf("%s: the rows of %d evaluations of %d are not known", f.name, tl.evaluated-tl.known, tl.evaluated)
		case !f.known && tl.known > 0:
			t.Errorf("%s: the rows of %d evaluations are taken to be known", f.name, tl.known)
		}
	}
}
