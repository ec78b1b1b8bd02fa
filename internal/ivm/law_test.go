package ivm_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/ivm"
)

// many is how often something random is tried: n times, a hundred times as
// often where there is time, and less often under the race detector: nothing
// here is concurrent.
func many(n int) int {
	switch {
	case os.Getenv("WAKEFUL_LONG") != "":
		return 100 * n
	case os.Getenv("WAKEFUL_RACE") != "":
		return max(1, n/20)
	}
	return n
}

// law counts how lists were kept.
type law struct {
	steps   int            // of transactions that touched a list
	reads   map[string]int // by their reason
	started int            // lists begun anew, after DDL
	wrong   string         // the first that was not kept
	seed    uint64
}

// kind says what a world has in it.
type kind struct {
	strange bool // texts whose collation Go does not know
	nested  bool // rows of other tables in the items
	masked  bool // of rows before a change the source tells the key alone
}

// kept is a list that is kept.
type kept struct {
	*query
	result *ivm.Result
}

const (
	lists        = 20
	transactions = 30
	worlds       = 6
)

// world follows one world to its end, or to the first wrong list.
func (l *law) world(t testing.TB, seed uint64, of kind) {
	l.seed = seed
	w := newWorld(t, seed, of.strange)
	w.masked = of.masked
	all := make([]*kept, min(many(lists), lists))
	for i := range all {
		all[i] = &kept{query: w.query(of.strange, of.nested)}
		if !l.start(all[i]) {
			return
		}
	}
	w.said = nil
	for range min(many(transactions), transactions) {
		sets, ddl := w.transaction()
		if ddl {
			for _, k := range all {
				k.query = w.query(of.strange, of.nested)
				l.start(k)
			}
		} else {
			l.take(all, sets)
		}
		for _, k := range all {
			if l.wrong != "" {
				return
			}
			l.check(k)
		}
	}
}

// take steps all lists, and reads those for which memory was not enough.
func (l *law) take(all []*kept, sets []*change.Changeset) {
	reads := map[string][]*kept{}
	for _, k := range all {
		v := l.step(k, sets)
		if v.Read == "" {
			continue
		}
		if k.tight && strings.HasPrefix(v.Read, "the reserve ") {
			v.Read = "tight: " + v.Read
		}
		l.reads[v.Read]++
		reads[k.Shape] = append(reads[k.Shape], k)
	}
	for _, dirty := range reads {
		l.read(dirty)
	}
}

func (l *law) fail(k *kept, format string, args ...any) {
	if l.wrong == "" {
		l.wrong = fmt.Sprintf("seed %d: WHERE %s %#v ORDER BY %s LIMIT %d OFFSET %d, counted %t\n%s\n%s", l.seed, k.where, k.args, k.order, k.Limit, k.Offset, k.Counted,
			fmt.Sprintf(format, args...), strings.Join(k.world.said, "\n"))
	}
}

func (l *law) start(k *kept) bool {
	result, err := ivm.New(k.Plan, k.load())
	if err != nil {
		l.fail(k, "it does not begin: %v", err)
		return false
	}
	l.started++
	k.result = result
	return true
}

// step hands over the changes that may touch a list: sometimes only those that
// do, as an index would.
func (l *law) step(k *kept, sets []*change.Changeset) (v ivm.Verdict) {
	narrow := k.world.IntN(2) == 0
	for _, set := range sets {
		var hits []int
		touched := set.Everything
		now := map[string][]any{} // by key: rows of t as the transaction has made them
		for i := range set.Changes {
			c := &set.Changes[i]
			named := k.touchedBy(c, now)
			if named || !narrow && c.Table == "t" {
				hits = append(hits, i)
				touched = touched || named
			}
			if row, known := k.rowKey(c.New); known && c.Table == "t" {
				now[row] = c.New
			}
		}
		if !touched {
			continue
		}
		l.steps++
		items := k.result.Items().Slice()
		v = k.result.Step(set, hits)
		if v.Read != "" {
			return v
		}
		if wrong := wrongOps(items, k.result.Items().Slice(), v.Ops, len(hits) == 1); wrong != "" {
			l.fail(k, "%s", wrong)
		}
	}
	return v
}

