package load

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
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

// request is what do sends.
func (l *lean) request(method, path string) []byte {
	length := ""
	if method == "POST" {
		length = "Content-Length: 0\r\n"
	}
	return []byte(method + " " + path + " HTTP/1.1\r\nHost: " + l.addr + "\r\n" + length + "\r\n")
}

// do sends a request and returns the answer's body, which is good until the
// next. Any status but 200 is an error.
func (l *lean) do(request []byte) ([]byte, error) {
	if _, err := l.conn.Write(request); err != nil {
		return nil, err
	}
	length := -1
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
		}
	}
	if length < 0 {
		return nil, fmt.Errorf("load: answer without a Content-Length")
	}
	if cap(l.body) < length {
		l.body = make([]byte, length)
	}
	l.body = l.body[:length]
	if _, err := io.ReadFull(l.in, l.body); err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("load: answer %s: %s", request[:bytes.IndexByte(request, '\r')], l.body)
	}
	return l.body, nil
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
