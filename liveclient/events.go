package liveclient

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/wakeful-dev/wakeful/wire"
)

// events is an event stream of the session from its request to its end; lists
// come and go by requests beside it.
func (o *conn) events(ctx context.Context) error {
	r, err := o.request(ctx, http.MethodGet, o.client.config.SocketPath+o.session)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	answer, err := o.client.http.Do(r)
	if err != nil {
		return dialError(err)
	}
	defer answer.Body.Close()
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if answer.StatusCode != http.StatusOK || kind != "text/event-stream" {
		return answerError(answer, "")
	}
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() { o.ask(ctx, &asking) })
	err = o.readEvents(answer.Body)
	o.end(err)
	return err
}

// readEvents takes events as the standard has them, until the stream ends.
func (o *conn) readEvents(body io.Reader) error {
	in := bufio.NewReader(body)
	var data []byte
	for {
		line, err := o.line(in, len(data))
		if err != nil {
			return err
		}
		o.heard()
		field, value, _ := strings.Cut(line, ":")
		switch {
		case field == "data":
			if len(data) > 0 {
				data = append(data, '\n')
			}
			data = append(data, strings.TrimPrefix(value, " ")...)
		case line == "" && len(data) > 0:
			if err := o.received(data); err != nil {
				return err
			}
			data = nil // what was decoded may point into it
		}
	}
}

// line reads one line, of a bounded event.
func (o *conn) line(in *bufio.Reader, had int) (string, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if had+len(line) > o.client.config.MaxFrame {
			return "", &Error{Code: CodeProtocol, Detail: fmt.Sprintf("a message is longer than %d bytes: Config.MaxFrame", o.client.config.MaxFrame), Retry: true}
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return "", err
		}
		return strings.TrimRight(string(line), "\r\n"), nil
	}
}

// maxGets bounds the requests under way.
const maxGets = 8

// ask sends the requests that lists need, while the stream lasts.
func (o *conn) ask(ctx context.Context, asking *sync.WaitGroup) {
	free := make(chan struct{}, maxGets)
	for ctx.Err() == nil {
		if o.client.wantsToken(o) {
			o.end(&Error{Code: CodeToken, Detail: "the stream begins anew with a fresh token", Retry: true, Err: errRefresh})
			return
		}
		f, observer := o.client.nextRequest(o)
		if f == nil && observer == "" {
			select {
			case <-o.kicked:
			case <-ctx.Done():
			}
			continue
		}
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return
		}
		asking.Go(func() {
			defer func() { <-free }()
			if f != nil {
				o.observe(ctx, f)
			} else {
				o.unsubscribe(ctx, observer)
			}
		})
	}
}

// nextRequest returns a list to GET, or an observer to leave. Requests overtake
// each other, and lists share observers: the two are never under way together,
// so that what is asked for is not left behind it.
func (c *Client) nextRequest(on *conn) (*feed, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on != c.conn || !on.greeted {
		return nil, ""
	}
	if c.asking == 0 {
		for observer := range c.leaving {
			delete(c.leaving, observer)
			if len(c.observers[observer]) == 0 {
				c.parting++
				return nil, observer
			}
		}
	}
	if c.parting > 0 {
		return nil, ""
	}
	f := c.pop(on)
	if f != nil {
		f.phase = asked
		on.sending(f)
		c.asking++
	}
	return f, ""
}

// unsubscribe leaves an observer. Where no answer tells that this was carried
// out, it may be yet, at any time: the session must not be gone on with.
func (o *conn) unsubscribe(ctx context.Context, observer string) {
	query := url.Values{"observer": {observer}, "subscriber": {o.session}}
	err := o.post(ctx, o.client.config.Prefix+"/unsubscribe?"+query.Encode())
	c := o.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != o {
		return
	}
	c.parting--
	if err != nil {
		c.renewSession()
		o.end(err)
	}
	o.kick()
}

// post sends a request that only the server's word says anything about.
func (o *conn) post(ctx context.Context, target string) error {
	r, err := o.request(ctx, http.MethodPost, target)
	if err != nil {
		return err
	}
	answer, err := o.client.http.Do(r)
	if err != nil {
		return dialError(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 500 {
		return answerError(answer, target)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection is used again
	return nil
}

// observe GETs a list, and joins it to the stream.
func (o *conn) observe(ctx context.Context, f *feed) {
	envelope, err := o.get(ctx, f.url)
	o.answer(f, envelope, err)
}

// answer takes what a GET was answered with.
func (o *conn) answer(f *feed, envelope *wire.Envelope, err *Error) {
	c := o.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != o {
		return
	}
	c.asking--
	get := f.get
	o.answered(f, envelope, err)
	o.answeredGET(get)
	o.kick()
}

func (o *conn) answered(f *feed, envelope *wire.Envelope, err *Error) {
	c := o.client
	if err != nil {
		c.deny(f, err)
		return
	}
	if f.refs == 0 {
		delete(c.lists, f.url)
		c.leave(envelope.Observer)
		return
	}
	c.attach(f, envelope.Observer)
	c.deliver(o, f, &wire.SnapshotFrame{Envelope: *envelope}, nil)
	o.takeHeld(f)
}

func (o *conn) get(ctx context.Context, path string) (*wire.Envelope, *Error) {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	r, err := o.request(ctx, http.MethodGet, path+separator+"observe="+o.session)
	if err != nil {
		return nil, &Error{Code: CodeBadURL, Detail: err.Error(), URL: path, Err: err}
	}
	answer, err := o.client.http.Do(r)
	if err != nil {
		return nil, dialError(err).of(path)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		why := answerError(answer, path)
		if why.Code == CodeNotWakeful {
			why.Code = wire.CodeViewError
		}
		return nil, why
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, int64(o.client.config.MaxFrame)+1))
	switch {
	case err != nil:
		return nil, dialError(err).of(path)
	case len(body) > o.client.config.MaxFrame:
		return nil, &Error{Code: CodeProtocol, Detail: "the list is longer than Config.MaxFrame", URL: path}
	}
	envelope, err := wire.DecodeEnvelope(body)
	if err != nil || envelope.Observer == "" {
		return nil, &Error{Code: wire.CodeNotObservable, Detail: "the route is not observable: it answered as if it had not been asked to", URL: path, Status: answer.StatusCode}
	}
	return envelope, nil
}