// rowKey is the key of a row of t.
func (k *kept) rowKey(image []any) (string, bool) {
	if image == nil {
		return "", false
	}
	var values []any
	for _, at := range k.world.keys {
		if at >= len(image) {
			return "", false
		}
		values = append(values, image[at])
	}
	key, known := change.AppendKey(nil, values...)
	return string(key), known
}

// touchedBy reports whether a change may matter: by the keys of the rows held,
// where these are all whose former state can.
func (k *kept) touchedBy(c *change.Change, now map[string][]any) bool {
	switch {
	case c.Kind == change.Everything:
		return true
	case c.Table != "t":
		return slices.ContainsFunc(k.Nested, func(n ivm.Nested) bool { return n.Table == c.Table })
	case k.Match == nil:
		return true
	}
	meets := func(image []any) bool {
		return image != nil && k.Match(image[:len(k.Columns)]) >= ivm.True
	}
	if row, known := k.rowKey(c.Old); known && k.result.Holds() {
		return k.result.HoldsRow(row) || meets(now[row]) || meets(c.New)
	}
	return meets(c.Old) || meets(c.New) || c.Kind == change.Update && (c.Old == nil || c.New == nil)
}

// read reads the lists of one shape in one go.
func (l *law) read(dirty []*kept) {
	var plans []*ivm.Plan
	for _, k := range dirty {
		plans = append(plans, k.Plan)
	}
	rows, err := dirty[0].Reader.Read(context.Background(), plans)
	if err != nil {
		l.fail(dirty[0], "read: %v", err)
		return
	}
	for i, k := range dirty {
		items := k.result.Items().Slice()
		v, err := k.result.Load(rows[i])
		if err != nil {
			l.fail(k, "after a read: %v", err)
			return
		}
		if wrong := wrongOps(items, k.result.Items().Slice(), v.Ops, false); wrong != "" {
			l.fail(k, "after a read: %s", wrong)
		}
	}
}

func (l *law) check(k *kept) {
	items, meta := k.page()
	if got := k.result.Items().Slice(); !slices.EqualFunc(got, items, sameItem) {
		i := 0
		for i < min(len(got), len(items)) && sameItem(got[i], items[i]) {
			i++
		}
		l.fail(k, "of %d and %d items they differ at %d:\ngot  %.300s\nwant %.300s", len(got), len(items), i, show(got[i:]), show(items[i:]))
	}
	if !bytes.Equal(k.result.Meta(), meta) {
		l.fail(k, "meta is %s, want %s", k.result.Meta(), meta)
	}
}

// counted are the reads by what they are for.
type counted struct {
	refills int // the window ran out of rows
	large   int // too much changed
	images  int // of what changed the source does not know all
	others  int
}

func (l *law) counted() (c counted) {
	for reason, n := range l.reads {
		switch {
		case strings.HasPrefix(reason, "tight: "): // the law wanted it so
		case strings.HasPrefix(reason, "the reserve "):
			c.refills += n
		case strings.HasPrefix(reason, "so many rows"), strings.HasPrefix(reason, "any"):
			c.large += n
		case strings.HasPrefix(reason, "of a changed row "), strings.HasPrefix(reason, "of a nested row "),
			strings.HasPrefix(reason, "to which item a nested row "), strings.HasPrefix(reason, "where a changed row stood "),
			strings.HasPrefix(reason, "whether a changed row "), strings.HasPrefix(reason, "rows are to be told apart "):
			c.images += n
		default:
			c.others += n
		}
	}
	return c
}

// follow follows worlds to their end.
func follow(t *testing.T, worlds int, of kind) *law {
	l := &law{reads: map[string]int{}}
	for seed := range uint64(many(worlds)) {
		if l.world(t, seed, of); l.wrong != "" {
			t.Fatal(l.wrong)
		}
	}
	t.Logf("%d steps; reads: %+v; %v; %d lists begun anew", l.steps, l.counted(), l.reads, l.started)
	return l
}

