// Package wakeful makes ordinary REST endpoints live: a GET with
// observe=<session> answers as it always did, with an observer id beside it,
// and from then on every change of that result reaches the client over a
// WebSocket as soon as the data has changed, whoever changed it.
//
//	db, source, err := sqlite.Open("app.db")
//	live, err := wakeful.New(wakeful.Config{Source: source})
//
//	mux := http.NewServeMux()
//	mux.Handle("GET /posts", wakeful.Observable("id")(http.HandlerFunc(listPosts)))
//	mux.HandleFunc("POST /posts", createPost)
//
//	go live.Run(ctx)
//	server := &http.Server{Addr: ":8080", Handler: live.Wrap(mux), ReadHeaderTimeout: 10 * time.Second}
//	server.ListenAndServe()
//
// The handlers stay as they are. They have to pass the request's context to
// the database (db.QueryContext(r.Context(), …)): what an evaluation reads is
// noted through it, and all of it is read in one snapshot. With a pool of pgx
// (postgres.OpenPool) each statement is; postgres.Tx is that snapshot for those
// who want to begin a transaction.
//
// How long a client may take to send a request is http.Server's to say: without
// ReadHeaderTimeout, half a handshake holds a connection for ever. Sockets take
// none of the server's timeouts over; they have limits of their own (Limits).
//
// # Promises
//
// A subscriber gets its list and then every diff after it, in order, none
// twice, over reconnects too; what cannot be served exactly becomes a new list
// or a notice that it ended, never a gap. Each list that it is shown is the
// view's result in one committed state of the database.
//
// Pipeline: database → source → affected → observer → diff → bus → gateway →
// client. Both ends are here.
package wakeful

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/gateway"
	"github.com/wakeful-dev/wakeful/internal/memory"
	"github.com/wakeful-dev/wakeful/internal/observer"
	"github.com/wakeful-dev/wakeful/internal/worker"
	"github.com/wakeful-dev/wakeful/source"
)

// Config says how a Server works. Only Source is required; a zero value takes
// the default named beside it.
type Config struct {
	// Source yields the changes of the database that the views read: what
	// sqlite.Open or postgres.Open returns beside the handle.
	Source source.Source
	// Bus carries messages between gateway and worker. Default: in process.
	Bus bus.Bus

	// Identity names whose rights a request has, "" for anonymous. Requests of
	// equal identity share observers. An error refuses the request with 401.
	// Default: the Authorization header and the cookies named in Cookies;
	// without them anonymous. An evaluation has the credentials that count and
	// no others.
	Identity func(*http.Request) (string, error)
	// Cookies names the cookies that the default Identity goes by.
	Cookies []string
	// Origins lists the foreign origins ("https://app.example.org") whose pages
	// may observe and connect. The server's own is always allowed.
	Origins []string

	// Alive reports whether the credentials of a request are still good. The
	// request is the one that a subscriber or a long poll was begun with, with
	// the credentials that count; Evaluating is true of its context, which ends
	// when it takes too long. False ends that subscriber alone; an error says
	// that it cannot be told now, and is asked again. Set it where a cheap answer
	// is to be had, like a look at the token. Default: the request itself goes
	// through the app, and what status it gets decides: 401 and 403 are no, 429
	// and 5xx cannot tell.
	Alive func(*http.Request) (bool, error)
	// Expires says when the credentials of a request end by themselves, zero for
	// never or where that is not known: they are tried then too, so that who
	// follows with a token follows no longer than it is good. It must be quick,
	// as a look at the token is, and take concurrent calls.
	Expires func(*http.Request) time.Time
	// Recheck is how often each subscriber's own credentials are tried at least
	// while somebody follows with them; default 30 s. Equal ones of one observer
	// are tried once. They are tried too when a client comes back or resumes,
	// and before a long poll is answered, unless that was within the last
	// second. Where it cannot be told for twice that long, what was not proven
	// waits.
	Recheck time.Duration
	// Address names where a request comes from, to bound the sessions of
	// anonymous clients. Default: the host of RemoteAddr; behind a proxy that
	// is the proxy, so set it there to what the proxy says.
	Address func(*http.Request) string

	// Prefix is the route of unsubscribe and of tickets; default "/api/queryobserver".
	Prefix string
	// SocketPrefix is the route of sockets, and of the event streams of sessions; default "/ws/".
	SocketPrefix string

	// SessionTTL is how long a session lives without a socket, and an observer
	// after its last long poll; default 60 s.
	SessionTTL time.Duration
	// V1SessionTTL is how long it is remembered what a version 1 client holds;
	// default 1 h.
	V1SessionTTL time.Duration
	// Heartbeat is the longest silence on a socket or an event stream; default 25 s.
	Heartbeat time.Duration
	// PollWait is the longest that a long poll is held, whatever it asks for;
	// default 60 s. A proxy in front must wait longer.
	PollWait time.Duration
	// Linger is how long an observer that nobody follows is kept; default 30 s.
	Linger time.Duration
	// MinInterval is the least time between two evaluations of one observer;
	// default 0. A View can ask for more.
	MinInterval time.Duration
	// Drain is the time over which sockets are closed when Run ends, one after
	// the other, and then over which their clients come back; default 3 s.
	Drain time.Duration

	// Audit is how often one of the lists that are kept by steps is read again
	// and compared with what the database gives. A difference is a bug of ours:
	// it is logged, counted ("audit differed") and put right. Default 10 s; -1:
	// never.
	Audit time.Duration

	// Strict makes an evaluation fail that runs a statement on a recorded
	// handle without the request's context: what it reads is not noted, so the
	// list could stand still. For development; wakefultest is strict in any
	// case. Where it is not set, such a statement is logged, once for each
	// place that calls it. A view that says DependsOn, Poll or Until may do it.
	Strict bool

	// Limits bounds what clients and views can make the server hold and do.
	Limits Limits
	// Memory bounds in bytes what lists, logs and caches take together. At the
	// limit caches go, then the oldest diffs that are kept for resume; what
	// those who follow need stays, and where that alone is too much new lists
	// are refused with 503 "limit". Default: half of the Go runtime's memory
	// limit (GOMEMLIMIT) where there is one, else 1 GiB; -1: no limit.
	Memory int

	// Secret makes the ids of observers, 32 bytes or more. Default: random at
	// each start, or as StateFile has it.
	Secret []byte
	// StateFile keeps the sessions of version 1 clients over a restart (no
	// credentials). Default: they are told that their session is lost.
	StateFile string

	// Logger takes what an operator has to know. Default: nothing is logged.
	Logger *slog.Logger
	// Events is told everything that happens. It must be quick and take
	// concurrent calls.
	Events func(Event)
}

