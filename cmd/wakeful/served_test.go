package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wakeful-dev/wakeful/internal/follow"
	"github.com/wakeful-dev/wakeful/sqlite"
)

const boardSQL = `
CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE posts (
	id INTEGER PRIMARY KEY, title TEXT NOT NULL, owner_id TEXT NOT NULL, secret TEXT,
	team_id INTEGER REFERENCES teams (id), score INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE notes (a, b);
CREATE VIEW best AS SELECT id, title FROM posts WHERE score > 5;
INSERT INTO teams VALUES (1, 'red'), (2, 'blue');
INSERT INTO posts (title, owner_id, secret, team_id, score) VALUES ('first', 'ada', 'x', 1, 1), ('second', 'bob', 'y', 2, 9);
`

// board makes a database, and a handle of another program on it.
func board(t *testing.T) (file string, other *sql.DB) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "board.db")
	db, source, err := sqlite.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(); source.Close() })
	execute(t, db, boardSQL)
	return file, db
}

func execute(t *testing.T, db *sql.DB, text string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

// served is wakeful serve, running.
type served struct {
	url, operator string
	client        *http.Client
	cancel        context.CancelFunc
	status        chan int
	log           *locked
	stopped       bool
}

type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startServe runs wakeful serve at free ports, and stops it when the test ends.
func startServe(t *testing.T, args ...string) *served {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t, goleak.IgnoreCurrent()) })
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	out, in := io.Pipe()
	s := &served{client: &http.Client{Transport: &http.Transport{}}, cancel: cancel, status: make(chan int, 1), log: &locked{}}
	all := append([]string{"serve", "--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0", "--drain", "10ms"}, args...)
	go func() {
		s.status <- run(ctx, all, in, s.log)
		in.Close()
	}()
	lines := bufio.NewReader(out)
	address := regexp.MustCompile(`https?://[^/\s]+`)
	for _, to := range []*string{&s.url, &s.operator} {
		line, err := lines.ReadString('\n')
		if err != nil {
			cancel()
			t.Fatalf("serve said %q, %v; status %d: %s", line, err, <-s.status, s.log)
		}
		*to = address.FindString(line)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	t.Cleanup(func() { s.stop(t) })
	return s
}

func (s *served) stop(t *testing.T) {
	if s.stopped {
		return
	}
	s.stopped = true
	s.client.CloseIdleConnections()
	s.cancel()
	if status := <-s.status; status != 0 {
		t.Errorf("serve ended with %d: %s", status, s.log)
	}
}

// asked is one request.
type asked struct {
	method, path, body, token string
	header                    http.Header
}

func (s *served) do(t *testing.T, a asked) (status int, body string, header http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), a.method, s.url+a.path, strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range a.header {
		r.Header[name] = values
	}
	if a.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text), answer.Header
}

// want is do, and fails where status or body are others.
func (s *served) want(t *testing.T, a asked, status int, parts ...string) string {
	t.Helper()
	got, body, _ := s.do(t, a)
	if got != status {
		t.Fatalf("%s %s %s: %d %s, want %d", a.method, a.path, a.body, got, body, status)
	}
	for _, part := range parts {
		if !strings.Contains(body, part) {
			t.Errorf("%s %s %s: %s, want %s in it", a.method, a.path, a.body, body, part)
		}
	}
	return body
}

// follower is a version 2 client that is connected.
func (s *served) follower(t *testing.T, session, token string) *follow.Client {
	t.Helper()
	c := follow.NewClient(follow.Config{Server: s.url, Session: session, Header: bearer(token), Transport: s.client.Transport})
	if err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		for _, fault := range c.Faults() {
			t.Errorf("%s: %v", session, fault)
		}
	})
	return c
}

func bearer(token string) http.Header {
	if token == "" {
		return nil
	}
	return http.Header{"Authorization": {"Bearer " + token}}
}

// titles of a list, in its order.
func titles(l *follow.List) []string {
	var names []string
	for _, item := range l.Items {
		var row struct {
			Title string `json:"title"`
			Name  string `json:"name"`
		}
		_ = json.Unmarshal(item.Data, &row)
		names = append(names, row.Title+row.Name)
	}
	return names
}

// await waits until a list shows these titles.
func await(t *testing.T, c *follow.Client, l *follow.List, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var last []string
	if err := c.Wait(ctx, func(follow.View) bool {
		last = titles(l)
		return slices.Equal(last, want)
	}); err != nil {
		t.Fatalf("%s shows %q, want %q: %v %s", l.URL, last, want, err, l.Why)
	}
}

const secretOfTests = "a secret of thirty-two bytes and more"

// token signs claims by HS256.
func token(t *testing.T, claims map[string]any) string {
	t.Helper()
	if claims["exp"] == nil {
		claims["exp"] = time.Now().Add(time.Hour).Unix()
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
	mac := hmac.New(sha256.New, []byte(secretOfTests))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// secured writes the secret and rules into files, and returns the flags that
// name them.
func secured(t *testing.T, rules string) []string {
	t.Helper()
	dir := t.TempDir()
	return []string{
		"--config", put(t, filepath.Join(dir, "wakeful.yaml"), rules),
		"--jwt-secret-file", put(t, filepath.Join(dir, "secret"), secretOfTests+"\n"),
	}
}

func put(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
