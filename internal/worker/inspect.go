package worker

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/wakeful-dev/wakeful/internal/explain"
	"github.com/wakeful-dev/wakeful/internal/inspect"
	"github.com/wakeful-dev/wakeful/internal/memory"
)

// Bounds of what an inspection lists.
const (
	maxInspected  = 500
	maxViews      = 200
	maxParameters = 32
)

// Inspection is a worker's part of a report, and of each observer that there is
// to which of the views it belongs: who follows it only the gateways know.
type Inspection struct {
	inspect.Report
	Members []Member
}

// Member is one observer of a view.
type Member struct {
	Observer string
	View     int // in Report.Views
}

// Inspect gives the account of the whole worker. From then on, for a while, it
// remembers steps too.
func (w *Worker) Inspect(ctx context.Context) (*Inspection, error) {
	if !w.started.Load() {
		return nil, errNotRunning
	}
	answers := make(chan *inspector, 1)
	w.inbox.put(func() { answers <- w.inspect(time.Now()) })
	select {
	case i := <-answers:
		return i.finish(), nil
	case <-w.done:
		return nil, errNotRunning
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

var errNotRunning = errors.New("wakeful: the server does not run, so there is nothing to inspect")

// inspector gathers in the loop what is put into words outside of it.
type inspector struct {
	Inspection
	marks   *inspect.Marks
	views   map[string]int
	codeAt  []int64 // when the runs were that gave the codes of the views
	chosen  []*live
	urls    []string
	changes []keptSet
}

func (w *Worker) inspect(now time.Time) *inspector {
	w.attend(now)
	i := &inspector{marks: w.marks, views: map[string]int{}, changes: w.kept.newestSets()}
	i.Source = inspect.Source{Streaming: w.streaming, Lost: w.lost, Position: w.processed}
	if w.noted != 0 {
		i.Source.Newest = time.Unix(0, w.noted)
	}
	i.Members = make([]Member, 0, len(w.observers))
	i.chosen = make([]*live, 0, len(w.observers))
	for _, o := range w.observers {
		if o.stamp != nil {
			i.count(w, o)
			i.chosen = append(i.chosen, o)
		}
	}
	if len(i.chosen) > maxInspected {
		slices.SortFunc(i.chosen, w.moreNotable)
		i.chosen = i.chosen[:maxInspected]
	}
	for _, o := range i.chosen {
		i.Observers = append(i.Observers, w.inspected(o))
		i.urls = append(i.urls, o.Request.URL)
	}
	i.chosen = nil
	return i
}

// moreNotable puts what fails first, then what lags behind, then what costs most.
func (w *Worker) moreNotable(a, b *live) int {
	rank := func(o *live) int {
		switch {
		case o.failures > 0:
			return 0
		case !o.validAt(w.processed):
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.spent, a.spent), cmp.Compare(a.ID, b.ID))
}

// count adds an observer to the totals and to those of its view.
func (i *inspector) count(w *Worker, o *live) {
	at, ok := i.views[o.viewName()]
	if !ok {
		at = len(i.Views)
		i.views[o.viewName()] = at
		i.Views, i.codeAt = append(i.Views, inspect.View{Name: o.viewName(), Tables: o.tables()}), append(i.codeAt, 0)
	}
	i.Members = append(i.Members, Member{o.ID, at})
	v, t := &i.Views[at], &i.Totals
	v.Observers++
	v.Items += o.Len()
	v.ListBytes += o.listBytes(w.cfg.Memory)
	v.Add(o.cost, o.runCount)
	v.Spent += o.spent
	v.Slow = v.Slow || o.slow(w.cfg.SlowAfter)
	if p := o.planned; p != nil {
		v.Steps += p.steps
		v.Reads += p.loads
	}
	if o.steppable() {
		v.Step++
	} else {
		v.Evaluate++
	}
	t.Observers++
	t.Items += o.Len()
	if !o.validAt(w.processed) {
		t.Behind++
		v.Behind++
	}
	if o.slow(w.cfg.SlowAfter) {
		t.Slow++
	}
	if o.failures > 0 {
		t.Failing++
		v.Failing++
		if last := o.ran.last(); last != nil && last.began > i.codeAt[at] {
			v.Code, i.codeAt[at] = last.code, last.began
		}
	}
}

// tables names what an observer depends on.
func (o *live) tables() []string {
	var names []string
	note := func(table string) {
		if !slices.Contains(names, table) {
			names = append(names, table)
		}
	}
	for _, read := range o.reads {
		note(read.Table)
	}
	if o.planned != nil {
		for _, read := range o.planned.reads {
			note(read.Table)
		}
	}
	return names
}

func (o *live) listBytes(account *memory.Account) int {
	if o.List() == nil {
		return 0
	}
	return account.Held(memory.ListKey(o.List().Items))
}

func (w *Worker) inspected(o *live) inspect.Observer {
	one := inspect.Observer{
		ID: o.ID, View: o.viewName(), Identity: w.IdentityMark(o.Identity), Tables: o.tables(),
		Items: o.Len(), ListBytes: o.listBytes(w.cfg.Memory), LogBytes: o.LogBytes(), Seq: o.Seq, Evaluations: o.runCount,
		Cost: o.cost, Spent: o.spent, Failures: o.failures, Behind: !o.validAt(w.processed), Running: o.running != nil,
		Slow: o.slow(w.cfg.SlowAfter),
	}
	if p := o.planned; p != nil {
		one.Shared, one.Steps, one.Reads = p.scope != "", p.steps, p.loads
	}
	one.How, one.Reason = o.how()
	one.Last = o.lastRun()
	return one
}

// how says how the list is kept, and why not by steps, or why the last one
// could not be made.
func (o *live) how() (how, reason string) {
	switch {
	case o.steppable():
		return "step", o.planned.last
	case o.planned != nil:
		return "evaluate", o.planned.why
	}
	return "evaluate", ""
}

func (o *live) lastRun() *inspect.Run {
	ran, stepped := o.ran.last(), o.timeline.newest()
	var of explain.Run
	switch {
	case stepped != nil && (ran == nil || stepped.began >= ran.began):
		of = stepped.told()
	case ran != nil:
		of = ran.told()
	default:
		return nil
	}
	return &inspect.Run{
		At: of.Began, Did: of.Did, Cause: of.Cause, Table: of.Table, Took: of.Took, Timed: true, Latency: of.Latency,
		Ops: of.Ops, DiffBytes: of.Bytes, Code: of.Code,
	}
}

// finish puts it into words.
func (i *inspector) finish() *Inspection {
	for at, target := range i.urls {
		i.Observers[at].Parameters = parameters(target)
	}
	slices.SortFunc(i.Observers, func(a, b inspect.Observer) int { return cmp.Compare(a.ID, b.ID) })
	for _, seen := range i.changes {
		c := inspect.Change{Position: seen.Set.Position, Seen: seen.At, Everything: seen.Set.Everything, Touched: seen.touched}
		c.Tables, c.More = i.marks.Tables(seen.Set)
		i.Changes = append(i.Changes, c)
	}
	i.Totals.Views = len(i.Views)
	return &i.Inspection
}

// DearestViews orders the views of a report, the dearest first, and leaves out
// those that are too many. Members do not say their views any more.
func (i *Inspection) DearestViews() {
	slices.SortFunc(i.Views, func(a, b inspect.View) int {
		return cmp.Or(cmp.Compare(b.Spent, a.Spent), cmp.Compare(a.Name, b.Name))
	})
	i.Views, i.Members = i.Views[:min(len(i.Views), maxViews)], nil
}

// parameters are the names of those of a URL that look like names.
func parameters(target string) []string {
	u, err := url.Parse(target)
	if err != nil {
		return nil
	}
	var names []string
	for name := range u.Query() {
		if isName(name) && len(names) < maxParameters {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func isName(text string) bool {
	for i, r := range text {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || !(r >= '0' && r <= '9' || r == '.' || r == '-' || r == '[' || r == ']')) {
			return false
		}
	}
	return text != "" && len(text) <= 64
}

// End ends one observer, named by its whole id. Its clients are told, and may
// observe again. It is false where there is none.
func (w *Worker) End(ctx context.Context, id string) bool {
	if !w.started.Load() {
		return false
	}
	ended := make(chan bool, 1)
	w.inbox.put(func() {
		o := w.observers[id]
		if o != nil {
			w.clear(o)
		}
		ended <- o != nil
	})
	select {
	case was := <-ended:
		return was
	case <-w.done:
	case <-ctx.Done():
	}
	return false
}

// IdentityMark stands for an identity in reports, as it does for observers'.
func (w *Worker) IdentityMark(identity string) string { return w.marks.Of("identity", identity) }
