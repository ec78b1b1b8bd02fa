package gateway

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

// plainHandshake is what a version 1 client sends, and what belongs to it is
// what RFC 6455 section 1.3 answers it with.
const (
	sampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

func plainHandshake() []string {
	return []string{
		"GET /ws/s1 HTTP/1.1", "Host: h", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Key: " + sampleKey, "Sec-WebSocket-Version: 13",
	}
}

// with replaces the line that begins as the given one does, up to the colon,
// or adds it; "Name:" alone takes the line away.
func with(lines []string, line string) []string {
	name, value, _ := strings.Cut(line, ":")
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, name+":") })
	switch {
	case i < 0:
		return append(lines, line)
	case value == "":
		return slices.Delete(lines, i, i+1)
	}
	lines[i] = line
	return lines
}

// rawConn is a TCP connection to the server, written by hand.
type rawConn struct {
	t testing.TB
	net.Conn
	in *bufio.Reader
}

func (h *house) rawDial() *rawConn {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.server.Listener.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(waitMost))
	return &rawConn{t: h.t, Conn: conn, in: bufio.NewReader(conn)}
}

// send writes a request and reads the answer's head.
func (c *rawConn) send(lines []string, rest ...byte) *http.Response {
	c.t.Helper()
	if _, err := c.Write(append([]byte(strings.Join(lines, "\r\n")+"\r\n\r\n"), rest...)); err != nil {
		c.t.Fatal(err)
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatalf("%v: no answer: %v", lines, err)
	}
	return resp
}

// client goes on with a connection whose handshake was answered.
func (c *rawConn) client() *client {
	cl := &client{t: c.t, conn: c.Conn, frames: make(chan ws.Frame, 100_000)}
	go cl.receive(c.in)
	return cl
}

func TestHandshakeIsAnswered(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x")
	tests := []struct {
		name     string
		change   []string
		protocol string
	}{
		{"plain", nil, ""},
		{"any case", []string{"Upgrade: WebSocket", "Connection: upgrade"}, ""},
		{"lists", []string{"Upgrade: h2c , websocket", "Connection: keep-alive, Upgrade"}, ""},
		{"connection twice", []string{"X-Before: 1\r\nConnection: keep-alive"}, ""},
		{"compression is not taken", []string{"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"}, ""},
		{"extensions nobody can read", []string{"Sec-WebSocket-Extensions: ;;=,\""}, ""},
		{"version 2", []string{"Sec-WebSocket-Protocol: wakeful.v2+json"}, wire.Subprotocol},
		{"one of several", []string{"Sec-WebSocket-Protocol: soap, wakeful.v2+json ,chat"}, wire.Subprotocol},
		{"on several lines", []string{"Sec-WebSocket-Protocol: soap\r\nSec-WebSocket-Protocol: wakeful.v2+json"}, wire.Subprotocol},
		{"among what nobody can read", []string{"Sec-WebSocket-Protocol: (),;, wakeful.v2+json"}, wire.Subprotocol},
		{"others only", []string{"Sec-WebSocket-Protocol: soap, wakeful.v3+json, WAKEFUL.V2+JSON"}, ""},
		{"session in percents", []string{"GET /ws/%731 HTTP/1.1"}, ""},
		{"a query", []string{"GET /ws/s1?x=%zz&;=&&observe=%00 HTTP/1.1"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines := plainHandshake()
			for _, line := range tt.change {
				if strings.HasPrefix(line, "GET ") {
					lines[0] = line
				} else {
					lines = with(lines, line)
				}
			}
			c := h.rawDial()
			resp := c.send(lines)
			if resp.StatusCode != http.StatusSwitchingProtocols {
				t.Fatalf("status %d", resp.StatusCode)
			}
			if got := resp.Header.Get("Sec-WebSocket-Accept"); got != sampleAccept {
				t.Errorf("Sec-WebSocket-Accept %q", got)
			}
			if got := resp.Header["Sec-Websocket-Extensions"]; got != nil {
				t.Errorf("extensions %q were taken", got)
			}
			if got := resp.Header.Get("Sec-WebSocket-Protocol"); got != tt.protocol {
				t.Errorf("protocol %q, want %q", got, tt.protocol)
			}
			client := c.client()
			if tt.protocol != "" {
				client.expect("hello")
			}
			client.write(ws.OpClose, ws.NewCloseFrameBody(1000, ""))
			client.expectClose(1000)
		})
	}
	h.awaitSockets(0)
}

