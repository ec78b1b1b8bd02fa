package liveclient

import (
	"slices"

	"github.com/wakeful-dev/wakeful/wire"
)

// heldBack is what came for an observer over an event stream while GETs were
// under way. It may be of a list whose GET was answered before it and arrives
// behind it, also where another list is joined to the observer already; it says
// nothing to a GET that was sent later.
type heldBack struct {
	frames []heldFrame
	// The GETs sent when there were more frames than are kept, and when the
	// observer ended, for the last time; 0: never.
	spilled, closed uint64
}

// heldFrame is a snapshot or changes, and how many GETs had been sent by then.
type heldFrame struct {
	whole *wire.SnapshotFrame
	diff  *wire.ChangesFrame
	after uint64
}

// maxHeld bounds the frames that are held back.
const maxHeld = 4096

// sending numbers the GET of a list, which is sent now. The client's mu is held.
func (o *conn) sending(f *feed) {
	o.sent++
	f.get = o.sent
	o.under = append(o.under, f.get)
}

// hold keeps a frame back. The client's mu is held.
func (o *conn) hold(observer string, whole *wire.SnapshotFrame, diff *wire.ChangesFrame) {
	h := o.holding(observer)
	if h == nil {
		return
	}
	if o.heldFrames == maxHeld {
		o.heldFrames -= len(h.frames)
		h.frames, h.spilled = nil, o.sent
		return
	}
	o.heldFrames++
	h.frames = append(h.frames, heldFrame{whole, diff, o.sent})
}

func (o *conn) holdClosed(m *wire.Closed) {
	if h := o.holding(m.Observer); h != nil {
		h.closed = o.sent
	}
}

// holding returns where to keep what comes for an observer, nil where no GET is
// under way.
func (o *conn) holding(observer string) *heldBack {
	if len(o.under) == 0 {
		return nil
	}
	if o.held[observer] == nil {
		o.held[observer] = &heldBack{}
	}
	return o.held[observer]
}

// takeHeld gives a list that was just answered what was held back for it. The
// client's mu is held.
func (o *conn) takeHeld(f *feed) {
	c, held := o.client, o.held[f.observer]
	if held == nil || f.phase != followed {
		return
	}
	if held.spilled >= f.get || held.closed >= f.get {
		c.forgetObserver(f)
		c.want(f)
		return
	}
	for _, frame := range held.frames {
		if frame.after >= f.get {
			c.deliver(o, f, frame.whole, frame.diff)
		}
	}
}

// answeredGET lets go of what no GET that is still under way may need. The
// client's mu is held.
func (o *conn) answeredGET(get uint64) {
	o.under = slices.DeleteFunc(o.under, func(n uint64) bool { return n == get })
	oldest := o.sent + 1
	for _, n := range o.under {
		oldest = min(oldest, n)
	}
	o.heldFrames = 0
	for observer, h := range o.held {
		h.frames = slices.DeleteFunc(h.frames, func(frame heldFrame) bool { return frame.after < oldest })
		if o.heldFrames += len(h.frames); len(h.frames) == 0 && max(h.spilled, h.closed) < oldest {
			delete(o.held, observer)
		}
	}
}
