package follow

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/gobwas/ws"
)

// CloseError says how a server ended a connection.
type CloseError struct {
	Code   int // 1006 where it ended without saying so
	Reason string
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("follow: connection closed: %d %s", e.Code, e.Reason)
}

// abnormal is the code of a connection that ended without a close frame.
const abnormal = 1006

// maxFrame bounds what a server may send in one frame.
const maxFrame = 64 << 20

// connection brings the frames of a session.
type connection interface {
	// read gives each message to text, and each ping to ping, until the
	// connection ends. The error is a *CloseError.
	read(text, ping func([]byte)) error
	send(text []byte) error
	close() // with a goodbye, where there is one
	cut()
}

// socket is one WebSocket connection.
type socket struct {
	conn net.Conn
	in   *bufio.Reader
	mu   sync.Mutex // one frame at a time is written
}

// dial opens a WebSocket at an http or https address.
func dial(ctx context.Context, address string, jar http.CookieJar, header http.Header, protocols ...string) (*socket, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	for _, cookie := range jar.Cookies(u) {
		header.Add("Cookie", cookie.Name+"="+cookie.Value)
	}
	if values := header["Cookie"]; len(values) > 1 {
		header["Cookie"] = []string{strings.Join(values, "; ")}
	}
	answer := http.Header{}
	dialer := ws.Dialer{
		Header:    ws.HandshakeHeaderHTTP(header),
		Protocols: protocols,
		OnHeader: func(name, value []byte) error {
			answer.Add(string(name), string(value))
			return nil
		},
	}
	target := *u
	target.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	conn, in, _, err := dialer.Dial(ctx, target.String())
	if err != nil {
		return nil, err
	}
	jar.SetCookies(u, (&http.Response{Header: answer}).Cookies())
	if in == nil {
		in = bufio.NewReader(conn)
	}
	return &socket{conn: conn, in: in}, nil
}

// send writes one text frame.
func (s *socket) send(text []byte) error {
	return s.write(ws.NewTextFrame(append([]byte(nil), text...)))
}

func (s *socket) write(frame ws.Frame) error {
	data, err := ws.CompileFrame(ws.MaskFrameInPlace(frame))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err = s.conn.Write(data)
	return err
}

// read gives each text message to text and each ping, after it was answered,
// to ping, until the connection ends. The error is a *CloseError.
func (s *socket) read(text, ping func([]byte)) error {
	defer s.conn.Close()
	var message []byte
	for {
		header, payload, err := s.frame()
		if err != nil {
			return &CloseError{Code: abnormal, Reason: err.Error()}
		}
		switch header.OpCode {
		case ws.OpText, ws.OpContinuation:
			message = append(message, payload...)
			if header.Fin {
				text(message)
				message = nil
			}
		case ws.OpPing:
			ping(payload)
			if err := s.write(ws.NewPongFrame(payload)); err != nil {
				return &CloseError{Code: abnormal, Reason: err.Error()}
			}
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(payload)
			_ = s.write(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))
			return &CloseError{Code: int(code), Reason: reason}
		}
	}
}

func (s *socket) frame() (ws.Header, []byte, error) {
	header, err := ws.ReadHeader(s.in)
	if err != nil {
		return header, nil, err
	}
	if header.Length > maxFrame {
		return header, nil, fmt.Errorf("frame of %d bytes", header.Length)
	}
	payload := make([]byte, header.Length)
	_, err = io.ReadFull(s.in, payload)
	return header, payload, err
}

// close says goodbye; cut does not.
func (s *socket) close() {
	_ = s.write(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))
	s.conn.Close()
}

func (s *socket) cut() { s.conn.Close() }
