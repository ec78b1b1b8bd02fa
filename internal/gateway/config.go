package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/memory"
)

// Config says what a Gateway works with. A duration of 0 is the default.
type Config struct {
	// Bus leads to the worker. Required.
	Bus bus.Bus
	// Name is the gateway's on the bus. Default "gateway".
	Name string
	// Worker is whom to ask. Default "worker".
	Worker string

	// Identity names whose rights a request has, "" for nobody's. What it
	// returns is hashed before it is kept. An error refuses the request.
	// Default: the Authorization header and the cookies in Cookies.
	Identity func(*http.Request) (string, error)
	// Cookies names those that the default Identity goes by. It keeps others
	// out of evaluations.
	Cookies   []string
	byCookies bool // Identity is the default
	// Origins lists the foreign origins ("https://app.example.org") whose
	// pages may observe and connect.
	Origins []string
	// Alive reports whether the credentials of a request are still good; an
	// error says that it cannot be told now. Default: what the app answers to
	// the request.
	Alive func(*http.Request) (bool, error)
	// Expires says when the credentials of a request end by themselves, zero for
	// never: they are tried then. It is asked with a lock held.
	Expires func(*http.Request) time.Time
	// Recheck is how often the credentials of each subscriber are tried at
	// least. Default 30 s.
	Recheck time.Duration
	// Address names where a request comes from, to bound the sessions of
	// clients without an identity. Default: the host of RemoteAddr.
	Address func(*http.Request) string
	// SubscribeHeaders lists the headers that a subscribe frame may set.
	// Default Accept and Accept-Language.
	SubscribeHeaders []string

	// Prefix is where unsubscribe and tickets lie. Default "/api/queryobserver".
	Prefix string
	// SocketPrefix is where sockets and sessions' event streams lie, with both
	// slashes. Default "/ws/".
	SocketPrefix string

	// SessionTTL is how long a session lives without a socket. Default 60 s.
	SessionTTL time.Duration
	// V1SessionTTL is how long what a version 1 client holds is remembered
	// after that. Default 1 h.
	V1SessionTTL time.Duration
	// Heartbeat is the longest silence on a socket or an event stream. Default 25 s.
	Heartbeat time.Duration
	// Linger is how long a feed without sessions is still followed. Default 5 s.
	Linger time.Duration
	// StaleAfter is how long the worker may be silent before sessions are
	// told. Default 10 s.
	StaleAfter time.Duration
	// StartWait is how long a version 2 client may take to resume or to
	// authenticate, and unsubscribe waits for a proof. Default 5 s.
	StartWait time.Duration
	// PollWait is the longest wait of a long poll; more is cut. Default 60 s.
	PollWait time.Duration
	// AnswerWait bounds the wait for the worker's answer. Default 30 s.
	AnswerWait time.Duration
	// Drain is the time over which a shutdown closes sockets, and then over
	// which their clients come back. Default 3 s.
	Drain time.Duration

	Limits Limits
	// Memory counts what is held. Default: nothing is counted.
	Memory *memory.Account

	// Secret makes the ids of observers. Default: random, or the state
	// file's.
	Secret []byte
	// StateFile keeps version 1 sessions over a restart. "": they are lost.
	StateFile string
	// Logger takes what an operator has to know. Default: none.
	Logger *slog.Logger
	// Events counts what happens. Default: to Logger.
	Events *event.Recorder
}

// Limits bounds what clients can make the gateway hold. 0 is the default, -1
// is no limit.
type Limits struct {
	Subscriptions   int // of a session; default 1,000
	Sessions        int // of an identity, or of an address without one; default 100
	Polls           int // held at once, of an identity, or of an address without one; default 100
	Undelivered     int // bytes of a session's unsent diffs; default 1 MiB
	LogDiffs        int // of an observer, for resume; default 1,000
	LogBytes        int // of an observer, for resume; default 1 MiB
	FrameBytes      int // of a client's frame; default 64 KiB
	FramesPerSecond int // of a client; default 50
	FrameBurst      int // of a client; default 200
	Items           int // of one result, as told in hello; default 10,000

	Stall time.Duration // a client may accept no byte; default 30 s
}

const (
	unlimited = int(^uint(0) >> 1)
	forever   = time.Duration(1 << 60)
)

func (l Limits) withDefaults() Limits {
	for _, limit := range [...]struct {
		value *int
		or    int
	}{
		{&l.Subscriptions, 1000}, {&l.Sessions, 100}, {&l.Polls, 100}, {&l.Undelivered, 1 << 20},
		{&l.LogDiffs, 1000}, {&l.LogBytes, 1 << 20}, {&l.FrameBytes, 64 << 10},
		{&l.FramesPerSecond, 50}, {&l.FrameBurst, 200}, {&l.Items, 10_000},
	} {
		switch {
		case *limit.value == 0:
			*limit.value = limit.or
		case *limit.value < 0:
			*limit.value = unlimited
		}
	}
	switch {
	case l.Stall == 0:
		l.Stall = 30 * time.Second
	case l.Stall < 0:
		l.Stall = forever
	}
	return l
}

func (c Config) withDefaults() (Config, error) {
	if c.Bus == nil {
		return c, errors.New("gateway: Config.Bus is missing")
	}
	text := func(value *string, or string) {
		if *value == "" {
			*value = or
		}
	}
	text(&c.Name, "gateway")
	text(&c.Worker, "worker")
	text(&c.Prefix, "/api/queryobserver")
	text(&c.SocketPrefix, "/ws/")
	c.Prefix = strings.TrimSuffix(c.Prefix, "/")
	if !strings.HasPrefix(c.Prefix, "/") {
		return c, fmt.Errorf("gateway: Config.Prefix %q must begin with a slash", c.Prefix)
	}
	if !strings.HasPrefix(c.SocketPrefix, "/") || !strings.HasSuffix(c.SocketPrefix, "/") || c.SocketPrefix == "/" {
		return c, fmt.Errorf("gateway: Config.SocketPrefix %q must begin and end with a slash", c.SocketPrefix)
	}
	if err := checkOrigins(c.Origins); err != nil {
		return c, err
	}
	for _, d := range [...]struct {
		value *time.Duration
		or    time.Duration
	}{
		{&c.SessionTTL, time.Minute}, {&c.V1SessionTTL, time.Hour}, {&c.Heartbeat, 25 * time.Second},
		{&c.Linger, 5 * time.Second}, {&c.StaleAfter, 10 * time.Second}, {&c.StartWait, 5 * time.Second},
		{&c.AnswerWait, 30 * time.Second}, {&c.PollWait, time.Minute}, {&c.Recheck, 30 * time.Second}, {&c.Drain, 3 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.or
		}
	}
	if c.Identity == nil {
		c.Identity, c.byCookies = defaultIdentity(c.Cookies), true
	}
	if c.Address == nil {
		c.Address = remoteHost
	}
	if c.SubscribeHeaders == nil {
		c.SubscribeHeaders = []string{"Accept", "Accept-Language"}
	}
	if c.Logger == nil {
		c.Logger = discardLogger()
	}
	if c.Events == nil {
		c.Events = event.NewRecorder(c.Logger, nil)
	}
	c.Limits = c.Limits.withDefaults()
	return c, nil
}

// tickEvery is how often sessions and sockets are looked after: often enough
// for the shortest of the waits.
func (g *Gateway) tickEvery() time.Duration {
	shortest := min(g.SessionTTL, g.V1SessionTTL, g.Heartbeat, g.Linger, g.StaleAfter, g.StartWait, g.AnswerWait, g.Recheck)
	return min(max(shortest/4, 5*time.Millisecond), 500*time.Millisecond)
}