// Limits are the bounds of the protocol. 0 is the default, a negative value is
// no limit.
type Limits struct {
	Subscriptions   int // of a session; default 1,000
	Sessions        int // of an identity, or of an address without one; default 100
	Polls           int // held at once, of an identity, or of an address without one; default 100
	Items           int // of one result; default 10,000
	Undelivered     int // bytes of a session's unsent diffs; default 1 MiB
	LogDiffs        int // diffs kept per observer for resume; default 1,000
	LogBytes        int // their size together; default 1 MiB
	FrameBytes      int // of a client's frame; default 64 KiB
	FramesPerSecond int // of a client; default 50
	FrameBurst      int // of a client; default 200

	Stall time.Duration // for which a client may accept no byte; default 30 s
	Warn  time.Duration // an evaluation that takes longer is logged; default 1 s
	Stop  time.Duration // an evaluation that takes longer closes its observer; default 20 s
}

// Event is one thing that happened inside the server. It carries no row, no
// argument, no credential and no URL.
type Event = event.Event

// Server holds sessions and observers. Make it with New, put it around an app
// with Wrap, and let Run do the work.
type Server struct {
	worker  *worker.Worker
	gateway *gateway.Gateway
	memory  *memory.Account
	events  *event.Recorder
	strict  bool
	app     atomic.Pointer[http.Handler]
}

