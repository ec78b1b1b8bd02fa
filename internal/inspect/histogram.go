package inspect

import (
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// Bounds are the upper bounds of a Histogram's buckets: one more has what lies
// above them.
var Bounds = [...]time.Duration{
	100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second,
}

// Buckets are counts by bucket.
type Buckets [len(Bounds) + 1]uint64

// Histogram counts durations. It takes concurrent use.
type Histogram struct {
	counts [len(Bounds) + 1]atomic.Uint64
}

// Observe counts one.
func (h *Histogram) Observe(d time.Duration) {
	at, _ := slices.BinarySearch(Bounds[:], d)
	h.counts[at].Add(1)
}

// Buckets returns what was counted so far.
func (h *Histogram) Buckets() (b Buckets) {
	for i := range h.counts {
		b[i] = h.counts[i].Load()
	}
	return b
}

// Since is what was counted since an earlier look.
func (b Buckets) Since(earlier Buckets) Buckets {
	for i := range b {
		b[i] -= earlier[i]
	}
	return b
}

// Plus is both together.
func (b Buckets) Plus(other Buckets) Buckets {
	for i := range b {
		b[i] += other[i]
	}
	return b
}

// Count is how many were counted.
func (b Buckets) Count() (n uint64) {
	for _, c := range b {
		n += c
	}
	return n
}

// Quantile is a bound below which that part of all lies, q from 0 to 1. ok is
// false where there is none: nothing was counted, or it lies above all bounds.
func (b Buckets) Quantile(q float64) (d time.Duration, ok bool) {
	want, sum := uint64(math.Ceil(q*float64(b.Count()))), uint64(0)
	if want == 0 {
		return 0, false
	}
	for i, c := range b {
		if sum += c; sum >= want {
			if i == len(Bounds) {
				break
			}
			return Bounds[i], true
		}
	}
	return 0, false
}