func TestHandshakeIsRefused(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	tests := []struct {
		name   string
		line   string // changed in the plain handshake
		status int
		header string // that the answer must have
	}{
		{"an older version", "Sec-WebSocket-Version: 8", 426, "Sec-Websocket-Version: 13"},
		{"a later version", "Sec-WebSocket-Version: 14", 426, "Sec-Websocket-Version: 13"},
		{"no version", "Sec-WebSocket-Version:", 426, "Sec-Websocket-Version: 13"},
		{"several versions", "Sec-WebSocket-Version: 13, 8", 426, "Sec-Websocket-Version: 13"},
		{"two versions", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13", 426, "Sec-Websocket-Version: 13"},
		{"no key", "Sec-WebSocket-Key:", 400, ""},
		{"a short key", "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==", 400, ""},
		{"a long key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSE=", 400, ""},
		{"24 characters that are no key", "Sec-WebSocket-Key: ************************", 400, ""},
		{"two keys", "Sec-WebSocket-Key: " + sampleKey + "\r\nSec-WebSocket-Key: " + sampleKey, 400, ""},
		{"no upgrade", "Upgrade:", 426, "Upgrade: websocket"},
		{"another upgrade", "Upgrade: h2c", 426, "Upgrade: websocket"},
		{"almost", "Upgrade: websockets", 426, "Upgrade: websocket"},
		{"no connection", "Connection:", 400, ""},
		{"another connection", "Connection: keep-alive", 400, ""},
		{"a body", "Content-Length: 3", 400, ""},
		{"a body in chunks", "Transfer-Encoding: chunked", 400, ""},
		{"POST", "POST /ws/s1 HTTP/1.1", 405, "Allow: GET"},
		{"HEAD", "HEAD /ws/s1 HTTP/1.1", 405, "Allow: GET"},
		{"CONNECT", "CONNECT /ws/s1 HTTP/1.1", 405, "Allow: GET"},
		{"HTTP/1.0", "GET /ws/s1 HTTP/1.0", 505, ""},
		{"no session", "GET /ws/ HTTP/1.1", 400, ""},
		{"101 characters", "GET /ws/" + strings.Repeat("x", 101) + " HTTP/1.1", 400, ""},
		{"a slash", "GET /ws/s1/ HTTP/1.1", 400, ""},
		{"a slash in percents", "GET /ws/s%2f1 HTTP/1.1", 400, ""},
		{"NUL in percents", "GET /ws/s1%00 HTTP/1.1", 400, ""},
		{"half a percent", "GET /ws/s1% HTTP/1.1", 400, ""},
		{"no host", "Host:", 400, ""},
		{"an empty host", "Host: ", 400, ""},
		{"two hosts", "Host: h\r\nHost: evil", 400, ""},
		{"another site", "Origin: http://evil", 403, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines := plainHandshake()
			if strings.Contains(tt.line, " HTTP/1.") {
				lines[0] = tt.line
			} else {
				lines = with(lines, tt.line)
			}
			resp := h.rawDial().send(lines)
			if resp.StatusCode != tt.status {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.status)
			}
			if name, value, _ := strings.Cut(tt.header, ": "); resp.Header.Get(name) != value {
				t.Errorf("header %v, want %s", resp.Header, tt.header)
			}
		})
	}
	if status := h.gw.Status(); status.Sessions != 0 || status.Sockets != 0 {
		t.Errorf("refused handshakes left %+v", status)
	}
}

// TestRefusedHandshakeSaysWhy: the answer is a problem document, and the same
// connection takes the next request.
func TestRefusedHandshakeSaysWhy(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	c := h.rawDial()
	for range 2 {
		resp := c.send(with(plainHandshake(), "Sec-WebSocket-Version: 8"))
		body, err := io.ReadAll(resp.Body)
		var p wire.Problem
		if err != nil || json.Unmarshal(body, &p) != nil || p.Code != wire.CodeBadRequest || !strings.Contains(p.Detail, "Sec-WebSocket-Version: 13") {
			t.Fatalf("%s, %v", body, err)
		}
		_ = resp.Body.Close()
	}
	if resp := c.send(plainHandshake()); resp.StatusCode != 101 {
		t.Errorf("the right handshake after wrong ones: %d", resp.StatusCode)
	}
}

