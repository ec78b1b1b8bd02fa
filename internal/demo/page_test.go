package demo

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPages: both pages find what they load, and run no script but their own.
func TestPages(t *testing.T) {
	b, _ := newBoard(t)
	app := b.Handler()
	for path, want := range map[string]string{
		"/": "text/html", "/plain.html": "text/html", "/board.js": "text/javascript", "/wakeful.js": "text/javascript", "/style.css": "text/css",
	} {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), want) || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		policy := w.Header().Get("Content-Security-Policy")
		if want == "text/html" && (!strings.Contains(policy, "default-src 'self'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "sha256-") != (path == "/plain.html")) {
			t.Errorf("the policy of %s: %s", path, policy)
		}
	}
}
