package readset

import (
	"context"
	"slices"
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
	commits  []change.Position
}

// maxCommits bounds the commits that are remembered one by one.
const maxCommits = 64

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
	if p == "" {
		return
	}
	if len(w.commits) < maxCommits {
		w.commits = append(w.commits, p)
	}
	if p > w.position || !p.SameHistory(w.position) {
		w.position = p
	}
}

// Commits returns the position of each commit, the first 64 of them.
func (w *Writes) Commits() []change.Position {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.commits)
}

// Position returns the newest commit. ok is false where nothing was committed,
// or something written is not committed yet.
func (w *Writes) Position() (p change.Position, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.position, w.open == 0 && w.position != ""
}
