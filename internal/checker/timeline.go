package checker

import (
	"sort"

	"github.com/wakeful-dev/wakeful/change"
)

// A point is a number of transactions of the log, all of which, and none
// later, had been committed.

// history is what was true, and when.
type history struct {
	timelines []*timeline // by view
	log       []Transaction
	numbers   []int64  // of transactions, in commit order
	commits   []commit // whose position is known, in commit order
	end       int      // the first point that never came
}

// floor returns the oldest point that a claim of the position may have.
func (h *history) floor(p change.Position) int {
	if p == "" {
		return 0
	}
	for i := len(h.commits) - 1; i >= 0; i-- {
		if c := h.commits[i]; p.Reaches(c.position) {
			// A transaction that changed no row is not in the log.
			return sort.Search(len(h.numbers), func(i int) bool { return h.numbers[i] > c.number })
		}
	}
	return 0
}

// timeline is the run-length list of one view's results.
type timeline struct {
	starts []int // the point at which each run begins
	sums   []uint64
	runs   map[uint64][]int // the runs with a sum, ascending
}

// add notes the result from a point on, and reports whether it is a new one.
func (t *timeline) add(point int, sum uint64) bool {
	if n := len(t.sums); n > 0 && t.sums[n-1] == sum {
		return false
	}
	t.runs[sum] = append(t.runs[sum], len(t.starts))
	t.starts = append(t.starts, point)
	t.sums = append(t.sums, sum)
	return true
}

// next returns the smallest point from low on at which the result was sum.
func (t *timeline) next(sum uint64, low int) (point int, ok bool) {
	runs := t.runs[sum]
	i := sort.Search(len(runs), func(i int) bool { return t.endOf(runs[i]) > low })
	if i == len(runs) {
		return 0, false
	}
	return max(low, t.starts[runs[i]]), true
}

// endOf is the first point after a run.
func (t *timeline) endOf(run int) int {
	if run+1 < len(t.starts) {
		return t.starts[run+1]
	}
	return int(^uint(0) >> 1)
}

// at is the result at a point.
func (t *timeline) at(point int) uint64 {
	return t.sums[sort.SearchInts(t.starts, point+1)-1]
}
