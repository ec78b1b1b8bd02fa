package gateway

import (
	"bufio"
	"net"
	"net/http"

	"github.com/wakeful-dev/wakeful/internal/mark"
)

// holdWriter stands between the app and the client of a GET that asks to be
// observed. Until the route is marked it passes everything on as it comes;
// from then on it swallows what the app writes, because the gateway answers.
// Headers that the app set before that stay.
type holdWriter struct {
	http.ResponseWriter
	mark    *mark.Mark
	started bool        // something was passed on: too late to answer
	scratch http.Header // takes the headers that are swallowed
}

// held reports whether the answer is the gateway's.
func (w *holdWriter) held() bool { return !w.started && w.mark.View() != nil }

func (w *holdWriter) Header() http.Header {
	if !w.held() {
		return w.ResponseWriter.Header()
	}
	if w.scratch == nil {
		w.scratch = http.Header{}
	}
	return w.scratch
}

func (w *holdWriter) WriteHeader(status int) {
	if w.held() {
		return
	}
	if status >= 200 {
		w.started = true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *holdWriter) Write(p []byte) (int, error) {
	if w.held() {
		return len(p), nil
	}
	w.started = true
	return w.ResponseWriter.Write(p)
}

// FlushError is what http.ResponseController calls.
func (w *holdWriter) FlushError() error {
	if w.held() {
		return nil
	}
	w.started = true
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *holdWriter) Flush() { _ = w.FlushError() }

func (w *holdWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.started = true
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// Unwrap leads http.ResponseController to deadlines and the like.
func (w *holdWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// probeWriter takes the answer of an app that is only asked for its mark, or for
// its status.
type probeWriter struct {
	header http.Header
	status int
	keeps  bool   // the beginning of what the app says, where it is no list
	body   []byte // that
}

// maxKept bounds what a probeWriter keeps.
const maxKept = 64 << 10

func (w *probeWriter) Header() http.Header { return w.header }

func (w *probeWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
}

func (w *probeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.keeps && w.status != http.StatusOK {
		w.body = append(w.body, p[:min(len(p), maxKept-len(w.body))]...)
	}
	return len(p), nil
}
