package worker

import (
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/observer"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/source"
)

// live is an observer and when it runs. It is in one piece with all that there
// is one of for each observer: that is what memory is made of.
type live struct {
	observer.Observer
	// stamp is the snapshot in which the current list was evaluated.
	stamp source.Snapshot
	// pin is the number of that snapshot, opened that of the first one that its
	// first list may be made in.
	pin, opened uint64
	reads       []affected.Dependency
	heldBytes   int // what the rows in reads take, as counted
	// arguments remembers what its evaluations sent, understood how the
	// statements of the newest were read.
	arguments  query.Arguments
	understood []observer.Understood
	followers  []string // gateways, each once
	waiting    []waiter

	running *run
	dirty   bool
	listed  bool // stands in the worker's list of dirty observers
	// stale is the first change since stamp that touched it; "" is before
	// every change. It counts where dirty is set.
	stale change.Position

	// causes are the changes that touched it since its last run began, own the
	// newest commits that its runs made themselves, as these were told them.
	causes causes
	own    []change.Position
	// trigger is what made it dirty first, ran its newest runs: for people.
	trigger trigger
	ran     ranLog
	// timeline has its newest steps, nil where nobody inspects.
	timeline *timeline
	touched  uint64        // the changeset that touched it last
	spent    time.Duration // on all runs and reads, and on steps that were timed
	echoes   int           // runs in a row that gave nothing and were caused by runs alone

	shrunk  []affected.Dependency // what a run read, less than reads
	shrinks int                   // how many runs in a row read just that

	cost      time.Duration // what an evaluation takes, smoothed
	notBefore time.Time     // pace
	failures  int           // evaluations failed in a row
	every     time.Duration // polling interval, 0 for none
	until     time.Time     // when it is to run though nothing changed, zero for never
	nextPoll  time.Time
	pollDue   bool
	idleSince time.Time
	runCount  uint64
	shown     string    // the credentials of the newest run that gave a list
	shownAt   time.Time // and its end
	largeSaid bool
	ended     bool

	planned *planned // nil where an evaluation is all there is
}

// waiter is a request to observe that is not answered yet.
type waiter struct {
	gateway  string
	message  *bus.Observe
	pin      uint64          // the snapshot that says what it needs, 0 where that is known
	need     change.Position // the answer must be right at it
	newer    uint64          // or made in this snapshot or a later one, and
	least    change.Position // right at this position
	deadline time.Time
}

// satisfied reports whether a list that is right at a position will do.
func (q *waiter) satisfied(o *live, at change.Position) bool {
	return q.pin == 0 && (at.Reaches(q.need) || o.pin >= q.newer && at.Reaches(q.least))
}

// unstamped is the snapshot of an evaluation that read outside of it: only what
// was taken in before it began is surely in its list.
type unstamped struct {
	source.Snapshot
	from change.Position
}

func (s *unstamped) Contains(c *change.Changeset) bool { return s.from.Reaches(c.Position) }

// wanted reports whether anybody would see a diff.
func (o *live) wanted() bool { return len(o.followers) > 0 || len(o.waiting) > 0 }

// upTo is the newest position at which the current list is known to be the
// view's result, "" where there is no list.
func (o *live) upTo(processed change.Position) change.Position {
	if o.stamp == nil {
		return ""
	}
	at := o.stamp.Position()
	if !o.dirty && !o.pollDue && o.running == nil && !o.waits() && processed.Reaches(at) {
		return processed
	}
	return at
}

// validAt reports whether the list equals the view's result at p, given that
// every change up to p was taken in. A list evaluated after p is not judged
// here: its position says so.
func (o *live) validAt(p change.Position) bool {
	if o.running != nil && p.Reaches(o.running.doubt()) {
		return false
	}
	if o.waits() && p.Reaches(o.planned.queue[0].Position) {
		return false
	}
	return !o.dirty || !p.Reaches(o.stale)
}

// waits reports whether changes are to be stepped that the list does not have.
func (o *live) waits() bool { return o.planned != nil && len(o.planned.queue) > 0 }

// due reports whether the observer may be evaluated now, and if not, when.
func (o *live) due(now time.Time) (bool, time.Time) {
	if o.running != nil || !o.wanted() || o.stamp == nil {
		return false, time.Time{}
	}
	if !o.dirty && !o.pollDue {
		return false, time.Time{}
	}
	if len(o.waiting) > 0 && o.failures == 0 {
		return true, time.Time{}
	}
	return !now.Before(o.notBefore), o.notBefore
}

// pace says when it may run next, after a run from began to ended.
func (o *live) pace(least time.Duration, began, ended time.Time) {
	took := ended.Sub(began)
	if o.runCount <= 2 { // the first pays for what others find ready
		o.cost = took
	} else {
		o.cost = (3*o.cost + took) / 4
	}
	if o.View != nil && o.View.MinInterval > least {
		least = o.View.MinInterval
	}
	o.notBefore = began.Add(least)
	if rest := ended.Add(o.cost); o.cost > time.Millisecond && rest.After(o.notBefore) {
		o.notBefore = rest
	}
	o.schedule(began, ended)
}

// slow reports whether an evaluation is likely to take so long. The first is no
// measure of the second.
func (o *live) slow(long time.Duration) bool {
	cost := o.cost
	if o.runCount == 1 {
		cost /= 4
	}
	return cost >= long
}

// schedule says when it runs next though nothing changes, after a run that
// began and ended at these times. A time that came while it ran is due at once.
func (o *live) schedule(began, now time.Time) {
	o.nextPoll = time.Time{}
	if o.every > 0 {
		o.nextPoll = now.Add(o.every)
	}
	if o.until.After(began) {
		o.nextPoll = earlier(o.nextPoll, o.until)
	}
}

// backoff says when to try again after a failure.
func (o *live) backoff(now time.Time) {
	o.failures++
	wait := 50 * time.Millisecond << min(o.failures, 7)
	o.notBefore = now.Add(wait)
}
