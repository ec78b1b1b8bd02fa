// Package memory counts what the server holds, in bytes and by kind, and says
// who has to let go of what when that is more than allowed.
//
// Worker and gateway of one process share one Account. What both hold (in one
// process a list and its diffs are passed on, not copied) is counted once. At
// the limit caches go first, then the oldest diffs that are kept for resume,
// everywhere at once: clients that wanted them get a snapshot. What a
// subscriber needs to stay exact is never let go; when that alone is too much,
// Room is false, and new observers are refused.
//
// Bytes are an account and not a measurement: each thing's content and about
// what Go keeps beside it.
//
// Pipeline: beside observer and gateway, which hold.
package memory

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// Kind says what bytes are for.
type Kind uint8

const (
	Lists   Kind = iota // current lists
	Logs                // diffs kept for resume
	Frames              // the same as frames
	Caches              // what can be made again: snapshot frames, statements as read
	Keys                // what version 1 clients may hold of lists that nobody keeps
	Transit             // messages and changes on their way
	Source              // the source's own log
	kinds
)

var names = [kinds]string{"lists", "logs", "frames", "caches", "keys", "transit", "source"}

func (k Kind) String() string { return names[k] }

// Account is one process's. Its methods may be called from several goroutines
// and under any lock; a nil Account counts nothing and allows everything.
type Account struct {
	limit int64

	bytes [kinds]atomic.Int64
	total atomic.Int64 // without gauges
	alarm atomic.Int64 // total above which the holders are asked to let go

	mu      sync.Mutex
	gauges  [kinds][]func() int
	holders []func()
	held    map[any]record
	order   []log  // oldest first
	gone    int    // of order
	newest  uint64 // the last stamp that was given
	cutoff  uint64
}

// log is a diff in its place among all that are kept.
type log struct {
	stamp uint64
	key   any // nil: gone
}

// record is one thing that is held.
type record struct {
	bytes int
	users int
	kind  Kind
	stamp uint64 // of logs: its place in time
}

// New makes an account. A limit of 0 or less is none.
func New(limit int) *Account {
	a := &Account{limit: int64(limit), held: map[any]record{}}
	if limit <= 0 {
		a.limit = math.MaxInt64
	}
	a.alarm.Store(a.limit)
	return a
}

// Holder adds somebody who can let go. relieve is called when there is too
// much, possibly under the caller's locks: it must only see to it that Relieve
// is called soon, elsewhere.
func (a *Account) Holder(relieve func()) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.holders = append(a.holders, relieve)
}

// Gauge adds bytes that somebody else counts, and bounds.
func (a *Account) Gauge(kind Kind, read func() int) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gauges[kind] = append(a.gauges[kind], read)
}

// Add counts bytes that only the caller holds; n may be negative.
func (a *Account) Add(kind Kind, n int) {
	if a == nil || n == 0 {
		return
	}
	a.bytes[kind].Add(int64(n))
	if total := a.total.Add(int64(n)); n > 0 && total > a.alarm.Load() {
		a.raise()
	}
}

// Hold counts a thing, named by a pointer that all who hold it have in common,
// for one more user. Size is asked where it is new. The stamp is its place
// among the logs.
func (a *Account) Hold(kind Kind, key any, size func() int) (stamp uint64) {
	if a == nil || key == nil {
		return 0
	}
	a.mu.Lock()
	r, ok := a.held[key]
	if !ok {
		r = record{bytes: size(), kind: kind}
		if kind == Logs {
			a.newest++
			r.stamp = a.newest
			a.order = append(a.order, log{r.stamp, key})
		}
	}
	r.users++
	a.held[key] = r
	a.mu.Unlock()
	if !ok {
		a.Add(kind, r.bytes)
	}
	return r.stamp
}

// Held is what a thing was counted with, 0 where it is not.
func (a *Account) Held(key any) int {
	if a == nil || key == nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.held[key].bytes
}

