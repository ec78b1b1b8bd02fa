package floor

import (
	"net"
	"net/http"
	"sync"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// handshake takes sockets and does nothing with them. An app is an
// http.Handler, so each connection costs net/http's goroutine, buffers and
// parsing, and the library's answer; all else is left out, reading included.
type handshake struct {
	mu    sync.Mutex
	conns []net.Conn
}

func handshakeVerbs() map[string]role.Verb {
	h := &handshake{}
	return map[string]role.Verb{
		"open": role.Do(func(role.None) (any, error) { return serve(http.HandlerFunc(h.join)) }),
		"drop": role.Do(h.drop),
	}
}

func (h *handshake) join(w http.ResponseWriter, r *http.Request) {
	conn, _, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		return
	}
	h.mu.Lock()
	h.conns = append(h.conns, conn)
	h.mu.Unlock()
}

// drop closes what the clients have left.
func (h *handshake) drop(role.None) (any, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, conn := range h.conns {
		conn.Close()
	}
	h.conns = nil
	return role.None{}, nil
}
