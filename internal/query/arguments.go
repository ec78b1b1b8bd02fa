package query

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/bits"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wakeful-dev/wakeful/internal/planted"
)

// Run is one run of a statement in an evaluation.
type Run struct {
	Query *Query
	Args  []any
}

// Arguments remembers what the evaluations of one observer sent, to tell which
// arguments the next one would send again.
type Arguments struct {
	texts  []string    // that the request carries, sorted
	times  []time.Time // the same, read as times
	shapes []sent      // sorted by shape
	kept   int         // hashes in shapes
}

// sent is what the newest evaluation sent with statements of one shape. There
// is one for each shape of each observer: it is small.
type sent struct {
	shape uint64
	runs  []uint64 // hashes of the values, run after run
	moved []bool   // values that differed between two evaluations
	seen  int32    // runs of the evaluation that is being learned
	lost  bool     // not all is kept, so nothing is known to be the same
}

// maxKept bounds the hashes of values that are kept for one observer.
const maxKept = 8192

// NewArguments makes the memory of an observer; target is the URL of its
// request, of which path and query count.
func NewArguments(target string) *Arguments {
	a := &Arguments{}
	u, err := url.Parse(target)
	if err != nil {
		return a
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		a.carry(part)
	}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		text, err := url.QueryUnescape(value)
		if err != nil || strings.Contains(pair, ";") {
			continue // what net/url does not take for a parameter
		}
		a.carry(text)
		if !strings.Contains(text, ",") {
			continue
		}
		for part := range strings.SplitSeq(text, ",") {
			a.carry(part)
		}
	}
	slices.Sort(a.texts)
	a.texts = slices.Clone(slices.Compact(a.texts)) // no larger than needed: it stays as long as the observer
	return a
}

func (a *Arguments) carry(text string) {
	if text == "" {
		return
	}
	a.texts = append(a.texts, text)
	if t, ok := instant(text); ok {
		a.times = append(a.times, t)
	}
}

// Learn takes in what an evaluation sent, all of it before the first Trust.
func (a *Arguments) Learn(runs []Run) {
	for i := range a.shapes {
		a.shapes[i].seen = 0
	}
	for _, run := range runs {
		if run.Query.Opaque != "" || len(run.Query.values) == 0 {
			continue
		}
		i, found := a.find(run.Query.Shape)
		if !found {
			a.shapes = slices.Insert(a.shapes, i, sent{shape: run.Query.Shape, moved: make([]bool, len(run.Query.values))})
		}
		a.learn(&a.shapes[i], run)
	}
}

// find returns where a shape is, or would be.
func (a *Arguments) find(shape uint64) (i int, found bool) {
	return slices.BinarySearchFunc(a.shapes, shape, func(s sent, shape uint64) int { return cmp.Compare(s.shape, shape) })
}

func (a *Arguments) learn(s *sent, run Run) {
	at := int(s.seen) * len(s.moved)
	s.seen++
	values := run.Query.Values(run.Args)
	switch {
	case s.lost:
		return
	case len(values) != len(s.moved), a.kept+len(values) > maxKept:
		s.lost = true
		return
	}
	if at == len(s.runs) {
		s.runs = append(s.runs, make([]uint64, len(values))...)
		a.kept += len(values)
		for i, v := range values {
			s.runs[at+i] = hashOf(v)
		}
		return
	}
	for i, v := range values {
		hash := hashOf(v)
		s.moved[i] = s.moved[i] || s.runs[at+i] != hash
		s.runs[at+i] = hash
	}
}

// Trust returns what says of the values of a statement why they must not
// narrow, "" where they may.
func (a *Arguments) Trust(q *Query, now time.Time) func(at int, v any) string {
	i, found := a.find(q.Shape)
	return func(at int, v any) string {
		switch {
		case planted.Is(planted.ClockTrusted):
		case !found || a.shapes[i].lost || at >= len(a.shapes[i].moved) || a.shapes[i].moved[at]:
			return WhyDiffers
		case likeClock(v, now) && !a.carries(v):
			return WhyClock
		}
		return ""
	}
}

var valueSeed = maphash.MakeSeed()

