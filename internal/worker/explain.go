package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/explain"
	"github.com/wakeful-dev/wakeful/internal/inspect"
	"github.com/wakeful-dev/wakeful/internal/observer"
)

// minPrefix is how much of an id names an observer.
const minPrefix = 6

// account is what the loop gives away of an observer: nothing of it is altered
// later, so the rest is done outside of the loop.
type account struct {
	explain.Explanation
	reads, newest []affected.Dependency
	rows          []affected.Dependency // that steps and reads keep the list over
	understood    []observer.Understood
	list          *observer.List
	own           func(int) bool
	changes       []explain.Seen
	marks         *inspect.Marks
}

// Explain gives the account of one observer.
func (w *Worker) Explain(ctx context.Context, q explain.Question) (*explain.Explanation, error) {
	if !w.started.Load() {
		return nil, errors.New("wakeful: the server does not run yet, so there is nothing to explain")
	}
	type answer struct {
		account *account
		err     error
	}
	answers := make(chan answer, 1)
	w.inbox.put(func() {
		o, err := w.named(q.Observer)
		if err != nil {
			answers <- answer{err: err}
			return
		}
		if !w.lookedAt.IsZero() {
			w.keepTimeline(o, true)
		}
		answers <- answer{account: w.account(o)}
	})
	select {
	case got := <-answers:
		if got.err != nil {
			return nil, got.err
		}
		return got.account.explain(q), nil
	case <-w.done:
		return nil, errors.New("wakeful: the server has stopped, so there is nothing to explain")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// named finds an observer by its id or by how that begins.
func (w *Worker) named(id string) (*live, error) {
	if o := w.observers[id]; o != nil {
		return o, nil
	}
	if len(id) < minPrefix {
		return nil, fmt.Errorf("wakeful: %q is too short for an observer: give %d characters of its id or more", id, minPrefix)
	}
	var found *live
	for name, o := range w.observers {
		if !strings.HasPrefix(name, id) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("wakeful: several observers begin with %q: give more of the id", id)
		}
		found = o
	}
	if found == nil {
		return nil, fmt.Errorf("wakeful: there is no observer %.64q among the %d that live: "+
			"Status lists them, and the answer to an observed GET has its id", id, len(w.observers))
	}
	return found, nil
}

// account copies what an explanation is made of.
func (w *Worker) account(o *live) *account {
	a := &account{
		reads: o.reads, newest: o.shrunk, understood: o.understood, list: o.List(), changes: w.kept.newest(), marks: w.marks,
		Explanation: explain.Explanation{Observer: o.ID, View: o.viewName(), URL: o.Request.URL, Identity: w.IdentityMark(o.Identity), Position: w.processed, Runs: o.told()},
	}
	own := slices.Clone(o.own)
	a.own = func(i int) bool { return slices.ContainsFunc(own, a.changes[i].Set.WrittenAs) }
	k := &a.Kept
	if p := o.planned; p != nil {
		if a.rows = p.reads; p.held {
			a.rows = heldReads(p)
		}
		k.Steps, k.Reads = p.steps, p.loads
	}
	k.How, k.Reason = o.how()
	k.Every, k.Until, k.Next = o.every, o.until, o.nextPoll
	k.Least, k.NotBefore, k.Cost, k.Evaluations = w.cfg.MinInterval, o.notBefore, o.cost, o.runCount
	if o.View != nil {
		k.Least = max(k.Least, o.View.MinInterval)
	}
	k.Failures, k.Echoes, k.Running = o.failures, o.echoes, o.running != nil
	if k.Behind = !o.validAt(w.processed); k.Behind && o.dirty {
		k.Since = o.stale
	}
	if o.stamp != nil {
		k.Position = o.stamp.Position()
	}
	k.Epoch, k.Seq, k.Items, k.LogBytes, k.Gateways = o.Epoch, o.Seq, o.Len(), o.LogBytes(), len(o.followers)
	return a
}

// explain makes the texts.
func (a *account) explain(q explain.Question) *explain.Explanation {
	e := &a.Explanation
	if e.Parameters = parameters(e.URL); !q.Values {
		e.URL = ""
	}
	e.Reads = explain.Reads(a.reads, a.newest, q.Values)
	for _, read := range explain.Reads(a.rows, nil, q.Values) {
		read.Kept = e.Kept.How == "step"
		e.Reads = append(e.Reads, read)
	}
	all := append(slices.Clip(a.reads), a.rows...)
	e.Statements, e.Omitted = explain.Statements(a.understood, q.Values)
	if a.list != nil {
		for _, item := range a.list.Items.All() {
			e.Kept.ListBytes += len(item.Data)
		}
	}
	for i, seen := range a.changes {
		c := explain.OfChange(all, seen, q.Values)
		c.Own = a.own(i)
		c.Tables, _ = a.marks.Tables(seen.Set)
		e.Changes = append(e.Changes, c)
	}
	if q.Change != nil {
		c := explain.OfChange(all, explain.Seen{Set: q.Change, At: time.Time{}}, q.Values)
		e.Asked = &c
	}
	e.Finish()
	return e
}
