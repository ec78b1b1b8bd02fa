package floor

import (
	"encoding/json"
	"net"
	"net/http"
	"sync"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// Frames sets what a fan-out writes to each socket, in one write.
type Frames struct {
	Texts []string `json:"texts"`
}

// fanout writes prepared bytes to every socket. A TCP connection takes a
// system call of its own for each write, and nothing else is done here: one
// loop over the connections, no lock, no queue, no goroutine to be woken.
type fanout struct {
	mu    sync.Mutex
	conns []net.Conn
	bytes []byte
}

func fanoutVerbs() map[string]role.Verb {
	f := &fanout{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws/{session}", f.join)
	mux.HandleFunc("POST /write", f.write)
	return map[string]role.Verb{
		"open":   role.Do(func(role.None) (any, error) { return serve(mux) }),
		"frames": role.Do(f.prepare),
	}
}

func (f *fanout) prepare(frames Frames) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bytes = nil
	for _, text := range frames.Texts {
		frame, err := ws.CompileFrame(ws.NewTextFrame([]byte(text)))
		if err != nil {
			return nil, err
		}
		f.bytes = append(f.bytes, frame...)
	}
	return role.None{}, nil
}

func (f *fanout) join(w http.ResponseWriter, r *http.Request) {
	conn, _, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		return
	}
	f.mu.Lock()
	f.conns = append(f.conns, conn)
	f.mu.Unlock()
}

// write stands for the commit: the loop begins where it has returned.
func (f *fanout) write(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := role.Now()
	for _, conn := range f.conns {
		_, _ = conn.Write(f.bytes) // the client counts what arrived
	}
	_ = json.NewEncoder(w).Encode(app.Written{At: at})
}
