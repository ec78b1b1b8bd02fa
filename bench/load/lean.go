package load

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// lean is an HTTP connection that is kept, and no more than that: a client
// that costs much would hide what the server costs.
type lean struct {
	conn net.Conn
	in   *bufio.Reader
	addr string
	body []byte // of the last answer
}

func dialLean(addr string) (*lean, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &lean{conn: conn, in: bufio.NewReader(conn), addr: addr}, nil
}

// request is what do sends. header has lines of its own.
func (l *lean) request(method, path string, header ...string) []byte {
	lines := []string{method + " " + path + " HTTP/1.1", "Host: " + l.addr}
	if method == "POST" {
		lines = append(lines, "Content-Length: 0")
	}
	return []byte(strings.Join(append(lines, header...), "\r\n") + "\r\n\r\n")
}

// do sends a request and returns the answer's body, which is good until the
// next. Any status but 200 is an error.
func (l *lean) do(request []byte) ([]byte, error) {
	if _, err := l.conn.Write(request); err != nil {
		return nil, err
	}
	length, chunked := -1, false
	status, err := l.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	ok := bytes.HasPrefix(status, []byte("HTTP/1.1 200 "))
	for {
		line, err := l.in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if len(line) <= 2 {
			break
		}
		if name, value, _ := bytes.Cut(line, []byte(": ")); len(name) == 14 && strings.EqualFold(string(name), "Content-Length") {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		} else if strings.EqualFold(string(name), "Transfer-Encoding") {
			chunked = true
		}
	}
	l.body = l.body[:0]
	switch {
	case chunked:
		err = l.chunks()
	case length < 0:
		err = fmt.Errorf("load: answer without a Content-Length")
	default:
		err = l.take(length)
	}
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("load: answer %s: %s", request[:bytes.IndexByte(request, '\r')], l.body)
	}
	return l.body, nil
}

// take reads so many bytes more of the body.
func (l *lean) take(n int) error {
	had := len(l.body)
	l.body = slices.Grow(l.body, n)[:had+n]
	_, err := io.ReadFull(l.in, l.body[had:])
	return err
}

// chunks reads a body that comes in pieces.
func (l *lean) chunks() error {
	for {
		line, err := l.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return err
		}
		if err := l.take(int(size)); err != nil {
			return err
		}
		if _, err := l.in.Discard(2); err != nil || size == 0 {
			return err
		}
	}
}

// Requests asks for GETs.
type Requests struct {
	Addr  string `json:"addr"`
	Path  string `json:"path"`
	Conns int    `json:"conns"` // kept open, each with one request at a time
	N     int    `json:"n"`     // on each
}

// requests answers with the time that all took together.
func requests(r Requests) (any, error) {
	conns := make([]*lean, r.Conns)
	for i := range conns {
		var err error
		if conns[i], err = dialLean(r.Addr); err != nil {
			return nil, err
		}
		defer conns[i].conn.Close()
	}
	var all sync.WaitGroup
	errs := make(chan error, r.Conns)
	start := role.Now()
	for _, c := range conns {
		all.Go(func() {
			request := c.request("GET", r.Path)
			for range r.N {
				if _, err := c.do(request); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	took := role.Now() - start
	select {
	case err := <-errs:
		return nil, err
	default:
		return app.Took{Nanoseconds: took}, nil
	}
}
