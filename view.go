package wakeful

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/readset"
)

// View says how a route may be observed. The zero value of each field but Key
// has a meaning of its own.
type View struct {
	// Key lists the fields that tell the items apart. Several make a composite
	// key, which clients see as a field _key. Default "id".
	Key []string
	// Name stands for the view in logs, problems and counts. Default: the
	// pattern of the route, where the router tells it, else the path.
	Name string
	// Headers lists the request headers that the answer depends on, beside
	// those of the identity. Nil: every header that can matter. Fewer headers
	// mean that more clients share an observer.
	Headers []string
	// Public says that everybody may see the result and that it is the same for
	// all. Such a view is evaluated without credentials, and with no header but
	// those in Headers (nil is none), so nothing of one client can get into it;
	// all clients share an observer, and caches may carry its long polls.
	Public bool
	// MinInterval is the least time between two evaluations.
	MinInterval time.Duration
}

// Observable marks a route whose items are told apart by the key fields.
func Observable(key ...string) func(http.Handler) http.Handler {
	return View{Key: key}.Observable
}

// Observable is a middleware that marks the route of next as v says. Requests
// that do not ask to be observed pass through.
func (v View) Observable(next http.Handler) http.Handler {
	var last atomic.Pointer[mark.View]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := mark.From(r.Context())
		if m == nil {
			next.ServeHTTP(w, r)
			return
		}
		view := v.mark(r)
		if had := last.Load(); had != nil && had.Name == view.Name {
			view = had // all observers of a route keep one
		} else {
			last.Store(view)
		}
		m.Set(view)
		if m.Evaluating {
			next.ServeHTTP(w, r)
		}
		// Else the request is a client's: the observer answers it.
	})
}

// Observe marks the route from inside of its handler, where no middleware can
// be put around it. Call it before anything is written.
func Observe(ctx context.Context, key ...string) {
	if m := mark.From(ctx); m != nil {
		m.Set(View{Key: key}.mark(nil))
	}
}

func (v View) mark(r *http.Request) *mark.View {
	view := &mark.View{Name: v.Name, Key: v.Key, Headers: v.Headers, Public: v.Public, MinInterval: v.MinInterval}
	if len(view.Key) == 0 {
		view.Key = []string{"id"}
	}
	if view.Name == "" && r != nil {
		view.Name = r.Pattern
		if view.Name == "" {
			view.Name = r.URL.Path
		}
	}
	return view
}

// DependsOn declares tables that the view's result depends on although no
// recorder sees it read them. Outside of an evaluation it does nothing.
func DependsOn(ctx context.Context, tables ...string) {
	readset.From(ctx).DependsOn(tables...)
}

// Poll has the view evaluated at least this often while somebody watches, for
// results that change though no row does. Outside of an evaluation it does
// nothing.
func Poll(ctx context.Context, every time.Duration) {
	readset.From(ctx).Poll(every)
}

// Until has the view evaluated at t, when its result changes though no row
// does: an auction that ends, a post that is published. Outside of an
// evaluation it does nothing.
func Until(ctx context.Context, t time.Time) {
	readset.From(ctx).Until(t)
}

// Evaluating reports whether the request is an evaluation by the server, not a
// client's own: for logging, rate limits, "last seen" and the like.
func Evaluating(ctx context.Context) bool {
	m := mark.From(ctx)
	return m != nil && m.Evaluating
}
