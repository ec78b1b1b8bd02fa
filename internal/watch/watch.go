package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/liveclient"
	"github.com/wakeful-dev/wakeful/wire"
)

// Options say what is shown, and how.
type Options struct {
	// URL of the list: http://host/api/posts?author=7.
	URL string
	// Token is the bearer token, Header what else is sent.
	Token  string
	Header http.Header
	// SocketPath is where the server's sockets are, /ws/ by default.
	SocketPath string
	// JSON prints one object for each change.
	JSON bool
	// Out takes the table or the lines; Err takes what is said beside lines.
	Out, Err io.Writer
	// Screen is the terminal, nil where Out is none.
	Screen Screen
	Color  bool
}

// Screen is a terminal.
type Screen interface {
	// Size is how many columns and lines it has.
	Size() (wide, high int)
	// Begin takes the terminal over, and returns the way back; quit is called
	// when the person has seen enough.
	Begin(quit func()) (end func(), err error)
}

// Error is why nothing can be shown, with what to do about it.
type Error struct {
	// Refused: the server does not want to show it. Else nothing that can be watched is there.
	Refused bool
	Text    string
}

func (e *Error) Error() string { return e.Text }

// Run shows the list until the context is done or a person quits.
func Run(ctx context.Context, o Options) error {
	base, path, err := split(o.URL)
	if err != nil {
		return err
	}
	config := liveclient.Config{URL: base, Header: o.Header, SocketPath: o.SocketPath}
	if o.Token != "" {
		config.Token = func(context.Context) (string, error) { return o.Token, nil }
	}
	client, err := liveclient.New(config)
	if err != nil {
		return &Error{Text: err.Error()}
	}
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	w := &watcher{Options: o, client: client, list: liveclient.Live[json.RawMessage](client, path)}
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	err = w.show(ctx, quit)
	quit()
	if ran := <-ended; err == nil {
		err = ran
	}
	var why *liveclient.Error
	if errors.As(err, &why) {
		return explained(why, o.URL)
	}
	return err
}

// split parts the address of a list.
func split(address string) (base, path string, err error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", "", &Error{Text: fmt.Sprintf("%q is no address of a list: want one like http://localhost:8080/api/posts?author=7", address)}
	}
	return u.Scheme + "://" + u.Host, u.RequestURI(), nil
}

// explained says what to do.
func explained(e *liveclient.Error, address string) error {
	told := strings.TrimPrefix(e.Detail, "liveclient: ")
	switch {
	case e.Code == wire.CodePermissionRevoked, e.Code == wire.CodeUnauthenticated, e.Code == wire.CodeForbidden, e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden, e.Status == wire.CloseUnauthentic, e.Status == wire.CloseForbidden:
		return &Error{Refused: true, Text: fmt.Sprintf("%s is not for you: %s (%s). Give a token that may read it with --token-file, or what else says who you are with --header", address, told, e.Code)}
	case e.Code == liveclient.CodeNotWakeful:
		return &Error{Text: fmt.Sprintf("what answers at %s is no server of Wakeful: %s. Is it the address of a list? Where its sockets are not at /ws/, say --socket", address, told)}
	case e.Code == liveclient.CodeVersion:
		return &Error{Text: fmt.Sprintf("the server at %s is of another version: %s", address, told)}
	case e.Code == wire.CodeNotObservable:
		return &Error{Text: fmt.Sprintf("%s cannot be watched: %s. GET /api/ of wakeful serve says which lists there are", address, told)}
	}
	return &Error{Text: fmt.Sprintf("%s cannot be watched: %s (%s)", address, told, e.Code)}
}

// watcher is one list being watched.
type watcher struct {
	Options
	client *liveclient.Client
	list   *liveclient.List[json.RawMessage]
	track  track
	said   string // of the connection, last
	wrote  bool   // the first batch
}

// refresh is how often the table is drawn although nothing has come: for what
// ends to glow, the rate, and the terminal's size.
const refresh = 250 * time.Millisecond

