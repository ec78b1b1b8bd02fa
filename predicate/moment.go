package predicate

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Moments are counted in microseconds from the year 2000 on, as PostgreSQL
// counts them, and dates in days. The ends of time are the ends of int64.
const (
	microsecond = 1
	second      = 1_000_000 * microsecond
	dayLong     = 86_400 * second
	epoch       = 946_684_800 // of 2000-01-01, in seconds of Unix
	endOfTime   = math.MaxInt64
	startOfTime = math.MinInt64
)

// digitsOf reads n to most digits from the beginning of a text.
func digitsOf(text string, n, most int) (v int, rest string, ok bool) {
	i := 0
	for i < len(text) && i < most && text[i] >= '0' && text[i] <= '9' {
		v = v*10 + int(text[i]-'0')
		i++
	}
	return v, text[i:], i >= n
}

func after(text string, mark byte) (rest string, ok bool) {
	if text == "" || text[0] != mark {
		return text, false
	}
	return text[1:], true
}

// dayOf reads YYYY-MM-DD, with more digits of the year where it has more.
func dayOf(text string, bc bool) (day int64, rest string, ok bool) {
	year, rest, ok := digitsOf(text, 4, 7)
	if rest, more := after(rest, '-'); ok && more {
		month, rest, ok := digitsOf(rest, 2, 2)
		if rest, more := after(rest, '-'); ok && more && month >= 1 && month <= 12 {
			date, rest, ok := digitsOf(rest, 2, 2)
			if bc {
				year = 1 - year
			}
			ok = ok && date >= 1 && date <= daysIn(year, month) && (year > 0 || bc)
			return daysFrom(year, month, date), rest, ok
		}
	}
	return 0, text, false
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysFrom counts days from 2000-01-01 on. Years begin in March, so that the
// day that some have more is their last.
func daysFrom(year, month, day int) int64 {
	y, m := int64(year), int64(month+9)%12
	if month <= 2 {
		y--
	}
	era := y / 400
	if y < 0 {
		era = (y - 399) / 400
	}
	of := y - era*400
	return era*146_097 + of*365 + of/4 - of/100 + (m*153+2)/5 + int64(day) - 1 - 730_425
}

// civil is the reverse of daysFrom.
func civil(days int64) (year, month, day int) {
	z := days + 730_425
	era := z / 146_097
	if z < 0 {
		era = (z - 146_096) / 146_097
	}
	doe := z - era*146_097
	yoe := (doe - doe/1460 + doe/36_524 - doe/146_096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	m := (5*doy + 2) / 153
	year, month, day = int(yoe+era*400), int(m)+3, int(doy-(153*m+2)/5)+1
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

// clockOf reads HH:MM[:SS[.ffffff]].
func clockOf(text string) (at int64, rest string, ok bool) {
	hour, rest, ok := digitsOf(text, 2, 2)
	rest, more := after(rest, ':')
	if !ok || !more || hour > 24 {
		return 0, text, false
	}
	minute, rest, ok := digitsOf(rest, 2, 2)
	if !ok || minute > 59 {
		return 0, text, false
	}
	at = int64(hour*3600+minute*60) * second
	if seconds, more := after(rest, ':'); more {
		n, left, ok := digitsOf(seconds, 2, 2)
		if !ok || n > 59 {
			return 0, text, false
		}
		at, rest = at+int64(n)*second, left
		if fraction, more := after(rest, '.'); more {
			n, left, ok := digitsOf(fraction, 1, 6)
			if !ok {
				return 0, text, false
			}
			for i := len(fraction) - len(left); i < 6; i++ {
				n *= 10
			}
			at, rest = at+int64(n), left
		}
	}
	return at, rest, at <= dayLong
}

// zoneOf reads Z or an offset from UTC, ±HH[:MM[:SS]].
func zoneOf(text string) (offset int64, ok bool) {
	if text == "Z" {
		return 0, true
	}
	if text == "" || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	total, rest := 0, text[1:]
	for i, unit := range [...]int{3600, 60, 1} {
		n, left, ok := digitsOf(rest, 2, 2)
		if !ok || n > 59 || i == 0 && n > 15 {
			return 0, false
		}
		total += n * unit
		if left == "" {
			break
		}
		var more bool
		if rest, more = after(left, ':'); !more || i == 2 {
			return 0, false
		}
	}
	if text[0] == '-' {
		total = -total
	}
	return int64(total) * second, true
}

// momentOf reads a moment as a database writes it and as everybody reads it.
// Without a time of day it is midnight, where the kind has no zone.
func momentOf(text string, kind Kind) (at int64, ok bool) {
	switch text {
	case "infinity":
		return endOfTime, kind != PostgresTime
	case "-infinity":
		return startOfTime, kind != PostgresTime
	}
	if kind == PostgresTime {
		at, rest, ok := clockOf(text)
		return at, ok && rest == ""
	}
	text, bc := strings.CutSuffix(text, " BC")
	day, rest, ok := dayOf(text, bc)
	if !ok || kind == PostgresDate {
		return day, ok && rest == ""
	}
	if day > endOfTime/dayLong-1 || day < startOfTime/dayLong+1 {
		return 0, false
	}
	if rest == "" {
		return day * dayLong, kind == PostgresTimestamp
	}
	if rest[0] != ' ' && rest[0] != 'T' {
		return 0, false
	}
	clock, rest, ok := clockOf(rest[1:])
	if !ok || clock == dayLong {
		return 0, false
	}
	at = day*dayLong + clock
	if kind == PostgresTimestamp {
		return at, rest == ""
	}
	offset, ok := zoneOf(rest)
	return at - offset, ok
}

// momentOfTime is a time.Time as the driver sends it for a column of the kind.
// It has more than one way to do so: they differ in what is between two
// microseconds, and in other zones than UTC where the column has none.
func momentOfTime(t time.Time, kind Kind) (at int64, ok bool) {
	_, offset := t.Zone()
	if t.Year() < 1 || t.Year() > 9999 || t.Nanosecond()%1000 != 0 || offset != 0 && kind != PostgresInstant {
		return 0, false
	}
	year, month, day := t.Date()
	switch kind {
	case PostgresDate:
		return daysFrom(year, int(month), day), true
	case PostgresTimestamp:
		clock := int64(t.Hour()*3600+t.Minute()*60+t.Second())*second + int64(t.Nanosecond()/1000)
		return daysFrom(year, int(month), day)*dayLong + clock, true
	case PostgresInstant:
		return t.UnixMicro() - epoch*second, true
	}
	return 0, false
}

// momentText writes a moment as images of changes have it.
func momentText(at int64, kind Kind) string {
	switch at {
	case endOfTime:
		return "infinity"
	case startOfTime:
		return "-infinity"
	}
	if kind == PostgresTime {
		return clockText(at)
	}
	days, clock := at, int64(0)
	if kind != PostgresDate {
		if days, clock = at/dayLong, at%dayLong; clock < 0 {
			days, clock = days-1, clock+dayLong
		}
	}
	year, month, day := civil(days)
	era := ""
	if year < 1 {
		year, era = 1-year, " BC"
	}
	text := fmt.Sprintf("%04d-%02d-%02d", year, month, day)
	switch kind {
	case PostgresTimestamp:
		text += " " + clockText(clock)
	case PostgresInstant:
		text += " " + clockText(clock) + "+00"
	}
	return text + era
}

func clockText(at int64) string {
	whole := at / second
	text := fmt.Sprintf("%02d:%02d:%02d", whole/3600, whole/60%60, whole%60)
	if part := at % second; part != 0 {
		text += strings.TrimRight(fmt.Sprintf(".%06d", part), "0")
	}
	return text
}
