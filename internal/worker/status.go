package worker

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful/change"
)

// Status is what a worker does at one moment.
type Status struct {
	Position  change.Position  `json:"position"`  // every change up to it is taken in
	Streaming bool             `json:"streaming"` // the source is being read
	Observers []ObserverStatus `json:"observers"`
}

// ObserverStatus is one observer. It holds no rows, arguments or credentials.
type ObserverStatus struct {
	ID          string        `json:"id"`
	View        string        `json:"view"`
	Tables      []string      `json:"tables"`
	Rows        []string      `json:"rows,omitempty"` // how statements narrow them, without any value
	Items       int           `json:"items"`
	Seq         uint64        `json:"seq"`
	LogBytes    int           `json:"log_bytes"`
	Gateways    int           `json:"gateways"`
	Evaluations uint64        `json:"evaluations"`
	Steps       uint64        `json:"steps,omitempty"` // transactions taken in without its view
	Reads       uint64        `json:"reads,omitempty"` // of its rows, without its view
	Cost        time.Duration `json:"cost_ns"`         // of an evaluation, smoothed
	Every       time.Duration `json:"every_ns,omitempty"`
	Failures    int           `json:"failures,omitempty"`
	Behind      bool          `json:"behind,omitempty"`
}

// Status returns what the worker does, nothing where Run is not running.
func (w *Worker) Status() Status {
	if !w.started.Load() {
		return Status{}
	}
	answer := make(chan Status, 1)
	w.inbox.put(func() { answer <- w.look() })
	select {
	case s := <-answer:
		return s
	case <-w.done:
		return Status{}
	}
}

func (w *Worker) look() Status {
	s := Status{Position: w.processed, Streaming: w.streaming, Observers: make([]ObserverStatus, 0, len(w.observers))}
	for _, o := range w.observers {
		one := ObserverStatus{
			ID: o.ID, View: o.viewName(), Items: o.Len(), Seq: o.Seq, LogBytes: o.LogBytes(), Gateways: len(o.followers),
			Evaluations: o.runCount, Cost: o.cost, Every: o.every, Failures: o.failures, Behind: !o.validAt(w.processed),
		}
		reads := o.reads
		if p := o.planned; p != nil {
			one.Steps, one.Reads = p.steps, p.loads
			reads = append(slices.Clip(reads), p.reads...)
		}
		for _, read := range reads {
			if !slices.Contains(one.Tables, read.Table) {
				one.Tables = append(one.Tables, read.Table)
			}
		}
		one.Rows = o.rows()
		s.Observers = append(s.Observers, one)
	}
	slices.SortFunc(s.Observers, func(a, b ObserverStatus) int { return cmp.Compare(a.ID, b.ID) })
	return s
}

// rows says for each statement of the last run which rows matter: those that
// are compared by some columns, or all of a table, and why.
func (o *live) rows() []string {
	var lines []string
	note := func(line string) {
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	for _, u := range o.understood {
		if u.Opaque != "" {
			note("all rows: " + u.Opaque)
		}
		for _, need := range u.Needs {
			if columns := need.Where.Columns(); len(columns) > 0 {
				note(need.Table + " by " + strings.Join(columns, ", "))
			} else {
				note(need.Table + ": all rows")
			}
		}
		for _, d := range u.Dropped {
			note(d.Table + "." + d.Column + " does not narrow: " + d.Why)
		}
	}
	return lines
}
