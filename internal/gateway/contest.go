package gateway

import (
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/wire"
)

// carrier is another grant that somebody follows with, the one proven last.
// f.mu is held.
func (f *feed) carrier(not *grant) (best *grant) {
	for _, t := range f.grants {
		if t != not && len(t.subs) > 0 && !t.proven.IsZero() && (best == nil || f.surer(t, best)) {
			best = t
		}
	}
	return best
}

// surer reports whether more speaks for one grant than for another. f.mu is held.
func (f *feed) surer(t, than *grant) bool {
	if sure := f.sure(t); sure != f.sure(than) {
		return sure
	}
	return t.proven.After(than.proven)
}

// carry has the worker evaluate the observer with the credentials of a grant
// from now on.
func (g *Gateway) carry(f *feed, t *grant) {
	f.mu.Lock()
	f.request = t.request
	f.mu.Unlock()
	message := &bus.Observe{Observer: f.observer, Request: *t.request, Vouched: true}
	g.ask(f.rights, message, func(*bus.Observed, *wakes) {})
}

// end takes the worker's word that the observer has ended. Where that was for
// the credentials that it was evaluated with, those of others may be good: it
// goes on with them, and nothing is sent until it is known with whose.
func (f *feed) end(closed wire.Closed, w *wakes) {
	f.mu.Lock()
	contested := endsRights(closed.Code) && f.rights != rights{} && len(f.subs) > 0 && f.state.Load() != nil
	begin := contested && !f.contested
	if begin {
		f.contested = true
		f.withhold(nil)
		f.turn() // polls ask for themselves
	}
	f.mu.Unlock()
	switch {
	case begin:
		f.contest(closed, w)
	case !contested:
		f.close(closed, w)
	}
}

// endsRights reports whether a code says that a list ends for what its client
// may see, and not for all.
func endsRights(code wire.Code) bool {
	return code == wire.CodePermissionRevoked || code == wire.CodeScopeChanged
}

// contest asks the worker with one subscriber's credentials after the other's,
// until it answers with a list. No lock is held.
func (f *feed) contest(closed wire.Closed, w *wakes) {
	g := f.gateway
	f.mu.Lock()
	var t *grant
	for _, other := range f.grants {
		if len(other.subs) > 0 && (t == nil || f.surer(other, t)) {
			t = other
		}
	}
	f.contested = t != nil
	f.mu.Unlock()
	if t == nil {
		f.close(closed, w)
		return
	}
	message := &bus.Observe{Observer: f.observer, Request: *t.request, Vouched: true}
	if st := f.state.Load(); st != nil {
		message.Epoch, message.Seq = st.Epoch, st.Seq
	}
	g.ask(f.rights, message, func(o *bus.Observed, w *wakes) {
		ended := closedBy(o)
		switch {
		case ended == nil:
			f.resolve(t, w)
		case endsRights(ended.Code):
			ended.Observer = f.observer
			if ended.Detail == "" {
				ended.Detail = closed.Detail
			}
			f.mu.Lock()
			f.expel(t, *ended, w)
			f.mu.Unlock()
			f.contest(closed, w)
		default:
			ended.Observer = f.observer
			f.close(*ended, w)
		}
	})
}

// resolve goes on with who has good credentials, and tries those of the others.
func (f *feed) resolve(good *grant, w *wakes) {
	g := f.gateway
	f.mu.Lock()
	f.contested, f.request = false, good.request
	if f.doubted == 0 {
		f.prove(good, time.Now(), 0) // the worker has shown it the list
	}
	others := f.questions(func(t *grant) bool { return f.doubted == 0 && t != good || !f.sure(t) })
	for _, t := range f.grants {
		if others[t] == nil && f.sure(t) {
			f.admit(t, w)
		}
	}
	f.mu.Unlock()
	g.conductAll(f, others)
}
