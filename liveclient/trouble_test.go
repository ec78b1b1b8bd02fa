package liveclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/liveclient"
	"github.com/wakeful-dev/wakeful/wire"
)

// TestWhatIsNoServer: what answers wrongly is told, with its status, and what
// may be over soon is tried again.
func TestWhatIsNoServer(t *testing.T) {
	answer := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	problem := func(status int, code wire.Code) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { wire.NewProblem(status, code, "because").Write(w) }
	}
	tests := []struct {
		name   string
		server http.HandlerFunc
		code   wire.Code
		status int
		final  bool
	}{
		{"HTML", answer(200, "text/html", "<h1>Hello</h1>"), liveclient.CodeNotWakeful, 200, true},
		{"nothing there", http.NotFound, liveclient.CodeNotWakeful, 404, true},
		{"not signed in", answer(401, "text/plain", "who?"), wire.CodeUnauthenticated, 401, true},
		{"forbidden", problem(403, wire.CodeForeignSession), wire.CodeForeignSession, 403, true},
		{"too many", problem(429, wire.CodeTooManySessions), wire.CodeTooManySessions, 429, false},
		{"broken", answer(502, "text/html", "bad gateway"), wire.CodeUnavailable, 502, false},
		{"away", problem(503, wire.CodeShutdown), wire.CodeShutdown, 503, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(tt.server)
			defer server.Close()
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			client, err := liveclient.New(liveclient.Config{URL: server.URL, MinWait: time.Millisecond, HTTP: &http.Client{Transport: transport}})
			if err != nil {
				t.Fatal(err)
			}
			list := liveclient.Live[post](client, "/posts")
			ctx, cancel := context.WithCancel(within(t))
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- client.Run(ctx) }()
			var got *liveclient.Error
			if tt.final {
				if err := <-ended; !errors.As(err, &got) {
					t.Fatalf("Run: %v", err)
				}
				if state := list.State(); state.Status != liveclient.Failed || state.Err.Code != tt.code || state.Err.URL != "/posts" {
					t.Errorf("the list is %s, %v", state.Status, state.Err)
				}
			} else {
				for got == nil {
					state, changed := client.Watch()
					got = state.Err
					select {
					case <-changed:
					case <-ctx.Done():
						t.Fatal("no error is told")
					}
				}
				cancel()
				if err := <-ended; err != nil {
					t.Errorf("Run: %v", err)
				}
			}
			if got.Code != tt.code || got.Status != tt.status || got.Retry == tt.final {
				t.Errorf("got %+v, want %s, %d, final %t", got, tt.code, tt.status, tt.final)
			}
		})
	}
}

func TestListsThatCannotBe(t *testing.T) {
	overEach(t, func(t *testing.T, transport liveclient.Transport) {
		w := newWorld(t, nil)
		client := w.client(liveclient.Config{Transport: transport})
		for url, code := range map[string]wire.Code{
			"/page":                           wire.CodeNotObservable,
			"/posts?observe=me":               liveclient.CodeBadURL,
			"http://elsewhere.example/":       liveclient.CodeBadURL,
			"http://user@" + w.server.URL[7:]: liveclient.CodeBadURL,
		} {
			list := liveclient.Live[post](client, url)
			_, err := list.Ready(within(t))
			var got *liveclient.Error
			if !errors.As(err, &got) || got.Code != code || got.Retry {
				t.Errorf("%s: %v, want %s", url, err, code)
			}
			list.Close()
		}
		w.exec(`INSERT INTO post VALUES (1, 7, 'a')`)
		other := liveclient.Live[[]int](client, "/posts?author=7")
		var got *liveclient.Error
		if _, err := other.Ready(within(t)); !errors.As(err, &got) || got.Code != liveclient.CodeDecode {
			t.Errorf("of another type: %v", err)
		}
		if _, err := liveclient.Live[post](client, "/posts?author=7").Ready(within(t)); err != nil {
			t.Errorf("beside it: %v", err)
		}
	})
}

func TestConfig(t *testing.T) {
	for _, config := range []liveclient.Config{
		{}, {URL: "api.example.com"}, {URL: "ws://x"}, {URL: "http://x", Hold: -1}, {URL: "http://x", MaxFrame: -1}, {URL: "http://x", Transport: "pigeon"},
	} {
		if _, err := liveclient.New(config); err == nil || !strings.Contains(err.Error(), "Config.") {
			t.Errorf("%+v: %v", config, err)
		}
	}
}

// TestTokens: a token is fetched anew when the server refuses the last, and told
// on the connection that there is.
func TestTokens(t *testing.T) {
	overEach(t, func(t *testing.T, transport liveclient.Transport) {
		w := newWorld(t, nil)
		w.good.Store(1)
		var asked atomic.Int64
		client := w.client(liveclient.Config{Transport: transport, Token: func(context.Context) (string, error) {
			asked.Add(1)
			return fmt.Sprint("t", w.good.Load()), nil
		}})
		list := liveclient.Live[post](client, "/posts?author=7")
		if _, err := list.Ready(within(t)); err != nil {
			t.Fatal(err)
		}
		w.good.Store(2) // the first is worth nothing any more
		other := liveclient.Live[post](client, "/posts?author=8")
		if _, err := other.Ready(within(t)); err != nil {
			t.Fatalf("with a fresh token: %v", err)
		}
		w.exec(`INSERT INTO post VALUES (1, 7, 'a')`)
		until(t, list, "the insert", func(s liveclient.State[post]) bool { return titles(s.Items) == "a" && live(s) })
		if n := asked.Load(); n < 2 || n > 6 {
			t.Errorf("%d tokens were fetched", n)
		}
	})
}

// TestTokensThatAreRefused: who has no better token is told, and asked for
// nothing more, until the app says that there is one.
func TestTokensThatAreRefused(t *testing.T) {
	overEach(t, func(t *testing.T, transport liveclient.Transport) {
		w := newWorld(t, nil)
		w.good.Store(2)
		var token atomic.Int64
		token.Store(1)
		client := w.client(liveclient.Config{Transport: transport, Token: func(context.Context) (string, error) {
			return fmt.Sprint("t", token.Load()), nil
		}})
		list := liveclient.Live[post](client, "/posts?author=7")
		var got *liveclient.Error
		if _, err := list.Ready(within(t)); !errors.As(err, &got) || got.Retry {
			t.Fatalf("with a bad token: %v", err)
		}
		token.Store(2)
		client.Authenticate()
		until(t, list, "with a good token", live)
	})
}
