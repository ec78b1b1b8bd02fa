// Package console shows what a wakeful.Server does: who is connected, which
// lists are kept live, what each reads, how it is kept and why, what every
// change did to it and what that cost. It is live itself: a wakeful.Server of its
// own, over tables in memory, which its page follows as any client would.
//
//	console, err := console.New(console.Config{Server: live, Token: token})
//	mux.Handle("/console/", console)
//	go console.Run(ctx)
//
// # Promises
//
// No answer has a value of a row, an argument, a URL, a credential or the id of a
// session: identities, sessions and keys of rows are short keyed hashes. Nobody is
// let in whom nobody vouched for: by the token, by Config.Authorize, or, where
// there is neither, by sitting at this machine. Pages of other sites get nothing
// and can do nothing. Nothing is ended by one request alone.
//
// While nobody looks it costs a look at some counters each second. While somebody
// does, it looks at the whole server once a second, or less often where that
// would take more than a twentieth of the time.
//
// Pipeline: beside it; wakeful.Server → [console] → people. What the page gets
// stands in internal/console/README.md.
package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/source/memsource"
)

// Config says how a Console works. Only Server is required; a zero value takes
// the default named beside it.
type Config struct {
	// Server is what is shown.
	Server *wakeful.Server
	// Prefix is the path that the console lies at; default "/console".
	Prefix string

	// Token lets in who shows it: on the console's login page, or as
	// "Authorization: Bearer …". At least 16 characters.
	Token string
	// Authorize lets in whom it gives no error, and takes the place of Token: for
	// an app with operators of its own. It is asked of every request, and again
	// every few seconds while somebody follows a list. Where both are missing,
	// only who sits at this machine is let in: no proxy may be in between.
	Authorize func(*http.Request) error

	// Name and Version stand on the page for the server; Since is when it
	// began, by default when New is called.
	Name, Version string
	Since         time.Time
	// Log says how far the database's own log is read, false where that is not
	// known. Default: it is not shown.
	Log func(context.Context) (Log, bool)
	// Logger is told who logs in and what is ended. Default: nothing is logged.
	Logger *slog.Logger
}

// Log is how far a database's log is read.
type Log struct {
	Kept, Limit, Unread int64         // bytes; Limit 0: none
	Waiting             time.Duration // how old the oldest commit is that nobody sees yet
}

const minToken = 16

// Console answers requests below its prefix. Make it with New, and let Run do
// the work.
type Console struct {
	cfg     Config
	guard   *guard
	live    *wakeful.Server // its own
	db      *memsource.DB
	handler http.Handler
	endings endings

	mu     sync.Mutex // held while the tables are filled
	fed    time.Time
	pause  time.Duration // until they are filled again
	past   past
	filled map[string]map[any]struct{} // by table: the ids of its rows
}

// New checks a Config and makes a Console. It starts nothing.
func New(cfg Config) (*Console, error) {
	if cfg.Server == nil {
		return nil, errors.New("console: Config.Server is missing: pass what wakeful.New returned")
	}
	if cfg.Prefix == "" {
		cfg.Prefix = "/console"
	}
	cfg.Prefix = strings.TrimSuffix(cfg.Prefix, "/")
	if !strings.HasPrefix(cfg.Prefix, "/") || strings.ContainsAny(cfg.Prefix, "{} ?#") {
		return nil, fmt.Errorf("console: Config.Prefix %q must be a path like /console", cfg.Prefix)
	}
	if cfg.Token != "" && cfg.Authorize != nil {
		return nil, errors.New("console: Config.Token and Config.Authorize are two ways to let people in: set one")
	}
	if cfg.Token != "" && len(cfg.Token) < minToken {
		return nil, fmt.Errorf("console: Config.Token is shorter than %d characters: whoever guesses it is let in", minToken)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Since.IsZero() {
		cfg.Since = time.Now()
	}
	c := &Console{cfg: cfg, guard: newGuard(&cfg), db: newTables(), filled: map[string]map[any]struct{}{}, pause: period}
	var err error
	c.live, err = wakeful.New(wakeful.Config{
		Source: c.db, Prefix: cfg.Prefix + "/api/queryobserver", SocketPrefix: cfg.Prefix + "/ws/",
		Identity: func(*http.Request) (string, error) { return "operator", nil }, // whom the guard let in
		Alive:    func(r *http.Request) (bool, error) { return c.guard.stillIn(r), nil },
		Expires:  c.guard.until, Recheck: recheck, Drain: time.Second, Audit: -1, Memory: maxMemory,
		Limits: wakeful.Limits{Sessions: 256, Subscriptions: 64, LogDiffs: 64},
		Logger: cfg.Logger.With("part", "console"),
	})
	if err != nil {
		return nil, err
	}
	c.handler = c.guard.wrap(c.refreshed(c.live.Wrap(c.routes())))
	return c, nil
}

const (
	// recheck is how often it is asked whether those who follow are still let in.
	recheck = 5 * time.Second
	// maxMemory bounds what the console's own lists take.
	maxMemory = 64 << 20
)

// ServeHTTP answers requests whose paths begin with Config.Prefix.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// Run works until ctx ends, and returns nil then.
func (c *Console) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- c.live.Run(ctx)
		cancel()
	}()
	c.mu.Lock()
	c.past.note(time.Now(), c.cfg.Server)
	c.mu.Unlock()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			c.tick(ctx, now)
		case <-ctx.Done():
			return <-ended
		}
	}
}

// tick notes what happened in a second, and fills the tables where somebody looks.
func (c *Console) tick(ctx context.Context, now time.Time) {
	c.mu.Lock()
	c.past.note(now, c.cfg.Server)
	c.mu.Unlock()
	if c.watched() {
		c.refresh(ctx)
	}
}

// watched reports whether somebody follows something, or is connected and may
// begin to at any moment.
func (c *Console) watched() bool {
	now := c.live.Status().Gateway
	return now.Sockets+now.Subscriptions+now.Polls > 0
}

// routes are the console's own, behind the guard and around no other.
func (c *Console) routes() http.Handler {
	mux := http.NewServeMux()
	at := func(pattern string, do http.HandlerFunc) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+c.cfg.Prefix+path, do)
	}
	for _, table := range tables {
		mux.Handle("GET "+c.cfg.Prefix+"/api/"+table, c.list(table))
	}
	at("GET /api/me", c.serveMe)
	at("GET /api/observers/{id}", c.serveObserver)
	at("GET /api/observers/{id}/why", c.serveWhy)
	at("POST /api/observers/{id}/end", c.serveEndObserver)
	at("POST /api/connections/{id}/end", c.serveEndConnection)
	at("POST /login", c.serveLogin)
	at("POST /logout", c.serveLogout)
	at("GET /api/", serveNothing)
	at("GET /", c.serveFile)
	return mux
}
