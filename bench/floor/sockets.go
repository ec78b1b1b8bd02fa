package floor

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/gobwas/ws"
)

// sockets are those of clients whose numbers end their sessions' names.
type sockets struct {
	mu    sync.Mutex
	conns map[int]net.Conn // by number, from 0
}

func (s *sockets) join(w http.ResponseWriter, r *http.Request) {
	session := r.PathValue("session")
	number, err := strconv.Atoi(session[strings.LastIndexByte(session, '-')+1:])
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	conn, _, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		s.conns = map[int]net.Conn{}
	}
	s.conns[number] = conn
}
