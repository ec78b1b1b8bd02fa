package gateway

import (
	"time"

	"github.com/wakeful-dev/wakeful/bus"
)

// Rights that rest on rows of the database can end with any commit. The worker
// says so before it says anything newer of the list, and from then on nothing
// is shown to anybody who was not tried since: what was proven is numbered by
// the doubt that it came after.
//
// A trial that passes says what its credentials may see at some moment after
// the answer or the doubt that it was begun behind; every later doubt comes over
// the bus before what made it. So between a proof and what is shown by it there
// is no commit that changed the rights. What trials themselves commit does not
// count (ownCommits): a GET that alters rights is found by a recheck. Where the gateway may have missed a
// doubt, because it did not follow the observer or messages were lost, all is
// in doubt again when the worker answers.

// doubt takes the worker's word that rights may have changed: all who follow
// wait for their trials, which begin.
func (f *feed) doubt() {
	f.mu.Lock()
	f.suspect()
	due := f.questions(func(t *grant) bool { return !f.sure(t) })
	f.turn() // polls try for themselves
	f.mu.Unlock()
	f.gateway.conductAll(f, due)
}

// suspect has nothing count that was proven up to now. f.mu is held.
func (f *feed) suspect() {
	f.doubted = f.gateway.doubts.Add(1)
	st := f.state.Load()
	for _, sub := range f.subs {
		if sub.grant == nil {
			continue // who has no credentials is the one that the worker evaluates with
		}
		s := sub.session
		s.mu.Lock()
		if s.gate(sub); sub.until == nil {
			sub.until = st
		}
		s.mu.Unlock()
	}
}

// lose has a list wait whose doubts may not have come.
func (f *feed) lose() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.doubted != 0 {
		f.adrift = true
		f.suspect()
	}
}

// rejoin is told that the worker has answered: every doubt from here on comes.
// Where one may have been missed before, all are tried.
func (f *feed) rejoin(o *bus.Observed) {
	if o.Snapshot == nil && o.Resumed == nil {
		return
	}
	f.mu.Lock()
	st := f.state.Load()
	missed := f.doubted != 0 && (f.adrift || st == nil || o.Snapshot != nil && o.Snapshot.Epoch != st.Epoch)
	f.adrift = false
	f.mu.Unlock()
	if missed {
		f.doubt()
	}
}

// proves reports whether a proof counts. f.mu is held.
func (f *feed) proves(proof uint64) bool { return proof == f.doubted && !f.adrift }

// sure reports whether credentials were proven since rights were last in doubt.
// f.mu is held.
func (f *feed) sure(t *grant) bool { return t.request.Credentials == "" || f.proves(t.proof) }

// trusts reports whether the app said lately that credentials are good. None
// are always good. f.mu is held.
func (f *feed) trusts(t *grant, now time.Time) bool {
	return t.request.Credentials == "" || f.proves(t.proof) && t.provenWithin(now, f.gateway.trust)
}

// prove notes that the app said at some time that credentials are good, unless
// rights were doubted since. f.mu is held.
func (f *feed) prove(t *grant, at time.Time, proof uint64) bool {
	if !f.proves(proof) {
		return false
	}
	t.proof = proof
	t.prove(at, f.gateway.Recheck)
	return true
}

// lastDoubt returns the number of the last doubt.
func (f *feed) lastDoubt() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.doubted
}

// visible returns the list as it may be shown with credentials, false where they
// are in doubt.
func (f *feed) visible(t *grant) (*state, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.Load(), f.sure(t)
}

// shown is the newest list that a subscriber may have been shown, where st is
// the current one. s.mu is held.
func (sub *sub) shown(st *state) *state {
	if sub.until != nil {
		return sub.until
	}
	return st
}
