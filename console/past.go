package console

import (
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/internal/event"
)

// maxSeconds bounds the past that is remembered.
const maxSeconds = 300

// past is what happened in each of the last seconds.
type past struct {
	seconds []second // the oldest first

	noted   bool // the rest is known
	counts  map[string]uint64
	latency wakeful.Latencies
}

// second is what happened in one of them.
type second struct {
	ID          int64             `json:"id"` // Unix time
	Changes     uint64            `json:"changes"`
	Touched     uint64            `json:"touched"`
	Diffs       uint64            `json:"diffs"`
	Sent        uint64            `json:"sent"`
	Evaluations uint64            `json:"evaluations"`
	Steps       uint64            `json:"steps"`
	Reads       uint64            `json:"reads"`
	Failures    uint64            `json:"failures"`
	Latency     wakeful.Latencies `json:"latency"`
}

// note takes in the second that ends now.
func (p *past) note(now time.Time, server *wakeful.Server) {
	counts, latency := server.Counts(), server.Latencies()
	had, before := p.counts, p.latency
	p.counts, p.latency = counts, latency
	if !p.noted {
		p.noted = true
		return
	}
	since := func(k event.Kind) uint64 { return counts[k.String()] - had[k.String()] }
	p.add(second{
		ID: now.Unix(), Changes: since(event.Committed), Touched: since(event.Touched), Diffs: since(event.DiffMade),
		Sent: since(event.DiffSent), Evaluations: since(event.Evaluated), Steps: since(event.Stepped), Reads: since(event.Read),
		Failures: since(event.EvaluationFailed) + since(event.ReadFailed), Latency: latency.Since(before),
	})
}

// add puts one behind the others. A clock that stands still, or goes back, gives
// what happened to the newest.
func (p *past) add(s second) {
	if n := len(p.seconds); n > 0 && p.seconds[n-1].ID >= s.ID {
		last := &p.seconds[n-1]
		s = last.plus(s)
		s.ID = last.ID
		*last = s
		return
	}
	if len(p.seconds) == maxSeconds {
		p.seconds = append(p.seconds[:0], p.seconds[1:]...)
	}
	p.seconds = append(p.seconds, s)
}

func (s second) plus(o second) second {
	return second{
		ID: s.ID, Changes: s.Changes + o.Changes, Touched: s.Touched + o.Touched, Diffs: s.Diffs + o.Diffs, Sent: s.Sent + o.Sent,
		Evaluations: s.Evaluations + o.Evaluations, Steps: s.Steps + o.Steps, Reads: s.Reads + o.Reads,
		Failures: s.Failures + o.Failures, Latency: s.Latency.Plus(o.Latency),
	}
}

// over is all that happened in the last so many seconds that are remembered, and
// how many these are.
func (p *past) over(most int) (sum second, seconds int) {
	for _, s := range p.seconds[max(0, len(p.seconds)-most):] {
		sum = sum.plus(s)
		seconds++
	}
	return sum, seconds
}