// New checks a Config and makes a Server. It starts nothing.
func New(cfg Config) (*Server, error) {
	if cfg.Source == nil {
		return nil, errors.New("wakeful: Config.Source is missing: open the database with sqlite.Open or postgres.Open and pass the source that it returns")
	}
	if cfg.Secret != nil && len(cfg.Secret) < 32 {
		return nil, errors.New("wakeful: Config.Secret is shorter than 32 bytes")
	}
	if cfg.Bus == nil {
		cfg.Bus = bus.New()
	}
	s := &Server{
		events: event.NewRecorder(cfg.Logger, cfg.Events), memory: memory.New(memoryLimit(cfg.Memory)), strict: cfg.Strict,
	}
	var err error
	if s.worker, err = worker.New(s.workerConfig(cfg)); err != nil {
		return nil, err
	}
	if s.gateway, err = gateway.New(s.gatewayConfig(cfg)); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Server) workerConfig(cfg Config) worker.Config {
	return worker.Config{
		Bus: cfg.Bus, Source: cfg.Source, App: s.handler, Logger: cfg.Logger, Events: s.events, Memory: s.memory,
		MinInterval: cfg.MinInterval, Linger: cfg.Linger, Audit: cfg.Audit, Warn: cfg.Limits.Warn, Stop: cfg.Limits.Stop,
		MaxItems: cfg.Limits.Items, LogDiffs: cfg.Limits.LogDiffs, LogBytes: cfg.Limits.LogBytes,
	}
}

func (s *Server) gatewayConfig(cfg Config) gateway.Config {
	l := cfg.Limits
	return gateway.Config{
		Bus: cfg.Bus, Identity: cfg.Identity, Cookies: cfg.Cookies, Origins: cfg.Origins, Address: cfg.Address,
		Alive: cfg.Alive, Expires: cfg.Expires, Recheck: cfg.Recheck,
		Prefix: cfg.Prefix, SocketPrefix: cfg.SocketPrefix,
		SessionTTL: cfg.SessionTTL, V1SessionTTL: cfg.V1SessionTTL, Heartbeat: cfg.Heartbeat, Drain: cfg.Drain, PollWait: cfg.PollWait,
		Secret: cfg.Secret, StateFile: cfg.StateFile, Logger: cfg.Logger, Events: s.events, Memory: s.memory,
		Limits: gateway.Limits{
			Subscriptions: l.Subscriptions, Sessions: l.Sessions, Polls: l.Polls, Undelivered: l.Undelivered,
			LogDiffs: l.LogDiffs, LogBytes: l.LogBytes, FrameBytes: l.FrameBytes,
			FramesPerSecond: l.FramesPerSecond, FrameBurst: l.FrameBurst, Items: l.Items, Stall: l.Stall,
		},
	}
}

// memoryLimit is Config.Memory with its default; 0 is no limit.
func memoryLimit(asked int) int {
	const otherwise = 1 << 30
	switch runtime := debug.SetMemoryLimit(-1); {
	case asked < 0:
		return 0
	case asked > 0:
		return asked
	case runtime < math.MaxInt64:
		return int(max(runtime/2, 1))
	}
	return otherwise
}

func (s *Server) handler() http.Handler {
	if app := s.app.Load(); app != nil {
		return *app
	}
	return nil
}

// Run works until ctx ends, then closes all sockets over Config.Drain and
// returns nil. It is called once.
func (s *Server) Run(ctx context.Context) error {
	// The gateway says goodbye first, while the worker still answers it.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workerCtx, stopWorker := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorker()
	worked := make(chan error, 1)
	go func() {
		worked <- s.worker.Run(workerCtx)
		cancel() // a worker that ends by itself ends the gateway
	}()
	err := s.gateway.Run(ctx)
	stopWorker()
	return errors.Join(err, <-worked)
}

// Wrap puts the server around an app: its sockets and its unsubscribe route
// beside it, and observe on the views that the app marks with Observable.
// Every other request passes through untouched. It is called once.
func (s *Server) Wrap(app http.Handler) http.Handler {
	evaluated := app
	if s.strict {
		evaluated = observer.Strict(app)
	}
	s.app.Store(&evaluated)
	return s.gateway.Wrap(positioned(app))
}

// Status is what a Server does at one moment. It holds no rows, no arguments
// and no credentials.
type Status struct {
	Worker  worker.Status     `json:"worker"`
	Gateway gateway.Status    `json:"gateway"`
	Memory  memory.Status     `json:"memory"` // as Config.Memory bounds it
	Counts  map[string]uint64 `json:"counts"` // of events, by name
}

// Status returns what the server does.
func (s *Server) Status() Status {
	return Status{Worker: s.worker.Status(), Gateway: s.gateway.Status(), Memory: s.memory.Status(), Counts: s.events.Counts()}
}

// Counts returns how often each kind of event happened. Unlike Status it costs
// the same however much the server holds.
func (s *Server) Counts() map[string]uint64 { return s.events.Counts() }

// Clear ends every observer. Clients are told and may observe again.
func (s *Server) Clear() { s.worker.Clear() }
