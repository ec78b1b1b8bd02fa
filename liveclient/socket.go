package liveclient

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/wakeful-dev/wakeful/wire"
)

// errDial says that not even a connection to the host could be had.
var errDial = errors.New("liveclient: no connection to the host")

// socket is a WebSocket from its handshake to its end.
func (o *conn) socket(ctx context.Context) error {
	life, over := context.WithCancel(context.WithoutCancel(ctx)) // so that goodbye can be said
	defer over()
	inTime := context.AfterFunc(ctx, over)
	stream, err := o.handshake(life)
	inTime()
	if err != nil {
		return err
	}
	s := &socket{conn: o, stream: stream, in: bufio.NewReader(stream)}
	left := make(chan struct{})
	context.AfterFunc(ctx, func() {
		s.bye()
		close(left)
	})
	var writing sync.WaitGroup
	writing.Go(func() { s.write(ctx) })
	err = s.read()
	o.end(err)
	<-left
	writing.Wait()
	return err
}

// handshake asks for a WebSocket by HTTP, so that proxies, cookies and TLS are
// those of the client's http.Client.
func (o *conn) handshake(ctx context.Context) (io.ReadWriteCloser, error) {
	r, err := o.request(ctx, http.MethodGet, o.client.config.SocketPath+o.session)
	if err != nil {
		return nil, err
	}
	var nonce [16]byte
	rand.Read(nonce[:])
	key := base64.StdEncoding.EncodeToString(nonce[:])
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": key, "Sec-WebSocket-Protocol": wire.Subprotocol,
	} {
		r.Header[http.CanonicalHeaderKey(name)] = []string{value}
	}
	answer, err := o.client.http.Do(r)
	if err != nil {
		return nil, dialError(err)
	}
	stream, ok := answer.Body.(io.ReadWriteCloser)
	if answer.StatusCode != http.StatusSwitchingProtocols || !ok {
		defer answer.Body.Close()
		return nil, answerError(answer, "")
	}
	accept := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	switch {
	case answer.Header.Get("Sec-Websocket-Accept") != base64.StdEncoding.EncodeToString(accept[:]):
		stream.Close()
		return nil, &Error{Code: CodeNotWakeful, Detail: "the handshake's answer is none of a WebSocket"}
	case !strings.EqualFold(answer.Header.Get("Sec-Websocket-Protocol"), wire.Subprotocol):
		stream.Close()
		return nil, &Error{Code: CodeVersion, Detail: "the server does not speak " + wire.Subprotocol}
	}
	return stream, nil
}

// dialError tells a host that cannot be reached from a connection that broke.
func dialError(err error) *Error {
	why := &Error{Code: CodeNetwork, Detail: err.Error(), Retry: true, Err: err}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		why.Err = fmt.Errorf("%w: %w", errDial, err)
	}
	return why
}

// socket reads and writes frames.
type socket struct {
	conn   *conn
	stream io.ReadWriteCloser
	in     *bufio.Reader
	mu     sync.Mutex // one frame at a time is written
}

// write says what the client has to say.
func (s *socket) write(ctx context.Context) {
	pace := &pacer{}
	for ctx.Err() == nil {
		if s.conn.client.wantsToken(s.conn) {
			if err := s.conn.freshToken(ctx); err != nil {
				s.conn.end(err)
				return
			}
		}
		m := s.conn.client.next(s.conn)
		if m == nil {
			select {
			case <-s.conn.kicked:
			case <-ctx.Done():
			}
			continue
		}
		pace.spent(ctx, s.conn)
		text, err := wire.EncodeClient(m)
		if err == nil {
			err = s.send(ws.NewTextFrame(text))
		}
		if err != nil {
			s.conn.end(asError(err))
			return
		}
	}
}

// wantsToken reports whether a fresh token is to be told.
func (c *Client) wantsToken(on *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refresh && c.conn == on && on.greeted
}

// freshToken fetches a token for the connection to tell.
func (o *conn) freshToken(ctx context.Context) error {
	token, err := o.client.config.Token(ctx)
	if err != nil {
		return &Error{Code: CodeToken, Detail: err.Error(), Retry: true, Err: err}
	}
	o.client.mu.Lock()
	defer o.client.mu.Unlock()
	o.client.refresh, o.fresh = false, token
	return nil
}

func (s *socket) send(frame ws.Frame) error {
	data, err := ws.CompileFrame(ws.MaskFrameInPlace(frame))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err = s.stream.Write(data)
	return err
}

// bye says goodbye, if that can be said soon, and ends the stream.
func (s *socket) bye() {
	late := time.AfterFunc(byeWait, func() { s.stream.Close() })
	defer late.Stop()
	_ = s.send(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))) // it is ended anyway
	s.stream.Close()
}

// read takes messages until the stream ends.
func (s *socket) read() error {
	var message []byte
	for {
		header, payload, err := s.frame(len(message))
		if err != nil {
			return err
		}
		s.conn.heard()
		switch header.OpCode {
		case ws.OpText, ws.OpContinuation:
			message = append(message, payload...)
			if !header.Fin {
				continue
			}
			if err := s.conn.received(message); err != nil {
				return err
			}
			message = nil // what was decoded may point into it
		case ws.OpPing:
			if err := s.send(ws.NewPongFrame(payload)); err != nil {
				return err
			}
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(payload)
			return closeError(int(code), reason)
		}
	}
}

func (s *socket) frame(had int) (ws.Header, []byte, error) {
	header, err := ws.ReadHeader(s.in)
	if err != nil {
		return header, nil, err
	}
	if header.Length > int64(s.conn.client.config.MaxFrame-had) {
		return header, nil, &Error{Code: CodeProtocol, Detail: fmt.Sprintf("a message is longer than %d bytes: Config.MaxFrame", s.conn.client.config.MaxFrame), Retry: true}
	}
	payload := make([]byte, header.Length)
	_, err = io.ReadFull(s.in, payload)
	return header, payload, err
}
