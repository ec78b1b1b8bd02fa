// Package inspect has the account of a whole server as data: its observers, its
// views, its connections, the newest changes, and how long diffs take. A console
// shows it.
//
// It has no value of a row, no argument, no URL, no credential and no id of a
// session. What has to be told apart without being told is a Mark: a short keyed
// hash, of a key that is another one after each start.
//
// Pipeline: beside it; worker, gateway → [inspect] → people.
package inspect

import (
	"time"

	"github.com/wakeful-dev/wakeful/change"
)

// Report is what a server does at one moment.
type Report struct {
	Source      Source
	Totals      Totals
	Observers   []Observer   // those that want attention most, in the order of their ids
	Views       []View       // those that cost most, the dearest first
	Changes     []Change     // the newest first
	Connections []Connection // those with most to send, in the order of their ids
}

// Source is how far a database's changes are read.
type Source struct {
	Streaming bool
	Lost      time.Time // since when it is not
	Position  change.Position
	Newest    time.Time // when the newest change was seen, zero for never
}

// Totals count everything, also what is not listed.
type Totals struct {
	Observers, Behind, Failing, Slow, Items, Views int
	Sessions, Sockets, Polls, Subscriptions        int
}

// Observer is one list that is kept live.
type Observer struct {
	ID         string
	View       string
	Parameters []string // their names
	Identity   string   // a mark, "" for nobody's
	Shared     bool     // by identities of one scope
	Tables     []string
	How        string // step, evaluate
	Reason     string // why not by steps, or why the last one could not be made

	Subscribers, Items, ListBytes, LogBytes int
	Seq, Evaluations, Steps, Reads          uint64
	Cost, Spent                             time.Duration // of an evaluation, smoothed; of all of them and all reads
	Failures                                int
	Behind, Running, Slow                   bool
	Last                                    *Run
}

// Run is the newest that was done for an observer.
type Run struct {
	At             time.Time // when it began
	Did            string    // step, read, evaluate
	Cause, Table   string
	Took, Latency  time.Duration
	Timed          bool // Took is known
	Ops, DiffBytes int
	Code           string
}

// View is what all observers of one view cost together.
type View struct {
	Name                                     string
	Tables                                   []string
	Observers, Subscribers, Items, ListBytes int
	Step, Evaluate, Behind, Failing          int
	Evaluations, Steps, Reads                uint64
	Cost, Slowest, Spent                     time.Duration
	Slow                                     bool
	Code                                     string // why the newest failing run failed
	weighed                                  time.Duration
}

// Add takes in one observer: of a view with n evaluations of a cost.
func (v *View) Add(cost time.Duration, evaluations uint64) {
	v.weighed += cost * time.Duration(evaluations)
	v.Evaluations += evaluations
	v.Slowest = max(v.Slowest, cost)
	if v.Evaluations > 0 {
		v.Cost = v.weighed / time.Duration(v.Evaluations)
	}
}

// Change is one committed transaction.
type Change struct {
	Position   change.Position
	Seen       time.Time
	Everything bool
	Tables     []Table
	More       int // tables left out
	Touched    int // observers that read what it changed
}

// Table is what a transaction did to one table.
type Table struct {
	Name       string   `json:"table"`
	Inserted   int      `json:"inserted"`
	Updated    int      `json:"updated"`
	Deleted    int      `json:"deleted"`
	Everything bool     `json:"everything"`
	Rows       []string `json:"rows"` // marks of the keys of some
}

// Connection is one client.
type Connection struct {
	ID, Identity  string // marks
	Transport     string // websocket, events, none
	Protocol      int    // 0: not known yet
	Address       string // loopback, private, public, unknown
	Opened, Heard time.Time
	Absent        time.Time // since when it is away
	Subscriptions int
	Undelivered   int // bytes
	Stale         bool
}
