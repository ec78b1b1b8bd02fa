package readset

import (
	"bytes"
	"fmt"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Stray is a statement that an evaluation ran without its context: what it
// reads is not noted, and it does not see the evaluation's snapshot.
type Stray struct {
	Text  string // of the statement
	Site  string // where it was called: function (file:line)
	Stack string // of the goroutine
}

func (s Stray) String() string {
	return fmt.Sprintf("%s runs %.120q without the context of the request that is evaluated", s.Site, s.Text)
}

// maxStrays bounds the strays that are kept of one evaluation.
const maxStrays = 8

// Whose evaluation a statement without a context belongs to is told by the
// goroutine: the one on which the view runs, or one that this has started. All
// others are nobody's, for requests that are not observed run statements too.
// The runtime tells the number of a goroutine, and of the one that started it,
// only in the text of a stack: too slow to ask for each statement. So of the
// evaluations that are not strict only some are watched.
var evaluating struct {
	entered atomic.Int32 // evaluations that are watched
	strict  atomic.Int32 // those of them that are strict
	entry   atomic.Int64 // when one was entered that is not, Unix nanoseconds
	looked  atomic.Int64 // when a stack was looked at last, the same

	mu   sync.Mutex
	sets map[uint64]*Set // by the goroutine of the view
}

// gap is the least time between two that are watched, and between two stacks
// that are looked at, where nothing is strict.
const gap = 10 * time.Millisecond

// elapsed reports whether the gap is over, and begins the next one then.
func elapsed(since *atomic.Int64) bool {
	now, last := time.Now().UnixNano(), since.Load()
	return now-last >= int64(gap) && since.CompareAndSwap(last, now)
}

// Enter says that the calling goroutine runs the view for s until leave is
// called on it. Where s is strict that is watched in any case.
func (s *Set) Enter() (leave func()) {
	if !s.strict.Load() && !elapsed(&evaluating.entry) {
		return func() {}
	}
	var space [64]byte
	id := number(space[:runtime.Stack(space[:], false)], "goroutine ")
	evaluating.mu.Lock()
	defer evaluating.mu.Unlock()
	if evaluating.sets == nil {
		evaluating.sets = map[uint64]*Set{}
	}
	before := evaluating.sets[id]
	evaluating.sets[id] = s
	s.entered++
	evaluating.entered.Add(1)
	if s.strict.Load() {
		evaluating.strict.Add(1)
	}
	return func() { s.leave(id, before) }
}

func (s *Set) leave(id uint64, before *Set) {
	evaluating.mu.Lock()
	defer evaluating.mu.Unlock()
	if delete(evaluating.sets, id); before != nil {
		evaluating.sets[id] = before
	}
	s.entered--
	evaluating.entered.Add(-1)
	if s.strict.Load() {
		evaluating.strict.Add(-1)
	}
}

// BeStrict has the evaluation fail where it runs a statement without its
// context, from the next Enter on.
func (s *Set) BeStrict() {
	if s == nil {
		return
	}
	evaluating.mu.Lock()
	defer evaluating.mu.Unlock()
	if !s.strict.Swap(true) {
		evaluating.strict.Add(s.entered)
	}
}

// Strict reports whether BeStrict was called.
func (s *Set) Strict() bool { return s.strict.Load() }

// Strays returns the first statements that were run without the context.
func (s *Set) Strays() []Stray {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.strays
}

// Look is called by recorders with each statement that runs, and the set that
// its context carries, nil for none. Where it runs in an evaluation that is not
// this set's, it is noted there.
func Look(given *Set, text string) {
	if evaluating.entered.Load() == 0 {
		return
	}
	if evaluating.strict.Load() == 0 && (given != nil || !elapsed(&evaluating.looked)) {
		return
	}
	stack := stackOf()
	defer stacks.Put(stack)
	s := owner(*stack)
	if s == nil || s == given || given != nil && s == given.of {
		return
	}
	stray := Stray{Text: text, Site: site(), Stack: string(*stack)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.strays) < maxStrays {
		s.strays = append(s.strays, stray)
	}
}

// owner is the set of the evaluation to which a goroutine belongs, nil for none.
func owner(stack []byte) *Set {
	id := number(stack, "goroutine ")
	var parent uint64
	if i := bytes.LastIndex(stack, []byte("\ncreated by ")); i >= 0 {
		line, _, _ := bytes.Cut(stack[i+1:], []byte("\n"))
		if at := bytes.LastIndex(line, []byte(" in goroutine ")); at >= 0 {
			parent = number(line[at:], " in goroutine ")
		}
	}
	evaluating.mu.Lock()
	defer evaluating.mu.Unlock()
	if s := evaluating.sets[id]; s != nil {
		return s
	}
	return evaluating.sets[parent]
}

// number reads the digits behind a prefix, 0 where there are none.
func number(text []byte, prefix string) uint64 {
	rest, ok := bytes.CutPrefix(text, []byte(prefix))
	if !ok {
		return 0
	}
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	n, err := strconv.ParseUint(string(rest[:end]), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

var stacks = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// stackOf is the calling goroutine's stack. Where it is too long for the
// buffer, who started the goroutine is not known.
func stackOf() *[]byte {
	b := stacks.Get().(*[]byte)
	*b = (*b)[:cap(*b)]
	*b = (*b)[:runtime.Stack(*b, false)]
	return b
}

// between lists what stands between a recorder and whoever calls it.
var between = []string{"runtime.", "database/sql.", "github.com/wakeful-dev/wakeful/readset.", "github.com/wakeful-dev/wakeful/sqldb."}

// site is where the statement was called.
func site() string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if !isBetween(f.Function) {
			return fmt.Sprintf("%s (%s:%d)", f.Function, path.Base(f.File), f.Line)
		}
		if !more {
			return "a goroutine whose stack is not known"
		}
	}
}

func isBetween(function string) bool {
	for _, prefix := range between {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}
