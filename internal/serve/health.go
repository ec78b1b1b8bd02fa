package serve

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// health remembers for a moment how the server is: who asks it every moment
// costs nothing.
type health struct {
	mu      sync.Mutex
	asked   time.Time
	reasons []string
}

const healthFor = time.Second

// healthy answers /healthz and /readyz, at the root and under the base path.
func (s *Server) healthy(next http.Handler) http.Handler {
	base := s.settings.BasePath
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz", base + "/healthz":
			s.serveHealth(w, r)
		case "/readyz", base + "/readyz":
			s.serveReady(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// serveHealth says that the process answers.
func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	noteOf(r.Context()).route = routeHealth
	if readOnly(w, r) {
		answerJSON(w, r, http.StatusOK, map[string]string{"status": "ok"})
	}
}

// serveReady says whether requests should be sent here.
func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	noteOf(r.Context()).route = routeHealth
	if !readOnly(w, r) {
		return
	}
	if reasons := s.unready(r.Context()); len(reasons) > 0 {
		answerJSON(w, r, http.StatusServiceUnavailable, map[string]any{"status": "not ready", "reasons": reasons})
		return
	}
	answerJSON(w, r, http.StatusOK, map[string]string{"status": "ready"})
}

// unready says why the server is not ready, nothing where it is.
func (s *Server) unready(ctx context.Context) []string {
	if s.draining.Load() {
		return []string{"it is being stopped"}
	}
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	if time.Since(s.health.asked) < healthFor {
		return s.health.reasons
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	var reasons []string
	if err := s.db.PingContext(ctx); err != nil {
		reasons = append(reasons, "the database cannot be reached")
	}
	if _, err := s.now(ctx); err != nil {
		reasons = append(reasons, "the schema cannot be read")
	}
	if !s.live.Status().Worker.Streaming {
		reasons = append(reasons, "the changes of the database are not being read")
	}
	if s.auth.Ready(ctx) != nil {
		reasons = append(reasons, "the keys that tokens are signed by cannot be had")
	}
	s.health.asked, s.health.reasons = time.Now(), reasons
	return reasons
}
