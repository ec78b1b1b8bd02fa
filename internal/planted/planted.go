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

// Bugs in reading SQL and in finding who is affected. The property test of
// package query finds these.
const (
	OrDropped        Bug = "or_dropped"         // an OR counts by its first side only
	OuterNarrowed    Bug = "outer_narrowed"     // IS NULL on the null side of an outer join narrows
	NotInNull        Bug = "not_in_null"        // NOT IN over a select narrows as IN does
	AffinityIgnored  Bug = "affinity_ignored"   // '1' is not 1
	LikeCase         Bug = "like_case"          // LIKE heeds case
	CollationIgnored Bug = "collation_ignored"  // every text compares byte by byte
	CorrelatedTaken  Bug = "correlated_taken"   // a column of an outer query counts as one of the inner
	HavingNarrows    Bug = "having_narrows"     // HAVING narrows as WHERE does
	CTEIgnored       Bug = "cte_ignored"        // a CTE that shadows a table is taken for the table
	OldImageIgnored  Bug = "old_image_ignored"  // an update counts by its new row only
	BetweenBound     Bug = "between_bound"      // BETWEEN excludes its upper bound
	InLosesOne       Bug = "in_loses_one"       // IN loses its first value
	ClockTrusted     Bug = "clock_trusted"      // an argument that moves with the clock narrows
	OuterOnPreserved Bug = "outer_on_preserved" // ON narrows the side that an outer join keeps
	EqualAnywhere    Bug = "equal_anywhere"     // ON sets two columns of the side that an outer join keeps equal
	LimitPushed      Bug = "limit_pushed"       // a condition on a limited subquery narrows within it
)

// HoldersForgotten: a row counts by what it is now, where what it was is not known.
// The law of package affected finds it.
const HoldersForgotten Bug = "holders_forgotten"

// EarlierForgotten: of a row that a transaction alters twice it does not count what
// the first made of it. The law of package worker finds it.
const EarlierForgotten Bug = "earlier_forgotten"

// Bugs in keeping lists by steps and reads. The laws of package worker find
// these.
const (
	StepAhead      Bug = "step_ahead"      // a list is stepped past the state to which a round brings the others
	QueueLost      Bug = "queue_lost"      // what waits to be stepped is forgotten
	DoubtForgotten Bug = "doubt_forgotten" // nobody is told that something has changed that rights rest on
	ScopeIgnored   Bug = "scope_ignored"   // an evaluation counts though its credentials may see other rows
	ReadDated      Bug = "read_dated"      // a read that lacks newer changes stands as if it had them
	ThroughIgnored Bug = "through_ignored" // a list made in a snapshot that is ahead of the log counts as if it were not
	RowNotHeld     Bug = "row_not_held"    // nobody is asked for a row that a step has brought
	PinForgotten   Bug = "pin_forgotten"   // what changes while a snapshot is pinned is taken to be in it
	ReadTooEarly   Bug = "read_too_early"  // rows are read in a snapshot that has only the first of what was to be stepped
)

// Bugs in telling which rows an evaluation has read. The law of package query
// finds these, and two of package postgres (key_incomplete, rows_left).
const (
	SkippedHeld   Bug = "skipped_held"   // rows before an OFFSET count for nothing
	PeersForgot   Bug = "peers_forgot"   // rows that are put together are taken to be each by itself
	OthersTrusted Bug = "others_trusted" // one statement's rows are taken for all of its table that were read
	MovingHeld    Bug = "moving_held"    // rows are known though the next run would send something else
)

// Holding lists these.
var Holding = []Bug{SkippedHeld, PeersForgot, OthersTrusted, MovingHeld}

// Keeping lists the bugs of the third kind.
var Keeping = []Bug{StepAhead, QueueLost, DoubtForgotten, ScopeIgnored, ReadDated, ThroughIgnored, PinForgotten, ReadTooEarly, RowNotHeld, EarlierForgotten}

// Reading lists the bugs of the second kind.
var Reading = []Bug{
	OrDropped, OuterNarrowed, NotInNull, AffinityIgnored, LikeCase, CollationIgnored, CorrelatedTaken, HavingNarrows,
	CTEIgnored, OldImageIgnored, BetweenBound, InLosesOne, ClockTrusted, OuterOnPreserved, EqualAnywhere, LimitPushed,
}

// All lists the bugs of the first kind, which the checker finds.
var All = []Bug{
	DiffDropped, DiffDoubled, DiffsSwapped, ReadFirst, TieBreakMissing, ResumeOffByOne,
	EpochNotRaised, FoldLost, StaleReadSet, IdentityMixed, WholeTooSoon, MakeGoodSkipped,
}

// Bugs in keeping a list by steps. The law of package ivm finds these.
const (
	ReserveOffByOne Bug = "reserve_off_by_one" // a window is served that lacks its last row
	WindowNotMoved  Bug = "window_not_moved"   // rows that come before the range held are not counted
	TieKeyIgnored   Bug = "tie_key_ignored"    // rows that tie are placed without their key
	UnknownFalse    Bug = "unknown_false"      // what only the database can tell is taken for false
	NullMatches     Bug = "null_matches"       // a condition that is NULL is taken for true
	OldPlaceKept    Bug = "old_place_kept"     // a row that moves is not taken out where it stood
	FoldedTwice     Bug = "folded_twice"       // of two changes of a row the first counts
	WaitingIgnored  Bug = "waiting_ignored"    // indices leave out the items that wait to be moved
	CountDrifts     Bug = "count_drifts"       // rows behind the range held do not count
	NestedStale     Bug = "nested_stale"       // a change of a nested row leaves its item as it was
	NestedGuessed   Bug = "nested_guessed"     // nested rows that are not known are taken for none
	DescNulls       Bug = "desc_nulls"         // the place of NULL follows the direction
	CountGuessed    Bug = "count_guessed"      // a row that is not held and of which nothing is known is taken not to have counted
)

// Stepping lists the bugs of the third kind.
var Stepping = []Bug{
	ReserveOffByOne, WindowNotMoved, TieKeyIgnored, UnknownFalse, NullMatches, OldPlaceKept,
	FoldedTwice, WaitingIgnored, CountDrifts, NestedStale, NestedGuessed, DescNulls, CountGuessed,
}
