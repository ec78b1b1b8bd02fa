package gateway

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/diff"
)

// crowd is many clients on loopback, whose frames are counted and thrown away.
type crowd struct {
	got sync.WaitGroup
}

func (c *crowd) read(conn net.Conn, in *bufio.Reader, marker string) {
	buf := make([]byte, 0, 1024)
	for {
		h, err := ws.ReadHeader(in)
		if err != nil {
			return
		}
		if int(h.Length) > cap(buf) {
			buf = make([]byte, h.Length)
		}
		buf = buf[:h.Length]
		if _, err := io.ReadFull(in, buf); err != nil {
			return
		}
		if bytes.Contains(buf, []byte(marker)) {
			c.got.Done()
		}
	}
}

const crowdSize = 1000

// BenchmarkFanOut is one change to 1,000 version 2 sockets on one observer, up
// to its arrival; BenchmarkFanOutFloor is a bare loop that writes one prepared
// frame to as many.
func BenchmarkFanOut(b *testing.B) {
	for _, v := range []version{version1, version2} {
		b.Run(fmt.Sprintf("version%d", v), func(b *testing.B) { benchFanOut(b, v) })
	}
}

func benchFanOut(b *testing.B, v version) {
	h := newBenchHouse(b)
	h.worker.lists["/a"] = items("1:x")
	var c crowd
	for i := range crowdSize {
		id := fmt.Sprintf("s%d", i)
		conn, in := h.benchDial(b, id, v)
		if v == version2 {
			resume := ws.MaskFrame(ws.NewTextFrame([]byte(`{"type":"resume","observers":{}}`)))
			if err := ws.WriteFrame(conn, resume); err != nil {
				b.Fatal(err)
			}
		}
		h.observe("/a", id)
		marker := `"msg":"changed"`
		if v == version2 {
			marker = `"changes"`
		}
		go c.read(conn, in, marker)
	}
	b.ResetTimer()
	for i := range b.N {
		c.got.Add(crowdSize)
		h.worker.set(map[string][]diff.Item{"/a": items(fmt.Sprintf("1:value %d", i))})
		c.got.Wait()
	}
	b.ReportMetric(float64(b.N)*crowdSize/b.Elapsed().Seconds(), "deliveries/s")
}

func newBenchHouse(b *testing.B) *house {
	return newHouse(b, Config{Limits: Limits{Sessions: -1}}, nil)
}

func (h *house) benchDial(b *testing.B, id string, v version) (net.Conn, *bufio.Reader) {
	dialer := ws.Dialer{}
	if v == version2 {
		dialer.Protocols = []string{"wakeful.v2+json"}
	}
	conn, in, _, err := dialer.Dial(context.Background(), strings.Replace(h.server.URL, "http", "ws", 1)+"/ws/"+id)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	if in == nil {
		in = bufio.NewReaderSize(conn, 512)
	}
	return conn, in
}

func BenchmarkFanOutFloor(b *testing.B) {
	conns := make(chan net.Conn, crowdSize)
	server := newUpgradeServer(b, conns)
	var c crowd
	var all []net.Conn
	for range crowdSize {
		conn, _, _, err := ws.Dial(context.Background(), strings.Replace(server, "http", "ws", 1))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = conn.Close() })
		go c.read(conn, bufio.NewReaderSize(conn, 512), `"changes"`)
		all = append(all, <-conns)
	}
	frame := appendText(nil, []byte(`{"type":"changes","observer":"`+strings.Repeat("x", 64)+`","epoch":"epoch-1","seq":1,"position":"testtest0000000000000001","ops":[{"op":"changed","key":"1","set":{"v":"value 1"}}]}{"type":"progress","position":"testtest0000000000000001","whole":true}`))
	b.ResetTimer()
	for range b.N {
		c.got.Add(crowdSize)
		for _, conn := range all {
			if _, err := conn.Write(frame); err != nil {
				b.Fatal(err)
			}
		}
		c.got.Wait()
	}
	b.ReportMetric(float64(b.N)*crowdSize/b.Elapsed().Seconds(), "deliveries/s")
}