// TestStepsAreTheDatabase is the law: after each transaction a stepped list is
// the list that the database returns, order included. Where Go knows how every
// type compares, memory decides all but bulk changes, used up reserves, and rows of which
// the source does not know all.
func TestStepsAreTheDatabase(t *testing.T) {
	l := follow(t, worlds, kind{})
	if os.Getenv("WAKEFUL_RACE") != "" {
		return // too few to count
	}
	c := l.counted()
	if c.others > 0 {
		t.Errorf("of %d steps %d were not made for other reasons than size: %v", l.steps, c.others, l.reads)
	}
	if c.refills*10 > l.steps {
		t.Errorf("%d steps took %d reads to refill a reserve", l.steps, c.refills)
	}
}

// TestForeignCollation: where Go does not know how texts compare, lists are
// read, and none is wrong.
func TestForeignCollation(t *testing.T) {
	if l := follow(t, 2, kind{strange: true}); l.counted().others == 0 && os.Getenv("WAKEFUL_RACE") == "" {
		t.Errorf("none of %d steps needed the database", l.steps)
	}
}

// TestNestedRows: the law, with rows of other tables in the items.
func TestNestedRows(t *testing.T) {
	l := follow(t, 2, kind{nested: true})
	if c := l.counted(); (c.others+c.refills)*4 > l.steps && os.Getenv("WAKEFUL_RACE") == "" {
		t.Errorf("of %d steps %d were not made: %v", l.steps, c.others+c.refills, l.reads)
	}
}

// TestKeyImages: the law where the source tells the key alone of rows before a
// change, and lacks long texts that are as they were. Lists that are held whole,
// and those that nothing is counted of, are stepped.
func TestKeyImages(t *testing.T) {
	l := follow(t, worlds, kind{masked: true})
	if c := l.counted(); (c.others+c.images)*2 > l.steps && os.Getenv("WAKEFUL_RACE") == "" {
		t.Errorf("of %d steps %d were not made: %v", l.steps, c.others+c.images, l.reads)
	}
}

// TestTenThousandRows: the law where one transaction changes as many rows as
// the source lists: windows are read, whole lists are stepped.
func TestTenThousandRows(t *testing.T) {
	if os.Getenv("WAKEFUL_RACE") != "" {
		t.Skip("nothing here is concurrent")
	}
	l := &law{reads: map[string]int{}}
	w := newWorld(t, 0, false)
	for w.outside || w.columns[0].likes != "id" {
		l.seed++
		w = newWorld(t, l.seed, false)
	}
	var all []*kept
	for len(all) < 3 {
		k := &kept{query: w.query(false, false)}
		if whole := k.Limit == 0; whole == (len(all) == 0) && k.Match == nil {
			all = append(all, k)
		}
	}
	w.commit(func(tx execer) { w.run(tx, "DELETE FROM t") })
	for _, k := range all {
		l.start(k)
	}
	for _, text := range []string{
		"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 10000) INSERT INTO t (id, n, i, r, s, c) SELECT x, x % 7, x * 3 % 1000, x / 8.0, 's' || x, 'C' || (x % 100) FROM c",
		"UPDATE t SET n = n + 1, r = -r",
		"DELETE FROM t WHERE id % 3 = 0",
	} {
		sets := w.commit(func(tx execer) { w.run(tx, text) })
		if len(sets) != 1 || len(sets[0].Changes) < 3000 {
			t.Fatalf("%s: the source lists %d changesets", text, len(sets))
		}
		l.take(all, sets)
		for _, k := range all {
			l.check(k)
		}
		if l.wrong != "" {
			t.Fatal(l.wrong)
		}
	}
	t.Logf("%d steps; reads: %v", l.steps, l.reads)
	if reads := l.counted().large; reads == 0 || reads > l.steps-2 {
		t.Errorf("of %d steps %d were read", l.steps, reads)
	}
}
