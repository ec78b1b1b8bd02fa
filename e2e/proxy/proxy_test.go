// Package proxy runs what docs/serve.md says of nginx and Caddy: each is started
// with the snippet from there before a served database, and clients of all
// kinds go through it.
package proxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/follow"
	"github.com/wakeful-dev/wakeful/sqlite"
)

// snippet returns the block of the manual that begins with a line.
func snippet(t *testing.T, kind, first string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/serve.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?ms)^```"+kind+"\n(.*?)^```").FindAllSubmatch(text, -1) {
		if strings.HasPrefix(string(block[1]), first) {
			return string(block[1])
		}
	}
	t.Fatalf("docs/serve.md has no block of %s that begins with %q", kind, first)
	return ""
}

// freePort finds one below those that systems give to connections, which would
// take it before the program does that it is for.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(20_000 + rand.IntN(12_000))
		if listener, err := net.Listen("tcp", ":"+port); err == nil {
			listener.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return ""
}

// output is what a program says.
type output struct {
	mu      sync.Mutex
	b       bytes.Buffer
	written chan struct{} // has one element when there is more
}

// await waits until a part has been said.
func (o *output) await(ctx context.Context, part string) bool {
	for !strings.Contains(o.String(), part) {
		select {
		case <-o.written:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.written <- struct{}{}:
	default:
	}
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start runs a program until the test ends.
func start(t *testing.T, command *exec.Cmd) *output {
	t.Helper()
	said := &output{written: make(chan struct{}, 1)}
	command.Stderr = said
	if command.Stdout == nil {
		command.Stdout = said
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		ended := make(chan struct{})
		go func() { _ = command.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = command.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", command.Path, said)
		}
	})
	return said
}

// database makes a file with rows.
func database(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "app.db")
	db, source, err := sqlite.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE posts (id INTEGER PRIMARY KEY, title TEXT);
		INSERT INTO posts (title) VALUES ('a'), ('b')`); err != nil {
		t.Fatal(err)
	}
	return file
}

// served runs wakeful serve as the manual says, and returns its address.
func served(t *testing.T, port string) *output {
	t.Helper()
	arguments := strings.Fields(strings.TrimPrefix(strings.TrimSpace(snippet(t, "sh", "wakeful serve --db app.db --base-path")), "wakeful"))
	for i, a := range arguments {
		if a == "app.db" {
			arguments[i] = database(t)
		}
	}
	arguments = append(arguments, "--listen", "127.0.0.1:"+port, "--operator", "off", "--drain", "10ms")
	command := exec.Command(os.Getenv("WAKEFUL_BINARY"), arguments...)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	command.Stdout = writer
	said := start(t, command)
	writer.Close()
	if line, err := bufio.NewReader(reader).ReadString('\n'); err != nil {
		t.Fatalf("serve said %q, %v: %s", line, err, said)
	}
	return said
}

// answers waits until something listens at an address.
func answers(t *testing.T, address string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("nothing listens at %s", address)
		}
	}
}

func TestNginx(t *testing.T) {
	for name, first := range map[string]string{"passed on": "map $http_upgrade", "taken off": "    location /shop/"} {
		t.Run(name, func(t *testing.T) {
			program := need(t, "NGINX")
			behind, port, dir := freePort(t), freePort(t), t.TempDir()
			conf := snippet(t, "nginx", "map $http_upgrade")
			if first != "map $http_upgrade" {
				conf = regexp.MustCompile(`(?ms)^    location .*?^    }\n`).ReplaceAllLiteralString(conf, snippet(t, "nginx", first))
			}
			conf = replace(t, conf, "127.0.0.1:8080", "127.0.0.1:"+behind)
			conf = replace(t, conf, "listen 80;", "listen 127.0.0.1:"+port+";")
			frame := "pid %[1]s/pid; error_log stderr; daemon off; worker_processes 1;\nevents {}\nhttp {\naccess_log off;\n"
			if os.Getuid() == 0 {
				frame = "user root;\n" + frame
			}
			for _, temporary := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
				frame += temporary + "_temp_path %[1]s/" + temporary + ";\n"
			}
			file := filepath.Join(dir, "nginx.conf")
			if err := os.WriteFile(file, []byte(fmt.Sprintf(frame, dir)+conf+"}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			log := served(t, behind)
			start(t, exec.Command(program, "-p", dir, "-e", "stderr", "-c", file))
			through(t, "127.0.0.1:"+port, log)
		})
	}
}

func TestCaddy(t *testing.T) {
	for _, first := range []string{"example.org {\n    reverse_proxy", "example.org {\n    handle_path"} {
		t.Run(strings.TrimSpace(strings.TrimPrefix(first, "example.org {")), func(t *testing.T) {
			program := need(t, "CADDY")
			behind, port, dir := freePort(t), freePort(t), t.TempDir()
			conf := replace(t, snippet(t, "caddy", first), "127.0.0.1:8080", "127.0.0.1:"+behind)
			conf = replace(t, conf, "example.org {", "http://127.0.0.1:"+port+" {")
			file := filepath.Join(dir, "Caddyfile")
			if err := os.WriteFile(file, []byte("{\nadmin off\nauto_https off\n}\n"+conf), 0o600); err != nil {
				t.Fatal(err)
			}
			log := served(t, behind)
			command := exec.Command(program, "run", "--adapter", "caddyfile", "--config", file)
			command.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
			start(t, command)
			through(t, "127.0.0.1:"+port, log)
		})
	}
}

func need(t *testing.T, name string) string {
	t.Helper()
	if os.Getenv(name) == "" || os.Getenv("WAKEFUL_BINARY") == "" {
		t.Skip("run by e2e/proxy/test.sh")
	}
	return os.Getenv(name)
}

func replace(t *testing.T, text, old, with string) string {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("the snippet has no %q:\n%s", old, text)
	}
	return strings.ReplaceAll(text, old, with)
}

// through sends clients of all kinds through a proxy.
func through(t *testing.T, address string, log *output) {
	answers(t, address)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	base := "http://" + address

	// Links are those of the proxy; what a client says of itself does not count.
	transport := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.2")}}).DialContext}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/shop/api/posts?limit=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	r.Header.Set("X-Forwarded-Host", "evil.example")
	r.Header.Set("X-Forwarded-Proto", "https")
	r.Header.Set("X-Forwarded-Prefix", "/evil")
	answer, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var page struct {
		Count int    `json:"count"`
		Next  string `json:"next"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&page); err != nil || page.Count != 2 || !strings.HasPrefix(page.Next, base+"/shop/api/posts?") {
		t.Errorf("a page: %s %+v, %v; want a link under %s/shop", answer.Status, page, err, base)
	}
	if !log.await(ctx, "from=127.0.0.2:") || strings.Contains(log.String(), "192.0.2.1") {
		t.Errorf("the log does not name the client: %s", log)
	}

	config := func(session string) follow.Config {
		return follow.Config{Server: base, Session: session, Prefix: "/shop/api/queryobserver", SocketPrefix: "/shop/ws/"}
	}
	socket := follow.NewClient(config("socket"))
	events := follow.NewView(config("events"), "/shop/api/posts")
	poller := follow.NewPoller(config("poller"))
	for name, c := range map[string]*follow.Client{"WebSocket": socket, "event stream": events} {
		if err := c.Connect(ctx); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer c.Close()
	}
	if _, err := socket.Subscribe(ctx, "/shop/api/posts"); err != nil {
		t.Fatal(err)
	}
	if _, err := poller.Poll(ctx, "/shop/api/posts", 0, ""); err != nil {
		t.Fatal(err)
	}
	polled := make(chan error, 1)
	go func() {
		changed, err := poller.Poll(ctx, "/shop/api/posts", 30*time.Second, "")
		if err == nil && !changed {
			err = fmt.Errorf("the poll ended without a change")
		}
		polled <- err
	}()
	write, err := http.Post(base+"/shop/api/posts", "application/json", strings.NewReader(`{"title":"c"}`))
	if err != nil {
		t.Fatal(err)
	}
	write.Body.Close()
	if write.StatusCode != http.StatusCreated || !strings.HasPrefix(write.Header.Get("Location"), base+"/shop/api/posts/") && !strings.HasPrefix(write.Header.Get("Location"), "/shop/api/posts/") {
		t.Errorf("a write: %s, Location %q", write.Status, write.Header.Get("Location"))
	}
	if err := <-polled; err != nil {
		t.Errorf("long poll: %v", err)
	}
	for name, c := range map[string]*follow.Client{"WebSocket": socket, "event stream": events} {
		if err := c.Wait(ctx, func(v follow.View) bool {
			return slices.ContainsFunc(v.Lists(), func(l *follow.List) bool { return len(l.Items) == 3 })
		}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, fault := range c.Faults() {
			t.Errorf("%s: %v", name, fault)
		}
	}
}
