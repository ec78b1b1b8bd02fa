package worker

import (
	"fmt"
	"net/http"
	"time"

	"github.com/wakeful-dev/wakeful/internal/memory"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/wire"
)

// logShare is the part of what may be held that the source's log may be. It
// never gets smaller by itself: one as large as all of it would leave no room
// for a list, ever again.
const logShare = 8

// countMemory tells the account what is held here, and how it is let go.
func (w *Worker) countMemory() {
	m := w.cfg.Memory
	m.Gauge(memory.Caches, w.queries.Bytes)
	m.Gauge(memory.Transit, w.link.Bytes)
	m.Gauge(memory.Transit, w.inbox.bytes)
	m.Gauge(memory.Transit, func() int { return int(w.steps.bytes.Load()) })
	if sized, ok := w.cfg.Source.(source.Sized); ok {
		m.Gauge(memory.Source, sized.LogBytes)
		if limit := m.Limit(); limit > 0 {
			sized.BoundLog(limit / logShare)
		}
	}
	m.Holder(func() {
		if w.asked.CompareAndSwap(false, true) {
			w.inbox.put(w.relieve)
		}
	})
}

// relieveEvery is the least time between two looks at the account that nothing
// but the clock asks for.
const relieveEvery = 50 * time.Millisecond

// watchMemory lets go of what is too much. It returns when to look again.
func (w *Worker) watchMemory(now time.Time) (next time.Time) {
	if !w.cfg.Memory.Over() {
		return next
	}
	if again := w.relieved.Add(relieveEvery); now.Before(again) {
		return again
	}
	w.relieved = now
	w.relieve()
	return next
}

// relieve lets go of what the account wants.
func (w *Worker) relieve() {
	w.asked.Store(false)
	w.cfg.Memory.Relieve(w.queries.Clear, func(cutoff uint64) {
		for _, o := range w.observers {
			o.Forget(cutoff)
		}
	})
}

func (w *Worker) noRoom() *wire.Problem {
	return &wire.Problem{Status: http.StatusServiceUnavailable, Code: wire.CodeLimit, Title: "No room for another list",
		Detail: fmt.Sprintf("the lists that are followed take all of the %d bytes that wakeful.Config.Memory allows; "+
			"ask again later, observe smaller pages, or allow more", w.cfg.Memory.Limit())}
}
