package gateway

import (
	"net/http"
	"strconv"
	"strings"
)

const eventStream = "text/event-stream"

// prefersEvents reports whether a request asks for events: its Accept names
// text/event-stream, no other type by its name that it wants as much, and wants
// nothing else more. What only a wildcard allows is not asked for.
func prefersEvents(header http.Header) bool {
	events, other, any := 0.0, 0.0, 0.0
	for _, value := range header["Accept"] {
		for part := range strings.SplitSeq(value, ",") {
			name, q := mediaRange(part)
			switch {
			case name == eventStream:
				events = max(events, q)
			case strings.HasSuffix(name, "*"):
				any = max(any, q)
			default:
				other = max(other, q)
			}
		}
	}
	return events > other && events >= any
}

// mediaRange reads one part of an Accept header. A quality that cannot be read
// is none.
func mediaRange(part string) (name string, q float64) {
	name, parameters, _ := strings.Cut(part, ";")
	q = 1
	for parameter := range strings.SplitSeq(parameters, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if !strings.EqualFold(strings.TrimSpace(key), "q") {
			continue
		}
		var err error
		if q, err = strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil || !(q >= 0 && q <= 1) {
			q = 0
		}
	}
	return strings.ToLower(strings.TrimSpace(name)), q
}

// withoutEvents takes text/event-stream out of an Accept header: how the list
// is delivered is nothing that the view has to know. What is left, if
// anything, is what the view is asked for.
func withoutEvents(header http.Header) {
	var left []string
	for _, value := range header["Accept"] {
		for part := range strings.SplitSeq(value, ",") {
			if name, _ := mediaRange(part); name != eventStream && name != "" {
				left = append(left, strings.TrimSpace(part))
			}
		}
	}
	header.Del("Accept")
	if len(left) == 1 && strings.HasPrefix(left[0], "*/*") {
		return // says what its absence says
	}
	if len(left) > 0 {
		header.Set("Accept", strings.Join(left, ", "))
	}
}
