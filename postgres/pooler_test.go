package postgres

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// TestPooler: one that stands in between is known by what it says of its
// connections, or by what it refuses.
func TestPooler(t *testing.T) {
	db := pgtest.Database(t)
	at, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	server := at.Host
	at.Host = pooler(t, server)
	whyRefused(t, Config{URL: at.String()}).want(t, "a pooler stands between", "the server's own address")
}

// pooler hands connections on, and gives them process numbers of its own.
func pooler(t *testing.T, server string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	t.Cleanup(func() { l.Close() })
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			backend, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			all.Go(func() { defer backend.Close(); _, _ = io.Copy(backend, client) })
			all.Go(func() { defer client.Close(); renumber(client, backend) })
		}
	})
	return l.Addr().String()
}

// renumber copies messages of a server, with another process number.
func renumber(client io.Writer, backend io.Reader) {
	head := make([]byte, 5)
	for {
		if _, err := io.ReadFull(backend, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(backend, body); err != nil {
			return
		}
		if head[0] == 'K' {
			body[0] ^= 0x40
		}
		if _, err := client.Write(append(append([]byte(nil), head...), body...)); err != nil {
			return
		}
	}
}
