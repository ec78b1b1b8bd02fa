package gateway

import (
	"net/http"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/accept"
)

const eventStream = "text/event-stream"

// prefersEvents reports whether a request asks for events: its Accept names
// text/event-stream, no other type by its name that it wants as much, and wants
// nothing else more. What only a wildcard allows is not asked for.
func prefersEvents(header http.Header) bool {
	events, other, any := 0.0, 0.0, 0.0
	for name, q := range accept.Ranges(header) {
		switch {
		case name == eventStream:
			events = max(events, q)
		case strings.HasSuffix(name, "*"):
			any = max(any, q)
		default:
			other = max(other, q)
		}
	}
	return events > other && events >= any
}

// withoutEvents takes text/event-stream out of an Accept header: how the list
// is delivered is nothing that the view has to know. What is left, if
// anything, is what the view is asked for.
func withoutEvents(header http.Header) {
	var left []string
	for _, value := range header["Accept"] {
		for part := range strings.SplitSeq(value, ",") {
			if name, _ := accept.Range(part); name != eventStream && name != "" {
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
