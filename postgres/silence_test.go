package postgres

import (
	"io"
	"net"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// wire passes connections on to a server. Cut, those that there are stay open
// and bring nothing any more, as through a network that drops what it is given.
type wire struct {
	net.Listener
	to  string
	mu  sync.Mutex
	cut chan struct{} // closed when the connections of now are cut
}

func (w *wire) serve() {
	for {
		near, err := w.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", w.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		w.mu.Lock()
		cut := w.cut
		w.mu.Unlock()
		go pass(near, far, cut)
		go pass(far, near, cut)
	}
}

// pass copies until the wire is cut; what comes then is swallowed.
func pass(from, to net.Conn, cut chan struct{}) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-cut:
			_, _ = io.Copy(io.Discard, from)
			return
		default:
		}
		if n > 0 {
			_, _ = to.Write(buffer[:n])
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}

func (w *wire) sever() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.cut)
	w.cut = make(chan struct{})
}

// TestSilence: a connection that is dead without a word is given up, and what
// was committed meanwhile comes over the next one.
func TestSilence(t *testing.T) {
	t.Parallel() // it mostly waits
	db := pgtest.Database(t)
	db.Exec(t, "CREATE TABLE item (id int PRIMARY KEY)")
	at, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: listener, to: at.Host, cut: make(chan struct{})}
	defer w.Close()
	defer w.sever()
	go w.serve()
	at.Host = "127.0.0.1:" + strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	handle, s, err := Config{URL: at.String()}.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer handle.Close()
	s.senderTimeout = time.Second
	came := make(chan struct{})
	go func() {
		defer close(came)
		for set, err := range s.Stream(t.Context(), s.Position()) {
			if err != nil {
				t.Error(err)
				return
			}
			if len(set.Changes) > 0 {
				if set.Changes[0].New[0] != int64(1) {
					t.Errorf("what came is %+v", set.Changes)
				}
				return
			}
		}
	}()
	eventually(t, func() bool { return s.flow.Load() != nil })
	w.sever()
	db.Exec(t, "INSERT INTO item VALUES (1)")
	select {
	case <-came:
	case <-time.After(90 * time.Second):
		t.Fatal("nothing comes any more")
	}
}
