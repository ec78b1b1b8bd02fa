// Package explain has the account of one observer as data: what it reads, how
// each statement was understood, how it is kept, why it ran, and what the
// newest changes are to it. Tests, logs and a console show the same.
//
// Without values being asked for it has no argument, no value of a row, no
// literal of a statement and no URL. Nothing here decides anything: what
// touches is asked of package affected, by the rules that decided.
//
// Pipeline: beside it; worker → [explain] → people.
package explain

import (
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/inspect"
)

// Question says what is to be explained.
type Question struct {
	// Observer is its id, or the first 6 or more characters of it: as the
	// answer to a GET, Status, events and the log have it.
	Observer string
	// Session and URL name it where Observer is "": the list that the session
	// follows under the URL, a path with its parameters.
	Session, URL string
	// Change, if given, is explained beside the newest changes that are still
	// remembered: what it would be to the observer if it were committed now.
	Change *change.Changeset
	// Values shows arguments, literals, values of changed rows and the URL,
	// which are else left out.
	Values bool
}

// Explanation is the account of one observer.
type Explanation struct {
	Observer string `json:"observer"`
	View     string `json:"view"`
	URL      string `json:"url,omitempty"` // only where values are shown
	// Parameters names those of the URL; Identity is a hash, "" for nobody's.
	Parameters []string `json:"parameters,omitempty"`
	Identity   string   `json:"identity,omitempty"`
	// Position is how far the server has taken changes in.
	Position change.Position `json:"position"`
	// Reads is what it depends on now: a change touches it by these alone.
	Reads []Read `json:"reads"`
	// Statements are those of its newest evaluation, Omitted counts more.
	Statements []Statement `json:"statements,omitempty"`
	Omitted    int         `json:"omitted,omitempty"`
	Kept       Kept        `json:"kept"`
	// Runs are its newest evaluations, Changes the newest changes of the
	// database that are still remembered; both newest first.
	Runs    []Run    `json:"runs,omitempty"`
	Changes []Change `json:"changes,omitempty"`
	// Asked is Question.Change.
	Asked *Change `json:"asked,omitempty"`
	// Notes say what is worth a person's notice.
	Notes []string `json:"notes,omitempty"`
}

// Read is one table that an observer depends on.
type Read struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns"` // none: only rows that come and go count
	Rows    string   `json:"rows"`    // the condition that rows which matter meet
	// Kept says that steps and reads keep the list over changes of it: what is
	// read without that is what rights rest on.
	Kept bool `json:"kept,omitempty"`
	// Earlier says that the newest evaluation did not read it so: it counts
	// until three evaluations in a row have not.
	Earlier bool `json:"earlier,omitempty"`
}

// Statement is one statement as it was understood.
type Statement struct {
	Text string `json:"text,omitempty"`
	Runs int    `json:"runs"` // how often the evaluation ran it so
	// Opaque is why it was not understood, "" where it was in full: then all
	// rows of its tables count.
	Opaque string `json:"opaque,omitempty"`
	Reads  []Read `json:"reads"`
	// Dropped are the conditions that do not narrow, and why.
	Dropped []Dropped `json:"dropped,omitempty"`
	// Volatile names the functions whose result changes though no row does.
	Volatile []string `json:"volatile,omitempty"`
	// Ties says why rows may stand in an order of the database's own choosing.
	Ties string `json:"ties,omitempty"`
}

// Dropped is a condition that does not narrow.
type Dropped struct {
	Table  string `json:"table"`
	Column string `json:"column"`
	Why    string `json:"why"`
}

