package query_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/observer"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/readset"
)

// watched is an observer of one statement.
type watched struct {
	*statement
	memory *query.Arguments
	reads  []affected.Dependency
	result string
	runs   int // evaluations
}

// moves reports whether the statement's arguments are others at the next
// evaluation.
func (o *watched) moves() bool {
	return slices.ContainsFunc(o.args, func(arg any) bool {
		switch arg.(type) {
		case clock, turns:
			return true
		}
		return false
	})
}

// tally counts what became of the statements of one form.
type tally struct {
	generated, rejected, opaque int
	cases, changed, idle        int
	why                         map[string]int
}

// law runs worlds and counts. It ends at the first result that changed though
// the index did not say so.
type law struct {
	t       testing.TB
	tallies map[string]*tally
	queries query.Cache
	missed  string
}

func newLaw(t testing.TB) *law { return &law{t: t, tallies: map[string]*tally{}} }

// world runs one world: a few rounds of observers, each with some
// transactions.
func (l *law) world(seed uint64, observers, transactions int) {
	w := newWorld(l.t, seed)
	var all []*watched
	index := affected.New[int]()
	for len(all) < observers {
		f := forms[w.IntN(len(forms))]
		if w.IntN(6) == 0 {
			f = w.formOf(exact[w.IntN(len(exact))])
		}
		s := w.statement(f)
		tl := l.tally(f.name)
		tl.generated++
		o := &watched{statement: s, memory: query.NewArguments(s.url)}
		var err error
		if o.result, err = w.result(s.text, driverArgs(s.at(w.now, 0))); err != nil {
			tl.rejected++
			if tl.why == nil {
				tl.why = map[string]int{}
			}
			tl.why[err.Error()+": "+s.text]++
			continue
		}
		l.evaluate(w, index, len(all), o)
		if o.moves() { // what differs is known from the second time on
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

func (w *world) formOf(name string) form {
	return forms[slices.IndexFunc(forms, func(f form) bool { return f.name == name })]
}

func (l *law) tally(name string) *tally {
	if l.tallies[name] == nil {
		l.tallies[name] = &tally{}
	}
	return l.tallies[name]
}

// evaluate notes what the statement reads now, as the worker does.
func (l *law) evaluate(w *world, index *affected.Index[int], id int, o *watched) {
	described, err := w.source.Describe(context.Background(), o.text)
	if err != nil {
		l.t.Fatalf("%s: %v", o, err)
	}
	set := &readset.Set{}
	set.Add(described, driverArgs(o.at(w.now, o.runs)))
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

func driverArgs(args []any) []any {
	list := make([]any, len(args))
	for i, arg := range args {
		if named, ok := arg.(sql.NamedArg); ok {
			arg = named
		}
		list[i] = arg
	}
	return list
}

// transaction writes, and looks whether the index named all whose result is
// another now. A statement with the clock in it is asked what it would return
// at its next evaluation, before and after.
func (l *law) transaction(w *world, index *affected.Index[int], all []*watched) {
	next := w.now.Add(time.Duration(w.IntN(90)) * time.Minute)
	before := make([]string, len(all))
	for i, o := range all {
		if before[i] = o.result; o.moves() {
			before[i], _ = w.result(o.text, driverArgs(o.at(next, o.runs)))
		}
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
	for i, o := range all {
		after, err := w.result(o.text, driverArgs(o.at(w.now, o.runs)))
		if err != nil {
			l.t.Fatalf("%s: %v", o, err)
		}
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

// takenBack reports whether the rows that meet a condition are the same before
// and after, though the transaction wrote some of them: no index of single rows
// can tell.
func takenBack(o *watched, sets []change.Changeset) bool {
	net := map[string]int{}
	for _, set := range sets {
		for _, c := range set.Changes {
			for _, read := range o.reads {
				if read.Table != c.Table || c.Kind == change.Everything {
					continue
				}
				if c.Old != nil && read.Where.MetBy(c.Columns, c.Old) {
					net[fmt.Sprintf("%s %#v", c.Table, c.Old)]--
				}
				if c.New != nil && read.Where.MetBy(c.Columns, c.New) {
					net[fmt.Sprintf("%s %#v", c.Table, c.New)]++
				}
			}
		}
	}
	for _, n := range net {
		if n != 0 {
			return false
		}
	}
	return len(net) > 0
}

func (l *law) report() (cases int) {
	for _, f := range forms {
		tl := l.tally(f.name)
		cases += tl.cases
		l.t.Logf("%-14s %6d statements, %4.1f %% read in full, %7d cases, %6d changed, %6d reported for nothing (%.1f %%)", f.name,
			tl.generated, 100-100*float64(tl.opaque)/float64(max(tl.generated-tl.rejected, 1)), tl.cases, tl.changed, tl.idle,
			100*float64(tl.idle)/float64(max(tl.idle+tl.changed, 1)))
	}
	l.t.Logf("%d cases", cases)
	return cases
}

// A world has so many of these, and each observer is asked after each
// transaction: that is a case.
const (
	observers    = 40
	transactions = 40
)

// worlds is how many a run has.
func worlds() int {
	switch {
	case os.Getenv("WAKEFUL_LONG") != "":
		return 150
	case raceEnabled:
		return 1
	}
	return 60
}

// TestNothingMissed is the law: if the result changed, the index said so. It
// fails too where statements are not read, or where the index names observers
// of single tables for nothing.
func TestNothingMissed(t *testing.T) {
	l, began := newLaw(t), time.Now()
	for seed := range uint64(worlds()) {
		if l.world(seed, observers, transactions); l.missed != "" {
			t.Fatalf("seed %d: %s", seed, l.missed)
		}
	}
	cases := l.report()
	if dir := os.Getenv("WAKEFUL_PROOF"); dir != "" && !t.Failed() {
		l.prove(dir, cases, time.Since(began))
	}
	if raceEnabled {
		return
	}
	for name, tl := range l.tallies {
		if read := tl.generated - tl.rejected; tl.opaque*20 > read || tl.rejected*2 > tl.generated {
			t.Errorf("%s: of %d statements %d are opaque and %d rejected: %v", name, tl.generated, tl.opaque, tl.rejected, tl.why)
		}
	}
	for _, form := range exact {
		tl := l.tallies[form]
		if all := tl.idle + tl.changed; tl.idle*20 > all || all < 50 {
			t.Errorf("%s: %d of %d reports leave the result as it was", form, tl.idle, all)
		}
	}
}

// exact are the forms that filter one table by values: of what is reported for
// them at most one in twenty may be for nothing.
var exact = []string{"filter", "bare filter", "collated", "affinity", "carried"}
