package liveclient

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wakeful-dev/wakeful/wire"
)

// conn is one connection.
type conn struct {
	client    *Client
	transport Transport
	session   string
	token     string
	kicked    chan struct{} // there may be something to say
	end       context.CancelCauseFunc
	silence   *time.Timer // ends it when nothing is heard
	heartbeat atomic.Int64

	// Guarded by the client's mu.
	greeted    bool
	progressed bool
	began      bool // the first resume was sent
	calls      map[wire.ID]*feed
	fresh      string // a token to be told
	frameBytes int
	rate       float64 // frames per second that the client may send, 0 for any
	burst      float64
	// Of an event stream: the GETs sent, which of them are under way, and what is
	// held back for these.
	sent       uint64
	under      []uint64
	held       map[string]*heldBack
	heldFrames int
}

// outcome is how a connection ended.
type outcome struct {
	*Error
	online, progress bool
}

// errRefresh ends an event stream whose client has a fresh token.
var errRefresh = errors.New("liveclient: with a fresh token")

// How long the server may take for what a person waits for.
const (
	greetWait = 15 * time.Second
	byeWait   = time.Second
)

// connect is one connection from its beginning to its end. Where WebSockets
// are blocked it is an event stream.
func (c *Client) connect(ctx context.Context) outcome {
	token := ""
	if c.config.Token != nil {
		var err error
		if token, err = c.config.Token(ctx); err != nil {
			return outcome{Error: &Error{Code: CodeToken, Detail: err.Error(), Retry: true, Err: err}}
		}
	}
	order := []Transport{c.config.Transport}
	if c.config.Transport == Auto {
		order = []Transport{WebSocket, Events}
		if c.prefer == Events {
			order = []Transport{Events, WebSocket}
		}
	}
	var first *Error
	for _, transport := range order {
		out := c.attempt(ctx, transport, token)
		if first == nil {
			first = out.Error
		}
		if out.online || ctx.Err() != nil {
			c.prefer = transport
			return out
		}
		if !blocked(out.Error) {
			return outcome{Error: first}
		}
	}
	return outcome{Error: first}
}

// blocked reports whether an error may be of what stands between client and
// server, and not of the server.
func blocked(err *Error) bool {
	switch err.Code {
	case CodeNotWakeful, CodeVersion, CodeProtocol:
		return true
	case CodeNetwork:
		return !errors.Is(err, errDial)
	}
	return false
}

func (c *Client) attempt(ctx context.Context, transport Transport, token string) outcome {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	on := &conn{
		client: c, transport: transport, token: token, kicked: make(chan struct{}, 1), end: end,
		calls: map[wire.ID]*feed{}, frameBytes: 32 << 10, held: map[string]*heldBack{},
	}
	on.silence = time.AfterFunc(greetWait, func() {
		end(&Error{Code: CodeNetwork, Detail: "nothing is heard of the server", Retry: true})
	})
	defer on.silence.Stop()
	c.mu.Lock()
	c.conn, c.refresh, on.session = on, false, c.session
	c.mu.Unlock()
	var err error
	if transport == Events {
		err = on.events(ctx)
	} else {
		err = on.socket(ctx)
	}
	why := asError(err)
	if cause := context.Cause(ctx); cause != nil {
		why = asError(cause)
	}
	c.disconnected(on, why)
	c.mu.Lock()
	defer c.mu.Unlock()
	return outcome{Error: why, online: on.greeted, progress: on.progressed}
}

func asError(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	return &Error{Code: CodeNetwork, Detail: err.Error(), Retry: true, Err: err}
}

// heard puts off the end by silence.
func (o *conn) heard() {
	wait := greetWait
	if beat := time.Duration(o.heartbeat.Load()); beat > 0 {
		wait = max(3*beat, time.Second)
	}
	o.silence.Reset(wait)
}

// limit takes what the server says it will hold the client to, and leaves a
// quarter of it.
func (o *conn) limit(m *wire.Hello) {
	o.heartbeat.Store(int64(m.Heartbeat))
	if n := m.Limits.FrameBytes; n > 0 {
		o.frameBytes = n * 3 / 4
	}
	o.rate = float64(m.Limits.FramesPerSecond) * 3 / 4
	o.burst = max(float64(m.Limits.FrameBurst)*3/4, 1)
}

func (o *conn) kick() {
	select {
	case o.kicked <- struct{}{}:
	default:
	}
}

