package checker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/change"
)

// judge holds one client's track against the history.
type judge struct {
	c       *Checker
	history *history
	track   *Track
	report  *Report
	held    map[int32]*holding
	at      int // the record in hand
	count   int // of violations
}

// holding is one list of the client as the judge sees it.
type holding struct {
	sum  uint64
	low  int // the smallest point that it can be at
	real bool
	open []boundary // version 1: where diffs may have ended
	last uint64     // version 1: the newest record's sum
}

// shown bounds the violations that one client reports.
const shown = 20

func newJudge(c *Checker, h *history, t *Track, r *Report) *judge {
	return &judge{c: c, history: h, track: t, report: r, held: map[int32]*holding{}}
}

func (j *judge) run() {
	for i := range j.track.records {
		r := &j.track.records[i]
		j.at = i
		switch r.kind {
		case stateRecord:
			j.report.States++
			j.state(r.view, r.sum, r.position)
		case messageRecord:
			j.report.States++
			j.message(r)
		case progressRecord:
			j.progress(r)
		case wholeRecord:
			j.progress(r)
			j.whole(r)
		case proofRecord:
			for _, view := range r.lists {
				j.proof(view)
			}
		case dropRecord:
			j.dropped()
		case lastRecord:
			j.last(r)
		case faultRecord:
			j.violation(-1, Broken, r.detail)
		}
	}
}

func (j *judge) violation(view int32, kind, detail string) {
	if j.count++; j.count > shown {
		return
	}
	name := ""
	if view >= 0 {
		name = j.c.views[view].URL
	}
	only := int32(-1)
	if kind == Unequal || kind == Unreal || kind == Backward {
		only = view
	}
	detail = fmt.Sprintf("record %d: %s%s", j.at, detail, j.around(only))
	j.report.Violations = append(j.report.Violations, Violation{j.track.name, name, kind, detail})
}

// told is how many records a violation shows of those before it, and half as
// many of those after it.
const told = 16

// around lists what the client was shown before the record in hand, and right
// after it: of one view only, unless that is negative.
func (j *judge) around(only int32) string {
	var shown []int
	first := 0
	for i := range j.track.records {
		r := &j.track.records[i]
		if only >= 0 && r.kind != dropRecord && r.kind != faultRecord && !slices.Contains(append(r.views(), r.lists...), only) {
			continue
		}
		if i <= j.at {
			first = len(shown)
		}
		shown = append(shown, i)
	}
	var out strings.Builder
	for _, i := range shown[max(0, first-told+1):min(first+told/2, len(shown))] {
		fmt.Fprintf(&out, "\n\t%d %s", i, j.describe(&j.track.records[i]))
	}
	return out.String()
}

func (j *judge) describe(r *record) string {
	text := fmt.Sprintf("%s %s", kindNames[r.kind], r.position)
	for _, view := range append(r.views(), r.lists...) {
		text += " " + j.c.views[view].URL
	}
	if r.kind == messageRecord && r.removed {
		text += " −"
	} else if r.kind == messageRecord {
		text += fmt.Sprintf(" +%d", r.order)
	}
	return text + " " + r.detail
}

func (j *judge) holding(view int32) *holding {
	h := j.held[view]
	if h == nil {
		h = &holding{}
		j.held[view] = h
	}
	return h
}

// state takes a list that must be true at one point.
func (j *judge) state(view int32, sum uint64, position change.Position) {
	h := j.holding(view)
	h.sum, h.last, h.open = sum, sum, nil
	low, ok := j.history.timelines[view].next(sum, h.low)
	h.real = ok
	if !ok {
		j.missing(view, sum, h.low)
		h.boundary()
		return
	}
	h.low = low
	j.reaches(view, h, position)
	h.boundary()
}

// missing reports a list that is not found from a point on.
func (j *judge) missing(view int32, sum uint64, low int) {
	was, ok := j.history.timelines[view].next(sum, 0)
	if _, now := j.history.timelines[view].next(sum, low); now {
		j.violation(view, Unreal, "the messages since a list that was true are no diff: removals, then ascending places: "+j.text(sum))
		return
	}
	if ok {
		j.violation(view, Backward, fmt.Sprintf("true from point %d on, but point %d was shown: %s", was, low, j.text(sum)))
		return
	}
	j.violation(view, Unreal, fmt.Sprintf("after point %d: %s\n\tat %d it was %s", low, j.text(sum), low, j.text(j.history.timelines[view].at(low))))
}

func (j *judge) text(sum uint64) string {
	if text, ok := j.c.texts[sum]; ok {
		return text
	}
	return fmt.Sprintf("(a list with sum %x)", sum)
}

// reaches demands that a list is not older than a position says.
func (j *judge) reaches(view int32, h *holding, position change.Position) {
	floor := j.history.floor(position)
	if floor <= h.low || !h.real {
		return
	}
	low, ok := j.history.timelines[view].next(h.sum, floor)
	if !ok {
		j.violation(view, Late, fmt.Sprintf("position %s has point %d, the list ended before: %s%s",
			position, floor, j.text(h.sum), j.ending(view, h)))
		return
	}
	h.low = low
}

// ending shows the transaction with which a list ceased to be true.
func (j *judge) ending(view int32, h *holding) string {
	t := j.history.timelines[view]
	runs := t.runs[h.sum]
	end := t.endOf(runs[len(runs)-1])
	if end > len(j.history.log) {
		return ""
	}
	ended := &j.history.log[end-1]
	var out strings.Builder
	fmt.Fprintf(&out, "\n\tended at point %d with transaction %d:", end, ended.Number)
	for _, r := range ended.rows {
		fmt.Fprintf(&out, "\n\t\t%s (%s) → (%s)", r.table, r.old, r.new)
	}
	return out.String()
}

// progress demands of each list what the position says.
func (j *judge) progress(r *record) {
	for _, view := range r.lists {
		if h := j.held[view]; h != nil {
			j.reaches(view, h, r.position)
		}
	}
}

// whole demands one point for all lists: the smallest is found by raising the
// point to what each list needs until none asks for more.
func (j *judge) whole(r *record) {
	point, lists := 0, r.lists[:0:0]
	for _, view := range r.lists {
		if h := j.held[view]; h != nil && h.real {
			lists = append(lists, view)
			point = max(point, h.low)
		}
	}
	if len(lists) > 1 {
		j.report.Cuts++
	}
	for raised := true; raised; {
		raised = false
		for _, view := range lists {
			next, ok := j.history.timelines[view].next(j.held[view].sum, point)
			if !ok {
				j.torn(lists, view, point, r)
				return
			}
			raised = raised || next > point
			point = next
		}
	}
	for _, view := range lists {
		j.held[view].low = point
	}
}

func (j *judge) torn(lists []int32, view int32, point int, r *record) {
	detail := fmt.Sprintf("at %s: another list needs point %d, which this one never reaches: %s", r.position, point, j.text(j.held[view].sum))
	for _, other := range lists {
		h := j.held[other]
		detail += fmt.Sprintf("\n\t%s from point %d: %s", j.c.views[other].URL, h.low, j.text(h.sum))
	}
	j.violation(view, Torn, detail)
}

// last demands the newest result of every list.
func (j *judge) last(r *record) {
	for _, view := range r.lists {
		h := j.held[view]
		if h == nil {
			continue
		}
		want := j.history.timelines[view].at(j.history.end)
		if h.last != want {
			j.violation(view, Unequal, fmt.Sprintf("%s\n\twant %s", j.text(h.last), j.text(want)))
		}
	}
}
