package worker

import (
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/explain"
	"github.com/wakeful-dev/wakeful/internal/observer"
)

// triggerKind says what made an observer run.
type triggerKind uint8

const (
	byNothing triggerKind = iota
	byFirst
	byChange
	byAgain
	byRetry
	byPoll
	byUntil
	byRestart
	byUnknown
	byAudit
)

var triggerNames = [...]string{"", explain.First, explain.Changed, explain.Again, explain.Retry, explain.Poll, explain.Until, explain.Restart, explain.Unknown, explain.Audit}

// trigger is what made an observer dirty first since its last run began.
type trigger struct {
	kind  triggerKind
	by    change.Commit // the change, zero for what no change is the cause of
	table string        // that the change is of, "" for several
	seen  int64         // Unix nanoseconds, 0 for never
}

// commitAt is the commit at a position, of which nothing more is known.
func commitAt(p change.Position) change.Commit { return change.Commit{Position: p} }

// tableOf is the table that a changeset changes, "" where there are several:
// then it costs more to find out than to look again.
func tableOf(c *change.Changeset) string {
	if len(c.Changes) == 0 || c.Everything || c.Changes[0].Table != c.Changes[len(c.Changes)-1].Table {
		return ""
	}
	return c.Changes[0].Table
}

// triggered is why an observer that is about to run does so.
func (o *live) triggered(now time.Time) trigger {
	switch {
	case o.stamp == nil:
		return trigger{kind: byFirst}
	case o.dirty:
		return o.trigger
	case !o.until.IsZero() && !o.until.After(now) && (o.every == 0 || o.until.Equal(o.nextPoll)):
		return trigger{kind: byUntil}
	}
	return trigger{kind: byPoll}
}

// maxRan bounds the runs that are remembered for each observer.
const maxRan = 16

// ran is one evaluation as it is remembered, small: there is one for every
// observer, and no text is made before somebody asks.
type ran struct {
	cause, at   change.Position
	table, code string
	read        string // why rows were read; "": the view ran
	began, seen int64  // Unix nanoseconds; 0 for none
	took        uint32 // microseconds
	ops, bytes  uint32 // of the diff
	changes     uint16
	kind        triggerKind
}

// ranLog holds the newest runs.
type ranLog struct {
	runs []ran
	next int // where the next one goes once there are maxRan
}

func (l *ranLog) add(r ran) {
	if len(l.runs) < maxRan {
		l.runs = append(l.runs, r)
		return
	}
	l.runs[l.next] = r
	l.next = (l.next + 1) % maxRan
}

// newest returns the runs as they are told, newest first.
func (l *ranLog) newest() []explain.Run {
	list := make([]explain.Run, 0, len(l.runs))
	for i := range l.runs {
		list = append(list, l.runs[(l.next-1-i+2*len(l.runs))%len(l.runs)].told())
	}
	return list
}

// last is the newest run, nil for none.
func (l *ranLog) last() *ran {
	if len(l.runs) == 0 {
		return nil
	}
	return &l.runs[(l.next-1+len(l.runs))%len(l.runs)]
}

// told is the run as it is told.
func (r *ran) told() explain.Run {
	one := explain.Run{
		Cause: triggerNames[r.kind], Did: explain.Evaluate, Change: r.cause, Table: r.table, Changes: int(r.changes),
		Began: time.Unix(0, r.began), At: r.at, Took: time.Duration(r.took) * time.Microsecond,
		Ops: int(r.ops), Bytes: int(r.bytes), Code: r.code, Read: r.read,
	}
	if r.read != "" {
		one.Did = explain.ReadRows
	}
	if r.seen != 0 {
		one.Latency = max(time.Duration(r.began-r.seen)+one.Took, 0)
	}
	return one
}

// remember notes a run that has ended.
func (o *live) remember(r *run, outcome *observer.Outcome, v *observer.Verdict) {
	one := ran{
		cause: r.trigger.by.Position, at: r.snapshot.Position(), table: r.trigger.table, kind: r.trigger.kind,
		began: r.began.UnixNano(), seen: r.trigger.seen, took: uint32(min(outcome.Took.Microseconds(), 1<<32-1)),
		ops: uint32(len(v.Ops)), bytes: uint32(bytesOf(v.Ops)), changes: uint16(min(len(r.causes.commits), 1<<16-1)),
	}
	switch {
	case v.Problem != nil:
		one.code = string(v.Problem.Code)
	case v.Response != nil:
		one.code = statusCode(v.Response.Status)
	}
	o.ran.add(one)
}
