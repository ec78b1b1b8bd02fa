package worker

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/observer"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/wire"
)

// positionPatience is how long a request waits for a position that the server
// has not reached.
const positionPatience = 2 * time.Second

func (w *Worker) receive(from string, body bus.Body) {
	switch m := body.(type) {
	case *bus.Observe:
		w.observe(from, m)
	case *bus.Leave:
		if o := w.gateways[from][m.Observer]; o != nil {
			w.unfollow(from, o)
		}
	}
}

// observe takes in a request to observe. The next snapshot says what the newest
// commit in the database is: the answer is not to be older than the question.
func (w *Worker) observe(from string, m *bus.Observe) {
	o := w.observers[m.Observer]
	if o == nil {
		if !w.cfg.Memory.Room() {
			w.refuse(from, m, w.noRoom())
			return
		}
		o = w.open(m)
	}
	delete(w.idle, o)
	o.waiting = append(o.waiting, waiter{
		gateway: from, message: m, pin: w.pins.want(), deadline: time.Now().Add(w.cfg.Stop + positionPatience),
	})
	w.asking[o] = struct{}{}
}

func unavailable(err error) *wire.Problem {
	return &wire.Problem{Status: http.StatusServiceUnavailable, Code: wire.CodeUnavailable,
		Title: "Database unavailable", Detail: err.Error()}
}

// open begins an observer and its first evaluation.
func (w *Worker) open(m *bus.Observe) *live {
	o := &live{
		Observer:  *observer.New(m.Observer, m.Identity, &m.Request, w.cfg.LogDiffs, w.cfg.LogBytes, w.cfg.Memory),
		arguments: *query.NewArguments(m.Request.URL),
	}
	if m.Scope != "" {
		o.planned = &planned{scope: m.Scope}
	}
	o.opened = w.pins.next()
	w.observers[m.Observer] = o
	w.waiting = append(w.waiting, o)
	return o
}

// answer replies to the requests that the current list can satisfy.
func (w *Worker) answer(o *live) {
	if o.stamp == nil || len(o.waiting) == 0 {
		return
	}
	at := o.upTo(w.processed)
	rest := o.waiting[:0]
	for _, waiting := range o.waiting {
		if !waiting.satisfied(o, at) {
			rest = append(rest, waiting)
			continue
		}
		w.reply(o, waiting, at)
	}
	o.leaveWaiting(rest)
}

// leaveWaiting has the rest of the requests wait on. rest lies in waiting.
func (o *live) leaveWaiting(rest []waiter) {
	clear(o.waiting[len(rest):])
	if o.waiting = rest; len(rest) == 0 {
		o.waiting = nil // most observers have none for as long as they live
	}
}

// reply sends the list, or what the asker missed, and follows from then on.
func (w *Worker) reply(o *live, waiting waiter, at change.Position) {
	m := waiting.message
	if m.Vouched || m.Request.Credentials == o.Request.Credentials {
		request := m.Request // a copy: the message goes
		o.Request = &request // the newest credentials carry it on
	}
	observed := &bus.Observed{ID: m.ID, Proven: o.shownTo(m.Request.Credentials, time.Now())}
	if missed, ok := o.Since(m.Epoch, m.Seq); ok && m.Epoch != "" {
		observed.Resumed = &bus.Resumed{Observer: o.ID, PrimaryKey: observer.PrimaryKey(o.View.Key), Changes: missed}
	} else {
		observed.Snapshot = o.Snapshot(at)
	}
	doubted := o.inDoubt()
	if w.out.rounds[waiting.gateway] != nil || doubted {
		w.flush() // the answer may contain what is held back
	}
	w.follow(waiting.gateway, o)
	if w.reported != "" && (!o.validAt(w.reported) || !w.reported.Reaches(throughOf(o.stamp)) && w.reported.Reaches(o.stamp.Position())) {
		// What was told last vouches for all that are followed but those it
		// names. This one was not followed then, and is no part of it.
		var told bus.Round
		w.vouch(&told, waiting.gateway, w.reported, w.lag(w.reported, time.Now(), false))
		w.send(waiting.gateway, &told)
	}
	w.send(waiting.gateway, observed)
	if doubted {
		w.send(waiting.gateway, &bus.Round{Doubted: []*bus.Doubt{{Observer: o.ID}}})
	}
}

func (w *Worker) send(gateway string, body bus.Body) {
	if err := w.link.Send(gateway, body); err != nil && w.ctx.Err() == nil {
		w.cfg.Logger.Warn("message not sent", "to", gateway, "err", err)
	}
}

