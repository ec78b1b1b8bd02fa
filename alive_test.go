package wakeful_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/internal/follow"
	"github.com/wakeful-dev/wakeful/wakefultest"
)

// TestTokenExpiresAlone: two tokens of one identity share a list. One expires
// at the app, which nobody tells Wakeful; its client is told and the other goes
// on, whichever of them the list was evaluated with.
func TestTokenExpiresAlone(t *testing.T) {
	for _, expires := range []string{"ann-1", "ann-2"} {
		t.Run(expires, func(t *testing.T) {
			db, list := newMemory()
			var mu sync.Mutex
			dead, unmarked := "", 0
			app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				bad := dead != "" && r.Header.Get("Authorization") == dead
				if !wakeful.Evaluating(r.Context()) && r.URL.RawQuery == "" {
					unmarked++
				}
				mu.Unlock()
				if bad {
					http.Error(w, "expired", http.StatusUnauthorized)
					return
				}
				wakeful.Observable()(list).ServeHTTP(w, r)
			})
			live := newServer(t, wakeful.Config{Source: db, Recheck: 30 * time.Millisecond, Identity: func(r *http.Request) (string, error) {
				name, _, _ := strings.Cut(r.Header.Get("Authorization"), "-")
				return name, nil
			}})
			server := wakefultest.Start(t, live, app)
			clients := map[string]*follow.Client{}
			for _, token := range []string{"ann-1", "ann-2"} {
				c := follow.NewClient(follow.Config{Server: server.URL, Session: token, Header: http.Header{"Authorization": {token}}})
				if _, err := c.Get(t.Context(), "/posts"); err != nil {
					t.Fatal(err)
				}
				if err := c.Connect(t.Context()); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(c.Close)
				clients[token] = c
			}
			put(t, db, 1, "for both")
			for _, c := range clients {
				await(t, c, func(l *follow.List) bool { return len(l.Items) == 1 })
			}
			mu.Lock()
			dead = expires
			mu.Unlock()
			put(t, db, 2, "secret")
			for token, c := range clients {
				if token == expires {
					await(t, c, func(l *follow.List) bool { return l.Ended && strings.HasPrefix(l.Why, "permission_revoked") })
					continue
				}
				await(t, c, func(l *follow.List) bool { return len(l.Items) == 2 && !l.Ended })
				put(t, db, 3, "after")
				await(t, c, func(l *follow.List) bool { return len(l.Items) == 3 && !l.Ended })
			}
			for token, c := range clients {
				for _, fault := range c.Faults() {
					t.Errorf("%s: %v", token, fault)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if unmarked > 0 {
				t.Errorf("%d trials were not marked as evaluations", unmarked)
			}
		})
	}
}

func await(t *testing.T, c *follow.Client, done func(*follow.List) bool) {
	t.Helper()
	var last string
	err := c.Wait(t.Context(), func(v follow.View) bool {
		for _, l := range v.Lists() {
			last = string(follow.JSON(l.Items)) + l.Why
			return done(l)
		}
		return false
	})
	if err != nil {
		t.Fatalf("%v: holds %s", err, last)
	}
}
