package observer

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/wire"
)

// Verdict is what an outcome means for an observer. Exactly one of List,
// Response and Problem is set.
type Verdict struct {
	// List is the new result. Ops lead to it from the prior one.
	List *List
	Ops  []diff.Op
	// Kept is the list as its plan keeps it, nil where no plan does. Unkept is
	// why the plan that the route gave does not.
	Kept   *ivm.Result
	Unkept string
	// Fault is what the log is told beside it: it may have values in it.
	Fault string
	// Response is the view's own answer, to be passed through: nothing can be
	// observed in it.
	Response *bus.Response
	// Problem says why the view's answer cannot be observed. Ends is the code
	// with which a living observer closes for it at once; where it is empty
	// the view may recover, and is tried again.
	Problem *wire.Problem
	Ends    wire.Code
}

// Judge says what an outcome means. prior is the observer's list, nil where it
// has none yet; covers asks the source about a table; limit is the most items
// that a result may have.
func Judge(o *Outcome, prior *List, covers func(table string) error, limit int) *Verdict {
	v := judge(o, prior, covers, limit)
	v.keep(o)
	return v
}

func judge(o *Outcome, prior *List, covers func(table string) error, limit int) *Verdict {
	if v := judgeRun(o); v != nil {
		return v
	}
	if o.Status != http.StatusOK && (o.Status != http.StatusNotFound || o.readNothing() && prior == nil) {
		return judgeStatus(o)
	}
	if o.View == nil {
		return problem(http.StatusInternalServerError, wire.CodeNotObservable,
			"the evaluation reached a route that is not marked observable; the same request must reach the same route")
	}
	if v := judgeReads(o, prior != nil, covers); v != nil {
		return v
	}
	if o.Status == http.StatusNotFound {
		list := &List{Items: diff.NewList(nil)}
		if prior != nil {
			list.KeyType, list.numbered = prior.KeyType, prior.numbered
		}
		return decided(list, prior)
	}
	list, err := ParseList(o.Body, o.View.Key, prior, limit)
	if errors.Is(err, ErrTooLarge) {
		v := problem(http.StatusUnprocessableEntity, wire.CodeResultTooLarge, fmt.Sprintf(
			"view %s returned more than %d items; observe a smaller page or raise the limit", o.View.Name, limit))
		v.Ends = wire.CodeLimit
		return v
	}
	if err != nil {
		return problem(http.StatusInternalServerError, wire.CodeUnobservableResult,
			fmt.Sprintf("view %s: %v", o.View.Name, err))
	}
	return decided(list, prior)
}

func decided(list, prior *List) *Verdict {
	if prior == nil {
		return &Verdict{List: list}
	}
	return &Verdict{List: list, Ops: diff.Between(prior.Items.Slice(), list.Items.Slice())}
}

func problem(status int, code wire.Code, detail string) *Verdict {
	return &Verdict{Problem: &wire.Problem{Status: status, Code: code, Title: title(code), Detail: detail}}
}

