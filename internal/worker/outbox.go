package worker

import (
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/wire"
)

// outbox holds what gateways are to be told in one message.
type outbox struct {
	rounds  map[string]*bus.Round
	held    time.Time // since when it holds something
	doubted []*live   // that are named in it
}

// to is the message for a gateway.
func (b *outbox) to(gateway string) *bus.Round {
	message := b.rounds[gateway]
	if message == nil {
		message = &bus.Round{}
		b.rounds[gateway] = message
	}
	if b.held.IsZero() {
		b.held = time.Now()
	}
	return message
}

// empty forgets what has been sent.
func (b *outbox) empty() {
	for _, o := range b.doubted {
		if o.planned != nil { // its newest evaluation may have given no plan
			o.planned.doubted = nil
		}
	}
	clear(b.doubted)
	b.doubted = b.doubted[:0]
	clear(b.rounds)
	b.held = time.Time{}
}

// hold puts a diff into the messages for those who follow the observer.
func (w *Worker) hold(o *live, c *wire.Changes) {
	for _, gateway := range o.followers {
		message := w.out.to(gateway)
		message.Changes = append(message.Changes, c)
	}
}

// doubt tells those who follow the observer that something has changed that
// rights rest on, by a commit, zero where it is not one that is known. It leaves
// with the next diff at the latest.
func (w *Worker) doubt(o *live, by change.Commit) {
	if len(o.followers) == 0 || planted.Is(planted.DoubtForgotten) {
		return
	}
	if d := o.planned.doubted; d != nil {
		if d.By != by {
			d.By = change.Commit{}
		}
		return
	}
	d := &bus.Doubt{Observer: o.ID, By: by}
	o.planned.doubted = d
	w.out.doubted = append(w.out.doubted, o)
	for _, gateway := range o.followers {
		message := w.out.to(gateway)
		message.Doubted = append(message.Doubted, d)
	}
}

// emit sends the diff of an evaluation or a read on its way.
func (w *Worker) emit(o *live, r *run, c *wire.Changes) {
	if r.round != nil && r.round == w.round {
		w.hold(o, c)
		return
	}
	for _, gateway := range o.followers {
		if message := w.out.rounds[gateway]; message != nil {
			message.Changes = append(message.Changes, c) // never ahead of what is held
			continue
		}
		w.send(gateway, &bus.Round{Changes: []*wire.Changes{c}})
	}
}

// flushHeld sends what has waited long enough for the rest of its round, and
// returns when to look again.
func (w *Worker) flushHeld(now, next time.Time) time.Time {
	if w.out.held.IsZero() {
		return next
	}
	if until := w.out.held.Add(gather); now.Before(until) {
		return earlier(next, until)
	}
	w.flush()
	return next
}

// flush sends what is held, without a progress.
func (w *Worker) flush() {
	for gateway, message := range w.out.rounds {
		w.send(gateway, message)
	}
	w.out.empty()
}

// speak sends what is held where no round does, with how far everybody is.
func (w *Worker) speak() {
	switch {
	case w.round != nil || w.out.held.IsZero():
	case w.streaming:
		w.tell(w.processed)
	default:
		w.flush()
	}
}
