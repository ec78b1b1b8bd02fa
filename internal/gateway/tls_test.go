package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

// TestSlowOverTLS: a connection over TLS is lost with the first write that is
// not done in time. A client that reads a long list at 2 KiB a second has it in
// the end, as a socket and as events.
func TestSlowOverTLS(t *testing.T) {
	certified := httptest.NewTLSServer(nil)
	certificates := certified.TLS.Certificates
	certified.Close()
	socket := with(plainHandshake(), "Sec-WebSocket-Protocol: "+wire.Subprotocol)
	for name, request := range map[string][]string{
		"socket": socket,
		"events": {"GET /a HTTP/1.1", "Host: h", "Accept: text/event-stream"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := newPipes()
				listener := tls.NewListener(network, &tls.Config{Certificates: certificates})
				h := newHouseOn(t, Config{}, nil, &httptest.Server{Listener: listener, Config: &http.Server{}})
				h.worker.set(map[string][]diff.Item{"/a": items("1:"+strings.Repeat("x", 300<<10), "2:end")})
				plain, err := network.dial(context.Background(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				conn := tls.Client(plain, &tls.Config{InsecureSkipVerify: true})
				defer conn.Close()
				slow := &rawConn{t: t, Conn: conn, in: bufio.NewReaderSize(conn, 16)}
				status := http.StatusOK
				if name == "socket" {
					status = http.StatusSwitchingProtocols
				}
				if resp := slow.send(request); resp.StatusCode != status {
					t.Fatalf("status %d", resp.StatusCode)
				}
				if name == "socket" {
					for _, text := range []string{`{"type":"resume","observers":{}}`, `{"type":"subscribe","id":1,"url":"/a"}`} {
						if _, err := conn.Write(masked(ws.OpText, true, text)); err != nil {
							t.Fatal(err)
						}
					}
				}
				var got strings.Builder
				for !strings.Contains(got.String(), `"end"`) {
					if _, err := io.CopyN(&got, slow.in, 2<<10); err != nil {
						t.Fatalf("cut off after %d bytes: %v", got.Len(), err)
					}
					pass(time.Second)
				}
			})
		})
	}
}
