package console

import (
	"slices"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/explain"
)

// maxEntries bounds a timeline.
const maxEntries = 96

// entry is one thing that was done for an observer, or a transaction for which
// nothing was.
type entry struct {
	At           time.Time       `json:"at"`
	Did          string          `json:"did"` // step, read, evaluate, nothing
	Cause        string          `json:"cause"`
	Why          string          `json:"why,omitempty"`
	Position     change.Position `json:"position"`
	Table        string          `json:"table,omitempty"`
	Rows         []string        `json:"rows,omitempty"` // marks of keys
	Transactions int             `json:"transactions,omitempty"`
	Touches      bool            `json:"touches"`
	Took         *float64        `json:"took_ms,omitempty"`
	Latency      *float64        `json:"latency_ms,omitempty"`
	Ops          int             `json:"ops"`
	Bytes        int             `json:"bytes"`
	Code         string          `json:"code,omitempty"`
}

// What became of a transaction, for one observer.
const (
	untouched = "untouched"
	own       = "own"
	stepped   = "stepped"
	ran       = "ran"
	read      = "read"
	waiting   = "waiting"
	contained = "contained"
)

// timelineOf is what was done for an observer, newest first.
func timelineOf(e *wakeful.Explanation) []entry {
	entries := []entry{}
	for i := range e.Runs {
		entries = append(entries, entryOf(&e.Runs[i], e.Changes))
	}
	for i := range e.Changes {
		c := &e.Changes[i]
		switch verdict, by := judge(e, c); {
		case verdict == untouched || verdict == own:
			one := asked(c, "nothing")
			one.Why = whyOf(c)
			entries = append(entries, one)
		case verdict == stepped && len(by) == 0:
			entries = append(entries, asked(c, explain.Step))
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return b.At.Compare(a.At) })
	return entries[:min(len(entries), maxEntries)]
}

func entryOf(r *explain.Run, changes []explain.Change) entry {
	took := milliseconds(r.Took)
	one := entry{
		At: r.Began.UTC(), Did: r.Did, Cause: r.Cause, Why: r.Read, Position: r.Change, Table: r.Table, Transactions: r.Changes,
		Touches: r.Change != "", Took: &took, Ops: r.Ops, Bytes: r.Bytes, Code: r.Code,
	}
	if r.Latency > 0 {
		latency := milliseconds(r.Latency)
		one.Latency = &latency
	}
	if r.Change == "" {
		return one
	}
	if at := slices.IndexFunc(changes, func(c explain.Change) bool { return c.Position == r.Change }); at >= 0 {
		one.Table, one.Rows = tableAndRows(&changes[at])
	}
	return one
}

// asked is the entry of a transaction that nothing is remembered to have been
// done for.
func asked(c *explain.Change, did string) entry {
	one := entry{At: c.Seen.UTC(), Did: did, Cause: explain.Changed, Position: c.Position, Transactions: 1, Touches: c.Touches && !c.Own}
	one.Table, one.Rows = tableAndRows(c)
	return one
}

// tableAndRows are the table that a transaction changed, "" for several, and
// marks of some of its rows.
func tableAndRows(c *explain.Change) (table string, rows []string) {
	for i := range c.Tables {
		if rows = append(rows, c.Tables[i].Rows...); i == 0 {
			table = c.Tables[i].Name
		} else {
			table = ""
		}
	}
	return table, rows
}

// judge says what became of a transaction, and which runs are of it. What a
// transaction is to an observer is judged by what that reads now.
func judge(e *wakeful.Explanation, c *explain.Change) (verdict string, by []*explain.Run) {
	switch {
	case !c.Touches:
		return untouched, nil
	case c.Own:
		return own, nil
	}
	failed, later := false, false
	for i := range e.Runs {
		r := &e.Runs[i]
		if r.Change != "" && r.At.Reaches(c.Position) && c.Position.Reaches(r.Change) || r.Change == c.Position {
			by = append(by, r)
			failed = failed || r.Code != ""
			if r.Code == "" {
				switch r.Did {
				case explain.Step:
					verdict = stepped
				case explain.ReadRows:
					verdict = read
				default:
					verdict = ran
				}
			}
		}
		later = later || r.Change == "" && r.Code == "" && r.Did == explain.Evaluate && r.At.Reaches(c.Position) && !r.Began.Before(c.Seen)
	}
	switch reached := e.Kept.Position.Reaches(c.Position); {
	case verdict != "":
		return verdict, by
	case failed || !reached:
		return waiting, by
	case later:
		return contained, nil
	case e.Kept.How == explain.Step && e.Kept.Steps > 0:
		return stepped, nil
	}
	return ran, nil
}

// whyOf is the first of the reasons of a transaction, as a sentence.
func whyOf(c *explain.Change) string {
	switch {
	case c.Own:
		return "its own evaluation wrote it"
	case len(c.Reasons) > 0:
		return c.Reasons[0].String()
	}
	return ""
}
