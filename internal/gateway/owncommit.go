package gateway

import (
	"context"
	"slices"
	"sync"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/readset"
)

// ownCommits are those that trials made themselves: an app that notes when its
// users were seen last writes at each. They are no reason to doubt rights, or
// every trial would be the reason for the next one.
type ownCommits struct {
	mu      sync.Mutex
	running map[*readset.Writes]struct{}
	recent  *change.Written
}

// maxOwnCommits bounds the commits of trials that have ended.
const maxOwnCommits = 4096

// during returns a context whose commits are those of a trial until end is
// called.
func (o *ownCommits) during(ctx context.Context) (in context.Context, end func()) {
	writes := &readset.Writes{}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.running == nil {
		o.running, o.recent = map[*readset.Writes]struct{}{}, change.NewWritten(maxOwnCommits)
	}
	o.running[writes] = struct{}{}
	return readset.NewWritesContext(ctx, writes), func() { o.keep(writes) }
}

// keep remembers what a trial that has ended committed: it may be heard of
// later.
func (o *ownCommits) keep(writes *readset.Writes) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.running, writes)
	o.recent.Add(writes.Commits()...)
}

// has reports whether a commit is surely a trial's.
func (o *ownCommits) has(by change.Commit) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if by.Position == "" || o.recent == nil {
		return false
	}
	if o.recent.Has(by) {
		return true
	}
	for writes := range o.running {
		if slices.ContainsFunc(writes.Commits(), by.WrittenAs) {
			return true
		}
	}
	return false
}
