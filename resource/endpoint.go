package resource

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/where"
	"github.com/wakeful-dev/wakeful/wire"
)

// endpoint is a resource without its Go type.
type endpoint struct {
	options
	row *rowType // nil: Record
	// render makes what Config.Render says of the values of layout.columns; nil
	// where it says nothing.
	render func(l *layout, values []any) (any, error)

	layout atomic.Pointer[layout]
	mu     sync.Mutex // one makes the next layout
	mounts mounts
}

// now returns the layout of the schema that ctx sees.
func (e *endpoint) now(ctx context.Context) (*layout, *wire.Problem) {
	s, err := e.Catalog.Schema(ctx)
	if err != nil {
		return nil, e.unavailable("read the schema", err)
	}
	if l := e.layout.Load(); l.schema.Version == s.Version {
		return l, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if l := e.layout.Load(); l.schema.Version == s.Version {
		return l, nil
	}
	l, err := newLayout(e, s)
	if err != nil {
		e.Logger.Error("resource no longer fits its table", "resource", e.Name, "error", err)
		return nil, wire.NewProblem(http.StatusServiceUnavailable, wire.CodeSchemaChanged,
			"the table has changed and the resource "+e.Name+" no longer fits it; the log says where")
	}
	e.layout.Store(l)
	return l, nil
}

// call is one request to a resource.
type call struct {
	*layout
	r      *http.Request
	action permit.Action
	mark   *mark.Mark // nil: nobody observes
	// scope is which rows exist for the request.
	scope where.Expr
	// at is the row that the path names.
	at where.Expr
	// values are those of the key, in the order of layout.key.
	values []any
	// reached are the conditions that Config.Reach set, as they were asked.
	reached []where.Expr
}

// verb is what a method does.
type verb struct {
	action permit.Action
	run    func(*call, http.ResponseWriter) *wire.Problem
}

// verbOf returns what a method does on the list or on one row.
func verbOf(method string, one bool) (verb, bool) {
	switch {
	case method == http.MethodGet || method == http.MethodHead:
		if one {
			return verb{permit.Read, (*call).detail}, true
		}
		return verb{permit.Read, (*call).list}, true
	case method == http.MethodPost && !one:
		return verb{permit.Create, (*call).create}, true
	case method == http.MethodPut && one:
		return verb{permit.Update, (*call).replace}, true
	case method == http.MethodPatch && one:
		return verb{permit.Update, (*call).patch}, true
	case method == http.MethodDelete && one:
		return verb{permit.Delete, (*call).remove}, true
	}
	return verb{}, false
}

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
}

// allowed names the methods of a route, as the header Allow has them.
func (l *layout) allowed(one bool) string {
	names := []string{http.MethodOptions}
	for _, method := range methods {
		if v, ok := verbOf(method, one); ok && l.takes(v.action) {
			names = append(names, method)
		}
	}
	return strings.Join(names, ", ")
}

// takes reports whether an action makes sense on the table at all.
func (l *layout) takes(a permit.Action) bool { return a == permit.Read || !l.table.View }

// serve answers a request for the list, or for the row that key names.
func (e *endpoint) serve(w http.ResponseWriter, r *http.Request, key string, one bool) {
	if e.browse(w, r, key, one) {
		return
	}
	if problem := e.answer(w, r, key, one); problem != nil {
		problem.Write(w)
	}
}

func (e *endpoint) answer(w http.ResponseWriter, r *http.Request, key string, one bool) *wire.Problem {
	v, ok := verbOf(r.Method, one)
	if !ok {
		v.action = permit.Read
	}
	l, problem := e.now(r.Context())
	if problem != nil {
		return problem
	}
	if !ok || !l.takes(v.action) {
		w.Header().Set("Allow", l.allowed(one))
		if r.Method == http.MethodOptions && l.asksAbout(r) {
			return l.tell(w, r, key, one)
		}
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		return wire.NewProblem(http.StatusMethodNotAllowed, wire.CodeMethodNotAllowed,
			r.Method+" is not for this; there are "+l.allowed(one))
	}
	c, problem := l.begin(r, v.action)
	if problem != nil {
		return problem
	}
	if one {
		if problem := c.take(key); problem != nil {
			return problem
		}
	}
	return v.run(c, w)
}

// begin asks permit and scope.
func (e *endpoint) begin(r *http.Request, action permit.Action) (*call, *wire.Problem) {
	l, problem := e.now(r.Context())
	if problem != nil {
		return nil, problem
	}
	return l.begin(r, action)
}

func (l *layout) begin(r *http.Request, action permit.Action) (*call, *wire.Problem) {
	if err := l.Allow(r, action); err != nil {
		return nil, l.refused(err)
	}
	c := &call{layout: l, r: r, action: action, mark: mark.From(r.Context()), scope: where.All()}
	if l.Scope == nil {
		return c, nil
	}
	scope, err := l.Scope(r, action)
	if err != nil {
		return nil, l.refused(err)
	}
	if scope == nil {
		return nil, l.unavailable("ask for the scope", errors.New("Config.Scope returned no condition and no error; where.All() is every row"))
	}
	c.scope = scope
	return c, nil
}

// refused answers for a permit or a scope that said no, or nothing.
func (e *endpoint) refused(err error) *wire.Problem {
	var denied *permit.Denied
	if !errors.As(err, &denied) {
		return e.unavailable("ask who may call", err)
	}
	if denied.Status == http.StatusUnauthorized {
		return wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthenticated, denied.Reason)
	}
	return wire.NewProblem(http.StatusForbidden, wire.CodeForbidden, denied.Reason)
}

// unavailable answers for what the database or the app could not do, and may
// be able to do again.
func (e *endpoint) unavailable(doing string, err error) *wire.Problem {
	if !errors.Is(err, context.Canceled) {
		e.Logger.Error("resource cannot answer", "resource", e.Name, "doing", doing, "error", err)
	}
	return wire.NewProblem(http.StatusServiceUnavailable, wire.CodeUnavailable, e.Name+" cannot be answered at the moment")
}

// notFound answers for a row that is not there, or not for this request.
func (c *call) notFound() *wire.Problem {
	return wire.NewProblem(http.StatusNotFound, wire.CodeNotFound, "there is no such row in "+c.Name)
}

// Fail answers a request with an error: as it is where it is a problem, which
// those of a Resource are; others are not told.
func Fail(w http.ResponseWriter, err error) {
	var problem *wire.Problem
	if !errors.As(err, &problem) {
		problem = wire.NewProblem(http.StatusInternalServerError, wire.CodeUnavailable, "")
	}
	problem.Write(w)
}
