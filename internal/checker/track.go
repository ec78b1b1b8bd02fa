package checker

import (
	"fmt"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/follow"
)

// Track is what one client was shown, in order.
type Track struct {
	c       *Checker
	name    string
	as      string // whose rights it has
	bare    bool   // version 1: what a page has beside its items is not told
	records []record
	seen    map[*follow.List]int // the view of a list
}

// TrackV1 is Track for a version 1 client.
func (c *Checker) TrackV1(name, as string) *Track {
	t := c.Track(name, as)
	t.bare = true
	return t
}

// kind says what a record is about.
type kind uint8

const (
	stateRecord    kind = iota // a whole list
	messageRecord              // a list in the middle of a version 1 diff, or after it
	progressRecord             // lists, some or all
	wholeRecord                // lists, at one point
	proofRecord                // version 1: lists, each after a whole diff
	dropRecord                 // version 1: the connection ended
	forgetRecord               // unsubscribed
	lastRecord                 // lists, when everything is over
	faultRecord
)

var kindNames = [...]string{"state", "message", "progress", "whole", "proof", "dropped", "forget", "last", "fault"}

// record is one thing that happened.
type record struct {
	kind     kind
	removed  bool // messageRecord
	order    int32
	view     int32
	sum      uint64
	position change.Position
	lists    []int32 // views, where there are several
	detail   string  // for people
}

func (r *record) views() []int32 {
	switch r.kind {
	case stateRecord, messageRecord:
		return []int32{r.view}
	}
	return nil
}

// Track begins the record of a client: its Watch is for the client's Config.
// The name is for violations; as says whose rights the client has, where
// views are different for each (View.As).
func (c *Checker) Track(name, as string) *Track {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &Track{c: c, name: name, as: as, seen: map[*follow.List]int{}}
	c.tracks = append(c.tracks, t)
	return t
}

// Watch hears what happens to the client.
func (t *Track) Watch() follow.Watch {
	return follow.Watch{
		State: func(l *follow.List) {
			r := record{kind: stateRecord, position: l.Position, detail: fmt.Sprintf("%s:%d", l.Epoch, l.Seq)}
			if l.ByHTTP {
				r.detail += " by HTTP"
			}
			t.note(r, l)
		},
		Message: func(l *follow.List, m follow.Message) {
			t.note(record{kind: messageRecord, removed: m.Removed, order: int32(m.Order), detail: m.What}, l)
		},
		Progress: func(p follow.Progress, lists []*follow.List) {
			r := record{kind: progressRecord, position: p.Position, detail: fmt.Sprintf("behind: %d", len(p.Behind))}
			if p.Whole {
				r.kind = wholeRecord
			}
			t.cut(r, lists)
		},
		Proof:   func(lists []*follow.List) { t.cut(record{kind: proofRecord}, lists) },
		Dropped: func() { t.cut(record{kind: dropRecord}, nil) },
		Forget:  func(l *follow.List) { t.cut(record{kind: forgetRecord}, []*follow.List{l}) },
		Fault: func(err error) {
			t.c.mu.Lock()
			defer t.c.mu.Unlock()
			t.records = append(t.records, record{kind: faultRecord, detail: err.Error()})
		},
	}
}

// Last notes what the client holds when everything is over: every list must be
// the newest result.
func (t *Track) Last(lists []*follow.List) { t.cut(record{kind: lastRecord}, lists) }

func (t *Track) note(r record, l *follow.List) {
	view, ok := t.view(l)
	if !ok {
		return
	}
	r.view, r.sum = int32(view), l.Sum()
	if t.bare {
		r.sum = follow.Sum(l.Items, nil)
	}
	t.c.states.Add(1)
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	t.records = append(t.records, r)
	if len(t.c.texts) < maxTexts {
		if _, known := t.c.texts[r.sum]; !known {
			t.c.texts[r.sum] = fmt.Sprintf("%s %s", follow.JSON(l.Items), l.Meta)
		}
	}
}

func (t *Track) cut(r record, lists []*follow.List) {
	for _, l := range lists {
		if view, ok := t.view(l); ok {
			r.lists = append(r.lists, int32(view))
		}
	}
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	t.records = append(t.records, r)
}

// view finds the view of a list, which is a fault where there is none.
func (t *Track) view(l *follow.List) (int, bool) {
	view, ok := t.seen[l]
	if ok {
		return view, view >= 0
	}
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	view, ok = t.c.byName[viewName{l.URL, t.as, t.bare}]
	if !ok {
		view, ok = t.c.byName[viewName{l.URL, "", t.bare}]
	}
	if !ok {
		view = -1
		t.records = append(t.records, record{kind: faultRecord, detail: "no view for " + l.URL})
	}
	t.seen[l] = view
	return view, ok
}
