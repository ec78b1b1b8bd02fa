package checker

// Version 1 does not mark where the messages of one diff end. But they have a
// shape: removals, then places that do not descend (an item that is still to
// be moved stands before those placed meanwhile, so two may be equal). A boundary is a message
// after which a diff may have ended; the messages since then must fit into one
// diff for it to stay. The newest message is a boundary itself where the list
// is then true at a point that one of the former boundaries leaves open.

type boundary struct {
	low    int  // the smallest point that the list can have had
	fresh  bool // nothing came since
	placed bool // a place was named: no removal may follow
	order  int32
}

// boundary says that a diff has ended.
func (h *holding) boundary() { h.open = []boundary{{low: h.low, fresh: true}} }

// message takes one version 1 message. All boundaries that it leaves open have
// the same shape behind them, so the one with the smallest point stands for all.
func (j *judge) message(r *record) {
	h := j.holding(r.view)
	h.last = r.sum
	var rest []boundary
	for _, b := range h.open {
		if b.placed && (r.removed || r.order < b.order) {
			continue
		}
		if len(rest) == 0 {
			rest = append(rest, boundary{low: b.low, placed: !r.removed, order: r.order})
		}
		rest[0].low = min(rest[0].low, b.low)
	}
	if len(rest) == 0 {
		j.missing(r.view, r.sum, h.low)
		h.boundary()
		return
	}
	if low, ok := j.history.timelines[r.view].next(r.sum, rest[0].low); ok {
		rest = append(rest, boundary{low: low, fresh: true})
		h.sum, h.low, h.real = r.sum, low, true
	}
	h.open = rest
}

// proof takes the word of the server that the newest message ended a diff.
func (j *judge) proof(view int32) {
	h := j.held[view]
	if h == nil || len(h.open) == 0 {
		return
	}
	newest := h.open[len(h.open)-1]
	if !newest.fresh {
		j.missing(view, h.last, h.low)
	}
	h.boundary()
}

// dropped says that the connection ended: a diff may have been cut short, and
// what comes next makes it good.
func (j *judge) dropped() {
	for _, h := range j.held {
		// A list in the middle of a diff may look like a later one by chance: the
		// smallest point is the only one that is sure.
		for _, b := range h.open {
			h.low = min(h.low, b.low)
		}
		h.boundary()
	}
}