func hashOf(v any) uint64 {
	switch v := v.(type) {
	case nil:
		return 0
	case int64:
		return maphash.Comparable(valueSeed, v)
	case float64:
		return maphash.Comparable(valueSeed, math.Float64bits(v))
	case bool:
		return maphash.Comparable(valueSeed, v)
	case string:
		return maphash.String(valueSeed, v)
	case []byte:
		return maphash.Bytes(valueSeed, v) + 1
	case time.Time:
		return maphash.Bytes(valueSeed, binary.BigEndian.AppendUint64(nil, uint64(v.UnixNano()))) + 2
	case [16]byte:
		return maphash.Bytes(valueSeed, v[:]) + 3
	case []any:
		hash := uint64(len(v)) + 4
		for _, element := range v {
			hash = bits.RotateLeft64(hash, 7)*0x9e3779b97f4a7c15 ^ hashOf(element)
		}
		return hash
	}
	return unlike.Add(1) // a type that is not known is never known to be the same
}

// unlike numbers the values that cannot be compared.
var unlike atomic.Uint64

const (
	day = 24 * time.Hour
	// fuzzy is how far from now a text is that may be written in any zone.
	fuzzy = 2 * day
)

// likeClock reports whether a value may have been made of the time of day: a
// time, or a number or text within a day of now.
func likeClock(v any, now time.Time) bool {
	switch v := v.(type) {
	case time.Time:
		return true
	case int64:
		return clockNumber(float64(v), now)
	case float64:
		return clockNumber(v, now)
	case string:
		return clockText(v, now)
	case []byte:
		return clockText(string(v), now)
	case []any:
		return slices.ContainsFunc(v, func(element any) bool { return likeClock(element, now) })
	}
	return false
}

func clockNumber(v float64, now time.Time) bool {
	seconds := float64(now.Unix())
	for _, unit := range [...]float64{1, 1e3, 1e6, 1e9} {
		if math.Abs(v/unit-seconds) <= day.Seconds() {
			return true
		}
	}
	julian := seconds/day.Seconds() + 2440587.5
	return v != math.Trunc(v) && math.Abs(v-julian) <= 1 ||
		v >= 19700101 && v <= 99991231 && v == math.Trunc(v) && clockText(strconv.Itoa(int(v)), now)
}

// clockText looks at how a text begins: with a date, or as a number.
func clockText(s string, now time.Time) bool {
	if t, ok := instant(s); ok {
		return now.Sub(t).Abs() <= fuzzy
	}
	for _, layout := range [...]string{time.DateOnly, "20060102", "2006/01/02", "02.01.2006", "01/02/2006"} {
		if len(s) < len(layout) {
			continue
		}
		if t, err := time.Parse(layout, s[:len(layout)]); err == nil && now.Sub(t).Abs() <= fuzzy {
			return true
		}
	}
	if t, err := time.Parse("2006-01", s); err == nil {
		return now.After(t.Add(-fuzzy)) && now.Before(t.AddDate(0, 1, 2))
	}
	if len(s) == 0 || len(s) > 24 || s[0] < '0' || s[0] > '9' {
		return false
	}
	v, err := strconv.ParseFloat(s, 64)
	return err == nil && len(s) != 8 && clockNumber(v, now)
}

// layouts in which times are written into and read from texts.
var layouts = [...]string{
	time.RFC3339Nano, "2006-01-02 15:04:05.999999999-07:00", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05.999999999 -0700 MST", time.RFC1123, time.RFC1123Z, time.ANSIC,
}

func instant(s string) (time.Time, bool) {
	if len(s) < len("2006-01-02 15:04") || len(s) > 64 {
		return time.Time{}, false
	}
	if i := strings.Index(s, " m="); i > 0 {
		s = s[:i]
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func (a *Arguments) says(text string) bool {
	_, found := slices.BinarySearch(a.texts, text)
	return found
}

// carries reports whether the request itself says the value.
func (a *Arguments) carries(v any) bool {
	switch v := v.(type) {
	case int64:
		if a.says(strconv.FormatInt(v, 10)) {
			return true
		}
		for _, t := range a.times {
			if v == t.Unix() || v == t.UnixMilli() || v == t.UnixMicro() || v == t.UnixNano() {
				return true
			}
		}
	case float64:
		return a.says(strconv.FormatFloat(v, 'f', -1, 64))
	case time.Time:
		return slices.ContainsFunc(a.times, v.Equal)
	case []any:
		return !slices.ContainsFunc(v, func(element any) bool { return !a.carries(element) })
	case string:
		if a.says(v) {
			return true
		}
		given, ok := instant(v)
		for _, t := range a.times {
			if ok && t.Equal(given) {
				return true
			}
		}
	}
	return false
}
