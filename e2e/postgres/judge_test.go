package postgres

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/follow"
)

// A counter belongs to a writer, stands in a group, and only that writer
// raises it. A transaction raises four at once: two in a group and two in the
// group's twin. So whatever is shown can be judged by itself:
//
//   - the two of one list are equal, and with those of the twin where all lists
//     show one state (torn);
//   - no counter of a client goes back, and none has a value that was never
//     committed (backward, unreal);
//   - what is vouched for up to a place in the log has everything that the log
//     has before it (late).

// track is what one client was shown.
type track struct {
	name  string
	mu    sync.Mutex
	all   []shown
	diffs int // in all
	// faults are what the strict client found.
	faults []string
}

// shown is a list that was shown, or a word on how far lists have come.
type shown struct {
	group  int // of a list; -1: progress
	values map[int]int64
	diff   string // which diff made it, "" for a whole list
	at     change.Position
	when   time.Time
	whole  bool
	groups []int // of a progress
}

// lsn is the place in the log that a position vouches for.
func lsn(p change.Position) uint64 {
	if len(p) < change.HistoryLen+16 {
		return 0
	}
	n, err := strconv.ParseUint(string(p[change.HistoryLen:change.HistoryLen+16]), 16, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// groupOf returns the group that a list is of.
func groupOf(l *follow.List) (int, bool) {
	var group int
	_, err := fmt.Sscanf(l.URL, "/counters?grp=%d", &group)
	return group, err == nil
}

func values(l *follow.List) map[int]int64 {
	all := make(map[int]int64, len(l.Items))
	for i := range l.Items {
		// {"id":1,"n":2}, as follow.Canonical writes it; a list has many.
		id, n, ok := strings.Cut(strings.Trim(string(l.Items[i].Data), `{}`), ",")
		id, first := strings.CutPrefix(id, `"id":`)
		n, second := strings.CutPrefix(n, `"n":`)
		key, err := strconv.Atoi(id)
		value, err2 := strconv.ParseInt(n, 10, 64)
		if !ok || !first || !second || err != nil || err2 != nil {
			panic("no counter: " + string(l.Items[i].Data))
		}
		all[key] = value
	}
	return all
}

// watch notes what a client is shown.
func (t *track) watch() follow.Watch {
	note := func(s shown) {
		t.mu.Lock()
		defer t.mu.Unlock()
		s.when = time.Now()
		t.all = append(t.all, s)
		if s.diff != "" {
			t.diffs++
		}
	}
	return follow.Watch{
		State: func(l *follow.List) {
			if group, ok := groupOf(l); ok {
				s := shown{group: group, values: values(l), at: l.Position}
				if !l.ByHTTP {
					s.diff = fmt.Sprintf("%s %s:%d", l.Observer, l.Epoch, l.Seq)
				}
				note(s)
			}
		},
		Progress: func(p follow.Progress, lists []*follow.List) {
			s := shown{group: -1, at: p.Position, whole: p.Whole}
			for _, l := range lists {
				if group, ok := groupOf(l); ok {
					s.groups = append(s.groups, group)
				}
			}
			note(s)
		},
		Fault: func(err error) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.faults = append(t.faults, err.Error())
		},
	}
}

// verdict is what a judge has found.
type verdict struct {
	States, Diffs, Progress, Commits int
	Violations                       []string
}

const told = 10 // violations

func (v *verdict) violation(format string, arguments ...any) {
	v.Violations = append(v.Violations, fmt.Sprintf(format, arguments...))
}

// judge holds all tracks against the log. Forgiving forgives that counters go
// back: commits were lost.
func judge(tracks []*track, commits []commit, forgiving bool) *verdict {
	v := &verdict{Commits: len(commits)}
	committed := map[row]bool{}
	for i := range commits {
		for _, r := range commits[i].rows {
			committed[r] = true
		}
	}
	diffs := map[string]bool{}
	for _, t := range tracks {
		for _, fault := range t.faults {
			v.violation("broken: %s: %s", t.name, fault)
		}
		j := &judgement{verdict: v, track: t, commits: commits, committed: committed, forgiving: forgiving, held: map[int]map[int]int64{}, need: map[int]int64{}}
		for i := range t.all {
			if s := &t.all[i]; s.group < 0 {
				v.Progress++
				j.progress(s)
			} else {
				v.States++
				diffs[s.diff] = true
				j.state(s)
			}
		}
	}
	delete(diffs, "")
	v.Diffs = len(diffs)
	return v
}

// judgement is that of one track.
type judgement struct {
	*verdict
	track     *track
	commits   []commit
	committed map[row]bool
	forgiving bool
	held      map[int]map[int]int64 // by group
	need      map[int]int64         // by counter, of the first so many commits
	known     int
	told      uint64 // the place that need is of
}

func (j *judgement) state(s *shown) {
	before := j.held[s.group]
	j.held[s.group] = s.values
	for id, n := range s.values {
		if n != s.values[id^1] {
			j.violation("torn: %s: counters %d and %d of group %d are %d and %d", j.track.name, id, id^1, s.group, n, s.values[id^1])
		}
		if j.forgiving {
			continue
		}
		if n < before[id] {
			j.violation("backward: %s: counter %d went from %d to %d at %s", j.track.name, id, before[id], n, s.at)
		}
		if n > 0 && !j.committed[row{id, n}] {
			j.violation("unreal: %s: counter %d was never %d", j.track.name, id, n)
		}
	}
}

func (j *judgement) progress(s *shown) {
	if s.whole {
		for _, group := range s.groups {
			twin := j.held[group+twins]
			if group < twins && slices.Contains(s.groups, group+twins) && !sameIn(j.held[group], twin) {
				j.violation("torn: %s: at %s group %d is %v and its twin %v", j.track.name, s.at, group, told1(j.held[group]), told1(twin))
			}
		}
	}
	if j.forgiving {
		return
	}
	j.reach(lsn(s.at))
	for _, group := range s.groups {
		for id, n := range j.held[group] {
			if n < j.need[id] {
				j.violation("late: %s: progress %s has counter %d at %d, the list at %d", j.track.name, s.at, id, j.need[id], n)
			}
		}
	}
}

// reach makes need what the log has before a place.
func (j *judgement) reach(at uint64) {
	if at < j.told {
		j.known, j.need = 0, map[int]int64{}
	}
	j.told = at
	for ; j.known < len(j.commits) && j.commits[j.known].end <= at; j.known++ {
		for _, r := range j.commits[j.known].rows {
			j.need[r.id] = max(j.need[r.id], r.n)
		}
	}
}

// sameIn compares a group with its twin, whose counters have their ids shifted.
func sameIn(group, twin map[int]int64) bool {
	for id, n := range group {
		if twin[id+twins*perGroup] != n {
			return false
		}
	}
	return len(group) == len(twin)
}

func told1(values map[int]int64) (text string) {
	for _, id := range slices.Sorted(maps.Keys(values)) {
		text += fmt.Sprintf("%d:%d ", id, values[id])
	}
	return text
}

// seen is how many diffs the client was shown so far.
func (t *track) seen() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.diffs
}
