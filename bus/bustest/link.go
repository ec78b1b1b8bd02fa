package bustest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/wakeful-dev/wakeful/bus"
)

// testLink sends both ways over two links.
func testLink(t *testing.T, b bus.Bus) {
	const count = 500
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	names := [2]string{"a", "b"}
	var links [2]*bus.Link
	var done [2]chan struct{}
	for i, name := range names {
		done[i] = make(chan struct{})
		next := 0
		link, err := bus.NewLink(bus.LinkConfig{Bus: b, Name: name, Handle: func(from, _ string, body bus.Body) {
			if got, want := body.(*bus.Leave).Observer, fmt.Sprint(next); got != want {
				t.Errorf("%s got %s from %s, want %s", name, got, from, want)
			}
			if next++; next == count {
				close(done[i])
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		links[i] = link
		running.Go(func() {
			if err := link.Run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	for n := range count {
		for i, link := range links {
			if err := link.Send(names[1-i], &bus.Leave{Observer: fmt.Sprint(n)}); err != nil {
				t.Error(err)
			}
		}
	}
	receive(t, done[0])
	receive(t, done[1])
}