func (w *watcher) show(ctx context.Context, quit func()) error {
	out := w.lines
	if w.Screen != nil && !w.JSON {
		end, err := w.Screen.Begin(quit)
		if err != nil {
			return fmt.Errorf("the terminal cannot be taken over: %w", err)
		}
		defer end()
		out = w.table
	}
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	var last string
	for {
		now, turned := w.client.Watch()
		s := w.list.State()
		if s.Status == liveclient.Failed && !s.Err.Retry && ctx.Err() == nil {
			return s.Err
		}
		var ops []diff.Op
		fresh := s.Status != liveclient.Failed && s.Position != "" && point(s) != last
		if fresh {
			first := !w.track.began
			ops = w.track.take(s, time.Now())
			fresh, last = first || len(ops) > 0, point(s)
		}
		if err := out(s, now, ops, fresh); err != nil {
			return err
		}
		if w.Screen != nil && !w.JSON && !pause(ctx, calm) {
			return nil
		}
		select {
		case <-turned:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// calm is the least time between two pictures: nobody sees more of them.
const calm = 40 * time.Millisecond

// pause waits, and reports whether the context is not done.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// point tells two states with other items apart.
func point(s state) string { return fmt.Sprintf("%s %p %d", s.Position, s.Items, len(s.Items)) }

// lines writes what has changed, for pipes.
func (w *watcher) lines(s state, now liveclient.Connection, ops []diff.Op, fresh bool) error {
	if said := trouble(s, now); said != w.said {
		w.said = said
		if said != "" {
			fmt.Fprintln(w.Err, "wakeful watch:", said)
		}
	}
	if !fresh {
		return nil
	}
	var text []byte
	if w.JSON {
		text = batch(s, ops, !w.wrote)
	} else {
		for _, op := range ops {
			text = appendLine(text, op)
		}
	}
	w.wrote = true
	_, err := w.Out.Write(text)
	return err
}

// appendLine appends one change as a line.
func appendLine(text []byte, op diff.Op) []byte {
	sign := signs[changed]
	switch op.Kind {
	case diff.Added:
		sign = signs[added]
	case diff.Removed:
		return fmt.Appendf(text, "%s %s\n", signs[removed], harmless(op.Key))
	}
	return fmt.Appendf(text, "%s %s %s\n", sign, harmless(op.Key), harmless(compact(op.Data)))
}

func compact(data json.RawMessage) string {
	var text bytes.Buffer
	if json.Compact(&text, data) != nil {
		return string(data)
	}
	return text.String()
}

// step is one op of a batch.
type step struct {
	Op    string          `json:"op"`
	Key   string          `json:"key"`
	Order *int            `json:"order,omitempty"`
	Item  json.RawMessage `json:"item,omitempty"`
}

// batch is one object of --json: the whole list first, and then what has
// changed.
func batch(s state, ops []diff.Op, whole bool) []byte {
	var out any
	if whole {
		items := s.Items
		if items == nil {
			items = []json.RawMessage{}
		}
		out = struct {
			Type     string            `json:"type"`
			Position string            `json:"position"`
			Key      string            `json:"primary_key"`
			Items    []json.RawMessage `json:"items"`
			Keys     []string          `json:"keys"`
			Meta     json.RawMessage   `json:"meta,omitempty"`
		}{"snapshot", string(s.Position), s.PrimaryKey, items, s.Keys, s.Meta}
	} else {
		steps := []step{}
		for _, op := range ops {
			steps = append(steps, stepOf(op))
		}
		out = struct {
			Type     string          `json:"type"`
			Position string          `json:"position"`
			Ops      []step          `json:"ops"`
			Meta     json.RawMessage `json:"meta,omitempty"`
		}{"changes", string(s.Position), steps, s.Meta}
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil // every part of it was JSON before
	}
	return append(text, '\n')
}

func stepOf(op diff.Op) step {
	at := op.At
	switch op.Kind {
	case diff.Added:
		return step{Op: "added", Key: op.Key, Order: &at, Item: op.Data}
	case diff.Removed:
		return step{Op: "removed", Key: op.Key}
	}
	c := step{Op: "changed", Key: op.Key, Item: op.Data}
	if op.Moved {
		c.Order = &at
	}
	return c
}

// trouble is what a person should know of the connection, "" while all is well.
func trouble(s state, now liveclient.Connection) string {
	switch {
	case s.Status == liveclient.Failed:
		return fmt.Sprintf("%s: %s; it is asked for again", s.Err.Code, harmless(s.Err.Detail))
	case now.Kind == liveclient.Waiting:
		return fmt.Sprintf("%s: %s; trying again", now.Err.Code, harmless(now.Err.Detail))
	case now.Kind == liveclient.Behind:
		return "the server cannot say how current the list is: " + harmless(now.Reason)
	}
	return ""
}

// table draws the screen.
func (w *watcher) table(s state, now liveclient.Connection, _ []diff.Op, _ bool) error {
	wide, high := w.Screen.Size()
	_, err := io.WriteString(w.Out, frame(w.view(s, now, wide, high, time.Now())))
	return err
}

// view is the screen as lines: the table, and below it how all is.
func (w *watcher) view(s state, now liveclient.Connection, wide, high int, at time.Time) []string {
	out, moreRows, moreColumns := lines(w.track.rows(at), s.PrimaryKey, wide, high-1, w.Color)
	for len(out) < high-1 {
		out = append(out, "")
	}
	parts := []string{string(s.Status), fmt.Sprintf("%d rows", len(w.track.items))}
	if moreRows > 0 {
		parts = append(parts, fmt.Sprintf("%d below", moreRows))
	}
	if moreColumns > 0 {
		parts = append(parts, fmt.Sprintf("%d columns more", moreColumns))
	}
	parts = append(parts, fmt.Sprintf("%.1f changes/s", w.track.rate(at)))
	if s.Position != "" {
		parts = append(parts, "at "+strings.TrimLeft(string(s.Position[min(change.HistoryLen, len(s.Position)):]), "0"))
	}
	if said := trouble(s, now); said != "" {
		parts = append(parts, said)
	}
	parts = append(parts, harmless(w.URL), "q quits")
	return append(out[:max(high-1, 0)], painted(cut(strings.Join(parts, " · "), wide), dim, w.Color))
}

// frame is what draws lines over what stood there.
func frame(lines []string) string {
	var text strings.Builder
	text.WriteString("\x1b[H")
	for i, line := range lines {
		if i > 0 {
			text.WriteString("\r\n")
		}
		text.WriteString(line + "\x1b[K")
	}
	return text.String() + "\x1b[J"
}
