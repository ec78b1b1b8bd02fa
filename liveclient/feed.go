package liveclient

import (
	"encoding/json"
	"fmt"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/wire"
)

// Status is how a list is doing.
type Status string

const (
	// Loading: asked for, nothing known yet.
	Loading Status = "loading"
	// Following: true, and followed.
	Following Status = "live"
	// Stale: true when last heard of; the server cannot say how current it is.
	Stale Status = "stale"
	// Offline: true when last heard of; a connection is being made.
	Offline Status = "offline"
	// Failed: refused or ended; the error says why, and whether it is asked for again.
	Failed Status = "error"
)

// phase is where the client is with a list, on the connection that there is.
type phase uint8

const (
	wanted   phase = iota // to be subscribed
	asked                 // its subscribe or GET is not answered
	lost                  // to be resumed
	resuming              // its resume is not answered: what comes for it comes again
	followed              // what comes for it counts
	ended                 // refused or closed
)

// feed is what the client holds of one URL.
type feed struct {
	url      string
	refs     int // lists that were made of it and not closed
	observer string
	phase    phase
	queued   bool   // in Client.queue
	partial  bool   // a snapshot was announced, and has not come
	faults   int    // in a row
	failures int    // refusals in a row
	get      uint64 // the number of its last GET (conn.sending)

	now    version // the newest
	shown  *version
	dirty  bool // now is newer than what is shown
	loaded bool // there has been a list
	// reached is the newest progress that spoke for the list, and so for what is
	// shown.
	reached change.Position

	changed chan struct{} // closed when shown is another
}

// version is a list at one moment, as it is shown: never altered.
type version struct {
	items    []*item
	key      string // the field that is the items' key
	meta     json.RawMessage
	epoch    string
	seq      uint64
	position change.Position
	status   Status
	err      *Error
}

func newFeed(url string) *feed {
	f := &feed{url: url, now: version{status: Loading}, changed: make(chan struct{})}
	first := f.now
	f.shown = &first
	return f
}

// verdict is what became of a message for a list.
type verdict uint8

const (
	ignored verdict = iota // it is held already, or comes again
	applied
	gap // it is not the next
)

// snapshot takes a whole list, unless it is older than what is held.
func (f *feed) snapshot(e *wire.Envelope) (verdict, error) {
	if e.Epoch == "" {
		return ignored, fmt.Errorf("%w: a list without an epoch", errFit)
	}
	if f.now.epoch == e.Epoch && e.Seq < f.now.seq {
		return ignored, nil
	}
	items, err := fullList(e)
	if err != nil {
		return ignored, err
	}
	f.now.items, f.now.meta = reuse(f.now.items, items), objectOrNil(e.Meta)
	f.now.key = e.PrimaryKey
	f.now.epoch, f.now.seq, f.now.position = e.Epoch, e.Seq, e.Position
	f.loaded, f.partial, f.faults = true, false, 0
	return applied, nil
}

// reuse returns items with those of before in place of equal ones, so that
// what did not change stays the same.
func reuse(before, items []*item) []*item {
	if len(before) == 0 {
		return items
	}
	had := make(map[string]*item, len(before))
	for _, i := range before {
		had[i.key] = i
	}
	for at, i := range items {
		if old := had[i.key]; old != nil && string(old.data) == string(i.data) {
			items[at] = old
		}
	}
	return items
}

// changes is the client's rule: what is held already is ignored, the next diff
// is carried out, anything else is a gap. After an error the list is as before.
func (f *feed) changes(m *wire.ChangesFrame) (verdict, error) {
	if m.Epoch == f.now.epoch && m.Seq <= f.now.seq {
		return ignored, nil
	}
	if m.Epoch != f.now.epoch || m.Seq != f.now.seq+1 {
		return gap, nil
	}
	items, meta, err := edit(f.now.items, f.now.meta, m.Ops)
	if err != nil {
		return gap, err
	}
	f.now.items, f.now.meta = items, meta
	f.now.seq, f.now.position = m.Seq, m.Position
	f.faults = 0
	return applied, nil
}

// point is where the list is, for the server.
func (f *feed) point() wire.Resuming {
	return wire.Resuming{Epoch: f.now.epoch, Seq: f.now.seq, URL: f.url}
}

// forget drops where the list is, and so asks for all of it.
func (f *feed) forget() { f.now.epoch, f.now.seq = "", 0 }