// Drop takes one user from a thing.
func (a *Account) Drop(key any) {
	if a == nil || key == nil {
		return
	}
	a.mu.Lock()
	r, ok := a.held[key]
	last := ok && r.users == 1
	if r.users--; last {
		delete(a.held, key)
		if r.kind == Logs {
			a.forget(r.stamp)
		}
	} else if ok {
		a.held[key] = r
	}
	a.mu.Unlock()
	if last {
		a.Add(r.kind, -r.bytes)
	}
}

// forget takes a log out of the order. The places of those that are gone are
// given up when they are the larger part: what nobody lets go of may be older
// than all of them. mu is held.
func (a *Account) forget(stamp uint64) {
	i, _ := slices.BinarySearchFunc(a.order, stamp, func(l log, stamp uint64) int { return cmp.Compare(l.stamp, stamp) })
	a.order[i].key = nil
	if a.gone++; a.gone > len(a.order)/2 {
		a.order = slices.DeleteFunc(a.order, func(l log) bool { return l.key == nil })
		a.gone = 0
	}
	if len(a.order) == 0 {
		a.order = nil
	}
}

// raise asks all holders to let go, and not again before there is notably more.
func (a *Account) raise() {
	a.mu.Lock()
	if a.total.Load() <= a.alarm.Load() {
		a.mu.Unlock()
		return
	}
	a.alarm.Store(a.total.Load() + a.limit/64)
	holders := a.holders
	a.mu.Unlock()
	for _, relieve := range holders {
		relieve()
	}
}

// Relieve lets go for one holder where there is too much: caches, then, where
// that is not enough, every diff of its logs whose stamp is not above the
// cutoff.
func (a *Account) Relieve(dropCaches func(), dropLogs func(cutoff uint64)) {
	if a == nil || !a.Over() {
		return
	}
	dropCaches()
	if cutoff := a.condemn(); cutoff > 0 {
		dropLogs(cutoff)
	}
	if a.total.Load() <= a.limit {
		a.alarm.Store(a.limit)
	}
}

// condemn returns the stamp up to which logs must go, so that a part of the
// limit is free again. Caches count as gone: their holders let go of them too.
func (a *Account) condemn() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	total := a.sum() - a.of(Caches)
	if total <= a.limit {
		return a.cutoff
	}
	need := total - a.limit + a.limit/8
	logs, frames := a.of(Logs), a.of(Frames)
	for _, l := range a.order {
		if need <= 0 {
			break
		}
		if l.key != nil {
			bytes := int64(a.held[l.key].bytes)
			need -= bytes + frames*bytes/max(logs, 1)
		}
		a.cutoff = max(a.cutoff, l.stamp)
	}
	return a.cutoff
}

// sum is all that is held. mu is held.
func (a *Account) sum() int64 {
	sum := int64(0)
	for kind := range kinds {
		sum += a.of(kind)
	}
	return sum
}

// of is what is held of one kind. mu is held.
func (a *Account) of(kind Kind) int64 {
	n := a.bytes[kind].Load()
	for _, read := range a.gauges[kind] {
		n += int64(read())
	}
	return n
}

// Over reports whether more is held than allowed.
func (a *Account) Over() bool {
	if a == nil || a.limit == math.MaxInt64 {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sum() > a.limit
}

// Room reports whether a new observer may begin: whether something would be
// left if all that can be let go were.
func (a *Account) Room() bool {
	if a == nil || a.limit == math.MaxInt64 {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sum()-a.of(Logs)-a.of(Frames)-a.of(Caches) < a.limit
}

// Limit is the most that may be held, 0 for no limit.
func (a *Account) Limit() int {
	if a == nil || a.limit == math.MaxInt64 {
		return 0
	}
	return int(a.limit)
}

// Status is what is held at one moment.
type Status struct {
	Limit int            `json:"limit"` // 0: none
	Total int            `json:"total"`
	Bytes map[string]int `json:"bytes"` // by kind
}

// Status returns what is held.
func (a *Account) Status() Status {
	s := Status{Limit: a.Limit(), Bytes: map[string]int{}}
	if a == nil {
		return s
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for kind := range kinds {
		n := int(a.of(kind))
		s.Bytes[kind.String()] = n
		s.Total += n
	}
	return s
}