func (w *Worker) refuse(gateway string, m *bus.Observe, p *wire.Problem) {
	w.cfg.Events.Record(event.Event{Kind: event.Refused, Code: string(p.Code), Detail: p.Detail})
	w.send(gateway, &bus.Observed{ID: m.ID, Problem: p})
}

// expire refuses the requests that have waited too long, and returns when the
// next one will have.
func (w *Worker) expire(o *live, now time.Time) time.Time {
	var next time.Time
	rest := o.waiting[:0]
	for _, waiting := range o.waiting {
		if now.Before(waiting.deadline) {
			next = earlier(next, waiting.deadline)
			rest = append(rest, waiting)
			continue
		}
		w.refuse(waiting.gateway, waiting.message, tooLate(&waiting))
	}
	o.leaveWaiting(rest)
	return next
}

// tooLate is the answer to a request that has waited too long.
func tooLate(q *waiter) *wire.Problem {
	p := &wire.Problem{Status: http.StatusServiceUnavailable, Code: wire.CodePositionTimeout, Title: "Position not reached"}
	if p.Detail = fmt.Sprintf("the position %s asked for was not reached in time; ask again, or without it", q.need); q.pin != 0 {
		p.Detail = "the database gave no snapshot in time; ask again"
	}
	return p
}

func (w *Worker) follow(gateway string, o *live) {
	if w.gateways[gateway] == nil {
		w.gateways[gateway] = map[string]*live{}
	}
	w.gateways[gateway][o.ID] = o
	if !slices.Contains(o.followers, gateway) {
		o.followers = append(o.followers, gateway)
	}
	delete(w.idle, o)
}

func (w *Worker) unfollow(gateway string, o *live) {
	delete(w.gateways[gateway], o.ID)
	if i := slices.Index(o.followers, gateway); i >= 0 {
		o.followers = slices.Delete(o.followers, i, i+1)
	}
	w.rest(o)
}

// rest begins the time for which an observer is kept that nobody wants. One
// without a list has it begin with that.
func (w *Worker) rest(o *live) {
	if o.wanted() || o.ended || o.stamp == nil {
		return
	}
	o.idleSince = time.Now()
	w.idle[o] = struct{}{}
}

// forget drops a gateway that is gone, or that has lost messages and will ask
// for everything again.
func (w *Worker) forget(gateway string) {
	for o := range w.asking {
		o.waiting = slices.DeleteFunc(o.waiting, func(q waiter) bool { return q.gateway == gateway })
	}
	for _, o := range w.gateways[gateway] {
		w.unfollow(gateway, o)
	}
	delete(w.gateways, gateway)
}

// drop ends an observer without a word.
func (w *Worker) drop(o *live) {
	o.ended = true
	for _, gateway := range o.followers {
		delete(w.gateways[gateway], o.ID)
	}
	w.unplan(o)
	w.reread(o, nil)
	delete(w.observers, o.ID)
	o.Release()
	delete(w.polled, o)
	delete(w.idle, o)
	delete(w.asking, o)
	delete(w.timelines, o)
	w.cfg.Events.Record(event.Event{Kind: event.ObserverEnded, View: o.viewName(), Observer: short(o.ID)})
}

// close ends an observer and tells those who follow it.
func (w *Worker) close(o *live, code wire.Code, detail string) {
	if len(o.followers) > 0 {
		w.flush() // nothing of it may come later
	}
	for _, gateway := range o.followers {
		w.send(gateway, &bus.Round{Closed: []wire.Closed{{Observer: o.ID, Code: code, Detail: detail}}})
	}
	w.drop(o)
}

// Clear ends every observer; clients are told, and may observe again.
func (w *Worker) Clear() {
	w.inbox.put(func() {
		for _, o := range w.observers {
			w.clear(o)
		}
	})
}

// clear ends one of them.
func (w *Worker) clear(o *live) {
	w.answerAll(o, &bus.Observed{Problem: &wire.Problem{Status: http.StatusServiceUnavailable,
		Code: wire.CodeCleared, Title: "Cleared", Detail: "the list was cleared; ask again"}})
	w.close(o, wire.CodeCleared, "the list was cleared; observe again")
}

// answerAll gives all who wait the same answer.
func (w *Worker) answerAll(o *live, with *bus.Observed) {
	for _, waiting := range o.waiting {
		answer := *with
		answer.ID = waiting.message.ID
		w.send(waiting.gateway, &answer)
	}
	o.waiting = nil
}

func (o *live) viewName() string {
	if o.View == nil {
		return ""
	}
	return o.View.Name
}

// short is enough of an id to find it in a log.
func short(id string) string { return id[:min(len(id), 12)] }

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
