package resolwe

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"
)

// link is the network between the tabs and the server: a TCP proxy that can
// fail in ways of which one end, or neither, is told.
type link struct {
	t     *testing.T
	front net.Listener
	back  string

	mu        sync.Mutex
	pulse     chan struct{} // closed and made anew when anything below changes
	wires     map[*wire]bool
	down      bool // new connections are refused
	swallow   bool // what the server sends on sockets is lost
	brusque   bool // an end that says nothing more gets nothing more, as with most HTTP proxies
	hold      bool // what the server answers on HTTP waits
	stall     bool // what clients ask on HTTP waits
	swallowed int  // bytes
	held      int  // bytes of answers that wait
	stalled   int  // bytes of requests that wait
	closed    bool
}

// wire is one connection through the link.
type wire struct {
	client, server net.Conn
	socket         bool // carries a WebSocket
	open           bool // its handshake was answered
	cut            bool // the client's half is gone, the server does not know
}

// openLink listens for clients of the server at back.
func openLink(t *testing.T, back string) *link {
	t.Helper()
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{t: t, front: front, back: back, pulse: make(chan struct{}), wires: map[*wire]bool{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := front.Accept()
			if err != nil {
				return
			}
			running.Go(func() { l.carry(client) })
		}
	})
	t.Cleanup(func() {
		_ = front.Close()
		l.set(func() {
			l.closed = true
			for w := range l.wires {
				_, _ = w.client.Close(), w.server.Close()
			}
		})
		running.Wait()
	})
	return l
}

// origin is where browsers find the server.
func (l *link) origin() string { return "http://" + l.front.Addr().String() }

// set changes the link's state and wakes who waits for it.
func (l *link) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	close(l.pulse)
	l.pulse = make(chan struct{})
}

// await waits until done, asked under the lock, says so.
func (l *link) await(what string, done func() bool) {
	l.t.Helper()
	late := time.After(patience)
	for {
		l.mu.Lock()
		pulse, ok := l.pulse, done()
		l.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-pulse:
		case <-late:
			l.t.Fatalf("no end after %v of waiting for %s", patience, what)
		}
	}
}

// cut breaks every connection at the clients' end and refuses new ones. The
// server's ends stay open and take what it writes.
func (l *link) cut() {
	l.set(func() {
		l.down = true
		for w := range l.wires {
			w.cut = true
			reset(w.client)
		}
	})
}

// heal lets clients through again.
func (l *link) heal() { l.set(func() { l.down, l.swallow = false, false }) }

// lose lets everything that the server sends on open sockets from now on be
// lost, while both ends believe that all is well. Only a cut ends it.
func (l *link) lose() { l.set(func() { l.swallow = true }) }

// delay holds back all HTTP answers until release.
func (l *link) delay() { l.set(func() { l.hold, l.held = true, 0 }) }

// postpone holds back all HTTP requests until release.
func (l *link) postpone() { l.set(func() { l.stall, l.stalled = true, 0 }) }

func (l *link) release() { l.set(func() { l.hold, l.stall = false, false }) }

// carry joins a client to the server until one of them ends.
func (l *link) carry(client net.Conn) {
	first := make([]byte, 16<<10)
	n, err := client.Read(first)
	l.mu.Lock()
	down := l.down || l.closed
	l.mu.Unlock()
	if err != nil || down {
		reset(client)
		return
	}
	server, err := net.Dial("tcp", l.back)
	if err != nil {
		reset(client)
		return
	}
	w := &wire{client: client, server: server, socket: bytes.HasPrefix(first[:n], []byte("GET /ws/"))}
	refused := false
	l.set(func() {
		refused = l.down || l.closed
		if !refused {
			l.wires[w] = true
		}
	})
	if refused {
		reset(client)
		_ = server.Close()
		return
	}
	l.wait(w, n, &l.stall, &l.stalled)
	_, _ = server.Write(first[:n]) // a failure shows in the next read
	var both sync.WaitGroup
	both.Go(func() { l.upwards(w) })
	both.Go(func() { l.downwards(w) })
	both.Wait()
	_, _ = w.client.Close(), w.server.Close()
	l.set(func() { delete(l.wires, w) })
}

// upwards carries what the client sends. Its end reaches the server only where
// the link was not cut.
func (l *link) upwards(w *wire) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := w.client.Read(buffer)
		if n > 0 {
			l.wait(w, n, &l.stall, &l.stalled)
			_, _ = w.server.Write(buffer[:n]) // a failure shows in the next read
		}
		if err != nil {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !w.cut {
		end(w.server)
	}
}

// downwards carries what the server sends.
func (l *link) downwards(w *wire) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := w.server.Read(buffer)
		_, _ = w.client.Write(l.passes(w, buffer[:n])) // a failure shows in upwards
		if err != nil {
			break
		}
	}
	l.mu.Lock()
	brusque := l.brusque
	l.mu.Unlock()
	if brusque {
		_, _ = w.client.Close(), w.server.Close()
	}
	end(w.client)
}

// wait keeps n bytes of HTTP back as long as the switch is on, and counts them.
func (l *link) wait(w *wire, n int, on *bool, count *int) {
	if w.socket {
		return
	}
	counted := false
	for {
		l.mu.Lock()
		if !*on || w.cut || l.closed {
			l.mu.Unlock()
			return
		}
		pulse := l.pulse
		l.mu.Unlock()
		if !counted {
			counted = true
			l.set(func() { *count += n })
			continue
		}
		<-pulse
	}
}

// passes returns how much of what the server sent reaches the client.
func (l *link) passes(w *wire, sent []byte) []byte {
	if len(sent) == 0 {
		return nil
	}
	l.wait(w, len(sent), &l.hold, &l.held)
	var answer []byte
	if w.socket && !w.open {
		w.open = true
		before, _, _ := bytes.Cut(sent, []byte("\r\n\r\n"))
		answer = sent[:min(len(before)+4, len(sent))]
	}
	l.mu.Lock()
	lost, cut := w.socket && l.swallow, w.cut
	l.mu.Unlock()
	switch {
	case cut:
		return nil
	case lost:
		if n := len(sent) - len(answer); n > 0 {
			l.set(func() { l.swallowed += n })
		}
		return answer
	}
	return sent
}

// end says that nothing more will come; the other direction stays open.
func end(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.CloseWrite() // it may be gone already
	}
}

// reset closes a connection so that the other end sees it break.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it the close is an orderly one
	}
	_ = c.Close()
}

// lost is how many bytes have been.
func (l *link) lost() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.swallowed
}