// title is the code as words.
func title(code wire.Code) string {
	words := strings.ReplaceAll(string(code), "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// judgeRun answers for a run that gave no answer at all.
func judgeRun(o *Outcome) *Verdict {
	name := "the view"
	if o.View != nil {
		name = "view " + o.View.Name
	}
	if o.TimedOut {
		v := problem(http.StatusServiceUnavailable, wire.CodeTooSlow, fmt.Sprintf("%s was stopped after %v", name, o.Took.Round(1e6)))
		v.Ends = wire.CodeTooSlow
		return v
	}
	if o.Panic != "" {
		return problem(http.StatusInternalServerError, wire.CodeViewError, name+" panicked; the log has the stack")
	}
	return nil
}

// judgeStatus answers for a status that is neither 200 nor a 404 that can fill.
func judgeStatus(o *Outcome) *Verdict {
	v := &Verdict{Response: &bus.Response{Status: o.Status, Header: o.Header, Body: o.Body}}
	switch {
	case o.Status == http.StatusUnauthorized || o.Status == http.StatusForbidden:
		v.Ends = wire.CodePermissionRevoked
	case o.Status == http.StatusTooManyRequests || o.Status >= 500:
		// it may recover
	default:
		v.Ends = wire.CodeViewError
	}
	return v
}

// judgeReads refuses what would make a list that cannot move. A view that
// polls moves in any case, and one that declares a table moves with that.
func judgeReads(o *Outcome, again bool, covers func(table string) error) *Verdict {
	name := o.View.Name
	for _, set := range o.sets() {
		if err := set.Err(); err != nil {
			return problem(http.StatusInternalServerError, wire.CodeNothingRead, fmt.Sprintf("view %s: %v", name, err))
		}
	}
	if o.Reads.Interval() > 0 || !o.Reads.Deadline().IsZero() {
		return nil
	}
	if strays := o.Reads.Strays(); len(strays) > 0 && o.Reads.Strict() && len(o.Reads.Declared()) == 0 {
		return problem(http.StatusInternalServerError, wire.CodeNothingRead, fmt.Sprintf(
			"view %s: %s, so what that reads is not noted: pass the request's context on, as in db.QueryContext(r.Context(), …), "+
				"or declare what it depends on with wakeful.DependsOn(ctx, tables…) or wakeful.Poll(ctx, interval)", name, strays[0]))
	}
	if o.readNothing() && !again {
		return problem(http.StatusInternalServerError, wire.CodeNothingRead, fmt.Sprintf(
			"view %s read nothing that Wakeful could note, so its list could never move: run its queries "+
				"with the request's context (db.QueryContext(r.Context(), …)) on a recorded handle (sqlite.Open, sqldb.Record), "+
				"or declare what it depends on with wakeful.DependsOn(ctx, tables…) or wakeful.Poll(ctx, interval)", name))
	}
	for _, set := range o.sets() {
		if names := set.Volatile(); len(names) > 0 {
			return problem(http.StatusInternalServerError, wire.CodeVolatileView, fmt.Sprintf(
				"view %s calls %s, so its result changes although no row does: pass the value in as an argument, "+
					"or have it evaluated at an interval with wakeful.Poll(ctx, interval) or at a time with wakeful.Until(ctx, t)", name, strings.Join(names, ", ")))
		}
		if v := judgeCover(o, set, covers); v != nil {
			return v
		}
	}
	if o.Kept == nil || o.Kept.Plan == nil {
		return nil
	}
	for i := range o.Kept.Plan.Nested { // of a list without rows nothing nested was read
		if v := judgeTable(o, o.Kept.Plan.Nested[i].Table, covers); v != nil {
			return v
		}
	}
	return nil
}

func judgeCover(o *Outcome, set *readset.Set, covers func(table string) error) *Verdict {
	declared := set.Declared()
	for _, read := range set.Tables() {
		if len(declared) > 0 && !isDeclared(read) {
			continue
		}
		if v := judgeTable(o, read.Table, covers); v != nil {
			return v
		}
	}
	return nil
}

func judgeTable(o *Outcome, table string, covers func(table string) error) *Verdict {
	err := covers(table)
	if err == nil {
		return nil
	}
	var uncovered *source.UncoveredError
	if !errors.As(err, &uncovered) {
		return problem(http.StatusServiceUnavailable, wire.CodeUnavailable, fmt.Sprintf("view %s: %v", o.View.Name, err))
	}
	return problem(http.StatusInternalServerError, wire.CodeUncoveredTable, fmt.Sprintf(
		"view %s reads table %q, which %s, so its changes are not reported: %s", o.View.Name, uncovered.Table, uncovered.Reason, uncovered.Cure))
}

func isDeclared(read readset.Read) bool {
	return slices.Contains(read.Columns, readset.AnyColumn)
}
