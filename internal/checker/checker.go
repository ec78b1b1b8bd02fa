// Package checker proves that what clients were shown is true.
//
// It is given a log of the committed transactions that nothing of Wakeful
// wrote (Log: triggers that fill a table in the same transaction), every state
// of every list that a client ever held (Track, which is a follow.Watch), and
// the views as SQL (View). Check then replays the transactions one at a time
// into a second database of the same engine and holds against them:
//
//   - every state of every list equals the view's result at one committed point;
//   - the points of one client and view only go forward;
//   - at a progress with whole: true all lists of the session are at one point;
//   - no list, and no progress, is older than a commit that its position
//     reaches;
//   - the last state of every list is the view's newest result;
//   - whatever the model clients call a fault is one.
//
// Claims of the server are not trusted to find the points: each state is given
// the smallest point that it can have. That is never wrong: all demands are
// lower bounds, so a smaller point leaves every later choice open.
//
// It costs one evaluation per view and transaction that touches its tables, and
// then a few comparisons per state.
//
// Pipeline: client → [checker].
package checker

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/wakeful-dev/wakeful/change"
)

// Checker collects what happened and judges it afterwards. Methods may be
// called from several goroutines; Check once all of it is over.
type Checker struct {
	mu      sync.Mutex
	views   []*View
	byName  map[viewName]int
	tracks  []*Track
	commits []commit
	texts   map[uint64]string // of lists, by sum, for violations
	states  atomic.Int64
}

type viewName struct {
	url, as string
	bare    bool
}

// States counts the states of lists that were noted so far.
func (c *Checker) States() int { return int(c.states.Load()) }

// commit says at which position a transaction of the log was committed.
type commit struct {
	position change.Position
	number   int64
}

// maxTexts bounds the lists that are kept as text to be shown in violations.
const maxTexts = 20_000

// New makes a checker of the given views.
func New(views ...*View) *Checker {
	c := &Checker{byName: map[viewName]int{}, texts: map[uint64]string{}}
	for _, view := range views {
		c.byName[viewName{view.URL, view.As, false}] = len(c.views)
		c.views = append(c.views, view)
		if view.Meta.Text != "" {
			bare := *view
			bare.Meta = Query{}
			view = &bare
			c.views = append(c.views, view)
		}
		c.byName[viewName{view.URL, view.As, true}] = len(c.views) - 1
	}
	return c
}

// Committed notes the position that a writer was told for transaction number
// n of the log.
func (c *Checker) Committed(position change.Position, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commits = append(c.commits, commit{position, n})
}

// Violation is one thing that should not have happened.
type Violation struct {
	Client string `json:"client"`
	View   string `json:"view,omitempty"`
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
}

func (v Violation) String() string {
	return fmt.Sprintf("%s: %s %s: %s", v.Kind, v.Client, v.View, v.Detail)
}

// The kinds of violations.
const (
	Unreal   = "unreal"   // a list that never was
	Backward = "backward" // a list that was true, but before what was shown already
	Torn     = "torn"     // lists that were never true together at a whole progress
	Late     = "late"     // older than its position says
	Unequal  = "unequal"  // not the newest result after everything has ended
	Broken   = "broken"   // a frame against the protocol
	// Misplaced: positions that writers were told are not in commit order.
	Misplaced = "misplaced"
)

// Report is what Check found.
type Report struct {
	Transactions int         `json:"transactions"`
	Evaluations  int         `json:"evaluations"`
	Results      int         `json:"results"` // distinct from the one before, over all views
	Clients      int         `json:"clients"`
	States       int         `json:"states"`
	Cuts         int         `json:"cuts"` // whole progress marks with two lists or more
	Violations   []Violation `json:"violations"`
}

// Check replays the log into replay, a database with the state in which the
// log began, and judges every track.
func (c *Checker) Check(ctx context.Context, log []Transaction, replay *sql.DB) (*Report, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	report := &Report{Transactions: len(log), Clients: len(c.tracks)}
	history, err := c.history(ctx, log, replay, report)
	if err != nil {
		return nil, err
	}
	for _, track := range c.tracks {
		judge := newJudge(c, history, track, report)
		judge.run()
	}
	return report, nil
}

// history replays the log and returns each view's results.
func (c *Checker) history(ctx context.Context, log []Transaction, replay *sql.DB, report *Report) (h *history, err error) {
	h = &history{timelines: make([]*timeline, len(c.views)), numbers: make([]int64, len(log)), log: log}
	watched := c.watched()
	prepared := &statements{db: replay, prepared: map[string]*sql.Stmt{}}
	defer func() { err = errors.Join(err, prepared.close()) }()
	player := replayer{db: replay, engine: engineOf(ctx, replay), shapes: map[string]shape{}}
	evaluate := func(point int, touched func(*View) bool) error {
		for i, view := range c.views {
			if !watched[i] || !touched(view) {
				continue
			}
			result, err := view.result(ctx, prepared)
			if err != nil {
				return fmt.Errorf("checker: view %s after %d transactions: %w", view.URL, point, err)
			}
			report.Evaluations++
			if h.timelines[i].add(point, result.Sum()) {
				report.Results++
			}
		}
		return nil
	}
	for i := range c.views {
		h.timelines[i] = &timeline{runs: map[uint64][]int{}}
	}
	if err := evaluate(0, func(*View) bool { return true }); err != nil {
		return nil, err
	}
	for i := range log {
		h.numbers[i] = log[i].Number
		if err := player.apply(ctx, &log[i]); err != nil {
			return nil, err
		}
		if err := evaluate(i+1, log[i].touches); err != nil {
			return nil, err
		}
	}
	h.end = len(log) + 1
	h.commits = slices.Clone(c.commits)
	slices.SortFunc(h.commits, func(a, b commit) int { return int(a.number - b.number) })
	for i := 1; i < len(h.commits); i++ {
		a, b := h.commits[i-1], h.commits[i]
		if player.engine.exact && a.position.SameHistory(b.position) && a.position >= b.position {
			report.Violations = append(report.Violations, Violation{Client: "writers", Kind: Misplaced,
				Detail: fmt.Sprintf("transaction %d was told position %s, and %d after it %s", a.number, a.position, b.number, b.position)})
		}
	}
	return h, nil
}

// watched says which views any client ever held.
func (c *Checker) watched() []bool {
	watched := make([]bool, len(c.views))
	for _, track := range c.tracks {
		for _, r := range track.records {
			for _, view := range r.views() {
				watched[view] = true
			}
		}
	}
	return watched
}
