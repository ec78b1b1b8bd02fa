package wakeful_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/internal/follow"
)

// sink takes whatever the server says of itself.
type sink struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// TestNoCredentialIsShown sends 200 cookies and tokens through everything that
// can succeed or fail, and looks for them in all that the server writes.
func TestNoCredentialIsShown(t *testing.T) {
	db, list := newMemory()
	mux := http.NewServeMux()
	view := func(path string, do http.HandlerFunc) {
		mux.Handle("GET "+path, wakeful.Observable("id")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = db.Read(r.Context(), "post")
			do(w, r)
		})))
	}
	view("/good", list.ServeHTTP)
	view("/text", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "text") })
	view("/panic", func(http.ResponseWriter, *http.Request) { panic("the view is broken") })
	view("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	view("/denied", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	mux.Handle("GET /blind", wakeful.Observable("id")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") })))

	said := &sink{}
	state := filepath.Join(t.TempDir(), "state")
	live := newServer(t, wakeful.Config{
		Source: db, StateFile: state, Cookies: []string{"session"}, Limits: wakeful.Limits{Stop: 20 * time.Millisecond},
		Logger: slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Events: func(e wakeful.Event) { fmt.Fprintln(said, e) },
	})
	server := httptest.NewServer(live.Wrap(mux))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- live.Run(ctx) }()

	paths := []string{"/good", "/text", "/panic", "/slow", "/denied", "/blind", "/none"}
	for i := range 100 {
		cookie, token := fmt.Sprintf("canary-cookie-%03d", i), fmt.Sprintf("canary-token-%03d", i)
		header := http.Header{"Cookie": {"session=" + cookie}}
		if i%2 == 0 {
			header = http.Header{"Authorization": {"Bearer " + token}, "Cookie": {"session=" + cookie}}
		}
		session := fmt.Sprint("s", i)
		ask(t, said, "GET", server.URL+paths[i%len(paths)]+"?observe="+session, header)
		ask(t, said, "GET", server.URL+"/good?observe=bad!"+session, header)
		ask(t, said, "GET", server.URL+"/good?observe=s0", header) // somebody else's
		ask(t, said, "POST", server.URL+"/api/queryobserver/unsubscribe?observer=x&subscriber=s0", header)
		connect(t, server.URL, session, header, i)
	}
	status, err := json.Marshal(live.Status())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = said.Write(status)
	inspected, err := live.Inspect(ctx)
	if err != nil || len(inspected.Observers) == 0 || len(inspected.Connections) == 0 {
		t.Fatalf("%+v, %v", inspected, err)
	}
	fmt.Fprintf(said, "%+v\n", *inspected)
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = said.Write(kept)
	text := said.String()
	if i := strings.Index(text, "canary-"); i >= 0 {
		t.Errorf("a credential is shown: …%s…", text[max(0, i-200):min(len(text), i+100)])
	}
	if !strings.Contains(text, "the view is broken") || !strings.Contains(text, "unobservable_result") {
		t.Error("the failures that this test is about did not happen")
	}
}

// ask notes the answer to a request.
func ask(t *testing.T, said io.Writer, method, url string, header http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header.Clone()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	fmt.Fprintln(said, response.StatusCode, response.Header)
	if _, err := io.Copy(said, response.Body); err != nil {
		t.Error(err)
	}
}

// connect opens a socket of either version and follows a list on it.
func connect(t *testing.T, server, session string, header http.Header, i int) {
	t.Helper()
	cfg := follow.Config{Server: server, Session: session, Header: header}
	if i%2 == 0 {
		c := follow.NewClientV1(cfg)
		if err := c.Connect(t.Context()); err == nil {
			c.Close()
		}
		return
	}
	c := follow.NewClient(cfg)
	if err := c.Connect(t.Context()); err != nil {
		return // the session is another's
	}
	defer c.Close()
	if _, err := c.Subscribe(t.Context(), "/good"); err != nil {
		t.Errorf("subscribe: %v", err)
	}
}
