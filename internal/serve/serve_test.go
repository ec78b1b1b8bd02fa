package serve

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/follow"
	"github.com/wakeful-dev/wakeful/sqlite"
)

// open makes a server of a database with these statements.
func open(t *testing.T, text string, args ...string) *Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "app.db")
	db, source, err := sqlite.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := source.Close(); err != nil {
		t.Fatal(err)
	}
	set := flag.NewFlagSet("serve", flag.ContinueOnError)
	settings := NewSettings(set)
	if err := set.Parse(append([]string{"--db", file, "--drain", "10ms"}, args...)); err != nil {
		t.Fatal(err)
	}
	if err := settings.Load(func(string) (string, bool) { return "", false }); err != nil {
		t.Fatal(err)
	}
	s, err := Open(settings, slog.New(slog.DiscardHandler), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// running serves at a free port until the test ends.
func running(t *testing.T, s *Server) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, listener, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func get(s *Server, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "127.0.0.1:8080"
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

const world = `CREATE TABLE posts (id INTEGER PRIMARY KEY, title TEXT); INSERT INTO posts (title) VALUES ('a'), ('b')`

// TestBasePath: all is under the base path and says so in its links; health is
// at the root too.
func TestBasePath(t *testing.T) {
	s := open(t, world, "--base-path", "shop/")
	for target, want := range map[string]int{
		"/shop/api/": 200, "/shop/api": 200, "/shop/api/posts": 200, "/shop/api/posts/1": 200, "/shop/healthz": 200, "/healthz": 200,
		"/api/": 404, "/api/posts": 404, "/": 404, "/shop": 404, "/shopapi/posts": 404, "/shop/api/postss": 404,
	} {
		if w := get(s, "GET", target); w.Code != want {
			t.Errorf("GET %s: %d %s, want %d", target, w.Code, w.Body, want)
		}
	}
	if w := get(s, "GET", "/shop/api/posts?limit=1"); !strings.Contains(w.Body.String(), `"http://127.0.0.1:8080/shop/api/posts?limit=1`) {
		t.Errorf("a page: %s", w.Body)
	}
	if w := get(s, "GET", "/shop/api/"); !strings.Contains(w.Body.String(), `"url":"http://127.0.0.1:8080/shop/api/posts"`) {
		t.Errorf("the index: %s", w.Body)
	}
}

// TestNames: tables may have any name that a database takes.
func TestNames(t *testing.T) {
	var text strings.Builder
	names := []string{"two words", "a/b", "x{y}", "{key}", "100%", "ümlaut", "semi;colon", `quo"te`, "Ordering", "select", "a%2Fb", "q?x=1", "$"}
	for _, name := range names {
		fmt.Fprintf(&text, "CREATE TABLE \"%s\" (id INTEGER PRIMARY KEY, \"%[1]s\" TEXT);\n", strings.ReplaceAll(name, `"`, `""`))
	}
	text.WriteString(`CREATE TABLE "openapi.json" (id INTEGER PRIMARY KEY); CREATE TABLE queryobserver (id INTEGER PRIMARY KEY); CREATE TABLE "." (id INTEGER PRIMARY KEY)`)
	s := open(t, text.String())
	w := get(s, "GET", "/api/")
	var index struct {
		Resources []struct{ Name, URL string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &index); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, one := range index.Resources {
		found[one.Name] = one.URL
	}
	for _, name := range names {
		target := strings.TrimPrefix(found[name], "http://127.0.0.1:8080")
		if target == "" {
			t.Errorf("%q is not in %s", name, w.Body)
			continue
		}
		if w := get(s, "GET", target); w.Code != 200 || !strings.Contains(w.Body.String(), `"count":0`) {
			t.Errorf("%q at %s: %d %s", name, target, w.Code, w.Body)
		}
		if w := get(s, "GET", target+"/7"); w.Code != 404 || !strings.Contains(w.Body.String(), "no such row") {
			t.Errorf("%q at %s/7: %d %s", name, target, w.Code, w.Body)
		}
	}
	for _, name := range []string{"openapi.json", "queryobserver", "."} {
		if found[name] != "" {
			t.Errorf("%q is served at %s, which is the server's own", name, found[name])
		}
	}
}

// TestNonsense: whatever is asked is answered with less than 500.
func TestNonsense(t *testing.T) {
	s := open(t, world)
	running(t, s)
	for _, target := range []string{
		"/api/posts/%00", "/api/%00", "/api/posts/1/2/3", "/api/posts//", "/api//posts", "/api/../api/posts", "/api/posts/..%2f..%2fetc",
		"/api/posts?limit=-1", "/api/posts?limit=999999999999999999999", "/api/posts?offset=1e9", "/api/posts?%zz=1", "/api/posts?;=;", "/api/posts?id=%ff",
		"/api/posts?id__in=" + strings.Repeat("1,", 5000), "/api/posts?cursor=xx", "/api/posts?ordering=id;drop%20table%20posts", "/api/posts?" + strings.Repeat("a=1&", 3000),
		"/api/posts?observe=", "/api/posts?observe=" + strings.Repeat("x", 200), "/ws/", "/ws/a/b", "/api/queryobserver/unsubscribe", "/api/queryobserver/ticket", "/api/queryobserver/x",
		"/api/posts/" + strings.Repeat("9", 4000), "/api/" + strings.Repeat("x", 4000), "/api/posts/'%20OR%201=1--",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
			if w := get(s, method, target); w.Code >= 500 || w.Code < 200 {
				t.Errorf("%s %.80s: %d %s", method, target, w.Code, w.Body)
			}
		}
	}
	if w := get(s, "GET", "/api/posts"); w.Code != 200 {
		t.Errorf("afterwards: %d %s", w.Code, w.Body)
	}
}

// TestHeaderOfAProxy: the user is who a trusted proxy says, and nobody else.
func TestHeaderOfAProxy(t *testing.T) {
	config := filepath.Join(t.TempDir(), "wakeful.yaml")
	if err := os.WriteFile(config, []byte("tables: {posts: {read: title = claims.sub or claims.role = 'admin'}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, world, "--config", config, "--auth-header", "X-User", "--auth-claim", "role=X-Role", "--trusted-proxy", "192.0.2.0/24")
	ask := func(remote string, header ...string) (int, string) {
		r := httptest.NewRequest("GET", "/api/posts", nil)
		r.RemoteAddr = remote
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	if status, body := ask("192.0.2.1:9", "X-User", "a"); status != 200 || !strings.Contains(body, `"count":1`) {
		t.Errorf("the proxy: %d %s", status, body)
	}
	if status, body := ask("192.0.2.1:9", "X-User", "x", "X-Role", "admin"); status != 200 || !strings.Contains(body, `"count":2`) {
		t.Errorf("the proxy, of an admin: %d %s", status, body)
	}
	for _, header := range [][]string{{"X-User", "a"}, {"X-User", "a", "X-Role", "admin"}, {"X-User", "a", "X-Forwarded-For", "192.0.2.1"}} {
		if status, body := ask("198.51.100.1:9", header...); status != 401 {
			t.Errorf("anybody with %v: %d %s", header, status, body)
		}
	}
	if status, body := ask("192.0.2.1:9"); status != 401 {
		t.Errorf("the proxy, of nobody: %d %s", status, body)
	}
}

// TestReady: ready is who reads the database's changes and is not being stopped.
func TestReady(t *testing.T) {
	s := open(t, world)
	if w := get(s, "GET", "/readyz"); w.Code != 503 || !strings.Contains(w.Body.String(), "changes") {
		t.Errorf("before it runs: %d %s", w.Code, w.Body)
	}
	if w := get(s, "GET", "/healthz"); w.Code != 200 {
		t.Errorf("health: %d %s", w.Code, w.Body)
	}
	if w := get(s, "POST", "/readyz"); w.Code != 405 {
		t.Errorf("POST: %d %s", w.Code, w.Body)
	}
	s.draining.Store(true)
	if w := get(s, "GET", "/readyz"); w.Code != 503 || !strings.Contains(w.Body.String(), "stopped") {
		t.Errorf("while it is stopped: %d %s", w.Code, w.Body)
	}
}

// TestOperatorIsGuarded: neither a page nor another machine is an operator.
func TestOperatorIsGuarded(t *testing.T) {
	for _, tt := range []struct {
		name, token string
		set         func(*http.Request)
		want        int
	}{
		{"a program of this machine", "", func(*http.Request) {}, 200},
		{"another machine", "", func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1" }, 403},
		{"a page", "", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		{"a page by a name of its own", "", func(r *http.Request) { r.Host = "evil.example:8081" }, 403},
		{"a page without an Origin", "", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"no token", "right", func(*http.Request) {}, 401},
		{"another token", "right", func(r *http.Request) { r.Header.Set("Authorization", "Bearer wrong") }, 401},
		{"the token as a password", "right", func(r *http.Request) { r.Header.Set("Authorization", "Basic right") }, 401},
		{"the token from another machine", "right", func(r *http.Request) {
			r.RemoteAddr = "192.0.2.1:1"
			r.Header.Set("Authorization", "Bearer right")
		}, 200},
	} {
		s := &Server{settings: &Settings{OperatorToken: tt.token}}
		handler := s.guarded(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		r := httptest.NewRequest("POST", ClearPath, nil)
		r.Host, r.RemoteAddr = "127.0.0.1:8081", "127.0.0.1:5"
		tt.set(r)
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, r); w.Code != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, w.Code, tt.want)
		}
	}
}

// TestConsole lies on the operator's listener and lets people in by the
// operator's token; clients do not reach it.
func TestConsole(t *testing.T) {
	s := open(t, world)
	s.settings.OperatorToken = "the operator's own token"
	if err := s.openConsole(); err != nil {
		t.Fatal(err)
	}
	running(t, s)
	operator := s.Operator()
	ask := func(path, token string) (int, string) {
		r := httptest.NewRequest("GET", "http://127.0.0.1:8081"+path, nil)
		r.RemoteAddr = "127.0.0.1:5"
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		operator.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	if code, text := ask("/console/api/server", "the operator's own token"); code != 200 || !strings.Contains(text, `"name":"app.db"`) {
		t.Errorf("with the token: %d %s", code, text)
	}
	if code, _ := ask("/console/api/server", ""); code != 401 {
		t.Errorf("without: %d", code)
	}
	if code, text := ask("/console/login", ""); code != 200 || !strings.Contains(text, "<form") {
		t.Errorf("the login page: %d %s", code, text)
	}
	if w := get(s, "GET", "/console/login"); w.Code == 200 {
		t.Errorf("clients reach it: %d", w.Code)
	}
}

// certify writes a certificate of a name into two files.
func certify(t *testing.T, certFile, keyFile, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTLS: lists are followed over TLS, and a certificate that is renewed counts
// without a restart.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certify(t, certFile, keyFile, "first.example")
	s := open(t, world, "--tls-cert", certFile, "--tls-key", keyFile)
	address := running(t, s)
	shown := func() string {
		t.Helper()
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if name := shown(); name != "first.example" {
		t.Errorf("the certificate is of %s", name)
	}
	certify(t, certFile, keyFile, "second.example")
	s.cert.mu.Lock()
	s.cert.looked, s.cert.version = time.Time{}, [2]time.Time{} // a second has gone by
	s.cert.mu.Unlock()
	if name := shown(); name != "second.example" {
		t.Errorf("after it was renewed, the certificate is of %s", name)
	}
	if err := os.WriteFile(certFile, []byte("half a fi"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.cert.mu.Lock()
	s.cert.looked = time.Time{}
	s.cert.mu.Unlock()
	if name := shown(); name != "second.example" {
		t.Errorf("while a file is being written, the certificate is of %s", name)
	}

	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	c := follow.NewView(follow.Config{Server: "https://" + address, Session: "tls", Transport: transport}, "/api/posts")
	if err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answer, err := (&http.Client{Transport: transport}).Post("https://"+address+"/api/posts", "application/json", strings.NewReader(`{"title":"c"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != 201 || answer.ProtoMajor != 2 {
		t.Errorf("a write: %s %s %s", answer.Proto, answer.Status, text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := c.Wait(ctx, func(v follow.View) bool { return len(v.Lists()) == 1 && len(v.Lists()[0].Items) == 3 }); err != nil {
		t.Error(err)
	}
	for _, fault := range c.Faults() {
		t.Error(fault)
	}
}