// TestBadSessionOfVersion2: browsers cannot see a status, so they are told by a
// close code.
func TestBadSessionOfVersion2(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	for path, code := range map[string]int{
		"/ws/": wire.CloseBadRequest, "/ws/a.b": wire.CloseBadRequest, "/ws/%C3%A4": wire.CloseBadRequest,
		"/ws/" + strings.Repeat("x", 101): wire.CloseBadRequest,
	} {
		lines := with(plainHandshake(), "Sec-WebSocket-Protocol: "+wire.Subprotocol)
		lines[0] = "GET " + path + " HTTP/1.1"
		c := h.rawDial()
		if resp := c.send(lines); resp.StatusCode != 101 {
			t.Errorf("%s: %d", path, resp.StatusCode)
			continue
		}
		c.client().expectClose(code)
	}
	h.awaitSockets(0)
}

// TestHandshakeOverHTTP2 has nothing to upgrade; the client is told what to do.
func TestHandshakeOverHTTP2(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	server := httptest.NewUnstartedServer(h.gw.Wrap(testApp()))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	transport := &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs},
	}
	defer transport.CloseIdleConnections()
	r, _ := http.NewRequest("GET", server.URL+"/ws/s1", nil)
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header.Set("Sec-WebSocket-Key", sampleKey)
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusUpgradeRequired || !bytes.Contains(body, []byte("HTTP/1.1")) {
		t.Errorf("%s %d %s %v", resp.Proto, resp.StatusCode, body, err)
	}
}

// TestFramesRightBehindTheHandshake: net/http has read them with the request.
func TestFramesRightBehindTheHandshake(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x")
	lines := with(plainHandshake(), "Sec-WebSocket-Protocol: "+wire.Subprotocol)
	frames := join(
		masked(ws.OpText, true, `{"type":"resume","observers":{}}`),
		masked(ws.OpText, true, `{"type":"subscribe","id":1,"url":"/a"}`),
		masked(ws.OpPing, true, "at once"))
	for _, cut := range []int{0, 1, 2, 5, 6, 7, len(frames) / 2, len(frames) - 1, len(frames)} {
		c := h.rawDial()
		resp := c.send(lines, frames[:cut]...)
		if resp.StatusCode != 101 {
			t.Fatalf("cut at %d: %d", cut, resp.StatusCode)
		}
		if _, err := c.Write(frames[cut:]); err != nil {
			t.Fatal(err)
		}
		client := c.client()
		client.expect("hello")
		client.until("snapshot")
		client.write(ws.OpClose, nil)
		client.expectClose(1000)
	}
	h.awaitSockets(0)
}

// TestForeignOriginsOfSockets: what is no exact origin of this host is another
// site's.
func TestForeignOriginsOfSockets(t *testing.T) {
	h := newHouse(t, Config{Origins: []string{"https://app.example.org"}}, nil)
	tests := map[string]bool{
		"http://h": true, "https://h": true, "http://h:80": true, "HTTP://H": true, "https://app.example.org": true,
		"null": false, "": false, "http://": false, "://h": false, "h": false, "http://h@evil": false, "http://evil@h": false,
		"http://h/": false, "http://h:80:80": false, "http://h:443": false, "http://h.evil": false, "http://evil#h": false,
		"http://evil\\@h": false, "file://h": false, "http://h http://evil": false, "https://app.example.org.evil": false,
		"https://app.example.org:8443": false, "http://app.example.org": false, "http://h\r\nOrigin: http://h": false,
	}
	for origin, allowed := range tests {
		resp := h.rawDial().send(append(plainHandshake(), "Origin: "+origin))
		if want := map[bool]int{true: 101, false: 403}[allowed]; resp.StatusCode != want {
			t.Errorf("Origin %q: %d, want %d", origin, resp.StatusCode, want)
		}
	}
}

// TestSlowHandshake: a handshake of one byte at a time is one handshake; how
// long it may take is for http.Server.ReadHeaderTimeout to say, which a socket
// does not inherit.
func TestSlowHandshake(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	h.worker.lists["/a"] = items("1:x")
	c := h.rawDial()
	for _, b := range []byte(strings.Join(plainHandshake(), "\r\n") + "\r\n\r\n") {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("%v %v", resp, err)
	}
	client := c.client()
	h.observe("/a", "s1")
	h.worker.set(map[string][]diff.Item{"/a": items("2:y")})
	client.expect("removed", "added")
}