// Kept says how the result is kept.
type Kept struct {
	// How is step, where transactions are taken in from the rows that they
	// changed, or evaluate. Reason is why no step can be made, or why the last
	// one could not; Steps, Reads and Evaluations count.
	How    string `json:"how"`
	Reason string `json:"reason,omitempty"`
	Steps  uint64 `json:"steps,omitempty"`
	Reads  uint64 `json:"reads,omitempty"`

	Every time.Duration `json:"every_ns,omitempty"` // Poll
	Until time.Time     `json:"until,omitzero"`     // Until
	Next  time.Time     `json:"next,omitzero"`      // when it runs though nothing changes
	// Least is the least time between two runs, NotBefore when the next may be.
	Least     time.Duration `json:"least_ns,omitempty"`
	NotBefore time.Time     `json:"not_before,omitzero"`

	Cost        time.Duration `json:"cost_ns"` // of an evaluation, smoothed
	Evaluations uint64        `json:"evaluations"`
	Failures    int           `json:"failures,omitempty"` // in a row
	// Echoes counts runs in a row that gave nothing and were caused by what
	// evaluations write: it is slowed down by them.
	Echoes int `json:"echoes,omitempty"`
	// Behind says that a change is not in the list yet: the first is Since.
	Behind  bool            `json:"behind,omitempty"`
	Since   change.Position `json:"since,omitempty"`
	Running bool            `json:"running,omitempty"`

	Epoch    string          `json:"epoch"`
	Seq      uint64          `json:"seq"`
	Position change.Position `json:"position"` // where the list was evaluated
	Items    int             `json:"items"`

	ListBytes   int `json:"list_bytes"` // of the items
	LogBytes    int `json:"log_bytes"`  // of the diffs kept for resume
	Gateways    int `json:"gateways"`   // that follow it
	Subscribers int `json:"subscribers"`
}

// Run is one evaluation, one read of the rows, or one step; steps only of the
// time in which somebody inspected the server.
type Run struct {
	Did   string `json:"did"`   // evaluate, read, step
	Cause string `json:"cause"` // first, change, again, retry, poll, until, restart, unknown, audit
	// Read is why the rows were read, "" where the view ran.
	Read string `json:"read,omitempty"`
	// Change is the first changeset that caused it, Table the table that it
	// changed, "" where there were several; Changes counts those that came
	// until the run began.
	Change  change.Position `json:"change,omitempty"`
	Table   string          `json:"table,omitempty"`
	Changes int             `json:"changes,omitempty"`
	Began   time.Time       `json:"began"`
	At      change.Position `json:"at"` // the state of the database that it read
	Took    time.Duration   `json:"took_ns"`
	// Latency is the time from when the first change was seen to its end.
	Latency time.Duration `json:"latency_ns,omitempty"`
	Ops     int           `json:"ops"`            // of the diff that it gave
	Bytes   int           `json:"bytes"`          // of the diff, about
	Code    string        `json:"code,omitempty"` // why it gave none
}

// What was done.
const (
	Evaluate = "evaluate" // the view ran
	ReadRows = "read"     // its rows were read
	Step     = "step"     // a transaction was taken in from the rows that it changed
)

// Causes of runs.
const (
	First   = "first"   // somebody observed
	Changed = "change"  // a change touched it
	Again   = "again"   // a change came while it ran
	Retry   = "retry"   // the run before failed
	Poll    = "poll"    // its interval was over
	Until   = "until"   // its time had come
	Restart = "restart" // the source began anew
	Unknown = "unknown" // too many changes came while it ran to know them
	Audit   = "audit"   // the auditor found a difference
)

// Change says what one changeset is to the observer.
type Change struct {
	Position change.Position `json:"position,omitempty"`
	Seen     time.Time       `json:"seen,omitzero"`
	Touches  bool            `json:"touches"`
	// Tables says what it did to which tables; its rows are hashed.
	Tables []inspect.Table `json:"tables,omitempty"`
	// Own says that an evaluation of the observer itself has written it: then
	// it does not run again.
	Own     bool              `json:"own,omitempty"`
	Reasons []affected.Reason `json:"reasons"`
	More    int               `json:"more,omitempty"` // reasons left out
}

// Seen is a changeset and when it was taken in.
type Seen struct {
	Set *change.Changeset
	At  time.Time
}

// OfChange explains a changeset by what an observer reads.
func OfChange(reads []affected.Dependency, seen Seen, values bool) Change {
	c := Change{Position: seen.Set.Position, Seen: seen.At}
	c.Touches, c.Reasons, c.More = affected.Explain(reads, seen.Set, values)
	return c
}
