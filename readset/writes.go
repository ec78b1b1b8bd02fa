package readset

import (
	"context"
	"sync"

	"github.com/wakeful-dev/wakeful/change"
)

// Writes notes the commits of one request, so that its answer can say from
// which position on its effects are visible. Recorders call Begin and End; a
// nil *Writes takes both and notes nothing.
type Writes struct {
	mu       sync.Mutex
	open     int
	position change.Position
}

type writesKey struct{}

// NewWritesContext returns a context whose commits are noted in w.
func NewWritesContext(ctx context.Context, w *Writes) context.Context {
	return context.WithValue(ctx, writesKey{}, w)
}

// WritesFrom returns what notes the commits of a request, nil outside of one.
func WritesFrom(ctx context.Context) *Writes {
	w, _ := ctx.Value(writesKey{}).(*Writes)
	return w
}

// Begin notes that something was written that is not committed yet.
func (w *Writes) Begin() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open++
}

// End notes how what Begin began has ended: with the position of its commit,
// or with "" where it was rolled back or committed nothing.
func (w *Writes) End(p change.Position) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open--
	if p > w.position || !p.SameHistory(w.position) && p != "" {
		w.position = p
	}
}

// Position returns the newest commit. ok is false where nothing was committed,
// or something written is not committed yet.
func (w *Writes) Position() (p change.Position, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.position, w.open == 0 && w.position != ""
}
