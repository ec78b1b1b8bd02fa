package observer

import (
	"net/http"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/wire"
)

// The diffs that somebody missed are on their way to another goroutine while
// the log goes on.
func TestMissedDiffsStayWhileTheLogMovesOn(t *testing.T) {
	l := log{maxDiffs: 4, maxBytes: 1 << 20}
	for seq := range uint64(4) {
		l.add(&wire.Changes{Seq: seq + 1})
	}
	missed, ok := l.since(0, 4)
	if !ok || len(missed) != 4 {
		t.Fatalf("missed %d, %v", len(missed), ok)
	}
	for seq := range uint64(4) {
		l.add(&wire.Changes{Seq: seq + 5})
	}
	for i, c := range missed {
		if c == nil || c.Seq != uint64(i)+1 {
			t.Errorf("diff %d has become %+v", i+1, c)
		}
	}
}

// What the app does to the header of one evaluation is not seen by the next.
func TestAppMayAlterItsHeader(t *testing.T) {
	request := &bus.Request{URL: "/", Host: "h", Header: map[string][]string{"Accept": {"application/json"}}}
	app := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Header["Accept"][0] = "text/html" })
	Run(t.Context(), app, request, nil, time.Minute)
	if got := request.Header["Accept"][0]; got != "application/json" {
		t.Errorf("the next evaluation asks for %q", got)
	}
}
