// Package wakefultest tests handlers that Wakeful makes live: observe a URL,
// write something, wait for the list.
//
//	func TestNewPostAppears(t *testing.T) {
//		app, live, db := newApp(t)                     // yours
//		posts := wakefultest.Observe(t, live, app, "/posts?author=7")
//		db.Exec("INSERT INTO posts (author, title) VALUES (7, 'Hello')")
//		posts.WaitEqual(t, `[{"id": 1, "author": 7, "title": "Hello"}]`)
//	}
//
// Evaluations are strict: one that runs a statement without its request's
// context fails and says where, for in production its list could stand still.
//
// Nothing sleeps: Wait looks again whenever something has arrived. The lists
// follow by the version 2 protocol over a real socket, and a frame against the
// protocol fails the test. When the test ends, all that was started ends.
package wakefultest

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/follow"
	"github.com/wakeful-dev/wakeful/internal/observer"
)

// Patience is how long Wait waits. It only matters to tests that fail.
const Patience = 5 * time.Second

// Live is what the package needs of a *wakeful.Server.
type Live interface {
	Run(context.Context) error
	Wrap(http.Handler) http.Handler
}

// Server is an app under test: live runs, and the app is served on a port of
// its own.
type Server struct {
	// URL is where the app is: "http://127.0.0.1:41234".
	URL  string
	live Live
	t    testing.TB
}

// Start runs live and serves the app until the test ends. The app is what
// you would give to live.Wrap.
func Start(t testing.TB, live Live, app http.Handler) *Server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- live.Run(ctx) }()
	server := httptest.NewServer(live.Wrap(observer.Strict(app)))
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("wakefultest: Run ended: %v", err)
		}
		server.CloseClientConnections()
		server.Close()
	})
	return &Server{URL: server.URL, live: live, t: t}
}

// Observe starts live and the app, and follows the URL. For more than one list
// of an app call Start once and Observe on what it returns.
func Observe(t testing.TB, live Live, app http.Handler, url string) *List {
	t.Helper()
	return Start(t, live, app).Observe(url)
}

// Observe follows a URL, a path of the app with its parameters, as a client of
// its own. Header, if given, is sent with every request of that client.
func (s *Server) Observe(url string, header ...http.Header) *List {
	s.t.Helper()
	config := follow.Config{Server: s.URL, Session: rand.Text()}
	if len(header) > 0 {
		config.Header = header[0]
	}
	client := follow.NewClient(config)
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	list, err := client.Get(ctx, url)
	if err != nil {
		s.t.Fatalf("wakefultest: observe %s: %v", url, err)
	}
	if err := client.Connect(ctx); err != nil {
		s.t.Fatalf("wakefultest: connect for %s: %v", url, err)
	}
	s.t.Cleanup(func() {
		client.Close()
		for _, fault := range client.Faults() {
			s.t.Errorf("wakefultest: %s: %v", url, fault)
		}
	})
	return &List{live: s.live, url: url, client: client, list: list}
}