// received handles one message.
func (o *conn) received(text []byte) error {
	m, err := wire.DecodeServer(text)
	if err != nil {
		return &Error{Code: CodeProtocol, Detail: err.Error(), Retry: true, Err: err}
	}
	if closing, ok := m.(*wire.Close); ok {
		return closeError(closing.Code, closing.Reason)
	}
	if told := o.client.take(o, m); told != nil && o.client.config.Progress != nil {
		o.client.config.Progress(*told)
	}
	return nil
}

// closeError says how a server ended a connection.
func closeError(code int, reason string) *Error {
	err := &Error{Code: CodeNetwork, Detail: reason, Status: code, Retry: true}
	switch code {
	case wire.CloseBadRequest:
		err.Code = wire.CodeBadRequest
	case wire.CloseUnauthentic:
		err.Code = wire.CodeUnauthenticated
	case wire.CloseForbidden:
		err.Code = wire.CodeForeignSession
	case wire.CloseTooSlow:
		err.Code = wire.CodeTooSlow
	case wire.CloseReplaced:
		err.Code = wire.CodeReplaced
	case wire.CloseLost:
		err.Code = wire.CodeSessionLost
	case wire.CloseTooMany:
		err.Code = wire.CodeTooManySessions
		err.wait = 2 * time.Second
	case wire.CloseRestart, wire.CloseGoingAway:
		err.Code, err.wait = wire.CodeShutdown, waitIn(reason)
	}
	return err
}

// maxServerWait bounds what a server can ask for.
const maxServerWait = 5 * time.Minute

// waitIn is the wait in the reason of a restart: its number of milliseconds.
func waitIn(reason string) time.Duration {
	for word := range strings.FieldsSeq(reason) {
		if n, err := strconv.Atoi(word); err == nil && n >= 0 {
			return min(time.Duration(n)*time.Millisecond, maxServerWait)
		}
	}
	return 0
}

// request makes one request to the server.
func (o *conn) request(ctx context.Context, method, target string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, o.client.base.Scheme+"://"+o.client.base.Host+target, nil)
	if err != nil {
		return nil, err
	}
	for name, values := range o.client.config.Header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if o.token != "" {
		r.Header.Set("Authorization", "Bearer "+o.token)
	}
	return r, nil
}

// answerError says what an answer means that is not what was asked for. It
// reads the body.
func answerError(answer *http.Response, url string) *Error {
	body, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10)) // what there is of it
	err := &Error{Status: answer.StatusCode, URL: url, Retry: answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests}
	if seconds, bad := strconv.Atoi(answer.Header.Get("Retry-After")); bad == nil && seconds > 0 {
		err.wait = min(time.Duration(seconds)*time.Second, maxServerWait)
	}
	var problem wire.Problem
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if kind == "application/problem+json" && json.Unmarshal(body, &problem) == nil && problem.Code != "" {
		err.Code, err.Detail = problem.Code, problem.Detail
		return err
	}
	err.Detail = "answered " + strconv.Itoa(answer.StatusCode) + " " + http.StatusText(answer.StatusCode)
	switch {
	case answer.StatusCode == http.StatusUnauthorized:
		err.Code = wire.CodeUnauthenticated
	case answer.StatusCode == http.StatusForbidden:
		err.Code = wire.CodeForbidden
	case answer.StatusCode == http.StatusTooManyRequests:
		err.Code = wire.CodeTooManySessions
	case answer.StatusCode >= 500:
		err.Code = wire.CodeUnavailable
	default:
		err.Code = CodeNotWakeful
		if kind != "" {
			err.Detail += " with " + kind
		}
	}
	return err
}

// pacer keeps the frames of a connection to what the server takes.
type pacer struct {
	left float64
	at   time.Time
}

// wait returns how long to wait before the next frame.
func (p *pacer) wait(now time.Time, rate, burst float64) time.Duration {
	if rate <= 0 {
		return 0
	}
	if p.at.IsZero() {
		p.left = burst
	} else {
		p.left = min(p.left+now.Sub(p.at).Seconds()*rate, burst)
	}
	p.at = now
	p.left--
	if p.left >= 0 {
		return 0
	}
	return time.Duration(-p.left / rate * float64(time.Second))
}

// spent waits as the pacer says.
func (p *pacer) spent(ctx context.Context, on *conn) {
	on.client.mu.Lock()
	rate, burst := on.rate, on.burst
	on.client.mu.Unlock()
	wait := p.wait(time.Now(), rate, burst)
	if wait == 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
