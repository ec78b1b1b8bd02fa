package bus

import "sync"

// what says which of the callbacks of a Link a delivery is for.
type what uint8

const (
	bodyCame what = iota
	streamLost
	peerGone
)

type delivery struct {
	what       what
	from, life string
	body       Body
}

// deliveries are the calls that a Link owes to its owner: made in the order
// pushed, one at a time, and without any lock of the link held.
type deliveries struct {
	call func(*delivery)

	mu       sync.Mutex
	waiting  []delivery
	spare    []delivery
	draining bool
	closed   bool
	extra    sync.WaitGroup
}

func (q *deliveries) push(d delivery) {
	q.mu.Lock()
	if !q.closed {
		q.waiting = append(q.waiting, d)
	}
	q.mu.Unlock()
}

// drain makes the calls, unless somebody is at it already: then that one makes
// them.
func (q *deliveries) drain() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.draining {
		return
	}
	q.draining = true
	for len(q.waiting) > 0 && !q.closed {
		batch := q.waiting
		q.waiting = q.spare[:0]
		q.mu.Unlock()
		q.callAll(batch)
		q.mu.Lock()
		q.spare = batch
	}
	q.draining = false
}

func (q *deliveries) callAll(batch []delivery) {
	for i := range batch {
		q.call(&batch[i])
		batch[i] = delivery{} // let go of the body
	}
}

// drainApart drains in a goroutine of its own: for callers that must not wait
// for the owner's code, or that may hold the owner's locks.
func (q *deliveries) drainApart() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed && !q.draining {
		q.extra.Go(q.drain)
	}
}

// close makes no more calls and waits for the one that is being made.
func (q *deliveries) close() {
	q.mu.Lock()
	q.closed, q.waiting = true, nil
	q.mu.Unlock()
	q.extra.Wait()
}
