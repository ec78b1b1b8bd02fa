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
}

// Mark is what one request learns about its route. It takes concurrent use.
type Mark struct {
	// Evaluating says that the request is an evaluation: the handler runs. In
	// a request of a client the handler is not run, the observer answers.
	Evaluating bool

	mu   sync.Mutex
	view *View
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
