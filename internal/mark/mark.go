// Package mark carries in a request's context whether the route that the
// request reached may be observed, and how.
//
// The gateway puts a Mark into a GET that asks to be observed, the observer
// one into each evaluation; wakeful.Observable and wakeful.Observe find it
// there. A request without a Mark is nobody's business.
package mark

import (
	"context"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/readset"
)

// View is what the developer said about an observable route.
type View struct {
	// Name stands for the view in logs, counts and problems.
	Name string
	// Key lists the fields that tell items apart; more than one make a
	// composite key.
	Key []string
	// Headers lists the request headers that the answer depends on beside the
	// identity. Nil: every one that can matter.
	Headers []string
	// Public says that everybody may see the result, and that nothing of a
	// request but its URL and Headers counts. Nil Headers are none then.
	Public bool
	// MinInterval is the least time from one evaluation to the next.
	MinInterval time.Duration
	// Scope stands for the rows that the request may see, "" where the route
	// does not say. Requests of equal scope share observers, whoever sends them.
	Scope string
}

// Kept says how a list can be kept without running its view again.
type Kept struct {
	Plan *ivm.Plan
	Rows *ivm.Rows // what the list of this evaluation was made of
	// Reads is what was read for the rows. What the view read beside it, in the
	// set of the evaluation, is what rights rest on: where that changes the view
	// itself is evaluated.
	Reads *readset.Set
}

// Mark is what one request learns about its route. It takes concurrent use.
type Mark struct {
	// Evaluating says that the request is an evaluation: the handler runs. In
	// a request of a client the handler is not run, the observer answers.
	Evaluating bool
	// Trial says that only the status of the answer counts: a route that knows
	// it may answer without its list.
	Trial bool

	mu   sync.Mutex
	view *View
	kept *Kept
}

type contextKey struct{}

// NewContext returns a context that carries m.
func NewContext(ctx context.Context, m *Mark) context.Context {
	return context.WithValue(ctx, contextKey{}, m)
}

// From returns the mark of a request, nil where there is none.
func From(ctx context.Context) *Mark {
	m, _ := ctx.Value(contextKey{}).(*Mark)
	return m
}

// Set marks the route as observable. The view is kept, not copied.
func (m *Mark) Set(v *View) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.view = v
}

// View returns what Set noted, nil where the route is not marked.
func (m *Mark) View() *View {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.view
}

// Keep says of the answer of an evaluation how it can be kept. It is taken as
// it is; a body that something on the way has altered is evaluated as ever.
func (m *Mark) Keep(k *Kept) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = k
}

// Kept returns what Keep noted, nil where nothing was.
func (m *Mark) Kept() *Kept {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept
}
