package follow

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/change"
)

// TestPollerIsStrict: a server that keeps the rules of polls, and those that
// break one each.
func TestPollerIsStrict(t *testing.T) {
	position := func(n uint64) string { return string(change.NewPosition("testtest", n)) }
	good := func(w http.ResponseWriter, r *http.Request, seq int) {
		tag := fmt.Sprintf(`"w-e-%d"`, seq)
		for name, value := range map[string]string{
			"ETag": tag, "Vary": "*", "Cache-Control": "private, no-cache", "Preference-Applied": "wait=1",
		} {
			if w.Header().Get(name) == "" {
				w.Header().Set(name, value)
			}
		}
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprintf(w, `{"items":[{"id":%d}],"primary_key":"id","epoch":"e","seq":%d,"position":%q}`, seq, seq, position(uint64(seq+1)))
	}
	// Each is asked three times; n is which.
	servers := map[string]func(http.ResponseWriter, *http.Request, int){
		"": func(w http.ResponseWriter, r *http.Request, n int) { good(w, r, n/2) },
		"Cache-Control": func(w http.ResponseWriter, r *http.Request, n int) {
			w.Header().Set("Cache-Control", "no-store")
			good(w, r, 0)
		},
		"Preference-Applied": func(w http.ResponseWriter, r *http.Request, n int) {
			w.Header().Set("Preference-Applied", "wait=9")
			good(w, r, 0)
		},
		"ETag \"w-x-0\", want": func(w http.ResponseWriter, r *http.Request, n int) { w.Header().Set("ETag", `"w-x-0"`); good(w, r, 0) },
		"which is not after":   func(w http.ResponseWriter, r *http.Request, n int) { good(w, r, 2-n) },
		"which is before":      func(w http.ResponseWriter, r *http.Request, n int) { good(w, r, 2-n) },
		"304 with ETag \"other\"": func(w http.ResponseWriter, r *http.Request, n int) {
			if n > 0 {
				w.Header().Set("ETag", `"other"`)
				w.Header().Set("Vary", "*")
				w.WriteHeader(http.StatusNotModified)
				return
			}
			good(w, r, 0)
		},
	}
	for fault, serve := range servers {
		n := -1
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n++; serve(w, r, n) }))
		states := 0
		p := NewPoller(Config{Server: server.URL, Watch: Watch{State: func(*List) { states++ }}})
		for range 3 {
			if _, err := p.Poll(context.Background(), "/x", time.Second, ""); err != nil {
				t.Error(err)
			}
		}
		server.Close()
		all := fmt.Sprint(p.Faults())
		switch {
		case fault == "" && (len(p.Faults()) > 0 || states != 2 || len(p.Lists()) != 1 || p.Lists()[0].Seq != 1):
			t.Errorf("a good server: %s, %d states, lists %v", all, states, p.Lists())
		case !strings.Contains(all, fault):
			t.Errorf("want a fault with %q, got %s", fault, all)
		}
	}
}
