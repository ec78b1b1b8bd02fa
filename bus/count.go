package bus

import (
	"slices"
	"sync/atomic"
)

// askNumbers bounds the messages, and askRanges the ranges, that one question
// asks for.
const (
	askNumbers = 1024
	askRanges  = 64
)

// outgoing counts what goes to a peer and keeps what it has not acknowledged:
// the numbers from oldest to sent.
type outgoing struct {
	sent, oldest uint64
	limit        uint64
	log          []Body // number n is at n modulo its length, a power of two

	bytes, most int           // what the log holds, and may
	total       *atomic.Int64 // of all peers of the link
}

func (o *outgoing) unacked() uint64 { return o.sent + 1 - o.oldest }

// full reports whether there is no room for a body of that size. A body alone
// has room, however large.
func (o *outgoing) full(size int) bool {
	return o.unacked() >= o.limit || o.unacked() > 0 && o.bytes+size > o.most
}

func (o *outgoing) weigh(n int) {
	o.bytes += n
	o.total.Add(int64(n))
}

func (o *outgoing) body(n uint64) Body { return o.log[n&uint64(len(o.log)-1)] }

func (o *outgoing) add(body Body) uint64 {
	if o.unacked() == uint64(len(o.log)) {
		o.grow()
	}
	o.sent++
	o.log[o.sent&uint64(len(o.log)-1)] = body
	o.weigh(sizeOf(body))
	return o.sent
}

func (o *outgoing) grow() {
	log := make([]Body, max(16, 2*len(o.log)))
	for n := o.oldest; n <= o.sent; n++ {
		log[n&uint64(len(log)-1)] = o.body(n)
	}
	o.log = log
}

// ack lets go of everything up to n and reports whether that was something.
func (o *outgoing) ack(n uint64) bool {
	if n < o.oldest || n > o.sent {
		return false
	}
	for ; o.oldest <= n; o.oldest++ {
		at := &o.log[o.oldest&uint64(len(o.log)-1)]
		o.weigh(-sizeOf(*at))
		*at = nil
	}
	return true
}

// drop lets go of everything.
func (o *outgoing) drop() {
	o.weigh(-o.bytes)
	o.log, o.oldest = nil, o.sent+1
}

// incoming counts what comes from a peer.
type incoming struct {
	received uint64          // all up to it has been handed on
	seen     uint64          // highest known to be sent
	asked    uint64          // highest of the last question
	owed     int             // came since the last acknowledgement
	limit    uint64          // of early
	early    map[uint64]Body // came before what they follow
}

func (in *incoming) gap() bool { return in.seen > in.received }

// keep keeps a message until those before it have come. One that is too far
// ahead is dropped: it is asked for when its turn is near.
func (in *incoming) keep(n uint64, body Body) {
	if n > in.received+in.limit {
		return
	}
	if in.early == nil {
		in.early = map[uint64]Body{}
	}
	in.early[n] = body
}

// next takes the message behind received, if it came early.
func (in *incoming) next() (Body, bool) {
	body, ok := in.early[in.received+1]
	if !ok {
		return nil, false
	}
	in.received++
	delete(in.early, in.received)
	if len(in.early) == 0 {
		in.early = nil
	}
	return body, true
}

// skip goes on behind n: what is missing up to it is lost.
func (in *incoming) skip(n uint64) {
	in.received = n
	in.seen = max(in.seen, n)
	for number := range in.early {
		if number <= n {
			delete(in.early, number)
		}
	}
}

// missing lists what was sent and has not come, the first of it where it is
// much. It is called where there is a gap.
func (in *incoming) missing() []Range {
	early := make([]uint64, 0, len(in.early)+1)
	for n := range in.early {
		early = append(early, n)
	}
	slices.Sort(early)
	early = append(early, in.seen+1)
	var ranges []Range
	first, room := in.received+1, uint64(askNumbers)
	for _, n := range early {
		if first < n {
			last := min(n-1, first+room-1)
			ranges = append(ranges, Range{first, last})
			room -= last + 1 - first
			if room == 0 || len(ranges) == askRanges {
				break
			}
		}
		first = n + 1
	}
	return ranges
}
