package serve

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/wakeful-dev/wakeful/internal/metrics"
)

// access logs and counts requests. Of a URL the path alone is logged: a query
// may have a ticket in it, and values.
type access struct {
	logger  *slog.Logger
	metrics *metrics.Metrics
}

// Wrap logs what next answers.
func (a *access) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		answer := &answer{ResponseWriter: w}
		defer func() {
			took := time.Since(begun)
			n := noteOf(r.Context())
			status := answer.status
			if status == 0 {
				status = http.StatusOK
			}
			measured := took
			if answer.streamed {
				measured = 0
			}
			a.metrics.Request(n.route, r.Method, status, measured)
			level := slog.LevelInfo
			if n.route == routeHealth {
				level = slog.LevelDebug
			}
			a.logger.LogAttrs(r.Context(), level, "request",
				slog.String("id", n.id), slog.String("method", r.Method), slog.String("path", r.URL.Path),
				slog.Int("status", status), slog.Int64("bytes", answer.bytes), slog.Duration("took", took),
				slog.String("from", r.RemoteAddr), slog.Bool("signed_in", n.subject))
		}()
		next.ServeHTTP(answer, r)
	})
}

// answer notes what is answered.
type answer struct {
	http.ResponseWriter
	status   int
	bytes    int64
	streamed bool // a socket, an event stream or a long poll: its time says nothing
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
		header := a.Header()
		a.streamed = header.Get("Content-Type") == "text/event-stream" || header.Get("Preference-Applied") != ""
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// ReadFrom keeps what io.Copy gains by it.
func (a *answer) ReadFrom(from io.Reader) (int64, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := io.Copy(a.ResponseWriter, from)
	a.bytes += n
	return n, err
}

// Hijack notes that the connection is somebody else's from here on.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	a.status, a.streamed = http.StatusSwitchingProtocols, true
	return http.NewResponseController(a.ResponseWriter).Hijack()
}
