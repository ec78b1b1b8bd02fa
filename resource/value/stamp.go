package value

import (
	"strconv"
	"strings"
	"time"
)

// stamp is a point in time in UTC.
type stamp struct {
	at time.Time
}

// parseStamp reads a date, or a date and a time: "2026-01-02", "2026-01-02
// 03:04", "2026-01-02T03:04:05.123456Z", "2026-01-02 03:04:05+02:00", also with
// Go's "+0200 CEST" and " m=+0.1" behind it. Without a zone it is UTC, as SQLite
// has it. What has more than nine digits of a second, or is no day or time of
// the calendar, is none.
func parseStamp(text string) (stamp, bool) {
	if len(text) < len("2026-01-02") || text[4] != '-' || text[7] != '-' {
		return stamp{}, false
	}
	year, ok1 := digits(text[0:4])
	month, ok2 := digits(text[5:7])
	day, ok3 := digits(text[8:10])
	if !ok1 || !ok2 || !ok3 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return stamp{}, false
	}
	clock, east := clock{}, 0
	if rest := text[10:]; rest != "" {
		if rest[0] != ' ' && rest[0] != 'T' && rest[0] != 't' {
			return stamp{}, false
		}
		var ok bool
		if clock, rest, ok = parseClock(rest[1:]); !ok {
			return stamp{}, false
		}
		if east, ok = parseZone(rest); !ok {
			return stamp{}, false
		}
	}
	at := time.Date(year, time.Month(month), day, clock.hour, clock.minute, clock.second, clock.nanos, time.UTC).
		Add(-time.Duration(east) * time.Second)
	return stamp{at}, at.Year() >= 0 && at.Year() <= 9999
}

type clock struct{ hour, minute, second, nanos int }

// parseClock reads 03:04, 03:04:05 or 03:04:05.123 and returns what follows.
func parseClock(text string) (c clock, rest string, ok bool) {
	if len(text) < 5 || text[2] != ':' {
		return c, "", false
	}
	hour, ok1 := digits(text[0:2])
	minute, ok2 := digits(text[3:5])
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return c, "", false
	}
	c.hour, c.minute, rest = hour, minute, text[5:]
	if len(rest) == 0 || rest[0] != ':' {
		return c, rest, true
	}
	if len(rest) < 3 {
		return c, "", false
	}
	if c.second, ok = digits(rest[1:3]); !ok || c.second > 59 {
		return c, "", false
	}
	rest = rest[3:]
	if len(rest) == 0 || rest[0] != '.' {
		return c, rest, true
	}
	n := 1
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	if n == 1 || n > 10 {
		return c, "", false
	}
	c.nanos, _ = digits(rest[1:n])
	for range 10 - n {
		c.nanos *= 10
	}
	return c, rest[n:], true
}

// parseZone reads what follows a time and returns the seconds east of UTC.
func parseZone(text string) (east int, ok bool) {
	text, _, _ = strings.Cut(text, " m=") // what Go prints of a monotonic clock
	text = strings.TrimPrefix(text, " ")
	if text == "" || text == "Z" || text == "z" {
		return 0, true
	}
	if len(text) < 3 || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	hours, ok1 := digits(text[1:3])
	rest := strings.TrimPrefix(text[3:], ":")
	if text[3:] == "" {
		rest = "00" // as PostgreSQL writes whole hours
	}
	if len(rest) < 2 {
		return 0, false
	}
	minutes, ok2 := digits(rest[:2])
	if !ok1 || !ok2 || hours > 23 || minutes > 59 || !isZoneName(rest[2:]) {
		return 0, false
	}
	east = hours*3600 + minutes*60
	if text[0] == '-' {
		east = -east
	}
	return east, true
}

// isZoneName reports whether text is nothing, or the name that Go prints
// behind an offset.
func isZoneName(text string) bool {
	if text == "" {
		return true
	}
	if text[0] != ' ' || len(text) < 2 {
		return false
	}
	for _, c := range []byte(text[1:]) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '+' && c != '-' {
			return false
		}
	}
	return true
}

func digits(text string) (int, bool) {
	n := 0
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// appendJSON writes RFC 3339 with microseconds, and with more digits where the
// time has them.
func (s stamp) appendJSON(to []byte) []byte {
	to = append(to, '"')
	to = s.append(to, 'T')
	to = append(to, '.')
	to = s.appendFraction(to)
	return append(to, 'Z', '"')
}

// text is how a time is stored: as CURRENT_TIMESTAMP has it, with a fraction
// of six digits (or nine) where there is one. The order of such texts is that
// of the times.
func (s stamp) text() string {
	to := s.append(make([]byte, 0, len("2026-01-02 03:04:05.123456789")), ' ')
	if s.at.Nanosecond() != 0 {
		to = append(to, '.')
		to = s.appendFraction(to)
	}
	return string(to)
}

func (s stamp) append(to []byte, between byte) []byte {
	year, month, day := s.at.Date()
	hour, minute, second := s.at.Clock()
	to = appendPadded(to, year, 4)
	to = append(to, '-')
	to = appendPadded(to, int(month), 2)
	to = append(to, '-')
	to = appendPadded(to, day, 2)
	to = append(to, between)
	to = appendPadded(to, hour, 2)
	to = append(to, ':')
	to = appendPadded(to, minute, 2)
	to = append(to, ':')
	return appendPadded(to, second, 2)
}

func (s stamp) appendFraction(to []byte) []byte {
	return appendNanos(to, s.at.Nanosecond())
}

// appendNanos writes six digits, or nine where six do not say all.
func appendNanos(to []byte, nanos int) []byte {
	if nanos%1000 == 0 {
		return appendPadded(to, nanos/1000, 6)
	}
	return appendPadded(to, nanos, 9)
}

// appendPadded writes n, which is not negative, in at least so many digits.
func appendPadded(to []byte, n, width int) []byte {
	for limit := pow10[width-1]; n < limit && limit > 1; limit /= 10 {
		to = append(to, '0')
	}
	return strconv.AppendInt(to, int64(n), 10)
}

var pow10 = [...]int{1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000}

func appendInstant(to []byte, t time.Time) []byte {
	t = t.UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return strconv.AppendQuote(to, t.Format(time.RFC3339Nano))
	}
	return stamp{t}.appendJSON(to)
}
