package wakeful

import (
	"bufio"
	"io"
	"net"
	"net/http"

	"github.com/wakeful-dev/wakeful/readset"
)

// PositionHeader carries the position from which on the writes of a request
// are visible, and, in a request, the position that its answer must not be
// older than. It is not the position of a list: a database may tell a writer
// another one than its log has, and all that counts is which is the later.
const PositionHeader = "Wakeful-Position"

// positioned adds the position of what a request has committed to its answer.
func positioned(app http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions {
			app.ServeHTTP(w, r)
			return
		}
		writes := &readset.Writes{}
		p := &positionWriter{ResponseWriter: w, writes: writes}
		app.ServeHTTP(p, r.WithContext(readset.NewWritesContext(r.Context(), writes)))
		p.note() // a handler that wrote nothing answers 200 when it returns
	})
}

// positionWriter sets the header at the last moment before it is sent.
type positionWriter struct {
	http.ResponseWriter
	writes *readset.Writes
	noted  bool
}

func (p *positionWriter) note() {
	if p.noted {
		return
	}
	p.noted = true
	if position, ok := p.writes.Position(); ok {
		p.Header().Set(PositionHeader, string(position))
	}
}

func (p *positionWriter) WriteHeader(code int) {
	if code >= 200 {
		p.note()
	}
	p.ResponseWriter.WriteHeader(code)
}

func (p *positionWriter) Write(b []byte) (int, error) {
	p.note()
	return p.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (p *positionWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// The optional interfaces that handlers look for.

func (p *positionWriter) ReadFrom(r io.Reader) (int64, error) {
	p.note()
	return io.Copy(p.ResponseWriter, r)
}

func (p *positionWriter) Flush() {
	p.note()
	_ = http.NewResponseController(p.ResponseWriter).Flush()
}

func (p *positionWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(p.ResponseWriter).Hijack()
}
