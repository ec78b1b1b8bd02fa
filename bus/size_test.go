package bus

import (
	"bytes"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

// heavy is a message of about a megabyte.
func heavy() Body {
	return &Round{Changes: []*wire.Changes{{Ops: []diff.Op{{Key: "1", Data: bytes.Repeat([]byte("x"), 1<<20)}}}}}
}

// TestUnackedBytes: what a peer does not acknowledge is bounded by bytes too.
// At the limit all of it is kept; one message more, and all is lost and said to be. A message that is larger than the limit passes alone.
func TestUnackedBytes(t *testing.T) {
	size := sizeOf(heavy())
	lost := make(chan string, 1)
	link, err := NewLink(LinkConfig{
		Bus: New(), Name: "a", Handle: func(string, string, Body) {}, LogBytes: 4 * size,
		Lost: func(peer string) { lost <- peer },
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 4; n++ {
		if err := link.Send("b", heavy()); err != nil {
			t.Fatal(err)
		}
		if link.Bytes() != n*size {
			t.Errorf("%d bytes after %d messages of %d", link.Bytes(), n, size)
		}
	}
	if err := link.Send("b", &Leave{Observer: "x"}); err != nil {
		t.Fatal(err)
	}
	if peer := <-lost; peer != "b" {
		t.Errorf("told that what went to %q is lost", peer)
	}
	p, err := link.peer("b")
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out.unacked() != 1 || link.Bytes() != sizeOf(&Leave{}) {
		t.Errorf("%d messages of %d bytes are kept, want the last alone", p.out.unacked(), link.Bytes())
	}
	p.out.most = 10
	p.out.ack(p.out.sent)
	if link.Bytes() != 0 || p.out.full(size) {
		t.Errorf("%d bytes when all is acknowledged; full: %v", link.Bytes(), p.out.full(size))
	}
}

// TestSizes: what a message brings counts, what a list has already does not.
func TestSizes(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for _, body := range []Body{
		&Observed{Response: &Response{Body: []byte(long)}},
		&Observed{Resumed: &Resumed{Changes: heavy().(*Round).Changes}},
		&Observe{Request: Request{URL: long}},
		&Observe{Scope: long},
		&Round{Doubted: make([]*Doubt, 1000)},
		&Observe{Request: Request{Header: map[string][]string{"X": {long}}}},
	} {
		if n := sizeOf(body); n < len(long) {
			t.Errorf("%T: %d bytes", body, n)
		}
	}
	if n := sizeOf(&Observed{Snapshot: &wire.Snapshot{Items: diff.NewList([]diff.Item{{Key: "1", Data: []byte(long)}})}}); n >= len(long) {
		t.Errorf("a snapshot counts %d bytes, which are the list's", n)
	}
}