func newUpgradeServer(b *testing.B, conns chan<- net.Conn) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			b.Error(err)
			return
		}
		conns <- conn
	})}
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(func() { _ = server.Close() })
	return "http://" + listener.Addr().String()
}

// BenchmarkIdleSocket reports what one idle socket holds in the heap and in
// stacks, on the server's side and the client's together.
func BenchmarkIdleSocket(b *testing.B) {
	h := newBenchHouse(b)
	h.worker.lists["/a"] = items("1:x")
	var before, after runtime.MemStats
	const n = 2000
	for range b.N {
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range n {
			id := fmt.Sprintf("s%d", i)
			conn, _ := h.benchDial(b, id, version2)
			if err := ws.WriteFrame(conn, ws.MaskFrame(ws.NewTextFrame([]byte(`{"type":"resume","observers":{}}`)))); err != nil {
				b.Fatal(err)
			}
			h.observe("/a", id)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "heapB/socket")
		b.ReportMetric(float64(after.StackInuse-before.StackInuse)/n, "stackB/socket")
	}
}

const herdSize = 2000

// BenchmarkReconnect is 2,000 version 2 clients that come back at once and are
// caught up; BenchmarkReconnectFloor is as many bare handshakes.
func BenchmarkReconnect(b *testing.B) {
	h := newBenchHouse(b)
	h.worker.lists["/a"] = items("1:x")
	e := h.observe("/a", "s0")
	for i := range herdSize {
		h.observe("/a", fmt.Sprintf("s%d", i))
	}
	h.worker.set(map[string][]diff.Item{"/a": items("1:y")})
	h.awaitState(e.Observer, 1)
	asks := h.worker.asks()
	resume := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame(fmt.Appendf(nil,
		`{"type":"resume","id":1,"observers":{%q:{"epoch":%q,"seq":0,"url":"/a"}}}`, e.Observer, e.Epoch))))
	b.ResetTimer()
	for range b.N {
		herd(b, func(i int) {
			conn, in := h.benchDial(b, fmt.Sprintf("s%d", i), version2)
			if _, err := conn.Write(resume); err != nil {
				b.Error(err)
			}
			var c crowd
			c.got.Add(1)
			go c.read(conn, in, `"type":"progress"`)
			c.got.Wait()
			_ = conn.Close()
		})
	}
	if h.worker.asks() != asks {
		b.Errorf("%d questions to the worker, want none", h.worker.asks()-asks)
	}
}

func BenchmarkReconnectFloor(b *testing.B) {
	conns := make(chan net.Conn, herdSize*10)
	server := newUpgradeServer(b, conns)
	b.ResetTimer()
	for range b.N {
		herd(b, func(int) {
			conn, _, _, err := ws.Dial(context.Background(), strings.Replace(server, "http", "ws", 1))
			if err != nil {
				b.Error(err)
				return
			}
			_ = conn.Close()
			_ = (<-conns).Close()
		})
	}
}

// herd runs f for each client, 100 at a time: as many as a backlog takes.
func herd(b *testing.B, f func(i int)) {
	var group sync.WaitGroup
	slots := make(chan struct{}, 100)
	for i := range herdSize {
		slots <- struct{}{}
		group.Go(func() {
			f(i)
			<-slots
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.Elapsed().Milliseconds()), "ms")
}

// BenchmarkTrials is a doubt about the rights of 1,000 subscribers of one list,
// each with credentials of his own, until all have passed.
func BenchmarkTrials(b *testing.B) {
	const users = 1000
	h, k := newClubHouse(b, Config{})
	var f *feed
	for i := range users {
		user := fmt.Sprint("user", i)
		k.move(user, "red")
		f = h.gw.feed(h.observe("/a", user, "Authorization: Bearer "+user).Observer)
	}
	passed := func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, t := range f.grants {
			if !f.sure(t) {
				return false
			}
		}
		return true
	}
	b.ReportAllocs()
	for b.Loop() {
		f.doubt()
		for !passed() {
			runtime.Gosched()
		}
	}
	b.ReportMetric(users*float64(b.N)/b.Elapsed().Seconds(), "trials/s")
}
