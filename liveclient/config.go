package liveclient

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful/change"
)

// Transport is how a connection is carried.
type Transport string

const (
	// Auto is a WebSocket, and server-sent events where that cannot be had.
	Auto      Transport = ""
	WebSocket Transport = "websocket"
	Events    Transport = "events"
)

// Config says where the server is, and how to speak to it. URL is needed, the
// rest has defaults.
type Config struct {
	// URL is where the server is: "https://api.example.com". Paths of lists are
	// resolved against it.
	URL string
	// SocketPath is where sockets are, "/ws/" by default.
	SocketPath string
	// Prefix is where the server's own routes are, "/api/queryobserver" by default.
	Prefix string
	// Token gives the bearer token. It is asked before each connection, and once
	// more when the server has refused the last one.
	Token func(context.Context) (string, error)
	// Header is sent with each request and handshake.
	Header http.Header
	// Transport is Auto by default.
	Transport Transport
	// HTTP carries everything; its Timeout does not count, its Jar does. The
	// default has a jar of its own and heeds HTTP_PROXY and the like.
	HTTP *http.Client
	// Hold is how long changes are held for the other lists of one commit, 300 ms
	// by default.
	Hold time.Duration
	// MaxFrame bounds one message of the server, 64 MiB by default.
	MaxFrame int
	// MinWait and MaxWait bound the wait before another attempt, 250 ms and 30 s by default.
	MinWait, MaxWait time.Duration
	// Progress is called after each progress of the server has become visible, in order. While
	// it runs nothing is received, so it must not wait for the client.
	Progress func(Progress)
	// Healed is told of what went wrong and was put right: a gap, a frame that
	// does not fit. It must not wait for the client either.
	Healed func(*Error)
	// Logger hears of connections and of what was healed; nil is silent.
	Logger *slog.Logger
}

// Progress is how far all lists have come.
type Progress struct {
	Position change.Position
	// Whole: all lists but those behind are of one committed state.
	Whole bool
	// Behind are the URLs of lists that Position says nothing about.
	Behind []string
}

// Client follows lists over one connection. Its methods may be called from any
// goroutine.
type Client struct {
	config Config
	base   *url.URL
	http   *http.Client
	wake   chan struct{} // Run is told that somebody follows a list
	prefer Transport     // what was online last; Run's alone

	mu        sync.Mutex
	session   string
	lists     map[string]*feed
	observers map[string][]*feed  // by the server's id; URLs that mean one view share it
	leaving   map[string]struct{} // observers to unsubscribe
	queue     []*feed             // asked for, or to be resumed
	asking    int                 // questions that the server has not answered
	parting   int                 // unsubscribes of an event stream that are under way
	conn      *conn               // nil while there is none
	state     Connection
	changed   chan struct{} // closed when state, or how far the lists are, changes
	stale     bool
	holding   *time.Timer // until what is held is shown
	refresh   bool        // a fresh token is to be fetched and told
	refreshed bool        // … and was, since a list was last granted
	refusals  int         // of the connection, in a row
	lastID    int
	told      Progress // the newest, as it is visible
	behind    map[string]bool
	histories []string // those that were told, the newest last
	closed    *Error   // Run has ended
}

// New makes a client. Nothing is asked for before Run.
func New(c Config) (*Client, error) {
	base, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("liveclient: Config.URL: %w", err)
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("liveclient: Config.URL %q: want an address like https://api.example.com", c.URL)
	}
	for name, value := range map[string]time.Duration{"Hold": c.Hold, "MinWait": c.MinWait, "MaxWait": c.MaxWait} {
		if value < 0 {
			return nil, fmt.Errorf("liveclient: Config.%s is negative", name)
		}
	}
	if c.MaxFrame < 0 || c.Transport != Auto && c.Transport != WebSocket && c.Transport != Events {
		return nil, errors.New("liveclient: Config.MaxFrame is negative, or Config.Transport is none of Auto, WebSocket and Events")
	}
	c.fill()
	return &Client{
		config: c, base: base, http: httpClient(c.HTTP), wake: make(chan struct{}, 1),
		session: newSession(), lists: map[string]*feed{}, observers: map[string][]*feed{},
		leaving: map[string]struct{}{}, behind: map[string]bool{}, changed: make(chan struct{}),
		state: Connection{Kind: Idle},
	}, nil
}

func (c *Config) fill() {
	set := func(value *time.Duration, standard time.Duration) {
		if *value == 0 {
			*value = standard
		}
	}
	set(&c.Hold, 300*time.Millisecond)
	set(&c.MinWait, 250*time.Millisecond)
	set(&c.MaxWait, max(30*time.Second, c.MinWait))
	if c.MaxFrame == 0 {
		c.MaxFrame = 64 << 20
	}
	if c.SocketPath == "" {
		c.SocketPath = "/ws/"
	}
	if c.Prefix == "" {
		c.Prefix = "/api/queryobserver"
	}
	if !strings.HasSuffix(c.SocketPath, "/") {
		c.SocketPath += "/"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// httpClient copies a client: streams last longer than any timeout, and the
// cookie that proves a session's client has to be kept.
func httpClient(given *http.Client) *http.Client {
	client := &http.Client{}
	if given != nil {
		*client = *given
	}
	client.Timeout = 0
	if client.Jar == nil {
		client.Jar, _ = cookiejar.New(nil) // fails only for options, and there are none
	}
	return client
}

func newSession() string { return "go-" + rand.Text() }

// PositionOf is the position from which on the writes of a request are seen, ""
// where its answer does not say. It is for CaughtUp.
func PositionOf(answer *http.Response) change.Position {
	position, err := change.ParsePosition(answer.Header.Get("Wakeful-Position"))
	if err != nil {
		return ""
	}
	return position
}

// resolve returns what of a list's address is sent: path and query.
func (c *Client) resolve(address string) (string, *Error) {
	bad := func(why string) *Error {
		return &Error{Code: CodeBadURL, Detail: why, URL: address}
	}
	u, err := c.base.Parse(address)
	if err != nil {
		return "", bad(errors.Unwrap(err).Error())
	}
	if u.Scheme != c.base.Scheme || u.Host != c.base.Host || u.User != nil {
		return "", bad("it is not on " + c.base.Scheme + "://" + c.base.Host)
	}
	if u.Query().Has("observe") {
		return "", bad("observe is the client's own parameter")
	}
	return u.RequestURI(), nil
}
