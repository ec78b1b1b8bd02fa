package gateway

import (
	"net"
	"testing"
	"time"
)

// TestUnsent: the kernel takes little more for a client that does not read than
// the client's own kernel takes in. Without the limit it is 4 MB.
func TestUnsent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	limitUnsent(server)
	_ = server.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := server.Write(make([]byte, 16<<20)); err == nil || n == 0 || n > maxUnsent+512<<10 {
		t.Errorf("%d bytes were taken (%v), want little more than %d", n, err, maxUnsent)
	}
}
