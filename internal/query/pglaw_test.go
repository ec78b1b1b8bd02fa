package query_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/observer"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/readset"
)

// postgresLaw is the law, asked of PostgreSQL.
type postgresLaw struct {
	law
	base *postgresBase
	only []string // forms; nil is all
}

func newPostgresLaw(t testing.TB) *postgresLaw {
	return &postgresLaw{law: law{t: t, tallies: map[string]*tally{}}, base: newPostgresBase(t)}
}

// world runs one world: a few observers, and some transactions.
func (l *postgresLaw) world(seed uint64, observers, transactions int) {
	w := newPostgresWorld(l.t, l.base, seed)
	defer w.close()
	var all []*watched
	index := affected.New[int]()
	for tries := 0; len(all) < observers; tries++ {
		f := postgresForms[w.IntN(len(postgresForms))]
		switch {
		case l.only != nil:
			f = postgresFormOf(w.pick(l.only...))
		case w.IntN(6) == 0:
			f = postgresFormOf(w.pick(postgresExact...))
		}
		s := w.statement(f)
		tl := l.tally(f.name)
		tl.generated++
		o := &watched{statement: s, memory: query.NewArguments(s.url)}
		_, name, err := w.describe(o.text)
		if err == nil {
			var results []string
			if results, err = w.results([]ask{{name, o.at(w.now, 0)}}); err == nil {
				o.result = results[0]
			}
		}
		if err != nil {
			tl.reject(err.Error() + ": " + o.String())
			continue
		}
		l.evaluate(w, index, len(all), o)
		if o.moves() {
			l.evaluate(w, index, len(all), o)
		}
		all = append(all, o)
	}
	for range transactions {
		if l.missed != "" {
			return
		}
		l.transaction(w, index, all)
	}
}

func (t *tally) reject(why string) {
	t.rejected++
	if t.why == nil {
		t.why = map[string]int{}
	}
	t.why[why]++
}

func postgresFormOf(name string) postgresForm {
	return postgresForms[slices.IndexFunc(postgresForms, func(f postgresForm) bool { return f.name == name })]
}

func (l *postgresLaw) evaluate(w *postgresWorld, index *affected.Index[int], id int, o *watched) {
	described, _, err := w.describe(o.text)
	if err != nil {
		l.t.Fatalf("%s: %v", o, err)
	}
	set := &readset.Set{}
	set.Add(described, o.at(w.now, o.runs))
	o.runs++
	reads, understood := observer.Needs(set, &l.queries, o.memory, w.now)
	if why := understood[0].Opaque; why != "" {
		tl := l.tally(o.form)
		tl.opaque++
		if tl.why == nil {
			tl.why = map[string]int{}
		}
		tl.why[why+": "+o.text]++
	}
	o.reads = reads
	index.Replace(id, reads)
}

// ask runs the statements of some observers as they would at a time.
func (l *postgresLaw) ask(w *postgresWorld, of []*watched, now time.Time) []string {
	asks := make([]ask, len(of))
	for i, o := range of {
		_, name, err := w.describe(o.text)
		if err != nil {
			l.t.Fatal(err)
		}
		asks[i] = ask{name, o.at(now, o.runs)}
	}
	results, err := w.results(asks)
	if err != nil {
		l.t.Fatalf("seed %s: %v", w.schema, err)
	}
	return results
}

// transaction writes, and looks whether the index named all whose result is
// another now.
func (l *postgresLaw) transaction(w *postgresWorld, index *affected.Index[int], all []*watched) {
	next := w.now.Add(time.Duration(w.IntN(90)) * time.Minute)
	before := make([]string, len(all))
	var moving []*watched
	for i, o := range all {
		if before[i] = o.result; o.moves() {
			moving = append(moving, o)
		}
	}
	for i, result := range l.ask(w, moving, next) {
		before[slices.Index(all, moving[i])] = result
	}
	sets := w.transaction()
	hit := map[int]bool{}
	for i := range sets {
		index.Affected(&sets[i], func(id int) { hit[id] = true })
		for id, o := range all {
			if affected.Touches(o.reads, &sets[i]) && !hit[id] {
				l.missed = fmt.Sprintf("Touches names %s, the index does not, for %+v", o, sets[i])
				return
			}
		}
	}
	w.now = next
	for i, after := range l.ask(w, all, w.now) {
		o := all[i]
		tl := l.tally(o.form)
		tl.cases++
		switch {
		case after != before[i] && !hit[i]:
			l.missed = fmt.Sprintf("%s: %s\nreads %+v\nnow\n%s\nbefore\n%s\nafter\n%s\nand %+v does not touch it",
				o.form, o, o.reads, after, before[i], strings.Join(w.said, "\n"), sets)
			return
		case after != before[i]:
			tl.changed++
		case hit[i] && !takenBack(o, sets):
			tl.idle++
		}
		if hit[i] || o.moves() && after != before[i] {
			o.result = after
			l.evaluate(w, index, i, o)
		}
	}
}

func (l *postgresLaw) report() (cases int) {
	for _, f := range postgresForms {
		tl := l.tally(f.name)
		cases += tl.cases
		l.t.Logf("%-14s %6d statements, %5d rejected, %4.1f %% read in full, %7d cases, %6d changed, %6d reported for nothing (%.1f %%)", f.name,
			tl.generated, tl.rejected, 100-100*float64(tl.opaque)/float64(max(tl.generated-tl.rejected, 1)), tl.cases, tl.changed, tl.idle,
			100*float64(tl.idle)/float64(max(tl.idle+tl.changed, 1)))
	}
	l.t.Logf("%d cases", cases)
	return cases
}

// TestNothingMissedPostgres is the law of TestNothingMissed, on PostgreSQL.
func TestNothingMissedPostgres(t *testing.T) {
	l, began := newPostgresLaw(t), time.Now()
	for seed := range uint64(worlds()) {
		if l.world(seed, observers, transactions); l.missed != "" {
			t.Fatalf("seed %d: %s", seed, l.missed)
		}
	}
	cases := l.report()
	if dir := os.Getenv("WAKEFUL_PROOF"); dir != "" && !t.Failed() {
		l.provePostgres(dir, cases, time.Since(began))
	}
	if raceEnabled {
		return
	}
	for name, tl := range l.tallies {
		if read := tl.generated - tl.rejected; tl.opaque*20 > read || tl.rejected*2 > tl.generated {
			t.Errorf("%s: of %d statements %d are opaque and %d rejected: %v", name, tl.generated, tl.opaque, tl.rejected, tl.why)
		}
	}
	for _, form := range postgresExact {
		tl := l.tallies[form]
		// What a real cannot hold, 0.1 say, is not compared with one in memory.
		if all := tl.idle + tl.changed; tl.idle*8 > all || all < 50 {
			t.Errorf("%s: %d of %d reports leave the result as it was", form, tl.idle, all)
		}
	}
}
