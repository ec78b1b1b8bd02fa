package query

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"net/url"
	"strconv"
	"strings"
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
	texts  map[string]bool // that the request carries
	times  []time.Time     // the same, read as times
	shapes map[uint64]*sent
	kept   int // hashes in shapes
}

// sent is what the newest evaluation sent with statements of one shape.
type sent struct {
	runs  [][]uint64
	moved []bool // values that differed between two evaluations
	lost  bool   // not all is kept, so nothing is known to be the same
	seen  int    // runs of the evaluation that is being learned
}

// maxKept bounds the hashes of values that are kept for one observer.
const maxKept = 8192

// NewArguments makes the memory of an observer; target is the URL of its
// request, of which path and query count.
func NewArguments(target string) *Arguments {
	a := &Arguments{texts: map[string]bool{}, shapes: map[uint64]*sent{}}
	u, err := url.Parse(target)
	if err != nil {
		return a
	}
	for _, part := range strings.Split(u.Path, "/") {
		a.carry(part)
	}
	for _, values := range u.Query() {
		for _, text := range values {
			a.carry(text)
			for _, part := range strings.Split(text, ",") {
				a.carry(part)
			}
		}
	}
	return a
}

func (a *Arguments) carry(text string) {
	if text == "" {
		return
	}
	a.texts[text] = true
	if t, ok := instant(text); ok {
		a.times = append(a.times, t)
	}
}

// Learn takes in what an evaluation sent, all of it before the first Trust.
func (a *Arguments) Learn(runs []Run) {
	for _, s := range a.shapes {
		s.seen = 0
	}
	for _, run := range runs {
		if run.Query.Opaque != "" || len(run.Query.values) == 0 {
			continue
		}
		s := a.shapes[run.Query.Shape]
		if s == nil {
			s = &sent{moved: make([]bool, len(run.Query.values))}
			a.shapes[run.Query.Shape] = s
		}
		a.learn(s, run)
	}
}

func (a *Arguments) learn(s *sent, run Run) {
	s.seen++
	values := run.Query.Values(run.Args)
	switch {
	case s.lost:
		return
	case len(values) != len(s.moved), a.kept+len(values) > maxKept:
		s.lost = true
		return
	}
	hashes := make([]uint64, len(values))
	for i, v := range values {
		hashes[i] = hashOf(v)
	}
	if s.seen > len(s.runs) {
		s.runs = append(s.runs, hashes)
		a.kept += len(hashes)
		return
	}
	for i, before := range s.runs[s.seen-1] {
		s.moved[i] = s.moved[i] || before != hashes[i]
	}
	s.runs[s.seen-1] = hashes
}

// Trust returns what says of the values of a statement why they must not
// narrow, "" where they may.
func (a *Arguments) Trust(q *Query, now time.Time) func(at int, v any) string {
	s := a.shapes[q.Shape]
	return func(at int, v any) string {
		switch {
		case planted.Is(planted.ClockTrusted):
		case s == nil || s.lost || at >= len(s.moved) || s.moved[at]:
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
	}
	return 0
}

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

// carries reports whether the request itself says the value.
func (a *Arguments) carries(v any) bool {
	switch v := v.(type) {
	case int64:
		if a.texts[strconv.FormatInt(v, 10)] {
			return true
		}
		for _, t := range a.times {
			if v == t.Unix() || v == t.UnixMilli() || v == t.UnixMicro() || v == t.UnixNano() {
				return true
			}
		}
	case float64:
		return a.texts[strconv.FormatFloat(v, 'f', -1, 64)]
	case string:
		if a.texts[v] {
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
