package sqldb

import "github.com/wakeful-dev/wakeful/readset"

// Writing is whose the rows are that a connection writes: a recorder of another
// kind than this one keeps it too. The zero value is ready.
type Writing struct {
	// Writer is of the newest statement's request, nil for none.
	Writer *readset.Writes

	begun *readset.Writes // of the request that has written and not committed
}

// Note tells the request that wrote what has become of it, as the watcher says
// of the call that it has just bracketed.
func (w *Writing) Note(watch Watcher) {
	if w.Writer == nil && w.begun == nil {
		return
	}
	committed, open := watch.Written()
	if w.begun == nil && (committed != "" || open) {
		w.Writer.Begin()
		w.begun = w.Writer
	}
	if w.begun != nil && !open {
		w.begun.End(committed)
		w.begun = nil
	}
}
