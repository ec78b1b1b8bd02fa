package observer

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
)

// withheld lists the request headers that an evaluation does not send: they
// would make the app answer with something else than the plain whole result.
var withheld = []string{
	"Accept-Encoding", "Range", "If-Range", "If-Match", "If-None-Match",
	"If-Modified-Since", "If-Unmodified-Since", "Connection", "Upgrade",
	"Wakeful-Position", "Prefer", "Te", "Expect",
}

// Outcome is what one run of a view gave.
type Outcome struct {
	Status int
	Header http.Header
	Body   []byte
	// Reads is what the run read, View what its route said of itself (nil if
	// the route is not marked).
	Reads *readset.Set
	View  *mark.View
	// Kept is what the route said of how its list can be kept, nil for nothing.
	// What it read for that is in a set of its own.
	Kept *mark.Kept
	// Commits are the positions of what the run itself has written.
	Commits  []change.Position
	Snapshot source.Snapshot
	Took     time.Duration
	// Panic is what the handler panicked with, TimedOut that it was given up;
	// the other fields mean nothing then.
	Panic    string
	TimedOut bool
}

// Run sends the request through the app, in the snapshot, and returns what it
// answered. It ends when the handler does, or after stop: then the request's
// context is cancelled, and a handler that heeds it ends soon after.
func Run(ctx context.Context, app http.Handler, request *bus.Request, snapshot source.Snapshot, stop time.Duration) *Outcome {
	ctx, cancel := context.WithTimeout(ctx, stop)
	defer cancel()
	reads := &readset.Set{Snapshot: snapshot}
	route := &mark.Mark{Evaluating: true}
	writes := &readset.Writes{}
	ctx = readset.NewWritesContext(readset.NewContext(ctx, reads), writes)
	ctx = mark.NewContext(ctx, route)
	began := time.Now()
	outcome := &Outcome{Reads: reads, Snapshot: snapshot}
	r, err := newRequest(ctx, request)
	if err != nil {
		outcome.Panic = err.Error()
		return outcome
	}
	answer := &answer{header: http.Header{}}
	done := make(chan string, 1)
	go func() { done <- serve(app, answer, r, reads) }()
	select {
	case outcome.Panic = <-done:
		if ctx.Err() != nil && outcome.Panic == "" {
			outcome.TimedOut = true // what it answered after the end is not a result
		}
	case <-ctx.Done():
		outcome.TimedOut = true
	}
	outcome.Took = time.Since(began)
	outcome.View, outcome.Kept, outcome.Commits = route.View(), route.Kept(), writes.Commits()
	if outcome.Panic == "" && !outcome.TimedOut {
		outcome.Status, outcome.Header, outcome.Body = answer.status(), answer.header, answer.body.Bytes()
	}
	return outcome
}

func serve(app http.Handler, w http.ResponseWriter, r *http.Request, reads *readset.Set) (panicked string) {
	defer reads.Enter()()
	defer func() {
		if v := recover(); v != nil {
			panicked = fmt.Sprintf("%v\n%s", v, debug.Stack())
		}
	}()
	app.ServeHTTP(w, r)
	return ""
}

// Strict has the app's evaluations fail where they run a statement without the
// request's context.
func Strict(app http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if reads := readset.From(r.Context()); reads != nil {
			reads.BeStrict()
			defer reads.Enter()()
		}
		app.ServeHTTP(w, r)
	})
}

func newRequest(ctx context.Context, request *bus.Request) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, request.URL, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.RequestURI = request.URL
	r.Host = request.Host
	r.RemoteAddr = request.RemoteAddr
	for name, values := range request.Header {
		if !slices.Contains(withheld, name) {
			r.Header[name] = slices.Clone(values) // the app may alter them
		}
	}
	if request.TLS {
		r.TLS = &tls.ConnectionState{HandshakeComplete: true}
	}
	return r, nil
}

// maxBody bounds what a view may answer, in bytes.
const maxBody = 256 << 20

// answer is a ResponseWriter in memory.
type answer struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(code int) {
	if a.code == 0 && code >= 200 {
		a.code = code
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.body.Len()+len(p) > maxBody {
		return 0, http.ErrContentLength
	}
	return a.body.Write(p)
}

// Flush makes handlers that stream their answer work.
func (a *answer) Flush() { a.WriteHeader(http.StatusOK) }

func (a *answer) status() int {
	if a.code == 0 {
		return http.StatusOK
	}
	return a.code
}
