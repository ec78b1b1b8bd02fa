// Package planted has the bugs that prove the checker: a build with the tag
// "planted" carries the one that the environment variable WAKEFUL_PLANT names.
// In every other build Is and Sometimes are constants, and what they guard is
// not compiled.
//
// A bug is planted where it would be made, in one line:
//
//	if planted.Sometimes(planted.DiffDropped) {
//		return
//	}
package planted

// Bug names a bug.
type Bug string

// The bugs, each one that somebody makes one day.
const (
	DiffDropped     Bug = "diff_dropped"      // a gateway does not send a diff to a session
	DiffDoubled     Bug = "diff_doubled"      // … sends it twice
	DiffsSwapped    Bug = "diffs_swapped"     // … sends two in the wrong order
	ReadFirst       Bug = "read_first"        // the snapshot is read before the observer is registered
	TieBreakMissing Bug = "tie_break_missing" // a view orders by a column that ties
	ResumeOffByOne  Bug = "resume_off_by_one" // a resume begins one diff too late
	EpochNotRaised  Bug = "epoch_not_raised"  // an observer that starts anew goes on in its old epoch
	FoldLost        Bug = "fold_lost"         // what changes while an evaluation runs is forgotten
	StaleReadSet    Bug = "stale_read_set"    // an observer keeps what its first evaluation read
	IdentityMixed   Bug = "identity_mixed"    // the observer's key leaves the identity out
	WholeTooSoon    Bug = "whole_too_soon"    // progress says whole while observers wait
	MakeGoodSkipped Bug = "make_good_skipped" // a version 1 client that returns is not made good
)

// All lists the bugs.
var All = []Bug{
	DiffDropped, DiffDoubled, DiffsSwapped, ReadFirst, TieBreakMissing, ResumeOffByOne,
	EpochNotRaised, FoldLost, StaleReadSet, IdentityMixed, WholeTooSoon, MakeGoodSkipped,
}
